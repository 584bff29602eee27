//! How fast tasks arrive and how long one takes, measured from a queue's counters.

use crate::observation::{Metric, QueueMetrics};
use crate::units::{Millis, Time};

/// What has been measured of one queue. Fixed point, no floats, so that every machine decides the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// When the counters were last recorded; `None` before the first time.
    pub at: Option<Time>,
    /// When the counters were first recorded.
    pub since: Time,
    /// Tasks ever arrived, as last recorded.
    pub arrived: i64,
    /// Tasks ever completed, as last recorded.
    pub processed: i64,
    /// Milliseconds spent on them, as last recorded.
    pub millis: i64,
    /// Arrival rate, in millionths of a task per second.
    pub arrival: i64,
    /// Mean service time of a task, in microseconds; 0 while unknown.
    pub service: i64,
    /// How many tasks the mean service time stands for, at most 19.
    pub samples: i64,
}

/// The time constant of the arrival rate: at least this, in milliseconds, ...
const MIN_TIME_CONSTANT: i64 = 60_000;
/// ... at most this, ...
const MAX_TIME_CONSTANT: i64 = 300_000;
/// ... and between them the time in which this many tasks arrive.
const TIME_CONSTANT_TASKS: i64 = 40;
/// The shortest time, in milliseconds, that a new mean covers: a shorter one would take the first burst for a steady rate.
const MIN_AGE: i64 = 10_000;
/// Without new counts, time changes the rate in steps of this, so that two observations in a row agree.
pub(crate) const STEP: Millis = Millis(1000);
/// The mean of the service time weighs as much as this many tasks at most: a new task counts at least 1 in 20.
const MAX_SAMPLES: i64 = 19;
/// A new service time counts as at most this many times the present mean.
const MAX_OUTLIER: i64 = 20;

impl Rates {
    /// Records the counters of an observation.
    pub fn learn(&mut self, queue: &QueueMetrics, now: Time) {
        let Some(arrived) = arrived(queue) else {
            return;
        };
        let processed = queue.processed.known().unwrap_or(0);
        let millis = queue.busy_millis.known().unwrap_or(0);
        let before = *self;
        let Some(at) = before.at else {
            *self = Self::first(arrived, processed, millis, now);
            return;
        };
        let arrivals = arrived.saturating_sub(before.arrived);
        let completed = processed.saturating_sub(before.processed);
        let spent = millis.saturating_sub(before.millis);
        if arrivals == 0 && completed == 0 && now - at < STEP {
            return;
        }
        self.at = Some(now);
        self.arrived = arrived;
        self.processed = processed;
        self.millis = millis;
        // A counter that decreases was reset: no negative rate, and no spike.
        if arrivals >= 0 {
            let age = at - before.since;
            self.arrival = arrival_rate(before.arrival, arrivals, now - at, age);
        }
        if completed > 0 && spent >= 0 {
            self.add_service_times(completed, spent);
        }
    }

    /// The first record: the mean service time of all earlier tasks, and no arrival rate yet.
    fn first(arrived: i64, processed: i64, millis: i64, now: Time) -> Self {
        let mut rates = Self {
            at: Some(now),
            since: now,
            arrived,
            processed,
            millis,
            ..Self::default()
        };
        if processed > 0 && millis > 0 {
            rates.service = millis.saturating_mul(1000) / processed;
            rates.samples = processed.min(MAX_SAMPLES);
        }
        rates
    }

    fn add_service_times(&mut self, completed: i64, spent: i64) {
        let mut mean = spent.saturating_mul(1000) / completed;
        if self.service > 0 {
            mean = mean.min(self.service.saturating_mul(MAX_OUTLIER));
        }
        let weight = self.samples.min(MAX_SAMPLES);
        let sum = i128::from(self.service) * i128::from(weight)
            + i128::from(mean) * i128::from(completed);
        let tasks = weight.saturating_add(completed);
        self.service = i64::try_from(sum / i128::from(tasks)).unwrap_or(i64::MAX);
        self.samples = tasks.min(MAX_SAMPLES);
    }

    /// Restores what every record has: no value below zero. A status may contain anything.
    pub(crate) fn bound(&mut self) {
        for value in [
            &mut self.arrived,
            &mut self.processed,
            &mut self.millis,
            &mut self.arrival,
            &mut self.service,
        ] {
            *value = (*value).max(0);
        }
        self.samples = self.samples.clamp(0, MAX_SAMPLES);
    }

    pub(crate) fn map_instants(&mut self, map: impl Fn(Time) -> Time) {
        self.at = self.at.map(&map);
        self.since = map(self.since);
    }
}

/// Tasks ever arrived: as counted by the producers, else the tasks that exist and those that have ended.
fn arrived(queue: &QueueMetrics) -> Option<i64> {
    let sum = [queue.in_flight, queue.held, queue.processed, queue.failed]
        .into_iter()
        .fold(queue.ready, Metric::plus);
    queue
        .arrived
        .known()
        .or_else(|| queue.processed.known().and(sum.known()))
}

/// The arrival rate after `arrivals` in `span`: the old rate fades with a time constant that is longer where few arrive,
/// and never longer than the `age` of the measurement.
fn arrival_rate(old: i64, arrivals: i64, span: Millis, age: Millis) -> i64 {
    let by_rate = (TIME_CONSTANT_TASKS * 1_000_000_000)
        .checked_div(old)
        .unwrap_or(MAX_TIME_CONSTANT);
    let constant = by_rate
        .clamp(MIN_TIME_CONSTANT, MAX_TIME_CONSTANT)
        .min(age.0.max(MIN_AGE));
    let constant = i128::from(constant);
    let sum = i128::from(old) * constant + i128::from(arrivals) * 1_000_000_000;
    let new = sum / (constant + i128::from(span.0)).max(1);
    i64::try_from(new).unwrap_or(i64::MAX)
}
