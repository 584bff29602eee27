//! BullMQ 5 and 6, and Bull 4.

use crate::stage::{self, Figures, Stage};
use decide::Metric;
use queues::{Queue, QueueSystem};
use redis::Commands;
use rstest::rstest;
use testkit::producer::Programs;
use testkit::wait::{until, until_true};

pub fn stage(library: &str, prefix: Option<&str>) -> Stage {
    let programs = Programs::bullmq(env!("CARGO_TARGET_TMPDIR"), library);
    Stage::new(programs.with("PREFIX", prefix))
}

fn queue(library: &str, prefix: Option<&str>) -> Queue {
    queue_named("mail ä", library, prefix)
}

fn queue_named(name: &str, library: &str, prefix: Option<&str>) -> Queue {
    let system = match library {
        "bull" => QueueSystem::Bull,
        _ => QueueSystem::BullMQ,
    };
    stage::queue(system, name, prefix)
}

/// What is written down; Bull's workers do not name their pods.
fn written(stage: &Stage, library: &str) -> Figures {
    let written = stage.written("mail ä");
    Figures {
        pods: written.pods.filter(|_| library != "bull"),
        ..written
    }
}

#[rstest]
fn every_state_of_a_queue_is_what_producers_and_jobs_write_down(
    #[values("bullmq", "bullmq-5", "bull")] library: &str,
) {
    let mut stage = stage(library, None);
    let mail = "mail ä";
    let check = |stage: &Stage| {
        let queue = queue(library, None);
        stage.expect(&queue, &written(stage, library))
    };
    check(&stage);
    let before = stage.read(&queue(library, None)).time;
    stage.push(mail, &["a", "b", "c", "d"]);
    stage.push_with(mail, "urgent", "priority", 1);
    stage.push_with(mail, "low", "priority", 9);
    stage.delay(mail, "later", 3_600);
    let metrics = check(&stage).metrics;
    assert_eq!(metrics.due, Metric::Known(0));
    let oldest = metrics.oldest_at.known();
    assert!(library == "bull" || oldest >= before && oldest <= before.map(|it| it + 60_000));
    // No worker takes it.
    stage.delay("reports", "soon", 5);
    let soon = stage.read(&queue_named("reports", library, None)).metrics;
    assert_eq!(
        (soon.due, soon.delayed),
        (Metric::Known(1), Metric::Known(1))
    );
    // One worker with two jobs, one with one, one with none.
    stage.pause(mail, true);
    assert_eq!(check(&stage).metrics.paused, Metric::Known(1));
    stage.start("pod-1", &[mail], &["2"]);
    stage.start("pod-2", &[mail], &["1"]);
    let both = until("two workers", || {
        let reading = stage.read(&queue(library, None));
        (reading.metrics.live == Metric::Known(2)).then_some(reading)
    });
    assert_eq!(both.metrics.busy, Metric::Known(0));
    check(&stage);
    stage.pause(mail, false);
    until_true("three jobs run", || stage.written(mail).in_flight == 3);
    check(&stage);
    let running = stage.running();
    let first: Vec<&str> = running.iter().map(String::as_str).take(1).collect();
    stage.end(&first, "fail");
    until_true("three jobs run", || stage.written(mail).in_flight == 3);
    check(&stage);
}

#[rstest]
fn the_limits_of_a_queue_are_those_that_its_workers_keep(
    #[values("bullmq", "bullmq-5")] library: &str,
) {
    let mut stage = stage(library, None);
    let mail = "mail ä";
    let limit = |stage: &Stage| stage.read(&queue(library, None)).metrics.limit;
    stage.push(mail, &["a", "b", "c", "d"]);
    assert_eq!(limit(&stage), Metric::Unsupported);
    stage.limit(mail, "rate", 3);
    assert_eq!(limit(&stage), Metric::Known(3));
    stage.limit(mail, "jobs", 2);
    assert_eq!(limit(&stage), Metric::Known(2));
    // Three workers could run all four.
    for pod in ["pod-1", "pod-2", "pod-3"] {
        stage.start(pod, &[mail], &["2"]);
    }
    until_true("three workers, of which two jobs run", || {
        let metrics = stage.read(&queue(library, None)).metrics;
        let known = (metrics.live, metrics.in_flight);
        let running = stage.running().len();
        known == (Metric::Known(3), Metric::Known(2)) && running == 2
    });
}

#[rstest]
fn what_a_killed_worker_held_is_in_flight_and_no_one_is_busy_with_it(
    #[values("bullmq", "bullmq-5", "bull")] library: &str,
) {
    let prefix = Some("{app}");
    let mut stage = stage(library, prefix);
    let mail = "mail ä";
    stage.push(mail, &["a"]);
    stage.start("pod-1", &[mail], &["1"]);
    stage.started("a");
    stage.expect(&queue(library, prefix), &written(&stage, library));
    assert_eq!(
        stage.read(&queue(library, None)).metrics.in_flight,
        Metric::Known(0)
    );
    stage.kill("pod-1");
    // 30 s later.
    let mut redis = stage.redis.connect();
    let locks: Vec<String> = redis.keys("{app}:mail ä:*:lock").unwrap();
    assert_eq!(redis.del(&locks), Ok(1));
    let left = Figures {
        in_flight: 1,
        ..written(&stage, library)
    };
    // The connection is missing in the next list of clients, 10 s after the last one.
    stage.expect(&queue(library, prefix), &left);
}
