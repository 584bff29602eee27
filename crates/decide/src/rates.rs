//! How fast work arrives and how long a task takes, measured from a queue's counters.

use super::units::{Millis, Time};
use crate::observation::QueueMetrics;

/// What has been measured of one queue. Fixed point: no floats, so that every machine decides the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// When the counters were last taken in; `None` before the first time.
    pub at: Option<Time>,
    /// Since when they have been watched.
    pub since: Time,
    /// Tasks ever arrived, by then.
    pub arrived: i64,
    /// Tasks ever completed, by then.
    pub processed: i64,
    /// Milliseconds spent on them, by then.
    pub millis: i64,
    /// Arrivals, in millionths of a task per second.
    pub arrival: i64,
    /// Mean time of a task, in microseconds; 0 while unknown.
    pub service: i64,
    /// Tasks that this mean was made of, as far as that matters.
    pub samples: i64,
}

/// The time constant of the arrival rate: at least this, ...
const LEAST: i64 = 60_000;
/// ... at most this, ...
const MOST: i64 = 300_000;
/// ... and between them the time in which this many tasks arrive.
const TASKS: i64 = 40;
/// A young mean is one over at least this time, or the first burst would look like a steady storm.
const YOUNG: i64 = 10_000;
/// Where nothing was counted, time moves the rate in steps of this, so that two looks in a row agree.
pub(super) const STEP: Millis = Millis(1000);
/// A task counts at least one part in this many.
const MEMORY: i64 = 19;
/// A mean sample counts as at most this many times the present mean.
const CAP: i64 = 20;

impl Rates {
    /// Takes in the counters of a look.
    pub fn learn(&mut self, seen: &QueueMetrics, now: Time) {
        let Some(arrived) = arrived(seen) else { return };
        let processed = seen.processed.known().unwrap_or(0);
        let millis = seen.busy_millis.known().unwrap_or(0);
        let before = *self;
        let Some(at) = before.at else {
            *self = Self {
                at: Some(now),
                since: now,
                arrived,
                processed,
                millis,
                ..Self::default()
            };
            if processed > 0 && millis > 0 {
                self.service = millis.saturating_mul(1000) / processed;
                self.samples = processed.min(MEMORY);
            }
            return;
        };
        let (came, done, spent) = (
            arrived - before.arrived,
            processed - before.processed,
            millis - before.millis,
        );
        if came == 0 && done == 0 && now - at < STEP {
            return;
        }
        (self.at, self.arrived, self.processed, self.millis) =
            (Some(now), arrived, processed, millis);
        // A counter that falls was reset: no negative rate, and no spike.
        if came >= 0 {
            self.arrival = arrival(before.arrival, came, (now - at).0, (at - before.since).0);
        }
        if done > 0 && spent >= 0 {
            let mean = spent.saturating_mul(1000) / done;
            let mean = if self.service > 0 {
                mean.min(self.service.saturating_mul(CAP))
            } else {
                mean
            };
            let weight = self.samples.min(MEMORY);
            let sum =
                i128::from(self.service) * i128::from(weight) + i128::from(mean) * i128::from(done);
            self.service = i64::try_from(sum / i128::from(weight + done)).unwrap_or(i64::MAX);
            self.samples = (weight + done).min(MEMORY);
        }
    }

    pub(super) fn clamp_to(&mut self, now: Time) {
        self.at = self.at.map(|at| at.min(now));
        self.since = self.since.min(now);
    }
}

/// Tasks ever arrived: counted by the producers, or else what there is and what there was.
fn arrived(seen: &QueueMetrics) -> Option<i64> {
    let sum = [seen.in_flight, seen.processed, seen.failed]
        .into_iter()
        .fold(seen.ready, super::Metric::plus);
    seen.arrived
        .known()
        .or_else(|| seen.processed.known().and(sum.known()))
}

/// The mean after `came` tasks in `span` ms: `old` fades with a time constant that grows where little arrives.
fn arrival(old: i64, came: i64, span: i64, age: i64) -> i64 {
    let by_rate = (TASKS * 1_000_000_000).checked_div(old).unwrap_or(MOST);
    let constant = by_rate.clamp(LEAST, MOST).min(age.max(YOUNG));
    let (old, came, span, constant) = (
        i128::from(old),
        i128::from(came),
        i128::from(span),
        i128::from(constant),
    );
    let new = (old * constant + came * 1_000_000_000) / (constant + span).max(1);
    i64::try_from(new).unwrap_or(i64::MAX)
}
