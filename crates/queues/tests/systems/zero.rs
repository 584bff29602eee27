//! From zero: a delayed job that comes due and what killed workers left start a worker, because no one else brings them
//! back to the queue; a paused queue starts none. Each state is made by the system's own library.

use crate::stage::Stage;
use crate::{bullmq, laravel, rq, sidekiq};
use decide::{Memory, Observation, PoolSpec, Reason, Rules, Time, decide};
use queues::{Queue, QueueOptions, QueueSystem};
use redis::Commands;
use rstest::rstest;
use testkit::wait::until;

const MAIL: &str = "mail";

fn stage(system: QueueSystem) -> Stage {
    match system {
        QueueSystem::RQ => rq::stage(None),
        QueueSystem::Sidekiq => sidekiq::stage(None),
        QueueSystem::Laravel => laravel::stage("laravel_database_"),
        QueueSystem::Bull => bullmq::stage("bull", None),
        _ => bullmq::stage("bullmq", None),
    }
}

/// What the operator decides with no worker, as it reads the queue now.
fn decided(stage: &Stage, system: QueueSystem) -> (i32, Reason) {
    let queue = Queue::new(system, &QueueOptions::named(MAIL));
    let observation = Observation {
        replicas: 0,
        queues: vec![stage.read(&queue).metrics],
        unavailable: None,
    };
    let rules = Rules {
        queues: vec![0],
        ..Rules::default()
    };
    let spec = PoolSpec {
        min: 0,
        rules: vec![rules],
        ..PoolSpec::default()
    };
    let decision = decide(&spec, &observation, &Memory::default(), Time(0));
    (decision.replicas, decision.reason)
}

fn due(system: QueueSystem) {
    let mut stage = stage(system);
    stage.delay(MAIL, "later", 3_600);
    assert_eq!(decided(&stage, system).0, 0, "it is long before its time");
    stage.delay(MAIL, "soon", 12);
    let started = until("a worker for the job that comes due", || {
        let (replicas, reason) = decided(&stage, system);
        (replicas > 0).then_some(reason)
    });
    assert_eq!(started, Reason::ScaledFromZero { tasks: 1 });
}

/// `later` lets the time pass after which the system takes the worker for dead.
fn left(system: QueueSystem, worker: &[&str], later: impl Fn(&mut redis::Connection)) {
    let mut stage = stage(system);
    stage.push(MAIL, &["a"]);
    stage.start("pod-1", &[MAIL], worker);
    stage.started("a");
    stage.kill("pod-1");
    later(&mut stage.redis.connect());
    let (replicas, reason) = decided(&stage, system);
    assert_eq!((replicas, reason), (1, Reason::ScaledFromZero { tasks: 1 }));
}

fn paused(system: QueueSystem) {
    let mut stage = stage(system);
    stage.push(MAIL, &["a", "b"]);
    stage.pause(MAIL, true);
    assert_eq!(
        decided(&stage, system),
        (0, Reason::QueuePaused { tasks: 2 })
    );
    stage.pause(MAIL, false);
    assert_eq!(decided(&stage, system).0, 1);
}

#[rstest]
#[case(QueueSystem::RQ)]
#[case(QueueSystem::BullMQ)]
#[case(QueueSystem::Bull)]
fn a_delayed_job_that_comes_due_starts_a_worker(#[case] system: QueueSystem) {
    due(system);
}

#[rstest]
#[case(QueueSystem::Sidekiq)]
#[case(QueueSystem::Laravel)]
#[ignore = "make queues"]
fn so_does_one_of(#[case] system: QueueSystem) {
    due(system);
}

/// The members of a sorted set get a time in the past.
fn expire(redis: &mut redis::Connection, key: &str) {
    let members: Vec<String> = redis.zrange(key, 0, -1).unwrap();
    for member in members {
        let _: i64 = redis.zadd(key, member, 1).unwrap();
    }
}

#[test]
fn what_a_killed_worker_of_rq_left_starts_a_worker() {
    left(QueueSystem::RQ, &[], |redis| {
        expire(redis, "rq:wip:mail");
        for key in redis.smembers::<_, Vec<String>>("rq:workers:mail").unwrap() {
            let _: i64 = redis.del(key).unwrap();
        }
    });
}

#[rstest]
#[case(QueueSystem::BullMQ)]
#[case(QueueSystem::Bull)]
fn what_a_killed_worker_of_bullmq_left_starts_a_worker(#[case] system: QueueSystem) {
    left(system, &["1"], |redis| {
        let locks: Vec<String> = redis.keys("bull:mail:*:lock").unwrap();
        assert_eq!(redis.del(&locks), Ok(1));
    });
}

#[test]
#[ignore = "make queues"]
fn what_a_killed_worker_of_laravel_left_starts_a_worker() {
    left(QueueSystem::Laravel, &[], |redis| {
        expire(redis, "laravel_database_queues:mail:reserved");
    });
}

#[rstest]
#[case(QueueSystem::RQ)]
#[case(QueueSystem::BullMQ)]
#[case(QueueSystem::Bull)]
fn a_paused_queue_stays_asleep(#[case] system: QueueSystem) {
    paused(system);
}
