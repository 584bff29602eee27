//! What holds for every pool, every look and every past.

use super::cells::NOW;
use decide::{
    Behavior, Load, Memory, Metric, Millis, Observation, Pin, Policy, PolicyKind, PoolSpec, Rates,
    ReasonCode, Rules, ScaleDown, ScaleUp, Scaling, Schedule, Select, Startup, Suspend, Target,
    Time, UnknownAction, Window, decide, forecast,
};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn fact(most: i64) -> impl Strategy<Value = Metric> {
    prop_oneof![8 => (0..=most).prop_map(Metric::Known), 1 => Just(Metric::Unavailable), 1 => Just(Metric::Unsupported)]
}

fn seconds(most: i64) -> impl Strategy<Value = Millis> {
    (0..=most).prop_map(Millis::seconds)
}

prop_compose! {
    fn thresholds()(
        queue_length in of(0..30i64), utilization in of(0..100i64), cpu in of(0..100i64), step in 1..5i32, cooldown in seconds(200),
        below in of(1..30i64), under in of(1..100i64), idle_for in seconds(400), down_step in 1..5i32, down_cooldown in seconds(400),
        no_down in proptest::bool::weighted(0.1),
    ) -> (ScaleUp, Option<ScaleDown>) {
        let down = ScaleDown { queue_length: below, utilization: under, idle_for, step: down_step, cooldown: down_cooldown };
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
    (thresholds(), targets(), 0..4u8).prop_map(move |((up, down), target, kind)| {
        let of = (queue > 0).then(|| "other".into());
        let queues = vec![queue];
        match kind {
            0 => Rules {
                queue: of,
                queues,
                target,
                ..Rules::default()
            },
            1 => Rules {
                queue: of,
                queues,
                up,
                down,
                target,
            },
            _ => Rules {
                queue: of,
                queues,
                up,
                down,
                ..Rules::default()
            },
        }
    })
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
    fn pools()(
        min in 0..12i32, more in 0..12i32, pin in weighted(0.1, (0..24i32, of(-60..60i64))),
        first in rules(0), second in weighted(0.3, rules(1)), behavior in weighted(0.3, (scaling(), scaling())),
        schedules in vec(schedules(), 0..2), after in seconds(60), fallback in of(0..20i32),
        suspend in weighted(0.1, of(-60..60i64)), dry_run in proptest::bool::weighted(0.1),
    ) -> PoolSpec {
        let max = (min + more).max(1);
        PoolSpec {
            min, max,
            pin: pin.map(|(pin, until)| Pin { replicas: pin.min(max), until: until.map(|span| NOW + Millis::seconds(span)) }),
            rules: std::iter::once(first).chain(second).collect(),
            behavior: behavior.map(|(up, down)| Behavior { up, down }),
            schedules, unknown_after: after, dry_run, drains: false,
            suspend: suspend.map(|until| Suspend { by: None, until: until.map(|span| NOW + Millis::seconds(span)) }),
            unknown_action: fallback.map_or(UnknownAction::Hold, UnknownAction::Fallback),
        }
    }
}

fn suspended(pool: &PoolSpec) -> bool {
    pool.suspend
        .as_ref()
        .is_some_and(|suspend| suspend.until.is_none_or(|until| NOW < until))
}

prop_compose! {
    fn loads()(
        ready in fact(60), due in prop_oneof![4 => Just(Metric::Unsupported), 1 => fact(9)], in_flight in fact(30), live in fact(30), busy in fact(30),
        cpu_sum in fact(3000), waits in fact(60_000), processed in fact(500), arrived in fact(900),
    ) -> Load {
        let oldest_at = match waits { Metric::Known(span) => Metric::Known(NOW.0 - span), other => other };
        let busy_millis = match processed { Metric::Known(n) => Metric::Known(n * 2000), other => other };
        Load { ready, due, in_flight, live, busy, cpu_sum, oldest_at, processed, arrived, busy_millis, ..Load::UNSUPPORTED }
    }
}

prop_compose! {
    fn observations()(replicas in 0..30i32, queues in vec(loads(), 2)) -> Observation {
        Observation { replicas, queues, unavailable_reason: None }
    }
}

fn past() -> impl Strategy<Value = Option<Time>> {
    of((-600_000..600_000i64).prop_map(|ago| Time(NOW.0 - ago)))
}

fn samples(numbers: std::ops::Range<i32>) -> impl Strategy<Value = Vec<(Time, i32)>> {
    vec((0..600_000i64, numbers), 0..8).prop_map(|all| {
        let mut all: Vec<_> = all
            .into_iter()
            .map(|(ago, number)| (Time(NOW.0 - ago), number))
            .collect();
        all.sort_unstable();
        all
    })
}

prop_compose! {
    fn rates()(at in past(), age in 0..600_000i64, arrived in 0..900i64, processed in 0..500i64, millis in 0..900_000i64, arrival in 0..40_000_000i64, service in 0..20_000_000i64, samples in 0..19i64) -> Rates {
        Rates { at, since: at.map_or(Time(0), |at| Time(at.0 - age)), arrived, processed, millis, arrival, service, samples }
    }
}

prop_compose! {
    fn memories()(
        desired in of(0..30i32), last_up in past(), last_change in past(), idle_since in past(), unknown_since in past(),
        recommendations in samples(0..30), scale_events in samples(-9..9), busy in samples(0..30), rates in vec(rates(), 2),
        pending in past(), to in 0..30i32, mean in of(0..60_000i64),
    ) -> Memory {
        Memory {
            desired, last_up, last_change, idle_since, unknown_since, scale_events, rates,
            recommendations: recommendations.into_iter().collect::<Window>(),
            busy: busy.into_iter().collect::<Window>(),
            startup: Startup { pending: pending.map(|at| (at, to)), mean: mean.map(Millis) },
        }
    }
}

fn blind(pool: &PoolSpec, seen: &Observation) -> bool {
    let all = seen.total();
    let sets = pool.rules.iter().flat_map(|rules| {
        let load = seen.queues[rules.queues[0]];
        let target = rules.target != Target::default();
        let down = rules.down.as_ref().and_then(|down| down.queue_length);
        let ready = target || rules.up.queue_length.is_some() || down.is_some();
        [
            (ready, load.ready),
            (target, load.in_flight),
            (rules.up.cpu.is_some(), load.cpu_sum),
        ]
    });
    sets.chain([(true, all.busy), (true, all.live)])
        .any(|(used, fact)| used && fact == Metric::Unavailable)
}

/// The pin that is obeyed now.
fn pin(pool: &PoolSpec) -> Option<i32> {
    pool.pin
        .filter(|pin| pin.until.is_none_or(|until| NOW < until))
        .map(|pin| pin.replicas)
}

/// The same cases each time, so that a run says the same twice; `LAWS_SEED=n` tries others, `LAWS_CASES=n` so many.
fn config() -> ProptestConfig {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|number| number.parse().ok())
    };
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

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_same_question_has_the_same_answer(pool in pools(), seen in observations(), memory in memories()) {
        prop_assert_eq!(decide(&pool, &seen, &memory, NOW), decide(&pool, &seen, &memory, NOW));
    }

    #[test]
    fn unknown_facts_never_lower(pool in pools(), seen in observations(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        prop_assert!(!blind(&pool, &seen) || decision.replicas >= seen.replicas, "{decision:?}");
    }

    #[test]
    fn bounds_hold_but_for_the_busy_the_unknown_and_the_overrides(pool in pools(), seen in observations(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        if suspended(&pool) || pool.dry_run {
            prop_assert_eq!(decision.replicas, seen.replicas);
        } else if let Some(pin) = pin(&pool) {
            prop_assert!(decision.replicas == pin || decision.replicas > pin && decision.replicas <= seen.replicas);
        } else {
            prop_assert!(decision.replicas >= pool.min, "{decision:?}");
            let above = matches!(decision.reason.code(), ReasonCode::BusyWorkers | ReasonCode::Unknown) && decision.replicas <= seen.replicas;
            prop_assert!(decision.replicas <= pool.max || above, "{decision:?}");
        }
    }

    #[test]
    fn busy_workers_stay(pool in pools(), seen in observations(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        if let Metric::Known(busy) = seen.total().busy {
            prop_assert!(i64::from(decision.replicas) >= busy.min(seen.replicas.into()), "{decision:?}");
        }
    }

    #[test]
    fn more_tasks_never_give_fewer_workers(pool in pools(), seen in observations(), memory in memories(), more in 1..50i64, queue in 0..2usize) {
        let Metric::Known(ready) = seen.queues[queue].ready else { return Ok(()) };
        let mut longer = seen.clone();
        longer.queues[queue].ready = Metric::Known(ready + more);
        let (one, other) = (decide(&pool, &seen, &memory, NOW), decide(&pool, &longer, &memory, NOW));
        prop_assert!(other.replicas >= one.replicas, "{one:?}\n{other:?}");
    }

    #[test]
    fn a_cooldown_is_kept_to_the_millisecond(pool in pools(), seen in observations(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        let base = memory.desired.filter(|_| !suspended(&pool) && !pool.dry_run).unwrap_or(seen.replicas);
        let since = |at: Option<Time>| at.map_or(Millis(i64::MAX), |at| NOW - at.min(NOW));
        let by_threshold = matches!(decision.reason.code(), ReasonCode::QueueTooLong | ReasonCode::WorkersBusy | ReasonCode::HighCPU);
        if by_threshold && decision.replicas > base {
            let shortest = pool.rules.iter().map(|rules| rules.up.cooldown).min().expect("rules");
            prop_assert!(since(memory.last_up) >= shortest, "{decision:?}");
        }
        if matches!(decision.reason.code(), ReasonCode::Idle | ReasonCode::FewerNeeded) {
            for down in pool.rules.iter().filter_map(|rules| rules.down.as_ref()) {
                prop_assert!(since(memory.last_change) >= down.cooldown && since(memory.idle_since) >= down.idle_for);
            }
        }
    }

    #[test]
    fn the_policies_and_windows_of_behavior_hold(pool in pools(), seen in observations(), memory in memories()) {
        let Some(behavior) = &pool.behavior else { return Ok(()) };
        let decision = decide(&pool, &seen, &memory, NOW);
        let base = memory.desired.filter(|_| !suspended(&pool) && !pool.dry_run).unwrap_or(seen.replicas);
        let (up, down) = (&behavior.up, &behavior.down);
        let by_rule = !matches!(decision.reason.code(), ReasonCode::TooFewReplicas | ReasonCode::TooManyReplicas | ReasonCode::Scheduled | ReasonCode::Pinned | ReasonCode::Suspended | ReasonCode::DryRun | ReasonCode::Fallback | ReasonCode::ScaledFromZero | ReasonCode::TargetChanged | ReasonCode::Unknown | ReasonCode::BusyWorkers);
        let change = decision.replicas - base;
        if !by_rule || change == 0 { return Ok(()) }
        let side = if change > 0 { up } else { down };
        prop_assert!(side.select != Select::Disabled, "{decision:?}");
        if change > 0 {
            let lowest = memory.recommendations.lowest(up.window, NOW).map_or(i32::MAX, |(_, lowest)| lowest.max(base));
            prop_assert!(decision.replicas <= lowest, "{decision:?}");
        } else {
            let highest = memory.recommendations.highest(down.window, NOW).map_or(0, |(_, highest)| highest.min(base));
            prop_assert!(decision.replicas >= highest, "{decision:?}");
        }
    }

    #[test]
    fn time_alone_changes_nothing_before_look_again(pool in pools(), seen in observations(), memory in memories(), part in 1..1000i64) {
        let first = decide(&pool, &seen, &memory, NOW);
        // A step that somebody else had already taken is a change without a write; the next look starts from it.
        let steady = first.replicas == seen.replicas && first.memory.last_change != Some(NOW);
        let Some(again) = first.requeue_at.filter(|_| steady) else { return Ok(()) };
        prop_assert!(again > NOW);
        let between = Time(NOW.0 + (again - NOW).0 * part / 1000);
        if between < again {
            let second = decide(&pool, &seen, &first.memory, between);
            prop_assert_eq!(second.replicas, first.replicas, "{:?}", second);
        }
    }

    #[test]
    fn a_constant_load_does_not_flap(pool in pools(), seen in observations(), memory in memories()) {
        // The same facts again and again: once down, never up again, and the other way round.
        // What admission refuses would flap: thresholds that overlap. A schedule and a pin that ends come and go by themselves.
        let sound = pool.rules.iter().all(|rules| {
            let down = rules.down.as_ref();
            let apart = |up: Option<i64>, down: Option<i64>| up.zip(down).is_some_and(|(up, down)| up >= down);
            down.is_none() || apart(rules.up.queue_length, down.and_then(|down| down.queue_length))
                || apart(rules.up.utilization, down.and_then(|down| down.utilization))
        });
        // The facts of a tasks-per-worker target do not depend on the number of workers; a measured rate fades, and what waits grows old.
        let ages = pool.rules.iter().any(|rules| rules.target.drain_within.or(rules.target.max_wait).is_some());
        if !sound || ages || !pool.schedules.is_empty() || pool.pin.is_some() {
            return Ok(());
        }
        let (mut seen, mut memory, mut directions) = (seen, memory, Vec::new());
        for minute in 0..40 {
            let decision = decide(&pool, &seen, &memory, Time(NOW.0 + minute * 60_000));
            if decision.replicas != seen.replicas && minute > 0 {
                directions.push(decision.replicas > seen.replicas);
            }
            (seen.replicas, memory) = (decision.replicas, decision.memory);
        }
        directions.dedup();
        prop_assert!(directions.len() <= 1, "{directions:?}");
    }

    #[test]
    fn the_past_stays_small(pool in pools(), seen in vec(observations(), 1..4), memory in memories(), every in 1..20_000i64) {
        let mut memory = memory;
        for look in 0..300 {
            let seen = &seen[look % seen.len()];
            let at = NOW + Millis(every * i64::try_from(look).expect("few"));
            memory = decide(&pool, seen, &memory, at).memory;
        }
        prop_assert!(memory.recommendations.samples().len() <= 66, "{memory:?}");
        prop_assert!(memory.busy.samples().len() <= 33 && memory.scale_events.len() <= 33, "{memory:?}");
        prop_assert!(memory.rates.len() <= 2);
    }

    #[test]
    fn what_the_outlook_says_comes_true(pool in pools(), seen in observations(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        let outlook = forecast(&pool, &seen, &decision, NOW);
        let current = decision.replicas;
        if let Some(next) = outlook.up {
            prop_assert!(next.to > current && next.at.is_none_or(|at| at > NOW) && next.tasks >= 0, "{next:?}");
            // What needs no more tasks and no time has just been decided.
            let moved = decision.from != current || decision.memory.last_change == Some(NOW);
            prop_assert!(moved || next.at.is_some() || next.tasks > 0, "{next:?} {decision:?}");
        }
        if let Some(next) = outlook.down {
            prop_assert!(next.to < current && next.at.is_none_or(|at| at > NOW) && next.tasks <= 0, "{next:?}");
        }
        prop_assert!(current < pool.max || outlook.up.is_none() || pool.pin.is_some() || current > pool.max || pool.dry_run || suspended(&pool), "{outlook:?}");
    }

    #[test]
    fn every_sentence_is_one_line_without_a_full_stop(pool in pools(), seen in observations(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        let sentence = messages::message(&decision.reason, decision.from, decision.replicas);
        prop_assert!(!sentence.is_empty() && !sentence.contains('\n') && !sentence.ends_with('.'), "{sentence}");
        prop_assert!(decision.confidence <= 100 && decision.steps.len() <= 32);
    }
}
