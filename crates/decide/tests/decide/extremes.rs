//! Numbers that a foreign queue or a damaged status may contain: none ends the process.

use super::laws::{config, metric, specs};
use decide::{
    Memory, Metric, Millis, Observation, QueueMetrics, Rates, Startup, Time, decide, forecast,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// A number that a foreign queue or a damaged status may contain.
fn extreme() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(-17),
        Just(i64::MAX),
        Just(i64::MAX - 17),
        Just(i64::MIN),
        any::<i64>()
    ]
}

fn extreme_queue() -> impl Strategy<Value = QueueMetrics> {
    vec(
        prop_oneof![9 => extreme().prop_map(Metric::Known), 1 => metric(9)],
        20,
    )
    .prop_map(|values| {
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or(Metric::Unsupported);
        let queue = QueueMetrics {
            ready: next(),
            due: next(),
            in_flight: next(),
            live: next(),
            busy: next(),
            slots: next(),
            slots_in_use: next(),
            held: next(),
            delayed: next(),
            held_delayed: next(),
            paused: next(),
            limit: next(),
            cpu_sum: next(),
            oldest_at: next(),
            arrived: next(),
            processed: next(),
            failed: next(),
            busy_millis: next(),
            recent_tasks: next(),
            recent_millis: next(),
        };
        assert_eq!(values.len(), 0, "one value for each metric");
        queue
    })
}

fn extreme_rates() -> impl Strategy<Value = Rates> {
    (of(extreme()), vec(extreme(), 7)).prop_map(|(at, values)| Rates {
        at: at.map(Time),
        since: Time(values[0]),
        arrived: values[1],
        processed: values[2],
        millis: values[3],
        arrival: values[4],
        service: values[5],
        samples: values[6],
    })
}

prop_compose! {
    fn extreme_memories()(
        instants in vec(of(extreme().prop_map(Time)), 5), rates in vec(extreme_rates(), 2), mean in of(extreme()),
        numbers in vec((extreme(), any::<i32>()), 0..5), desired in of(any::<i32>()),
    ) -> Memory {
        let mut samples: Vec<_> = numbers.into_iter().map(|(at, value)| (Time(at), value)).collect();
        samples.sort_unstable();
        Memory {
            desired, last_up: instants[0], last_change: instants[1], idle_since: instants[2], unknown_since: instants[3],
            recommendations: samples.iter().copied().collect(), busy: samples.iter().copied().collect(), scale_events: samples, rates,
            startup: Startup { pending: instants[4].map(|at| (at, 3)), mean: mean.map(Millis) },
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_number_from_outside_ends_the_process(
        spec in specs(), replicas in any::<i32>(), polls in vec(vec(extreme_queue(), 2), 1..4), memory in extreme_memories(), now in extreme(),
    ) {
        let mut memory = memory;
        for (queues, seconds) in polls.into_iter().zip(0..) {
            let now = Time(now) + Millis::seconds(seconds);
            let observation = Observation { replicas: replicas.max(0), queues, unavailable: None };
            let decision = decide(&spec, &observation, &memory, now);
            let _ = (forecast(&spec, &observation, &decision, now), observation.total().drain_millis());
            prop_assert!(decision.confidence <= 100);
            memory = decision.memory;
        }
    }
}
