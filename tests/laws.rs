//! What holds for every pool, every look and every past.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use workerpool::api::MemoryStatus;
use workerpool::decide::{
    Fact, Load, Memory, Millis, Pool, Reason, ScaleDown, ScaleUp, Seen, Time, UnknownAction, decide,
};

const NOW: Time = Time(1_000_000_000);

fn fact(most: i64) -> impl Strategy<Value = Fact> {
    prop_oneof![6 => (0..=most).prop_map(Fact::Known), 1 => Just(Fact::Missing), 1 => Just(Fact::NotTold)]
}

prop_compose! {
    fn pools()(
        min in 0..12i32, more in 0..12i32, pin in proptest::option::weighted(0.1, 0..24i32),
        queue in proptest::option::of(0..30i64), utilization in proptest::option::of(0..100i64), cpu in proptest::option::of(0..100i64),
        step in 1..5i32, up_cooldown in 0..200i64, below in proptest::option::of(1..30i64), under in proptest::option::of(1..100i64),
        idle_for in 0..400i64, down_step in 1..5i32, down_cooldown in 0..400i64, no_down in proptest::bool::weighted(0.1),
        after in 0..60i64, fallback in proptest::option::of(0..20i32), suspend in proptest::bool::weighted(0.1), dry_run in proptest::bool::weighted(0.1),
    ) -> Pool {
        let down = ScaleDown {
            queue_length: below, utilization: under, idle_for: Millis::seconds(idle_for), step: down_step,
            cooldown: Millis::seconds(down_cooldown),
        };
        Pool {
            min, max: (min + more).max(1), pin: pin.map(|pin| pin.min((min + more).max(1))),
            up: ScaleUp { queue_length: queue, utilization, cpu, step, cooldown: Millis::seconds(up_cooldown) },
            down: (!no_down).then_some(down), unknown_after: Millis::seconds(after),
            unknown_action: fallback.map_or(UnknownAction::Hold, UnknownAction::Fallback), suspend, dry_run,
        }
    }
}

prop_compose! {
    fn looks()(current in 0..30i32, ready in fact(60), in_flight in fact(30), live in fact(30), busy in fact(30), cpu_sum in fact(3000)) -> Seen {
        Seen { current, load: Load { ready, in_flight, live, busy, cpu_sum, ..Load::NOT_TOLD }, missing: None }
    }
}

fn past() -> impl Strategy<Value = Option<Time>> {
    proptest::option::of((-600_000..600_000i64).prop_map(|ago| Time(NOW.0 - ago)))
}

prop_compose! {
    fn memories()(desired in proptest::option::of(0..30i32), last_up in past(), last_change in past(), idle_since in past(), unknown_since in past()) -> Memory {
        Memory { desired, last_up, last_change, idle_since, unknown_since }
    }
}

fn blind(pool: &Pool, seen: &Seen) -> bool {
    let down = pool.down.as_ref();
    let ready = pool.up.queue_length.is_some() || down.is_some_and(|down| down.queue_length.is_some());
    let load = &seen.load;
    [(ready, load.ready), (true, load.busy), (true, load.live), (pool.up.cpu.is_some(), load.cpu_sum)]
        .contains(&(true, Fact::Missing))
}

/// The same cases each time, so that a run says the same twice; `LAWS_SEED=n` tries others.
fn config() -> ProptestConfig {
    let seed = std::env::var("LAWS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_same_question_has_the_same_answer(pool in pools(), seen in looks(), memory in memories()) {
        prop_assert_eq!(decide(&pool, &seen, &memory, NOW), decide(&pool, &seen, &memory, NOW));
    }

    #[test]
    fn unknown_facts_never_lower(pool in pools(), seen in looks(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        prop_assert!(!blind(&pool, &seen) || decision.replicas >= seen.current, "{decision:?}");
    }

    #[test]
    fn bounds_hold_but_for_the_busy_the_unknown_and_the_overrides(pool in pools(), seen in looks(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        if pool.suspend || pool.dry_run {
            prop_assert_eq!(decision.replicas, seen.current);
        } else if let Some(pin) = pool.pin {
            prop_assert!(decision.replicas == pin || decision.replicas > pin && decision.replicas <= seen.current);
        } else {
            prop_assert!(decision.replicas >= pool.min, "{decision:?}");
            let above = matches!(decision.why.reason(), Reason::BusyWorkers | Reason::Unknown) && decision.replicas <= seen.current;
            prop_assert!(decision.replicas <= pool.max || above, "{decision:?}");
        }
    }

    #[test]
    fn busy_workers_stay(pool in pools(), seen in looks(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        if let Fact::Known(busy) = seen.load.busy {
            prop_assert!(i64::from(decision.replicas) >= busy.min(seen.current.into()), "{decision:?}");
        }
    }

    #[test]
    fn more_tasks_never_give_fewer_workers(pool in pools(), seen in looks(), memory in memories(), more in 1..50i64) {
        let Fact::Known(ready) = seen.load.ready else { return Ok(()) };
        let mut longer = seen.clone();
        longer.load.ready = Fact::Known(ready + more);
        let (one, other) = (decide(&pool, &seen, &memory, NOW), decide(&pool, &longer, &memory, NOW));
        prop_assert!(other.replicas >= one.replicas, "{one:?}\n{other:?}");
    }

    #[test]
    fn a_cooldown_is_kept_to_the_millisecond(pool in pools(), seen in looks(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        let base = memory.desired.filter(|_| !pool.suspend && !pool.dry_run).unwrap_or(seen.current);
        let since = |at: Option<Time>| at.map_or(Millis(i64::MAX), |at| NOW - at.min(NOW));
        if matches!(decision.why.reason(), Reason::QueueTooLong | Reason::WorkersBusy | Reason::CpuHigh) && decision.replicas > base {
            prop_assert!(since(memory.last_up) >= pool.up.cooldown, "{decision:?}");
        }
        if decision.why.reason() == Reason::Idle {
            let down = pool.down.as_ref().expect("only scaleDown makes a pool idle");
            prop_assert!(since(memory.last_change) >= down.cooldown && since(memory.idle_since) >= down.idle_for);
        }
    }

    #[test]
    fn time_alone_changes_nothing_before_look_again(pool in pools(), seen in looks(), memory in memories(), part in 1..1000i64) {
        let first = decide(&pool, &seen, &memory, NOW);
        // A step that somebody else had already taken is a change without a write; the next look starts from it.
        let steady = first.replicas == seen.current && first.memory.last_change != Some(NOW);
        let Some(again) = first.look_again.filter(|_| steady) else { return Ok(()) };
        prop_assert!(again > NOW);
        let between = Time(NOW.0 + (again - NOW).0 * part / 1000);
        if between < again {
            let second = decide(&pool, &seen, &first.memory, between);
            prop_assert_eq!(second.replicas, first.replicas, "{:?}", second);
        }
    }

    #[test]
    fn a_constant_load_does_not_flap(pool in pools(), seen in looks(), memory in memories()) {
        // The same facts again and again: once down, never up again, and the other way round.
        // What admission refuses would flap: thresholds that overlap.
        let down = pool.down.as_ref();
        let apart = |up: Option<i64>, down: Option<i64>| up.zip(down).is_some_and(|(up, down)| up >= down);
        let sound = apart(pool.up.queue_length, down.and_then(|down| down.queue_length))
            || apart(pool.up.utilization, down.and_then(|down| down.utilization));
        if !sound && down.is_some() {
            return Ok(());
        }
        let (mut seen, mut memory, mut directions) = (seen, memory, Vec::new());
        for minute in 0..40 {
            let decision = decide(&pool, &seen, &memory, Time(NOW.0 + minute * 60_000));
            if decision.replicas != seen.current && minute > 0 {
                directions.push(decision.replicas > seen.current);
            }
            (seen.current, memory) = (decision.replicas, decision.memory);
        }
        directions.dedup();
        prop_assert!(directions.len() <= 1, "{directions:?}");
    }

    #[test]
    fn memory_survives_the_status(memory in memories()) {
        let text = serde_json::to_string(&MemoryStatus::from(&memory)).expect("it serialises");
        let read: MemoryStatus = serde_json::from_str(&text).expect("it parses");
        prop_assert_eq!(Memory::from(&read), memory);
    }

    #[test]
    fn every_sentence_is_one_line_without_a_full_stop(pool in pools(), seen in looks(), memory in memories()) {
        let decision = decide(&pool, &seen, &memory, NOW);
        let sentence = decision.why.sentence(decision.from, decision.replicas);
        prop_assert!(!sentence.is_empty() && !sentence.contains('\n') && !sentence.ends_with('.'), "{sentence}");
        prop_assert!(decision.confidence <= 100 && decision.trail.len() <= 12);
    }
}
