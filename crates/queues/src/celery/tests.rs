//! What is read of a broker whose workers answer as they are scripted.

use crate::recorded::{answer, bulk, bulks, error, question};
use crate::{Queue, QueueOptions, QueueSystem, Reading};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use decide::Metric;
use redis::Value;
use serde_json::json;
use std::cell::RefCell;

/// A queue `mail` of a broker.
struct Broker {
    queue: Queue,
    /// How many workers listen, and the command that Redis refuses.
    listeners: i64,
    refused: &'static str,
    /// The ticket and the method of each question that was asked last.
    asked: RefCell<Vec<(String, String)>>,
}

impl Broker {
    fn new(listeners: i64, refused: &'static str) -> Self {
        Self {
            queue: Queue::new(QueueSystem::Celery, &QueueOptions::named("mail")),
            listeners,
            refused,
            asked: RefCell::default(),
        }
    }

    /// Polls at `millis`, when there are these answers.
    fn poll(&self, millis: i64, answers: &[Value]) -> Reading {
        let asked = RefCell::new(Vec::new());
        let reading = answer(&self.queue, |command, line| {
            match line.split(' ').next().unwrap_or_default() {
                word if word == self.refused => error("NOPERM no right"),
                "TIME" => bulks(&[
                    &(millis / 1_000).to_string(),
                    &(millis % 1_000 * 1_000).to_string(),
                ]),
                "CLIENT" => bulk("id=1 db=0"),
                "LRANGE" => Value::Array(answers.to_vec()),
                "PUBLISH" => {
                    asked.borrow_mut().push(question(command));
                    Value::Int(self.listeners)
                }
                _ => Value::Int(0),
            }
        });
        let asked = asked.into_inner();
        if !asked.is_empty() {
            *self.asked.borrow_mut() = asked;
        }
        reading.expect("a readable queue")
    }

    /// The answers of `worker` to the questions that were asked last.
    fn answers(&self, worker: &str, says: impl Fn(&str) -> serde_json::Value) -> Vec<Value> {
        let asked = self.asked.borrow();
        let answer = |(ticket, method): &(String, String)| {
            let body = BASE64_STANDARD.encode(json!({worker: says(method)}).to_string());
            bulk(&json!({"headers": {"ticket": ticket}, "body": body}).to_string())
        };
        asked.iter().map(answer).collect()
    }
}

/// A worker without a task.
fn idle(method: &str) -> serde_json::Value {
    match method {
        "active_queues" => json!([{"name": "mail", "routing_key": "mail"}]),
        "stats" => json!({"pool": {"max-concurrency": 4}, "total": {}}),
        _ => json!([]),
    }
}

/// One that takes tasks from no queue.
fn drained(method: &str) -> serde_json::Value {
    match method {
        "active_queues" => json!([]),
        other => idle(other),
    }
}

fn task() -> serde_json::Value {
    json!({"delivery_info": {"routing_key": "mail"}})
}

#[test]
fn a_worker_that_is_silent_is_counted_and_one_that_drains_is_not() {
    let broker = Broker::new(3, "");
    broker.poll(1_000, &[]);
    let busy = |method: &str| match method {
        "active" | "reserved" => json!([task()]),
        "scheduled" => json!([
            {"eta": "1970-01-01T00:00:12", "request": task()},
            {"eta": "1970-01-01T00:00:13", "request": task()},
        ]),
        other => idle(other),
    };
    let answers = [broker.answers("w@a", busy), broker.answers("w@b", drained)];
    let metrics = broker.poll(2_000, &answers.concat()).metrics;
    let about = Metric::Estimated;
    assert_eq!(
        (
            metrics.in_flight,
            metrics.held,
            metrics.delayed,
            metrics.due,
            metrics.held_delayed
        ),
        (about(1), about(1), about(2), about(1), about(1))
    );
    assert_eq!(
        (metrics.live, metrics.busy, metrics.slots),
        (about(2), about(2), about(5))
    );
}

#[test]
fn a_worker_with_a_task_that_it_has_not_begun_is_busy() {
    let broker = Broker::new(1, "");
    broker.poll(1_000, &[]);
    let held = |method: &str| match method {
        "reserved" => json!([task()]),
        other => idle(other),
    };
    let metrics = broker.poll(1_100, &broker.answers("w@a", held)).metrics;
    assert_eq!(
        (metrics.live, metrics.busy, metrics.held),
        (Metric::Known(1), Metric::Known(1), Metric::Known(1))
    );
}

#[test]
fn workers_that_cannot_be_asked_are_unknown() {
    for refused in ["PUBLISH", "LRANGE", "RPUSH"] {
        let broker = Broker::new(1, refused);
        let reading = broker.poll(1_000, &[]);
        assert_eq!(reading.metrics.live, Metric::Unavailable, "{refused}");
        assert!(reading.unavailable.is_some(), "{refused}");
    }
}

#[test]
fn answers_that_wait_to_be_read_are_not_late() {
    let broker = Broker::new(1, "");
    broker.poll(1_000, &[]);
    let answers = broker.answers("w@a", idle);
    let others = vec![bulk("of another round"); 2_048];
    let first = broker.poll(2_000, &others);
    assert_eq!(
        (first.metrics.live, first.unread),
        (Metric::Unavailable, true)
    );
    let second = broker.poll(2_100, &answers);
    assert_eq!(
        (second.metrics.live, second.unread),
        (Metric::Known(1), false)
    );
}
