//! Properties that hold for every spec, every observation and every memory.

use super::cells::NOW;
use decide::{
    Behavior, Decision, Memory, Metric, Millis, Observation, Pin, Policy, PolicyKind, PoolSpec,
    QueueMetrics, Rates, ReasonCode, Rules, ScaleDown, ScaleUp, Scaling, Schedule, Select, Startup,
    Suspend, Target, Time, UnknownAction, Window, decide, forecast,
};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

pub fn metric(max: i64) -> impl Strategy<Value = Metric> {
    prop_oneof![8 => (0..=max).prop_map(Metric::Known), 1 => Just(Metric::Unavailable), 1 => Just(Metric::Unsupported)]
}

fn seconds(max: i64) -> impl Strategy<Value = Millis> {
    (0..=max).prop_map(Millis::seconds)
}

prop_compose! {
    fn thresholds()(
        queue_length in of(0..30i64), utilization in of(0..100i64), cpu in of(0..100i64), step in 1..5i32, cooldown in seconds(200),
        down_queue_length in of(1..30i64), down_utilization in of(1..100i64), idle_for in seconds(400), down_step in 1..5i32, down_cooldown in seconds(400),
        no_down in proptest::bool::weighted(0.1),
    ) -> (ScaleUp, Option<ScaleDown>) {
        let down = ScaleDown { queue_length: down_queue_length, utilization: down_utilization, idle_for, step: down_step, cooldown: down_cooldown };
        (ScaleUp { queue_length, utilization, cpu, step, cooldown }, (!no_down).then_some(down))
    }
}

prop_compose! {
    fn targets()(tasks_per_worker in weighted(0.6, 1..9i64), drain_within in weighted(0.4, 1..60i64), max_wait in weighted(0.3, 1..60i64)) -> Target {
        Target { tasks_per_worker, drain_within: drain_within.map(Millis::seconds), max_wait: max_wait.map(Millis::seconds) }
    }
}

/// The rules of one queue: thresholds, a target, or both.
fn rules(queue: usize) -> impl Strategy<Value = Rules> {
    let empty_for = weighted(0.2, seconds(400));
    (thresholds(), targets(), 0..4u8, empty_for).prop_map(
        move |((up, down), target, kind, empty_for)| {
            let name = (queue > 0).then(|| "other".into());
            let queues = vec![queue];
            match kind {
                0 => Rules {
                    queue: name,
                    queues,
                    target,
                    empty_for,
                    ..Rules::default()
                },
                1 => Rules {
                    queue: name,
                    queues,
                    up,
                    down,
                    target,
                    empty_for,
                },
                _ => Rules {
                    queue: name,
                    queues,
                    up,
                    down,
                    ..Rules::default()
                },
            }
        },
    )
}

prop_compose! {
    fn scaling()(window in seconds(400), select in 0..4u8, policies in vec((any::<bool>(), 1..120i32, 1..120i64), 1..4), tolerance in 0..300_000i64) -> Scaling {
        let policies = policies.into_iter().map(|(pods, value, period)| Policy {
            kind: if pods { PolicyKind::Pods } else { PolicyKind::Percent }, value, period: Millis::seconds(period),
        });
        let select = match select { 0 => Select::Min, 1 => Select::Disabled, _ => Select::Max };
        Scaling { window, select, policies: policies.collect(), tolerance }
    }
}

prop_compose! {
    fn schedules()(min in 0..12i32, from in -600..600i64, length in 1..900i64) -> Schedule {
        let from = NOW + Millis::seconds(from);
        Schedule { name: "class".into(), min, from, until: from + Millis::seconds(length) }
    }
}

prop_compose! {
    pub fn specs()(
        min in 0..12i32, more in 0..12i32, pin in weighted(0.1, (0..24i32, of(-60..60i64))),
        first in rules(0), second in weighted(0.3, rules(1)), behavior in weighted(0.3, (scaling(), scaling())),
        schedules in vec(schedules(), 0..2), unknown_after in seconds(60), fallback in of(0..20i32),
        suspend in weighted(0.1, of(-60..60i64)), dry_run in proptest::bool::weighted(0.1), from_zero in prop_oneof![2 => Just(0), 1 => 0..20i64],
    ) -> PoolSpec {
        let max = (min + more).max(1);
        PoolSpec {
            min, max, from_zero,
            pin: pin.map(|(pin, until)| Pin { replicas: pin.min(max), until: until.map(|span| NOW + Millis::seconds(span)) }),
            rules: std::iter::once(first).chain(second).collect(),
            behavior: behavior.map(|(up, down)| Behavior { up, down }),
            schedules, unknown_after, dry_run, drains: false,
            suspend: suspend.map(|until| Suspend { who: None, until: until.map(|span| NOW + Millis::seconds(span)) }),
            unknown_action: fallback.map_or(UnknownAction::Hold, UnknownAction::Fallback),
        }
    }
}

fn suspended(spec: &PoolSpec) -> bool {
    spec.suspend
        .as_ref()
        .is_some_and(|suspend| suspend.until.is_none_or(|until| NOW < until))
}

prop_compose! {
    fn queues()(
        ready in metric(60), due in prop_oneof![4 => Just(Metric::Unsupported), 1 => metric(9)], in_flight in metric(30), live in metric(30), busy in metric(30),
        slots in of(1..5i64), (slots_in_use, held, paused) in (metric(90), of(0..9i64), of(0..2i64)), cpu_sum in metric(3000), waited in metric(60_000), processed in metric(500), arrived in metric(900),
    ) -> QueueMetrics {
        let oldest_at = match waited { Metric::Known(span) => Metric::Known(NOW.0 - span), other => other };
        let busy_millis = match processed { Metric::Known(n) => Metric::Known(n * 2000), other => other };
        // A worker with several slots counts them; otherwise nothing is said about them.
        let slots = slots.map_or(Metric::Unsupported, |each| match live { Metric::Known(live) => Metric::Known(live * each), other => other });
        QueueMetrics { ready, due, in_flight, live, busy, slots, slots_in_use, held: held.map_or(Metric::Unsupported, Metric::Known), paused: paused.map_or(Metric::Unsupported, Metric::Known), cpu_sum, oldest_at, processed, arrived, busy_millis, ..QueueMetrics::UNSUPPORTED }
    }
}

prop_compose! {
    fn observations()(replicas in 0..30i32, queues in vec(queues(), 2)) -> Observation {
        Observation { replicas, queues, unavailable: None }
    }
}

fn past_or_future() -> impl Strategy<Value = Option<Time>> {
    of((-600_000..600_000i64).prop_map(|ago| Time(NOW.0 - ago)))
}

fn samples(values: std::ops::Range<i32>) -> impl Strategy<Value = Vec<(Time, i32)>> {
    vec((0..600_000i64, values), 0..8).prop_map(|samples| {
        let mut samples: Vec<_> = samples
            .into_iter()
            .map(|(ago, value)| (Time(NOW.0 - ago), value))
            .collect();
        samples.sort_unstable();
        samples
    })
}

prop_compose! {
    fn rates()(at in past_or_future(), age in 0..600_000i64, arrived in 0..900i64, processed in 0..500i64, millis in 0..900_000i64, arrival in 0..40_000_000i64, service in 0..20_000_000i64, samples in 0..19i64) -> Rates {
        Rates { at, since: at.map_or(Time(0), |at| Time(at.0 - age)), arrived, processed, millis, arrival, service, samples }
    }
}

prop_compose! {
    fn memories()(
        desired in of(0..30i32), last_up in past_or_future(), last_change in past_or_future(), idle_since in past_or_future(), unknown_since in past_or_future(),
        recommendations in samples(0..30), scale_events in samples(-9..9), busy in samples(0..30), rates in vec(rates(), 2),
        pending in past_or_future(), expected in 0..30i32, mean in of(0..60_000i64),
    ) -> Memory {
        Memory {
            desired, last_up, last_change, idle_since, unknown_since, scale_events, rates,
            recommendations: recommendations.into_iter().collect::<Window>(),
            busy: busy.into_iter().collect::<Window>(),
            startup: Startup { pending: pending.map(|at| (at, expected)), mean: mean.map(Millis) },
        }
    }
}

/// Whether a metric that the rules or the busy floor need is unavailable.
fn metrics_unavailable(spec: &PoolSpec, observation: &Observation) -> bool {
    let by_rules = spec.rules.iter().flat_map(|rules| {
        let queue = observation.queues[rules.queues[0]];
        let target = rules.target != Target::default();
        let down = rules.down.as_ref().and_then(|down| down.queue_length);
        let ready = target || rules.up.queue_length.is_some() || down.is_some();
        [
            (ready, queue.ready),
            (target, queue.in_flight),
            (rules.up.cpu.is_some(), queue.cpu_sum),
        ]
    });
    let total = observation.total();
    by_rules
        .chain([(true, total.busy), (true, total.live)])
        .any(|(needed, metric)| needed && metric == Metric::Unavailable)
}

/// The replicas of an active pin.
fn pinned(spec: &PoolSpec) -> Option<i32> {
    spec.pin
        .filter(|pin| pin.until.is_none_or(|until| NOW < until))
        .map(|pin| pin.replicas)
}

/// The same cases in each run; `LAWS_SEED=n` tries others, `LAWS_CASES=n` sets how many.
pub fn config() -> ProptestConfig {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let seed = number("LAWS_SEED").unwrap_or(1);
    ProptestConfig {
        cases: number("LAWS_CASES")
            .and_then(|cases| u32::try_from(cases).ok())
            .unwrap_or(4096),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    }
}

/// What the rules start from.
fn base(spec: &PoolSpec, observation: &Observation, memory: &Memory) -> i32 {
    let writes = !suspended(spec) && !spec.dry_run;
    memory
        .desired
        .filter(|_| writes)
        .unwrap_or(observation.replicas)
}

/// Whether the thresholds cannot flap: admission rejects those that overlap.
fn thresholds_are_apart(rules: &Rules) -> bool {
    let apart =
        |up: Option<i64>, down: Option<i64>| up.zip(down).is_some_and(|(up, down)| up >= down);
    rules.down.as_ref().is_none_or(|down| {
        apart(rules.up.queue_length.map(|up| up + 1), down.queue_length)
            || apart(rules.up.utilization, down.utilization)
    })
}

/// Whether the rules decided.
fn is_by_rule(decision: &Decision) -> bool {
    !matches!(
        decision.reason.code(),
        ReasonCode::TooFewReplicas
            | ReasonCode::TooManyReplicas
            | ReasonCode::Scheduled
            | ReasonCode::Pinned
            | ReasonCode::Suspended
            | ReasonCode::DryRun
            | ReasonCode::Fallback
            | ReasonCode::ScaledFromZero
            | ReasonCode::TargetChanged
            | ReasonCode::Unknown
            | ReasonCode::BusyWorkers
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn same_arguments_give_the_same_decision(spec in specs(), observation in observations(), memory in memories()) {
        prop_assert_eq!(decide(&spec, &observation, &memory, NOW), decide(&spec, &observation, &memory, NOW));
    }

    #[test]
    fn no_scale_down_without_metrics(spec in specs(), observation in observations(), memory in memories()) {
        let decision = decide(&spec, &observation, &memory, NOW);
        prop_assert!(!metrics_unavailable(&spec, &observation) || decision.replicas >= observation.replicas, "{decision:?}");
    }

    #[test]
    fn bounds_hold_except_busy_unknown_and_overrides(spec in specs(), observation in observations(), memory in memories()) {
        let decision = decide(&spec, &observation, &memory, NOW);
        if suspended(&spec) || spec.dry_run {
            prop_assert_eq!(decision.replicas, observation.replicas);
        } else if let Some(pinned) = pinned(&spec) {
            prop_assert!(decision.replicas == pinned || decision.replicas > pinned && decision.replicas <= observation.replicas);
        } else {
            prop_assert!(decision.replicas >= spec.min, "{decision:?}");
            let above = matches!(decision.reason.code(), ReasonCode::BusyWorkers | ReasonCode::Unknown) && decision.replicas <= observation.replicas;
            prop_assert!(decision.replicas <= spec.max || above, "{decision:?}");
        }
    }

    #[test]
    fn nothing_holds_the_first_worker_back(spec in specs(), observation in observations(), memory in memories()) {
        // No worker takes the tasks of a paused queue.
        let counts = |queue: &QueueMetrics, metric: Metric| if queue.paused == Metric::Known(1) { metric.map(|_| 0) } else { metric };
        let sum = |of: fn(&QueueMetrics) -> Metric| observation.queues.iter().map(|queue| counts(queue, of(queue))).fold(Metric::Unsupported, Metric::plus);
        let work: i64 = [sum(|queue| queue.ready), sum(|queue| queue.due), sum(|queue| queue.in_flight), sum(|queue| queue.held)].into_iter().filter_map(Metric::known).sum();
        let decision = decide(&spec, &Observation { replicas: 0, ..observation }, &Memory { desired: None, ..memory }, NOW);
        if !suspended(&spec) && !spec.dry_run && pinned(&spec).is_none() && work > spec.from_zero {
            prop_assert!(decision.replicas > 0, "{decision:?}");
        }
    }

    #[test]
    fn the_last_worker_stays_where_nobody_tells_who_is_busy(spec in specs(), observation in observations(), memory in memories(), ready in 0..60i64) {
        let blind = QueueMetrics { ready: Metric::Known(ready), ..QueueMetrics::UNSUPPORTED };
        let observation = Observation { queues: vec![blind; 2], ..observation };
        let has_thresholds = spec.rules.iter().any(|rules| rules.down.is_some());
        let base = base(&spec, &observation, &memory);
        let decision = decide(&spec, &observation, &memory, NOW);
        if has_thresholds || !is_by_rule(&decision) || decision.replicas >= base { return Ok(()) }
        if spec.behavior.is_none() || decision.replicas == 0 {
            prop_assert_eq!(ready, 0, "{:?}", decision);
            let idle = memory.idle_since.map_or(Millis(0), |since| NOW - since.min(NOW));
            let shortest = spec.rules.iter().map(|rules| rules.empty_for.unwrap_or(Millis::seconds(300))).min();
            prop_assert!(Some(idle) >= shortest, "{decision:?}");
        }
    }

    #[test]
    fn busy_workers_are_not_removed(spec in specs(), observation in observations(), memory in memories()) {
        let decision = decide(&spec, &observation, &memory, NOW);
        if let Metric::Known(busy) = observation.total().busy {
            prop_assert!(i64::from(decision.replicas) >= busy.min(observation.replicas.into()), "{decision:?}");
        }
    }

    #[test]
    fn more_tasks_never_give_fewer_replicas(spec in specs(), observation in observations(), memory in memories(), more in 1..50i64, queue in 0..2usize) {
        let Metric::Known(ready) = observation.queues[queue].ready else { return Ok(()) };
        let mut with_more = observation.clone();
        with_more.queues[queue].ready = Metric::Known(ready + more);
        let fewer = decide(&spec, &observation, &memory, NOW);
        let more = decide(&spec, &with_more, &memory, NOW);
        prop_assert!(more.replicas >= fewer.replicas, "{fewer:?}\n{more:?}");
    }

    #[test]
    fn cooldowns_hold_to_the_millisecond(spec in specs(), observation in observations(), memory in memories()) {
        let decision = decide(&spec, &observation, &memory, NOW);
        let base = base(&spec, &observation, &memory);
        let since = |at: Option<Time>| at.map_or(Millis(i64::MAX), |at| NOW - at.min(NOW));
        let by_threshold = matches!(decision.reason.code(), ReasonCode::QueueTooLong | ReasonCode::WorkersBusy | ReasonCode::HighCPU);
        if by_threshold && decision.replicas > base {
            let shortest = spec.rules.iter().map(|rules| rules.up.cooldown).min().expect("rules");
            prop_assert!(since(memory.last_up) >= shortest, "{decision:?}");
        }
        if matches!(decision.reason.code(), ReasonCode::Idle | ReasonCode::FewerNeeded) {
            for down in spec.rules.iter().filter_map(|rules| rules.down.as_ref()) {
                prop_assert!(since(memory.last_change) >= down.cooldown && since(memory.idle_since) >= down.idle_for);
            }
        }
    }

    #[test]
    fn policies_and_windows_of_behavior_hold(spec in specs(), observation in observations(), memory in memories()) {
        let Some(behavior) = &spec.behavior else { return Ok(()) };
        let decision = decide(&spec, &observation, &memory, NOW);
        let base = base(&spec, &observation, &memory);
        let change = decision.replicas - base;
        if !is_by_rule(&decision) || change == 0 { return Ok(()) }
        let scaling = if change > 0 { &behavior.up } else { &behavior.down };
        prop_assert!(scaling.select != Select::Disabled, "{decision:?}");
        if change > 0 {
            let lowest = memory.recommendations.lowest(scaling.window, NOW).map_or(i32::MAX, |(_, lowest)| lowest.max(base));
            prop_assert!(decision.replicas <= lowest, "{decision:?}");
        } else {
            let highest = memory.recommendations.highest(scaling.window, NOW).map_or(0, |(_, highest)| highest.min(base));
            prop_assert!(decision.replicas >= highest, "{decision:?}");
        }
    }

    #[test]
    fn time_alone_changes_nothing_before_requeue_at(spec in specs(), observation in observations(), memory in memories(), part in 1..1000i64) {
        let first = decide(&spec, &observation, &memory, NOW);
        // A change that another client has already made is not written; the next evaluation starts from it.
        let unchanged = first.replicas == observation.replicas && first.memory.last_change != Some(NOW);
        let Some(requeue_at) = first.requeue_at.filter(|_| unchanged) else { return Ok(()) };
        prop_assert!(requeue_at > NOW);
        let between = Time(NOW.0 + (requeue_at - NOW).0 * part / 1000);
        if between < requeue_at {
            let second = decide(&spec, &observation, &first.memory, between);
            prop_assert_eq!(second.replicas, first.replicas, "{:?}", second);
        }
    }

    #[test]
    fn a_constant_load_does_not_flap(spec in specs(), observation in observations(), memory in memories()) {
        // The load of a tasks-per-worker target does not depend on the replicas. A measured rate fades and waiting tasks
        // get older; schedules and pins begin and end.
        let drains = spec.rules.iter().any(|rules| rules.target.drain_within.or(rules.target.max_wait).is_some());
        let flaps = !spec.rules.iter().all(thresholds_are_apart);
        if flaps || drains || !spec.schedules.is_empty() || spec.pin.is_some() {
            return Ok(());
        }
        let (mut observation, mut memory) = (observation, memory);
        let mut directions = Vec::new();
        for minute in 0..40 {
            let decision = decide(&spec, &observation, &memory, Time(NOW.0 + minute * 60_000));
            if decision.replicas != observation.replicas && minute > 0 {
                directions.push(decision.replicas > observation.replicas);
            }
            (observation.replicas, memory) = (decision.replicas, decision.memory);
        }
        directions.dedup();
        prop_assert!(directions.len() <= 1, "{directions:?}");
    }

    #[test]
    fn the_memory_stays_small(spec in specs(), observations in vec(observations(), 1..4), memory in memories(), every in 1..20_000i64) {
        let mut memory = memory;
        for (observation, index) in observations.iter().cycle().zip(0..300) {
            let at = NOW + Millis(every * index);
            memory = decide(&spec, observation, &memory, at).memory;
        }
        prop_assert!(memory.recommendations.samples().len() <= 66, "{memory:?}");
        prop_assert!(memory.busy.samples().len() <= 33 && memory.scale_events.len() <= 33, "{memory:?}");
        prop_assert!(memory.rates.len() <= 2);
    }

    #[test]
    fn forecasts_are_consistent(spec in specs(), observation in observations(), memory in memories()) {
        let decision = decide(&spec, &observation, &memory, NOW);
        let forecast = forecast(&spec, &observation, &decision, NOW);
        let current = decision.replicas;
        if let Some(next) = forecast.up {
            prop_assert!(next.to > current && next.at.is_none_or(|at| at > NOW) && next.tasks >= 0, "{next:?}");
            // A change that needs neither more tasks nor time has just been decided.
            let changed = decision.from != current || decision.memory.last_change == Some(NOW);
            prop_assert!(changed || next.at.is_some() || next.tasks > 0, "{next:?} {decision:?}");
        }
        if let Some(next) = forecast.down {
            prop_assert!(next.to < current && next.at.is_none_or(|at| at > NOW) && next.tasks <= 0, "{next:?}");
        }
        prop_assert!(current < spec.max || forecast.up.is_none() || spec.pin.is_some() || current > spec.max || spec.dry_run || suspended(&spec), "{forecast:?}");
    }

    #[test]
    fn every_decision_is_bounded(spec in specs(), observation in observations(), memory in memories()) {
        let decision = decide(&spec, &observation, &memory, NOW);
        prop_assert!(decision.confidence <= 100 && decision.steps.len() <= 32);
    }
}
