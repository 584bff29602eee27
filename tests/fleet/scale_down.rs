//! A scale-down in two steps, in every order and with the operator killed at each step: no busy pod is taken, nothing
//! is left behind.

use crate::cluster::Cluster;
use crate::stage::{pool, pool_with};
use api::Key;
use api::WorkerPool;
use decide::victims::PodStage;
use serde_json::json;
use workerpool_operator::fleet::event::Event;

fn pinned(replicas: i32) -> WorkerPool {
    pool_with(&json!({"replicas": replicas, "minReplicas": 0}))
}

/// Seven workers, the pool pinned to seven.
fn seven() -> Cluster {
    let mut cluster = Cluster::new(vec![pinned(7)], 7);
    cluster.start();
    cluster.run(3_000);
    cluster
}

fn pin(cluster: &mut Cluster, replicas: i32) {
    cluster.set_pool(0, pinned(replicas));
}

/// All is quiet: `replicas` are there, no task was interrupted, nothing is left.
#[track_caller]
fn ends_at(cluster: &mut Cluster, replicas: i32) {
    cluster.run(120_000);
    let log = cluster.log.join("\n");
    assert_eq!(
        cluster.desired,
        replicas,
        "{:?}\n{log}",
        cluster.sentences.last()
    );
    assert_eq!(cluster.interrupted, Vec::<String>::new(), "{log}");
    assert_eq!(cluster.left_over(), Vec::<&String>::new(), "{log}");
    let before = cluster.done;
    cluster.run(10_000);
    assert!(
        cluster.done - before <= 10,
        "{} commands in 10 s of rest",
        cluster.done - before
    );
}

#[test]
fn the_longest_idle_go_and_nothing_is_left() {
    let mut cluster = seven();
    pin(&mut cluster, 5);
    ends_at(&mut cluster, 5);
    assert_eq!(cluster.taken, ["p00", "p01"]);
    let steps: Vec<&str> = cluster
        .log
        .iter()
        .map(|line| line.split(' ').next().expect("a word"))
        .collect();
    assert_eq!(steps, ["drain", "mark", "scale"], "{:?}", cluster.log);
}

#[test]
fn the_busy_finish_first_and_the_sentence_names_them() {
    let mut cluster = seven();
    cluster.task = 20_000;
    cluster.waiting = 7;
    cluster.run(1_000);
    pin(&mut cluster, 5);
    cluster.run(10_000);
    let said = cluster.sentences.last().cloned().expect("a status");
    assert_eq!(
        said,
        "ScalingDown: 7 → 5 workers: waiting for p00 and p01 to finish"
    );
    assert_eq!(cluster.desired, 7);
    assert!(
        !cluster.log.iter().any(|line| line.starts_with("mark")),
        "whoever else scales must not find them"
    );
    ends_at(&mut cluster, 5);
    assert_eq!(cluster.taken, ["p00", "p01"]);
}

#[test]
fn under_load_without_end_it_goes_down_all_the_same() {
    let mut cluster = seven();
    cluster.waiting = 1_000_000;
    cluster.run(1_000);
    pin(&mut cluster, 5);
    ends_at(&mut cluster, 5);
    pin(&mut cluster, 1);
    ends_at(&mut cluster, 1);
}

#[test]
fn killed_before_or_after_any_command_a_new_process_goes_on() {
    for load in [0, 4, 1_000_000] {
        let play = |kill| {
            let mut cluster = seven();
            (cluster.waiting, cluster.done) = (load, 0);
            cluster.run(500);
            cluster.kill = kill;
            pin(&mut cluster, 5);
            ends_at(&mut cluster, 5);
            cluster.done
        };
        let commands = play(None);
        assert!(commands > 10, "{commands}");
        for at in 0..commands.min(80) {
            play(Some((at, false)));
            play(Some((at, true)));
        }
    }
}

#[test]
fn killed_and_no_longer_wanted_all_is_taken_back() {
    for at in 0..60 {
        for after in [false, true] {
            let mut cluster = seven();
            (cluster.waiting, cluster.done) = (1_000_000, 0);
            cluster.run(500);
            cluster.kill = Some((at, after));
            pin(&mut cluster, 5);
            // Until the operator dies; the pin is taken away while nobody looks.
            while cluster.kill.is_some() && cluster.desired == 7 && cluster.done < 200 {
                cluster.run(50);
            }
            pin(&mut cluster, 7);
            ends_at(&mut cluster, 7);
        }
    }
}

#[test]
fn a_burst_at_any_instant_takes_the_whole_plan_back() {
    for millis in (0..8_000).step_by(100) {
        let mut cluster = seven();
        cluster.waiting = 1_000_000;
        cluster.run(500);
        pin(&mut cluster, 5);
        cluster.run(millis);
        let before = cluster.desired;
        pin(&mut cluster, 8);
        cluster.run(100);
        assert_eq!(
            cluster.desired, 8,
            "up waits for nothing, {millis} ms after"
        );
        if before == 7 {
            assert_eq!(
                cluster.left_over(),
                Vec::<&String>::new(),
                "{millis} ms after: at once"
            );
        }
        ends_at(&mut cluster, 8);
    }
}

#[test]
fn a_pin_that_moves_all_the_time_interrupts_nobody() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cluster = seven();
        cluster.waiting = 1_000_000;
        for _ in 0..30 {
            pin(&mut cluster, random.i32(1..9));
            if random.u8(0..4) == 0 {
                cluster.kill = Some((cluster.done + random.usize(0..20), random.bool()));
            }
            cluster.run(random.i64(50..9_000));
        }
        pin(&mut cluster, 3);
        ends_at(&mut cluster, 3);
        assert!(cluster.taken.len() > 5, "it went down: {:?}", cluster.taken);
    }
}

#[test]
fn one_that_is_late_is_let_go_and_the_next_best_goes() {
    let mut cluster = seven();
    for pod in cluster.pods.values_mut() {
        pod.busy_until = Some(i64::MAX);
    }
    pin(&mut cluster, 6);
    cluster.run(5_000);
    assert!(
        cluster
            .sentences
            .last()
            .expect("a status")
            .ends_with("waiting for p00 to finish")
    );
    cluster.run(22_000);
    assert!(cluster.pods["p00"].drain_since.is_some());
    cluster.run(5_000);
    assert!(cluster.pods["p00"].drain_since.is_none(), "30 s are over");
    assert!(
        cluster
            .sentences
            .last()
            .expect("a status")
            .ends_with("waiting for p01 to finish")
    );
    cluster.pods.get_mut("p01").expect("it is there").busy_until = None;
    cluster.run(10_000);
    assert_eq!(
        (cluster.taken.clone(), cluster.desired),
        (vec!["p01".to_owned()], 6)
    );
}

#[test]
fn when_all_are_late_the_first_has_another_turn() {
    let mut cluster = seven();
    cluster
        .pods
        .values_mut()
        .for_each(|pod| pod.busy_until = Some(i64::MAX));
    pin(&mut cluster, 6);
    cluster.run(31_000 * 7 + 5_000);
    assert!(
        cluster
            .sentences
            .last()
            .expect("a status")
            .ends_with("waiting for p00 to finish"),
        "{:?}",
        cluster.sentences
    );
}

#[test]
fn what_has_not_started_goes_first_and_needs_no_drain() {
    let mut cluster = seven();
    let late = cluster.pods.get_mut("p06").expect("it is there");
    (late.standing, late.registered) = (PodStage::Pending, false);
    pin(&mut cluster, 6);
    ends_at(&mut cluster, 6);
    assert_eq!(cluster.taken, ["p06"]);
    assert!(
        !cluster.log.iter().any(|line| line.starts_with("drain")),
        "{:?}",
        cluster.log
    );
}

#[test]
fn a_busy_pod_that_is_not_ready_is_waited_for_since_it_would_be_taken_first() {
    let mut cluster = seven();
    let shaky = cluster.pods.get_mut("p06").expect("it is there");
    (shaky.standing, shaky.busy_until) = (PodStage::NotReady, Some(shaky.since + 45_000));
    pin(&mut cluster, 6);
    cluster.run(35_000);
    assert_eq!(cluster.desired, 7, "late or not");
    ends_at(&mut cluster, 6);
    assert_eq!(cluster.taken, ["p06"]);
}

#[test]
fn no_one_goes_during_a_rollout() {
    let mut cluster = seven();
    cluster.pods.get_mut("p03").expect("it is there").owner = "ReplicaSet/worker-77aa".into();
    pin(&mut cluster, 5);
    cluster.run(20_000);
    assert_eq!(cluster.desired, 7);
    let said = cluster.sentences.last().cloned().expect("a status");
    assert_eq!(
        said,
        "ScalingDown: 7 → 5 workers: waiting for the rollout of Deployment/worker to end"
    );
    cluster.pods.get_mut("p03").expect("it is there").owner = "ReplicaSet/worker-5d4f".into();
    cluster.updated = Some(4);
    cluster.tell_target();
    cluster.run(20_000);
    assert_eq!(cluster.desired, 7, "the new pods are not all there yet");
    cluster.updated = None;
    cluster.tell_target();
    ends_at(&mut cluster, 5);
}

#[test]
fn a_pod_that_vanishes_and_a_worker_that_dies_are_not_waited_for() {
    let mut cluster = seven();
    cluster
        .pods
        .values_mut()
        .for_each(|pod| pod.busy_until = Some(pod.since + 25_000));
    pin(&mut cluster, 4);
    cluster.run(3_000);
    // Made anew at once, as a ReplicaSet does: it takes the place of a victim.
    cluster.pods.remove("p00");
    // The container starts again: another worker, which knows of no drain.
    let restarted = cluster.pods.get_mut("p01").expect("it is there");
    (restarted.life, restarted.busy_until, restarted.drain_since) = (1, None, None);
    ends_at(&mut cluster, 4);
    assert_eq!(cluster.taken.len(), 3, "{:?}", cluster.taken);
}

#[rstest::rstest]
#[case("list", "cannot list pods: list is forbidden")]
#[case("mark", "cannot mark pods: patch is forbidden")]
#[case("scale", "it could not be written: scale is forbidden")]
fn what_fails_is_said_and_tried_again(#[case] what: &'static str, #[case] words: &str) {
    let mut cluster = seven();
    cluster.broken = Some(what);
    pin(&mut cluster, 5);
    let before = cluster.done;
    cluster.run(50_000);
    assert_eq!(cluster.desired, 7);
    assert!(
        cluster.sentences.iter().any(|said| said.contains(words)),
        "{:?}",
        cluster.sentences
    );
    assert!(
        cluster.done - before < 400,
        "{} commands in 50 s",
        cluster.done - before
    );
    if what == "scale" {
        assert_eq!(
            cluster.left_over(),
            Vec::<&String>::new(),
            "nobody stays away from work for that"
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
fn redis_that_does_not_hear_is_asked_again() {
    let mut cluster = seven();
    cluster.broken = Some("drain");
    pin(&mut cluster, 5);
    cluster.run(5_000);
    assert_eq!(
        cluster.desired, 7,
        "nobody is marked who was not heard to drain"
    );
    cluster.broken = None;
    ends_at(&mut cluster, 5);
}

#[test]
fn a_pool_or_an_operator_that_goes_away_takes_back_what_it_began() {
    for millis in (0..6_000).step_by(250) {
        let mut cluster = seven();
        cluster
            .pods
            .values_mut()
            .for_each(|pod| pod.busy_until = Some(pod.since + 4_000));
        pin(&mut cluster, 5);
        cluster.run(millis);
        let written = cluster.desired;
        cluster.pools.clear();
        if millis % 500 == 0 {
            cluster.tell(Event::PoolDeleted(Key::new("default", "a")));
        } else {
            cluster.stop();
        }
        ends_at(&mut cluster, written);
    }
}

#[test]
fn pods_of_another_target_on_the_same_queue_are_left_alone_and_hold_nobody_up() {
    let mut cluster = seven();
    for _ in 0..5 {
        cluster.make(PodStage::Ready);
    }
    for (number, pod) in cluster.pods.values_mut().enumerate().skip(7) {
        pod.owner = "ReplicaSet/worker-other-5d4f".into();
        // One is idle for longer than all of ours, the others are busy for ever.
        pod.busy_until = (number > 7).then_some(i64::MAX);
        pod.since = 0;
    }
    pin(&mut cluster, 2);
    ends_at(&mut cluster, 2);
    assert_eq!(cluster.taken, ["p00", "p01", "p02", "p03", "p04"]);
    assert!(
        !cluster.log.iter().any(|line| line.contains("p07")),
        "{:?}",
        cluster.log
    );
}

#[test]
fn a_second_pool_with_the_same_target_does_not_meddle() {
    let mut young = pinned(9);
    young.metadata.name = Some("young".into());
    young.metadata.uid = Some("young".into());
    young.metadata.creation_timestamp = pool("young", 99).metadata.creation_timestamp;
    let mut cluster = Cluster::new(vec![pinned(7), young], 7);
    cluster.start();
    cluster.run(3_000);
    cluster
        .pods
        .values_mut()
        .for_each(|pod| pod.busy_until = Some(pod.since + 9_000));
    pin(&mut cluster, 5);
    cluster.run(5_000);
    // The younger hears of workers that drain for the first time.
    cluster.start();
    ends_at(&mut cluster, 5);
    assert!(
        !cluster
            .log
            .iter()
            .any(|line| line.starts_with("drain false")),
        "{:?}",
        cluster.log
    );
}

#[test]
fn of_a_stateful_set_exactly_the_highest_are_waited_for() {
    let mut cluster = Cluster::new(vec![], 4).kind("StatefulSet");
    let pool = |replicas| {
        pool_with(
            &json!({"replicas": replicas, "scaleTargetRef": {"kind": "StatefulSet", "name": "worker"}}),
        )
    };
    cluster.pools = vec![pool(4)];
    cluster.start();
    cluster.run(3_000);
    cluster
        .pods
        .get_mut("worker-3")
        .expect("it is there")
        .busy_until = Some(i64::MAX);
    cluster.set_pool(0, pool(2));
    cluster.run(60_000);
    assert_eq!(
        cluster.desired, 4,
        "worker-3 is busy, and nobody else can go in its place"
    );
    assert!(
        cluster
            .sentences
            .last()
            .expect("a status")
            .ends_with("waiting for worker-3 to finish")
    );
    cluster
        .pods
        .get_mut("worker-3")
        .expect("it is there")
        .busy_until = None;
    ends_at(&mut cluster, 2);
    assert_eq!(cluster.taken, ["worker-3", "worker-2"]);
    assert!(
        !cluster.log.iter().any(|line| line.starts_with("mark")),
        "{:?}",
        cluster.log
    );
}

#[test]
fn draining_alone_makes_nobody_look_busier() {
    // 4 of 7 busy: 57 %. Without the two that drain it would be 80 %, and the pool would grow because it shrinks.
    let spec = json!({"minReplicas": 1, "scaleUp": {"utilizationPercent": 70, "step": 2, "cooldown": "1s"},
        "scaleDown": {"utilizationPercent": 60, "idleFor": "1s", "step": 2, "cooldown": "1s"}});
    let mut cluster = Cluster::new(vec![pool_with(&spec)], 7);
    for pod in cluster.pods.values_mut().skip(3) {
        pod.busy_until = Some(i64::MAX);
    }
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
