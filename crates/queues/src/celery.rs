//! Celery with Redis as its broker: lists by priority, and what the workers say when they are asked.
//!
//! With Celery's defaults the lists are empty while tasks wait in the hands of busy workers, so the workers are asked: in
//! one poll the questions are published, in the next the answers are read. Heartbeats would be cheaper, but they name no
//! queue, no slots and no tasks that were fetched ahead, end while the last task of a stopping worker still runs, and can
//! be switched off.

mod control;
mod host;
mod left;
mod portion;
mod round;
#[cfg(test)]
mod tests;
mod workers;

use crate::error::describe_first_error;
use crate::queue::{
    Drain, DrainRequest, LOOK_AHEAD, Parsed, QueueOptions, Reader, Reading, Reads, error_text,
};
use crate::reply::{self, Client};
use crate::system::{Capabilities, ClusterKeys, QueueOption, Support};
use control::Task;
use decide::victims::{Activity, Worker};
use decide::{Metric, QueueMetrics, Unavailable};
use host::{Change, Host};
use left::Left;
use redis::{Cmd, Value};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use workers::{Known, Workers};

const ASKED: Support = Support::Exact;

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Exact,
    due: Support::Estimated("of the tasks that workers have fetched"),
    delayed: Support::Estimated("those that workers have fetched; the others count as ready"),
    in_flight: ASKED,
    held: ASKED,
    paused: Support::Unsupported("a queue cannot be paused"),
    workers: ASKED,
    cpu: Support::Unsupported("workers do not report it"),
    oldest: Support::Unsupported("a task has no time"),
    counters: Support::Estimated(
        "processed only: since the start of each living worker, failures included",
    ),
    drain: Support::Exact,
    idle: Support::Unsupported("a worker waits for tasks while it runs some"),
    sigterm: Support::Exact,
    handler: None,
    grace: Duration::ZERO,
    // One that lost its connection tries again every 32 s.
    registration: Duration::from_mins(1),
    cluster: ClusterKeys::SeveralSlots("Celery has no transport for it"),
    options: &[
        QueueOption::KeyPrefix,
        QueueOption::Priorities,
        QueueOption::Separator,
    ],
};

/// Celery's `priority_steps` and `sep`.
const PRIORITIES: [i32; 4] = [0, 3, 6, 9];
const SEPARATOR: &str = "\u{6}\u{16}";
/// About how many fetched tasks are looked at, each with its body, where no worker lives that could be asked.
const SAMPLE: usize = 100;
/// How many seconds a request to drain or to resume is valid: a worker of the solo pool may be busy for longer.
const REQUEST_EXPIRY: i64 = 60;

#[derive(Debug)]
pub(crate) struct Celery {
    name: String,
    prefix: String,
    reads: Reads,
    unacked: String,
    /// The list of the answers: as the workers name it, and in Redis.
    answers: (String, String),
    /// What tells our questions from those of others.
    id: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    workers: Workers,
    /// The number of the database, and the server's time at the last poll, in milliseconds since 1970.
    database: i64,
    time: i64,
    /// What workers that are gone have fetched, of this queue.
    left: Left,
    /// Why the workers cannot be asked.
    refused: Option<String>,
}

pub(crate) fn open(options: &QueueOptions) -> Celery {
    let prefix = options.key_prefix.clone().unwrap_or_default();
    let separator = options.separator.as_deref().unwrap_or(SEPARATOR);
    let priorities = match options.priorities.as_slice() {
        [] => &PRIORITIES,
        priorities => priorities,
    };
    let list = |priority: &i32| match priority {
        0 => format!("{prefix}{}", options.name),
        priority => format!("{prefix}{}{separator}{priority}", options.name),
    };
    let lists: Vec<String> = priorities.iter().map(list).collect();
    let length = |list: &String| redis::cmd("LLEN").arg(list).take();
    let id = format!("workerpool-{}", fresh_id());
    let answers = format!("{id}.reply.celery.pidbox");
    let (unacked, list) = (format!("{prefix}unacked"), format!("{prefix}{answers}"));
    let tracked: Vec<Cmd> = lists.iter().map(length).collect();
    let mut first = tracked.clone();
    first.extend([
        redis::cmd("HLEN").arg(&unacked).take(),
        redis::cmd("TIME"),
        redis::cmd("CLIENT").arg("INFO").take(),
    ]);
    Celery {
        name: options.name.clone(),
        reads: Reads {
            wake_keys: lists,
            tracked,
            first,
        },
        unacked,
        answers: (answers, list),
        id,
        prefix,
        state: Mutex::default(),
    }
}

/// An id that no other reader has: operator and plugin may ask the same workers at the same time.
fn fresh_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    // Each state has its own random keys.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

impl Reader for Celery {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn first(&self) -> Vec<Cmd> {
        let answers = self.state().workers.read(&self.answers.1);
        [self.reads.first.clone(), answers.into()].concat()
    }

    fn parse(&self, replies: &mut [Value], queue: usize) -> Result<Parsed, String> {
        let (lengths, others) = replies
            .split_at_checked(self.reads.tracked.len())
            .ok_or("Redis did not answer")?;
        let Some((first, second)) = others.split_first_chunk::<7>() else {
            return Err("Redis did not answer".to_owned());
        };
        let [Value::Int(unacked), time, client, answers, ..] = first else {
            return Err(error_text(replies, "HLEN did not return a number"));
        };
        let mut ready = 0i64;
        for length in lengths {
            let Value::Int(length) = length else {
                return Err(error_text(replies, "LLEN did not return a number"));
            };
            ready = ready.saturating_add(*length);
        }
        let now = reply::time(time).map_err(|_| error_text(replies, "TIME returned no time"))?;
        let mut state = self.state();
        if second.is_empty() {
            state.workers.receive(answers, &self.id, now);
            if let Some(error) = describe_first_error(&first[3..]) {
                state.refuse(error);
            } else if let Some(commands) = self.questions(&mut state, client, *unacked, now) {
                return Ok(Parsed::More(commands));
            }
        } else {
            self.asked(&mut state, second, *unacked, now);
        }
        Ok(Parsed::Done(self.reading(&state, ready, queue, now)))
    }

    fn shares_workers(&self) -> bool {
        true
    }

    fn drain(&self) -> Option<&dyn Drain> {
        Some(self)
    }
}

impl Drain for Celery {
    fn request(&self, id: &str, drain: bool, names: &[&str]) -> DrainRequest {
        let mut state = self.state();
        let expires = state.time / 1_000 + REQUEST_EXPIRY;
        let change = Change {
            takes: !drain,
            until: expires * 1_000,
        };
        let queues = state.workers.request(id, names, change);
        let channel = self.channel(state.database);
        let command = |queue: &String| control::consume(&channel, id, queue, !drain, expires);
        DrainRequest::Commands(queues.iter().map(command).collect())
    }
}

impl Celery {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel on which the workers of a database listen.
    fn channel(&self, database: i64) -> String {
        format!("{}/{database}.celery.pidbox", self.prefix)
    }

    /// The questions of the next round, if it is time for one; and a look at what was fetched, where no worker could be asked.
    fn questions(
        &self,
        state: &mut State,
        client: &Value,
        unacked: i64,
        now: i64,
    ) -> Option<Vec<Cmd>> {
        let Some(database) = database(client) else {
            let error = error_text(
                std::slice::from_ref(client),
                "CLIENT INFO does not name the database",
            );
            state.refuse(error);
            return None;
        };
        (state.database, state.time) = (database, now);
        let channel = self.channel(database);
        let mut commands = state
            .workers
            .ask(&channel, &self.answers.0, &self.id, now)?;
        if unacked > 0 && state.workers.known().is_none_or(Known::is_empty) {
            commands.push(
                redis::cmd("HSCAN")
                    .arg(&self.unacked)
                    .arg(0)
                    .arg("COUNT")
                    .arg(SAMPLE)
                    .take(),
            );
        }
        Some(commands)
    }

    /// Takes the replies to [`Self::questions`].
    fn asked(&self, state: &mut State, replies: &[Value], unacked: i64, now: i64) {
        if let Some(error) = describe_first_error(replies) {
            state.refuse(error);
            return;
        }
        state.refused = None;
        state.left = match replies.last() {
            Some(Value::Array(scan)) => Left::of(&self.name, scan, unacked, now),
            _ => Left::unread(unacked),
        };
        state.workers.asked(replies, now);
    }

    /// What is known now.
    fn reading(&self, state: &State, ready: i64, queue: usize, now: i64) -> Reading {
        let ready = QueueMetrics {
            ready: Metric::Known(ready),
            ..QueueMetrics::UNSUPPORTED
        };
        let (metrics, unavailable) = match (&state.refused, state.workers.known()) {
            (None, Some(known)) => (self.metrics(known, state.left, ready, now), None),
            (refused, _) => {
                let cause = refused.as_ref().map_or(Unavailable::NotReadYet, |error| {
                    Unavailable::QueueUnreadable {
                        key: format!("{}*.celery.pidbox", self.prefix),
                        error: error.clone(),
                    }
                });
                (without_workers(ready), Some(cause))
            }
        };
        let known = state.workers.known().filter(|_| unavailable.is_none());
        let hosts = known.into_iter().flat_map(|known| &known.hosts);
        let hosts = hosts.filter(|(_, host)| host.is_of(&self.name));
        Reading {
            workers: hosts
                .map(|(name, host)| worker(name, host, queue, now))
                .collect(),
            unavailable,
            time: Some(now),
            unread: state.workers.portion.has_more,
            ..Reading::of(metrics)
        }
    }

    fn metrics(&self, known: &Known, left: Left, ready: QueueMetrics, now: i64) -> QueueMetrics {
        let hosts: Vec<&Host> = known
            .hosts
            .values()
            .filter(|host| host.consumes(&self.name))
            .collect();
        let partial = known.is_partial();
        let about = |metric: Metric| metric.known().map_or(metric, Metric::Estimated);
        let metric = |count: usize| {
            let count = Metric::Known(i64::try_from(count).unwrap_or(i64::MAX));
            if partial { about(count) } else { count }
        };
        let tasks = |of: fn(&Host) -> &[Task], counts: &dyn Fn(&Task) -> bool| -> usize {
            let of_host = |host: &Host| {
                let tasks = of(host).iter();
                let ours = tasks.filter(|task| host.has_from(&self.name, task) && counts(task));
                ours.count()
            };
            known.hosts.values().map(of_host).sum()
        };
        let all = |_: &Task| true;
        let is_due = |task: &Task| {
            task.eta
                .is_none_or(|eta| eta <= now.saturating_add(LOOK_AHEAD))
        };
        let active = tasks(|host| &host.active, &all);
        let scheduled = tasks(|host| &host.scheduled, &all);
        let scheduled_due = tasks(|host| &host.scheduled, &is_due);
        let (in_flight, delayed, due) = if known.is_empty() {
            (left.in_flight, left.delayed, left.due)
        } else {
            (metric(active), metric(scheduled), metric(scheduled_due))
        };
        let busy = hosts.iter().filter(|host| host.is_busy()).count();
        let sum = |of: fn(&Host) -> usize| hosts.iter().map(|host| of(host)).sum::<usize>();
        let slots = |host: &Host| usize::try_from(host.slots.max(1)).unwrap_or(usize::MAX);
        // One that has never answered may be of any queue, and busy: then it must not be taken for idle.
        let strangers = known.strangers;
        QueueMetrics {
            in_flight,
            held: metric(tasks(|host| &host.reserved, &all)),
            held_delayed: about(metric(scheduled - scheduled_due)),
            delayed: about(delayed),
            due: about(due),
            live: metric(hosts.len() + strangers),
            busy: metric(busy + strangers),
            slots: metric(hosts.iter().map(|host| slots(host)).sum::<usize>() + strangers),
            slots_in_use: metric(sum(|host| host.active.len()) + strangers),
            processed: Metric::Estimated(
                known
                    .hosts
                    .values()
                    .filter(|host| host.is_of(&self.name))
                    .map(|host| host.processed)
                    .fold(0, i64::saturating_add),
            ),
            ..ready
        }
    }
}

impl State {
    fn refuse(&mut self, error: String) {
        self.refused = Some(error);
        self.workers.forget();
    }
}

/// The metrics while the workers have not been asked, or cannot be: what they would tell is not zero.
fn without_workers(ready: QueueMetrics) -> QueueMetrics {
    QueueMetrics {
        due: Metric::Unavailable,
        delayed: Metric::Unavailable,
        in_flight: Metric::Unavailable,
        held: Metric::Unavailable,
        held_delayed: Metric::Unavailable,
        live: Metric::Unavailable,
        busy: Metric::Unavailable,
        slots: Metric::Unavailable,
        slots_in_use: Metric::Unavailable,
        processed: Metric::Unavailable,
        ..ready
    }
}

/// A worker as the victim selection needs it. A pod has the host name that stands behind the `@` of a worker's name.
fn worker(name: &str, host: &Host, queue: usize, now: i64) -> Worker {
    let (busy, drain) = (host.is_busy(), host.drain());
    let pod = name.split_once('@').map(|(_, pod)| pod);
    let tasks = u64::try_from(host.active.len()).unwrap_or(u64::MAX);
    let mut row = reply::worker(
        queue,
        name,
        pod.filter(|pod| !pod.is_empty()),
        tasks,
        host.since,
    );
    (row.slots, row.busy, row.drain) = (host.slots.max(1), busy, drain);
    row.report.activity = match busy {
        _ if drain.is_requested() => Activity::Draining,
        true => Activity::Busy,
        false => Activity::Idle,
    };
    let passed = |since: i64| now.saturating_sub(since).max(0);
    row.report.since_millis = Some(passed(host.since));
    row.report.task_millis = host.began().map(passed);
    row
}

/// The number of the database, from the reply to `CLIENT INFO`.
fn database(reply: &Value) -> Option<i64> {
    Client::new(reply::text(reply)?.trim_end())
        .field("db")
        .parse()
        .ok()
}
