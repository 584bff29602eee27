//! What a namespace with many pools costs the others: nothing.

use crate::stage::{
    Stage, condition, condition_reason, load, pool, pool_with, scales, status, target, written_by,
};
use api::{Duration, WorkerPool};
use decide::{Millis, Time};
use std::sync::Arc;
use workerpool_operator::fleet::Fleet;
use workerpool_operator::fleet::event::{Command, Event};
use workerpool_operator::report::Metrics;

/// A pool without a target, which is worth a status.
fn pool_in(namespace: &str, number: usize) -> WorkerPool {
    let mut object = pool(&format!("{namespace}-{number}"), 1);
    object.metadata.namespace = Some(namespace.to_owned());
    object.spec.scale_target_ref.name = format!("{namespace}-{number}");
    object
}

/// The pools whose statuses are written.
fn statuses(commands: &[Command]) -> Vec<String> {
    let name = |command: &Command| match command {
        Command::WriteStatus(pool, _) => Some(pool.key.name.to_string()),
        _ => None,
    };
    commands.iter().filter_map(name).collect()
}

#[test]
fn a_quiet_namespace_waits_for_no_noisy_one() {
    let mut stage = Stage::new();
    stage.pool(&pool_in("noisy", 0));
    let mut written = statuses(&stage.synced());
    for number in 1..300 {
        written.extend(statuses(&stage.pool(&pool_in("noisy", number))));
    }
    assert_eq!(written.len(), 5, "the share of a tenth of a second");
    assert!(statuses(&stage.pool(&pool_in("quiet", 0))).is_empty());
    let next = statuses(&stage.tick_after(100));
    assert!(next.contains(&"quiet-0".to_owned()), "{next:?}");
    assert!(next.len() <= 5, "{next:?}");
    written.extend(next);
    written.extend(statuses(&stage.tick_after(20_000)));
    written.sort();
    written.dedup();
    assert_eq!(written.len(), 301, "each has its turn");
}

#[test]
fn no_pool_is_polled_more_often_than_the_administrator_allows() {
    let interval = |spec: i64, floor: i64| {
        let mut object = pool("a", 1);
        object.spec.interval = Duration(Millis(spec));
        let fleet = Fleet::new(false, Arc::new(Metrics::new()));
        let mut fleet = fleet.polling_at_most_every(Duration(Millis(floor)));
        let commands = fleet.on(Event::Pool(Box::new(object)), Time(0));
        commands.iter().find_map(|command| match command {
            Command::Observe(.., interval) => Some(interval.as_millis()),
            _ => None,
        })
    };
    assert_eq!(interval(100, 500), Some(500));
    assert_eq!(interval(500, 500), Some(500));
    assert_eq!(interval(2_000, 500), Some(2_000));
}

#[test]
fn a_pool_is_told_that_it_is_polled_less_often_than_it_asks() {
    let reason = |millis: i64| {
        let mut stage = Stage::new().polling_at_most_every(500);
        let mut object = pool("a", 1);
        object.spec.interval = Duration(Millis(millis));
        stage.pool(&object);
        stage.target(Some(target(3)));
        stage.synced();
        let mut commands = stage.poll(load(0, 3, 0));
        commands.extend(stage.tick_after(2_000));
        assert!(status(&commands).is_some());
        let message = condition(&commands, "IntervalKept").map(|it| &it.message);
        let names_setting = message.is_none_or(|it| it.contains("minInterval"));
        assert!(names_setting, "{message:?}");
        condition_reason(&commands, "IntervalKept")
    };
    assert_eq!(reason(499), Some("False IntervalRaised".to_owned()));
    assert_eq!(reason(500), None);
}

/// A pool that adds a worker at each poll with a waiting task.
fn eager() -> Stage {
    let fields = serde_json::json!({"maxReplicas": 1_000, "scaleUp": {"queueLength": 0, "step": 1, "cooldown": "0s"},
        "scaleDown": {"utilizationPercent": 1, "idleFor": "1h"}});
    Stage::with(&pool_with(&fields), Some(target(3)))
}

/// Confirms each change until none follows. Returns how many changes there were, and the last commands.
fn changes(stage: &mut Stage, mut commands: Vec<Command>) -> (usize, Vec<Command>) {
    let mut count = 0;
    while let Some(to) = scales(&commands).first().copied() {
        commands = stage.scaled(to);
        let version = 1_000 * u64::from(to.unsigned_abs());
        commands.extend(stage.target(Some(written_by(api::FIELD_MANAGER, to, version))));
        count += 1;
    }
    (count, commands)
}

#[test]
fn a_namespace_that_scales_all_the_time_waits_and_says_so() {
    let mut stage = eager();
    let waiting = load(1, 3, 0);
    let first = stage.poll(waiting);
    let (at_once, mut commands) = changes(&mut stage, first);
    // Four milliseconds pass with each, in which a tenth of a second's turns come back.
    assert!((20..=21).contains(&at_once), "{at_once}");
    commands.extend(stage.tick_after(3_000));
    let said = status(&commands).and_then(|it| it.decision.clone());
    let said = said.map(|it| (it.reason, it.message)).expect("a status");
    assert_eq!(said.0, "ScaleThrottled");
    assert!(said.1.contains("changes often"), "{}", said.1);
    commands.extend(stage.poll(waiting));
    assert_eq!(scales(&commands).len(), 1, "when its turn has come");
}

#[test]
fn after_a_step_of_the_clock_no_change_waits_for_it() {
    let mut stage = eager();
    let first = stage.poll(load(1, 3, 0));
    changes(&mut stage, first);
    let back = Millis::seconds(-3_600);
    stage.advance(back.0);
    let commands = stage.send(Event::ClockStep(back));
    let (later, _) = changes(&mut stage, commands);
    assert!(later >= 20, "{later}");
}
