//! What is remembered of a write, of a failed one, and of many changes.

use super::cells::{NOW, behavior};
use decide::{
    Load, Memory, Metric, Millis, Observation, PoolSpec, Rules, Startup, Target, Time, decide,
};

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

/// What a decision at 0 makes of it.
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
    let written = after().committed(&before(), at(2));
    let expected = Memory {
        last_up: Some(at(2)),
        last_change: Some(at(2)),
        scale_events: vec![(at(-90), 1), (at(2), 2)],
        ..after()
    };
    assert_eq!(written, expected);
}

#[test]
fn what_did_not_change_keeps_its_time() {
    assert_eq!(before().committed(&before(), at(2)), before());
    let down = Memory {
        last_up: before().last_up,
        ..after()
    };
    assert_eq!(
        down.committed(&before(), at(2)).last_up,
        Some(at(-100)),
        "a fall is no rise"
    );
    let late = after().committed(&before(), at(-1));
    assert_eq!(
        late.scale_events,
        after().scale_events,
        "a write is not before its decision"
    );
}

#[test]
fn a_failed_write_changed_nothing() {
    assert_eq!(
        after().rolled_back(&before()),
        Memory {
            idle_since: None,
            ..before()
        }
    );
}

fn pool(text: Option<&str>) -> PoolSpec {
    let target = Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    PoolSpec {
        max: 10_000,
        rules,
        behavior: text.map(behavior),
        ..PoolSpec::default()
    }
}

/// The memory after one look at so many tasks, each a second later than the last.
fn play(pool: &PoolSpec, tasks: impl IntoIterator<Item = i64>) -> Memory {
    let (mut current, mut memory) = (1, Memory::default());
    for (second, tasks) in (0..).zip(tasks) {
        let load = Load {
            ready: Metric::Known(tasks),
            ..Load::UNSUPPORTED
        };
        let decision = decide(
            pool,
            &Observation {
                replicas: current,
                queues: vec![load],
                unavailable_reason: None,
            },
            &memory,
            at(second),
        );
        (current, memory) = (decision.replicas, decision.memory);
    }
    memory
}

#[test]
fn only_policies_need_the_changes() {
    assert_eq!(play(&pool(None), [4]).scale_events, []);
    let quick = "up t0 10000p/60; down t0 w0 10000p/30";
    assert_eq!(
        play(&pool(Some(quick)), [4, 4, 2]).scale_events,
        [(at(0), 3), (at(2), -2)]
    );
    let much_later: Vec<i64> = [4].into_iter().chain([4; 61]).collect();
    assert_eq!(
        play(&pool(Some(quick)), much_later).scale_events,
        [],
        "older than the longest period"
    );
    assert_eq!(play(&pool(Some(quick)), [4; 60]).scale_events.len(), 1);
}

#[test]
fn thresholds_alone_measure_nothing_and_need_no_second_look() {
    let class = PoolSpec {
        rules: vec![super::cells::class()],
        ..PoolSpec::default()
    };
    let memory = play(&class, [4, 4]);
    assert_eq!(
        (
            memory.rates.len(),
            memory.busy.samples().len(),
            memory.startup
        ),
        (0, 0, Startup::default())
    );
    assert!(!class.has_target() && !class.needs_every_observation());
    assert!(pool(None).has_target() && pool(None).needs_every_observation());
    let both = PoolSpec {
        behavior: Some(behavior("hpa")),
        ..class
    };
    assert!(
        !both.has_target() && both.needs_every_observation(),
        "its windows count every look"
    );
}

#[test]
fn many_changes_become_one_that_counts_as_long_as_the_later() {
    let quick = pool(Some("up t0 10000p/600; down t0 w0 10000p/600"));
    let up = |n: i64| 2..2 + n;
    assert_eq!(play(&quick, up(32)).scale_events.len(), 32);
    let events = play(&quick, up(33)).scale_events;
    assert_eq!(
        (events.len(), events[0]),
        (32, (at(1), 2)),
        "the two oldest"
    );
    // Up, down, up: what was removed is not added up with what was added.
    let events = play(&quick, [9, 5].into_iter().chain(6..37)).scale_events;
    assert_eq!(events.len(), 32);
    assert_eq!((events[0], events[1]), ((at(1), -4), (at(2), 9)));
    assert_eq!(
        events.iter().map(|(_, change)| change).sum::<i32>(),
        35,
        "none is lost"
    );
}

#[test]
fn samples_of_the_future_are_of_now() {
    let later = [(at(3600), 9)];
    let memory = Memory {
        recommendations: later.into_iter().collect(),
        busy: later.into_iter().collect(),
        scale_events: later.to_vec(),
        ..Memory::default()
    };
    let past = memory.clamped_to(NOW);
    assert_eq!(
        past.recommendations.samples(),
        [(NOW, 9)],
        "the clock was set back"
    );
    assert_eq!(
        (past.busy.samples(), past.scale_events),
        (vec![(NOW, 9)], vec![(NOW, 9)])
    );
}
