//! The story: a burst, 3 → 5 → 7, the drain, and back to 3, with the operator and a worker killed on the way.

use e2e::world::{World, eventually};
use serde_json::json;

#[test]
fn a_burst_takes_three_workers_to_seven_and_back_though_operator_and_worker_are_killed() {
    // The class's rules in shorter times; at most 7, so that a slow machine tells the same story.
    let world = World::install(
        "story",
        &json!({
            "maxReplicas": 7,
            "scaleUp": {"queueLength": 8, "utilizationPercent": 80, "cpuPercent": 75, "step": 2, "cooldown": "12s"},
            "scaleDown": {"queueLength": 2, "utilizationPercent": 30, "idleFor": "15s", "step": 2, "cooldown": "8s"},
        }),
    );
    // The class's front knows them too.
    let front = format!(
        "/api/v1/namespaces/{}/services/filter-front:8001/proxy/api/workers/status",
        world.namespace
    );
    let told = world.kubectl(&["get", "--raw", &front]);
    assert!(told.contains(r#""live":3"#), "{told}");
    world.workerpool(&["stress", "--tasks", "30", "--task-seconds", "4"]);
    eventually("the first step", || {
        if world.replicas() == 5 {
            Ok(())
        } else {
            Err(format!("{:?}", world.path()))
        }
    });

    world.kubectl(&[
        "delete",
        "pod",
        &world.operator(),
        "--force",
        "--grace-period=0",
    ]);
    let busy = world.json(&["get", "pods", "-l", "app.kubernetes.io/component=worker"]);
    let victim = busy["items"][0]["metadata"]["name"]
        .as_str()
        .expect("a worker")
        .to_owned();
    world.kubectl(&["delete", "pod", &victim, "--force", "--grace-period=0"]);

    eventually("the way back to three", || {
        let path = world.path();
        if path.last().is_some_and(|(_, to, _)| *to == 3) {
            Ok(())
        } else {
            Err(format!("{path:?}"))
        }
    });
    let path = world.path();
    let numbers: Vec<i64> = path
        .iter()
        .map(|(_, to, _)| *to)
        .skip_while(|to| *to != 5)
        .collect();
    assert_eq!(numbers, [5, 7, 5, 3], "{path:?}");
    assert!(
        path.iter()
            .any(|(from, to, reason)| (*from, *to) == (3, 5) && reason == "QueueTooLong"),
        "{path:?}"
    );
    assert!(
        path.iter()
            .filter(|(_, _, reason)| reason == "Idle")
            .count()
            == 2,
        "{path:?}"
    );

    // The cooldown was kept across the restart.
    let history = world.pool()["status"]["history"].clone();
    let at = |from: i64, to: i64| {
        let changes = history.as_array().expect("a history");
        let change = changes
            .iter()
            .find(|change| change["from"] == from && change["to"] == to)
            .expect("a change");
        change["at"]
            .as_str()
            .expect("a time")
            .parse::<jiff::Timestamp>()
            .expect("a time")
    };
    let apart = at(5, 7).duration_since(at(3, 5)).as_secs_f64();
    assert!(
        apart >= 12.0,
        "the second step came {apart} s after the first, before the cooldown of 12 s ended"
    );

    // No task was lost, though a worker was killed with one in its hands.
    eventually("all tasks done", || {
        match world.redis(&[
            "HMGET",
            "wp:{tasks}:stats",
            "arrived",
            "processed",
            "failed",
        ]) {
            all if all.lines().collect::<Vec<_>>()[..2] == ["30", "30"] => Ok(()),
            other => Err(other),
        }
    });

    let columns = world.kubectl(&["get", "wp", "filters"]);
    assert!(
        columns.contains("Deployment/filter-worker") && columns.contains("DECISION"),
        "{columns}"
    );
    let events = world.kubectl(&[
        "get",
        "events",
        "--field-selector",
        "involvedObject.kind=WorkerPool",
        "-o",
        "jsonpath={.items[*].message}",
    ]);
    for sentence in [
        "3 → 5 workers",
        "5 → 7 workers",
        "7 → 5 workers",
        "5 → 3 workers",
    ] {
        assert!(
            events.contains(sentence),
            "no event says {sentence}: {events}"
        );
    }
}

#[test]
fn a_pin_by_the_plugin_or_by_kubectl_scale_is_obeyed_and_taken_away() {
    let world = World::install("pin", &json!({}));
    world.workerpool(&["scale", "6"]);
    eventually("six workers", || {
        if world.replicas() == 6 {
            Ok(())
        } else {
            Err(format!("{:?}", world.decision()))
        }
    });
    world.kubectl(&["scale", "wp/filters", "--replicas=4"]);
    eventually("four workers", || {
        if world.replicas() == 4 {
            Ok(())
        } else {
            Err(format!("{:?}", world.decision()))
        }
    });
    assert_eq!(world.decision().0, "Pinned");
    world.workerpool(&["scale", "auto"]);
    eventually("the rules again", || match world.decision().0.as_str() {
        "IdleWait" | "WithinThresholds" => Ok(()),
        other => Err(other.to_owned()),
    });

    // Plan B: without an operator the plugin scales the Deployment itself and says so.
    world.scale("wp-workerpool", 0);
    let said = world.workerpool(&["scale", "5"]);
    assert_eq!(world.replicas(), 5, "{said}");
    world.scale("wp-workerpool", 1);
    eventually(
        "the pin, kept by the operator that is back",
        || match world.decision() {
            (reason, _) if reason == "Pinned" && world.replicas() == 5 => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
}
