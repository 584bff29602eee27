//! A scale-down where something is slow, asleep or gone for good: no busy pod is taken, nobody drains for ever.

use crate::cluster::Cluster;
use crate::stage::pool_with;
use api::{Key, WorkerPool};
use serde_json::json;
use workerpool_operator::fleet::event::Event;

fn pinned(replicas: i32) -> WorkerPool {
    pool_with(&json!({"replicas": replicas, "drain": {"timeout": "1h"}}))
}

fn seven() -> Cluster {
    let mut cluster = Cluster::new(vec![pinned(7)], 7);
    cluster.start();
    cluster.run(3_000);
    cluster
}

/// Two have gone, no task was interrupted, nothing is left.
#[track_caller]
fn ends_at_five(cluster: &mut Cluster) {
    cluster.run(60_000);
    let log = cluster.log.join("\n");
    assert_eq!((cluster.desired, cluster.taken.len()), (5, 2), "{log}");
    assert_eq!(cluster.interrupted, Vec::<String>::new(), "{log}");
    assert_eq!(cluster.left_over(), Vec::<&String>::new(), "{log}");
}

#[test]
fn a_slow_api_server_is_given_longer_to_tell_its_controller() {
    let mut cluster = seven();
    cluster.slow = 1_500;
    // Without marks these would go.
    for pod in ["p00", "p01"] {
        cluster.pods.get_mut(pod).expect("it is there").busy_until = Some(i64::MAX);
    }
    cluster.set_pool(0, pinned(5));
    ends_at_five(&mut cluster);
}

#[test]
fn who_drains_does_so_for_as_long_as_the_operator_waits_and_for_a_minute_without_it() {
    let mut cluster = seven();
    cluster
        .pods
        .values_mut()
        .for_each(|pod| pod.busy_until = Some(i64::MAX));
    cluster.set_pool(0, pinned(6));
    cluster.run(1_000);
    let since = cluster.pods["p00"].drain_since;
    assert!(since.is_some());
    cluster.run(200_000);
    assert_eq!(
        cluster.pods["p00"].drain_since, since,
        "it was asked again and again"
    );
    // Redis does not hear, and the pool is deleted: nobody is left who could take anything back.
    cluster.broken = Some("drain");
    cluster.pools.clear();
    cluster.tell(Event::PoolDeleted(Key::new("default", "a")));
    cluster.run(70_000);
    assert_eq!(cluster.left_over(), Vec::<&String>::new());
}

#[test]
fn a_controller_that_sleeps_finds_those_that_go_still_empty() {
    for kill in [None, Some(0)] {
        let mut cluster = seven();
        cluster.waiting = 1_000_000;
        cluster.run(500);
        cluster.lag = 150_000;
        cluster.set_pool(0, pinned(5));
        cluster.run(12_000);
        assert_eq!(cluster.desired, 5);
        cluster.kill = kill.map(|more| (cluster.done + more, true));
        cluster.run(150_000);
        ends_at_five(&mut cluster);
    }
}

#[test]
fn who_goes_is_not_told_to_go_on_when_the_number_rises_again_before_it_is_gone() {
    for lag in [0, 300, 2_000] {
        for millis in (0..3_000).step_by(50) {
            let mut cluster = seven();
            (cluster.waiting, cluster.lag) = (1_000_000, lag);
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
            assert_eq!(
                cluster.interrupted,
                Vec::<String>::new(),
                "{lag} {millis}: {log}"
            );
            assert_eq!(
                cluster.left_over(),
                Vec::<&String>::new(),
                "{lag} {millis}: {log}"
            );
        }
    }
}
