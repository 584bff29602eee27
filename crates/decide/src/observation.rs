//! The metrics of one observation. Unavailable is never zero, and what a queue system does not report is not unavailable.

use crate::unavailable::Unavailable;
use std::borrow::Cow;

/// One value that a queue may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The value at the time of the observation.
    Known(i64),
    /// About the value at that time: rules use it as they use a known one.
    Estimated(i64),
    /// The value exists but could not be read this time: no scale-down without it.
    Unavailable,
    /// The queue system does not report this value: rules work without it.
    Unsupported,
}

impl Metric {
    /// The value, where it is known or estimated.
    pub fn known(self) -> Option<i64> {
        match self {
            Self::Known(value) | Self::Estimated(value) => Some(value),
            Self::Unavailable | Self::Unsupported => None,
        }
    }

    /// The value with `change` applied, where there is one.
    #[must_use]
    pub fn map(self, change: impl FnOnce(i64) -> i64) -> Self {
        match self {
            Self::Known(value) => Self::Known(change(value)),
            Self::Estimated(value) => Self::Estimated(change(value)),
            absent => absent,
        }
    }

    /// What two values make together; as good as the worse of them.
    fn combined(self, other: Self, value: i64) -> Self {
        match (self, other) {
            (Self::Known(_), Self::Known(_)) => Self::Known(value),
            _ => Self::Estimated(value),
        }
    }

    /// Combines two values: unavailable where either is unavailable; an unsupported value is left out.
    #[must_use]
    pub fn join(self, other: Self, combine: fn(i64, i64) -> i64) -> Self {
        match (self, other) {
            (Self::Unavailable, _) | (_, Self::Unavailable) => Self::Unavailable,
            (Self::Unsupported, metric) | (metric, Self::Unsupported) => metric,
            (Self::Known(a) | Self::Estimated(a), Self::Known(b) | Self::Estimated(b)) => {
                self.combined(other, combine(a, b))
            }
        }
    }

    /// The sum of two values that are both needed: unsupported where either is.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unsupported, metric) | (metric, Self::Unsupported)
                if metric != Self::Unavailable =>
            {
                Self::Unsupported
            }
            _ => self.plus(other),
        }
    }

    /// This for each of `count`, rounded down; unsupported for none.
    #[must_use]
    pub fn per(self, count: Self) -> Self {
        match (self, count) {
            (Self::Unavailable, _) | (_, Self::Unavailable) => Self::Unavailable,
            (
                Self::Known(sum) | Self::Estimated(sum),
                Self::Known(each) | Self::Estimated(each),
            ) => sum
                .checked_div(each)
                .map_or(Self::Unsupported, |mean| self.combined(count, mean)),
            _ => Self::Unsupported,
        }
    }

    /// The sum, by the rules of [`Metric::join`].
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.join(other, i64::saturating_add)
    }
}

/// The value, estimated or not; `null` where it is unavailable, and "unsupported" where the queue system does not report it.
#[cfg(feature = "serde")]
impl serde::Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) | Self::Estimated(value) => serializer.serialize_i64(*value),
            Self::Unavailable => serializer.serialize_none(),
            Self::Unsupported => serializer.serialize_str("unsupported"),
        }
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Metric {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        /// A number, nothing, or a word.
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Value {
            Known(i64),
            Word(String),
        }
        Ok(match Option::<Value>::deserialize(from)? {
            Some(Value::Known(value)) => Self::Known(value),
            Some(Value::Word(word)) if word == "unsupported" => Self::Unsupported,
            _ => Self::Unavailable,
        })
    }
}

/// The metrics of one queue, or their sum over several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueMetrics {
    /// Tasks that wait and could be claimed now.
    pub ready: Metric,
    /// Delayed and scheduled tasks that will be ready within the look-ahead: with zero workers, nothing else promotes them.
    pub due: Metric,
    /// Tasks that become ready later, whenever that is: [`Self::due`] and those after the look-ahead.
    pub delayed: Metric,
    /// Tasks that a worker runs, and what workers that died have left. With no worker, nothing else rescues these.
    pub in_flight: Metric,
    /// Tasks that a worker has fetched ahead and not begun: no other worker can take them.
    pub held: Metric,
    /// Those of [`Self::delayed`] after the look-ahead that a worker has fetched: it gives them back when it ends.
    pub held_delayed: Metric,
    /// 1 where the queue is paused, so that no worker takes its tasks, and 0 where it is not; in a sum, how many are.
    pub paused: Metric,
    /// How many tasks of the queue run at once at most, however many workers there are, where the queue itself has such a
    /// limit; in a sum unsupported.
    pub limit: Metric,
    /// Workers with a valid lease that claim tasks.
    pub live: Metric,
    /// Live workers that hold a task.
    pub busy: Metric,
    /// How many tasks the live workers run at once; unsupported where each runs one.
    pub slots: Metric,
    /// How many of these slots run a task.
    pub slots_in_use: Metric,
    /// Sum of the live workers' CPU use, each in percent of its limit.
    pub cpu_sum: Metric,
    /// When the oldest ready task was pushed, in milliseconds since 1970 by the queue's own clock.
    pub oldest_at: Metric,
    /// Tasks ever pushed, counted by their producers.
    pub arrived: Metric,
    /// Tasks ever completed.
    pub processed: Metric,
    /// Tasks that failed permanently.
    pub failed: Metric,
    /// Time spent on all completed tasks, in milliseconds.
    pub busy_millis: Metric,
    /// How many of the last completed tasks [`Self::recent_millis`] covers.
    pub recent_tasks: Metric,
    /// Time spent on them, in milliseconds.
    pub recent_millis: Metric,
}

impl QueueMetrics {
    /// A queue of which no metric could be read.
    pub const UNAVAILABLE: Self = Self::all(Metric::Unavailable);
    /// A queue system that reports nothing: the start of a sum, and of systems that report few metrics.
    pub const UNSUPPORTED: Self = Self::all(Metric::Unsupported);

    const fn all(metric: Metric) -> Self {
        Self {
            ready: metric,
            due: metric,
            delayed: metric,
            in_flight: metric,
            held: metric,
            held_delayed: metric,
            paused: metric,
            limit: metric,
            live: metric,
            busy: metric,
            slots: metric,
            slots_in_use: metric,
            cpu_sum: metric,
            oldest_at: metric,
            arrived: metric,
            processed: metric,
            failed: metric,
            busy_millis: metric,
            recent_tasks: metric,
            recent_millis: metric,
        }
    }

    /// The sum over several queues, with the oldest of their oldest tasks; [`QueueMetrics::UNSUPPORTED`] for no queue.
    pub fn sum<'a>(queues: impl IntoIterator<Item = &'a Self>) -> Self {
        queues
            .into_iter()
            .fold(Self::UNSUPPORTED, |sum, queue| Self {
                ready: sum.ready.plus(queue.ready),
                due: sum.due.plus(queue.due),
                delayed: sum.delayed.plus(queue.delayed),
                in_flight: sum.in_flight.plus(queue.in_flight),
                held: sum.held.plus(queue.held),
                held_delayed: sum.held_delayed.plus(queue.held_delayed),
                paused: sum.paused.plus(queue.paused),
                limit: Metric::Unsupported,
                live: sum.live.plus(queue.live),
                busy: sum.busy.plus(queue.busy),
                slots: sum.slots.plus(queue.slots),
                slots_in_use: sum.slots_in_use.plus(queue.slots_in_use),
                cpu_sum: sum.cpu_sum.plus(queue.cpu_sum),
                oldest_at: sum.oldest_at.join(queue.oldest_at, i64::min),
                arrived: sum.arrived.plus(queue.arrived),
                processed: sum.processed.plus(queue.processed),
                failed: sum.failed.plus(queue.failed),
                busy_millis: sum.busy_millis.plus(queue.busy_millis),
                recent_tasks: sum.recent_tasks.plus(queue.recent_tasks),
                recent_millis: sum.recent_millis.plus(queue.recent_millis),
            })
    }

    /// What is used of the workers, and all of it: slots where they are reported, else workers.
    pub fn utilization(&self) -> (Metric, Metric) {
        match self.slots {
            Metric::Unsupported => (self.busy, self.live),
            slots => (self.slots_in_use, slots),
        }
    }

    /// The sum of what is known: a lower bound of the sum over all queues where some cannot be read.
    pub(crate) fn sum_of_known<'a>(queues: impl IntoIterator<Item = &'a Self>) -> Self {
        let known: Vec<Self> = queues.into_iter().map(Self::known).collect();
        Self::sum(&known)
    }

    /// The metrics of tasks without those that could not be read. A share of the workers is no sum, so it stays unknown.
    fn known(&self) -> Self {
        let known = |metric| match metric {
            Metric::Unavailable => Metric::Unsupported,
            metric => metric,
        };
        Self {
            ready: known(self.ready),
            due: known(self.due),
            in_flight: known(self.in_flight),
            oldest_at: known(self.oldest_at),
            ..*self
        }
    }

    /// The mean time of the last completed tasks, in milliseconds: of all of them where the queue system does not report
    /// the last ones.
    pub fn task_millis(&self) -> Metric {
        match self.recent_tasks {
            Metric::Unsupported => self.busy_millis.per(self.processed),
            tasks => self.recent_millis.per(tasks),
        }
    }

    /// Milliseconds until no task waits, with the live workers and at the time of the last tasks; `None` where that is
    /// unknown, without a worker, or with an empty queue.
    pub fn drain_millis(&self) -> Option<i64> {
        let (ready, live) = (self.ready.known()?, self.live.known()?);
        let mean = self.task_millis().known()?;
        let at_once = self.slots.known().unwrap_or(live).max(live);
        (ready > 0 && live > 0).then(|| mean.saturating_mul(ready) / at_once)
    }

    /// Tasks that are ready, due, in flight or held: while there are any, the rules do not scale to zero, and with no
    /// worker they are a reason for the first. Delayed tasks that the last worker gave back would be ready, and start
    /// another one at once.
    pub(crate) fn work(&self) -> i64 {
        let Self {
            ready,
            due,
            in_flight,
            held,
            held_delayed,
            ..
        } = *self;
        [ready, due, in_flight, held, held_delayed]
            .into_iter()
            .filter_map(Metric::known)
            .fold(0, i64::saturating_add)
    }
}

/// What one read of a pool's queues found, with the replicas of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// `spec.replicas` of the target.
    pub replicas: i32,
    /// The metrics of the pool's queues, in the order of its spec.
    pub queues: Vec<QueueMetrics>,
    /// Why metrics are unavailable, where any are.
    pub unavailable: Option<Unavailable>,
}

impl Observation {
    /// The sum over all queues.
    pub fn total(&self) -> QueueMetrics {
        QueueMetrics::sum(&self.queues)
    }

    /// What the rules see, and how many tasks they do not: more workers would not begin those of a paused queue.
    pub(crate) fn demand(&self) -> (Cow<'_, Self>, i64) {
        let is_paused =
            |queue: &QueueMetrics| queue.paused.known().is_some_and(|paused| paused > 0);
        if !self.queues.iter().any(is_paused) {
            return (Cow::Borrowed(self), 0);
        }
        let mut seen = self.clone();
        let mut ignored = 0i64;
        for queue in seen.queues.iter_mut().filter(|queue| is_paused(queue)) {
            let waiting = queue.ready.plus(queue.due).known().unwrap_or(0);
            ignored = ignored.saturating_add(waiting);
            let none = |metric: Metric| metric.map(|_| 0);
            queue.ready = none(queue.ready);
            queue.due = none(queue.due);
            queue.oldest_at = Metric::Unsupported;
            // What its dead workers left goes back to a queue from which no worker takes it.
            if self.replicas == 0 {
                queue.in_flight = none(queue.in_flight);
                queue.held = none(queue.held);
            }
        }
        (Cow::Owned(seen), ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 tasks of 8 s in the past, 20 tasks of 18 s at last; 50 wait for 5 workers.
    fn queue() -> QueueMetrics {
        QueueMetrics {
            ready: Metric::Known(50),
            live: Metric::Known(5),
            processed: Metric::Known(45),
            busy_millis: Metric::Known(25 * 8_000 + 20 * 18_000),
            recent_tasks: Metric::Known(20),
            recent_millis: Metric::Known(20 * 18_000),
            ..QueueMetrics::UNSUPPORTED
        }
    }

    #[test]
    fn what_an_estimate_is_part_of_is_an_estimate() {
        let (exact, about) = (Metric::Known(6), Metric::Estimated(4));
        assert_eq!(about.known(), Some(4));
        assert_eq!(exact.plus(about), Metric::Estimated(10));
        assert_eq!(about.plus(Metric::Unsupported), about);
        assert_eq!(about.plus(Metric::Unavailable), Metric::Unavailable);
        assert_eq!(exact.per(about), Metric::Estimated(1));
        assert_eq!(about.with(exact), Metric::Estimated(10));
        assert_eq!(about.with(Metric::Unsupported), Metric::Unsupported);
        let unknown = (Metric::Unsupported, Metric::Unavailable);
        assert_eq!(unknown.0.with(unknown.1), Metric::Unavailable);
        assert_eq!(about.map(|n| n + 1), Metric::Estimated(5));
        let queue = |ready| QueueMetrics { ready, ..queue() };
        let sum = QueueMetrics::sum_of_known([&queue(about), &queue(Metric::Unavailable)]);
        assert_eq!(sum.ready, about);
    }

    #[test]
    fn times_are_those_of_the_last_tasks() {
        assert_eq!(queue().task_millis(), Metric::Known(18_000));
        assert_eq!(queue().drain_millis(), Some(180_000));
        let both = QueueMetrics::sum([&queue(), &queue()]);
        assert_eq!(both.task_millis(), Metric::Known(18_000));
    }

    #[test]
    fn without_the_last_tasks_times_are_those_of_all() {
        let older = QueueMetrics {
            recent_tasks: Metric::Unsupported,
            recent_millis: Metric::Unsupported,
            ..queue()
        };
        assert_eq!(older.task_millis(), Metric::Known(12_444));
        assert_eq!(QueueMetrics::UNSUPPORTED.task_millis(), Metric::Unsupported);
        assert_eq!(QueueMetrics::UNAVAILABLE.task_millis(), Metric::Unavailable);
        let no_worker = QueueMetrics {
            live: Metric::Known(0),
            ..queue()
        };
        assert_eq!(no_worker.drain_millis(), None);
    }
}
