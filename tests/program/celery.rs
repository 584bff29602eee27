//! A pool of Celery's own workers at zero, and a task that is sent with a `countdown`: the worker that it starts holds it
//! until it is due.

use crate::Operator;
use crate::deployments::{Deployments, Tasks, pool};
use redis::Commands;
use serde_json::json;
use std::time::Instant;
use testkit::local::until;
use testkit::producer::Programs;
use testkit::redis::RedisServer;

/// Longer than the operator looks ahead, and than a worker takes to start.
const COUNTDOWN: u32 = 30;
const POOL: &str = "mail";

fn replicas(scales: &[(Instant, i32)]) -> Vec<i32> {
    scales.iter().map(|it| it.1).collect()
}

#[test]
fn a_worker_that_holds_a_task_until_it_is_due_is_not_scaled_to_zero() {
    let (broker, notes) = (RedisServer::start(), RedisServer::start());
    let programs = Programs::celery(env!("CARGO_TARGET_TMPDIR"));
    let spec = json!({
        "minReplicas": 0, "maxReplicas": 3, "redis": {"address": broker.url()},
        "queues": [{"name": POOL, "system": "Celery"}],
        "target": {"tasksPerWorker": 1}, "scaleDown": {"idleFor": "1s"},
    });
    let deployments = Deployments::start(vec![pool(POOL, spec)]);
    deployments.create(POOL, Tasks::OfOthers, broker.port(), 0);
    let _operator = Operator::start(&deployments.api);
    deployments.wait_for_operator();
    let task = json!({"do": "push", "queue": POOL, "job": "a", "delay": COUNTDOWN});
    programs.produce(&broker, &notes).ask(&task);
    let pod = deployments.until(POOL, "the first pod", |it| {
        let first = it.pods.first();
        first.map(|name| (*name).clone())
    });
    let _worker = programs.work(&pod, &[POOL], &broker, &notes);
    let count = |list: &str| -> usize { notes.connect().llen(list).unwrap() };
    deployments.until(POOL, "the start of the task", |it| {
        let path = replicas(it.scales);
        assert_eq!(path, [0, 1], "{:?}", it.decisions.last());
        (count("started") == 1).then_some(())
    });
    let _: i64 = notes.connect().rpush("end:a", "ok").unwrap();
    until("the end of the task", || {
        (count("ended") == 1).then_some(())
    });
    deployments.until(POOL, "no replica", |it| {
        (replicas(it.scales) == [0, 1, 0]).then_some(())
    });
}
