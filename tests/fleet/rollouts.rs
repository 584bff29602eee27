//! Scale-downs during rollouts, and of a `StatefulSet`, which removes its highest ordinals.

use crate::cluster::Cluster;
use crate::scale_down::{ends_at, pin, seven_workers};
use crate::stage::pool_with;
use api::WorkerPool;
use decide::victims::PodStage;
use serde_json::json;
use workerpool_operator::observe::rollout::Rollout;

#[test]
fn no_scale_down_during_a_rollout() {
    let mut cluster = seven_workers();
    cluster.pod("p03").owner = "ReplicaSet/worker-77aa".into();
    pin(&mut cluster, 5);
    cluster.run(20_000);
    assert_eq!(cluster.desired, 7);
    assert_eq!(
        cluster.messages.last().expect("a status"),
        "ScalingDown: 7 → 5 workers: waiting for the rollout of Deployment/worker to end"
    );
    cluster.pod("p03").owner = "ReplicaSet/worker-5d4f".into();
    cluster.updated = Some(4);
    cluster.send_target();
    cluster.run(20_000);
    assert_eq!(cluster.desired, 7, "not all new pods exist yet");
    cluster.updated = None;
    cluster.send_target();
    ends_at(&mut cluster, 5);
}

/// Seven workers in a rollout whose new image does not exist: six pods of the old `ReplicaSet`, three new ones that never
/// start.
fn stuck_rollout(spec: &serde_json::Value, status: &serde_json::Value) -> Cluster {
    let mut cluster = seven_workers();
    cluster.surge = 2;
    (0..2).for_each(|_| cluster.create_pod(PodStage::Pending));
    for pod in cluster.pods.values_mut().skip(6) {
        pod.stage = PodStage::Pending;
        pod.registered = false;
        pod.owner = "ReplicaSet/worker-77aa".into();
    }
    cluster.updated = Some(3);
    cluster.rollout = Rollout::read(spec, status);
    cluster.send_target();
    cluster
}

#[rstest::rstest]
#[case("ReplicaSet/worker-5d4f", &["p04", "p05"])]
#[case("ReplicaSet/worker-77aa", &["p06", "p07"])]
fn a_rollout_that_cannot_end_holds_no_scale_down(
    #[case] reduced_first: &'static str,
    #[case] deleted: &[&str],
) {
    let failed =
        json!({"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]});
    let mut cluster = stuck_rollout(&json!({}), &failed);
    cluster.occupy(0..4, i64::MAX);
    cluster.reduced_first = reduced_first;
    pin(&mut cluster, 5);
    ends_at(&mut cluster, 5);
    assert_eq!(
        cluster.deleted, deleted,
        "however the controller divides it"
    );
}

#[test]
fn a_paused_deployment_is_scaled_down() {
    let mut cluster = stuck_rollout(&json!({"paused": true}), &json!({}));
    cluster.reduced_first = "ReplicaSet/worker-5d4f";
    pin(&mut cluster, 5);
    ends_at(&mut cluster, 5);
}

#[test]
fn a_stuck_rollout_removes_no_busy_pod_in_any_way() {
    let mut cluster = stuck_rollout(&json!({"paused": true}), &json!({}));
    cluster.occupy(0..6, i64::MAX);
    pin(&mut cluster, 5);
    cluster.run(20_000);
    assert_eq!(cluster.desired, 7, "the old ReplicaSet may be reduced");
    cluster.assert_last_message("waiting for p00 and p01 to finish");
}

/// A pool for a `StatefulSet`, pinned.
fn stateful(replicas: i32) -> WorkerPool {
    let target = json!({"kind": "StatefulSet", "name": "worker"});
    pool_with(&json!({"replicas": replicas, "scaleTargetRef": target}))
}

#[test]
fn a_stateful_set_waits_for_its_highest_ordinals() {
    let mut cluster = Cluster::new(vec![stateful(4)], 4).kind("StatefulSet");
    cluster.start();
    cluster.run(3_000);
    cluster.pod("worker-3").busy_until = Some(i64::MAX);
    cluster.set_pool(0, stateful(2));
    cluster.run(60_000);
    assert_eq!(
        cluster.desired, 4,
        "worker-3 is busy, and no other pod can be deleted instead"
    );
    cluster.assert_last_message("waiting for worker-3 to finish");
    cluster.pod("worker-3").busy_until = None;
    ends_at(&mut cluster, 2);
    assert_eq!(cluster.deleted, ["worker-3", "worker-2"]);
    cluster.assert_no("mark");
}

#[test]
fn a_stateful_set_with_a_missing_ordinal_waits_for_all_beyond_its_end() {
    let mut cluster = Cluster::new(vec![stateful(4)], 4).kind("StatefulSet");
    // Its ordinals begin at 5.
    let pods = std::mem::take(&mut cluster.pods).into_values();
    cluster.pods = pods
        .zip(5..)
        .map(|(pod, ordinal)| (format!("worker-{ordinal}"), pod))
        .collect();
    cluster.rollout = Rollout::read(&json!({"ordinals": {"start": 5}}), &json!({}));
    cluster.start();
    cluster.run(3_000);
    cluster.pod("worker-7").busy_until = Some(i64::MAX);
    cluster.keeps_pods = true;
    cluster.pod("worker-6").gone_at = Some(i64::MAX);
    cluster.send_target();
    cluster.set_pool(0, stateful(2));
    cluster.run(30_000);
    assert_eq!(
        cluster.desired, 4,
        "worker-7 would be removed with worker-8"
    );
    cluster.assert_last_message("waiting for worker-7 to finish");
    cluster.pod("worker-7").busy_until = None;
    cluster.run(10_000);
    assert_eq!(cluster.desired, 2);
}

#[test]
fn a_stateful_set_is_not_scaled_down_during_its_rollout() {
    let mut cluster = Cluster::new(vec![stateful(4)], 4).kind("StatefulSet");
    cluster.start();
    cluster.run(3_000);
    cluster.updated = Some(2);
    cluster.send_target();
    cluster.set_pool(0, stateful(2));
    cluster.run(20_000);
    assert_eq!(cluster.desired, 4);
    cluster.assert_last_message("waiting for the rollout of StatefulSet/worker to end");
    // Below its partition, pods keep the older template for ever.
    let partition = json!({"updateStrategy": {"rollingUpdate": {"partition": 2}}});
    cluster.rollout = Rollout::read(&partition, &json!({}));
    cluster.send_target();
    ends_at(&mut cluster, 2);
}
