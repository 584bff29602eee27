//! The JSON for the browser: pools, their last hour, and messages with changes. An unknown value is `null`, and one that
//! a queue system does not report is -1.

mod row;
mod rules;
mod sparkline;

pub(super) use row::{READY, SentHashes, recent_changes};
pub use rules::Rules;

use super::PoolView;
use crate::dashboard::history;
use crate::dashboard::history::{Row, UNKNOWN};
use crate::dashboard::store::{Changes, DashboardStore};
use api::{Change, Key};
use decide::ReasonCode;
use row::{PoolMetrics, PoolRow};
use serde::Serialize;
use sparkline::sparkline;
use std::collections::{BTreeSet, HashMap};

/// A [`Row`] with `null` for values that could not be read.
type Cells = [Option<i32>; 10];

#[derive(Serialize)]
struct FullState<'a> {
    full: bool,
    now: i64,
    version: &'static str,
    reasons: Vec<&'static str>,
    pools: Vec<PoolRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PoolDetail<'a> {
    now: i64,
    version: &'static str,
    read_at: Option<i64>,
    pool: PoolRow<'a>,
    history: &'a [Change],
    samples: Vec<(i64, Cells)>,
}

#[derive(Serialize)]
struct Delta<'a> {
    now: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<PoolRow<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<(u32, Cells)>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unchanged: &'a BTreeSet<u32>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    deleted: &'a BTreeSet<u32>,
}

/// All pools as they are now: the first message to a viewer.
pub(super) fn full(store: &DashboardStore, views: &[PoolView]) -> String {
    let now = store.now();
    let pools = views.iter().filter_map(|view| {
        let series = store.series(&view.key(), sparkline::SPAN)?;
        let mut row = PoolRow::new(view, series.id);
        row.metrics = Some(PoolMetrics {
            metrics: series.latest.map(|(_, row)| cells(row)),
            read_at: series.latest.map(|(at, _)| at),
            sparkline: sparkline(&series.samples, now),
        });
        Some(row)
    });
    let reasons = ReasonCode::ALL
        .iter()
        .map(|reason| reason.as_str())
        .collect();
    json(&FullState {
        full: true,
        now,
        version: env!("CARGO_PKG_VERSION"),
        reasons,
        pools: pools.collect(),
    })
}

/// One pool with its history and the samples of the last hour.
pub(super) fn pool(store: &DashboardStore, view: &PoolView) -> Option<String> {
    let series = store.series(&view.key(), history::SPAN)?;
    Some(json(&PoolDetail {
        now: store.now(),
        version: env!("CARGO_PKG_VERSION"),
        read_at: series.latest.map(|(at, _)| at),
        pool: PoolRow::new(view, series.id),
        history: &view.status.history,
        samples: series
            .samples
            .iter()
            .map(|(at, row)| (*at, cells(*row)))
            .collect(),
    }))
}

/// What has changed since the last message. It leaves out what the viewers have, by `sent`. `None` if there is nothing
/// to send.
pub(super) fn delta(
    store: &DashboardStore,
    changes: &Changes,
    views: &[PoolView],
    sent: &mut HashMap<u32, SentHashes>,
) -> Option<String> {
    let rows = views.iter().filter_map(|view| {
        let id = store.id(&view.key())?;
        let (row, hashes) = PoolRow::new(view, id).changed_since(sent.get(&id).copied());
        sent.insert(id, hashes);
        row
    });
    let pools: Vec<PoolRow<'_>> = rows.collect();
    for id in &changes.deleted {
        sent.remove(id);
    }
    let metrics: Vec<(u32, Cells)> = changes
        .metrics
        .iter()
        .map(|(id, row)| (*id, cells(*row)))
        .collect();
    if pools.is_empty()
        && metrics.is_empty()
        && changes.unchanged.is_empty()
        && changes.deleted.is_empty()
    {
        return None;
    }
    Some(json(&Delta {
        now: store.now(),
        pools,
        metrics,
        unchanged: &changes.unchanged,
        deleted: &changes.deleted,
    }))
}

/// Nothing has changed, and the stream is alive.
pub(super) fn heartbeat(store: &DashboardStore) -> String {
    format!("{{\"now\":{}}}", store.now())
}

fn json(message: &impl Serialize) -> String {
    // Plain values in plain structs cannot fail.
    serde_json::to_string(message).unwrap_or_default()
}

fn cells(row: Row) -> Cells {
    row.map(|n| (n != UNKNOWN).then_some(n))
}

impl PoolView {
    pub(super) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }
}
