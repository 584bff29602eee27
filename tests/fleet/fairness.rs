//! What a namespace with many pools costs the others: nothing.

use crate::stage::{Stage, load, pool, status, target};
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
    assert_eq!(written.len(), 50);
    assert!(statuses(&stage.pool(&pool_in("quiet", 0))).is_empty());
    let next = statuses(&stage.tick_after(1_000));
    assert!(next.contains(&"quiet-0".to_owned()), "{next:?}");
    assert!(next.len() <= 50, "{next:?}");
    written.extend(next);
    written.extend(statuses(&stage.tick_after(6_000)));
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
    let condition = |millis: i64| {
        let mut stage = Stage::new().polling_at_most_every(500);
        let mut object = pool("a", 1);
        object.spec.interval = Duration(Millis(millis));
        stage.pool(&object);
        stage.target(Some(target(3)));
        stage.synced();
        let mut commands = stage.poll(load(0, 3, 0));
        commands.extend(stage.tick_after(2_000));
        let conditions = &status(&commands).expect("a status").conditions;
        let found = conditions.iter().find(|it| it.type_ == "IntervalKept")?;
        assert!(found.message.contains("minInterval"), "{found:?}");
        Some(format!("{} {}", found.status, found.reason))
    };
    assert_eq!(condition(499), Some("False IntervalRaised".to_owned()));
    assert_eq!(condition(500), None);
}
