# `make` alone lists the targets. The cluster is kind where Docker answers; on Linux as root the one of tests/cluster;
# otherwise, for the demo, plain processes. ON=kind, ON=cluster or ON=local chooses.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ON ?= $(eval ON := $(shell docker info >/dev/null 2>&1 && echo kind || { [ "$$(uname)$$(id -u)" = Linux0 ] && echo cluster || echo local; }))$(ON)
CHOSEN := $(filter-out file,$(origin ON))
OS := $(shell uname)
MACHINE := $(subst arm64,aarch64,$(shell uname -m))
ARCH := $(if $(filter aarch64,$(MACHINE)),arm64,amd64)
# The plugin for this machine: on Linux it is the static one.
PLUGIN := $(CURDIR)/dist/$(if $(filter Linux,$(OS)),$(ARCH),host)
ON_CLUSTER = PATH="$(PLUGIN):$$PATH" tests/cluster/$(ON) exec
IMAGES := operator worker redis
BUILD := cargo build --release --locked
# On Linux this machine's cargo builds the Linux programs, elsewhere a Rust container does.
TARGET := $(MACHINE)-unknown-linux-gnu
BUILT := $(or $(CARGO_TARGET_DIR),target)
STATIC := -C target-feature=+crt-static
CARGO := $(if $(filter Linux,$(OS)),env RUSTFLAGS="$(STATIC)",docker run --rm -v "$(CURDIR)":/src -w /src -v workerpool-cargo:/usr/local/cargo/registry \
  -e RUSTFLAGS="$(STATIC)" -e CARGO_TARGET_DIR=target/linux rust:$(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml))
# The same programs as in the images: nothing is compiled twice.
BENCH = env RUSTFLAGS="$(STATIC)" cargo bench --locked --target $(TARGET)
# Copies only what changed, so that unchanged images are not rebuilt.
copy = @mkdir -p dist/$(1); for p in $(3); do cmp -s $(2)/$$p dist/$(1)/$$p || cp $(2)/$$p dist/$(1)/; done

# Built by install-tools, unless it is on PATH.
DENY := PATH="$$PATH:$${XDG_CACHE_HOME:-$$HOME/.cache}/workerpool-testbed/bin" cargo deny --locked check

.PHONY: help
help: ## Print this list
	@awk -F':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

## See it
.PHONY: demo
demo: ## The story on a real cluster: 3 → 5 → 7 → 5 → 3 workers (the first time about 15 min, then 4); ON=local needs none (2 min)
	@echo "── $(if $(CHOSEN),On $(ON)$(comma) as you chose.,$(WHY_$(ON)))"
	@$(MAKE) demo-on-$(ON) ON=$(ON)

comma := ,
WHY_kind := Docker answers: on kind.
WHY_cluster := Docker does not answer, and this is Linux as root: on the cluster of tests/cluster.
WHY_local := Docker does not answer, and the cluster of tests/cluster needs Linux and root: on plain processes, without Kubernetes.

.PHONY: demo-on-kind demo-on-cluster demo-on-local
demo-on-kind demo-on-cluster:
	@$(MAKE) $(ON)-load plugin
	@$(ON_CLUSTER) tests/cluster/demo $(ON)

demo-on-local:
	@command -v redis-server >/dev/null || tests/cluster/install-tools test
	@echo "── The programs (the first time about 2 min)"
	@cargo build --locked
	@$(BUILT)/debug/kubectl-workerpool demo --local
	@printf '%s\n' '' 'It keeps running until `kubectl workerpool stop --local`. Explore it:' '  eval "$$(make -s env ON=local)"' '  kubectl workerpool check --local' '  kubectl workerpool stress --tasks 50 --local'

.PHONY: env
env: ## Print what a shell needs to type `kubectl workerpool`: eval "$(make -s env)"
	@tests/cluster/env $(ON) "$(if $(filter local,$(ON)),$(abspath $(BUILT))/debug,$(PLUGIN))"

## Test it
# Packages chosen one by one get other features, and every dependency is compiled again for them.
TEST := cargo test --locked --workspace
.PHONY: test test-unit test-web queues e2e test-cluster test-chart test-install recipes test-kit test-release test-source matrix cross faults force bench bench-systems bench-screen bench-worker waits mutants lint advisories
INSTALL ?= test-install
test: test-unit test-web test-cluster test-chart $(INSTALL) ## All tests, with and without a cluster; installs what is missing (the first time about 30 min)

# Most tests wait for a process or a deadline: four for each core.
test-unit: ## Tests without a cluster: cases, laws, a scripted API server, a real Redis (the first time about 8 min)
	@tests/cluster/install-tools test
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((4 * $$(getconf _NPROCESSORS_ONLN)))} \
	  $(TEST) --exclude e2e --no-fail-fast

test-web: web/dist/index.html ## Dashboard and gallery: their scripts, and the pages in a real Chromium (4 min)
	@tests/cluster/install-tools web
	@[ -d web/node_modules ] || $(MAKE) web
	cd web && npm test
	cargo build-programs
	cd web && npm run browser

# Each test has a namespace and an operator of its own, and mostly waits. Two processors can do six.
E2E_THREADS ?= 6
test-cluster: ## End-to-end tests on a real cluster: story, kills, outage, refusals, the class (8 min; E2E=story for one alone)
	@$(MAKE) $(ON)-load plugin
	@$(MAKE) e2e
	$(ON_CLUSTER) $(TEST) --offline --test e2e -- --test-threads=$(E2E_THREADS) $(E2E)

# Compiled outside, run inside: there is no route out of the cluster's network namespace.
e2e:
	$(TEST) --test e2e --test install --no-run

test-chart: ## The chart on a real cluster: install, upgrade and remove in the orders that users choose (4 min)
	@$(MAKE) $(ON)-load plugin
	@$(ON_CLUSTER) helm uninstall workerpool --ignore-not-found --wait # a demo's
	$(ON_CLUSTER) tests/chart/orders
	$(ON_CLUSTER) tests/cluster/hand-over

test-install: plugin ## The pages' commands that install and remove, as written, to the first scaled worker (8 min; it empties the cluster, and deletes the one of kind)
	@$(if $(filter kind,$(ON)),tests/cluster/install-tools kind,$(MAKE) $(ON)-load)
	@$(MAKE) e2e
	$(if $(filter kind,$(ON)),PATH="$(PLUGIN):$$PATH:$${XDG_CACHE_HOME:-$$HOME/.cache}/workerpool-testbed/bin",$(ON_CLUSTER)) env ON=$(ON) \
	  $(TEST) --offline --test install -- --nocapture

recipes: ## The recipes of examples/ and workers of a plain list on a real cluster: 30 scale-downs each under load (45 min; Debian, root; SCALE_DOWNS=5 for less)
	@tests/queues/images
	@$(MAKE) ON=cluster cluster-load plugin
	@tests/cluster/cluster load dist/images/*-recipe.tar
	@$(MAKE) e2e
	$(ON_CLUSTER) $(TEST) --offline --test e2e -- --ignored --test-threads=2 --nocapture recipes::

test-kit: ## The kit as a student uses it, on kind without a network: unpack, class up, demo, class down (5 min)
	@$(MAKE) kit NODE_IMAGE=$(KIND_IMAGE)
	tests/kit

test-release: ## Release to a real registry inside a cluster of tests/cluster, and install from it as docs/install.md says (3 min; Debian, root)
	@$(MAKE) part ON=cluster
	tests/release

test-source: ## The images of Dockerfile.source, from base images of its own making (15 min; Debian, root)
	tests/source-images

matrix: ## CRD, admission rules and a scaled pool on Kubernetes 1.30 to 1.37, without nodes (VERSIONS="1.30 1.37" chooses; Linux as root)
	@tests/cluster/install-tools cluster
	@tests/cluster/matrix $(VERSIONS)

cross: ## Build the programs for Windows and try them in Wine, type-check them for macOS (Debian; the first time about 8 min, then 15 s to 1 min)
	tests/cross

faults: ## The whole operator simulated, with every fault at every request (30 min)
	FAULTS=full $(TEST) --test simulation -- --nocapture

queues: ## Known states of RQ, BullMQ, Bull, Sidekiq and Laravel, made by their own libraries (1 min; SERVER=redis62, redis8 or valkey9 chooses the server; Debian)
	@tests/cluster/install-tools queues
	REDIS_SERVER="$$(tests/queues/server $(SERVER))" $(TEST) --test systems -- --include-ignored
	REDIS_SERVER="$$(tests/queues/server $(SERVER))" $(TEST) --test queues -- --include-ignored

force: ## 5,000 tasks, Rust and Python workers, killed and paused at each step: 0 lost; a control that loses (7 min)
	@tests/cluster/install-tools test
	FORCE=full $(TEST) --test worker force -- --nocapture

bench: ## Reaction time beside its floor, in one run, on a real API server and a real Redis (the first time 10 min to compile)
	@$(MAKE) $(ON)-up
	@$(ON_CLUSTER) helm uninstall workerpool --ignore-not-found --wait # a demo's
	$(BENCH) -p workerpool-operator --bench decide --bench reaction --no-run
	$(ON_CLUSTER) $(BENCH) -p workerpool-operator --bench decide --bench reaction --offline

bench-systems: ## Push to patched scale for each queue system with its own library, and each topology of Redis, beside its floor (5 min, the first time 10 more to compile; Debian)
	@tests/cluster/install-tools queues
	$(BENCH) -p workerpool-operator --bench systems

waits: ## The same work simulated and with real workers: waiting times side by side (6 min, the first time 10 more to compile)
	@$(MAKE) $(ON)-load plugin
	$(BENCH) -p e2e --bench waits --no-run
	$(ON_CLUSTER) $(BENCH) -p e2e --bench waits --offline

mutants: ## Break decide and messages in every way that cargo-mutants knows; each must fail a test (30 min)
	tests/mutants

bench-worker: ## The protocol beside bare LPUSH + BLMOVE + LREM, the filters beside Pillow and OpenCV (3 min to compile)
	@tests/cluster/install-tools test
	cargo bench --locked -p filter-worker --bench protocol --bench filters

bench-screen: ## The terminal screen in a real pseudo-terminal: LPUSH to the number; with 1,000 pools key to frame, decision to frame, memory (8 min to compile)
	@tests/cluster/install-tools test
	cargo bench --locked -p kubectl-workerpool --bench screen

lint: ## Formatting, clippy and rustdoc without a warning; licences, bans and sources of the dependencies
	@tests/cluster/install-tools lint
	$(DENY) bans licenses sources
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

advisories: ## The dependencies against the RustSec advisories (needs GitHub)
	@tests/cluster/install-tools lint
	$(DENY) advisories

## Build it
.PHONY: dist plugin krew images part kit release generate policies clean install-tools web
web: ## Build the dashboard's page into web/dist, which the operator embeds (10 s; needs Node.js 20.19 and npm)
	cd web && npm ci --silent && npm run build

# Without npm the operator builds all the same, and its page says what is missing.
web/dist/index.html: web/index.html web/package-lock.json web/vite.config.ts $(wildcard web/src/* web/public/* crates/messages/locales/*)
	@if command -v npm >/dev/null; then $(MAKE) web; else echo "── No npm here: the operator gets no dashboard (make web)"; fi

dist: web/dist/index.html ## Build static Linux programs for the images into dist/ (the first time about 7 min)
	@echo "── Programs: static, for the images (the first time about 7 min, after a change 2)"
	@$(CARGO) $(BUILD) --target $(TARGET)
	$(call copy,$(ARCH),$(if $(filter Linux,$(OS)),$(BUILT),target/linux)/$(TARGET)/release,workerpool-operator workerpool-worker kubectl-workerpool)

plugin: dist ## Build kubectl-workerpool for this machine
	@:
ifneq ($(OS),Linux)
	$(BUILD) -p kubectl-workerpool
	$(call copy,host,$(BUILT)/release,kubectl-workerpool)
endif
	@ln -sf kubectl-workerpool "$(PLUGIN)/kubectl_complete-workerpool" # kubectl completes by it

krew: plugin ## Pack the plugin and its krew manifest into dist/krew (URL=folder of the release)
	@packaging/krew $(URL)

images: dist ## Build the images of operator, worker and Redis, with Docker or buildah
	@tests/cluster/images $(if $(filter kind,$(ON)),docker,buildah) $(IMAGES)

part: $(if $(filter local,$(ON)),web/dist/index.html,images) # what this machine contributes to a release, in dist/parts
	@packaging/part $(if $(filter local,$(ON)),,$(if $(filter kind,$(ON)),docker,buildah))

kit: part ## Pack the class into one archive: images, programs, chart and a script that needs no network with NODE_IMAGE=kindest/node:…
	@NODE_IMAGE=$(NODE_IMAGE) packaging/pack-kit

release: $(if $(wildcard dist/parts/linux-*/images),,part) ## Publish images, chart and files of dist/parts: VERSION=0.1.0 REGISTRY=ghcr.io (docs/releasing.md)
	@tests/cluster/install-tools release
	@packaging/release "$(VERSION)" "$(REGISTRY)" $(PLAIN_HTTP)

generate: ## Regenerate the CRD (crds/ and the chart's copy), plain manifests and reference pages
	UPDATE=1 $(TEST) --test repository generated
	UPDATE=1 $(TEST) --test cli pages
	manifests/render

policies: ## Simulate every policy and regenerate docs/policies.md with its pictures (1 min)
	UPDATE=1 $(TEST) --test policies

install-tools: ## Install what demo and tests need
	@tests/cluster/install-tools $(ON)

clean: ## Remove what was built here (clusters and their cache stay)
	cargo clean
	rm -rf dist web/dist web/node_modules

## Run a cluster
.PHONY: cluster-up cluster-load cluster-down kind-up kind-load kind-down
cluster-up: ## Start Kubernetes without Docker, on Linux as root (the first time about 8 min to build it, then 6 s)
	@tests/cluster/install-tools cluster
	@tests/cluster/cluster up

cluster-load: cluster-up dist ## Build the images and load them into it
	@echo "── Images: $(IMAGES) (10 s)"
	@tests/cluster/images buildah $(IMAGES)
	@tests/cluster/cluster load $(IMAGES:%=dist/images/%.tar)

cluster-down: ## Stop it and remove everything but the cache
	@tests/cluster/cluster down

kind-up: ## Create a kind cluster, where Docker answers (30 s; KIND_IMAGE names another node image)
	@tests/cluster/install-tools kind
	@tests/cluster/kind up

kind-load: kind-up dist ## Build the images and load them into it
	@echo "── Images: $(IMAGES) (10 s)"
	@tests/cluster/images docker $(IMAGES)
	@tests/cluster/kind load $$(tests/cluster/images names $(IMAGES))

kind-down: ## Delete it
	@tests/cluster/kind down

.PHONY: shell
shell: ## A shell that reaches the running cluster, with kubectl, helm and the plugin on PATH
	@$(ON_CLUSTER) bash

.PHONY: local-up local-load local-down
local-up local-load:
	@echo "This needs a cluster: start Docker, or be root on Linux (ON=cluster). Without one: make demo ON=local" >&2; exit 1

local-down:
	@$(BUILT)/debug/kubectl-workerpool stop --local
