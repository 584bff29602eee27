//! BullMQ 5 and 6, and Bull 4, their forerunner, whose keys are almost the same.

use crate::queue::{Parsed, QueueOptions, Reader, Reading, Reads};
use crate::reply::{
    Clients, MAX_WORKERS, another_form, checked, count, fields, known, list, name, names, number,
    queued_at, running, soon, time, worker,
};
use crate::system::{Capabilities, ClusterKeys, QueueOption, Support};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decide::{Metric, QueueMetrics};
use redis::{Cmd, Value, cmd};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Exact,
    due: Support::Exact,
    delayed: Support::Exact,
    in_flight: Support::Exact,
    held: Support::Exact,
    paused: Support::Exact,
    workers: Support::Estimated(
        "busy is exact, live up to 10 s old; a worker names its pod by the option name: os.hostname()",
    ),
    cpu: Support::Unsupported("BullMQ's workers do not report it"),
    oldest: Support::Estimated("since it was added, also where it was delayed or has failed"),
    counters: Support::Unsupported("counted only where the workers set the option metrics"),
    drain: Support::Unsupported("BullMQ pauses queues, not workers"),
    idle: Support::Unsupported("a worker waits for jobs while it runs some"),
    sigterm: Support::Estimated("where its program does that"),
    handler: Some(r#"process.on("SIGTERM", () => worker.close())"#),
    grace: Duration::ZERO,
    registration: Duration::from_secs(30), // as long as a lock
    cluster: ClusterKeys::OneSlotByPrefix,
    options: &[QueueOption::KeyPrefix],
};

/// Bull 4.
pub(crate) mod bull {
    use super::{BullMq, Capabilities, QueueOptions, Support};

    pub(crate) const CAPABILITIES: Capabilities = Capabilities {
        workers: Support::Estimated("busy is exact, live up to 10 s old; no worker names its pod"),
        cpu: Support::Unsupported("Bull's workers do not report it"),
        drain: Support::Unsupported("Bull pauses queues, not workers"),
        handler: Some(r#"process.on("SIGTERM", () => queue.close())"#),
        ..super::CAPABILITIES
    };

    pub(crate) fn open(options: &QueueOptions) -> BullMq {
        // It keeps prioritized jobs in the list, too: the sorted set of BullMQ does not exist there.
        super::open(options)
    }
}

/// The most jobs in flight whose workers are read.
const MAX_ACTIVE: usize = 1_000;
/// A score of the delayed jobs is their time, times this.
const SCORE: i64 = 4_096;
/// The settings of a queue that are read: whether it is paused, and what its workers may run together.
const META: [&str; 4] = ["paused", "concurrency", "max", "duration"];

#[derive(Debug)]
pub(crate) struct BullMq {
    /// What all keys begin with.
    base: String,
    /// The name of a worker's connection, and what follows it where the worker has a name.
    client: String,
    reads: Reads,
    /// The name of each live worker; empty where it has none.
    clients: Clients<Vec<String>>,
}

/// What the first read says.
struct First<'a> {
    time: i64,
    ready: i64,
    /// The job that is next in the list.
    oldest: Option<&'a str>,
    in_flight: i64,
    active: Vec<&'a str>,
    delayed: i64,
    failed: i64,
    paused: bool,
    /// How many jobs may run at once.
    concurrency: Option<i64>,
    /// How many jobs may begin within how many milliseconds.
    rate: Option<(i64, i64)>,
    processed: Option<i64>,
}

pub(crate) fn open(options: &QueueOptions) -> BullMq {
    let prefix = options.key_prefix.as_deref().unwrap_or("bull");
    let base = format!("{prefix}:{}:", options.name);
    let key = |kind: &str| format!("{base}{kind}");
    let read = |command: &str, kind: &str| cmd(command).arg(key(kind)).take();
    let range =
        |kind: &str, from: i64, to: usize| cmd("LRANGE").arg(key(kind)).arg(from).arg(to).take();
    let tracked = [
        read("LLEN", "wait"),
        read("LLEN", "paused"),
        read("ZCARD", "prioritized"),
        cmd("HMGET").arg(key("meta")).arg(&META).take(),
    ];
    let [wait, paused, prioritized, meta] = tracked.clone();
    BullMq {
        client: format!("{prefix}:{}", STANDARD.encode(&options.name)),
        reads: Reads {
            wake_keys: ["wait", "paused", "prioritized", "meta"].map(key).to_vec(),
            tracked: tracked.to_vec(),
            first: vec![
                cmd("TIME"),
                wait,
                paused,
                prioritized,
                cmd("LRANGE").arg(key("wait")).arg(-2).arg(-1).take(),
                read("LLEN", "active"),
                range("active", 0, MAX_ACTIVE - 1),
                read("ZCARD", "delayed"),
                read("ZCARD", "failed"),
                meta,
                cmd("HMGET")
                    .arg(key("metrics:completed"))
                    .arg("count")
                    .take(),
            ],
        },
        base,
        clients: Clients::new(),
    }
}

impl Reader for BullMq {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn parse(&self, replies: &mut [Value], queue: usize) -> Result<Parsed, String> {
        self.reads.in_two_rounds(
            replies,
            First::parse,
            |first| self.more(first),
            |first, second| self.reading(first, second, queue),
        )
    }
}

impl<'a> First<'a> {
    fn parse(replies: &'a [Value]) -> Result<Self, String> {
        let [
            now,
            wait,
            paused,
            prioritized,
            next,
            in_flight,
            active,
            delayed,
            failed,
            meta,
            processed,
        ] = checked(replies)?.0;
        let ([is_paused, concurrency, max, duration], [processed]) =
            (fields(meta)?, fields(processed)?);
        let limit = |value| number(value).filter(|limit| *limit > 0);
        // Up to version 4 the list can end with a marker for delayed jobs.
        let next: Vec<Option<&str>> = list(next)?.iter().map(name).collect();
        let is_marker = |id: Option<&str>| id.is_some_and(|id| id.starts_with("0:"));
        let marker = i64::from(next.last().is_some_and(|id| is_marker(*id)));
        let waiting = count(wait)?.saturating_add(count(paused)?);
        Ok(Self {
            time: time(now)?,
            ready: waiting
                .saturating_add(count(prioritized)?)
                .saturating_sub(marker),
            oldest: next.into_iter().rev().find(|id| !is_marker(*id)).flatten(),
            in_flight: count(in_flight)?,
            active: names(active)?,
            delayed: count(delayed)?,
            failed: count(failed)?,
            paused: *is_paused != Value::Nil,
            concurrency: limit(concurrency),
            rate: limit(max).zip(limit(duration)),
            processed: number(processed),
        })
    }

    /// How many jobs run at once at most; `longest` is how long the oldest one has run. Of jobs that end within one
    /// interval of the rate, no more can run than may begin in it; of longer ones, as many for each interval.
    fn limit(&self, longest: Option<i64>) -> Metric {
        let by_rate = self.rate.map(|(max, duration)| {
            let intervals = 1 + longest.unwrap_or(0) / duration;
            max.saturating_mul(intervals)
        });
        let limit = self.concurrency.into_iter().chain(by_rate).min();
        limit.map_or(Metric::Unsupported, Metric::Known)
    }
}

impl BullMq {
    fn more(&self, first: &First) -> Vec<Cmd> {
        let due = soon(first.time)
            .saturating_mul(SCORE)
            .saturating_add(SCORE - 1);
        let of_job = |job: &str, fields: &[&str]| {
            cmd("HMGET")
                .arg(format!("{}{job}", self.base))
                .arg(fields)
                .take()
        };
        let mut more = vec![
            cmd("ZCOUNT")
                .arg(format!("{}delayed", self.base))
                .arg("-inf")
                .arg(due)
                .take(),
            of_job(first.oldest.unwrap_or_default(), &["timestamp"]),
        ];
        if !first.active.is_empty() {
            let lock = |job: &&str| format!("{}{job}:lock", self.base);
            more.push(
                cmd("MGET")
                    .arg(first.active.iter().map(lock).collect::<Vec<_>>())
                    .take(),
            );
            let jobs = first.active.iter();
            more.extend(jobs.map(|job| of_job(job, &["pb", "processedOn"])));
        }
        if self.clients.is_due(first.time) {
            more.push(cmd("CLIENT").arg("LIST").take());
        }
        more
    }

    fn reading(&self, first: &First, second: &[Value], queue: usize) -> Result<Reading, String> {
        let jobs = first.active.len();
        let reads = 2 + jobs + usize::from(jobs > 0);
        let (reads, clients) = second
            .split_at_checked(reads)
            .ok_or_else(|| another_form("its reads"))?;
        let ([due, timestamp], rest) = checked(reads)?;
        let (due, [timestamp]) = (count(due)?, fields(timestamp)?);
        let jobs = match rest {
            [locks, jobs @ ..] => jobs_of(list(locks)?, jobs, first.time)?,
            [] => Vec::new(),
        };
        if jobs.len() != first.active.len() {
            return Err(another_form("MGET"));
        }
        let live = self.clients.update(clients.first(), first.time, |clients| {
            let names = clients.filter_map(|client| self.worker_name(client.field("name")));
            names
                .take(MAX_WORKERS)
                .map(|it| it.chars().take(256).collect())
                .collect()
        });
        let busy = busy_workers(&jobs);
        Ok(Reading {
            workers: rows(
                &busy,
                live.as_deref().unwrap_or_default(),
                queue,
                first.time,
            ),
            time: Some(first.time),
            ..Reading::of(QueueMetrics {
                ready: Metric::Known(first.ready),
                due: Metric::Known(due),
                delayed: Metric::Known(first.delayed),
                in_flight: Metric::Known(first.in_flight),
                // A worker that has begun since the list was read is busy already.
                live: live.map_or(Metric::Unsupported, |live| {
                    known(live.len().max(busy.len()))
                }),
                busy: known(busy.len()),
                oldest_at: queued_at(number(timestamp), first.time),
                processed: first.processed.map_or(Metric::Unsupported, Metric::Known),
                failed: Metric::Known(first.failed),
                paused: Metric::Known(first.paused.into()),
                limit: first.limit(jobs.iter().filter_map(|job| job.millis).max()),
                held: Metric::Known(0),
                ..QueueMetrics::UNSUPPORTED
            })
        })
    }

    /// The name of the worker whose connection this is, empty where it has none; `None` for another connection.
    fn worker_name<'a>(&self, connection: &'a str) -> Option<&'a str> {
        match connection.strip_prefix(&self.client)? {
            "" => Some(""),
            rest => rest.strip_prefix(":w:"),
        }
    }
}

/// A job in flight.
struct Job<'a> {
    /// The token of its lock; `None` where a worker that was killed left it behind.
    token: Option<&'a str>,
    /// The name of its worker.
    name: Option<&'a str>,
    /// For how long it has run.
    millis: Option<i64>,
}

fn jobs_of<'a>(locks: &'a [Value], jobs: &'a [Value], time: i64) -> Result<Vec<Job<'a>>, String> {
    let job = |(lock, job): (&'a Value, &'a Value)| {
        let [worker, began] = fields(job)?;
        Ok(Job {
            token: name(lock),
            name: name(worker),
            millis: running(number(began), time),
        })
    };
    locks.iter().zip(jobs).map(job).collect()
}

/// A worker that holds the lock of a job.
#[derive(Default)]
struct Busy<'a> {
    name: Option<&'a str>,
    jobs: u64,
    /// For how long its oldest job has run.
    millis: Option<i64>,
}

/// The workers that hold a lock, by the part of its token that names the worker.
fn busy_workers<'a>(jobs: &[Job<'a>]) -> BTreeMap<&'a str, Busy<'a>> {
    let mut workers: BTreeMap<&str, Busy> = BTreeMap::new();
    for job in jobs {
        let Some(token) = job.token else { continue };
        let id = token.split(':').next().unwrap_or(token);
        let worker = workers.entry(id).or_default();
        worker.name = worker.name.or(job.name);
        worker.jobs += 1;
        worker.millis = worker.millis.max(job.millis);
    }
    workers
}

/// The busy workers, and those of `live` that are not among them.
fn rows(
    busy: &BTreeMap<&str, Busy>,
    live: &[String],
    queue: usize,
    time: i64,
) -> Vec<decide::victims::Worker> {
    let mut idle: Vec<Option<&str>> = live
        .iter()
        .map(|name| Some(&**name).filter(|it| !it.is_empty()))
        .collect();
    let mut rows = Vec::new();
    for (id, busy) in busy {
        if let Some(at) = idle.iter().position(|name| *name == busy.name) {
            idle.swap_remove(at);
        }
        let mut row = worker(queue, id, busy.name, busy.jobs, time);
        row.report.task_millis = busy.millis;
        rows.push(row);
    }
    rows.extend(idle.into_iter().enumerate().map(|(index, name)| {
        let id = name.map_or_else(|| format!("idle {}", index + 1), str::to_owned);
        worker(queue, &id, name, 0, time)
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{assert_unknown_is_not_zero, bulk, bulks, error, read};
    use crate::{Queue, QueueSystem};

    fn queue() -> Queue {
        Queue::new(QueueSystem::BullMQ, &QueueOptions::named("mail"))
    }

    const CLIENTS: &str = "id=3 addr=10.0.0.1:5 name=bull:bWFpbA==:w:pod-1 flags=b db=0\n\
        id=4 addr=10.0.0.2:5 name=bull:bWFpbA==:w:pod-2 flags=b db=0\n\
        id=5 addr=10.0.0.3:5 name=bull:bWFpbA== flags=b db=0\n\
        id=6 addr=10.0.0.4:5 name=bull:bWFpbA==:qe flags=b db=0\n\
        id=7 addr=10.0.0.5:5 name=bull:b3RoZXI=:w:pod-9 flags=b db=0\n";

    /// One worker with two jobs, one without a name with one, a job of a worker that was killed, and an idle worker.
    fn replies() -> Vec<(&'static str, Value)> {
        vec![
            ("LLEN bull:mail:wait", Value::Int(3)),
            ("ZCARD bull:mail:prioritized", Value::Int(2)),
            (
                "LRANGE bull:mail:wait -2 -1",
                bulks(&["7", "0:1795180000999"]),
            ),
            ("HMGET bull:mail:7 timestamp", bulks(&["1795179990000"])),
            ("LLEN bull:mail:active", Value::Int(4)),
            (
                "LRANGE bull:mail:active 0 999",
                bulks(&["1", "2", "3", "4"]),
            ),
            (
                "MGET bull:mail:1:lock bull:mail:2:lock bull:mail:3:lock bull:mail:4:lock",
                bulks(&["u-1:1", "u-1:2", "u-2:1", ""]),
            ),
            (
                "HMGET bull:mail:1 pb processedOn",
                bulks(&["pod-1", "1795179990123"]),
            ),
            (
                "HMGET bull:mail:2 pb processedOn",
                bulks(&["pod-1", "1795179970123"]),
            ),
            (
                "HMGET bull:mail:4 pb processedOn",
                bulks(&["pod-3", "1795170000000"]),
            ),
            ("ZCARD bull:mail:delayed", Value::Int(5)),
            (
                "ZCOUNT bull:mail:delayed -inf 7353057321467903",
                Value::Int(1),
            ),
            ("HMGET bull:mail:metrics:completed count", bulks(&["9"])),
            ("CLIENT LIST", bulk(CLIENTS)),
        ]
    }

    #[test]
    fn a_recorded_queue_is_read() {
        let Reading {
            metrics, workers, ..
        } = read(&queue(), &replies()).expect("readable");
        assert_eq!(
            metrics,
            QueueMetrics {
                ready: Metric::Known(4),
                due: Metric::Known(1),
                delayed: Metric::Known(5),
                in_flight: Metric::Known(4),
                held: Metric::Known(0),
                paused: Metric::Known(0),
                live: Metric::Known(3),
                busy: Metric::Known(2),
                oldest_at: Metric::Known(1_795_179_990_000),
                processed: Metric::Known(9),
                failed: Metric::Known(0),
                ..QueueMetrics::UNSUPPORTED
            }
        );
        let rows = workers
            .iter()
            .map(|row| (row.pod.as_deref(), row.report.tasks, row.report.task_millis));
        let expected = [
            (Some("pod-1"), 2, Some(30_000)),
            (None, 1, None),
            (Some("pod-2"), 0, None),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[rstest::rstest]
    #[case(["", "2", "", ""], Metric::Known(2))]
    #[case(["", "", "5", "60000"], Metric::Known(5))]
    #[case(["", "9", "5", "60000"], Metric::Known(5))]
    // The oldest job has run for 30 s: those of four intervals may run together.
    #[case(["", "", "5", "10000"], Metric::Known(20))]
    #[case(["", "", "5", ""], Metric::Unsupported)]
    #[case(["", "0", "-1", "0"], Metric::Unsupported)]
    #[case(["1", "many", "", ""], Metric::Unsupported)]
    fn the_limit_of_a_queue_is_that_of_jobs_at_once(
        #[case] meta: [&str; 4],
        #[case] limit: Metric,
    ) {
        let mut replies = replies();
        replies.retain(|(line, _)| !line.ends_with("bull:mail:4 pb processedOn"));
        replies.push((
            "HMGET bull:mail:meta paused concurrency max duration",
            bulks(&meta),
        ));
        let metrics = read(&queue(), &replies).expect("readable").metrics;
        assert_eq!(metrics.limit, limit);
    }

    #[test]
    fn without_the_right_to_list_clients_only_the_live_workers_are_unknown() {
        let mut replies = replies();
        replies.retain(|(line, _)| *line != "CLIENT LIST");
        let refused =
            error("NOPERM User reader has no permissions to run the 'client|list' command");
        replies.push(("CLIENT LIST", refused));
        let metrics = read(&queue(), &replies).expect("readable").metrics;
        assert_eq!(
            (metrics.live, metrics.busy),
            (Metric::Unsupported, Metric::Known(2))
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_zero() {
        assert_unknown_is_not_zero(queue, &replies());
    }
}
