//! The last hour of a pool from the operator's dashboard API, for `explain --at` and for the time before `interactive`
//! was started.

use super::queue_summary::QueueSummary;
use crate::cluster::Cluster;
use crate::commands::dashboard;
use crate::text::lang::{Lang, tr};
use anyhow::Context;
use api::{Key, MetricStatus, MetricsStatus, Sample, SampleColumns, TimeMetricStatus, timestamp};
use decide::{ReasonCode, Time};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for the operator's response.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the operator observed in a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryPoint {
    /// The start of the period.
    pub at: Timestamp,
    /// The end of the period.
    pub until: Timestamp,
    /// The metrics of the queues, if they could be read.
    pub summary: Option<QueueSummary>,
    /// The replicas of the target.
    pub replicas: Option<i32>,
    /// The desired replicas.
    pub desired: Option<i32>,
    /// Whether the conditions of `scaleDown` were met.
    pub idle: bool,
    /// The reason of the decision; `None` if the operator has another version, whose reasons may differ.
    pub reason: Option<ReasonCode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    read_at: Option<i64>,
    samples: SampleColumns,
}

/// Reads the history of a pool, oldest first.
pub async fn load(cluster: &Cluster, key: &Key) -> anyhow::Result<Vec<HistoryPoint>> {
    let path = format!("/api/pools/{}/{}", key.namespace, key.name);
    let body = timeout(TIMEOUT, dashboard::get(cluster, &path))
        .await
        .with_context(|| tr!(cluster.out.lang, "cli-operator-silent"))??;
    let Response { read_at, samples } = serde_json::from_slice(&body)?;
    let ends = samples.samples().skip(1).map(|(at, _)| at).chain(read_at);
    Ok(samples
        .samples()
        .zip(ends)
        .map(|((at, sample), end)| history_point(Time(at), Time(end), &sample))
        .collect())
}

fn history_point(at: Time, until: Time, sample: &Sample) -> HistoryPoint {
    let read = sample.ready.known();
    let summary = read.map(|_| QueueSummary::recorded(&[sample.metrics(at)], at));
    HistoryPoint {
        at: timestamp(at),
        until: timestamp(until),
        summary,
        replicas: sample.replicas,
        desired: sample.desired,
        idle: sample.idle,
        reason: sample.reason,
    }
}

impl HistoryPoint {
    /// The metrics in the form of the WorkerPool's status.
    pub fn metrics(&self, lang: Lang) -> MetricsStatus {
        let Some(summary) = &self.summary else {
            let mut unread = MetricsStatus::default();
            unread.ready.unavailable = Some(tr!(lang, "cli-metrics-unread"));
            return unread;
        };
        let metric = |value| MetricStatus {
            value,
            ..MetricStatus::default()
        };
        let count = |n: Option<u64>| metric(n.and_then(|n| i64::try_from(n).ok()));
        let pushed = |age| Some(self.at - SignedDuration::try_from(age).ok()?);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the history has whole numbers below 2^31"
        )]
        let cpu = summary.cpu.map(|cpu| cpu as i64);
        MetricsStatus {
            ready: count(Some(summary.ready)),
            live: count(summary.live),
            busy: count(summary.busy),
            cpu_percent: metric(cpu),
            oldest_task_time: TimeMetricStatus {
                value: summary.oldest.and_then(pushed),
                unavailable: None,
            },
            ..MetricsStatus::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::Metric;

    #[test]
    fn what_was_not_read_has_no_value() {
        let sample = Sample {
            ready: Metric::Known(22),
            live: Metric::Known(3),
            busy: Metric::Known(2),
            cpu: Metric::Unsupported,
            wait: Metric::Known(7),
            desired: Some(5),
            idle: true,
            reason: Some(ReasonCode::QueueTooLong),
            ..Sample::UNKNOWN
        };
        let point = history_point(Time(50_000), Time(59_000), &sample);
        let summary = point.summary.as_ref().expect("it was read");
        let counts = (summary.ready, summary.busy, summary.processed);
        assert_eq!(counts, (22, Some(2), None));
        let decision = (point.desired, point.idle, point.reason);
        assert_eq!(decision, (Some(5), true, Some(ReasonCode::QueueTooLong)));
        let oldest = point.metrics(Lang::EN).oldest_task_time.value;
        assert_eq!(oldest, Some(timestamp(Time(43_000))));
        let unavailable = history_point(Time(0), Time(9_000), &Sample::UNKNOWN);
        assert_eq!(unavailable.summary, None);
        assert_eq!(unavailable.reason, None);
        assert!(unavailable.metrics(Lang::EN).ready.unavailable.is_some());
    }
}
