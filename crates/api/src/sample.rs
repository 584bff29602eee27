//! What one poll found, as charts show it: the form in which the operator gives its history to page and plugin.

use decide::{Metric, QueueMetrics, ReasonCode, Time};
use serde::{Deserialize, Deserializer, Serialize};

/// One poll: the metrics of all queues together, and the pool's state. A metric is `null` on the wire where it is
/// unavailable, and "unsupported" where the queue system does not report it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Tasks that wait.
    pub ready: Metric,
    /// Tasks that a worker holds.
    pub in_flight: Metric,
    /// Workers that claim tasks.
    pub live: Metric,
    /// Live workers that hold a task.
    pub busy: Metric,
    /// Mean CPU of the live workers, in percent; unsupported without workers, which is not the same as 0 %.
    pub cpu: Metric,
    /// How long the oldest task has waited, in seconds.
    pub wait: Metric,
    /// `status.replicas` of the target.
    pub replicas: Option<i32>,
    /// `spec.replicas` of the target.
    pub desired: Option<i32>,
    /// Whether the conditions of `scaleDown` are met.
    pub idle: bool,
    /// The reason of the current decision.
    pub reason: Option<ReasonCode>,
}

impl Sample {
    /// A time of which nothing is known.
    pub const UNKNOWN: Self = Self {
        ready: Metric::Unavailable,
        in_flight: Metric::Unavailable,
        live: Metric::Unavailable,
        busy: Metric::Unavailable,
        cpu: Metric::Unavailable,
        wait: Metric::Unavailable,
        replicas: None,
        desired: None,
        idle: false,
        reason: None,
    };

    /// The metrics of all queues together, as they were at `now`; the pool's state is unknown.
    pub fn new(total: &QueueMetrics, now: Time) -> Self {
        Self {
            ready: total.ready,
            in_flight: total.in_flight,
            live: total.live,
            busy: total.busy,
            cpu: total.cpu_sum.per(total.live),
            wait: match total.oldest_at {
                // An empty queue has no oldest task, so no task waits.
                Metric::Unsupported if total.ready == Metric::Known(0) => Metric::Known(0),
                at => at.map(|at| (now - Time(at)).0.max(0) / 1000),
            },
            ..Self::UNKNOWN
        }
    }

    /// The metrics as those of one queue that stands for all queues; `at` is when the sample was valid. It has no
    /// counters.
    pub fn metrics(&self, at: Time) -> QueueMetrics {
        QueueMetrics {
            ready: self.ready,
            in_flight: self.in_flight,
            live: self.live,
            busy: self.busy,
            cpu_sum: if self.live == Metric::Known(0) {
                Metric::Known(0)
            } else {
                self.cpu.join(self.live, i64::saturating_mul)
            },
            oldest_at: match (self.ready.known(), self.wait) {
                (Some(1..), Metric::Known(_)) => self.wait.map(|wait| at.0 - wait * 1000),
                _ => Metric::Unsupported,
            },
            ..QueueMetrics::UNSUPPORTED
        }
    }
}

/// Samples by time, as a list for each field: the names stand once, not in each sample.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SampleColumns {
    at: Vec<i64>,
    ready: Vec<Metric>,
    in_flight: Vec<Metric>,
    live: Vec<Metric>,
    busy: Vec<Metric>,
    cpu: Vec<Metric>,
    wait: Vec<Metric>,
    replicas: Vec<Option<i32>>,
    desired: Vec<Option<i32>>,
    idle: Vec<bool>,
    #[serde(deserialize_with = "known_reasons")]
    reason: Vec<Option<ReasonCode>>,
}

impl SampleColumns {
    /// The columns of `samples`, each with its time in milliseconds since 1970.
    pub fn new(samples: &[(i64, Sample)]) -> Self {
        let mut columns = Self::default();
        for (at, sample) in samples {
            columns.at.push(*at);
            columns.ready.push(sample.ready);
            columns.in_flight.push(sample.in_flight);
            columns.live.push(sample.live);
            columns.busy.push(sample.busy);
            columns.cpu.push(sample.cpu);
            columns.wait.push(sample.wait);
            columns.replicas.push(sample.replicas);
            columns.desired.push(sample.desired);
            columns.idle.push(sample.idle);
            columns.reason.push(sample.reason);
        }
        columns
    }

    /// The samples, each with its time in milliseconds since 1970. What a list lacks is unknown.
    pub fn samples(&self) -> impl Iterator<Item = (i64, Sample)> {
        let metric =
            |list: &[Metric], index| list.get(index).copied().unwrap_or(Metric::Unavailable);
        self.at.iter().enumerate().map(move |(index, at)| {
            let sample = Sample {
                ready: metric(&self.ready, index),
                in_flight: metric(&self.in_flight, index),
                live: metric(&self.live, index),
                busy: metric(&self.busy, index),
                cpu: metric(&self.cpu, index),
                wait: metric(&self.wait, index),
                replicas: self.replicas.get(index).copied().flatten(),
                desired: self.desired.get(index).copied().flatten(),
                idle: self.idle.get(index).is_some_and(|idle| *idle),
                reason: self.reason.get(index).copied().flatten(),
            };
            (*at, sample)
        })
    }
}

/// The reasons that this version knows: an operator of another one may have others.
fn known_reasons<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Option<ReasonCode>>, D::Error> {
    let codes: Vec<Option<String>> = Deserialize::deserialize(from)?;
    let known = |code: Option<String>| {
        let mut all = ReasonCode::ALL.iter().copied();
        all.find(|known| Some(known.as_str()) == code.as_deref())
    };
    Ok(codes.into_iter().map(known).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_survive_the_wire_and_unknown_reasons_are_none() {
        let sample = Sample {
            ready: Metric::Known(22),
            cpu: Metric::Unsupported,
            desired: Some(5),
            idle: true,
            reason: Some(ReasonCode::QueueTooLong),
            ..Sample::UNKNOWN
        };
        let columns = SampleColumns::new(&[(5, sample), (9, Sample::UNKNOWN)]);
        let json = serde_json::to_string(&columns).expect("JSON");
        let read: SampleColumns = serde_json::from_str(&json).expect("the same");
        let samples: Vec<_> = read.samples().collect();
        assert_eq!(samples, [(5, sample), (9, Sample::UNKNOWN)]);
        let newer = json.replace("QueueTooLong", "FromTheFuture");
        let read: SampleColumns = serde_json::from_str(&newer).expect("readable");
        assert_eq!(read.samples().next().map(|(_, it)| it.reason), Some(None));
    }
}
