//! Scale-downs of pods whose workers do not say in which pod they run: no task is interrupted.

use crate::cluster::Cluster;
use crate::scale_down::{pin, pinned};
use crate::stage::pool_with;
use serde_json::json;

/// Seven workers, of which those from the `first` on name their host instead of their pod.
fn workers_without_pod_name(first: usize) -> Cluster {
    let mut cluster = Cluster::new(vec![pinned(7)], 7);
    for (name, pod) in cluster.pods.iter_mut().skip(first) {
        pod.worker_pod = Some(Some(format!("host-{name}")));
    }
    cluster.start();
    cluster.run(3_000);
    cluster
}

fn last_message(cluster: &Cluster) -> &str {
    cluster.messages.last().expect("a status")
}

#[test]
fn pods_that_may_be_busy_are_not_removed() {
    let mut cluster = workers_without_pod_name(0);
    cluster.task = 60_000;
    cluster.waiting = 3;
    cluster.run(1_000);
    pin(&mut cluster, 1);
    cluster.run(50_000);
    assert_eq!(cluster.desired, 7, "three of them have a task");
    assert_eq!(
        last_message(&cluster),
        "ScalingDown: 7 → 1 workers: waiting: no worker registered for p00, p01, p02 and 4 more pods, and a worker that holds a task names no pod of the target; set POD_NAME from metadata.name"
    );
    assert_eq!(cluster.leftovers(), [""; 0]);
    cluster.run(60_000);
    assert_eq!(cluster.desired, 1, "none has a task any more");
    assert_eq!(cluster.interrupted, [""; 0]);
    cluster.run(10_000);
    assert_eq!(cluster.leftovers(), [""; 0]);
}

#[test]
fn named_idle_pods_are_removed_beside_them() {
    let mut cluster = workers_without_pod_name(2);
    cluster.occupy(2..7, i64::MAX);
    pin(&mut cluster, 5);
    cluster.run(30_000);
    assert_eq!(cluster.deleted, ["p00", "p01"]);
    pin(&mut cluster, 4);
    cluster.run(30_000);
    assert_eq!(cluster.desired, 5, "no other pod names its worker");
    assert_eq!(cluster.interrupted, [""; 0]);
}

#[test]
fn workers_without_any_pod_are_no_different() {
    let mut cluster = workers_without_pod_name(7);
    for pod in cluster.pods.values_mut() {
        pod.worker_pod = Some(None);
    }
    cluster.occupy(0..3, 20_000);
    cluster.run(3_000);
    pin(&mut cluster, 2);
    cluster.run(10_000);
    assert_eq!(cluster.desired, 7, "{}", last_message(&cluster));
    cluster.run(60_000);
    assert_eq!(cluster.desired, 2, "{}", last_message(&cluster));
    assert_eq!(cluster.interrupted, [""; 0]);
}

#[test]
fn a_started_pod_that_is_not_ready_may_be_busy() {
    let mut cluster = workers_without_pod_name(6);
    let unready = cluster.pod("p06");
    unready.stage = decide::victims::PodStage::NotReady;
    unready.busy_until = Some(unready.since + 40_000);
    pin(&mut cluster, 6);
    cluster.run(30_000);
    assert_eq!(
        cluster.desired, 7,
        "a ReplicaSet removes it first, whichever pod is marked"
    );
    cluster.run(60_000);
    assert_eq!(cluster.deleted, ["p06"]);
    assert_eq!(cluster.interrupted, [""; 0]);
}

#[test]
fn thirty_scale_downs_without_pod_names_interrupt_nothing() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cluster = workers_without_pod_name(random.usize(0..7));
        cluster.task = random.i64(300..8_000);
        pin(&mut cluster, random.i32(1..7));
        // Tasks arrive one by one, also while the scale-down is checked for the last time.
        for _ in 0..40 {
            cluster.waiting += random.i64(0..3);
            cluster.run(random.i64(50..1_500));
        }
        pin(&mut cluster, 1);
        cluster.run(120_000);
        let (log, last) = (cluster.log.join("\n"), last_message(&cluster));
        assert_eq!(cluster.interrupted, [""; 0], "seed {seed}: {log}");
        assert_eq!(cluster.desired, 1, "seed {seed}: {last}");
        assert_eq!(cluster.leftovers(), [""; 0], "seed {seed}");
    }
}

/// The workers from the `first` on register, or Redis loses their registrations.
fn register(cluster: &mut Cluster, first: usize, registered: bool) {
    for pod in cluster.pods.values_mut().skip(first) {
        pod.registered = registered;
    }
}

#[test]
fn a_flush_of_redis_makes_no_busy_pod_look_idle() {
    // The idle ones register first: then the busy ones are not the only ones without a worker.
    for first in [0, 3] {
        let mut cluster = workers_without_pod_name(7);
        cluster.run(10_000);
        cluster.occupy(0..3, 40_000);
        cluster.run(3_000);
        register(&mut cluster, 0, false);
        pin(&mut cluster, 3);
        cluster.poll();
        cluster.run(1_900);
        register(&mut cluster, first, true);
        cluster.run(3_000);
        register(&mut cluster, 0, true);
        cluster.run(60_000);
        assert_eq!(cluster.interrupted, [""; 0], "{first}");
        assert_eq!(cluster.desired, 3, "{}", last_message(&cluster));
    }
}

#[test]
fn pods_whose_workers_never_register_are_removed_after_a_lease() {
    let mut cluster = Cluster::new(vec![pinned(7)], 7);
    register(&mut cluster, 0, false);
    cluster.start();
    pin(&mut cluster, 2);
    cluster.run(7_000);
    assert_eq!(cluster.desired, 7);
    assert_eq!(
        last_message(&cluster),
        "ScalingDown: 7 → 2 workers: waiting: a worker that is not registered may be busy in p00, p01, p02 or one of 4 more pods"
    );
    cluster.run(8_000);
    assert_eq!(cluster.desired, 2, "{}", last_message(&cluster));
}

#[test]
fn each_system_has_its_own_lifetime_of_a_registration() {
    for (system, millis) in [("Sidekiq", 60_000), ("RQ", 480_000)] {
        let spec = json!({"replicas": 2, "minReplicas": 0, "queues": [{"name": "tasks", "system": system}]});
        let mut cluster = Cluster::new(vec![pool_with(&spec)], 7);
        register(&mut cluster, 0, false);
        cluster.start();
        cluster.run(millis - 2_000);
        assert_eq!(cluster.desired, 7, "{system}: {}", last_message(&cluster));
        cluster.run(12_000);
        assert_eq!(cluster.desired, 2, "{system}: {}", last_message(&cluster));
    }
}

#[test]
fn a_worker_of_another_namespace_is_not_the_one_of_the_pod() {
    let mut cluster = Cluster::new(vec![pinned(3)], 3);
    // A worker of another namespace, whose pod has the name of a busy one of ours.
    let mut foreign = cluster.pods["p02"].clone();
    foreign.owner = "ReplicaSet/worker-other-5d4f".into();
    foreign.worker_pod = Some(Some("p00".into()));
    foreign.worker_namespace = Some("elsewhere".into());
    foreign.busy_until = Some(i64::MAX);
    cluster.pods.insert("q00".into(), foreign);
    for pod in cluster.pods.values_mut().take(3) {
        pod.worker_namespace = Some("default".into());
    }
    cluster.start();
    cluster.run(3_000);
    pin(&mut cluster, 2);
    cluster.run(60_000);
    assert_eq!(
        cluster.deleted,
        ["p00"],
        "it is idle: {}",
        last_message(&cluster)
    );
    assert!(
        !cluster.log.iter().any(|line| line.contains("q00")),
        "no drain reaches the other's worker: {:?}",
        cluster.log
    );
}

#[test]
fn pods_that_are_not_known_to_be_ours_hold_the_scale_down() {
    let mut cluster = workers_without_pod_name(7);
    cluster.pod("p05").owner = "ReplicaSet/adopted".into();
    cluster.pod("p05").busy_until = Some(i64::MAX);
    cluster.counted = Some(7);
    cluster.send_target();
    pin(&mut cluster, 2);
    cluster.run(30_000);
    assert_eq!(cluster.desired, 7);
    assert_eq!(
        last_message(&cluster),
        "ScalingDown: 7 → 2 workers: waiting: Deployment/worker counts 7 pods, and only 6 of those listed are its own"
    );
}
