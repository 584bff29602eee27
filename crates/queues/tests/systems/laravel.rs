//! Laravel 8 with `queue:work`. `make queues` runs these tests: they need its Debian packages.

use crate::stage::{self, Figures, Stage};
use decide::Metric;
use queues::{Queue, QueueSystem};
use testkit::producer::Programs;
use testkit::wait::until_true;

pub fn stage(prefix: &str) -> Stage {
    Stage::new(Programs::laravel(prefix))
}

fn queue(name: &str, prefix: Option<&str>) -> Queue {
    stage::queue(QueueSystem::Laravel, name, prefix)
}

/// What is written down; `queue:work` names no pods and counts no failures, and its workers are known where one waits.
fn written(stage: &Stage, workers: Option<(i64, i64)>) -> Figures {
    Figures {
        failed: -1,
        pods: None,
        live: workers.map(|(live, _)| live),
        busy: workers.map(|(_, busy)| busy),
        ..stage.written("mail")
    }
}

#[test]
#[ignore = "make queues"]
fn every_state_of_a_queue_is_what_producers_and_jobs_write_down() {
    let mut stage = stage("laravel_database_");
    let check = |stage: &Stage, workers| {
        stage
            .expect(&queue("mail", None), &written(stage, workers))
            .metrics
    };
    stage.push("mail", &["a", "b", "c"]);
    stage.push("video", &["x"]);
    stage.delay("mail", "later", 3_600);
    assert_eq!(check(&stage, None).due, Metric::Known(0));
    // No worker takes it.
    stage.delay("reports", "soon", 5);
    let soon = stage.read(&queue("reports", None)).metrics;
    assert_eq!(
        (soon.due, soon.delayed),
        (Metric::Known(1), Metric::Known(1))
    );
    stage.start("pod-1", &["mail"], &[]);
    stage.start("pod-2", &["mail"], &[]);
    until_true("two jobs run", || stage.running().len() == 2);
    check(&stage, None);
    stage.end(&["a"], "ok");
    stage.end(&["b"], "fail");
    stage.started("c");
    until_true("a worker that waits", || {
        let metrics = stage.read(&queue("mail", None)).metrics;
        metrics.live == Metric::Estimated(2)
    });
    check(&stage, Some((2, 1)));
}

#[test]
#[ignore = "make queues"]
fn a_job_of_a_killed_worker_is_in_flight_until_it_may_run_again() {
    let mut stage = stage("shop-database-");
    stage.push("mail", &["a"]);
    stage.start("pod-1", &["mail"], &[]);
    stage.started("a");
    stage.kill("pod-1");
    let left = Figures {
        in_flight: 1,
        ..written(&stage, None)
    };
    stage.expect(&queue("mail", Some("shop-database-")), &left);
    assert_eq!(
        stage.read(&queue("mail", None)).metrics.in_flight,
        Metric::Known(0)
    );
}
