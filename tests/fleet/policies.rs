//! The fleet without IO, for what the default rules do not use: targets, windows, schedules, pins that end, several
//! queues, and the explanation in the status.

use crate::stage::{Stage, load, polls, pool, pool_with, scales, status, target, written_by};
use api::WorkerPool;
use decide::Time;
use serde_json::json;

fn at(text: &str) -> Time {
    Time(
        text.parse::<jiff::Timestamp>()
            .expect("a time")
            .as_millisecond(),
    )
}

fn start(pool: &WorkerPool, now: &str, replicas: i32) -> Stage {
    let mut stage = Stage::at(at(now));
    stage.pool(pool);
    stage.target(Some(target(replicas)));
    stage.synced();
    stage
}

/// Gives the pool these annotations of ours, and no others.
fn annotate(pool: &mut WorkerPool, annotations: &[(&str, &str)]) {
    let annotations = annotations.iter();
    let all =
        annotations.map(|(name, text)| (format!("workerpool.dev/{name}"), (*text).to_owned()));
    pool.metadata.annotations = Some(all.collect());
}

#[test]
fn a_status_has_its_steps_and_its_forecast() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    let done = stage.scaled(5);
    let decision = status(&done).and_then(|status| status.decision.clone());
    let decision = decision.expect("a decision");
    let step = &decision.steps[0];
    assert_eq!(step.name, "scaleUp.queueLength");
    assert_eq!(step.detail, "25 > 8 → 5");
    let up = decision.next.and_then(|next| next.up);
    let up = up.expect("a next scale-up");
    assert_eq!((up.to, up.tasks), (7, 0));
    assert!(up.at.is_some(), "when the cooldown ends");
}

#[test]
fn a_schedule_begins_and_ends_on_time() {
    let spec = json!({"schedules": [{"name": "class", "cron": "50 8 * * 5", "duration": "2h", "timezone": "Europe/Madrid", "minReplicas": 5}],
        "scaleDown": {"queueLength": 2, "idleFor": "10s", "cooldown": "10s", "step": 9}});
    let mut stage = start(&pool_with(&spec), "2026-11-27T07:49:00Z", 3);
    assert_eq!(scales(&stage.poll(load(0, 3, 0))), [0; 0]);
    let early = stage.tick_after(59_000);
    assert!(!polls(&early), "{early:?}");
    let begins = stage.tick_after(1_000);
    assert!(polls(&begins), "at 8:50 in Madrid");
    assert_eq!(scales(&stage.poll(load(0, 3, 0))), [5]);
    stage.scaled(5);
    stage.poll(load(0, 5, 0));
    stage.tick_after(7_190_000);
    assert_eq!(
        scales(&stage.poll(load(0, 5, 0))),
        [0; 0],
        "idle for long, but the schedule is still active"
    );
    stage.tick_after(10_000);
    assert_eq!(
        scales(&stage.poll(load(0, 5, 0))),
        [3],
        "idle since long before the schedule ends"
    );
    stage.scaled(3);
    // The schedule begins again a week later.
    stage.poll(load(0, 3, 0));
    stage.tick_after(7 * 24 * 3_600_000 - 7_200_000);
    assert_eq!(scales(&stage.poll(load(0, 3, 0))), [5]);
}

#[test]
fn a_pin_ends_on_time_and_its_end_can_be_changed() {
    let mut pinned = pool_with(&json!({"replicas": 6}));
    annotate(&mut pinned, &[("pin-until", "2026-11-27T09:10:00Z")]);
    let mut stage = start(&pinned, "2026-11-27T09:00:00Z", 3);
    assert_eq!(scales(&stage.poll(load(0, 3, 0))), [6]);
    stage.scaled(6);
    // A changed annotation causes no new generation.
    annotate(&mut pinned, &[("pin-until", "2026-11-27T09:05:00Z")]);
    stage.pool(&pinned);
    stage.poll(load(9, 6, 6));
    stage.tick_after(299_000);
    assert_eq!(
        scales(&stage.poll(load(9, 6, 6))),
        [0; 0],
        "pinned until 9:05"
    );
    stage.tick_after(1_000);
    assert_eq!(
        scales(&stage.poll(load(9, 6, 6))),
        [8],
        "the rules decide again"
    );
}

#[test]
fn a_suspension_is_explained_and_ends_on_time() {
    let mut paused = pool_with(&json!({"suspend": true}));
    let annotations = [
        ("suspended-by", "ana"),
        ("suspend-reason", "exam"),
        ("suspend-until", "2026-11-27T09:05:00Z"),
    ];
    annotate(&mut paused, &annotations);
    let mut stage = start(&paused, "2026-11-27T09:00:00Z", 3);
    let polled = stage.poll(load(25, 3, 3));
    assert_eq!(scales(&polled), [0; 0]);
    let decision = status(&polled)
        .and_then(|status| status.decision.as_ref())
        .expect("a decision");
    assert_eq!(
        decision.message,
        "suspended by ana (exam) until 09:05:00: keeping 3 workers, regardless of load"
    );
    stage.tick_after(299_000);
    assert_eq!(scales(&stage.poll(load(25, 3, 3))), [0; 0]);
    stage.tick_after(1_000);
    assert_eq!(
        scales(&stage.poll(load(25, 3, 3))),
        [5],
        "the rules decide again"
    );
}

#[test]
fn an_invalid_pin_end_is_an_invalid_spec() {
    let mut pinned = pool_with(&json!({"replicas": 6}));
    annotate(&mut pinned, &[("pin-until", "tomorrow")]);
    let mut stage = start(&pinned, "2026-11-27T09:00:00Z", 3);
    let polled = stage.poll(load(0, 3, 0));
    assert_eq!(scales(&polled), [0; 0]);
    stage.write_statuses();
    let last = stage.reported_reasons.last();
    assert_eq!(last.map(String::as_str), Some("InvalidSpec"));
}

#[test]
fn a_restart_keeps_the_stabilization_window() {
    let spec = json!({"target": {"tasksPerWorker": 5}, "behavior": {}, "minReplicas": 1});
    let mut stage = start(&pool_with(&spec), "2026-11-27T09:00:00Z", 9);
    assert_eq!(
        scales(&stage.poll(load(10, 9, 0))),
        [0; 0],
        "9 may have been recommended until now"
    );
    stage.tick_after(299_000);
    assert_eq!(scales(&stage.poll(load(10, 9, 0))), [0; 0]);
    stage.tick_after(1_000);
    assert_eq!(scales(&stage.poll(load(10, 9, 0))), [2]);
}

#[test]
fn unchanged_polls_count_for_the_window() {
    let spec = json!({"target": {"tasksPerWorker": 5}, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}, "minReplicas": 1});
    let mut stage = start(&pool_with(&spec), "2026-11-27T09:00:00Z", 9);
    // The same metrics for two minutes: 9 workers are recommended until the last poll.
    for _ in 0..60 {
        stage.poll(load(45, 9, 0));
        stage.tick_after(2_000);
    }
    assert_eq!(
        scales(&stage.poll(load(10, 9, 0))),
        [0; 0],
        "recommended 2 s ago"
    );
    stage.tick_after(57_000);
    assert_eq!(scales(&stage.poll(load(10, 9, 0))), [0; 0]);
    stage.tick_after(1_000);
    assert_eq!(scales(&stage.poll(load(10, 9, 0))), [2]);
}

#[test]
fn policies_count_from_the_write() {
    let spec = json!({"target": {"tasksPerWorker": 1}, "minReplicas": 1, "maxReplicas": 100,
        "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}}});
    let mut stage = start(&pool_with(&spec), "2026-11-27T09:00:00Z", 1);
    let decided_at = stage.now;
    assert_eq!(scales(&stage.poll(load(50, 1, 0))), [5]);
    stage.advance(2_000);
    stage.scaled(5);
    stage.target(Some(written_by("workerpool-operator", 5, 9)));
    stage.poll(load(50, 5, 0));
    stage.tick_after(59_000);
    assert!(stage.now > decided_at + decide::Millis::seconds(60));
    assert_eq!(
        scales(&stage.poll(load(50, 5, 0))),
        [0; 0],
        "a minute after the decision, not after the write"
    );
    stage.tick_after(1_100);
    assert_eq!(scales(&stage.poll(load(50, 5, 0))), [9]);
}

#[test]
fn an_unreadable_edit_stops_the_earlier_spec() {
    let mut stage = start(&pool("a", 1), "2026-11-27T09:00:00Z", 3);
    stage.poll(load(0, 3, 0));
    let mut edited = pool("a", 1);
    edited.metadata.generation = Some(2);
    let mut data = serde_json::to_value(&edited).expect("JSON");
    data["spec"]["suspend"] = json!(true);
    data["spec"]["interval"] = json!("9999999999999999h");
    stage.pool(&api::read(edited.metadata, &data));
    assert_eq!(
        scales(&stage.poll(load(99, 3, 3))),
        [0; 0],
        "the earlier spec would scale up, and the edit suspends the pool"
    );
    let written = stage.tick_after(10_000);
    let last = stage.reported_reasons.last();
    assert_eq!(last.map(String::as_str), Some("InvalidSpec"));
    stage.pool(&pool_with(&json!({"suspend": true})));
    assert_eq!(scales(&written), [0; 0]);
}

#[test]
fn a_new_pool_gives_a_running_workload_time() {
    let spec = json!({"minReplicas": 1, "queues": [{"name": "jobs", "system": "List"}], "target": {"tasksPerWorker": 5}});
    let list = decide::QueueMetrics {
        ready: decide::Metric::Known(0),
        ..decide::QueueMetrics::UNSUPPORTED
    };
    let mut stage = start(&pool_with(&spec), "2026-11-27T09:00:00Z", 7);
    assert_eq!(scales(&stage.poll(list)), [0; 0]);
    stage.tick_after(299_000);
    assert_eq!(
        scales(&stage.poll(list)),
        [0; 0],
        "its workers may have tasks of before"
    );
    stage.tick_after(1_000);
    // Redis is asked first who waits for work, and refuses to say.
    assert_eq!(scales(&stage.poll(list)), [0; 0]);
    assert_eq!(scales(&stage.poll(list)), [1]);
}

#[test]
fn the_age_of_a_task_is_by_the_clock_of_redis() {
    let spec = json!({"target": {"drainWithin": "30s"}});
    let mut stage = start(&pool_with(&spec), "2026-11-27T09:00:00Z", 3);
    // Redis and the producers are ten minutes behind the operator, and a task was pushed a second ago.
    let redis = stage.now.0 - 600_000;
    stage.redis_time = Some(redis);
    let queue = decide::QueueMetrics {
        oldest_at: decide::Metric::Known(redis - 1_000),
        ..load(20, 3, 3)
    };
    assert_eq!(scales(&stage.poll(queue)), [4], "none of the tasks is late");
}
