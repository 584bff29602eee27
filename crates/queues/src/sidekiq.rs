//! Sidekiq 6, 7 and 8: a list per queue, sorted sets for all queues together, and a hash per process that is written every
//! 5 s (6) or 10 s (7 and 8). The replies were recorded from Sidekiq 6.4.

mod signals;

use crate::queue::{Drain, DrainRequest, Parsed, QueueOptions, Reader, Reading, Reads};
use crate::reply::{
    another_form, checked, count, fields, known, list, millis, number, queued_at, running, seconds,
    soon, text, time, worker, workers,
};
use crate::system::{Capabilities, ClusterKeys, QueueOption, Support};
use decide::victims::{Activity, Worker};
use decide::{Metric, QueueMetrics};
use redis::{Cmd, Value, cmd};
use serde::Deserialize;
use signals::Signals;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const BEAT: Support =
    Support::Estimated("up to 5 s old (Sidekiq 6) or 10 s (7 and 8), as the processes report it");

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Exact,
    due: Support::Estimated("exact up to 100 jobs of all queues"),
    delayed: Support::Estimated("of all queues together"),
    in_flight: BEAT,
    held: Support::Exact,
    paused: Support::Exact,
    workers: BEAT,
    cpu: Support::Unsupported("Sidekiq's processes do not report it"),
    oldest: Support::Exact,
    counters: Support::Unsupported("counted for all queues together"),
    drain: Support::Estimated(
        "seen 10 s later (Sidekiq 6) or 20 s (7 and 8); a process that is quiet cannot resume, and is asked to end",
    ),
    idle: Support::Exact,
    registration: Duration::from_mins(1),
    sigterm: Support::Estimated("within its own timeout; else it gives the job back"),
    handler: None,
    // Its timeout, and 5 s more.
    grace: Duration::from_secs(30),
    cluster: ClusterKeys::SeveralSlots("Sidekiq does not support it"),
    options: &[QueueOption::KeyPrefix],
};

/// The most jobs whose time has come that are read.
const MAX_DUE: usize = 100;
/// How many replies the second read has for each process.
const PER_PROCESS: usize = 3;
#[derive(Debug)]
pub(crate) struct Sidekiq {
    name: String,
    prefix: String,
    reads: Reads,
    signals: Mutex<Signals>,
}

/// What the first read says.
struct First<'a> {
    time: i64,
    ready: i64,
    oldest: Metric,
    processes: Vec<&'a str>,
    delayed: i64,
    paused: bool,
}

/// The fields of a job that are read.
#[derive(Deserialize)]
struct Job {
    queue: Option<String>,
    enqueued_at: Option<f64>,
    /// When it began, where it runs.
    run_at: Option<f64>,
}

/// What a process says of itself.
#[derive(Deserialize)]
struct Info {
    hostname: Option<String>,
    #[serde(default)]
    concurrency: u32,
    #[serde(default)]
    queues: Vec<String>,
}

pub(crate) fn open(options: &QueueOptions) -> Sidekiq {
    let prefix = options.key_prefix.clone().unwrap_or_default();
    let key = |name: &str| format!("{prefix}{name}");
    let read = |command: &str, name: &str| cmd(command).arg(key(name)).take();
    let queue = key(&format!("queue:{}", options.name));
    let length = cmd("LLEN").arg(&queue).take();
    Sidekiq {
        reads: Reads {
            wake_keys: vec![queue.clone()],
            tracked: vec![length.clone()],
            first: vec![
                cmd("TIME"),
                length.clone(),
                cmd("LINDEX").arg(&queue).arg(-1).take(),
                read("SMEMBERS", "processes"),
                read("ZCARD", "schedule"),
                read("ZCARD", "retry"),
                cmd("SISMEMBER")
                    .arg(key("paused"))
                    .arg(&options.name)
                    .take(),
            ],
        },
        name: options.name.clone(),
        prefix,
        signals: Mutex::default(),
    }
}

impl Reader for Sidekiq {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn shares_workers(&self) -> bool {
        true
    }

    fn parse(&self, replies: &mut [Value], queue: usize) -> Result<Parsed, String> {
        self.reads.in_two_rounds(
            replies,
            First::parse,
            |first| self.more(first),
            |first, second| self.reading(first, second, queue),
        )
    }

    fn drain(&self) -> Option<&dyn Drain> {
        Some(self)
    }
}

impl Drain for Sidekiq {
    fn request(&self, id: &str, drain: bool, _: &[&str]) -> DrainRequest {
        let key = format!("{}{id}-signals", self.prefix);
        let commands = self.signals().next(id, drain).map(|signal| {
            let expiry = cmd("EXPIRE").arg(&key).arg(signals::EXPIRY).take();
            [cmd("LPUSH").arg(&key).arg(signal).take(), expiry]
        });
        DrainRequest::Commands(commands.into_iter().flatten().collect())
    }

    fn requested(&self, id: &str, drain: bool) {
        self.signals().requested(id, drain);
    }
}

impl<'a> First<'a> {
    fn parse(replies: &'a [Value]) -> Result<Self, String> {
        let [now, ready, oldest, processes, schedule, retry, paused] = checked(replies)?.0;
        let time = time(now)?;
        let oldest = text(oldest).and_then(|job| serde_json::from_str::<Job>(job).ok());
        let enqueued_at = oldest.and_then(|job| job.enqueued_at).and_then(millis);
        Ok(Self {
            time,
            ready: count(ready)?,
            oldest: queued_at(enqueued_at, time),
            processes: workers(processes)?,
            delayed: count(schedule)?.saturating_add(count(retry)?),
            paused: count(paused)? > 0,
        })
    }
}

impl Sidekiq {
    fn signals(&self) -> MutexGuard<'_, Signals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn more(&self, first: &First) -> Vec<Cmd> {
        let until = seconds(soon(first.time));
        let due = |set: &str| {
            cmd("ZRANGEBYSCORE")
                .arg(format!("{}{set}", self.prefix))
                .arg("-inf")
                .arg(&until)
                .arg("LIMIT")
                .arg(0)
                .arg(MAX_DUE)
                .take()
        };
        let mut more = vec![due("schedule"), due("retry")];
        for process in &first.processes {
            let key = format!("{}{process}", self.prefix);
            more.push(
                cmd("HMGET")
                    .arg(&key)
                    .arg(&["info", "busy", "quiet"])
                    .take(),
            );
            // The name since 7, and the one before.
            more.push(cmd("HVALS").arg(format!("{key}:work")).take());
            more.push(cmd("HVALS").arg(format!("{key}:workers")).take());
        }
        more
    }

    fn reading(&self, first: &First, second: &[Value], queue: usize) -> Result<Reading, String> {
        let ([schedule, retry], rest) = checked(second)?;
        let due = self.due(schedule)?.plus(self.due(retry)?);
        let (processes, _) = rest.as_chunks::<PER_PROCESS>();
        let mut sum = Processes::default();
        let mut signals = self.signals();
        signals.begin(first.time);
        for (id, replies) in first.processes.iter().zip(processes) {
            sum.add(id, replies, &self.name, queue, &mut signals)?;
        }
        Ok(Reading {
            workers: sum.workers,
            time: Some(first.time),
            ..Reading::of(QueueMetrics {
                ready: Metric::Known(first.ready),
                due,
                delayed: Metric::Estimated(first.delayed),
                in_flight: Metric::Estimated(sum.in_flight),
                live: Metric::Estimated(sum.live),
                busy: Metric::Estimated(sum.busy),
                slots: Metric::Estimated(sum.slots),
                slots_in_use: Metric::Estimated(sum.in_use),
                oldest_at: first.oldest,
                paused: Metric::Known(first.paused.into()),
                held: Metric::Known(0),
                ..QueueMetrics::UNSUPPORTED
            })
        })
    }

    /// How many of the jobs whose time has come are of this queue.
    fn due(&self, jobs: &Value) -> Result<Metric, String> {
        let jobs = list(jobs)?;
        let is_ours = |job: &&Value| {
            let job = text(job).and_then(|job| serde_json::from_str::<Job>(job).ok());
            job.is_some_and(|job| job.queue.as_deref() == Some(&*self.name))
        };
        let ours = jobs.iter().filter(is_ours).count();
        Ok(match known(ours) {
            Metric::Known(ours) if jobs.len() >= MAX_DUE => Metric::Estimated(ours),
            exact => exact,
        })
    }
}

/// What the processes of a queue add up to.
#[derive(Default)]
struct Processes {
    workers: Vec<Worker>,
    in_flight: i64,
    live: i64,
    busy: i64,
    slots: i64,
    in_use: i64,
}

impl Processes {
    /// Adds the process `id` if it serves the queue. Its name outlives its hash.
    fn add(
        &mut self,
        id: &str,
        [hash, work, workers]: &[Value; PER_PROCESS],
        queue: &str,
        index: usize,
        signals: &mut Signals,
    ) -> Result<(), String> {
        let [info, busy, quiet] = fields(hash)?;
        let Some(info) = text(info) else {
            return Ok(());
        };
        let info: Info = serde_json::from_str(info).map_err(|_| another_form("a process"))?;
        let (mut tasks, mut began) = (0, None);
        for entry in list(work)?.iter().chain(list(workers)?) {
            let entry = text(entry).and_then(|it| serde_json::from_str::<Job>(it).ok());
            let entry = entry.ok_or_else(|| another_form("a job"))?;
            let name = entry.queue.unwrap_or_default();
            began = [began, entry.run_at.and_then(millis)]
                .into_iter()
                .flatten()
                .min();
            tasks += i64::from(name.strip_prefix("queue:").unwrap_or(&name) == queue);
        }
        self.in_flight = self.in_flight.saturating_add(tasks);
        if !info.queues.iter().any(|name| name == queue) {
            return Ok(());
        }
        let host = info.hostname.filter(|host| (1..=256).contains(&host.len()));
        let all = number(busy)
            .and_then(|busy| u64::try_from(busy).ok())
            .unwrap_or(0);
        let mut row = worker(index, id, host.as_deref(), all, signals.time);
        row.slots = info.concurrency.clamp(1, 10_000);
        row.report.task_millis = running(began, signals.time);
        row.drain = signals.drain(id, text(quiet) == Some("true"), row.busy);
        if row.drain.is_requested() {
            row.report.activity = Activity::Draining;
        } else {
            let slots = i64::from(row.slots);
            self.live += 1;
            // Whichever queue its jobs are of: a process of several queues counts once in a pool.
            self.busy += i64::from(row.busy);
            self.slots = self.slots.saturating_add(slots);
            self.in_use = self
                .in_use
                .saturating_add(i64::try_from(all).unwrap_or(slots).min(slots));
        }
        self.workers.push(row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{assert_unknown_is_not_zero, bulk, bulks, read};
    use crate::{Queue, QueueSystem};

    fn queue() -> Queue {
        Queue::new(QueueSystem::Sidekiq, &QueueOptions::named("mail"))
    }

    fn info(host: &str, queues: &str) -> String {
        format!(
            r#"{{"hostname":"{host}","started_at":1795179000.1,"pid":1,"tag":"","concurrency":5,"queues":[{queues}],"labels":[],"identity":"x"}}"#
        )
    }

    fn entry(queue: &str) -> Value {
        bulk(&format!(
            r#"{{"queue":"{queue}","payload":"{{}}","run_at":1795179999}}"#
        ))
    }

    /// A process of Sidekiq 6, one of 8 that is quiet, one of another queue, and one whose hash has expired.
    fn replies() -> Vec<(&'static str, Value)> {
        let hash = |info: &str, busy, quiet| bulks(&[info, busy, quiet]);
        let job = |queue: &str| {
            bulk(&format!(
                r#"{{"class":"Job","args":[1],"queue":"{queue}"}}"#
            ))
        };
        vec![
            ("LLEN queue:mail", Value::Int(2)),
            (
                "LINDEX queue:mail -1",
                bulk(r#"{"class":"Job","args":[],"queue":"mail","enqueued_at":1795179990.25}"#),
            ),
            ("SMEMBERS processes", bulks(&["a", "b", "c", "d"])),
            ("ZCARD schedule", Value::Int(5)),
            ("ZCARD retry", Value::Int(1)),
            (
                "ZRANGEBYSCORE schedule -inf 1795180010.123 LIMIT 0 100",
                Value::Array(vec![job("mail"), job("other"), bulk("no JSON")]),
            ),
            (
                "HMGET a info busy quiet",
                hash(&info("pod-1", r#""mail","other""#), "3", "false"),
            ),
            (
                "HVALS a:workers",
                Value::Array(vec![entry("queue:mail"), entry("mail"), entry("other")]),
            ),
            (
                "HMGET b info busy quiet",
                hash(&info("pod-2", r#""mail""#), "1", "true"),
            ),
            ("HVALS b:work", Value::Array(vec![entry("mail")])),
            (
                "HMGET c info busy quiet",
                hash(&info("pod-3", r#""other""#), "1", "false"),
            ),
            ("HVALS c:work", Value::Array(vec![entry("other")])),
            ("SISMEMBER paused mail", Value::Int(1)),
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
                ready: Metric::Known(2),
                due: Metric::Known(1),
                delayed: Metric::Estimated(6),
                in_flight: Metric::Estimated(3),
                held: Metric::Known(0),
                paused: Metric::Known(1),
                live: Metric::Estimated(1),
                busy: Metric::Estimated(1),
                slots: Metric::Estimated(5),
                slots_in_use: Metric::Estimated(3),
                oldest_at: Metric::Known(1_795_179_990_250),
                ..QueueMetrics::UNSUPPORTED
            }
        );
        let rows = workers
            .iter()
            .map(|row| (row.pod.as_deref(), row.report.tasks, row.report.activity));
        let expected = [
            (Some("pod-1"), 3, Activity::Busy),
            (Some("pod-2"), 1, Activity::Draining),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        let running = workers.iter().map(|row| row.report.task_millis);
        assert_eq!(running.collect::<Vec<_>>(), [Some(1_123); 2]);
    }

    #[test]
    fn a_process_is_drained_by_a_signal_that_expires() {
        let options = QueueOptions {
            key_prefix: Some("app:".to_owned()),
            ..QueueOptions::named("mail")
        };
        let sidekiq = open(&options);
        let DrainRequest::Commands(commands) = sidekiq.request("a", true, &[]) else {
            panic!("commands");
        };
        let sent = commands.iter().map(Cmd::get_packed_command);
        let sent: Vec<String> = sent
            .map(|it| String::from_utf8_lossy(&it).into_owned())
            .collect();
        assert_eq!(
            sent,
            [
                "*3\r\n$5\r\nLPUSH\r\n$13\r\napp:a-signals\r\n$4\r\nTSTP\r\n",
                "*3\r\n$6\r\nEXPIRE\r\n$13\r\napp:a-signals\r\n$2\r\n60\r\n"
            ]
        );
        sidekiq.requested("a", true);
        let DrainRequest::Commands(again) = sidekiq.request("a", true, &[]) else {
            panic!("commands");
        };
        assert_eq!(again.len(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_not_zero() {
        assert_unknown_is_not_zero(queue, &replies());
    }
}
