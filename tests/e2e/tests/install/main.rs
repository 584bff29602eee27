//! Runs the commands of the pages that create a cluster, install, upgrade and remove, as they are written and in their
//! order. The blocks with one name are one sequence, which begins on an empty cluster. After each command that
//! installs, every pod is ready and the operator has scaled every pool.
//!
//! It owns the cluster: `ON=kind` empties it if there is one, makes and deletes it; `ON=cluster` is the running one of
//! tests/cluster, where the commands of kind are left out.
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may panic and print"
)]

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use e2e::shell::{Shell, is_read_only};
use e2e::world::eventually;
use serde_json::Value;
use testkit::pages::{Command, commands_of};

/// What removes everything that a sequence may have left, CRD and namespaces included.
const EMPTY: &str = r#"
helm list -A --no-headers | while read -r release namespace _; do [ -z "$release" ] || helm uninstall "$release" -n "$namespace" --wait; done
kubectl delete crd workerpools.workerpool.dev --ignore-not-found
kubectl get namespaces -o name | grep -vE '/(default|kube-.*|local-path-storage)$' | xargs -r kubectl delete
kubectl delete deployments,services,networkpolicies,clusterroles,clusterrolebindings -l app.kubernetes.io/part-of=workerpool
"#;
const DELETES_KIND: &str = "kind delete cluster";

/// The sequences in the order of the pages, except that those which delete the cluster come last.
fn sequences() -> Vec<(String, Vec<Command>)> {
    let mut sequences: Vec<(String, Vec<Command>)> = Vec::new();
    for command in commands_of("install") {
        let name = match command.detail.as_str() {
            "" => command.page.clone(),
            name => name.to_owned(),
        };
        match sequences.iter_mut().find(|(known, _)| *known == name) {
            Some((_, commands)) => commands.push(command),
            None => sequences.push((name, vec![command])),
        }
    }
    for (_, commands) in &mut sequences {
        commands.sort_by_key(|command| command.line.starts_with(DELETES_KIND));
    }
    sequences.sort_by_key(|(_, commands)| {
        commands
            .last()
            .is_some_and(|last| last.line.starts_with(DELETES_KIND))
    });
    sequences
}

fn json(shell: &mut Shell, line: &str) -> Result<Vec<Value>, String> {
    let text = shell.try_run(&format!("kubectl get {line} -A -o json"))?;
    let list: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// Whether the operator has scaled every pool to its minimum, and all these workers report.
fn scaled(shell: &mut Shell) -> Result<(), String> {
    for pool in json(shell, "workerpools")? {
        let least = pool["spec"]["minReplicas"].as_i64().unwrap_or(0);
        let live = pool["status"]["metrics"]["live"]["value"].as_i64();
        if live.is_none_or(|live| live < least) {
            return Err(format!("{live:?} of {least} workers: {}", pool["status"]));
        }
    }
    Ok(())
}

fn ready(shell: &mut Shell) -> Result<(), String> {
    for pod in json(shell, "pods -l app.kubernetes.io/name=workerpool")? {
        let conditions = pod["status"]["conditions"].as_array().cloned();
        let ready = conditions
            .unwrap_or_default()
            .iter()
            .any(|it| it["type"] == "Ready" && it["status"] == "True");
        let name = &pod["metadata"]["name"];
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        let reason = waiting["reason"].as_str().unwrap_or_default();
        assert!(
            !reason.contains("Image"),
            "{name}: {waiting}: the page's commands load other images than the chart names"
        );
        if !ready && pod["status"]["phase"] != "Succeeded" {
            return Err(format!("{name} is not ready: {waiting}"));
        }
    }
    Ok(())
}

/// Whether the command changes what runs.
fn installs(line: &str) -> bool {
    ["helm install", "helm upgrade", "helm rollback"]
        .iter()
        .any(|verb| line.starts_with(verb))
        || line.starts_with("kubectl apply") && line.contains("manifests/")
}

/// `kind` as a reader has it, who can pull its default node image. `KIND_IMAGE` names one for a machine without a
/// registry, as for `make kind-up`.
fn shim_kind(shell: &mut Shell) {
    let Ok(image) = std::env::var("KIND_IMAGE") else {
        return;
    };
    let kind = shell.run_ok("command -v kind");
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2\" != 'create cluster' ] || set -- \"$@\" --image '{image}'\nexec {} \"$@\"\n",
        kind.trim()
    );
    let program = shell.home().join("kind");
    std::fs::write(&program, script).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
    shell.run_ok(&format!("export PATH={}:$PATH", shell.home().display()));
}

/// Runs one sequence. Returns how long it took until a pool was scaled, if it has one.
fn run(shell: &mut Shell, on_kind: bool, commands: &[Command]) -> Option<Duration> {
    let (began, mut first) = (Instant::now(), None);
    for Command { page, line, .. } in commands {
        let of_kind = line.starts_with("kind ") || line.starts_with("make kind-");
        let of_cluster = line.starts_with("make cluster-");
        if of_kind && !on_kind || of_cluster && on_kind {
            eprintln!("{page}: left out here: {line}");
            continue;
        }
        eprintln!("{page}: {line}");
        if line.starts_with("kind create") {
            shell.run_ok("kind delete cluster --name workerpool");
        }
        if line == "make kind-load" {
            // Of a reader who has used another cluster since.
            shell.run("kubectl config unset current-context");
        }
        if is_read_only(line) {
            eventually(line, || shell.try_run(line));
        } else {
            shell.run_ok(line);
        }
        if line.starts_with(DELETES_KIND) {
            let left = shell.run_ok("kind get clusters");
            assert!(!left.contains("workerpool"), "{line} leaves {left}");
        }
        if installs(line) {
            eventually("every pool scaled", || scaled(shell));
            first = first.or_else(|| Some(began.elapsed()));
            eventually("every pod ready", || ready(shell));
        }
    }
    first
}

#[test]
fn every_command_that_installs_works() {
    let on_kind = match std::env::var("ON").as_deref() {
        Ok("kind") => true,
        Ok("cluster") => false,
        other => panic!("ON is {other:?}: use make test-install, since this empties the cluster"),
    };
    let mut shell = if on_kind {
        let mut shell = Shell::new();
        shim_kind(&mut shell);
        // Of a reader who has created the cluster before, as by `make demo`; there may be none.
        shell.run("kind export kubeconfig --name workerpool");
        shell
    } else {
        Shell::with_cluster()
    };
    for (name, commands) in sequences() {
        let running = shell.try_run("kubectl get namespaces").is_ok();
        if running {
            shell.run_ok(EMPTY);
        }
        let first = run(&mut shell, on_kind, &commands);
        if let Some(first) = first {
            let what = if running {
                ""
            } else {
                ", the cluster included"
            };
            eprintln!(
                "{name}: installed and scaled in {:.0} s{what}",
                first.as_secs_f64()
            );
        }
    }
}
