//! Promises in situations that the chart does not set up: workers that do not name their pod, another client that does not
//! give in, and a leader that dies.

use crate::drain::scale_downs;
use crate::witness::Witness;
use e2e::world::{World, eventually, require, words};
use serde_json::json;
use testkit::process::signal;

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
    let grace = r#"{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 2}}}}"#;
    let target = "deployment/filter-worker";
    world.kubectl(&["patch", target, "-p", grace]);
    world.kubectl(&["rollout", "status", target, "--timeout=150s"]);
    world.expect_metric("live", 5);
    let mut witness = Witness::new(&world);
    let mut messages = Vec::new();
    let count = scale_downs(3);
    for _ in 0..count {
        world.push_tasks(2, 8);
        world.expect_metric("busy", 2);
        world.kubectl(&["scale", "wp/filters", "--replicas=1"]);
        eventually("one worker", || {
            messages.push(world.decision().1);
            require(world.replicas() == 1, || world.decision().1)
        });
        world.expect_metric("live", 1);
        world.kubectl(&["scale", "wp/filters", "--replicas=5"]);
        world.expect_metric("live", 5);
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
        let patch = words("patch deployment filter-worker --field-manager=argocd-controller -p");
        world.kubectl(&[&patch[..], &[r#"{"spec": {"replicas": 3}}"#]].concat());
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
        match world.items(&["get", "events", select]).len() {
            0 => Err("none".to_owned()),
            count => Ok(count),
        }
    });
    assert_eq!(events, 1);
}

/// The demo with two instances of the operator, and the identity of the leader.
fn two_instances(name: &str) -> (World, String) {
    let world = World::install(name, &json!({"maxReplicas": 8}));
    // The kubelet must not end a paused leader before it resumes.
    world.upgrade("replicas=2,leaderElection.enabled=true,livenessProbe.failureThreshold=30");
    let first = eventually("a leader", || match leaders(&world).as_slice() {
        [one] => Ok(one.clone()),
        other => Err(format!("{other:?}")),
    });
    (world, first)
}

/// The identities that hold a Lease, each the name of a pod with something behind `_`.
fn leaders(world: &World) -> Vec<String> {
    let leases = world.items(&["get", "leases"]);
    let holders = leases.iter().filter_map(|lease| {
        let holder = lease["spec"]["holderIdentity"].as_str()?;
        (!holder.is_empty()).then(|| holder.to_owned())
    });
    holders.collect()
}

/// Waits until another instance than `first` leads and scales for 30 tasks.
fn expect_take_over(world: &World, first: &str) {
    world.push_tasks(30, 5);
    eventually("another leader", || match leaders(world).as_slice() {
        [one] if one != first => Ok(()),
        other => Err(format!("{other:?}")),
    });
    eventually("a scale-up by the new leader", || match world.replicas() {
        4.. => Ok(()),
        other => Err(other.to_string()),
    });
}

#[test]
fn another_instance_takes_over_from_a_leader_that_dies() {
    let (world, first) = two_instances("leader");
    let pod = first.split('_').next().unwrap_or_default();
    world.kill(pod);
    expect_take_over(&world, &first);
}

/// The operator's process of a pod, if it runs on this machine.
fn process(pod: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let is_it = |folder: &std::path::Path| {
        let read = |file| std::fs::read(folder.join(file)).unwrap_or_default();
        let variable = format!("HOSTNAME={pod}");
        read("comm").starts_with(b"workerpool-oper")
            && read("environ")
                .split(|byte| *byte == 0)
                .any(|it| it == variable.as_bytes())
    };
    let mut folders = processes.filter_map(|entry| Some(entry.ok()?.path()));
    let folder = folders.find(|folder| is_it(folder))?;
    folder.file_name()?.to_str()?.parse().ok()
}

/// Needs a node on this machine, and root.
#[test]
fn a_leader_that_was_paused_writes_nothing_when_it_resumes() {
    let (world, first) = two_instances("paused");
    let pod = first.split('_').next().unwrap_or_default();
    let Some(process) = process(pod) else {
        eprintln!("left out: the nodes of this cluster are on another machine");
        return;
    };
    signal(process, "STOP");
    expect_take_over(&world, &first);
    world.kubectl(&["scale", "wp/filters", "--replicas=2"]);
    world.expect_replicas(2);
    signal(process, "CONT");
    eventually("the end of the former leader", || {
        assert_eq!(world.replicas(), 2, "the former leader wrote");
        assert!(!leaders(&world).contains(&first), "two leaders");
        let status = world.json(&["get", "pod", pod])["status"].clone();
        match status["containerStatuses"][0]["restartCount"].as_i64() {
            Some(1..) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}
