//! What goes to the browser, as JSON: a pool's row, its last hour, and messages of what changed. Unknown is `null`,
//! and what a queue system does not tell is -1.

use super::PoolView;
use super::board::{Board, Known, News};
use super::trace::{Row, UNKNOWN};
use crate::api::Key;
use crate::decide::{self, Pool, Reason};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How much of the past the overview shows, in points of so many milliseconds.
const POINTS: usize = 60;
const POINT: i64 = 10_000;

/// The rules that the charts draw: thresholds as lines, cooldowns and idle time as windows, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    queue_up: Option<i64>,
    queue_down: Option<i64>,
    busy_up: Option<i64>,
    busy_down: Option<i64>,
    cpu_up: Option<i64>,
    up_cooldown: i64,
    down_cooldown: Option<i64>,
    idle_for: Option<i64>,
    max_wait: Option<i64>,
}

impl From<&Pool> for Rules {
    fn from(pool: &Pool) -> Self {
        // A queue with rules of its own is judged by itself: the lines are those of the pool's sum.
        let whole = pool.rules.iter().find(|rules| rules.of.is_none()).or_else(|| pool.rules.first());
        let Some(decide::Rules { up, down, target, .. }) = whole else { return Self::default() };
        let down = down.as_ref();
        Self {
            queue_up: up.queue_length,
            queue_down: down.and_then(|down| down.queue_length),
            busy_up: up.utilization,
            busy_down: down.and_then(|down| down.utilization),
            cpu_up: up.cpu,
            up_cooldown: up.cooldown.0,
            down_cooldown: down.map(|down| down.cooldown.0),
            idle_for: down.map(|down| down.idle_for.0),
            max_wait: target.max_wait.map(|wait| wait.0),
        }
    }
}

/// All pools as they are now: what a viewer hears first.
pub(super) fn full(board: &Board, views: &[PoolView]) -> String {
    let pools = views.iter().filter_map(|view| {
        let known = board.recall(&view.key(), POINT * i64::try_from(POINTS).unwrap_or_default())?;
        let mut pool = row(view, &known);
        // The trail and the like are for one pool's own page, which asks for them.
        if let Some(decision) = pool["decision"].as_object_mut() {
            decision.remove("trail");
        }
        pool["facts"] = cells(known.latest.map(|(_, row)| row));
        pool["looked"] = json!(known.latest.map(|(at, _)| at));
        pool["spark"] = json!(spark(&known.trace, board.now()));
        Some(pool)
    });
    let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let pools: Vec<Value> = pools.collect();
    json!({"full": true, "now": board.now(), "version": env!("CARGO_PKG_VERSION"), "reasons": reasons, "pools": pools})
        .to_string()
}

/// One pool with its history and all that happened to it in the last hour.
pub(super) fn pool(board: &Board, view: &PoolView) -> Option<String> {
    let known = board.recall(&view.key(), super::trace::SPAN)?;
    let mut pool = row(view, &known);
    pool["history"] = json!(view.status.history);
    let trace: Vec<Value> = known
        .trace
        .iter()
        .map(|(at, row)| {
            let mut entry = vec![json!(at)];
            entry.extend(row.map(cell));
            Value::Array(entry)
        })
        .collect();
    Some(
        json!({"now": board.now(), "looked": known.latest.map(|(at, _)| at), "pool": pool, "trace": trace})
            .to_string(),
    )
}

/// What has changed; rows that say the same as before, by `told`, are left out.
pub(super) fn delta(
    board: &Board,
    news: &News,
    views: &[PoolView],
    told: &mut HashMap<u32, u64>,
) -> Option<String> {
    let mut pools = Vec::new();
    for view in views {
        let Some(known) = board.recall(&view.key(), 0) else { continue };
        let row = row(view, &known);
        let mut hasher = DefaultHasher::new();
        row.to_string().hash(&mut hasher);
        if told.insert(known.id, hasher.finish()) != Some(hasher.finish()) {
            pools.push(row);
        }
    }
    for id in &news.gone {
        told.remove(id);
    }
    let facts: Vec<Value> = news.facts.iter().map(|(id, row)| json!([id, cells(Some(*row))])).collect();
    let all = [
        ("pools", json!(pools)),
        ("facts", json!(facts)),
        ("same", json!(news.same)),
        ("gone", json!(news.gone)),
    ];
    let said = all.into_iter().filter(|(_, value)| value.as_array().is_some_and(|list| !list.is_empty()));
    let mut message: serde_json::Map<String, Value> =
        said.map(|(name, value)| (name.to_owned(), value)).collect();
    if message.is_empty() {
        return None;
    }
    message.insert("now".to_owned(), json!(board.now()));
    Some(Value::Object(message).to_string())
}

/// Nothing new, and the stream is alive.
pub(super) fn beat(board: &Board) -> String {
    json!({"now": board.now()}).to_string()
}

/// What is said of a pool in words and bounds. Parts of the status that come later go along by themselves.
fn row(view: &PoolView, known: &Known) -> Value {
    let status = json!(view.status);
    let ready = view.status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let mut row = json!({
        "id": known.id,
        "namespace": view.namespace,
        "name": view.name,
        "bounds": view.bounds,
        "rules": view.rules,
        "pending": view.pending,
        "well": ready.map(|ready| ready.status == "True"),
        "changes": view.status.history.iter().rev().take(2).rev().collect::<Vec<_>>(),
    });
    for part in ["decision", "next", "memory", "replicas", "desiredReplicas", "display"] {
        if let Some(value) = status.get(part) {
            row[part] = value.clone();
        }
    }
    if let Some(mean) = status.pointer("/metrics/taskMillis/value") {
        row["taskMillis"] = mean.clone();
    }
    // They change with every look and are among the facts.
    for column in ["queue", "busy", "util", "wait", "cpu"] {
        row["display"].as_object_mut().and_then(|display| display.remove(column));
    }
    row
}

fn cell(n: i32) -> Value {
    if n == UNKNOWN { Value::Null } else { json!(n) }
}

fn cells(row: Option<Row>) -> Value {
    row.map_or(Value::Null, |row| row.map(cell).into_iter().collect())
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
    fn key(&self) -> Key {
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
        assert_eq!(last, [three, three, three, three, nine, nine, None, None, one, one, one]);
    }
}
