//! The lines of updates at given seconds, for the class's pool.

use super::*;
use api::{DecisionStatus, MemoryStatus, WorkerPoolStatus};
use jiff::tz::TimeZone;

/// A time in seconds since the start of the test.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).expect("in range")
}

/// The class's pool.
pub fn pool() -> WorkerPool {
    serde_json::from_value(serde_json::json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": "filters", "generation": 1},
        "spec": {
            "scaleTargetRef": {"name": "filter-worker"}, "minReplicas": 3, "maxReplicas": 10,
            "redis": {"address": "redis://redis"}, "queues": [{"name": "tasks"}],
        },
    }))
    .expect("a pool")
}

/// A narrator of the class's pool.
pub fn narrator(lang: Lang) -> Narrator {
    Narrator::begin(pool(), &Out::plain(lang, TimeZone::UTC)).expect("a valid pool")
}

/// The pool after the operator has made these changes.
fn decided(history: &[(i64, i32, i32, &str)]) -> Update {
    let change = |&(second, from, to, reason): &(i64, i32, i32, &str)| Change {
        at: at(second),
        from,
        to,
        reason: reason.into(),
        message: format!("because {from} → {to}"),
        params: messages::Params::new(),
        latency_millis: None,
    };
    let status = WorkerPoolStatus {
        observed_generation: Some(1),
        history: history.iter().map(change).collect(),
        internal: Some(MemoryStatus {
            desired: history.last().map(|change| change.2),
            last_up: history.last().map(|change| at(change.0)),
            last_change: history.last().map(|change| at(change.0)),
            idle_since: Some(at(100)),
            ..MemoryStatus::default()
        }),
        decision: Some(DecisionStatus {
            reason: "WithinThresholds".into(),
            message: "within thresholds".into(),
            params: messages::Params::new(),
            confidence: 1.0,
            at: at(0),
            from: 3,
            to: 3,
            steps: Vec::new(),
            next: None,
        }),
        ..WorkerPoolStatus::default()
    };
    Update::Pool(Box::new(WorkerPool {
        status: Some(status),
        ..pool()
    }))
}

fn metrics(ready: u64, busy: u64, live: u64) -> Update {
    Update::Metrics(QueueSummary::of_counts(ready, busy, live))
}

/// Applies the updates at their seconds; the lines have their notes after a bar.
fn lines_of(updates: Vec<(i64, Update)>) -> Vec<String> {
    let mut narrator = narrator(Lang::EN);
    let mut lines = Vec::new();
    let mut updates = updates.into_iter().peekable();
    for second in 0..400 {
        while let Some((_, update)) = updates.next_if(|(at, _)| *at == second) {
            narrator.apply(update, at(second));
        }
        for line in narrator.lines(at(second)) {
            let note = line
                .note
                .map_or(String::new(), |note| format!(" | {}", note.english()));
            lines.push(format!(
                "{} {}{note}",
                line.at.as_second() - 1_000_000,
                line.text
            ));
        }
    }
    lines
}

#[test]
fn burst_and_scale_down_of_the_class() {
    let up = (16, 3, 5, "QueueTooLong");
    let down = (220, 5, 3, "Idle");
    let lines = lines_of(vec![
        (0, decided(&[])),
        (0, Update::Replicas(3)),
        (0, metrics(0, 0, 3)),
        (15, metrics(22, 3, 3)),
        (16, Update::Replicas(5)),
        (16, decided(&[up])),
        (16, metrics(22, 3, 3)),
        (17, metrics(20, 5, 5)),
        (18, metrics(20, 5, 5)),
        (70, metrics(0, 0, 5)),
        (220, decided(&[up, down])),
        (220, Update::Replicas(3)),
        (221, metrics(0, 0, 3)),
    ]);
    assert_eq!(
        lines,
        [
            "0 🟢 Queue:0  | Workers:3 | Util:  0.0%",
            "15 🟡 Queue:22 | Workers:3 | Util:100.0%",
            "16 🔺 SCALING UP TO 5 WORKERS | because 3 → 5",
            "17 🟡 Queue:20 | Workers:5 | Util:100.0%",
            "70 🟢 Queue:0  | Workers:5 | Util:  0.0%",
            "220 🔻 SCALING DOWN TO 3 WORKERS (idle 2min) | because 5 → 3",
            "221 🟢 Queue:0  | Workers:3 | Util:  0.0% [STABLE]",
        ]
    );
}

#[test]
fn a_late_history_entry_explains_its_change() {
    let up = (16, 3, 5, "QueueLength");
    let lines = lines_of(vec![
        (0, decided(&[])),
        (0, Update::Replicas(3)),
        (0, metrics(0, 0, 3)),
        (16, Update::Replicas(5)),
        (24, decided(&[up])),
    ]);
    assert_eq!(lines[1], "16 🔺 SCALING UP TO 5 WORKERS | because 3 → 5");
}

#[test]
fn change_without_history_entry_is_not_the_operators() {
    let lines = lines_of(vec![
        (0, decided(&[])),
        (0, Update::Replicas(3)),
        (0, metrics(0, 0, 3)),
        (10, Update::Replicas(4)),
        (11, Update::Replicas(3)),
    ]);
    assert_eq!(
        lines[1],
        "10 🔺 SCALING UP TO 4 WORKERS | not by the operator: another client set the replicas"
    );
}

#[test]
fn warns_once_that_no_operator_answers() {
    let lines = lines_of(vec![
        (0, Update::Replicas(3)),
        (0, metrics(25, 3, 3)),
        (50, metrics(24, 3, 3)),
        (60, metrics(25, 3, 3)),
    ]);
    let warnings: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("No operator answers"))
        .collect();
    assert_eq!(warnings.len(), 1, "{lines:?}");
    assert!(
        warnings[0].starts_with("5 ") && warnings[0].contains("require 5 workers"),
        "{warnings:?}"
    );
}

#[test]
fn unreachable_redis_is_not_an_empty_queue() {
    let lines = lines_of(vec![
        (0, decided(&[])),
        (0, Update::Replicas(3)),
        (0, metrics(0, 0, 3)),
        (
            5,
            Update::Unreachable("Redis redis:6379: connection refused".into()),
        ),
        (9, metrics(0, 0, 3)),
    ]);
    assert_eq!(
        lines[1..],
        [
            "5 🔴 Queue:?  | Workers:? | Util:     ? | Redis redis:6379: connection refused",
            "9 🟢 Queue:0  | Workers:3 | Util:  0.0%"
        ]
    );
}

#[test]
fn spanish_notes_and_unchanged_lines() {
    let mut narrator = narrator(Lang::of("es").expect("Spanish"));
    narrator.apply(Update::Replicas(3), at(0));
    narrator.apply(Update::Replicas(4), at(1));
    let line = narrator.lines(at(5)).remove(0);
    assert_eq!(line.text, "🔺 SCALING UP TO 4 WORKERS");
    assert_eq!(
        line.note.as_ref().map(Note::english),
        Some("no fue el operador: otro cliente fijó las réplicas")
    );
}

/// Recorded on a real cluster: the three observations of one change come over three connections, in any order. On the
/// way down a drained worker leaves the metrics first.
#[test]
fn change_precedes_its_workers_in_every_order() {
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for (from, to, reason, line) in [
        (7, 5, "Idle", "SCALING DOWN TO 5 WORKERS"),
        (3, 5, "QueueTooLong", "SCALING UP TO 5 WORKERS"),
    ] {
        let live = |n: i32| metrics(0, 0, n.unsigned_abs().into());
        for order in orders {
            let observations = [
                live(to),
                Update::Replicas(to),
                decided(&[(110, from, to, reason)]),
            ];
            let mut updates = vec![
                (0, decided(&[])),
                (0, Update::Replicas(from)),
                (0, live(from)),
            ];
            for (second, index) in [110, 112, 113].into_iter().zip(order) {
                updates.push((second, observations[index].clone()));
            }
            let lines = lines_of(updates);
            let position = |text: &str| lines.iter().position(|line| line.contains(text));
            let (change, workers) = (position(line), position("Workers:5"));
            assert!(
                change.is_some() && change < workers,
                "{order:?}: {lines:#?}"
            );
            assert!(
                !lines
                    .iter()
                    .any(|line| line.contains("not by the operator")),
                "{lines:#?}"
            );
        }
    }
}

#[test]
fn dead_workers_are_shown_without_a_change() {
    let lines = lines_of(vec![
        (0, decided(&[])),
        (0, Update::Replicas(3)),
        (0, metrics(0, 0, 3)),
        (20, metrics(0, 0, 2)),
        (50, metrics(0, 0, 3)),
    ]);
    assert_eq!(
        lines[1..],
        [
            "30 🟢 Queue:0  | Workers:2 | Util:  0.0%",
            "50 🟢 Queue:0  | Workers:3 | Util:  0.0%"
        ]
    );
}
