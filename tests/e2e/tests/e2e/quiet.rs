//! In a minute in which nothing changes, the operator writes nothing and emits no event.

use e2e::world::{World, eventually, require};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn nothing_is_written_while_nothing_changes() {
    let world = World::install("quiet", &json!({}));
    eventually("a pool within its thresholds", || {
        match world.decision().0.as_str() {
            "WithinThresholds" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    let version = |kind: &str, name: &str| {
        world.json(&["get", kind, name])["metadata"]["resourceVersion"].to_string()
    };
    let state = || {
        let counters = [
            "workerpool_status_writes_total",
            "workerpool_events_total",
            "workerpool_scale_writes_total",
        ];
        (
            counters.map(|name| world.operator_metric(name)),
            version("workerpool", "filters"),
            version("deployment", "filter-worker"),
        )
    };
    // The writes of the start are over when two states in a row are equal.
    eventually("the last write", || {
        let before = state();
        std::thread::sleep(Duration::from_secs(5));
        require(state() == before, || "still writing".to_owned())
    });
    let before = state();
    // On a busy machine the CPU of idle workers is not always 0, and then it is a change.
    let mut cpu = BTreeSet::new();
    for _ in 0..60 {
        cpu.insert(world.metric("cpuPercent"));
        std::thread::sleep(Duration::from_secs(1));
    }
    let mut after = state();
    if cpu.len() > 1 {
        (after.0[0], after.1) = (before.0[0], before.1.clone());
    }
    assert_eq!(after, before, "with CPU {cpu:?}");
    let age = world.operator_metric("workerpool_metrics_age_seconds");
    assert!(
        age < 5.0,
        "the operator still polls: its metrics are {age} s old"
    );
}
