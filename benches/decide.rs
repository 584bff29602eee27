//! One call of `decide`: nanoseconds for pools at rest, in a burst and blind, by each policy, with a full memory.

use api::{ScheduledSpec, WorkerPool};
use decide::{Load, Memory, Metric, Millis, Observation, Time, decide, forecast};
use std::hint::black_box;
use std::time::Instant;

const CALLS: u32 = 1_000_000;

fn pool(rules: &str) -> ScheduledSpec {
    let object: WorkerPool = serde_json::from_str(&format!(
        r#"{{"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {{"name": "x"}}, "spec": {{
            "scaleTargetRef": {{"name": "x"}}, "minReplicas": 3, "redis": {{"address": "redis://x"}}, "queues": [{{"name": "x"}}]{rules}}}}}"#,
    ))
    .expect("a pool");
    ScheduledSpec::new(&object).expect("it can work")
}

fn measure(what: &str, calls: u32, call: impl Fn(u32)) {
    let mut nanos: Vec<u128> = Vec::new();
    for _ in 0..10 {
        let start = Instant::now();
        (0..calls / 10).for_each(&call);
        nanos.push(start.elapsed().as_nanos() / u128::from(calls / 10));
    }
    nanos.sort_unstable();
    println!(
        "{what:36} p50 {} ns, worst of 10 rounds {} ns, {calls} calls",
        nanos[5], nanos[9]
    );
}

fn main() {
    let load = |ready, busy| Load {
        ready: Metric::Known(ready),
        in_flight: Metric::Known(busy),
        live: Metric::Known(5),
        busy: Metric::Known(busy),
        cpu_sum: Metric::Known(50),
        arrived: Metric::Known(1000),
        processed: Metric::Known(900),
        busy_millis: Metric::Known(1_800_000),
        oldest_at: Metric::Known(0),
        ..Load::UNSUPPORTED
    };
    for (policy, rules) in [
        ("the class's rules", ""),
        (
            "tasksPerWorker, HPA's behavior",
            r#", "target": {"tasksPerWorker": 5}, "behavior": {}"#,
        ),
        ("drainWithin", r#", "target": {"drainWithin": "30s"}"#),
    ] {
        let wishes = pool(rules);
        let mut memory = Memory::default();
        // As much past as there can be.
        for look in 0..200 {
            memory
                .recommendations
                .push(Time(look), i32::try_from(1000 - look).expect("few"));
            memory
                .busy
                .push(Time(look), i32::try_from(1000 - look).expect("few"));
            memory.scale_events.push((Time(look), 1));
        }
        memory.scale_events.truncate(32);
        for (case, load) in [
            ("at rest", load(0, 0)),
            ("in a burst", load(25, 5)),
            ("blind", Load::UNAVAILABLE),
        ] {
            let seen = Observation {
                replicas: 5,
                queues: vec![load],
                unavailable_reason: None,
            };
            measure(&format!("{policy}, {case}"), CALLS, |call| {
                let now = Time(1000 + i64::from(call % 1000));
                black_box(decide(
                    black_box(wishes.pool()),
                    black_box(&seen),
                    &memory,
                    now,
                ));
            });
            let decision = decide(wishes.pool(), &seen, &memory, Time(1000));
            measure(&format!("  its outlook, {case}"), 10_000, |_| {
                let now = Time(1000) + Millis(1);
                black_box(forecast(
                    black_box(wishes.pool()),
                    black_box(&seen),
                    &decision,
                    now,
                ));
            });
        }
    }
}
