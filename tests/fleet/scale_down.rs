//! A scale-down in every order of events, and with the operator killed at each step: no busy pod is deleted, and nothing
//! is left behind.

use crate::cluster::Cluster;
use crate::stage::{pool, pool_with};
use api::{Key, WorkerPool};
use decide::victims::PodStage;
use serde_json::json;
use workerpool_operator::fleet::event::Event;

pub fn pinned(replicas: i32) -> WorkerPool {
    pool_with(&json!({"replicas": replicas, "minReplicas": 0}))
}

/// Seven workers, and a pool pinned to seven.
pub fn seven_workers() -> Cluster {
    Cluster::started(pinned(7), 7)
}

pub fn pin(cluster: &mut Cluster, replicas: i32) {
    cluster.set_pool(0, pinned(replicas));
}

/// In the end there are `replicas` pods, no task was interrupted, nothing is left behind, and the fleet is quiet.
#[track_caller]
pub fn ends_at(cluster: &mut Cluster, replicas: i32) {
    cluster.run(120_000);
    let log = cluster.log.join("\n");
    assert_eq!(
        cluster.desired,
        replicas,
        "{:?}\n{log}",
        cluster.messages.last()
    );
    assert_eq!(cluster.interrupted, [""; 0], "{log}");
    assert_eq!(cluster.leftovers(), [""; 0], "{log}");
    let before = cluster.executed;
    cluster.run(10_000);
    assert!(
        cluster.executed - before <= 10,
        "{} commands in 10 s without a change",
        cluster.executed - before
    );
}

#[test]
fn the_longest_idle_pods_are_deleted() {
    let mut cluster = seven_workers();
    pin(&mut cluster, 5);
    ends_at(&mut cluster, 5);
    assert_eq!(cluster.deleted, ["p00", "p01"]);
    let steps: Vec<&str> = cluster
        .log
        .iter()
        .map(|line| line.split(' ').next().expect("a word"))
        .collect();
    assert_eq!(steps, ["drain", "mark", "scale"], "{:?}", cluster.log);
}

#[test]
fn busy_victims_finish_first_and_are_named() {
    let mut cluster = seven_workers();
    cluster.task = 20_000;
    cluster.waiting = 7;
    cluster.run(1_000);
    pin(&mut cluster, 5);
    cluster.run(10_000);
    assert_eq!(
        cluster.messages.last().expect("a status"),
        "ScalingDown: 7 → 5 workers: waiting for p00 and p01 to finish"
    );
    assert_eq!(cluster.desired, 7);
    assert!(
        !cluster.log.iter().any(|line| line.starts_with("mark")),
        "another client that scales must not find marks"
    );
    ends_at(&mut cluster, 5);
    assert_eq!(cluster.deleted, ["p00", "p01"]);
}

#[test]
fn scales_down_under_sustained_load() {
    let mut cluster = seven_workers();
    cluster.waiting = 1_000_000;
    cluster.run(1_000);
    pin(&mut cluster, 5);
    ends_at(&mut cluster, 5);
    pin(&mut cluster, 1);
    ends_at(&mut cluster, 1);
}

#[test]
fn workers_that_cannot_be_drained_are_removed_while_they_are_idle() {
    let mut cluster = seven_workers();
    (cluster.cannot_drain, cluster.task, cluster.waiting) = (true, 20_000, 4);
    cluster.run(1_000);
    pin(&mut cluster, 4);
    cluster.run(10_000);
    assert_eq!(cluster.deleted, ["p04", "p05", "p06"]);
    // Of the busy ones none is removed before it has finished.
    pin(&mut cluster, 2);
    ends_at(&mut cluster, 2);
    let steps = cluster.log.iter().map(|line| line.split(' ').next());
    let drains = steps.filter(|step| *step == Some("drain")).count();
    assert_eq!(drains, 0, "{:?}", cluster.log);
}

#[test]
fn a_selected_worker_that_cannot_be_drained_and_takes_a_task_is_replaced() {
    let mut cluster = seven_workers();
    (cluster.cannot_drain, cluster.task) = (true, 20_000);
    pin(&mut cluster, 6);
    cluster.run(500);
    // The first pod is the longest idle one, and the first to take a task.
    cluster.waiting = 1;
    ends_at(&mut cluster, 6);
    assert_eq!(cluster.deleted, ["p01"]);
}

#[test]
fn a_restart_at_any_command_completes_the_scale_down() {
    for load in [0, 4, 1_000_000] {
        let run = |kill| {
            let mut cluster = seven_workers();
            cluster.waiting = load;
            cluster.executed = 0;
            cluster.run(500);
            cluster.kill = kill;
            pin(&mut cluster, 5);
            ends_at(&mut cluster, 5);
            cluster.executed
        };
        let commands = run(None);
        assert!(commands > 10, "{commands}");
        for at in 0..commands.min(80) {
            run(Some((at, false)));
            run(Some((at, true)));
        }
    }
}

#[test]
fn a_restart_reverts_an_obsolete_scale_down() {
    for at in 0..60 {
        for after in [false, true] {
            let mut cluster = seven_workers();
            cluster.waiting = 1_000_000;
            cluster.executed = 0;
            cluster.run(500);
            cluster.kill = Some((at, after));
            pin(&mut cluster, 5);
            // Until the operator is killed. The pin is removed while no operator runs.
            while cluster.kill.is_some() && cluster.desired == 7 && cluster.executed < 200 {
                cluster.run(50);
            }
            pin(&mut cluster, 7);
            ends_at(&mut cluster, 7);
        }
    }
}

#[test]
fn a_scale_up_at_any_time_reverts_the_scale_down() {
    for millis in (0..8_000).step_by(100) {
        let mut cluster = seven_workers();
        cluster.waiting = 1_000_000;
        cluster.run(500);
        pin(&mut cluster, 5);
        cluster.run(millis);
        let before = cluster.desired;
        pin(&mut cluster, 8);
        cluster.run(100);
        assert_eq!(
            cluster.desired, 8,
            "a scale-up never waits, {millis} ms after"
        );
        if before == 7 {
            assert_eq!(
                cluster.leftovers(),
                [""; 0],
                "reverted at once, {millis} ms after"
            );
        }
        ends_at(&mut cluster, 8);
    }
}

#[test]
fn a_pin_that_keeps_changing_interrupts_no_task() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cluster = seven_workers();
        cluster.waiting = 1_000_000;
        for _ in 0..30 {
            pin(&mut cluster, random.i32(1..9));
            if random.u8(0..4) == 0 {
                cluster.kill = Some((cluster.executed + random.usize(0..20), random.bool()));
            }
            cluster.run(random.i64(50..9_000));
        }
        pin(&mut cluster, 3);
        ends_at(&mut cluster, 3);
        assert!(
            cluster.deleted.len() > 5,
            "it scaled down: {:?}",
            cluster.deleted
        );
    }
}

#[test]
fn a_timed_out_victim_is_replaced_by_the_next() {
    let mut cluster = seven_workers();
    cluster.occupy(0..7, i64::MAX);
    pin(&mut cluster, 6);
    cluster.run(5_000);
    cluster.assert_last_message("waiting for p00 to finish");
    cluster.run(22_000);
    assert!(cluster.pods["p00"].drain_since.is_some());
    cluster.run(5_000);
    assert!(cluster.pods["p00"].drain_since.is_none(), "30 s are over");
    cluster.assert_last_message("waiting for p01 to finish");
    cluster.pod("p01").busy_until = None;
    cluster.run(10_000);
    assert_eq!(
        (cluster.deleted.clone(), cluster.desired),
        (vec!["p01".to_owned()], 6)
    );
}

#[test]
fn when_all_victims_time_out_the_first_is_reselected() {
    let mut cluster = seven_workers();
    cluster.occupy(0..7, i64::MAX);
    pin(&mut cluster, 6);
    cluster.run(31_000 * 7 + 5_000);
    cluster.assert_last_message("waiting for p00 to finish");
}

#[test]
fn pending_pods_are_deleted_first_without_a_drain() {
    let mut cluster = seven_workers();
    let pending = cluster.pod("p06");
    pending.stage = PodStage::Pending;
    pending.registered = false;
    pin(&mut cluster, 6);
    ends_at(&mut cluster, 6);
    assert_eq!(cluster.deleted, ["p06"]);
    cluster.assert_no("drain");
}

#[test]
fn a_busy_pod_that_is_not_ready_is_waited_for() {
    let mut cluster = seven_workers();
    // The controller would delete it first.
    let unready = cluster.pod("p06");
    unready.stage = PodStage::NotReady;
    unready.busy_until = Some(unready.since + 45_000);
    pin(&mut cluster, 6);
    cluster.run(35_000);
    assert_eq!(cluster.desired, 7, "even after its timeout");
    ends_at(&mut cluster, 6);
    assert_eq!(cluster.deleted, ["p06"]);
}

#[test]
fn deleted_pods_and_dead_workers_are_not_waited_for() {
    let mut cluster = seven_workers();
    cluster.occupy(0..7, 25_000);
    pin(&mut cluster, 4);
    cluster.run(3_000);
    // A ReplicaSet creates a new pod at once, which may be selected instead.
    cluster.pods.remove("p00");
    // The container restarts with a new worker that got no drain request.
    let restarted = cluster.pod("p01");
    restarted.restarts = 1;
    restarted.busy_until = None;
    restarted.drain_since = None;
    ends_at(&mut cluster, 4);
    assert_eq!(cluster.deleted.len(), 3, "{:?}", cluster.deleted);
}

#[rstest::rstest]
#[case("list", "cannot list pods: list is forbidden")]
#[case("mark", "cannot mark pods: patch is forbidden")]
#[case("scale", "write failed: scale is forbidden")]
fn failures_are_reported_and_retried(#[case] what: &'static str, #[case] text: &str) {
    // The pauses between attempts are random: what is left is looked at within one of them.
    fastrand::seed(1);
    let mut cluster = seven_workers();
    cluster.broken = Some(what);
    pin(&mut cluster, 5);
    let before = cluster.executed;
    cluster.run(50_000);
    assert_eq!(cluster.desired, 7);
    cluster.assert_message(text);
    assert!(
        cluster.executed - before < 400,
        "{} commands in 50 s",
        cluster.executed - before
    );
    if what == "scale" {
        assert_eq!(
            cluster.leftovers(),
            [""; 0],
            "workers do not stay drained for a failed write"
        );
    }
    if what == "mark" {
        assert!(
            cluster
                .log
                .iter()
                .any(|line| line.starts_with("drain false")),
            "{:?}",
            cluster.log
        );
    }
    cluster.broken = None;
    ends_at(&mut cluster, 5);
}

#[test]
fn drain_requests_are_sent_again() {
    let mut cluster = seven_workers();
    cluster.broken = Some("drain");
    pin(&mut cluster, 5);
    cluster.run(5_000);
    assert_eq!(
        cluster.desired, 7,
        "a pod is marked only after its worker drains"
    );
    cluster.broken = None;
    ends_at(&mut cluster, 5);
}

#[test]
fn deletion_and_shutdown_revert_the_scale_down() {
    for millis in (0..6_000).step_by(250) {
        let mut cluster = seven_workers();
        cluster.occupy(0..7, 4_000);
        pin(&mut cluster, 5);
        cluster.run(millis);
        let replicas = cluster.desired;
        cluster.pools.clear();
        if millis % 500 == 0 {
            cluster.send(Event::PoolDeleted(Key::new("default", "a")));
        } else {
            cluster.stop();
        }
        ends_at(&mut cluster, replicas);
    }
}

#[test]
fn pods_of_another_target_are_ignored() {
    let mut cluster = seven_workers();
    for _ in 0..5 {
        cluster.create_pod(PodStage::Ready);
    }
    for (number, pod) in cluster.pods.values_mut().enumerate().skip(7) {
        pod.owner = "ReplicaSet/worker-other-5d4f".into();
        // One is idle for longer than all of ours, the others are busy forever.
        pod.busy_until = (number > 7).then_some(i64::MAX);
        pod.since = 0;
    }
    pin(&mut cluster, 2);
    ends_at(&mut cluster, 2);
    assert_eq!(cluster.deleted, ["p00", "p01", "p02", "p03", "p04"]);
    assert!(
        !cluster.log.iter().any(|line| line.contains("p07")),
        "{:?}",
        cluster.log
    );
}

#[test]
fn a_second_pool_of_the_same_target_does_nothing() {
    let mut younger = pinned(9);
    younger.metadata.name = Some("younger".into());
    younger.metadata.uid = Some("younger".into());
    younger.metadata.creation_timestamp = pool("younger", 99).metadata.creation_timestamp;
    let mut cluster = Cluster::new(vec![pinned(7), younger], 7);
    cluster.start();
    cluster.run(3_000);
    cluster.occupy(0..7, 9_000);
    pin(&mut cluster, 5);
    cluster.run(5_000);
    // After the restart the younger pool finds workers that drain at its first poll.
    cluster.start();
    ends_at(&mut cluster, 5);
    cluster.assert_no("drain false");
}

#[test]
fn draining_does_not_change_the_utilization() {
    // 4 of 7 busy: 57 %. Without the two that drain it would be 80 %, so the scale-down would cause a scale-up.
    let spec = json!({"minReplicas": 1, "scaleUp": {"utilizationPercent": 70, "step": 2, "cooldown": "1s"},
        "scaleDown": {"utilizationPercent": 60, "idleFor": "1s", "step": 2, "cooldown": "1s"}});
    let mut cluster = Cluster::new(vec![pool_with(&spec)], 7);
    cluster.occupy(3..7, i64::MAX);
    cluster.start();
    cluster.run(5_000);
    let scales: Vec<&String> = cluster
        .log
        .iter()
        .filter(|line| line.starts_with("scale"))
        .collect();
    assert_eq!(
        scales.first().map(|line| line.as_str()),
        Some("scale 5"),
        "{:?}",
        cluster.log
    );
}

#[test]
fn without_the_right_to_drain_no_worker_may_hold_a_task() {
    let mut cluster = seven_workers();
    cluster.broken = Some("drain");
    cluster.drain_refused = Some("NOPERM: the user has no permissions to run evalsha".into());
    // Busy is a worker that stays: an idle victim may claim the next task at any time.
    cluster.pod("p06").busy_until = Some(cluster.now + 20_000);
    pin(&mut cluster, 5);
    cluster.run(15_000);
    assert_eq!(cluster.desired, 7);
    cluster.assert_last_message("waiting until no worker holds a task, because Redis refuses to drain workers: NOPERM: the user has no permissions to run evalsha");
    cluster.run(20_000);
    assert_eq!(cluster.desired, 5);
    assert_eq!(cluster.interrupted, [""; 0]);
    cluster.pod("p06").busy_until = Some(i64::MAX);
    pin(&mut cluster, 4);
    cluster.run(10_000);
    assert_eq!(cluster.desired, 5);
    // The right was granted.
    cluster.broken = None;
    cluster.drain_refused = None;
    ends_at(&mut cluster, 4);
}
