//! A burst that arrives while no operator runs scales the pool up as soon as one starts.

use e2e::world::{World, eventually};
use serde_json::{Value, json};

#[test]
fn burst_without_an_operator_scales_up_when_it_starts() {
    let world = World::install("absence", &json!({}));
    world.scale("wp-workerpool", 0);
    world.push_tasks(25, 5);
    assert_eq!(world.replicas(), 3, "no operator runs");
    world.scale("wp-workerpool", 1);
    world.expect_replicas(5);

    // Measured from the container's start to the change, by the cluster's own clocks.
    let operator = world.pods("operator").remove(0);
    let started = &operator["status"]["containerStatuses"][0]["state"]["running"]["startedAt"];
    let time = |value: &Value| -> jiff::Timestamp {
        serde_json::from_value(value.clone()).expect("a time")
    };
    let change = eventually("a change to 5 in the history", || {
        let pool = world.pool();
        let history = pool["status"]["history"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        history
            .into_iter()
            .rfind(|change| change["to"] == 5)
            .ok_or_else(|| "no change to 5".to_owned())
    });
    let took = time(&change["at"])
        .duration_since(time(started))
        .as_secs_f64();
    eprintln!(
        "scaled up {took:.1} s after the operator's container started (its start is known to the second)"
    );
}
