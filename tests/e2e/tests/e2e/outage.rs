//! Redis goes down and comes back: meanwhile nothing is scaled, and the status names the reason.

use e2e::world::{World, eventually};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn nothing_is_scaled_while_redis_is_down() {
    // Idle after 10 s: a pool that treated an unreadable queue as an empty one would scale down within this test.
    let world = World::install(
        "outage",
        &json!({"scaleDown": {"queueLength": 2, "utilizationPercent": 30, "idleFor": "10s", "step": 2, "cooldown": "1s"}}),
    );
    world.workerpool(&["scale", "7"]);
    world.expect_metric("live", 7);
    world.scale("redis", 0);
    eventually("the reason", || match world.decision() {
        (reason, message) if reason == "Pinned" || message.contains("does not answer") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.workerpool(&["scale", "auto"]);
    eventually("unknown metrics", || match world.decision() {
        (reason, message)
            if reason == "Unknown" && message.contains("never scales down without metrics") =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    let end = Instant::now() + Duration::from_secs(25);
    while Instant::now() < end {
        assert_eq!(world.replicas(), 7, "{:?}", world.decision());
        std::thread::sleep(Duration::from_millis(500));
    }
    let conditions = world.pool()["status"]["conditions"].clone();
    let fresh = conditions
        .as_array()
        .expect("conditions")
        .iter()
        .find(|condition| condition["type"] == "MetricsFresh")
        .expect("the condition");
    assert_eq!(fresh["status"], "False", "{fresh}");
    assert_eq!(world.pool()["status"]["display"]["queue"], "?");

    world.scale("redis", 1);
    world.expect_replicas(3);
}
