//! A target instead of thresholds: scales to all needed workers in one step, to zero, and from zero for one task.

use e2e::world::{World, eventually, require};
use serde_json::json;

/// The last change of the replicas, as `from → to: reason`.
fn last_change(world: &World) -> String {
    let path = world.path();
    path.last().map_or("none".to_owned(), |(from, to, reason)| {
        format!("{from} → {to}: {reason}")
    })
}

#[test]
fn drain_target_scales_up_at_once_and_from_zero() {
    let world = World::install("policies", &json!({"maxReplicas": 8}));
    let target = json!({"minReplicas": 0, "scaleUp": null, "scaleDown": null, "target": {"drainWithin": "30s"}});
    world.change_pool(&target);
    world.expect_replicas(0);
    assert_eq!(last_change(&world), "3 → 0: FewerNeeded");
    assert!(
        world.workerpool(&["explain"]).contains("next up"),
        "explain names what would scale it up"
    );

    world.push_tasks(1, 2);
    eventually("the first worker", || match last_change(&world).as_str() {
        "0 → 1: DrainWithin" => Ok(()),
        other => Err(other.to_owned()),
    });
    world.expect_metric("processed", 1);

    // 60 tasks of 4 s within 30 s need more than the maximum of 8, in one step.
    world.push_tasks(60, 4);
    eventually("all workers at once", || {
        let path = world.path();
        let jump = path.iter().any(|(from, to, _)| *from <= 1 && *to >= 6);
        require(jump, || format!("{path:?}"))
    });
    let explained = world.workerpool(&["explain"]);
    assert!(
        explained.contains("target.drainWithin") && explained.contains("within 30 s → "),
        "{explained}"
    );
    eventually("all tasks done, and no worker", || {
        match (world.metric("processed"), world.replicas()) {
            (Some(61), 0) => Ok(()),
            other => Err(format!("{other:?} {}", last_change(&world))),
        }
    });
    let memory = &world.pool()["status"]["internal"];
    assert!(
        memory["rates"][0]["serviceMicros"].as_i64() > Some(1_000_000),
        "{memory}"
    );
    assert!(
        memory["startup"]["meanMillis"].as_i64() > Some(0),
        "{memory}"
    );
    let history = world.workerpool(&["history"]);
    assert!(
        history.contains("0 → 1") && history.contains("tasks wait, to be finished within 30 s"),
        "{history}"
    );
}
