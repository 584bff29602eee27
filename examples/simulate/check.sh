#!/bin/sh
# A policy under test, for your own CI: it fails when a decision on known facts differs, or when the played queue is
# late. It needs no cluster.
set -eu

# Compares the decisions on trace.jsonl with the recorded ones. `./check.sh write` records them again.
decisions() { kubectl workerpool simulate --pool pool.yaml --trace trace.jsonl | sed 's/,"steps":.*//'; }
if [ "${1:-}" = write ]; then decisions > decisions.txt; fi
decisions | diff decisions.txt -

# An hour of bursts of 2 s tasks: no task may wait longer than 2 minutes.
kubectl workerpool simulate --pool pool.yaml --arrivals shape:sine --service-time 2s --slo 2m | tail -n 1 | grep '"lateShare":0.0,'
