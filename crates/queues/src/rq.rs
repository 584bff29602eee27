//! RQ 2 and 3: lists, registries by expiry, and one hash per worker. The replies were recorded from RQ 3.0.

use crate::queue::{Parsed, QueueOptions, Reader, Reading, Reads};
use crate::reply::{
    checked, count, fields, known, name, number, queued_at, seconds, soon, text, time, worker,
    workers,
};
use crate::system::{Capabilities, ClusterKeys, QueueOption, Support};
use decide::victims::{Activity, Worker};
use decide::{Metric, QueueMetrics};
use redis::{Cmd, Value, cmd};
use std::time::Duration;

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Exact,
    due: Support::Exact,
    delayed: Support::Exact,
    in_flight: Support::Exact,
    held: Support::Exact,
    paused: Support::Exact,
    workers: Support::Estimated(
        "exact; a worker that was killed counts until RQ forgets it, busy for 90 s and idle for 8 min",
    ),
    cpu: Support::Unsupported("RQ's workers do not report it"),
    oldest: Support::Exact,
    counters: Support::Estimated(
        "what the living workers have processed since their start, where each serves one queue",
    ),
    drain: Support::Unsupported("a command can only end RQ's workers, and their pods restart them"),
    idle: Support::Exact,
    // An idle one reports every 405 s.
    registration: Duration::from_mins(8),
    sigterm: Support::Exact,
    handler: None,
    grace: Duration::ZERO,
    cluster: ClusterKeys::OneSlotByPrefix,
    options: &[QueueOption::KeyPrefix],
};

#[derive(Debug)]
pub(crate) struct Rq {
    prefix: String,
    reads: Reads,
    wip: String,
    scheduled: String,
}

/// The replies to the first read that are numbers, and where the second read continues.
struct First<'a> {
    time: i64,
    ready: i64,
    intermediate: i64,
    oldest: Option<&'a str>,
    scheduled: i64,
    failed: i64,
    paused: bool,
    /// The keys of the workers' hashes.
    workers: Vec<&'a str>,
}

/// The fields of a worker's hash that are read.
const FIELDS: [&str; 8] = [
    "state",
    "hostname",
    "death",
    "shutdown_requested_date",
    "successful_job_count",
    "total_working_time",
    "queues",
    // Written every 30 s while a job runs.
    "current_job_working_time",
];

pub(crate) fn open(options: &QueueOptions) -> Rq {
    let prefix = options
        .key_prefix
        .clone()
        .unwrap_or_else(|| "rq".to_owned());
    let key = |kind: &str| format!("{prefix}:{kind}:{}", options.name);
    let queue = key("queue");
    let read = |command: &str, key: &str| cmd(command).arg(key).take();
    let length = read("LLEN", &queue);
    Rq {
        reads: Reads {
            wake_keys: vec![queue.clone()],
            tracked: vec![length.clone()],
            first: vec![
                cmd("TIME"),
                length.clone(),
                read("LLEN", &format!("{queue}:intermediate")),
                cmd("LINDEX").arg(&queue).arg(0).take(),
                read("ZCARD", &key("scheduled")),
                read("ZCARD", &key("failed")),
                read("EXISTS", &format!("{prefix}:suspended")),
                read("SMEMBERS", &key("workers")),
            ],
        },
        wip: key("wip"),
        scheduled: key("scheduled"),
        prefix,
    }
}

impl Reader for Rq {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn shares_workers(&self) -> bool {
        true
    }

    fn parse(&self, replies: &mut [Value], queue: usize) -> Result<Parsed, String> {
        self.reads.in_two_rounds(
            replies,
            |replies| self.first(replies),
            |first| self.more(first),
            |first, second| first.reading(second, queue),
        )
    }
}

impl Rq {
    fn first<'a>(&self, replies: &'a [Value]) -> Result<First<'a>, String> {
        let [
            now,
            ready,
            intermediate,
            oldest,
            scheduled,
            failed,
            paused,
            members,
        ] = checked(replies)?.0;
        // A member of the set is a key: one of another kind is no worker.
        let prefix = format!("{}:worker:", self.prefix);
        let keys = workers(members)?.into_iter();
        Ok(First {
            time: time(now)?,
            ready: count(ready)?,
            intermediate: count(intermediate)?,
            oldest: name(oldest),
            scheduled: count(scheduled)?,
            failed: count(failed)?,
            paused: count(paused)? > 0,
            workers: keys.filter(|key| key.starts_with(&prefix)).collect(),
        })
    }

    fn more(&self, first: &First) -> Vec<Cmd> {
        let job = format!("{}:job:{}", self.prefix, first.oldest.unwrap_or_default());
        let between =
            |key: &str, from: &str, to: &str| cmd("ZCOUNT").arg(key).arg(from).arg(to).take();
        let mut more = vec![
            // A score is the end of a lease: what dead workers held lies below.
            between(&self.wip, &seconds(first.time), "+inf"),
            between(&self.wip, "-inf", &format!("({}", seconds(first.time))),
            between(&self.scheduled, "-inf", &seconds(soon(first.time))),
            cmd("HGET").arg(job).arg("enqueued_at").take(),
        ];
        more.extend(
            first
                .workers
                .iter()
                .map(|key| cmd("HMGET").arg(*key).arg(&FIELDS).take()),
        );
        more
    }
}

impl First<'_> {
    fn reading(&self, second: &[Value], queue: usize) -> Result<Reading, String> {
        let ([wip, left, due, enqueued_at], hashes) = checked(second)?;
        let mut sum = Registry::default();
        for (key, hash) in self.workers.iter().zip(hashes) {
            let id = key.split_once(":worker:").map_or(*key, |(_, id)| id);
            sum.add(id, fields(hash)?, queue, self.time);
        }
        let (mut wip, left, due) = (count(wip)?, count(left)?, count(due)?);
        if sum.workers.is_empty() {
            // A worker that starts tries it again, or has it fail: without one, no one does.
            wip = wip.saturating_add(left);
        }
        let counted = |count| {
            if sum.mixed {
                return Metric::Unsupported;
            }
            Metric::Estimated(count)
        };
        let enqueued_at = text(enqueued_at).and_then(|at| at.parse::<jiff::Timestamp>().ok());
        Ok(Reading {
            workers: sum.workers,
            time: Some(self.time),
            ..Reading::of(QueueMetrics {
                ready: Metric::Known(self.ready),
                due: Metric::Known(due),
                delayed: Metric::Known(self.scheduled),
                in_flight: Metric::Known(wip.saturating_add(self.intermediate)),
                live: known(sum.live),
                busy: known(sum.busy),
                slots: known(sum.live),
                slots_in_use: known(sum.busy),
                oldest_at: queued_at(enqueued_at.map(jiff::Timestamp::as_millisecond), self.time),
                processed: counted(sum.processed),
                failed: Metric::Known(self.failed),
                busy_millis: counted(sum.millis),
                paused: Metric::Known(self.paused.into()),
                held: Metric::Known(0),
                ..QueueMetrics::UNSUPPORTED
            })
        })
    }
}

/// What the workers' hashes add up to.
#[derive(Default)]
struct Registry {
    workers: Vec<Worker>,
    live: usize,
    busy: usize,
    processed: i64,
    millis: i64,
    /// Whether what they have processed is of several queues.
    mixed: bool,
}

impl Registry {
    /// Adds a worker, unless its hash has expired or says that it has ended.
    fn add(&mut self, id: &str, hash: &[Value; FIELDS.len()], queue: usize, time: i64) {
        let [
            state,
            host,
            death,
            shutdown,
            successful,
            working,
            queues,
            running,
        ] = hash;
        let Some(state) = text(state).filter(|_| *death == Value::Nil) else {
            return;
        };
        let busy = state == "busy";
        let mut row = worker(queue, id, name(host), busy.into(), time);
        row.report.task_millis = Some(span(running)).filter(|_| busy);
        // It ends after its job, and takes no other one.
        if *shutdown == Value::Nil {
            self.live += 1;
            self.busy += usize::from(busy);
        } else {
            row.report.activity = Activity::Draining;
        }
        self.workers.push(row);
        self.mixed |= text(queues).is_none_or(|queues| queues.contains(','));
        self.processed = self
            .processed
            .saturating_add(number(successful).unwrap_or(0));
        self.millis = self.millis.saturating_add(span(working));
    }
}

/// Milliseconds of seconds with a fraction; absent ones are none.
fn span(seconds: &Value) -> i64 {
    let seconds: f64 = text(seconds).and_then(|it| it.parse().ok()).unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let millis = (seconds * 1000.0) as i64;
    millis.max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{NOW, assert_unknown_is_not_zero, bulk, bulks, read};
    use crate::{Queue, QueueSystem};

    fn queue() -> Queue {
        Queue::new(QueueSystem::RQ, &QueueOptions::named("mail"))
    }

    /// The reply about a worker; `-` is an absent field.
    fn worker(id: &str, hash: &str) -> (&'static str, Value) {
        let line = format!("HMGET rq:worker:{id} {}", FIELDS.join(" "));
        let hash: Vec<&str> = hash.split(' ').map(|it| it.trim_matches('-')).collect();
        (line.leak(), bulks(&hash))
    }

    /// Two jobs wait, one is between the lists, two run; of five workers one has ended, one ends after its job, and the
    /// hash of one has expired.
    fn replies() -> Vec<(&'static str, Value)> {
        let workers = "rq:worker:a rq:worker:b rq:worker:c rq:worker:d rq:worker:e secret";
        let workers: Vec<&str> = workers.split(' ').collect();
        vec![
            ("LLEN rq:queue:mail", Value::Int(2)),
            ("LLEN rq:queue:mail:intermediate", Value::Int(1)),
            ("LINDEX rq:queue:mail 0", bulk("job-1")),
            (
                "HGET rq:job:job-1 enqueued_at",
                bulk("2026-11-20T13:06:39.500000Z"),
            ),
            ("ZCOUNT rq:wip:mail 1795180000.123 +inf", Value::Int(2)),
            ("ZCOUNT rq:wip:mail -inf (1795180000.123", Value::Int(8)),
            ("ZCARD rq:scheduled:mail", Value::Int(4)),
            (
                "ZCOUNT rq:scheduled:mail -inf 1795180010.123",
                Value::Int(1),
            ),
            ("ZCARD rq:failed:mail", Value::Int(3)),
            ("SMEMBERS rq:workers:mail", bulks(&workers)),
            worker("a", "busy pod-1 - - 7 1.5 mail 61.25"),
            worker("b", "idle pod-2 - - - - mail 0"),
            worker("c", "busy pod-3 - 2026-11-20T13:06:39.5Z 1 0.5 mail -"),
            worker("d", "idle pod-4 2026-11-20T13:06:39.5Z - 9 9 mail 0"),
        ]
    }

    #[test]
    fn a_recorded_queue_is_read() {
        let Reading {
            metrics,
            workers,
            time,
            ..
        } = read(&queue(), &replies()).expect("readable");
        assert_eq!(
            metrics,
            QueueMetrics {
                ready: Metric::Known(2),
                due: Metric::Known(1),
                delayed: Metric::Known(4),
                in_flight: Metric::Known(3),
                held: Metric::Known(0),
                paused: Metric::Known(0),
                live: Metric::Known(2),
                busy: Metric::Known(1),
                slots: Metric::Known(2),
                slots_in_use: Metric::Known(1),
                oldest_at: Metric::Known(1_795_179_999_500),
                processed: Metric::Estimated(8),
                failed: Metric::Known(3),
                busy_millis: Metric::Estimated(2_000),
                ..QueueMetrics::UNSUPPORTED
            }
        );
        assert_eq!(time, Some(NOW));
        let rows = workers.iter().map(|row| {
            let report = row.report;
            (row.pod.as_deref(), report.activity, report.task_millis)
        });
        assert_eq!(
            rows.collect::<Vec<_>>(),
            [
                (Some("pod-1"), Activity::Busy, Some(61_250)),
                (Some("pod-2"), Activity::Idle, None),
                (Some("pod-3"), Activity::Draining, Some(0)),
            ]
        );
    }

    #[test]
    fn what_dead_workers_left_is_in_flight_once_no_worker_lives() {
        let mut replies = replies();
        for (command, reply) in &mut replies {
            if command.starts_with("SMEMBERS") {
                *reply = bulks(&[]);
            }
        }
        replies.retain(|(command, _)| !command.starts_with("HMGET"));
        let metrics = read(&queue(), &replies).expect("readable").metrics;
        assert_eq!(metrics.in_flight, Metric::Known(11));
    }

    #[test]
    fn what_cannot_be_read_is_not_zero() {
        assert_unknown_is_not_zero(queue, &replies());
    }
}
