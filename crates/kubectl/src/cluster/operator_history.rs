//! What the operator remembers of a pool's last hour, from its page: for `explain --at`, and for what `interactive` shows
//! of the time before it was opened.

use super::facts::QueueSummary;
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

/// How long the operator may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the operator saw from one time to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryPoint {
    /// From when on.
    pub at: Timestamp,
    /// Until when it was true.
    pub until: Timestamp,
    /// The queue, where it could be read.
    pub facts: Option<QueueSummary>,
    /// Pods of the target.
    pub replicas: Option<i32>,
    /// Workers wanted.
    pub desired: Option<i32>,
    /// Whether the conditions of `scaleDown` held.
    pub idle: bool,
    /// Why that many were wanted, where the operator has our words.
    pub reason: Option<ReasonCode>,
}

/// A row of the operator's trace: `null` was not to be read, a negative number is not reported by this queue system.
type Row = [Option<i32>; 10];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: String,
    read_at: Option<i64>,
    samples: Vec<(i64, Row)>,
}

/// Asks the operator, the oldest first.
pub async fn load(cluster: &Cluster, key: &Key) -> anyhow::Result<Vec<HistoryPoint>> {
    let path = format!("/api/pools/{}/{}", key.namespace, key.name);
    let text = timeout(TIMEOUT, get(cluster, &path))
        .await
        .context("the operator does not answer")??;
    let Answer {
        version,
        read_at,
        samples,
    } = serde_json::from_slice(&text)?;
    let same = version == env!("CARGO_PKG_VERSION");
    let ends = samples.iter().skip(1).map(|(at, _)| *at).chain(read_at);
    Ok(samples
        .iter()
        .zip(ends)
        .map(|((at, row), end)| look((*at, end), row, same))
        .collect())
}

async fn get(cluster: &Cluster, path: &str) -> anyhow::Result<Bytes> {
    let stream = TokioIo::new(dashboard::connect(cluster).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let request = http::Request::get(path)
        .header(http::header::HOST, "localhost")
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    connection.abort();
    if !status.is_success() {
        bail!(
            "the operator answers {status}: {}",
            String::from_utf8_lossy(&body).trim()
        );
    }
    Ok(body)
}

fn look((at, until): (i64, i64), row: &Row, same: bool) -> HistoryPoint {
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
    let facts = count(ready).map(|ready| QueueSummary {
        ready,
        in_flight: count(in_flight),
        live: count(live),
        busy: count(busy),
        cpu: cpu.filter(|n| *n >= 0).map(f64::from),
        oldest: count(wait).filter(|_| ready > 0).map(Duration::from_secs),
        ..QueueSummary::default()
    });
    let word = |n| ReasonCode::ALL.get(usize::try_from(n).ok()?).copied();
    let [at, until] = [at, until].map(|at| timestamp(Time(at)));
    let reason = reason.filter(|_| same).and_then(word);
    HistoryPoint {
        at,
        until,
        facts,
        replicas,
        desired,
        idle: idle == Some(1),
        reason,
    }
}

impl HistoryPoint {
    /// The facts as the status has them.
    #[must_use]
    pub fn metrics(&self) -> MetricsStatus {
        let Some(facts) = &self.facts else {
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
        let age = facts
            .oldest
            .and_then(|age| i64::try_from(age.as_millis()).ok());
        MetricsStatus {
            ready: metric(Some(facts.ready)),
            live: metric(facts.live),
            busy: metric(facts.busy),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it was a whole number below 2^31"
            )]
            cpu_percent: MetricStatus {
                value: facts.cpu.map(|cpu| cpu as i64),
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
    fn unknown_and_not_told_are_no_numbers() {
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
        let seen = look((0, 9_000), &row(Some(22)), true);
        let facts = seen.facts.as_ref().expect("it was read");
        assert_eq!((facts.ready, facts.busy, facts.cpu), (22, Some(2), None));
        assert_eq!(
            (seen.desired, seen.idle, seen.reason),
            (Some(5), true, Some(ReasonCode::QueueTooLong))
        );
        assert_eq!(
            seen.metrics().oldest_task_time.value,
            Some(timestamp(Time(-7_000)))
        );
        let blind = look((0, 9_000), &row(None), false);
        assert_eq!(
            (blind.facts.clone(), blind.reason),
            (None, None),
            "another version may have other words"
        );
        assert!(blind.metrics().ready.unavailable.is_some());
    }
}
