//! The demo's story: a burst, 3 → 5 → 7 workers, and back to 3, while the operator and a worker are killed.

use e2e::world::{World, eventually, name_of, require, words};
use serde_json::json;

#[test]
#[expect(clippy::too_many_lines, reason = "one story on one installation")]
fn burst_scales_up_and_down_despite_killed_pods() {
    // The default rules with shorter times; at most 7 workers, so that a slow machine has the same changes.
    let world = World::install(
        "story",
        &json!({
            "maxReplicas": 7,
            "scaleUp": {"queueLength": 8, "utilizationPercent": 80, "cpuPercent": 75, "step": 2, "cooldown": "12s"},
            "scaleDown": {"queueLength": 2, "utilizationPercent": 30, "idleFor": "15s", "step": 2, "cooldown": "8s"},
        }),
    );
    // The HTTP front end reports them too.
    let front = format!(
        "/api/v1/namespaces/{}/services/filter-front:8001/proxy/api/workers/status",
        world.namespace
    );
    let status = world.kubectl(&["get", "--raw", &front]);
    assert!(status.contains(r#""live":3"#), "{status}");
    world.workerpool(&["stress", "--tasks", "30", "--task-seconds", "4"]);
    world.expect_replicas(5);

    world.kill(&world.operator());
    world.kill(&name_of(&world.pods("worker")[0]));

    eventually("three workers again", || {
        let path = world.path();
        require(path.last().is_some_and(|(_, to, _)| *to == 3), || {
            format!("{path:?}")
        })
    });
    let path = world.path();
    let replicas: Vec<i64> = path
        .iter()
        .map(|(_, to, _)| *to)
        .skip_while(|to| *to != 5)
        .collect();
    assert_eq!(replicas, [5, 7, 5, 3], "{path:?}");
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

    // The cooldown survived the restart of the operator.
    let history = world.pool()["status"]["history"].clone();
    let at = |from: i64, to: i64| {
        let changes = history.as_array().expect("a history");
        let change = changes
            .iter()
            .find(|change| change["from"] == from && change["to"] == to)
            .expect("a change");
        serde_json::from_value::<jiff::Timestamp>(change["at"].clone()).expect("a time")
    };
    let elapsed = at(5, 7).duration_since(at(3, 5)).as_secs_f64();
    assert!(
        elapsed >= 12.0,
        "the second step came {elapsed} s after the first, within the cooldown of 12 s"
    );

    // No task was lost, although a worker was killed while it held one.
    eventually("all tasks done", || {
        match world.redis(&words("HMGET wp:{tasks}:stats arrived processed failed")) {
            all if all.lines().collect::<Vec<_>>()[..2] == ["30", "30"] => Ok(()),
            other => Err(other),
        }
    });

    let columns = world.kubectl(&["get", "wp", "filters"]);
    assert!(
        columns.contains("Deployment/filter-worker") && columns.contains("DECISION"),
        "{columns}"
    );
    let select = "get events --field-selector involvedObject.kind=WorkerPool";
    let messages = "jsonpath={.items[*].message}";
    eventually("an Event for each change", || {
        let events = world.kubectl_line(&format!("{select} -o {messages}"));
        let changes = ["3 → 5", "5 → 7", "7 → 5", "5 → 3"];
        let has = |change: &&str| events.contains(&format!("{change} workers"));
        require(changes.iter().all(has), || events.clone())
    });
}

#[test]
fn pins_by_plugin_and_kubectl_scale_are_applied() {
    let world = World::install("pin", &json!({}));
    world.workerpool(&["scale", "6"]);
    world.expect_replicas(6);
    world.kubectl(&["scale", "wp/filters", "--replicas=4"]);
    world.expect_replicas(4);
    assert_eq!(world.decision().0, "Pinned");
    world.workerpool(&["scale", "auto"]);
    eventually("the rules again", || match world.decision().0.as_str() {
        "IdleWait" | "WithinThresholds" => Ok(()),
        other => Err(other.to_owned()),
    });

    // Without an operator the plugin scales the Deployment directly.
    world.scale("wp-workerpool", 0);
    let output = world.workerpool(&["scale", "5"]);
    assert_eq!(world.replicas(), 5, "{output}");
    world.scale("wp-workerpool", 1);
    eventually("the pin, applied by the new operator", || {
        match world.decision() {
            (reason, _) if reason == "Pinned" && world.replicas() == 5 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}
