//! What comes next, with its exact instant and number of tasks.

use super::cells::{NOW, behavior, class, seen};
use decide::{
    Decision, Forecast, Memory, Metric, Millis, NextChange, Observation, PoolSpec, Rules, Target,
    Time, decide, forecast,
};
use rstest::rstest;

fn ask(pool: &PoolSpec, seen: &Observation, memory: &Memory) -> (Decision, Forecast) {
    let decision = decide(pool, seen, memory, NOW);
    let next = forecast(pool, seen, &decision, NOW);
    (decision, next)
}

#[expect(clippy::unnecessary_wraps, reason = "an outlook has two of these")]
fn next(to: i32, at: Option<i64>, tasks: i64) -> Option<NextChange> {
    Some(NextChange {
        to,
        at: at.map(|seconds| NOW + Millis::seconds(seconds)),
        tasks,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "a memory has several of these")]
fn ago(seconds: i64) -> Option<Time> {
    Some(Time(NOW.0 - seconds * 1000))
}

/// The class's pool with 5 workers, 14 s after a scale-up.
#[rstest]
#[case::in_a_cooldown(5, 17, 5, next(7, Some(46), 0), next(3, Some(300), -21))]
#[case::three_more(5, 6, 3, next(7, Some(46), 3), next(3, Some(300), -8))]
#[case::nothing_to_do(5, 0, 0, next(7, Some(46), 9), next(3, Some(300), 0))]
#[case::at_the_minimum(3, 0, 0, next(5, Some(46), 9), None)]
#[case::at_the_maximum(10, 17, 5, None, next(8, Some(300), -20))]
#[case::one_short_of_it(9, 0, 0, next(10, Some(46), 9), next(7, Some(300), 0))]
fn the_class(
    #[case] current: i32,
    #[case] ready: i64,
    #[case] busy: i64,
    #[case] up: Option<NextChange>,
    #[case] down: Option<NextChange>,
) {
    let pool = PoolSpec {
        min: 3,
        rules: vec![class()],
        ..PoolSpec::default()
    };
    let memory = Memory {
        desired: Some(current),
        last_up: ago(14),
        last_change: ago(14),
        ..Memory::default()
    };
    assert_eq!(
        ask(&pool, &seen(current, ready, busy), &memory).1,
        Forecast { up, down }
    );
}

#[test]
fn after_a_change_it_starts_from_the_new_number() {
    let pool = PoolSpec {
        min: 3,
        rules: vec![class()],
        ..PoolSpec::default()
    };
    let (decision, outlook) = ask(&pool, &seen(3, 25, 3), &Memory::default());
    assert_eq!(decision.replicas, 5);
    assert_eq!(
        outlook.up,
        next(7, Some(60), 0),
        "a cooldown later, if still idle"
    );
}

#[test]
fn a_target_says_how_many_tasks_more_and_fewer() {
    let target = Target {
        tasks_per_worker: Some(5),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    let pool = PoolSpec {
        max: 20,
        rules,
        ..PoolSpec::default()
    };
    let memory = Memory {
        last_change: ago(60),
        ..Memory::default()
    };
    let (_, outlook) = ask(&pool, &seen(4, 18, 0), &memory);
    assert_eq!(outlook.up, next(5, None, 3), "21 tasks, at once");
    assert_eq!(outlook.down, next(3, None, -3), "15 tasks");
}

#[test]
fn a_window_is_waited_for() {
    let target = Target {
        tasks_per_worker: Some(5),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    let pool = PoolSpec {
        max: 20,
        rules,
        behavior: Some(behavior("hpa")),
        ..PoolSpec::default()
    };
    let memory = Memory {
        recommendations: [(Time(NOW.0 - 100_000), 9)].into_iter().collect(),
        ..Memory::default()
    };
    let (_, outlook) = ask(&pool, &seen(9, 10, 0), &memory);
    assert_eq!(
        outlook.down,
        next(2, Some(200), 0),
        "when the 9 are 300 s old"
    );
}

#[test]
fn a_day_ahead_is_far_enough() {
    let mut rules = class();
    rules.down.as_mut().expect("conditions").idle_for = Millis::seconds(24 * 3600);
    let pool = PoolSpec {
        min: 3,
        rules: vec![rules.clone()],
        ..PoolSpec::default()
    };
    assert_eq!(
        ask(&pool, &seen(5, 0, 0), &Memory::default()).1.down,
        next(3, Some(24 * 3600), 0)
    );
    rules.down.as_mut().expect("conditions").idle_for = Millis(24 * 3_600_000 + 1);
    let pool = PoolSpec {
        min: 3,
        rules: vec![rules],
        ..PoolSpec::default()
    };
    assert_eq!(ask(&pool, &seen(5, 0, 0), &Memory::default()).1.down, None);
}

#[test]
fn fewer_tasks_go_from_the_waiting_first_and_free_their_workers() {
    // Down needs less than 30 % of 10 workers busy and fewer than 2 waiting: 4 waiting of 6 and 2 of 4 running must go.
    let pool = PoolSpec {
        min: 3,
        rules: vec![class()],
        ..PoolSpec::default()
    };
    let (_, outlook) = ask(&pool, &seen(10, 5, 4), &Memory::default());
    assert_eq!(
        outlook.down.map(|next| next.tasks),
        Some(-7),
        "5 waiting and 2 running"
    );
}

fn drain(seconds: i64, rates: decide::Rates) -> (PoolSpec, Memory) {
    let target = Target {
        drain_within: Some(Millis::seconds(seconds)),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    (
        PoolSpec {
            max: 60,
            rules,
            ..PoolSpec::default()
        },
        Memory {
            rates: vec![rates],
            ..Memory::default()
        },
    )
}

#[test]
fn as_many_tasks_as_change_it_at_the_earliest_instant() {
    // 8 workers are right for 100 tasks of 2 s; one task more asks for a ninth, but a small rise rests.
    let rates = decide::Rates {
        service: 2_000_000,
        samples: 19,
        ..Default::default()
    };
    let (pool, memory) = drain(30, rates);
    let memory = Memory {
        last_change: ago(1),
        ..memory
    };
    let mut seen = seen(8, 100, 8);
    seen.queues[0].processed = Metric::Unsupported;
    assert_eq!(
        ask(&pool, &seen, &memory).1.up,
        next(10, None, 13),
        "113 tasks ask for ten, at once"
    );
}

#[test]
fn the_further_ahead_the_larger_the_strides() {
    let rates = decide::Rates {
        at: Some(NOW),
        since: Time(0),
        arrival: 900,
        service: 2_000_000,
        samples: 19,
        ..Default::default()
    };
    let (pool, memory) = drain(30, rates);
    let busy = [(NOW, 6)].into_iter().collect();
    let mut seen = seen(6, 0, 0);
    seen.queues[0].arrived = Metric::Known(0);
    seen.queues[0].processed = Metric::Known(0);
    let (_, outlook) = ask(&pool, &seen, &Memory { busy, ..memory });
    let at = outlook.down.and_then(|next| next.at).expect("not at once");
    assert!(
        (30_000..38_000).contains(&(at - NOW).0),
        "six were busy until now, and nobody knows how long a start takes: {at:?}"
    );
}

#[test]
fn where_nothing_fades_the_instant_is_exact() {
    let target = Target {
        tasks_per_worker: Some(5),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    let edge = |millis: i64| NOW + Millis(millis);
    let schedules = vec![decide::Schedule {
        name: "short".into(),
        min: 1,
        from: edge(10_000),
        until: edge(10_500),
    }];
    let pool = PoolSpec {
        max: 20,
        rules,
        schedules,
        behavior: Some(behavior("hpa")),
        ..PoolSpec::default()
    };
    let held = [(Time(NOW.0 - 289_000), 9)].into_iter().collect();
    let memory = Memory {
        recommendations: held,
        rates: vec![decide::Rates::default()],
        ..Memory::default()
    };
    assert_eq!(
        ask(&pool, &seen(9, 10, 0), &memory).1.down,
        next(2, Some(11), 0)
    );
}
