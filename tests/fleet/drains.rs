//! Scale-downs with the drains of other queue systems: one that lasts until it is undone (Celery), and one that cannot be
//! undone and is seen late (Sidekiq).

use crate::cluster::Cluster;
use crate::scale_down::{ends_at, pin, pinned};

#[derive(Clone, Copy, Debug, PartialEq)]
enum System {
    Celery,
    Sidekiq,
}

/// Seven workers of `system`.
fn seven(system: System) -> Cluster {
    let mut cluster = Cluster::new(vec![pinned(7)], 7);
    cluster.drain_lasts = i64::MAX / 2;
    if system == System::Sidekiq {
        cluster.beat = 5_000;
    }
    cluster.start();
    cluster.run(13_000);
    cluster
}

#[test]
fn thirty_scale_downs_under_load_interrupt_nothing() {
    for system in [System::Celery, System::Sidekiq] {
        for seed in 0..6 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut cluster = seven(system);
            (cluster.waiting, cluster.task) = (1_000_000, random.i64(300..12_000));
            for _ in 0..5 {
                pin(&mut cluster, 7);
                cluster.run(25_000);
                pin(&mut cluster, random.i32(1..7));
                if random.bool() {
                    cluster.kill = Some((cluster.executed + random.usize(0..30), random.bool()));
                }
                cluster.run(random.i64(1_000..50_000));
            }
            let before = cluster.deleted.len();
            pin(&mut cluster, 2);
            ends_at(&mut cluster, 2);
            assert!(before > 3, "{system:?} {seed}: it scaled down");
        }
    }
}

#[test]
fn a_quiet_process_ends_once_it_has_finished_when_demand_returns() {
    let mut cluster = seven(System::Sidekiq);
    cluster.task = 20_000;
    for name in ["p00", "p01", "p02", "p03", "p04", "p05", "p06"] {
        let until = cluster.now + 20_000;
        cluster.pod(name).busy_until = Some(until);
    }
    cluster.run(6_000);
    pin(&mut cluster, 5);
    cluster.run(8_000);
    let quiet = cluster
        .pods
        .values()
        .filter(|pod| pod.drain_since.is_some());
    assert_eq!(quiet.count(), 2);
    pin(&mut cluster, 8);
    cluster.run(100);
    assert_eq!(cluster.desired, 8, "a scale-up never waits");
    ends_at(&mut cluster, 8);
    assert_eq!(cluster.deleted, [""; 0]);
    let restarts: u32 = cluster.pods.values().map(|pod| pod.restarts).sum();
    assert_eq!(restarts, 2, "each of them by one that takes tasks");
}

#[test]
fn a_victim_that_cannot_resume_stays_one() {
    let mut cluster = seven(System::Sidekiq);
    cluster.occupy(0..7, 200_000);
    pin(&mut cluster, 5);
    cluster.run(100_000);
    let quiet = cluster
        .pods
        .values()
        .filter(|pod| pod.drain_since.is_some());
    assert_eq!(
        quiet.count(),
        2,
        "no other one is made quiet: {:?}",
        cluster.log
    );
    pin(&mut cluster, 6);
    cluster.run(3_000);
    pin(&mut cluster, 5);
    ends_at(&mut cluster, 5);
    assert_eq!(cluster.deleted, ["p00", "p01"]);
}

#[test]
fn what_a_killed_operator_asked_for_is_found_when_it_shows() {
    for system in [System::Celery, System::Sidekiq] {
        let mut cluster = seven(system);
        cluster.occupy(0..7, 60_000);
        pin(&mut cluster, 5);
        cluster.run(1_000);
        assert!(
            cluster
                .log
                .iter()
                .any(|line| line.starts_with("drain true"))
        );
        cluster.pools[0] = pinned(7);
        cluster.start();
        ends_at(&mut cluster, 7);
    }
}
