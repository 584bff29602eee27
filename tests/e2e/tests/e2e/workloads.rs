//! Scale-downs of workloads in a state of their own: a `StatefulSet` that lacks a pod, a rollout that cannot end, and a
//! Deployment that was deleted and created again.

use crate::witness::Witness;
use e2e::world::{World, eventually, name_of, require};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Tasks take longer than this grace period: a worker that is removed while it holds one loses it.
const GRACE: u32 = 2;
const TASK_SECONDS: u32 = 12;

/// Queues so many tasks, and waits until `count` workers hold one. More tasks than workers keep a worker busy that is not drained.
fn occupy(world: &World, count: i64, tasks: usize) {
    world.push_tasks(tasks, TASK_SECONDS);
    world.expect_metric("busy", count);
}

/// The messages of the decisions until the target has so many replicas.
fn messages_until(world: &World, kind: &str, name: &str, replicas: i64) -> BTreeSet<String> {
    let mut messages = BTreeSet::new();
    eventually("the scale-down", || {
        let message = world.decision().1;
        messages.insert(message.clone());
        match world.json(&["get", kind, name])["spec"]["replicas"].as_i64() {
            Some(count) if count == replicas => Ok(()),
            other => Err(format!("{other:?}: {message}")),
        }
    });
    messages
}

/// Waits until the Deployment counts so many pods, of all its `ReplicaSets`: a rollout may have one more than its replicas.
fn expect_pods(world: &World, count: u64) {
    eventually("the Deployment's pods", || {
        let status = world.json(&["get", "deployment", "filter-worker"])["status"].clone();
        require(status["replicas"] == count, || status.to_string())
    });
}

/// Whether a pod is not being deleted.
fn stays(pod: &Value) -> bool {
    pod["metadata"].get("deletionTimestamp").is_none()
}

/// The names of the workers' pods that are not being deleted.
fn workers(world: &World) -> Vec<String> {
    let pods = world.pods("worker");
    let there = pods.iter().filter(|pod| stays(pod));
    there.map(name_of).collect()
}

/// The workers as a `StatefulSet` named `ordinals`, made of those of the demo, which it replaces.
fn replace_by_stateful_set(world: &World, replicas: i64) {
    let mut set = world.json(&["get", "deployment", "filter-worker"]);
    set["kind"] = "StatefulSet".into();
    set["metadata"] = json!({"name": "ordinals"});
    let mut spec = json!({
        "replicas": replicas, "serviceName": "", "podManagementPolicy": "Parallel",
        "selector": set["spec"]["selector"], "template": set["spec"]["template"],
    });
    spec["selector"]["matchLabels"]["set"] = "ordinals".into();
    spec["template"]["metadata"]["labels"]["set"] = "ordinals".into();
    spec["template"]["spec"]["terminationGracePeriodSeconds"] = GRACE.into();
    set["spec"] = spec;
    if let Some(object) = set.as_object_mut() {
        object.remove("status");
    }
    world.must_apply(&set);
    world.change_pool(
        &json!({"scaleTargetRef": {"kind": "StatefulSet", "name": "ordinals"}, "replicas": replicas}),
    );
    world.kubectl(&["delete", "deployment", "filter-worker", "--wait"]);
    world.expect_metric("live", replicas);
}

#[test]
fn of_a_stateful_set_that_lacks_a_pod_only_the_higher_ordinals_are_removed() {
    let world = World::install(
        "ordinals",
        &json!({"minReplicas": 1, "replicas": 3, "maxReplicas": 8}),
    );
    replace_by_stateful_set(&world, 5);
    // No pod is created in place of one that is deleted. Those of the Deployment may still be ending.
    let pods = world.items(&["get", "pods"]);
    let others = pods.iter().filter(|pod| stays(pod)).count() - 1;
    let hard = format!("--hard=pods={others}");
    world.kubectl(&["create", "quota", "no-more", &hard]);
    world.kubectl(&["delete", "pod", "ordinals-1", "--wait"]);
    world.expect_metric("live", 4);
    let mut witness = Witness::new(&world);
    occupy(&world, 4, 40);
    world.change_pool(&json!({"replicas": 3}));
    let messages = messages_until(&world, "statefulset", "ordinals", 3);
    // The controller creates the missing pod before it removes one.
    world.kubectl(&["delete", "quota", "no-more"]);
    eventually("the three lowest ordinals", || match workers(&world) {
        found if found == ["ordinals-0", "ordinals-1", "ordinals-2"] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let report = witness.report("a scale-down of a StatefulSet without ordinal 1");
    assert_eq!((report.interrupted, report.lost), (0, 0), "{messages:?}");
    let drained = messages
        .iter()
        .any(|it| it.contains("ordinals-3") || it.contains("ordinals-4"));
    assert!(drained, "the busy ones are waited for: {messages:?}");
}

#[test]
fn a_rollout_that_cannot_end_removes_idle_workers_only() {
    let spec = json!({"minReplicas": 1, "maxReplicas": 8, "replicas": 5});
    let world = World::install_with("rollout", &spec, 5);
    let change = json!({"spec": {"progressDeadlineSeconds": 10,
        "template": {"spec": {"terminationGracePeriodSeconds": GRACE}}}});
    let target = "deployment/filter-worker";
    world.kubectl(&["patch", target, "-p", &change.to_string()]);
    world.kubectl(&["rollout", "status", target, "--timeout=150s"]);
    world.expect_metric("live", 5);
    world.kubectl(&["set", "image", target, "worker=registry.invalid/nope:1"]);
    eventually("a rollout that has failed", || {
        let status = world.json(&["get", target])["status"].to_string();
        require(status.contains("ProgressDeadlineExceeded"), || status)
    });
    // One of the old ones has made room for the new ones, which never start.
    world.expect_metric("live", 4);
    let mut witness = Witness::new(&world);
    occupy(&world, 4, 16);
    world.change_pool(&json!({"replicas": 3}));
    let waited = messages_until(&world, "deployment", "filter-worker", 3);
    let names_it =
        |text: &String| text.contains("rollout") || text.contains("waiting for filter-worker-");
    assert!(
        waited.iter().any(names_it),
        "it says what it waits for: {waited:?}"
    );
    expect_pods(&world, 4);
    let busy = witness.report("a scale-down of busy workers during a rollout that has failed");

    world.kubectl(&["rollout", "pause", target]);
    world.change_pool(&json!({"replicas": 2}));
    messages_until(&world, "deployment", "filter-worker", 2);
    expect_pods(&world, 3);
    let idle = witness.report("a scale-down of idle workers during a rollout that is paused");
    for report in [busy, idle] {
        assert_eq!((report.interrupted, report.lost), (0, 0), "{report:?}");
    }
}

#[test]
fn a_deployment_that_is_created_again_is_not_set_back() {
    let world = World::install("again", &json!({"maxReplicas": 8}));
    world.push_tasks(40, 4);
    world.expect_replicas(5);
    let mut target = world.json(&["get", "deployment", "filter-worker"]);
    target["metadata"] = json!({"name": "filter-worker", "labels": target["metadata"]["labels"]});
    target["spec"]["replicas"] = 1.into();
    if let Some(object) = target.as_object_mut() {
        object.remove("status");
    }
    let before = world.path().len();
    world.kubectl(&["delete", "deployment", "filter-worker", "--wait"]);
    world.must_apply(&target);
    let changes = eventually("decisions of its own", || {
        let changes: Vec<_> = world.path().into_iter().skip(before).collect();
        match changes.first() {
            Some((1, _, _)) => Ok(changes),
            _ => Err(format!("{changes:?} {}", world.decision().1)),
        }
    });
    // Fewer than the minimum, or by the rules: either is for the new object's own sake.
    assert!(changes[0].1 <= 3, "{changes:?}");
    let events = world.kubectl(&["get", "events", "-o", "jsonpath={.items[*].message}"]);
    assert!(!events.contains("set back"), "{events}");
    let history = world.workerpool(&["history"]);
    assert!(!history.contains("set back"), "{history}");
}
