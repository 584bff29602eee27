//! What goes to the browser, as JSON: a pool's row, its last hour, and messages of what changed. Unknown is `null`,
//! and what a queue system does not tell is -1.

use super::PoolView;
use crate::dashboard::history::{Row, UNKNOWN};
use crate::dashboard::store::{Changes, DashboardStore};
use api::{
    Change, DecisionStatus, Display, ForecastStatus, Key, MemoryStatus, MetricsStatus,
    WorkerPoolStatus,
};
use decide::{PoolSpec, ReasonCode};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hasher};

/// How much of the past the overview shows, in points of so many milliseconds.
const POINTS: usize = 60;
const POINT: i64 = 10_000;

/// How many changes a row has with it.
const LAST: usize = 2;
/// The condition that says whether all is well.
const READY: &str = "Ready";

/// The rules that the charts draw: thresholds as lines, cooldowns and idle time as windows, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    queue_up: Option<i64>,
    queue_down: Option<i64>,
    busy_up: Option<i64>,
    busy_down: Option<i64>,
    cpu_up: Option<i64>,
    up_step: i32,
    down_step: Option<i32>,
    up_cooldown: i64,
    down_cooldown: Option<i64>,
    idle_for: Option<i64>,
    max_wait: Option<i64>,
}

impl From<&PoolSpec> for Rules {
    fn from(pool: &PoolSpec) -> Self {
        // A queue with rules of its own is judged by itself: the lines are those of the pool's sum.
        let whole = pool
            .rules
            .iter()
            .find(|rules| rules.queue.is_none())
            .or_else(|| pool.rules.first());
        let Some(decide::Rules {
            up, down, target, ..
        }) = whole
        else {
            return Self::default();
        };
        let down = down.as_ref();
        Self {
            queue_up: up.queue_length,
            queue_down: down.and_then(|down| down.queue_length),
            busy_up: up.utilization,
            busy_down: down.and_then(|down| down.utilization),
            cpu_up: up.cpu,
            up_step: up.step,
            down_step: down.map(|down| down.step),
            up_cooldown: up.cooldown.0,
            down_cooldown: down.map(|down| down.cooldown.0),
            idle_for: down.map(|down| down.idle_for.0),
            max_wait: target.max_wait.map(|wait| wait.0),
        }
    }
}

/// One pool: what is said of it in words, and where a viewer needs it, its frame and its facts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    id: u32,
    namespace: &'a str,
    name: &'a str,
    #[serde(flatten)]
    frame: Option<Frame<'a>>,
    pending: Option<&'a (i32, String)>,
    well: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replicas: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_replicas: Option<i32>,
    decision: Option<DecisionView<'a>>,
    success: Option<&'a str>,
    eta: Option<&'a str>,
    task_millis: Option<i64>,
    #[serde(flatten)]
    facts: Option<PoolMetrics>,
}

/// A decision without its trail, which is long, changes with each look, and is for one pool's own page.
#[derive(Serialize)]
struct DecisionView<'a> {
    reason: &'a str,
    message: &'a str,
    confidence: f64,
    at: Timestamp,
    from: i32,
    to: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a ForecastStatus>,
}

/// What seldom changes, and is the longer part: said again only when it did.
#[derive(Serialize)]
struct Frame<'a> {
    bounds: Option<(i32, i32)>,
    rules: Option<&'a Rules>,
    changes: &'a [Change],
    memory: Option<Timers>,
}

/// What of the memory has a clock on the page.
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

/// What was last said of a pool: its words and its frame, as hashes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SentHashes {
    words: u64,
    frame: u64,
}

/// What a viewer who comes new must know besides.
#[derive(Serialize)]
struct PoolMetrics {
    facts: Option<Cells>,
    looked: Option<i64>,
    spark: Vec<Option<i32>>,
}

type Cells = [Option<i32>; 10];

#[derive(Serialize)]
struct Start<'a> {
    full: bool,
    now: i64,
    version: &'static str,
    reasons: Vec<&'static str>,
    pools: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct PoolDetail<'a> {
    now: i64,
    version: &'static str,
    looked: Option<i64>,
    pool: Entry<'a>,
    history: &'a [Change],
    trace: Vec<(i64, Cells)>,
}

#[derive(Serialize)]
struct Delta<'a> {
    now: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<(u32, Cells)>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    same: &'a BTreeSet<u32>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    gone: &'a BTreeSet<u32>,
}

/// All pools as they are now: what a viewer hears first.
pub(super) fn full(board: &DashboardStore, views: &[PoolView]) -> String {
    let now = board.now();
    let pools = views.iter().filter_map(|view| {
        let known = board.series(
            &view.key(),
            POINT * i64::try_from(POINTS).unwrap_or_default(),
        )?;
        let mut entry = entry(view, known.id);
        let (facts, looked) = (
            known.latest.map(|(_, row)| cells(row)),
            known.latest.map(|(at, _)| at),
        );
        entry.facts = Some(PoolMetrics {
            facts,
            looked,
            spark: spark(&known.trace, now),
        });
        Some(entry)
    });
    let reasons = ReasonCode::ALL
        .iter()
        .map(|reason| reason.as_str())
        .collect();
    json(&Start {
        full: true,
        now,
        version: env!("CARGO_PKG_VERSION"),
        reasons,
        pools: pools.collect(),
    })
}

/// One pool with its history and all that happened to it in the last hour.
pub(super) fn pool(board: &DashboardStore, view: &PoolView) -> Option<String> {
    let known = board.series(&view.key(), crate::dashboard::history::SPAN)?;
    Some(json(&PoolDetail {
        now: board.now(),
        version: env!("CARGO_PKG_VERSION"),
        looked: known.latest.map(|(at, _)| at),
        pool: entry(view, known.id),
        history: &view.status.history,
        trace: known
            .trace
            .iter()
            .map(|(at, row)| (*at, cells(*row)))
            .collect(),
    }))
}

/// What has changed; pools of which the same is said as before, by `told`, are left out.
pub(super) fn delta(
    board: &DashboardStore,
    news: &Changes,
    views: &[PoolView],
    told: &mut HashMap<u32, SentHashes>,
) -> Option<String> {
    let entries = views.iter().filter_map(|view| {
        let mut entry = entry(view, board.id(&view.key())?);
        let frame = entry.frame.take();
        let said = SentHashes {
            words: hash(&entry),
            frame: hash(&frame),
        };
        let before = told.insert(entry.id, said);
        entry.frame = frame.filter(|_| before.is_none_or(|before| before.frame != said.frame));
        (before != Some(said)).then_some(entry)
    });
    let pools: Vec<Entry<'_>> = entries.collect();
    for id in &news.gone {
        told.remove(id);
    }
    let facts: Vec<(u32, Cells)> = news
        .facts
        .iter()
        .map(|(id, row)| (*id, cells(*row)))
        .collect();
    if pools.is_empty() && facts.is_empty() && news.same.is_empty() && news.gone.is_empty() {
        return None;
    }
    Some(json(&Delta {
        now: board.now(),
        pools,
        facts,
        same: &news.same,
        gone: &news.gone,
    }))
}

/// Nothing new, and the stream is alive.
pub(super) fn heartbeat(board: &DashboardStore) -> String {
    format!("{{\"now\":{}}}", board.now())
}

fn json(message: &impl Serialize) -> String {
    // Plain values in plain structs: there is nothing in them that could fail.
    serde_json::to_string(message).unwrap_or_default()
}

fn entry(view: &PoolView, id: u32) -> Entry<'_> {
    let status = &view.status;
    let display = status.display.as_ref();
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == READY);
    let memory = status.internal.as_ref().map(|memory| {
        let MemoryStatus {
            last_up,
            last_change,
            idle_since,
            ..
        } = *memory;
        Timers {
            last_up,
            last_change,
            idle_since,
        }
    });
    Entry {
        id,
        namespace: &view.namespace,
        name: &view.name,
        frame: Some(Frame {
            bounds: view.bounds,
            rules: view.rules.as_ref(),
            changes: last(&status.history),
            memory,
        }),
        pending: view.pending.as_ref(),
        well: ready.map(|ready| ready.status == "True"),
        replicas: status.replicas,
        desired_replicas: status.desired_replicas,
        decision: status.decision.as_ref().map(words),
        success: display.map(|display| display.success.as_str()),
        eta: display.map(|display| display.eta.as_str()),
        task_millis: status
            .metrics
            .as_ref()
            .and_then(|metrics| metrics.task_millis.value),
        facts: None,
    }
}

fn words(decision: &DecisionStatus) -> DecisionView<'_> {
    let DecisionStatus {
        reason,
        message: sentence,
        confidence,
        at,
        from,
        to,
        next,
        steps: _,
    } = decision;
    let (confidence, at, from, to, next) = (*confidence, *at, *from, *to, next.as_ref());
    DecisionView {
        reason,
        message: sentence,
        confidence,
        at,
        from,
        to,
        next,
    }
}

/// Of a status and its history only what the stream tells: the rest would be copied at each look to be thrown away.
#[must_use]
pub fn summary(status: &WorkerPoolStatus, history: &[Change]) -> WorkerPoolStatus {
    let WorkerPoolStatus {
        metrics,
        decision,
        internal: memory,
        conditions,
        display,
        ..
    } = status;
    let metrics = metrics.as_ref().map(|metrics| MetricsStatus {
        task_millis: metrics.task_millis.clone(),
        ..MetricsStatus::default()
    });
    let decision = decision.as_ref().map(|decision| {
        let DecisionStatus {
            reason,
            message: sentence,
            confidence,
            at,
            from,
            to,
            next,
            steps: _,
        } = decision;
        let (reason, sentence, next, trail) =
            (reason.clone(), sentence.clone(), next.clone(), Vec::new());
        DecisionStatus {
            reason,
            message: sentence,
            confidence: *confidence,
            at: *at,
            from: *from,
            to: *to,
            steps: trail,
            next,
        }
    });
    let memory = memory.as_ref().map(|memory| {
        let MemoryStatus {
            last_up,
            last_change,
            idle_since,
            ..
        } = *memory;
        MemoryStatus {
            last_up,
            last_change,
            idle_since,
            ..MemoryStatus::default()
        }
    });
    let display = display
        .as_ref()
        .map(|Display { success, eta, .. }| Display {
            success: success.clone(),
            eta: eta.clone(),
            ..Display::default()
        });
    WorkerPoolStatus {
        replicas: status.replicas,
        desired_replicas: status.desired_replicas,
        metrics,
        decision,
        internal: memory,
        history: last(history).to_vec(),
        conditions: conditions
            .iter()
            .filter(|condition| condition.type_ == READY)
            .cloned()
            .collect(),
        display,
        ..WorkerPoolStatus::default()
    }
}

fn last(history: &[Change]) -> &[Change] {
    &history[history.len().saturating_sub(LAST)..]
}

fn cells(row: Row) -> Cells {
    row.map(|n| (n != UNKNOWN).then_some(n))
}

fn hash(words: &impl Serialize) -> u64 {
    let mut ink = HashWriter(DefaultHasher::new());
    // Plain values, as above, into what takes everything.
    let _ = serde_json::to_writer(&mut ink, words);
    ink.0.finish()
}

/// Hashes what is written, so that a text need not be made to be compared.
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

/// The longest that the queue was in each point of the overview's past, the newest last.
fn spark(trace: &[(i64, Row)], now: i64) -> Vec<Option<i32>> {
    let mut points: Vec<Option<i32>> = vec![None; POINTS];
    let newest = now / POINT;
    let ends = trace.iter().skip(1).map(|(at, _)| *at).chain([now]);
    for ((start, row), end) in trace.iter().zip(ends) {
        for point in (start / POINT..=end / POINT).filter(|_| row[0] >= 0) {
            let back = usize::try_from(newest - point).unwrap_or(POINTS);
            if let Some(cell) = POINTS.checked_sub(back + 1).and_then(|i| points.get_mut(i)) {
                *cell = (*cell).max(Some(row[0]));
            }
        }
    }
    points
}

impl PoolView {
    pub(super) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_keeps_the_peaks_and_leaves_gaps() {
        let row = |ready| [ready, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let now = 1_000_000;
        let trace = [
            (now - 95_000, row(3)),
            (now - 52_000, row(9)),
            (now - 49_000, row(UNKNOWN)),
            (now - 12_000, row(1)),
        ];
        let points = spark(&trace, now);
        assert_eq!(points.len(), POINTS);
        let last: Vec<Option<i32>> = points[POINTS - 11..].to_vec();
        let (three, nine, one) = (Some(3), Some(9), Some(1));
        assert_eq!(
            last,
            [
                three, three, three, three, nine, nine, None, None, one, one, one
            ]
        );
    }
}
