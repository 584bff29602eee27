//! The fleet without IO: events in, commands out, in every critical order.

use crate::stage::{
    Stage, condition, condition_reason, decisions, events, load, polls, pool, scales, status,
    target, written_by,
};
use decide::{Metric, Millis, QueueMetrics};
use queues::RedisMemory;
use workerpool_operator::fleet::event::Command;
use workerpool_operator::observe::RedisNotifications;
use workerpool_operator::observe::target::Target;

#[test]
fn a_burst_is_one_scale_one_event_and_one_status() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    let idle = stage.poll(load(0, 3, 0));
    assert_eq!(scales(&idle), [0; 0]);
    let burst = stage.poll(load(25, 3, 3));
    assert_eq!(scales(&burst), [5]);
    let done = stage.scaled(5);
    assert_eq!(
        events(&done),
        ["QueueTooLong: 25 tasks wait, more than 8: 3 → 5 workers"]
    );
    assert_eq!(
        decisions(&done),
        ["QueueTooLong"],
        "at once, regardless of the interval"
    );
    let latency =
        |done: &[Command]| status(done).and_then(|status| status.history.last()?.latency_millis);
    assert_eq!(latency(&done), Some(9), "from the push to the response");
    stage.advance(500);
    let again = stage.poll(load(20, 5, 5));
    assert_eq!(scales(&again), [0; 0], "cooling down");
    assert_eq!(
        decisions(&again),
        Vec::<String>::new(),
        "not sooner than the interval"
    );
    let later = stage.tick_after(2_000);
    assert_eq!(decisions(&later), ["CoolingDown"]);
}

#[test]
fn a_redis_that_does_not_notify_is_a_condition_until_it_does() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    let mut reason = |notifications| {
        stage.notifications = notifications;
        let mut commands = stage.poll(load(0, 3, 0));
        commands.extend(stage.tick_after(2_000));
        let message = condition(&commands, "RedisNotifies").map(|it| &it.message);
        assert!(message.is_none_or(|it| it.contains("Redis")), "{message:?}");
        condition_reason(&commands, "RedisNotifies")
    };
    let says = |text: &str| Some(text.to_owned());
    assert_eq!(reason(RedisNotifications::Unknown), None);
    let without_hello = reason(RedisNotifications::NoResp3);
    assert_eq!(without_hello, says("False HelloRefused"));
    let refused = reason(RedisNotifications::Refused);
    assert_eq!(refused, says("False TrackingRefused"));
    let tracked = reason(RedisNotifications::Tracked);
    assert_eq!(tracked, says("True KeysTracked"));
    assert_eq!(reason(RedisNotifications::Unknown), None, "no write");
}

#[test]
fn an_unbounded_redis_is_a_condition() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    let mut reason = |memory| {
        stage.memory = memory;
        let mut commands = stage.poll(load(0, 3, 0));
        commands.extend(stage.tick_after(2_000));
        condition_reason(&commands, "RedisMemoryBounded")
    };
    assert_eq!(reason(RedisMemory::Unknown), None);
    let says = |text: &str| Some(text.to_owned());
    assert_eq!(reason(RedisMemory::Unbounded), says("False NoMaxMemory"));
    let evicting = RedisMemory::Evicting("allkeys-lru".into());
    assert_eq!(reason(evicting), says("False EvictingPolicy"));
    assert_eq!(reason(RedisMemory::Bounded), says("True NoEviction"));
}

#[test]
fn tasks_that_are_fetched_ahead_are_a_condition_until_none_is() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    let mut reason = |held, ready, millis| {
        let held = Metric::Known(held);
        let mut commands = stage.poll(QueueMetrics {
            held,
            ..load(ready, 3, 1)
        });
        commands.extend(stage.tick_after(millis));
        condition_reason(&commands, "NewWorkersHelp")
    };
    // Each worker takes one task now and then.
    for _ in 0..9 {
        assert_eq!(reason(1, 0, 3_000), None);
        assert_eq!(reason(0, 0, 3_000), None);
    }
    assert_eq!(reason(7, 0, 6_000), None);
    let ahead = Some("False FetchedAhead".to_owned());
    assert_eq!(reason(6, 0, 2_000), ahead);
    assert_eq!(reason(0, 0, 2_000), ahead, "nothing waits");
    let no_more = reason(0, 4, 2_000);
    assert_eq!(no_more.as_deref(), Some("True NotFetchedAhead"));
}

#[test]
fn a_spec_change_gets_its_status_at_once() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    assert_eq!(decisions(&stage.scaled(5)), ["QueueTooLong"]);
    stage.advance(100);
    let mut pinned = pool("a", 1);
    (pinned.metadata.generation, pinned.spec.replicas) = (Some(2), Some(5));
    let mut done = stage.pool(&pinned);
    done.extend(stage.poll(load(20, 5, 5)));
    assert_eq!(decisions(&done), ["Pinned"], "the interval is not over");
}

#[test]
fn a_poll_is_due_when_the_cooldown_ends() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.scaled(5);
    stage.poll(load(20, 5, 5));
    let early = stage.tick_after(59_000);
    assert!(!polls(&early));
    let due = stage.tick_after(1_000);
    assert!(polls(&due), "{due:?}");
    let polled = stage.poll(load(20, 5, 5));
    assert_eq!(scales(&polled), [7]);
}

#[test]
fn nothing_is_written_without_a_change() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(0, 3, 0));
    stage.write_statuses();
    for i in 0..600 {
        stage.advance(2_000);
        // CPU noise is no visible change.
        let commands = stage.poll(QueueMetrics {
            cpu_sum: Metric::Known(6 + i % 5),
            ..load(0, 3, 0)
        });
        assert!(commands.is_empty(), "{commands:?}");
        let ticks = stage.tick_after(0);
        assert!(
            ticks
                .iter()
                .all(|command| matches!(command, Command::Poll(..))),
            "{ticks:?}"
        );
    }
}

#[test]
fn nothing_is_done_before_the_initial_lists() {
    let mut stage = Stage::new();
    stage.pool(&pool("a", 1));
    let early = stage.poll(load(25, 3, 3));
    assert_eq!(
        (scales(&early), decisions(&early).len()),
        (Vec::<i32>::new(), 0),
        "the target may not be listed yet"
    );
    stage.target(Some(target(3)));
    let ready = stage.synced();
    assert_eq!(
        scales(&ready),
        [5],
        "and then at once: a burst before the start counts"
    );
}

#[test]
fn a_crash_before_the_status_shortens_no_cooldown() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.scaled(5);
    // The status was never written. The target shows its last writer, and not when that was.
    let mut next = Stage::at(stage.now + Millis(10_000));
    next.pool(&pool("a", 1));
    next.target(Some(written_by("workerpool-operator", 5, 2)));
    next.synced();
    next.poll(load(25, 5, 5));
    next.advance(59_000);
    let polled = next.poll(load(25, 5, 5));
    assert_eq!(scales(&polled), [0; 0], "60 s from the restart");
    next.advance(1_000);
    let free = next.poll(load(25, 5, 5));
    assert_eq!(scales(&free), [7]);
}

#[test]
fn a_lost_answer_shortens_no_cooldown() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    // The scale was written all the same.
    stage.scale_failed(504, "the API server does not answer");
    stage.target(Some(written_by("workerpool-operator", 5, 2)));
    stage.advance(59_000);
    let polled = stage.poll(load(25, 5, 5));
    assert_eq!(scales(&polled), [0; 0]);
    stage.advance(1_000);
    assert_eq!(scales(&stage.poll(load(25, 5, 5))), [7]);
}

#[test]
fn a_new_pool_does_not_wait_for_the_cooldown_of_an_earlier_one() {
    let mut stage = Stage::new();
    stage.synced();
    stage.pool(&pool("a", 1));
    stage.target(Some(written_by("workerpool-operator", 3, 2)));
    stage.synced();
    assert_eq!(scales(&stage.poll(load(25, 3, 3))), [5]);
}

#[test]
fn the_cooldown_counts_from_the_write() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.advance(3_000);
    stage.scaled(5);
    stage.advance(58_000);
    let early = stage.poll(load(20, 5, 5));
    assert_eq!(
        scales(&early),
        [0; 0],
        "61 s after the decision, 58 s after the write"
    );
    stage.advance(2_000);
    let free = stage.poll(load(20, 5, 5));
    assert_eq!(scales(&free), [7]);
}

#[test]
fn an_unknown_target_kind_blocks_only_its_pool() {
    let mut stage = Stage::new();
    stage.pool(&pool("a", 1));
    let mut typo = pool("typo", 2);
    typo.spec.scale_target_ref.kind = "Deploymnt".to_owned();
    stage.pool(&typo);
    stage.target(Some(target(3)));
    let published = events(&stage.synced());
    assert_eq!(
        published,
        [
            "TargetMissing: Deploymnt/worker cannot be read: pools may have no targets of this kind: the chart's value targetKinds allows it"
        ]
    );
    assert!(stage.is_ready(), "the other pools do not wait for it");
    let burst = stage.poll(load(25, 3, 3));
    assert_eq!(scales(&burst), [5]);
}

#[test]
fn a_late_watch_event_causes_no_second_scale() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.scaled(5);
    let late = stage.target(Some(target(3)));
    assert_eq!(scales(&late), [0; 0], "older than our own write");
    let polled = stage.poll(load(25, 3, 3));
    assert_eq!(scales(&polled), [0; 0]);
}

#[test]
fn another_writer_is_set_back_once_per_interval() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.scaled(5);
    let changed = stage.target(Some(written_by("kubectl-edit", 2, 10)));
    assert_eq!(scales(&changed), [5]);
    let done = stage.scaled(5);
    let published = events(&done);
    assert!(
        published[0]
            .starts_with("TargetChanged: kubectl-edit set Deployment/worker to 2: set back to 5"),
        "{published:?}"
    );
    stage.advance(100);
    let again = stage.target(Some(written_by("kubectl-edit", 2, 20)));
    assert_eq!(scales(&again), [0; 0], "not as often as the other client");
    let next = stage.tick_after(2_000);
    assert_eq!(scales(&next), [5]);
}

#[test]
fn a_client_that_does_not_stop_is_set_back_after_growing_pauses() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.scaled(5);
    let (mut set_back, mut published, mut version) = (vec![], vec![], 10);
    // An hour of `kubectl apply` every 5 s.
    for second in (0..3_600).step_by(5) {
        version += 10;
        let mut commands = stage.target(Some(written_by("argocd-controller", 3, version)));
        commands.extend(stage.tick_after(5_000));
        commands.extend(stage.poll(load(5, 3, 2)));
        if scales(&commands) == [5] {
            set_back.push(second);
            commands.extend(stage.scaled(5));
        }
        published.extend(events(&commands));
    }
    assert_eq!(set_back[..4], [0, 5, 10, 65], "{set_back:?}");
    let pauses: Vec<i64> = set_back.windows(2).map(|it| it[1] - it[0]).collect();
    assert!(pauses.is_sorted() && pauses.len() < 14, "{pauses:?}");
    assert!(pauses[pauses.len() - 1] >= 600, "{pauses:?}");
    let contested: Vec<&String> = published
        .iter()
        .filter(|it| it.starts_with("TargetContested: argocd-controller keeps setting"))
        .collect();
    assert_eq!(contested.len(), 1, "{published:?}");
    let conditions = stage.last_status.conditions.clone();
    let able = conditions.iter().find(|it| it.type_ == "AbleToScale");
    let able = able.map(|it| (it.status.as_str(), it.reason.as_str()));
    assert_eq!(able, Some(("False", "TargetContested")));
    let reasons: Vec<&str> = stage
        .last_status
        .history
        .iter()
        .map(|change| change.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "QueueTooLong",
            "TargetChanged",
            "TargetChanged",
            "TargetChanged"
        ]
    );
}

#[test]
fn only_the_oldest_pool_of_a_target_scales_it() {
    let mut stage = Stage::with(&pool("younger", 20), Some(target(3)));
    let conflict = stage.pool(&pool("older", 10));
    assert_eq!(events(&conflict).len(), 1, "{conflict:?}");
    assert!(
        events(&conflict)[0]
            .contains("the older WorkerPool older already scales Deployment/worker")
    );
    let younger = stage.poll_of("younger", load(25, 3, 3));
    assert_eq!(scales(&younger), [0; 0]);
    let older = stage.poll_of("older", load(25, 3, 3));
    assert_eq!(scales(&older), [5]);
    stage.scaled_of("older", 5);
    let alone = stage.delete_pool("older");
    assert_eq!(
        scales(&alone),
        [7],
        "the other pool takes over with its last poll"
    );
}

#[test]
fn a_kind_in_another_spelling_is_the_same_target() {
    let mut stage = Stage::with(&pool("older", 10), Some(target(3)));
    let mut younger = pool("younger", 20);
    younger.spec.scale_target_ref.kind = "deployment".to_owned();
    let conflict = stage.pool(&younger);
    assert!(events(&conflict)[0].starts_with("TargetConflict"));
    assert_eq!(scales(&stage.poll_of("younger", load(25, 3, 3))), [0; 0]);
    assert_eq!(scales(&stage.poll_of("older", load(25, 3, 3))), [5]);
}

#[test]
fn no_pool_scales_the_target_of_an_autoscaler() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.set_autoscaler("worker-hpa", true);
    let burst = stage.poll(load(25, 3, 3));
    assert_eq!(scales(&burst), [0; 0]);
    let free = stage.set_autoscaler("worker-hpa", false);
    assert_eq!(scales(&free), [5]);
}

#[test]
fn a_missing_target_is_reported_and_a_new_one_scaled() {
    let mut stage = Stage::with(&pool("a", 1), None);
    let missing = stage.poll(load(25, 3, 3));
    let reasons = &stage.reported_reasons;
    let is_reported =
        !events(&missing).is_empty() || reasons.iter().any(|it| it == "TargetMissing");
    assert!(is_reported, "{missing:?}");
    let created = stage.target(Some(target(3)));
    assert_eq!(scales(&created), [5]);
}

#[test]
fn without_metrics_nothing_scales_until_they_return() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(7)));
    stage.poll(load(0, 7, 0));
    let failed =
        stage.poll_failed("Redis at redis://redis:6379 does not answer: connection refused");
    assert!(
        events(&failed)[0].contains("never scales down without metrics"),
        "{failed:?}"
    );
    for _ in 0..300 {
        stage.advance(2_000);
        let again =
            stage.poll_failed("Redis at redis://redis:6379 does not answer: connection refused");
        assert_eq!(
            (scales(&again), events(&again).len()),
            (Vec::<i32>::new(), 0)
        );
    }
    let recovered = stage.poll(load(0, 7, 0));
    assert_eq!(scales(&recovered), [0; 0], "the idle time starts again");
    assert_eq!(events(&recovered).len(), 1);
}

#[test]
fn a_failed_write_is_reported_and_retried_later() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    let refused = stage.scale_failed(403, "deployments/scale is forbidden");
    assert!(
        events(&refused)[0].contains("write failed: deployments/scale is forbidden"),
        "{refused:?}"
    );
    let polled = stage.poll(load(25, 3, 3));
    assert_eq!(scales(&polled), [0; 0], "not at every poll");
    let mut retries = Vec::new();
    for _ in 0..8 {
        retries.extend(stage.tick_after(2_000));
        retries.extend(stage.poll(load(25, 3, 3)));
    }
    assert_eq!(scales(&retries), [5], "a failed write starts no cooldown");
}

#[test]
fn stale_metrics_cause_no_scale() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(7)));
    stage.poll(load(0, 7, 0));
    let long_after = stage.tick_after(400_000);
    let changed = stage.target(Some(Target {
        version: 9,
        ..target(7)
    }));
    assert_eq!(
        (scales(&long_after), scales(&changed)),
        (vec![], vec![]),
        "idle for 5 min, but without a poll"
    );
}

#[test]
fn a_pool_that_is_created_again_has_no_memory() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.scaled(5);
    let mut other = pool("a", 99);
    other.metadata.uid = Some("another".to_owned());
    stage.pool(&other);
    let polled = stage.poll(load(25, 5, 5));
    assert_eq!(scales(&polled), [7], "its own cooldown has not begun");
}

#[test]
fn metrics_are_deleted_with_their_pool() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(4, 3, 3));
    assert!(
        stage
            .scrape()
            .contains(r#"workerpool_ready_tasks{namespace="default",name="a"} 4"#)
    );
    stage.delete_pool("a");
    assert!(!stage.scrape().contains("workerpool_ready_tasks{"));
}
