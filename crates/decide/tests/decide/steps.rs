//! The rest of a decision: its steps, the memory, when to decide again, and the confidence.

use super::cells::{
    NOW, ago, behavior, drain_within, observation, observe, target_spec, tasks_per_worker,
    threshold_spec,
};
use decide::{
    Constraint, Decision, Memory, Metric, Millis, Observation, Pin, PoolSpec, QueueMetrics, Rates,
    ReasonCode, Rule, Rules, Startup, Step, Suspend, Target, UnknownAction, decide,
};

/// The observation with a change to its queue.
fn with(observation: &Observation, change: impl Fn(&mut QueueMetrics)) -> Observation {
    let mut observation = observation.clone();
    change(&mut observation.queues[0]);
    observation
}

fn without_memory(spec: &PoolSpec, observation: &Observation) -> Decision {
    decide(spec, observation, &Memory::default(), NOW)
}

fn pinned(replicas: i32) -> PoolSpec {
    PoolSpec {
        pin: Some(Pin {
            replicas,
            until: None,
        }),
        ..threshold_spec()
    }
}

fn suspended() -> PoolSpec {
    PoolSpec {
        suspend: Some(Suspend::default()),
        ..threshold_spec()
    }
}

fn with_behavior(cell: &str) -> PoolSpec {
    PoolSpec {
        behavior: Some(behavior(cell)),
        ..tasks_per_worker(1)
    }
}

#[test]
fn tasks_that_were_fetched_ahead_are_a_step_where_there_are_any() {
    let held = |metric| {
        let observation = with(&observation(3, 0, 3), |queue| queue.held = metric);
        let mut steps = without_memory(&threshold_spec(), &observation).steps;
        steps.retain(|step| matches!(step, Step::Held { .. }));
        steps
    };
    assert_eq!(held(Metric::Known(7)), [Step::Held { tasks: 7 }]);
    assert_eq!(held(Metric::Estimated(1)), [Step::Held { tasks: 1 }]);
    for none in [Metric::Known(0), Metric::Unavailable, Metric::Unsupported] {
        assert_eq!(held(none), []);
    }
}

#[test]
fn an_unavailable_metric_is_one_step() {
    let observation = with(&observation(3, 0, 0), |queue| {
        queue.ready = Metric::Unavailable;
    });
    let steps = without_memory(&threshold_spec(), &observation).steps;
    let unavailable = Step::MetricUnavailable {
        rule: Rule::QueueLength,
    };
    assert_eq!(steps[0], unavailable);
    let count = steps.iter().filter(|step| **step == unavailable).count();
    assert_eq!(count, 1, "once, although scaleDown needs it too: {steps:?}");
}

#[test]
fn a_metric_that_only_scale_down_needs_is_a_step() {
    let mut spec = threshold_spec();
    spec.rules[0].up.utilization = None;
    let observation = with(&observation(3, 0, 0), |queue| {
        queue.live = Metric::Unavailable;
    });
    let steps = without_memory(&spec, &observation).steps;
    let unavailable = Step::MetricUnavailable {
        rule: Rule::Utilization,
    };
    assert!(steps.contains(&unavailable), "{steps:?}");
}

#[test]
fn an_unsupported_metric_is_a_step_of_its_own() {
    let observation = with(&observation(3, 0, 0), |queue| {
        queue.cpu_sum = Metric::Unsupported;
    });
    let steps = without_memory(&threshold_spec(), &observation).steps;
    let unsupported = Step::MetricUnsupported { rule: Rule::Cpu };
    assert!(steps.contains(&unsupported), "{steps:?}");
}

#[test]
fn an_override_hides_the_steps_of_the_rules() {
    let burst = observation(3, 25, 3);
    assert_eq!(without_memory(&suspended(), &burst).steps, []);
    assert_eq!(
        without_memory(&pinned(3), &burst).steps,
        [Step::Pinned {
            replicas: 3,
            until: None
        }]
    );
}

#[test]
fn an_outside_change_needs_a_pool_that_is_written() {
    let memory = Memory {
        desired: Some(7),
        ..Memory::default()
    };
    let is_outside_change = |step: &Step| matches!(step, Step::OutsideChange { .. });
    let dry_run = PoolSpec {
        dry_run: true,
        ..threshold_spec()
    };
    for spec in [suspended(), dry_run] {
        let decision = decide(&spec, &observation(4, 0, 0), &memory, NOW);
        assert!(
            !decision.steps.iter().any(is_outside_change),
            "{decision:?}"
        );
        assert_eq!(decision.memory.desired, Some(4));
        assert_eq!(decision.memory.last_change, None);
    }
    let changed = decide(&threshold_spec(), &observation(4, 0, 0), &memory, NOW).steps;
    assert_eq!(
        changed[0],
        Step::OutsideChange {
            found: 4,
            desired: 7
        }
    );
    let unchanged = decide(&threshold_spec(), &observation(7, 0, 0), &memory, NOW).steps;
    assert!(!unchanged.iter().any(is_outside_change), "{unchanged:?}");
}

#[test]
fn only_decided_replicas_become_desired() {
    let remembered = |spec: &PoolSpec, observation: &Observation, desired: Option<i32>| {
        let before = Memory {
            desired,
            ..Memory::default()
        };
        let memory = decide(spec, observation, &before, NOW).memory;
        (memory.desired, memory.last_up, memory.last_change)
    };
    let thresholds = threshold_spec();
    let now = Some(NOW);
    assert_eq!(
        remembered(&thresholds, &observation(7, 20, 2), Some(5)),
        (Some(7), now, now),
        "another client has already set what the rule recommends"
    );
    let unavailable = with(&observation(9, 0, 0), |queue| {
        queue.ready = Metric::Unavailable;
    });
    assert_eq!(
        remembered(&thresholds, &unavailable, Some(5)),
        (Some(5), None, None),
        "not lowered, but not decided either"
    );
    assert_eq!(
        remembered(&pinned(2), &observation(7, 0, 5), None),
        (Some(5), None, now),
        "down to the number of busy workers"
    );
    assert_eq!(
        remembered(&thresholds, &observation(1, 0, 0), None),
        (Some(3), None, now),
        "a bound starts no cooldown of scaleUp"
    );
}

#[test]
fn without_metrics_there_is_no_recommendation() {
    let recorded = |observation: &Observation| {
        let memory = without_memory(&with_behavior("hpa"), observation).memory;
        memory.recommendations.samples()
    };
    let known = observation(4, 4, 0);
    assert_eq!(recorded(&known), [(NOW, 4)]);
    let unavailable = with(&known, |queue| queue.in_flight = Metric::Unavailable);
    assert_eq!(recorded(&unavailable), []);
}

#[test]
fn a_scale_up_without_metrics_keeps_the_window() {
    let spec = with_behavior("up w60");
    let memory = Memory {
        recommendations: [(ago(10), 4)].into_iter().collect(),
        ..Memory::default()
    };
    let unavailable = with(&observation(4, 9, 0), |queue| {
        queue.busy = Metric::Unavailable;
    });
    assert_eq!(
        decide(&spec, &unavailable, &memory, NOW).replicas,
        4,
        "9 were not recommended 10 s ago"
    );
    assert_eq!(
        without_memory(&spec, &unavailable).replicas,
        8,
        "limited by the policies only"
    );
}

#[test]
fn a_stabilization_window_is_a_step() {
    let spec = with_behavior("up w60");
    let memory = Memory {
        recommendations: [(ago(10), 4)].into_iter().collect(),
        ..Memory::default()
    };
    let second_step = |tasks: i64| {
        let decision = decide(&spec, &observation(4, tasks, 0), &memory, NOW);
        decision.steps[1].clone()
    };
    assert_eq!(
        second_step(9),
        Step::Constrained {
            by: Constraint::WindowUp,
            from: 9,
            to: 4,
            until: Some(ago(-50))
        }
    );
    assert_eq!(
        second_step(2),
        Step::Constrained {
            by: Constraint::WindowDown,
            from: 2,
            to: 4,
            until: Some(ago(-290))
        }
    );
}

#[test]
fn a_disabled_scale_up_does_not_replace_the_fallback() {
    let spec = PoolSpec {
        unknown_action: UnknownAction::Fallback(3),
        ..with_behavior("up off")
    };
    let unavailable = with(&observation(5, 100, 0), |queue| {
        queue.busy = Metric::Unavailable;
    });
    let memory = Memory {
        unknown_since: Some(ago(99)),
        ..Memory::default()
    };
    let decision = decide(&spec, &unavailable, &memory, NOW);
    assert_eq!(decision.reason.code(), ReasonCode::Fallback);
}

#[test]
fn recently_busy_workers_are_a_step_where_they_stay() {
    let steps_after = |busy: i32| {
        let memory = Memory {
            busy: [(ago(10), busy)].into_iter().collect(),
            ..Memory::default()
        };
        decide(&tasks_per_worker(5), &observation(9, 10, 0), &memory, NOW).steps
    };
    assert_eq!(
        steps_after(6)[1],
        Step::Constrained {
            by: Constraint::RecentlyBusy,
            from: 2,
            to: 6,
            until: Some(ago(-20))
        }
    );
    assert_eq!(steps_after(2).len(), 1, "no more than are enough");
}

/// In how many milliseconds to decide again, where the oldest task has waited for `waited` milliseconds.
fn requeue_in(spec: &PoolSpec, waited: Option<i64>, memory: &Memory) -> Option<i64> {
    let ready = i64::from(waited.is_some());
    let observation = with(&observation(1, ready, 1), |queue| {
        queue.oldest_at =
            waited.map_or(Metric::Unsupported, |millis| Metric::Known(NOW.0 - millis));
    });
    let decision = decide(spec, &observation, memory, NOW);
    decision.requeue_at.map(|at| (at - NOW).0)
}

/// Without a change to wait for.
fn settled() -> Memory {
    Memory {
        busy: [(ago(99), 1)].into_iter().collect(),
        ..Memory::default()
    }
}

#[test]
fn a_drain_rule_is_requeued_while_rates_fade() {
    let fading = Memory {
        rates: vec![Rates {
            arrival: 1,
            ..Rates::default()
        }],
        ..settled()
    };
    assert_eq!(requeue_in(&drain_within(30), None, &fading), Some(1000));
    assert_eq!(requeue_in(&drain_within(30), None, &settled()), None);
    assert_eq!(
        requeue_in(&tasks_per_worker(9), None, &fading),
        None,
        "tasksPerWorker needs no rate"
    );
}

#[test]
fn a_drain_rule_is_requeued_as_tasks_get_older() {
    assert_eq!(
        requeue_in(&drain_within(30), Some(1000), &settled()),
        Some(20_001),
        "late after 0.7 T"
    );
    let both = target_spec(Target {
        drain_within: Some(Millis::seconds(30)),
        max_wait: Some(Millis::seconds(10)),
        ..Target::default()
    });
    assert_eq!(
        requeue_in(&both, Some(1000), &settled()),
        Some(6_001),
        "the earlier of two"
    );
    assert_eq!(
        requeue_in(&both, Some(7_001), &settled()),
        Some(14_000),
        "the other one, once the earlier is late"
    );
    assert_eq!(
        requeue_in(&drain_within(30), Some(21_001), &settled()),
        None,
        "already late"
    );
    let starting = Memory {
        last_change: Some(ago(1)),
        startup: Startup {
            pending: None,
            mean: Some(Millis::seconds(4)),
        },
        ..settled()
    };
    assert_eq!(
        requeue_in(&drain_within(30), Some(1000), &starting),
        Some(3_000),
        "a worker has started"
    );
}

#[test]
fn a_running_task_needs_one_worker() {
    let recommended = |observation: &Observation| {
        let decision = without_memory(&drain_within(30), observation);
        match decision.steps[0] {
            Step::Target { recommended, .. } => recommended,
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(recommended(&observation(3, 0, 1)), 1);
    assert_eq!(recommended(&observation(3, 0, 0)), 0);
    let outdated = with(&observation(3, 0, 6), |queue| {
        queue.oldest_at = Metric::Known(NOW.0 - 100_000);
    });
    assert_eq!(
        recommended(&outdated),
        1,
        "no task waits, and therefore none is late"
    );
}

#[test]
fn confidence_is_the_share_of_known_metrics() {
    let confidence = |change: &dyn Fn(&mut QueueMetrics)| {
        let observation = with(&observation(3, 0, 0), change);
        without_memory(&threshold_spec(), &observation).confidence
    };
    assert_eq!(confidence(&|_| ()), 100);
    assert_eq!(
        confidence(&|queue| queue.cpu_sum = Metric::Unavailable),
        75,
        "three of ready, CPU, busy and live"
    );
    assert_eq!(
        confidence(&|queue| {
            queue.cpu_sum = Metric::Unavailable;
            queue.busy = Metric::Unavailable;
        }),
        50
    );
    assert_eq!(
        confidence(&|queue| queue.cpu_sum = Metric::Unsupported),
        100,
        "an unsupported metric is not required"
    );
    assert_eq!(
        confidence(&|queue| {
            queue.cpu_sum = Metric::Unsupported;
            queue.busy = Metric::Unavailable;
        }),
        66
    );
    let no_rules = PoolSpec {
        rules: vec![Rules::default()],
        ..PoolSpec::default()
    };
    let unsupported = observe(3, QueueMetrics::UNSUPPORTED);
    assert_eq!(
        without_memory(&no_rules, &unsupported).confidence,
        100,
        "no metric is required"
    );
}
