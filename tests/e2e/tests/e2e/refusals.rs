//! What the cluster refuses: invalid `WorkerPool`s, each with a message that says what to write instead; what the operator's
//! account need not do; and pools of users who lack the rights that these use.

use e2e::refusals::assert_rejected;
use e2e::tenants::{assert_operator_is_limited, assert_pools_need_rights};
use e2e::world::{World, name_of};
use serde_json::json;

#[test]
fn invalid_pools_and_missing_rights_are_refused_with_advice() {
    let world = World::install("refusals", &json!({}));
    assert_rejected(|pool| world.apply(pool));
    let pools = world.kubectl(&["get", "workerpools", "-o", "name"]);
    assert!(!pools.contains("bad"), "no invalid pool was created");
    let smallest = json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "smallest"},
        "spec": {"scaleTargetRef": {"name": "other"}, "redis": {"address": "redis://redis"}, "queues": [{"name": "tasks"}]},
    });
    // A target, an address and a queue are enough.
    world.must_apply(&smallest);
    let explained = world.kubectl(&["explain", "workerpool.spec.scaleUp.cooldown"]);
    assert!(explained.contains("Default: 60s"), "{explained}");
    let pod = name_of(&world.pods("worker")[0]);
    let account = format!("{}:wp-workerpool", world.namespace);
    assert_operator_is_limited(&world, &account, &pod);
    assert_pools_need_rights(&world);
}
