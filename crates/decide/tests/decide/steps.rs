//! What a decision leaves behind beside its number: the trail, the memory, when to look again, and how sure it is.

use super::cells::{NOW, behavior, class, seen};
use decide::{
    Constraint, Decision, Load, Memory, Metric, Millis, Observation, Pin, PoolSpec, Rates,
    ReasonCode, Rule, Rules, Startup, Step, Suspend, Target, Time, UnknownAction, decide,
};

fn with(seen: &Observation, change: impl Fn(&mut Load)) -> Observation {
    let mut seen = seen.clone();
    change(&mut seen.queues[0]);
    seen
}

fn pool() -> PoolSpec {
    PoolSpec {
        min: 3,
        rules: vec![class()],
        ..PoolSpec::default()
    }
}

fn target(target: Target) -> PoolSpec {
    PoolSpec {
        max: 60,
        rules: vec![Rules {
            queues: vec![0],
            target,
            ..Rules::default()
        }],
        ..PoolSpec::default()
    }
}

fn look(pool: &PoolSpec, seen: &Observation) -> Decision {
    decide(pool, seen, &Memory::default(), NOW)
}

fn ago(seconds: i64) -> Time {
    Time(NOW.0 - seconds * 1000)
}

#[test]
fn a_missing_fact_is_no_answer_and_not_untold() {
    let trail = look(
        &pool(),
        &with(&seen(3, 0, 0), |load| load.ready = Metric::Unavailable),
    )
    .steps;
    assert_eq!(
        trail[0],
        Step::MetricUnavailable {
            rule: Rule::QueueLength
        }
    );
    let said = trail
        .iter()
        .filter(|step| matches!(step, Step::MetricUnavailable { .. }))
        .count();
    assert_eq!(said, 1, "once, though scaleDown misses it, too: {trail:?}");
    let trail = look(
        &pool(),
        &with(&seen(3, 0, 0), |load| load.cpu_sum = Metric::Unsupported),
    )
    .steps;
    assert!(
        trail.contains(&Step::MetricUnsupported { rule: Rule::Cpu }),
        "{trail:?}"
    );
}

#[test]
fn an_override_hides_what_the_rules_would_say() {
    assert_eq!(
        look(
            &PoolSpec {
                suspend: Some(Suspend::default()),
                ..pool()
            },
            &seen(3, 25, 3)
        )
        .steps,
        []
    );
    let pinned = PoolSpec {
        pin: Some(Pin {
            replicas: 3,
            until: None,
        }),
        ..pool()
    };
    assert_eq!(
        look(&pinned, &seen(3, 25, 3)).steps,
        [Step::Pinned {
            answer: 3,
            until: None
        }]
    );
}

#[test]
fn somebody_else_s_change_is_one_only_where_we_write() {
    let memory = Memory {
        desired: Some(7),
        ..Memory::default()
    };
    for pool in [
        PoolSpec {
            suspend: Some(Suspend::default()),
            ..pool()
        },
        PoolSpec {
            dry_run: true,
            ..pool()
        },
    ] {
        let after = decide(&pool, &seen(4, 0, 0), &memory, NOW);
        assert!(
            !after
                .steps
                .iter()
                .any(|step| matches!(step, Step::OutsideChange { .. })),
            "{after:?}"
        );
        assert_eq!(
            (after.memory.desired, after.memory.last_change),
            (Some(4), None)
        );
    }
    let found = decide(&pool(), &seen(4, 0, 0), &memory, NOW).steps;
    assert_eq!(found[0], Step::OutsideChange { found: 4, ours: 7 });
    let same = decide(&pool(), &seen(7, 0, 0), &memory, NOW).steps;
    assert!(
        !same
            .iter()
            .any(|step| matches!(step, Step::OutsideChange { .. })),
        "{same:?}"
    );
}

#[test]
fn what_becomes_ours() {
    let desired = |pool: &PoolSpec, seen: &Observation, ours: Option<i32>| {
        let memory = decide(
            pool,
            seen,
            &Memory {
                desired: ours,
                ..Memory::default()
            },
            NOW,
        )
        .memory;
        (memory.desired, memory.last_up, memory.last_change)
    };
    let now = Some(NOW);
    assert_eq!(
        desired(&pool(), &seen(7, 20, 2), Some(5)),
        (Some(7), now, now),
        "they took our step for us"
    );
    let blind = with(&seen(9, 0, 0), |load| load.ready = Metric::Unavailable);
    assert_eq!(
        desired(&pool(), &blind, Some(5)),
        (Some(5), None, None),
        "held, and not ours"
    );
    let pinned = PoolSpec {
        pin: Some(Pin {
            replicas: 2,
            until: None,
        }),
        ..pool()
    };
    assert_eq!(
        desired(&pinned, &seen(7, 0, 5), None),
        (Some(5), None, now),
        "down to the busy"
    );
    assert_eq!(
        desired(&pool(), &seen(1, 0, 0), None),
        (Some(3), None, now),
        "a bound starts no up cooldown"
    );
}

#[test]
fn a_blind_look_is_no_recommendation() {
    let per_worker = target(Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    });
    let pool = PoolSpec {
        behavior: Some(behavior("hpa")),
        ..per_worker
    };
    let recorded = |seen: &Observation| look(&pool, seen).memory.recommendations.samples();
    assert_eq!(recorded(&seen(4, 4, 0)), [(NOW, 4)]);
    assert_eq!(
        recorded(&with(&seen(4, 4, 0), |load| load.in_flight = Metric::Unavailable)),
        []
    );
}

#[test]
fn a_blind_rise_keeps_the_window() {
    let per_worker = target(Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    });
    let pool = PoolSpec {
        behavior: Some(behavior("up w60")),
        ..per_worker
    };
    let memory = Memory {
        recommendations: [(ago(10), 4)].into_iter().collect(),
        ..Memory::default()
    };
    let blind = with(&seen(4, 9, 0), |load| load.busy = Metric::Unavailable);
    assert_eq!(
        decide(&pool, &blind, &memory, NOW).replicas,
        4,
        "9 were not wanted 10 s ago"
    );
    assert_eq!(look(&pool, &blind).replicas, 8, "as far as the policies go");
}

#[test]
fn a_window_that_holds_is_in_the_trail_by_its_name() {
    let per_worker = target(Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    });
    let pool = PoolSpec {
        behavior: Some(behavior("up w60")),
        ..per_worker
    };
    let held = |tasks: i64| {
        let recommendations = [(ago(10), 4)].into_iter().collect();
        let memory = Memory {
            recommendations,
            ..Memory::default()
        };
        decide(&pool, &seen(4, tasks, 0), &memory, NOW).steps[1].clone()
    };
    let until = Some(ago(-50));
    assert_eq!(
        held(9),
        Step::Constrained {
            by: Constraint::WindowUp,
            from: 9,
            to: 4,
            until
        }
    );
    let until = Some(ago(-290));
    assert_eq!(
        held(2),
        Step::Constrained {
            by: Constraint::WindowDown,
            from: 2,
            to: 4,
            until
        }
    );
}

#[test]
fn a_rule_that_may_not_have_its_way_is_no_word_against_the_fallback() {
    let per_worker = target(Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    });
    let fallback = UnknownAction::Fallback(3);
    let pool = PoolSpec {
        behavior: Some(behavior("up off")),
        unknown_action: fallback,
        ..per_worker
    };
    let blind = with(&seen(5, 100, 0), |load| load.busy = Metric::Unavailable);
    let memory = Memory {
        unknown_since: Some(ago(99)),
        ..Memory::default()
    };
    assert_eq!(
        decide(&pool, &blind, &memory, NOW).reason.code(),
        ReasonCode::Fallback
    );
}

#[test]
fn those_that_were_busy_are_in_the_trail_where_they_hold_some() {
    let pool = target(Target {
        tasks_per_worker: Some(5),
        ..Target::default()
    });
    let after = |busy: i32| {
        let memory = Memory {
            busy: [(ago(10), busy)].into_iter().collect(),
            ..Memory::default()
        };
        decide(&pool, &seen(9, 10, 0), &memory, NOW).steps
    };
    let until = Some(ago(-20));
    assert_eq!(
        after(6)[1],
        Step::Constrained {
            by: Constraint::RecentlyBusy,
            from: 2,
            to: 6,
            until
        }
    );
    assert_eq!(after(2).len(), 1, "as many as are enough hold nothing");
}

#[test]
fn a_drain_rule_looks_again_as_its_facts_age() {
    let drain = |drain: Option<i64>, wait: Option<i64>| {
        let span = |seconds: Option<i64>| seconds.map(Millis::seconds);
        target(Target {
            drain_within: span(drain),
            max_wait: span(wait),
            ..Target::default()
        })
    };
    let again = |pool: &PoolSpec, waited: Option<i64>, memory: &Memory| {
        let seen = with(&seen(1, waited.map_or(0, |_| 1), 1), |load| {
            load.oldest_at =
                waited.map_or(Metric::Unsupported, |millis| Metric::Known(NOW.0 - millis));
        });
        decide(pool, &seen, memory, NOW)
            .requeue_at
            .map(|at| (at - NOW).0)
    };
    let calm = Memory {
        busy: [(ago(99), 1)].into_iter().collect(),
        ..Memory::default()
    };
    let flows = Rates {
        arrival: 1,
        ..Rates::default()
    };
    let flowing = Memory {
        rates: vec![flows],
        ..calm.clone()
    };
    assert_eq!(
        again(&drain(Some(30), None), None, &flowing),
        Some(1000),
        "a rate fades each second"
    );
    assert_eq!(again(&drain(Some(30), None), None, &calm), None);
    let per_worker = target(Target {
        tasks_per_worker: Some(9),
        ..Target::default()
    });
    assert_eq!(
        again(&per_worker, None, &flowing),
        None,
        "nobody asks for the rate"
    );
    assert_eq!(
        again(&drain(Some(30), None), Some(1000), &calm),
        Some(20_001),
        "late after 0.7 T"
    );
    assert_eq!(
        again(&drain(Some(30), Some(10)), Some(1000), &calm),
        Some(6_001),
        "the sooner of two"
    );
    assert_eq!(
        again(&drain(Some(30), None), Some(21_001), &calm),
        None,
        "late by now"
    );
    let mean = Some(Millis::seconds(4));
    let starting = Memory {
        last_change: Some(ago(1)),
        startup: Startup {
            pending: None,
            mean,
        },
        ..calm.clone()
    };
    assert_eq!(
        again(&drain(Some(30), None), Some(1000), &starting),
        Some(3_000),
        "a worker has started"
    );
}

#[test]
fn a_task_that_runs_needs_one_worker_and_one_that_waited_before_needs_none() {
    let drain = target(Target {
        drain_within: Some(Millis::seconds(30)),
        ..Target::default()
    });
    let answer = |seen: &Observation| match look(&drain, seen).steps[0] {
        Step::Target { answer, .. } => answer,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(answer(&seen(3, 0, 1)), 1);
    assert_eq!(answer(&seen(3, 0, 0)), 0);
    let stale = |load: &mut Load| load.oldest_at = Metric::Known(NOW.0 - 100_000);
    assert_eq!(
        answer(&with(&seen(3, 0, 6), stale)),
        1,
        "nothing waits, and nothing is late"
    );
}

#[test]
fn confidence_is_the_share_of_the_facts_asked_for_that_were_known() {
    let sure = |change: &dyn Fn(&mut Load)| look(&pool(), &with(&seen(3, 0, 0), change)).confidence;
    assert_eq!(sure(&|_| ()), 100);
    assert_eq!(
        sure(&|load| load.cpu_sum = Metric::Unavailable),
        75,
        "three of ready, CPU, busy and live"
    );
    assert_eq!(
        sure(&|load| (load.cpu_sum, load.busy) = (Metric::Unavailable, Metric::Unavailable)),
        50
    );
    assert_eq!(
        sure(&|load| load.cpu_sum = Metric::Unsupported),
        100,
        "what is not told is not asked for"
    );
    assert_eq!(
        sure(&|load| (load.cpu_sum, load.busy) = (Metric::Unsupported, Metric::Unavailable)),
        66
    );
    let nothing = PoolSpec {
        rules: vec![Rules::default()],
        ..PoolSpec::default()
    };
    let untold = Observation {
        replicas: 3,
        queues: vec![Load::UNSUPPORTED],
        unavailable_reason: None,
    };
    assert_eq!(look(&nothing, &untold).confidence, 100, "of nothing, all");
}
