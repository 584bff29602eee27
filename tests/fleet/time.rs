//! A scale-down in which something is slow, paused or gone: no busy pod is deleted, and no worker drains forever.

use crate::cluster::Cluster;
use crate::stage::pool_with;
use api::{Key, WorkerPool};
use serde_json::json;
use workerpool_operator::fleet::event::Event;

fn pinned(replicas: i32) -> WorkerPool {
    pool_with(&json!({"replicas": replicas, "drain": {"timeout": "1h"}}))
}

fn seven_workers() -> Cluster {
    Cluster::started(pinned(7), 7)
}

/// Two pods were deleted, no task was interrupted, and nothing is left behind.
#[track_caller]
fn ends_at_five(cluster: &mut Cluster) {
    cluster.run(60_000);
    let log = cluster.log.join("\n");
    assert_eq!((cluster.desired, cluster.deleted.len()), (5, 2), "{log}");
    assert_eq!(cluster.interrupted, [""; 0], "{log}");
    assert_eq!(cluster.leftovers(), [""; 0], "{log}");
}

#[test]
fn marks_settle_longer_if_the_api_server_is_slow() {
    let mut cluster = seven_workers();
    cluster.slow = 1_500;
    // Without marks the controller would delete these.
    for pod in ["p00", "p01"] {
        cluster.pod(pod).busy_until = Some(i64::MAX);
    }
    cluster.set_pool(0, pinned(5));
    ends_at_five(&mut cluster);
}

#[test]
fn drains_are_renewed_and_expire_without_the_operator() {
    let mut cluster = seven_workers();
    cluster.occupy(0..7, i64::MAX);
    cluster.set_pool(0, pinned(6));
    cluster.run(1_000);
    let since = cluster.pods["p00"].drain_since;
    assert!(since.is_some());
    cluster.run(200_000);
    assert_eq!(
        cluster.pods["p00"].drain_since, since,
        "the request was renewed"
    );
    // Requests do not reach Redis, and the pool is deleted: nothing can revert the drain.
    cluster.broken = Some("drain");
    cluster.pools.clear();
    cluster.send(Event::PoolDeleted(Key::new("default", "a")));
    cluster.run(70_000);
    assert_eq!(cluster.leftovers(), [""; 0]);
}

#[test]
fn victims_stay_idle_while_the_controller_is_paused() {
    for kill in [None, Some(0)] {
        let mut cluster = seven_workers();
        cluster.waiting = 1_000_000;
        cluster.run(500);
        cluster.lag = 150_000;
        cluster.set_pool(0, pinned(5));
        cluster.run(12_000);
        assert_eq!(cluster.desired, 5);
        cluster.kill = kill.map(|more| (cluster.executed + more, true));
        cluster.run(150_000);
        ends_at_five(&mut cluster);
    }
}

#[test]
fn scale_up_does_not_undrain_terminating_pods() {
    for lag in [0, 300, 2_000] {
        for millis in (0..3_000).step_by(50) {
            let mut cluster = seven_workers();
            cluster.waiting = 1_000_000;
            cluster.lag = lag;
            cluster.run(500);
            cluster.set_pool(0, pinned(5));
            while cluster.desired == 7 {
                cluster.run(50);
            }
            cluster.run(millis);
            cluster.set_pool(0, pinned(7));
            cluster.run(20_000);
            let log = cluster.log.join("\n");
            assert_eq!(cluster.desired, 7, "{lag} {millis}");
            assert_eq!(cluster.interrupted, [""; 0], "{lag} {millis}: {log}");
            assert_eq!(cluster.leftovers(), [""; 0], "{lag} {millis}: {log}");
        }
    }
}

#[test]
fn a_late_answer_does_not_prove_that_a_worker_is_idle() {
    for polls_take in [1_500, 3_000] {
        for millis in (0..).step_by(50) {
            let mut cluster = seven_workers();
            cluster.cannot_drain = true;
            cluster.task = 30_000;
            cluster.run(10_000);
            cluster.set_pool(0, pinned(5));
            cluster.run(millis);
            if cluster.desired == 5 {
                assert!(millis >= 1_000, "the marks have to settle");
                break;
            }
            // From now on answers come late. When each worker claims a task, some that say it is idle are under way.
            cluster.polls_take = polls_take;
            for _ in 0..3 {
                cluster.poll();
                cluster.run(200);
            }
            cluster.waiting = 7;
            cluster.run(20_000);
            let log = cluster.log.join("\n");
            let none = [""; 0];
            assert_eq!(cluster.interrupted, none, "{polls_take} {millis}: {log}");
            cluster.polls_take = 0;
            ends_at_five(&mut cluster);
        }
    }
}
