//! A minute in which nothing changes: no write, no event.

use e2e::world::{World, eventually};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_minute_in_which_nothing_changes_writes_nothing() {
    let world = World::install("quiet", &json!({}));
    eventually("rest", || match world.decision().0.as_str() {
        "WithinThresholds" => Ok(()),
        other => Err(other.to_owned()),
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
    // What the start still had to say has been said when two looks in a row are equal.
    eventually("the last word", || {
        let before = state();
        std::thread::sleep(Duration::from_secs(5));
        if state() == before {
            Ok(())
        } else {
            Err("still writing".to_owned())
        }
    });
    let (before, end) = (state(), Instant::now() + Duration::from_mins(1));
    while Instant::now() < end {
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(state(), before);
    let age = world.operator_metric("workerpool_metrics_age_seconds");
    assert!(age < 5.0, "and yet it looks: the facts are {age} s old");
}
