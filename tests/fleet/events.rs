//! The controller without any IO: events in, commands out, in every order that hurts.

use crate::stage::{Stage, decisions, load, pool, scales, status, target, told, written_by};
use decide::{Metric, Millis, QueueMetrics};
use workerpool_operator::fleet::event::Command;
use workerpool_operator::observe::target::Target;

#[test]
fn a_burst_is_one_scale_one_event_and_one_status() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    let calm = stage.look(load(0, 3, 0));
    assert_eq!(scales(&calm), [0; 0]);
    let burst = stage.look(load(25, 3, 3));
    assert_eq!(scales(&burst), [5]);
    let done = stage.scaled(5);
    assert_eq!(
        told(&done),
        ["QueueTooLong: 25 tasks wait, more than 8: 3 → 5 workers"]
    );
    assert_eq!(
        decisions(&done),
        ["QueueTooLong"],
        "at once, whatever the interval"
    );
    let reaction =
        |done: &[Command]| status(done).and_then(|status| status.history.last()?.latency_millis);
    assert_eq!(reaction(&done), Some(9), "from the push to the answer");
    stage.after(500);
    let again = stage.look(load(20, 5, 5));
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
fn who_changes_the_spec_is_answered_at_once() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    assert_eq!(decisions(&stage.scaled(5)), ["QueueTooLong"]);
    stage.after(100);
    let mut pinned = pool("a", 1);
    (pinned.metadata.generation, pinned.spec.replicas) = (Some(2), Some(5));
    let mut done = stage.pool(&pinned);
    done.extend(stage.look(load(20, 5, 5)));
    assert_eq!(decisions(&done), ["Pinned"], "the interval is not over");
}

#[test]
fn the_cooldown_ends_at_its_instant_not_at_the_next_poll() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    stage.scaled(5);
    stage.look(load(20, 5, 5));
    let early = stage.tick_after(59_000);
    assert!(
        !early
            .iter()
            .any(|command| matches!(command, Command::Poll(..)))
    );
    let ripe = stage.tick_after(1_000);
    assert!(
        ripe.iter()
            .any(|command| matches!(command, Command::Poll(..))),
        "{ripe:?}"
    );
    let looked = stage.look(load(20, 5, 5));
    assert_eq!(scales(&looked), [7]);
}

#[test]
fn where_nothing_changes_nothing_is_written() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(0, 3, 0));
    stage.settle();
    for look in 0..600 {
        stage.after(2_000);
        // CPU noise is no change that a person sees.
        let commands = stage.look(QueueMetrics {
            cpu_sum: Metric::Known(6 + look % 5),
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
fn nothing_is_done_before_all_first_lists_are_complete() {
    let mut stage = Stage::new();
    stage.pool(&pool("a", 1));
    let early = stage.look(load(25, 3, 3));
    assert_eq!(
        (scales(&early), decisions(&early).len()),
        (Vec::<i32>::new(), 0),
        "the target may just not be listed yet"
    );
    stage.target(Some(target(3)));
    let ready = stage.synced();
    assert_eq!(
        scales(&ready),
        [5],
        "and then at once: a burst during our absence is answered"
    );
}

#[test]
fn a_crash_between_scale_and_status_shortens_no_cooldown() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    stage.scaled(5);
    // The status was never written; the target knows who wrote it and when.
    let mut next = Stage::at(stage.now() + Millis(10_000));
    next.pool(&pool("a", 1));
    next.target(Some(written_by("workerpool-operator", 5, 2, stage.now())));
    next.synced();
    let look = next.look(load(25, 5, 5));
    assert_eq!(
        scales(&look),
        [0; 0],
        "the cooldown of 60 s has 50 s to run"
    );
    next.after(51_000);
    let free = next.look(load(25, 5, 5));
    assert_eq!(scales(&free), [7]);
}

#[test]
fn a_slow_write_brings_the_next_step_no_nearer() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    stage.after(3_000);
    stage.scaled(5);
    stage.after(58_000);
    let early = stage.look(load(20, 5, 5));
    assert_eq!(
        scales(&early),
        [0; 0],
        "61 s after the decision, 58 s after the write"
    );
    stage.after(2_000);
    let free = stage.look(load(20, 5, 5));
    assert_eq!(scales(&free), [7]);
}

#[test]
fn a_kind_that_does_not_exist_is_said_and_holds_nobody_up() {
    let mut stage = Stage::new();
    stage.pool(&pool("a", 1));
    let mut typo = pool("typo", 2);
    typo.spec.scale_target_ref.kind = "Deploymnt".to_owned();
    stage.pool(&typo);
    stage.target(Some(target(3)));
    stage.synced();
    let said = told(&stage.unwatchable(
        "Deploymnt",
        "the API server serves no deploymnts: fix spec.scaleTargetRef",
    ));
    assert_eq!(
        said,
        ["TargetMissing: the API server serves no deploymnts: fix spec.scaleTargetRef"]
    );
    assert!(stage.ready(), "the others do not wait for it");
    let burst = stage.look(load(25, 3, 3));
    assert_eq!(scales(&burst), [5]);
}

#[test]
fn a_late_watch_event_makes_no_second_step() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    stage.scaled(5);
    let late = stage.target(Some(target(3)));
    assert_eq!(scales(&late), [0; 0], "older than our own write");
    let look = stage.look(load(25, 3, 3));
    assert_eq!(scales(&look), [0; 0]);
}

#[test]
fn another_writer_is_set_back_once_per_interval_and_named() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    stage.scaled(5);
    let meddled = stage.target(Some(written_by("kubectl-edit", 2, 10, stage.now())));
    assert_eq!(scales(&meddled), [5]);
    let done = stage.scaled(5);
    let words = told(&done);
    assert!(
        words[0]
            .starts_with("TargetChanged: kubectl-edit set Deployment/worker to 2: set back to 5"),
        "{words:?}"
    );
    stage.after(100);
    let again = stage.target(Some(written_by("kubectl-edit", 2, 20, stage.now())));
    assert_eq!(scales(&again), [0; 0], "no fight");
    let next = stage.tick_after(2_000);
    assert_eq!(scales(&next), [5]);
}

#[test]
fn of_two_pools_with_one_target_the_older_writes() {
    let mut stage = Stage::with(&pool("young", 20), Some(target(3)));
    let conflict = stage.pool(&pool("old", 10));
    assert_eq!(told(&conflict).len(), 1, "{conflict:?}");
    assert!(
        told(&conflict)[0].contains("the older WorkerPool old scales Deployment/worker already")
    );
    let young = stage.look_of("young", load(25, 3, 3));
    assert_eq!(scales(&young), [0; 0]);
    let old = stage.look_of("old", load(25, 3, 3));
    assert_eq!(scales(&old), [5]);
    stage.scaled_of("old", 5);
    let alone = stage.pool_gone("old");
    assert_eq!(
        scales(&alone),
        [7],
        "the other takes over with what it has seen"
    );
}

#[test]
fn beside_an_autoscaler_none_of_ours_writes() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.rival("worker-hpa", true);
    let burst = stage.look(load(25, 3, 3));
    assert_eq!(scales(&burst), [0; 0]);
    let free = stage.rival("worker-hpa", false);
    assert_eq!(scales(&free), [5]);
}

#[test]
fn a_target_that_is_missing_is_named_and_one_that_comes_is_scaled() {
    let mut stage = Stage::with(&pool("a", 1), None);
    let missing = stage.look(load(25, 3, 3));
    let told = told(&missing).len()
        + stage
            .reported()
            .iter()
            .filter(|reason| *reason == "TargetMissing")
            .count();
    assert!(told > 0, "{missing:?}");
    let come = stage.target(Some(target(3)));
    assert_eq!(scales(&come), [5]);
}

#[test]
fn without_facts_nothing_moves_and_both_ends_are_told() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(7)));
    stage.look(load(0, 7, 0));
    let away = stage.blind("Redis at redis://redis:6379 does not answer: connection refused");
    assert!(
        told(&away)[0].contains("never scales down without metrics"),
        "{away:?}"
    );
    for _ in 0..300 {
        stage.after(2_000);
        let look = stage.blind("Redis at redis://redis:6379 does not answer: connection refused");
        assert_eq!((scales(&look), told(&look).len()), (Vec::<i32>::new(), 0));
    }
    let back = stage.look(load(0, 7, 0));
    assert_eq!(scales(&back), [0; 0], "the idle time starts anew");
    assert_eq!(told(&back).len(), 1);
}

#[test]
fn a_write_that_fails_is_said_and_tried_again_with_a_pause() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    let refused = stage.scale_failed(403, "deployments/scale is forbidden");
    assert!(
        told(&refused)[0].contains("it could not be written: deployments/scale is forbidden"),
        "{refused:?}"
    );
    let look = stage.look(load(25, 3, 3));
    assert_eq!(scales(&look), [0; 0], "not at every look");
    let mut retries = Vec::new();
    for _ in 0..8 {
        retries.extend(stage.tick_after(2_000));
        retries.extend(stage.look(load(25, 3, 3)));
    }
    assert_eq!(
        scales(&retries),
        [5],
        "no cooldown was started by a number that was never written"
    );
}

#[test]
fn nobody_acts_on_facts_that_nobody_read_again() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(7)));
    stage.look(load(0, 7, 0));
    let long_after = stage.tick_after(400_000);
    let woken = stage.target(Some(Target {
        version: 9,
        ..target(7)
    }));
    assert_eq!(
        (scales(&long_after), scales(&woken)),
        (vec![], vec![]),
        "idle for 5 min, but unseen"
    );
}

#[test]
fn a_pool_that_is_made_anew_under_the_same_name_has_no_past() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(25, 3, 3));
    stage.scaled(5);
    let mut other = pool("a", 99);
    other.metadata.uid = Some("another".to_owned());
    stage.pool(&other);
    let look = stage.look(load(25, 5, 5));
    assert_eq!(scales(&look), [7], "its own cooldown has not begun");
}

#[test]
fn metrics_go_with_their_pool() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.look(load(4, 3, 3));
    assert!(
        stage
            .scrape()
            .contains(r#"workerpool_ready_tasks{namespace="default",name="a"} 4"#)
    );
    stage.pool_gone("a");
    assert!(!stage.scrape().contains("workerpool_ready_tasks{"));
}
