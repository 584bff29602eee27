//! The JSON for the browser: pools, their last hour, and messages with changes.

mod row;
mod rules;
mod sparkline;

pub(super) use row::{READY, SentHashes, recent_changes};
pub use rules::Rules;

use super::{PoolView, Sample};
use crate::dashboard::history;
use crate::dashboard::store::{Changes, DashboardStore};
use api::{Change, Key, SampleColumns};
use row::{PoolMetrics, PoolRow};
use serde::Serialize;
use sparkline::sparkline;
use std::collections::{BTreeSet, HashMap};

#[derive(Serialize)]
struct FullState<'a> {
    full: bool,
    now: i64,
    version: &'static str,
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
    samples: SampleColumns,
}

/// A sample in a message with changes.
#[derive(Serialize)]
struct PoolSample {
    id: u32,
    #[serde(flatten)]
    sample: Sample,
}

#[derive(Serialize)]
struct Delta<'a> {
    now: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<PoolRow<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples: Vec<PoolSample>,
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
            sample: series.latest.map(|(_, sample)| sample),
            read_at: series.latest.map(|(at, _)| at),
            sparkline: sparkline(&series.samples, now),
        });
        Some(row)
    });
    json(&FullState {
        full: true,
        now,
        version: env!("CARGO_PKG_VERSION"),
        pools: pools.collect(),
    })
}

/// One pool with its history and the samples of the last hour.
pub(super) fn pool(store: &DashboardStore, view: &PoolView) -> Option<impl Serialize> {
    let series = store.series(&view.key(), history::SPAN)?;
    Some(PoolDetail {
        now: store.now(),
        version: env!("CARGO_PKG_VERSION"),
        read_at: series.latest.map(|(at, _)| at),
        pool: PoolRow::new(view, series.id),
        history: &view.status.history,
        samples: SampleColumns::new(&series.samples),
    })
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
    let samples: Vec<PoolSample> = changes
        .samples
        .iter()
        .map(|(&id, &sample)| PoolSample { id, sample })
        .collect();
    if pools.is_empty()
        && samples.is_empty()
        && changes.unchanged.is_empty()
        && changes.deleted.is_empty()
    {
        return None;
    }
    Some(json(&Delta {
        now: store.now(),
        pools,
        samples,
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

impl PoolView {
    pub(super) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }
}
