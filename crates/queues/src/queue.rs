//! One queue: what to read of it, and what the replies mean.

use crate::QueueSystem;
use crate::error::{MAX_ERROR, describe_first_error};
use crate::reply::{MAX_SHOWN, is_shown};
use crate::slot;
use decide::victims::{Activity, DrainState, Worker};
use decide::{Metric, QueueMetrics, Unavailable, foreign};
use protocol::{Reaped, ScriptCall};
use redis::{Cmd, Value};
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

/// What identifies a queue within its system, from `spec.queues`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// Its name; for a system without names, its key.
    pub name: String,
    /// The consumer group of a stream.
    pub group: Option<String>,
    /// What stands before each of its keys; absent: as the system has it by default.
    pub key_prefix: Option<String>,
    /// The priorities that have a list of their own; empty: as the system has them by default.
    pub priorities: Vec<i32>,
    /// What stands between its name and a priority; absent: as the system has it by default.
    pub separator: Option<String>,
}

/// How soon a delayed task becomes ready that counts as due, in milliseconds: about as long as a pod takes to start.
pub const LOOK_AHEAD: i64 = 10_000;

impl QueueOptions {
    /// A queue that its name identifies.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

/// What is read of a queue, built once: it is sent with each poll.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// The keys whose change wakes the operator: those that change when tasks arrive or are claimed.
    pub wake_keys: Vec<String>,
    /// The reads of these keys, by which Redis tracks them: the cheapest that the rights for the others include.
    pub tracked: Vec<Cmd>,
    /// The commands of one poll.
    pub first: Vec<Cmd>,
}

impl Reads {
    /// Reads in two rounds: what `parse` makes of the replies to the first says what `more` asks for in the second, and
    /// `finish` has both.
    pub fn in_two_rounds<'a, T>(
        &self,
        replies: &'a [Value],
        parse: impl FnOnce(&'a [Value]) -> Result<T, String>,
        more: impl FnOnce(&T) -> Vec<Cmd>,
        finish: impl FnOnce(&T, &'a [Value]) -> Result<Reading, String>,
    ) -> Result<Parsed, String> {
        let (first, second) = replies.split_at(self.first.len().min(replies.len()));
        let first = parse(first)?;
        if second.is_empty() {
            return Ok(Parsed::More(more(&first)));
        }
        finish(&first, second).map(Parsed::Done)
    }
}

/// How a queue system reads one queue. It does no IO: whoever has a connection sends the commands.
pub(crate) trait Reader: Debug + Send + Sync {
    /// What is read of it.
    fn reads(&self) -> &Reads;

    /// The commands of the next poll, where they are not always the same.
    fn first(&self) -> Vec<Cmd> {
        self.reads().first.clone()
    }

    /// The script that is all that is read, with its text, for a server that has not cached it; `None` where there is none.
    fn script_in_full(&self) -> Option<Cmd> {
        None
    }

    /// What `replies` mean; `queue` is the queue's position in its pool. Where they are not enough, it asks for a second
    /// read, and is called again with the replies of both. It may take replies out once they are enough.
    ///
    /// # Errors
    /// What Redis answered instead.
    fn parse(&self, replies: &mut [Value], queue: usize) -> Result<Parsed, String>;

    /// Whether one worker may take tasks of several queues, and is then in the reading of each.
    fn shares_workers(&self) -> bool {
        false
    }

    /// How its workers are drained, where that is possible.
    fn drain(&self) -> Option<&dyn Drain> {
        None
    }

    /// How what its dead workers held is rescued, where the operator can do that.
    fn rescue(&self) -> Option<&dyn Rescue> {
        None
    }
}

/// Drains the workers of a queue.
pub(crate) trait Drain: Send + Sync {
    /// Asks the worker `id` to stop claiming tasks, or withdraws that request. `names` has the queues of the pool whose
    /// workers may be the same.
    fn request(&self, id: &str, drain: bool, names: &[&str]) -> DrainRequest;

    /// Redis has taken that request.
    fn requested(&self, _id: &str, _drain: bool) {}
}

/// What asks a worker to drain or to resume.
#[derive(Debug)]
pub enum DrainRequest {
    /// A script of the reference protocol.
    Script(ScriptCall<bool>),
    /// Commands whose replies say no more than whether Redis refuses them.
    Commands(Vec<Cmd>),
}

/// Rescues what the dead workers of a queue held.
pub trait Rescue: Send + Sync {
    /// Finds the dead workers, unless they have just been looked up.
    fn find_dead(&self) -> ScriptCall<Vec<String>>;

    /// Returns a batch of the tasks of the dead worker `id` to the queue.
    fn reap(&self, id: &str) -> ScriptCall<Reaped>;
}

/// What the replies to a read mean.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives for one statement")]
pub enum Parsed {
    /// They are enough.
    Done(Reading),
    /// These must be read, too.
    More(Vec<Cmd>),
}

/// The result of one read of a queue.
#[derive(Debug)]
pub struct Reading {
    /// The metrics of the queue.
    pub metrics: QueueMetrics,
    /// The workers in its registry.
    pub workers: Vec<Worker>,
    /// Why some of the metrics are unavailable, where they are.
    pub unavailable: Option<Unavailable>,
    /// The queue's clock, in milliseconds since 1970, where it is known.
    pub time: Option<i64>,
    /// Whether the next task has a time of its producer that is no instant, such as one in seconds.
    pub odd_time: bool,
    /// Whether dead workers still hold tasks or are still registered, or no one has looked for them.
    pub dead: bool,
    /// Whether there may be more to read than one poll may cost.
    pub unread: bool,
}

impl Reading {
    /// Takes the workers out that `is_counted` knows already, and out of the numbers.
    fn remove_workers(&mut self, mut is_counted: impl FnMut(&Worker) -> bool) {
        let metrics = &mut self.metrics;
        self.workers.retain(|worker| {
            if !is_counted(worker) {
                return true;
            }
            remove_worker(metrics, worker);
            false
        });
    }

    /// The reading of a system without a registry of workers.
    pub(crate) fn of(metrics: QueueMetrics) -> Self {
        Self {
            metrics,
            workers: Vec::new(),
            unavailable: None,
            time: None,
            odd_time: false,
            dead: false,
            unread: false,
        }
    }
}

/// Takes `worker` out of the metrics of its queue. What it holds stays in flight.
pub fn remove_worker(metrics: &mut QueueMetrics, worker: &Worker) {
    if worker.report.activity == Activity::Draining {
        // It is in no number but that of its tasks.
        return;
    }
    let less = |metric: Metric, by: i64| metric.map(|n| n.saturating_sub(by).max(0));
    let busy = i64::from(worker.busy);
    let slots = i64::from(worker.slots);
    let used = i64::try_from(worker.report.tasks).unwrap_or(slots);
    metrics.live = less(metrics.live, 1);
    metrics.busy = less(metrics.busy, busy);
    metrics.slots = less(metrics.slots, slots);
    metrics.slots_in_use = less(metrics.slots_in_use, used.max(busy).min(slots));
}

/// A queue of a pool.
#[derive(Clone, Debug)]
pub struct Queue {
    system: QueueSystem,
    options: QueueOptions,
    reader: Arc<dyn Reader>,
}

impl PartialEq for Queue {
    fn eq(&self, other: &Self) -> bool {
        (self.system, &self.options) == (other.system, &other.options)
    }
}

impl Queue {
    /// A queue of `system`.
    pub fn new(system: QueueSystem, options: &QueueOptions) -> Self {
        Self {
            system,
            options: options.clone(),
            reader: system.open(options),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    pub(crate) fn options(&self) -> &QueueOptions {
        &self.options
    }

    /// Its system.
    pub fn system(&self) -> QueueSystem {
        self.system
    }

    /// The keys whose change wakes the operator.
    pub fn wake_keys(&self) -> &[String] {
        &self.reader.reads().wake_keys
    }

    /// The slot of a Redis Cluster that has its keys.
    pub fn slot(&self) -> u16 {
        self.wake_keys().first().map_or(0, |key| slot::of(key))
    }

    /// The reads of [`Self::wake_keys`], by which Redis tracks them.
    pub fn tracked_reads(&self) -> &[Cmd] {
        &self.reader.reads().tracked
    }

    /// The commands of one poll; `scripts_in_full` includes the text of a script, for a server that has not cached it.
    pub fn reads(&self, scripts_in_full: bool) -> Vec<Cmd> {
        let script = scripts_in_full.then(|| self.reader.script_in_full());
        script
            .flatten()
            .map_or_else(|| self.reader.first(), |script| vec![script])
    }

    /// Whether the queue is read by a script.
    pub fn has_script(&self) -> bool {
        self.reader.script_in_full().is_some()
    }

    /// What the replies to [`Self::reads`], and to a second read that this asked for, mean; `index` is the queue's
    /// position in its pool.
    ///
    /// # Errors
    /// The key, and what Redis answered instead.
    pub fn parse(&self, replies: &mut [Value], index: usize) -> Result<Parsed, Unavailable> {
        let parsed = self.reader.parse(replies, index);
        let mut parsed = parsed.map_err(|error| self.unreadable(&error))?;
        if let Parsed::Done(reading) = &mut parsed {
            for worker in &mut reading.workers {
                tame(worker);
                if self.reader.drain().is_none() {
                    // A request to drain would be waited for without end.
                    worker.drain = DrainState::Unsupported;
                }
            }
        }
        Ok(parsed)
    }

    /// Counts a worker that several queues of a pool have with the first of them; `counted` has those of the queues
    /// before.
    pub(crate) fn count_once<'a>(
        &'a self,
        reading: &mut Reading,
        counted: &mut HashSet<(QueueSystem, Option<&'a str>, String)>,
    ) {
        if self.reader.shares_workers() {
            let prefix = self.options.key_prefix.as_deref();
            reading
                .remove_workers(|worker| !counted.insert((self.system, prefix, worker.id.clone())));
        }
    }

    pub(crate) fn unreadable(&self, error: &str) -> Unavailable {
        Unavailable::QueueUnreadable {
            key: self
                .wake_keys()
                .first()
                .map_or_else(String::new, |key| foreign(key, MAX_SHOWN)),
            error: foreign(error, MAX_ERROR),
        }
    }

    /// What asks the worker `id` of the queue at `index` of a pool to drain or to resume; `None` where it cannot be asked.
    pub fn request_drain(
        pool: &[Self],
        index: usize,
        id: &str,
        drain: bool,
    ) -> Option<DrainRequest> {
        let queue = pool.get(index)?;
        let prefix = &queue.options.key_prefix;
        let shares = |it: &&Self| it.system == queue.system && it.options.key_prefix == *prefix;
        let names: Vec<&str> = pool.iter().filter(shares).map(Self::name).collect();
        Some(queue.reader.drain()?.request(id, drain, &names))
    }

    /// Redis has taken the request of [`Self::request_drain`] to its worker `id`.
    pub fn drain_requested(&self, id: &str, drain: bool) {
        if let Some(drains) = self.reader.drain() {
            drains.requested(id, drain);
        }
    }

    /// How what its dead workers held is rescued, where the operator can do that.
    pub fn rescue(&self) -> Option<&dyn Rescue> {
        self.reader.rescue()
    }
}

/// Makes what a worker says of itself fit to be shown. One whose id changes by that cannot be asked to drain: the request
/// would go to another. No pod and no namespace has such a name.
fn tame(worker: &mut Worker) {
    if !is_shown(&worker.id) {
        worker.id = foreign(&worker.id, MAX_SHOWN);
        worker.drain = DrainState::Unsupported;
    }
    let is_shown = |name: &Option<String>| name.as_deref().is_none_or(is_shown);
    if !is_shown(&worker.pod) || !is_shown(&worker.namespace) {
        (worker.pod, worker.namespace) = (None, None);
    }
}

/// The error among `replies`, or else `otherwise`.
pub(crate) fn error_text(replies: &[Value], otherwise: &str) -> String {
    describe_first_error(replies).unwrap_or_else(|| otherwise.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Poll;
    use decide::victims::WorkerReport;

    /// A system whose only worker takes tasks of all queues.
    #[derive(Debug)]
    struct OneWorker {
        reads: Reads,
        shared: bool,
        activity: Activity,
    }

    impl Reader for OneWorker {
        fn reads(&self) -> &Reads {
            &self.reads
        }

        fn parse(&self, _: &mut [Value], queue: usize) -> Result<Parsed, String> {
            let worker = Worker {
                queue,
                id: "w1".to_owned(),
                slots: 4,
                busy: true,
                report: WorkerReport {
                    activity: self.activity,
                    tasks: 3,
                    ..WorkerReport::default()
                },
                pod: None,
                namespace: None,
                drain: DrainState::None,
                since: 0,
            };
            let mut reading = Reading::of(QueueMetrics {
                ready: Metric::Known(5),
                live: Metric::Known(1),
                busy: Metric::Known(1),
                slots: Metric::Estimated(4),
                slots_in_use: Metric::Known(3),
                ..QueueMetrics::UNSUPPORTED
            });
            reading.workers.push(worker);
            Ok(Parsed::Done(reading))
        }

        fn shares_workers(&self) -> bool {
            self.shared
        }
    }

    /// Live workers, slots in use and the length of the list of workers, for each queue of two pools.
    fn counts(shared: bool, activity: Activity) -> Vec<(Metric, Metric, usize)> {
        let queue = Queue {
            system: QueueSystem::List,
            options: QueueOptions::named("a"),
            reader: Arc::new(OneWorker {
                reads: Reads {
                    first: vec![redis::cmd("PING")],
                    ..Reads::default()
                },
                shared,
                activity,
            }),
        };
        let mut poll = Poll::new([(0, &queue), (1, &queue), (0, &queue)]);
        let replies = poll.commands(false).iter().map(|_| Value::Okay).collect();
        poll.receive(replies);
        let readings = poll.finish().map(|reading| reading.expect("a reading"));
        let counts = readings.map(|reading| {
            let metrics = reading.metrics;
            assert_eq!(metrics.ready, Metric::Known(5), "tasks are of one queue");
            let mut drains = reading.workers.iter().map(|worker| worker.drain);
            assert!(drains.all(|drain| drain == DrainState::Unsupported));
            (metrics.live, metrics.slots_in_use, reading.workers.len())
        });
        counts.collect()
    }

    #[test]
    fn a_worker_of_several_queues_counts_once_in_each_pool() {
        let one = (Metric::Known(1), Metric::Known(3), 1);
        let none = (Metric::Known(0), Metric::Known(0), 0);
        assert_eq!(counts(true, Activity::Busy), [one, none, one]);
        assert_eq!(counts(false, Activity::Busy), [one, one, one]);
        // A draining one is in no number.
        let no_row = (Metric::Known(1), Metric::Known(3), 0);
        assert_eq!(counts(true, Activity::Draining), [one, no_row, one]);
    }
}
