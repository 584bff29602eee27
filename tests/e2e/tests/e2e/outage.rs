//! Redis goes and comes back: while it is away nothing moves, and the reason is said.

use e2e::world::{World, eventually};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn while_redis_is_away_nothing_moves() {
    // Idle after 10 s: a pool that took an unreadable queue for an empty one would shrink within this test.
    let world = World::install(
        "outage",
        &json!({"scaleDown": {"queueLength": 2, "utilizationPercent": 30, "idleFor": "10s", "step": 2, "cooldown": "1s"}}),
    );
    world.workerpool(&["scale", "7"]);
    eventually("seven live workers", || match world.metric("live") {
        Some(7) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.scale("redis", 0);
    eventually("the reason", || match world.decision() {
        (reason, sentence) if reason == "Pinned" || sentence.contains("does not answer") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.workerpool(&["scale", "auto"]);
    eventually("unknown metrics", || match world.decision() {
        (reason, sentence)
            if reason == "Unknown" && sentence.contains("never scales down without metrics") =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    let until = Instant::now() + Duration::from_secs(25);
    while Instant::now() < until {
        assert_eq!(world.replicas(), 7, "{:?}", world.decision());
        std::thread::sleep(Duration::from_millis(500));
    }
    let ready = world.pool()["status"]["conditions"].clone();
    let fresh = ready
        .as_array()
        .expect("conditions")
        .iter()
        .find(|one| one["type"] == "MetricsFresh")
        .expect("one");
    assert_eq!(fresh["status"], "False", "{fresh}");
    assert_eq!(
        world.kubectl(&[
            "get",
            "wp",
            "filters",
            "-o",
            "jsonpath={.status.display.queue}"
        ]),
        "?"
    );

    world.scale("redis", 1);
    eventually("facts again, and then the way down", || {
        match world.replicas() {
            3 => Ok(()),
            other => Err(format!("{other}: {:?}", world.decision())),
        }
    });
}
