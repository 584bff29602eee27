//! The story told from news at given seconds; the pool is the class's.

use super::*;
use api::{DecisionStatus, MemoryStatus, WorkerPoolStatus};

/// An instant on the test's own axis.
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

/// The same once the operator has answered with these changes.
fn answered(history: &[(i64, i32, i32, &str)]) -> Update {
    let change = |&(second, from, to, reason): &(i64, i32, i32, &str)| Change {
        at: at(second),
        from,
        to,
        reason: reason.into(),
        message: format!("because {from} → {to}"),
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
            message: "all is well".into(),
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

fn facts(ready: u64, busy: u64, live: u64) -> Update {
    Update::Facts(QueueSummary::of_counts(ready, busy, live))
}

/// Plays news at seconds and gives the lines, the asides after a bar.
fn play(news: Vec<(i64, Update)>) -> Vec<String> {
    let mut story = Narrator::begin(pool()).expect("a pool that works");
    let mut lines = Vec::new();
    let mut news = news.into_iter().peekable();
    let last = 400;
    for second in 0..last {
        while let Some((_, news)) = news.next_if(|(at, _)| *at == second) {
            story.apply(news, at(second));
        }
        for line in story.lines(at(second)) {
            let aside = line
                .aside
                .map_or(String::new(), |aside| format!(" | {aside}"));
            lines.push(format!(
                "{} {}{aside}",
                line.at.as_second() - 1_000_000,
                line.text
            ));
        }
    }
    lines
}

#[test]
fn the_class_story() {
    let up = (16, 3, 5, "QueueTooLong");
    let down = (220, 5, 3, "Idle");
    let lines = play(vec![
        (0, answered(&[])),
        (0, Update::Replicas(3)),
        (0, facts(0, 0, 3)),
        (15, facts(22, 3, 3)),
        (16, Update::Replicas(5)),
        (16, answered(&[up])),
        (16, facts(22, 3, 3)),
        (17, facts(20, 5, 5)),
        (18, facts(20, 5, 5)),
        (70, facts(0, 0, 5)),
        (220, answered(&[up, down])),
        (220, Update::Replicas(3)),
        (221, facts(0, 0, 3)),
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
fn a_change_without_a_word_of_the_operator_was_somebody_elses() {
    let lines = play(vec![
        (0, answered(&[])),
        (0, Update::Replicas(3)),
        (0, facts(0, 0, 3)),
        (10, Update::Replicas(4)),
        (11, Update::Replicas(3)),
    ]);
    assert_eq!(
        lines[1],
        "10 🔺 SCALING UP TO 4 WORKERS | not the operator's doing: somebody else set this number"
    );
}

#[test]
fn says_once_that_no_operator_answers() {
    let lines = play(vec![
        (0, Update::Replicas(3)),
        (0, facts(25, 3, 3)),
        (50, facts(24, 3, 3)),
        (60, facts(25, 3, 3)),
    ]);
    let nobody: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("No operator answers"))
        .collect();
    assert_eq!(nobody.len(), 1, "{lines:?}");
    assert!(
        nobody[0].starts_with("5 ") && nobody[0].contains("ask for 5 workers"),
        "{nobody:?}"
    );
}

#[test]
fn what_cannot_be_read_is_not_zero() {
    let lines = play(vec![
        (0, answered(&[])),
        (0, Update::Replicas(3)),
        (0, facts(0, 0, 3)),
        (
            5,
            Update::Unreachable("Redis redis:6379: connection refused".into()),
        ),
        (9, facts(0, 0, 3)),
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
fn what_it_says_itself_is_said_in_spanish_and_the_lines_stay() {
    let mut story = Narrator::begin(pool())
        .expect("a pool that works")
        .in_language(Lang::Es);
    story.apply(Update::Replicas(3), at(0));
    story.apply(Update::Replicas(4), at(1));
    let line = story.lines(at(5)).remove(0);
    assert_eq!(line.text, "🔺 SCALING UP TO 4 WORKERS");
    assert_eq!(
        line.aside.as_deref(),
        Some("no fue el operador: otro puso este número")
    );
}
