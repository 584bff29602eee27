//! The memory after a write, after a failed write, and after many changes.

use super::cells::{NOW, behavior, observe, tasks_per_worker, threshold_spec};
use decide::{Memory, Metric, Millis, PoolSpec, QueueMetrics, Startup, Time, decide};

fn at(seconds: i64) -> Time {
    NOW + Millis::seconds(seconds)
}

fn before() -> Memory {
    Memory {
        desired: Some(3),
        last_up: Some(at(-100)),
        last_change: Some(at(-90)),
        idle_since: Some(at(-80)),
        scale_events: vec![(at(-90), 1)],
        startup: Startup {
            pending: None,
            mean: Some(Millis(4)),
        },
        ..Memory::default()
    }
}

/// The memory after a decision at 0 that starts from [`before`].
fn after() -> Memory {
    Memory {
        desired: Some(5),
        last_up: Some(at(0)),
        last_change: Some(at(0)),
        idle_since: None,
        scale_events: vec![(at(-90), 1), (at(0), 2)],
        startup: Startup {
            pending: Some((at(0), 5)),
            mean: Some(Millis(4)),
        },
        ..Memory::default()
    }
}

#[test]
fn a_change_counts_from_its_write() {
    let expected = Memory {
        last_up: Some(at(2)),
        last_change: Some(at(2)),
        scale_events: vec![(at(-90), 1), (at(2), 2)],
        ..after()
    };
    assert_eq!(after().committed(&before(), at(2)), expected);
}

#[test]
fn a_write_keeps_what_did_not_change() {
    assert_eq!(before().committed(&before(), at(2)), before());
    let scale_down = Memory {
        last_up: before().last_up,
        ..after()
    };
    assert_eq!(
        scale_down.committed(&before(), at(2)).last_up,
        Some(at(-100)),
        "a scale-down is not a scale-up"
    );
    assert_eq!(
        after().committed(&before(), at(-1)).scale_events,
        after().scale_events,
        "a write is not before its decision"
    );
}

#[test]
fn a_failed_write_changed_nothing() {
    let expected = Memory {
        idle_since: None,
        ..before()
    };
    assert_eq!(after().rolled_back(&before()), expected);
}

fn spec(cell: Option<&str>) -> PoolSpec {
    PoolSpec {
        max: 10_000,
        behavior: cell.map(behavior),
        ..tasks_per_worker(1)
    }
}

/// The memory after an observation of each number of tasks, one second apart.
fn memory_after(spec: &PoolSpec, tasks: impl IntoIterator<Item = i64>) -> Memory {
    let mut replicas = 1;
    let mut memory = Memory::default();
    for (second, tasks) in (0..).zip(tasks) {
        let queue = QueueMetrics {
            ready: Metric::Known(tasks),
            ..QueueMetrics::UNSUPPORTED
        };
        let decision = decide(spec, &observe(replicas, queue), &memory, at(second));
        replicas = decision.replicas;
        memory = decision.memory;
    }
    memory
}

#[test]
fn only_policies_need_scale_events() {
    assert_eq!(memory_after(&spec(None), [4]).scale_events, []);
    let unlimited = spec(Some("up t0 10000p/60; down t0 w0 10000p/30"));
    assert_eq!(
        memory_after(&unlimited, [4, 4, 2]).scale_events,
        [(at(0), 3), (at(2), -2)]
    );
    assert_eq!(memory_after(&unlimited, [4; 60]).scale_events.len(), 1);
    assert_eq!(
        memory_after(&unlimited, [4; 62]).scale_events,
        [],
        "older than the longest period"
    );
}

#[test]
fn thresholds_alone_measure_nothing() {
    let thresholds = PoolSpec {
        min: 1,
        ..threshold_spec()
    };
    let memory = memory_after(&thresholds, [4, 4]);
    assert_eq!(memory.rates, []);
    assert_eq!(memory.busy.samples(), []);
    assert_eq!(memory.startup, Startup::default());
}

#[test]
fn targets_and_behavior_need_every_observation() {
    let thresholds = threshold_spec();
    assert!(!thresholds.has_target() && !thresholds.needs_every_observation());
    let target = spec(None);
    assert!(target.has_target() && target.needs_every_observation());
    let with_behavior = PoolSpec {
        behavior: Some(behavior("hpa")),
        ..thresholds
    };
    assert!(
        !with_behavior.has_target() && with_behavior.needs_every_observation(),
        "its windows count every observation"
    );
}

#[test]
fn the_oldest_of_many_changes_become_one() {
    let unlimited = spec(Some("up t0 10000p/600; down t0 w0 10000p/600"));
    let increasing = |n: i64| 2..2 + n;
    let events = memory_after(&unlimited, increasing(32)).scale_events;
    assert_eq!(events.len(), 32);
    let events = memory_after(&unlimited, increasing(33)).scale_events;
    assert_eq!(events.len(), 32);
    assert_eq!(events[0], (at(1), 2), "the two oldest, as old as the later");
    // Up, down, up: replicas that were removed are not added to those that were added.
    let events = memory_after(&unlimited, [9, 5].into_iter().chain(6..37)).scale_events;
    assert_eq!(events.len(), 32);
    assert_eq!(events[..2], [(at(1), -4), (at(2), 9)]);
    let sum: i32 = events.iter().map(|(_, change)| change).sum();
    assert_eq!(sum, 35, "no change is lost");
}

#[test]
fn samples_in_the_future_count_as_now() {
    let future = [(at(3600), 9)];
    let memory = Memory {
        recommendations: future.into_iter().collect(),
        busy: future.into_iter().collect(),
        scale_events: future.to_vec(),
        ..Memory::default()
    };
    let clamped = memory.clamped_to(NOW);
    assert_eq!(clamped.recommendations.samples(), [(NOW, 9)]);
    assert_eq!(clamped.busy.samples(), [(NOW, 9)]);
    assert_eq!(clamped.scale_events, [(NOW, 9)]);
}

#[test]
fn a_change_that_the_memory_lacks_counts_as_made_now() {
    let up = before().adopted(5, at(0));
    assert_eq!(
        (up.desired, up.last_up, up.last_change),
        (Some(5), Some(at(0)), Some(at(0)))
    );
    assert_eq!(up.scale_events, [(at(-90), 1), (at(0), 2)]);
    let down = before().adopted(2, at(0));
    assert_eq!(
        (down.last_up, down.last_change),
        (Some(at(-100)), Some(at(0)))
    );
    assert_eq!(down.scale_events, [(at(-90), 1), (at(0), -1)]);
    // Without a memory the change may have been one in either direction.
    let unknown = Memory::default().adopted(5, at(0));
    assert_eq!(
        (unknown.last_up, unknown.scale_events),
        (Some(at(0)), vec![])
    );
}

#[test]
fn all_instants_move_with_the_clock() {
    let memory = Memory {
        recommendations: [(at(5), 9), (at(6), 4)].into_iter().collect(),
        busy: [(at(7), 3)].into_iter().collect(),
        unknown_since: Some(at(8)),
        startup: Startup {
            pending: Some((at(9), 2)),
            mean: Some(Millis(4)),
        },
        ..before()
    };
    let shifted = memory.shifted(Millis::seconds(100));
    assert_eq!(shifted.last_up, Some(at(0)));
    assert_eq!(shifted.idle_since, Some(at(20)));
    assert_eq!(shifted.scale_events, [(at(10), 1)]);
    assert_eq!(
        shifted.recommendations.samples(),
        [(at(105), 9), (at(106), 4)]
    );
    assert_eq!(shifted.busy.samples(), [(at(107), 3)]);
    assert_eq!(shifted.startup.pending, Some((at(109), 2)));
    assert_eq!(shifted.shifted(Millis::seconds(-100)), memory);
}
