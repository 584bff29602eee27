//! Sidekiq 6. `make queues` runs these tests: they need its Debian package.

use crate::stage::{self, Figures, Stage};
use decide::Metric;
use decide::victims::{Activity, DrainState, Worker};
use queues::{DrainRequest, Queue, QueueSystem};
use redis::Commands;
use testkit::producer::Programs;
use testkit::wait::{until, until_true};

pub fn stage(namespace: Option<&str>) -> Stage {
    Stage::new(Programs::sidekiq().with("NAMESPACE", namespace))
}

fn queue(name: &str, namespace: Option<&str>) -> Queue {
    let prefix = namespace.map(|it| format!("{it}:"));
    stage::queue(QueueSystem::Sidekiq, name, prefix.as_deref())
}

/// What is written down; Sidekiq does not count failures of a queue, and delayed jobs only of all queues together.
fn written(stage: &Stage, queue: &str, delayed: i64) -> Figures {
    Figures {
        failed: -1,
        delayed,
        ..stage.written(queue)
    }
}

#[test]
#[ignore = "make queues"]
fn every_state_of_a_queue_is_what_producers_and_jobs_write_down() {
    let mut stage = stage(None);
    let (mail, video) = (queue("mail", None), queue("video", None));
    stage.expect(&mail, &written(&stage, "mail", 0));
    let before = stage.read(&mail).time;
    stage.push("mail", &["a", "b", "c", "d", "e"]);
    stage.push("video", &["x"]);
    stage.delay("mail", "soon", 8);
    stage.delay("video", "later", 3_600);
    let metrics = stage.expect(&mail, &written(&stage, "mail", 2)).metrics;
    assert_eq!(metrics.due, Metric::Known(1));
    assert_eq!(stage.read(&video).metrics.due, Metric::Known(0));
    let oldest = metrics.oldest_at.known();
    assert!(
        oldest >= before && oldest <= stage.read(&mail).time,
        "{oldest:?}"
    );
    // A process would make it ready at any time.
    let mut redis = stage.redis.connect();
    assert_eq!(redis.zremrangebyrank("schedule", 0, 0), Ok(1));
    // A process runs two jobs at once.
    stage.start("pod-1", &["mail"], &[]);
    stage.started("a");
    stage.started("b");
    stage.start("pod-2", &["video", "mail"], &[]);
    until_true("four jobs run", || stage.running().len() == 4);
    let metrics = stage.expect(&mail, &written(&stage, "mail", 1)).metrics;
    assert_eq!(metrics.slots, Metric::Estimated(4));
    // Sidekiq runs it again within a minute: it is delayed.
    stage.end(&["a"], "fail");
    stage.end(&["b"], "ok");
    until_true("all jobs run", || {
        stage.running().len() == 4 || stage.written("mail").ready == 0
    });
    stage.expect(&mail, &written(&stage, "mail", 2));
}

#[test]
#[ignore = "make queues"]
fn a_namespace_a_quiet_process_and_a_killed_one_are_read() {
    let namespace = Some("app");
    let mut stage = stage(namespace);
    let mail = queue("mail", namespace);
    stage.push("mail", &["a"]);
    stage.start("pod-1", &["mail"], &[]);
    stage.started("a");
    stage.expect(&mail, &written(&stage, "mail", 0));
    let process = stage.read(&mail).workers.remove(0);
    let mut redis = stage.redis.connect();
    let _: i64 = redis
        .lpush(format!("app:{}-signals", process.id), "TSTP")
        .unwrap();
    until_true("a quiet process", || {
        let row = stage.read(&mail).workers.remove(0);
        row.report.activity == Activity::Draining && row.busy
    });
    assert_eq!(stage.read(&mail).metrics.live, Metric::Estimated(0));
    stage.end(&["a"], "ok");
    until_true("a process that holds no job", || {
        let row = stage.read(&mail).workers.remove(0);
        row.report.activity == Activity::Draining && !row.busy
    });
    stage.kill("pod-1");
    // A minute later.
    assert_eq!(redis.del(format!("app:{}", process.id)), Ok(1));
    assert_eq!(stage.read(&mail).workers, []);
}

/// The commands that ask `worker` to drain or to resume.
fn request(stage: &Stage, queue: &Queue, worker: &Worker, drain: bool) -> usize {
    let pool = std::slice::from_ref(queue);
    let Some(DrainRequest::Commands(commands)) = Queue::request_drain(pool, 0, &worker.id, drain)
    else {
        panic!("commands")
    };
    let mut redis = stage.redis.connect();
    for command in &commands {
        command.exec(&mut redis).unwrap();
    }
    if !commands.is_empty() {
        queue.drain_requested(&worker.id, drain);
    }
    commands.len()
}

#[test]
#[ignore = "make queues"]
fn a_process_that_was_asked_to_be_quiet_finishes_and_ends() {
    let mut stage = stage(Some("app"));
    let mail = queue("mail", Some("app"));
    let one = |stage: &Stage, expected: DrainState| {
        until(&format!("a process that is {expected:?}"), || {
            let workers = stage.read(&mail).workers;
            workers.into_iter().find(|it| it.drain == expected)
        })
    };
    stage.push("mail", &["a"]);
    stage.start("pod-1", &["mail"], &[]);
    stage.started("a");
    let process = one(&stage, DrainState::None);
    assert_eq!(request(&stage, &mail, &process, true), 2);
    one(&stage, DrainState::Leaving);
    assert_eq!(request(&stage, &mail, &process, true), 0, "it was asked");
    assert_eq!(request(&stage, &mail, &process, false), 0, "it is busy");
    // Another operator finds it by what it says of itself.
    let found = queue("mail", Some("app"));
    until("it says that it is quiet", || {
        let workers = stage.read(&found).workers;
        (workers.first()?.drain == DrainState::Leaving).then_some(())
    });
    stage.push("mail", &["b"]);
    stage.end(&["a"], "ok");
    let process = one(&stage, DrainState::Left);
    assert_eq!(stage.written("mail").ready, 1, "it takes no other job");
    assert_eq!(request(&stage, &mail, &process, false), 2);
    assert_eq!(request(&stage, &mail, &process, false), 0, "it was asked");
    until_true("it has ended", || stage.read(&mail).workers.is_empty());
    stage.start("pod-1b", &["mail"], &[]);
    assert_eq!(stage.started("b"), "pod-1b");
}
