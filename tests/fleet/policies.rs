//! The controller without any IO, for what the class's rules do not need: targets, windows, schedules, pins that end,
//! several queues, and the explanation in the status.

use crate::stage::{Stage, load, pool, pool_with, scales, status, target, written_by};
use api::WorkerPool;
use decide::Time;
use serde_json::json;
use workerpool_operator::fleet::event::Command;

fn at(text: &str) -> Time {
    Time(
        text.parse::<jiff::Timestamp>()
            .expect("a time")
            .as_millisecond(),
    )
}

fn begin(pool: &WorkerPool, now: &str, replicas: i32) -> Stage {
    let mut stage = Stage::at(at(now));
    stage.pool(pool);
    stage.target(Some(target(replicas)));
    stage.synced();
    stage
}

#[test]
fn a_status_explains_itself_and_says_what_comes_next() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    let done = stage.scaled(5);
    let decision = status(&done)
        .and_then(|status| status.decision.clone())
        .expect("a decision");
    let says: Vec<String> = decision
        .steps
        .iter()
        .map(|step| format!("{}: {}", step.name, step.detail))
        .collect();
    assert_eq!(says[0], "scaleUp.queueLength: 25 > 8 → 5");
    let up = decision
        .next
        .and_then(|next| next.up)
        .expect("more is wanted");
    assert_eq!((up.to, up.tasks), (7, 0));
    assert!(up.at.is_some(), "when the cooldown ends");
}

#[test]
fn a_schedule_begins_and_ends_by_itself() {
    let spec = json!({"schedules": [{"name": "class", "cron": "50 8 * * 5", "duration": "2h", "timezone": "Europe/Madrid", "minReplicas": 5}],
        "scaleDown": {"queueLength": 2, "idleFor": "10s", "cooldown": "10s", "step": 9}});
    let mut stage = begin(&pool_with(&spec), "2026-11-27T07:49:00Z", 3);
    assert_eq!(scales(&stage.look(load(0, 3, 0))), [0; 0]);
    let early = stage.tick_after(59_000);
    assert!(
        !early
            .iter()
            .any(|command| matches!(command, Command::Poll(..))),
        "{early:?}"
    );
    let begins = stage.tick_after(1_000);
    assert!(
        begins
            .iter()
            .any(|command| matches!(command, Command::Poll(..))),
        "it looks at 8:50 in Madrid"
    );
    assert_eq!(scales(&stage.look(load(0, 3, 0))), [5]);
    stage.scaled(5);
    stage.look(load(0, 5, 0));
    stage.tick_after(7_190_000);
    assert_eq!(
        scales(&stage.look(load(0, 5, 0))),
        [0; 0],
        "idle for long, and still the class's time"
    );
    stage.tick_after(10_000);
    assert_eq!(
        scales(&stage.look(load(0, 5, 0))),
        [3],
        "idle since long before its end"
    );
    stage.scaled(3);
    // The next one is a week later.
    stage.look(load(0, 3, 0));
    stage.tick_after(7 * 24 * 3_600_000 - 7_200_000);
    assert_eq!(scales(&stage.look(load(0, 3, 0))), [5]);
}

#[test]
fn a_pin_ends_by_itself_and_its_end_can_be_moved_without_a_new_generation() {
    let mut pinned = pool_with(&json!({"replicas": 6}));
    let until = |text: &str| {
        Some(
            [("workerpool.dev/pin-until".to_owned(), text.to_owned())]
                .into_iter()
                .collect(),
        )
    };
    pinned.metadata.annotations = until("2026-11-27T09:10:00Z");
    let mut stage = begin(&pinned, "2026-11-27T09:00:00Z", 3);
    assert_eq!(scales(&stage.look(load(0, 3, 0))), [6]);
    stage.scaled(6);
    pinned.metadata.annotations = until("2026-11-27T09:05:00Z");
    stage.pool(&pinned);
    stage.look(load(9, 6, 6));
    stage.tick_after(299_000);
    assert_eq!(
        scales(&stage.look(load(9, 6, 6))),
        [0; 0],
        "pinned until 9:05"
    );
    stage.tick_after(1_000);
    assert_eq!(
        scales(&stage.look(load(9, 6, 6))),
        [8],
        "the rules decide again"
    );
}

#[test]
fn a_suspension_says_who_and_why_and_ends_by_itself() {
    let mut paused = pool_with(&json!({"suspend": true}));
    let notes = [
        ("suspended-by", "ana"),
        ("suspend-reason", "exam"),
        ("suspend-until", "2026-11-27T09:05:00Z"),
    ];
    let notes = notes.map(|(name, text)| (format!("workerpool.dev/{name}"), text.to_owned()));
    paused.metadata.annotations = Some(notes.into_iter().collect());
    let mut stage = begin(&paused, "2026-11-27T09:00:00Z", 3);
    let looked = stage.look(load(25, 3, 3));
    assert_eq!(scales(&looked), [0; 0]);
    let said = status(&looked)
        .and_then(|status| status.decision.as_ref())
        .expect("a decision");
    assert_eq!(
        said.message,
        "suspended by ana (exam) until 09:05:00: keeping 3 workers, regardless of load"
    );
    stage.tick_after(299_000);
    assert_eq!(scales(&stage.look(load(25, 3, 3))), [0; 0]);
    stage.tick_after(1_000);
    assert_eq!(
        scales(&stage.look(load(25, 3, 3))),
        [5],
        "the rules decide again"
    );
}

#[test]
fn an_end_that_is_no_time_is_refused_with_advice() {
    let mut pinned = pool_with(&json!({"replicas": 6}));
    pinned.metadata.annotations = Some(
        [("workerpool.dev/pin-until".to_owned(), "tomorrow".to_owned())]
            .into_iter()
            .collect(),
    );
    let mut stage = begin(&pinned, "2026-11-27T09:00:00Z", 3);
    let looked = stage.look(load(0, 3, 0));
    assert_eq!(scales(&looked), [0; 0]);
    stage.settle();
    assert!(
        stage
            .reported()
            .iter()
            .any(|reason| reason == "InvalidSpec"),
        "{:?}",
        stage.reported()
    );
}

#[test]
fn a_new_process_keeps_the_stabilization_window() {
    let spec = json!({"target": {"tasksPerWorker": 5}, "behavior": {}, "minReplicas": 1});
    let mut stage = begin(&pool_with(&spec), "2026-11-27T09:00:00Z", 9);
    assert_eq!(
        scales(&stage.look(load(10, 9, 0))),
        [0; 0],
        "9 may have been wanted until now"
    );
    stage.tick_after(299_000);
    assert_eq!(scales(&stage.look(load(10, 9, 0))), [0; 0]);
    stage.tick_after(1_000);
    assert_eq!(scales(&stage.look(load(10, 9, 0))), [2]);
}

#[test]
fn each_look_feeds_a_window_though_nothing_changed() {
    let spec = json!({"target": {"tasksPerWorker": 5}, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}, "minReplicas": 1});
    let mut stage = begin(&pool_with(&spec), "2026-11-27T09:00:00Z", 9);
    // The same look for two minutes: 9 are wanted until the last of them.
    for _ in 0..60 {
        stage.look(load(45, 9, 0));
        stage.tick_after(2_000);
    }
    assert_eq!(
        scales(&stage.look(load(10, 9, 0))),
        [0; 0],
        "wanted 2 s ago"
    );
    stage.tick_after(57_000);
    assert_eq!(scales(&stage.look(load(10, 9, 0))), [0; 0]);
    stage.tick_after(1_000);
    assert_eq!(scales(&stage.look(load(10, 9, 0))), [2]);
}

#[test]
fn policies_count_from_the_write() {
    let spec = json!({"target": {"tasksPerWorker": 1}, "minReplicas": 1, "maxReplicas": 100,
        "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}}});
    let mut stage = begin(&pool_with(&spec), "2026-11-27T09:00:00Z", 1);
    let asked = stage.now();
    assert_eq!(scales(&stage.look(load(50, 1, 0))), [5]);
    stage.after(2_000);
    stage.scaled(5);
    stage.target(Some(written_by("workerpool-operator", 5, 9, stage.now())));
    stage.look(load(50, 5, 0));
    stage.tick_after(59_000);
    assert!(stage.now() > asked + decide::Millis::seconds(60));
    assert_eq!(
        scales(&stage.look(load(50, 5, 0))),
        [0; 0],
        "a minute after the decision, not after the write"
    );
    stage.tick_after(1_100);
    assert_eq!(scales(&stage.look(load(50, 5, 0))), [9]);
}
