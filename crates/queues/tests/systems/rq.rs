//! RQ 3.

use crate::stage::{self, Stage};
use decide::Metric;
use queues::{Queue, QueueSystem};
use redis::Commands;
use testkit::producer::Programs;
use testkit::wait::until_true;

pub fn stage(prefix: Option<&str>) -> Stage {
    let programs = Programs::rq(env!("CARGO_TARGET_TMPDIR"));
    Stage::new(programs.with("RQ_KEY_PREFIX", prefix))
}

fn queue(name: &str, prefix: Option<&str>) -> Queue {
    stage::queue(QueueSystem::RQ, name, prefix)
}

#[test]
fn every_state_of_a_queue_is_what_producers_and_jobs_write_down() {
    let mut stage = stage(None);
    let (mail, video) = (queue("mail", None), queue("video", None));
    stage.check(&mail);
    let before = stage.read(&mail).time;
    stage.push("mail", &["a", "b", "c", "d"]);
    stage.push("video", &["x", "y"]);
    stage.delay("mail", "later", 3_600);
    let oldest = stage.check(&mail).metrics.oldest_at.known();
    assert!(
        oldest >= before && oldest <= stage.read(&mail).time,
        "{oldest:?}"
    );
    // Two workers of one queue, one of both, and all but one hold a job.
    stage.start("pod-1", &["mail"], &[]);
    stage.start("pod-2", &["mail", "video"], &[]);
    stage.started("a");
    stage.started("b");
    stage.check(&mail);
    stage.end(&["a"], "fail");
    stage.end(&["b"], "ok");
    stage.started("c");
    stage.started("d");
    stage.check(&mail);
    stage.end(&["c", "d"], "ok");
    stage.started("x");
    let reading = stage.check(&mail);
    let video_now = stage.check(&video);
    // One of the workers counts the jobs of both queues together.
    assert_eq!(reading.metrics.processed, Metric::Unsupported);
    assert_eq!(video_now.metrics.due, Metric::Known(0));
    assert_eq!(video_now.metrics.slots, Metric::Known(1));
}

#[test]
fn a_prefix_a_paused_queue_and_due_jobs_are_read() {
    let prefix = Some("{app}:rq");
    let mut stage = stage(prefix);
    let mail = queue("mail", prefix);
    stage.push("mail", &["a"]);
    stage.delay("mail", "soon", 5);
    stage.delay("mail", "later", 3_600);
    stage.pause("mail", true);
    let metrics = stage.check(&mail).metrics;
    let known = |metric: Metric| metric.known();
    assert_eq!(
        (known(metrics.paused), known(metrics.due)),
        (Some(1), Some(1))
    );
    assert_eq!(
        stage.read(&queue("mail", None)).metrics.ready,
        Metric::Known(0)
    );
    stage.pause("mail", false);
    assert_eq!(stage.read(&mail).metrics.paused, Metric::Known(0));
}

#[test]
fn what_a_killed_worker_held_is_in_flight_until_its_lease_ends() {
    let mut stage = stage(None);
    let mail = queue("mail", None);
    stage.start("pod-1", &["mail"], &[]);
    stage.start("pod-2", &["mail"], &[]);
    stage.push("mail", &["first"]);
    stage.end(&["first"], "ok");
    until_true("one processed job", || {
        let processed = stage.read(&mail).metrics.processed;
        processed == Metric::Estimated(1)
    });
    stage.push("mail", &["a"]);
    let killed = stage.started("a");
    // Both are registered, one of them idle.
    stage.check(&mail);
    let with_ghost = stage.written("mail");
    stage.kill(&killed);
    stage.expect(&mail, &with_ghost);
    // 90 s later.
    let mut redis = stage.redis.connect();
    let leases: Vec<String> = redis.zrange("rq:wip:mail", 0, -1).unwrap();
    let _: i64 = redis.zadd("rq:wip:mail", &leases[0], 1).unwrap();
    for key in redis.smembers::<_, Vec<String>>("rq:workers:mail").unwrap() {
        if redis.hget::<_, _, String>(&key, "hostname").unwrap() == killed {
            let _: i64 = redis.del(&key).unwrap();
        }
    }
    let mut left = stage.written("mail");
    (left.in_flight, left.busy) = (0, Some(0));
    stage.expect(&mail, &left);
}
