//! Promises in situations that the chart does not set up: workers that do not name their pod, another client that does not
//! give in, and a leader that dies.

use crate::drain::scale_downs;
use crate::witness::Witness;
use e2e::world::{World, eventually};
use serde_json::json;

fn condition(world: &World, kind: &str) -> (String, String) {
    let pool = world.pool();
    let conditions = pool["status"]["conditions"].as_array().cloned();
    let mut conditions = conditions.unwrap_or_default().into_iter();
    let found = conditions.find(|condition| condition["type"] == kind);
    let text = |field: &str| {
        let value = found.as_ref().and_then(|it| it[field].as_str());
        value.unwrap_or_default().to_owned()
    };
    (text("status"), text("reason"))
}

#[test]
fn workers_that_do_not_name_their_pod_finish_their_tasks() {
    let spec = json!({"minReplicas": 1, "maxReplicas": 8, "replicas": 5});
    let world = World::install_with("unnamed", &spec, 5);
    world.kubectl(&["set", "env", "deployment/filter-worker", "POD_NAME-"]);
    // A worker that is removed while it holds a task loses it.
    world.kubectl(&[
        "patch",
        "deployment",
        "filter-worker",
        "-p",
        r#"{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 2}}}}"#,
    ]);
    world.kubectl(&[
        "rollout",
        "status",
        "deployment/filter-worker",
        "--timeout=150s",
    ]);
    eventually("five workers after the rollout", || {
        match world.metric("live") {
            Some(5) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let mut witness = Witness::new(&world);
    let mut messages = Vec::new();
    let count = scale_downs(3);
    for _ in 0..count {
        world.workerpool(&["stress", "--tasks", "2", "--task-seconds", "8"]);
        eventually("two busy workers", || match world.metric("busy") {
            Some(2) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        world.kubectl(&["scale", "wp/filters", "--replicas=1"]);
        eventually("one worker", || {
            messages.push(world.decision().1);
            if world.replicas() == 1 {
                Ok(())
            } else {
                Err(world.decision().1)
            }
        });
        eventually("one live worker", || match world.metric("live") {
            Some(1) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        world.kubectl(&["scale", "wp/filters", "--replicas=5"]);
        eventually("five workers again", || match world.metric("live") {
            Some(5) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    let report = witness.report(&format!("{count} scale-downs of workers without names"));
    assert_eq!((report.interrupted, report.lost), (0, 0), "{report:?}");
    let waited = messages
        .iter()
        .any(|it| it.contains("no worker registered for"));
    assert!(waited, "it should say why it waits: {messages:?}");
}

#[test]
fn a_contested_target_is_named_and_set_back_less_and_less() {
    let world = World::install_with("contest", &json!({"replicas": 5}), 5);
    let before = world.path().len();
    eventually("a contest", || {
        world.kubectl(&[
            "patch",
            "deployment",
            "filter-worker",
            "--field-manager=argocd-controller",
            "-p",
            r#"{"spec": {"replicas": 3}}"#,
        ]);
        match condition(&world, "AbleToScale") {
            (status, reason) if (&*status, &*reason) == ("False", "TargetContested") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let (_, message) = world.decision();
    assert!(message.contains("argocd-controller"), "{message}");
    let added = world.path().len() - before;
    assert!(added <= 4, "{added} lines of history for one contest");
    let select = "--field-selector=reason=TargetContested";
    let events = eventually("its Event", || {
        let events = world.json(&["get", "events", select]);
        match events["items"].as_array().map(Vec::len) {
            Some(count @ 1..) => Ok(count),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(events, 1);
}

#[test]
fn another_instance_takes_over_from_a_leader_that_dies() {
    let world = World::install("leader", &json!({"maxReplicas": 8}));
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/workerpool");
    world.helm(&[
        "upgrade",
        "wp",
        chart,
        "--reuse-values",
        "--wait",
        "--timeout",
        "150s",
        "--set",
        "replicas=2,leaderElection.enabled=true",
    ]);
    let holder = || {
        let leases = world.json(&["get", "leases"]);
        let leases = leases["items"].as_array().cloned().unwrap_or_default();
        let holders = leases.iter().map(|it| {
            it["spec"]["holderIdentity"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        });
        holders.filter(|it| !it.is_empty()).collect::<Vec<_>>()
    };
    let first = eventually("a leader", || match holder().as_slice() {
        [one] => Ok(one.clone()),
        other => Err(format!("{other:?}")),
    });
    let pod = first.split('_').next().unwrap_or_default();
    world.kubectl(&["delete", "pod", pod, "--force", "--grace-period=0"]);
    world.workerpool(&["stress", "--tasks", "30", "--task-seconds", "5"]);
    eventually("another leader", || match holder().as_slice() {
        [one] if *one != first => Ok(()),
        other => Err(format!("{other:?}")),
    });
    eventually("a scale-up by the new leader", || match world.replicas() {
        4.. => Ok(()),
        other => Err(other.to_string()),
    });
}
