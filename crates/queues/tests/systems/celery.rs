//! The drain of Celery's workers. What the operator reads of them is in `crates/kubectl/tests/queues`.

use crate::stage::Stage;
use decide::victims::{DrainState, Worker};
use queues::{DrainRequest, Queue, QueueOptions, QueueSystem};
use redis::Commands;
use testkit::producer::Programs;
use testkit::wait::{until, until_true};

/// How many jobs a burst has.
const BURST: usize = 20;

fn stage() -> Stage {
    Stage::new(Programs::celery(env!("CARGO_TARGET_TMPDIR")))
}

/// A pool of these queues, as a process that has just started has it.
fn pool(names: &[&str]) -> Vec<Queue> {
    let open = |name: &&str| Queue::new(QueueSystem::Celery, &QueueOptions::named(name));
    names.iter().map(open).collect()
}

/// The worker of `pod`, once the first queue of the pool reads it as `expected`.
fn worker(stage: &Stage, pool: &[Queue], pod: &str, expected: (DrainState, bool)) -> Worker {
    until(&format!("{pod} is {expected:?}"), || {
        let workers = stage.read(&pool[0]).workers.into_iter();
        let mut ours = workers.filter(|worker| worker.pod.as_deref() == Some(pod));
        ours.find(|worker| (worker.drain, worker.busy) == expected)
    })
}

/// Asks `worker` as the operator does.
fn request(stage: &Stage, pool: &[Queue], worker: &Worker, drain: bool) {
    match Queue::request_drain(pool, 0, &worker.id, drain) {
        Some(DrainRequest::Commands(commands)) => {
            assert!(!commands.is_empty(), "{worker:?}");
            let mut redis = stage.redis.connect();
            let run = |command: &redis::Cmd| command.exec(&mut redis).unwrap();
            commands.iter().for_each(run);
        }
        other => panic!("{other:?}"),
    }
}

const IDLE: (DrainState, bool) = (DrainState::None, false);
const DRAINED: (DrainState, bool) = (DrainState::Drained, false);

#[test]
fn a_drained_worker_finishes_its_task_takes_none_and_resumes() {
    let mut stage = stage();
    // It takes tasks of a queue that the pool does not have, too.
    let mail = pool(&["mail"]);
    stage.start("pod-1", &["mail", "other"], &[]);
    let one = worker(&stage, &mail, "pod-1", IDLE);
    stage.push("mail", &["a"]);
    stage.started("a");
    worker(&stage, &mail, "pod-1", (DrainState::None, true));
    request(&stage, &mail, &one, true);
    worker(&stage, &mail, "pod-1", (DrainState::Requested, true));
    stage.push("mail", &["b"]);
    stage.push("other", &["c"]);
    // A worker that is slow to answer counts as busy before it has named its task.
    until_true("the task of the worker that takes none", || {
        let metrics = stage.read(&mail[0]).metrics;
        let read = (metrics.live.known(), metrics.in_flight.known());
        read == (Some(0), Some(1))
    });
    stage.end(&["a"], "ok");
    worker(&stage, &mail, "pod-1", DRAINED);
    let mut redis = stage.redis.connect();
    let waiting = ["mail", "other"].map(|queue| redis.llen::<_, usize>(queue).unwrap());
    assert_eq!(waiting, [1, 1]);
    // Another worker takes what this one does not.
    stage.start("pod-2", &["mail"], &[]);
    assert_eq!(stage.started("b"), "pod-2");
    assert!(!stage.running().contains(&"c".to_owned()));
    request(&stage, &mail, &one, false);
    assert_eq!(stage.started("c"), "pod-1");
    worker(&stage, &mail, "pod-1", (DrainState::None, true));
}

#[test]
fn another_process_finds_drained_workers_and_lets_them_resume() {
    let mut stage = stage();
    let names = ["mail", "video"];
    let before = pool(&names);
    stage.start("pod-1", &names, &[]);
    let one = worker(&stage, &before, "pod-1", IDLE);
    request(&stage, &before, &one, true);
    worker(&stage, &before, "pod-1", DRAINED);
    let after = pool(&names);
    let found = worker(&stage, &after, "pod-1", DRAINED);
    assert_eq!((found.queue, &found.id), (0, &one.id));
    request(&stage, &after, &found, false);
    worker(&stage, &after, "pod-1", IDLE);
    stage.push("mail", &["a"]);
    stage.push("video", &["b"]);
    stage.started("a");
    stage.started("b");
}

#[test]
fn what_is_published_at_the_moment_of_a_drain_is_not_lost() {
    let mut stage = stage();
    let mail = pool(&["mail"]);
    stage.start("pod-1", &["mail"], &[]);
    let one = worker(&stage, &mail, "pod-1", IDLE);
    for number in 1..=6 {
        stage.burst("mail", &format!("burst-{number}"));
        request(&stage, &mail, &one, true);
        stage.join();
        worker(&stage, &mail, "pod-1", DRAINED);
        let waiting: usize = stage.redis.connect().llen("mail").unwrap();
        let ended = stage.ended();
        assert_eq!(ended + waiting, number * BURST, "in burst {number}");
        request(&stage, &mail, &one, false);
        until_true("all have ended", || stage.ended() == number * BURST);
    }
}
