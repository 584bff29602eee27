//! One pool in a message: its row in the overview.

use super::rules::Rules;
use crate::dashboard::{PoolView, Sample};
use api::{Change, DecisionStatus, Explanation, ForecastStatus, MetricStatus, MetricsStatus};
use decide::Metric;
use jiff::Timestamp;
use serde::Serialize;
use std::hash::{DefaultHasher, Hasher};

/// How many of the newest changes a row has.
const MAX_CHANGES: usize = 2;
/// The condition that reports whether a pool is healthy.
pub(in crate::dashboard) const READY: &str = "Ready";

/// One pool. The frame is left out while it is unchanged; the metrics are only in the full state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PoolRow<'a> {
    pub id: u32,
    namespace: &'a str,
    name: &'a str,
    #[serde(flatten)]
    pub frame: Option<Frame<'a>>,
    pending: Option<&'a Explanation>,
    ready: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replicas: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_replicas: Option<i32>,
    decision: Option<DecisionView<'a>>,
    success: Option<&'a str>,
    eta: Option<&'a str>,
    task_millis: Option<i64>,
    /// Held, due and delayed tasks, and paused queues.
    others: Option<[Metric; 4]>,
    #[serde(flatten)]
    pub metrics: Option<PoolMetrics>,
}

/// A decision without its steps. They are long, change with each poll, and only the pool's page shows them.
#[derive(Serialize)]
struct DecisionView<'a> {
    #[serde(flatten)]
    explanation: Explanation,
    confidence: f64,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a ForecastStatus>,
}

/// The longer part of a row, which seldom changes: it is sent again only when it did.
#[derive(Serialize)]
pub(super) struct Frame<'a> {
    bounds: Option<(i32, i32)>,
    rules: Option<&'a Rules>,
    changes: &'a [Change],
    timers: Option<Timers>,
}

/// The times from which the page counts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timers {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_up: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_change: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_since: Option<Timestamp>,
}

/// The newest metrics and the recent past, which a new viewer does not have yet.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PoolMetrics {
    pub sample: Option<Sample>,
    pub read_at: Option<i64>,
    pub sparkline: Vec<Option<i64>>,
}

/// What was last sent for a pool, as hashes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::dashboard) struct SentHashes {
    row: u64,
    frame: u64,
}

impl<'a> PoolRow<'a> {
    pub fn new(view: &'a PoolView, id: u32) -> Self {
        let status = &view.status;
        let display = status.display.as_ref();
        let ready = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == READY);
        let timers = status.internal.as_ref().map(|memory| Timers {
            last_up: memory.last_up,
            last_change: memory.last_change,
            idle_since: memory.idle_since,
        });
        Self {
            id,
            namespace: &view.namespace,
            name: &view.name,
            frame: Some(Frame {
                bounds: view.bounds,
                rules: view.rules.as_ref(),
                changes: recent_changes(&status.history),
                timers,
            }),
            pending: view.pending.as_ref(),
            ready: ready.map(|ready| ready.status == "True"),
            replicas: status.replicas,
            desired_replicas: status.desired_replicas,
            decision: status.decision.as_ref().map(DecisionView::from),
            success: display.map(|display| display.success.as_str()),
            eta: display.map(|display| display.eta.as_str()),
            task_millis: status
                .metrics
                .as_ref()
                .and_then(|metrics| metrics.task_millis.value),
            others: status.metrics.as_ref().map(|metrics| {
                let MetricsStatus {
                    held,
                    due,
                    delayed,
                    paused,
                    ..
                } = metrics;
                [held, due, delayed, paused].map(MetricStatus::metric)
            }),
            metrics: None,
        }
    }

    /// Removes what the viewers have, by `sent`. `None` if they have all of it.
    pub fn changed_since(mut self, sent: Option<SentHashes>) -> (Option<Self>, SentHashes) {
        let frame = self.frame.take();
        let hashes = SentHashes {
            row: hash(&self),
            frame: hash(&frame),
        };
        self.frame = frame.filter(|_| sent.is_none_or(|sent| sent.frame != hashes.frame));
        let row = (sent != Some(hashes)).then_some(self);
        (row, hashes)
    }
}

impl<'a> From<&'a DecisionStatus> for DecisionView<'a> {
    fn from(decision: &'a DecisionStatus) -> Self {
        Self {
            explanation: decision.into(),
            confidence: decision.confidence,
            at: decision.at,
            next: decision.next.as_ref(),
        }
    }
}

/// The changes that a row has: the newest ones of a history.
pub(in crate::dashboard) fn recent_changes(history: &[Change]) -> &[Change] {
    &history[history.len().saturating_sub(MAX_CHANGES)..]
}

fn hash(value: &impl Serialize) -> u64 {
    let mut writer = HashWriter(DefaultHasher::new());
    // Neither plain values nor this writer can fail.
    let _ = serde_json::to_writer(&mut writer, value);
    writer.0.finish()
}

/// Hashes what is written to it, so that two texts are compared without building them.
struct HashWriter(DefaultHasher);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
