//! What the cluster refuses: invalid `WorkerPool`s, each with a message that says what to write instead; what the operator's
//! account need not do; and pools of users who lack the rights that these use.

use e2e::refusals::assert_rejected;
use e2e::tenants::{assert_operator_is_limited, assert_pools_need_rights};
use e2e::world::World;
use serde_json::json;

#[test]
fn invalid_pools_and_missing_rights_are_refused_with_advice() {
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
    let workers = ["get", "pods", "-l", "app.kubernetes.io/component=worker"];
    let pods = world.json(&workers);
    let pod = pods["items"][0]["metadata"]["name"].as_str();
    let account = format!("{}:wp-workerpool", world.namespace);
    assert_operator_is_limited(&world, &account, pod.expect("a worker's pod"));
    assert_pools_need_rights(&world);
}
