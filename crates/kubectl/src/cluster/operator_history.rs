//! The last hour of a pool from the operator's dashboard API, for `explain --at` and for the time before `interactive`
//! was started.

use super::queue_summary::QueueSummary;
use crate::cluster::Cluster;
use crate::commands::dashboard;
use anyhow::{Context, bail};
use api::{Key, MetricStatus, MetricsStatus, TimeMetricStatus, timestamp};
use decide::{ReasonCode, Time};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
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

/// A row of the operator's history: `null` could not be read, a negative number is not reported by the queue system.
type Row = [Option<i32>; 10];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    version: String,
    read_at: Option<i64>,
    samples: Vec<(i64, Row)>,
}

/// Reads the history of a pool, oldest first.
pub async fn load(cluster: &Cluster, key: &Key) -> anyhow::Result<Vec<HistoryPoint>> {
    let path = format!("/api/pools/{}/{}", key.namespace, key.name);
    let body = timeout(TIMEOUT, get(cluster, &path))
        .await
        .context("the operator does not answer")??;
    let Response {
        version,
        read_at,
        samples,
    } = serde_json::from_slice(&body)?;
    let same_version = version == env!("CARGO_PKG_VERSION");
    let ends = samples.iter().skip(1).map(|(at, _)| *at).chain(read_at);
    Ok(samples
        .iter()
        .zip(ends)
        .map(|((at, row), end)| history_point((*at, end), row, same_version))
        .collect())
}

/// Sends a GET request to the operator's dashboard.
async fn get(cluster: &Cluster, path: &str) -> anyhow::Result<Bytes> {
    let stream = TokioIo::new(dashboard::connect(cluster).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let request = http::Request::get(path)
        .header(http::header::HOST, "localhost")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    if !status.is_success() {
        bail!(
            "the operator returned HTTP {status}: {}",
            String::from_utf8_lossy(&body).trim()
        );
    }
    Ok(body)
}

fn history_point((at, until): (i64, i64), row: &Row, same_version: bool) -> HistoryPoint {
    let &[
        ready,
        in_flight,
        live,
        busy,
        cpu,
        wait,
        replicas,
        desired,
        idle,
        reason,
    ] = row;
    let count = |cell: Option<i32>| cell.and_then(|n| u64::try_from(n).ok());
    let summary = count(ready).map(|ready| QueueSummary {
        ready,
        in_flight: count(in_flight),
        live: count(live),
        busy: count(busy),
        cpu: cpu.filter(|n| *n >= 0).map(f64::from),
        oldest: count(wait).filter(|_| ready > 0).map(Duration::from_secs),
        ..QueueSummary::default()
    });
    let code = |n| ReasonCode::ALL.get(usize::try_from(n).ok()?).copied();
    let [at, until] = [at, until].map(|at| timestamp(Time(at)));
    let reason = reason.filter(|_| same_version).and_then(code);
    HistoryPoint {
        at,
        until,
        summary,
        replicas,
        desired,
        idle: idle == Some(1),
        reason,
    }
}

impl HistoryPoint {
    /// The metrics in the form of the WorkerPool's status.
    pub fn metrics(&self) -> MetricsStatus {
        let Some(summary) = &self.summary else {
            let ready = MetricStatus {
                value: None,
                unavailable: Some("it could not be read".to_owned()),
            };
            return MetricsStatus {
                ready,
                ..MetricsStatus::default()
            };
        };
        let metric = |n: Option<u64>| MetricStatus {
            value: n.and_then(|n| i64::try_from(n).ok()),
            unavailable: None,
        };
        let age = summary
            .oldest
            .and_then(|age| i64::try_from(age.as_millis()).ok());
        MetricsStatus {
            ready: metric(Some(summary.ready)),
            live: metric(summary.live),
            busy: metric(summary.busy),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the history has whole numbers below 2^31"
            )]
            cpu_percent: MetricStatus {
                value: summary.cpu.map(|cpu| cpu as i64),
                unavailable: None,
            },
            oldest_task_time: TimeMetricStatus {
                value: age.map(|age| timestamp(Time(self.at.as_millisecond() - age))),
                unavailable: None,
            },
            ..MetricsStatus::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_negative_cells_have_no_value() {
        let row = |ready| {
            [
                ready,
                Some(3),
                Some(3),
                Some(2),
                Some(-1),
                Some(7),
                Some(3),
                Some(5),
                Some(1),
                Some(1),
            ]
        };
        let point = history_point((0, 9_000), &row(Some(22)), true);
        let summary = point.summary.as_ref().expect("it was read");
        assert_eq!(
            (summary.ready, summary.busy, summary.cpu),
            (22, Some(2), None)
        );
        assert_eq!(
            (point.desired, point.idle, point.reason),
            (Some(5), true, Some(ReasonCode::QueueTooLong))
        );
        assert_eq!(
            point.metrics().oldest_task_time.value,
            Some(timestamp(Time(-7_000)))
        );
        let unavailable = history_point((0, 9_000), &row(None), false);
        assert_eq!(
            (unavailable.summary.clone(), unavailable.reason),
            (None, None),
            "another version may have other reasons"
        );
        assert!(unavailable.metrics().ready.unavailable.is_some());
    }
}
