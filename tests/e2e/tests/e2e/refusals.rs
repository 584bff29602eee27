//! Invalid `WorkerPool`s are rejected, each with a message that says what to write instead.

use e2e::refusals::assert_rejected;
use e2e::world::World;
use serde_json::json;

#[test]
fn invalid_pools_are_rejected_with_advice() {
    let world = World::install("refusals", &json!({}));
    assert_rejected(|pool| world.apply(pool));
    assert!(
        !world
            .kubectl(&["get", "workerpools", "-o", "name"])
            .contains("bad"),
        "no invalid pool was created"
    );
    let smallest = json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "smallest"},
        "spec": {"scaleTargetRef": {"name": "other"}, "redis": {"address": "redis://redis"}, "queues": [{"name": "tasks"}]},
    });
    assert!(
        world.apply(&smallest.to_string()).0,
        "a target, an address and a queue are enough"
    );
    let explained = world.kubectl(&["explain", "workerpool.spec.scaleUp.cooldown"]);
    assert!(explained.contains("Default: 60s"), "{explained}");
}
