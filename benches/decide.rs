//! The time of one call of `decide`: without load, in a burst and without metrics, for each policy, with a full memory.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results and may fail loudly"
)]

use api::{ScheduledSpec, WorkerPool};
use decide::{Memory, Metric, Millis, Observation, QueueMetrics, Time, decide, forecast};
use std::hint::black_box;
use std::time::Instant;

const CALLS: u32 = 1_000_000;

fn spec(rules: &str) -> ScheduledSpec {
    let object: WorkerPool = serde_json::from_str(&format!(
        r#"{{"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {{"name": "x"}}, "spec": {{
            "scaleTargetRef": {{"name": "x"}}, "minReplicas": 3, "redis": {{"address": "redis://x"}}, "queues": [{{"name": "x"}}]{rules}}}}}"#,
    ))
    .expect("a pool");
    ScheduledSpec::new(&object).expect("a valid spec")
}

fn measure(name: &str, calls: u32, call: impl Fn(u32)) {
    let mut nanos: Vec<u128> = Vec::new();
    for _ in 0..10 {
        let start = Instant::now();
        (0..calls / 10).for_each(&call);
        nanos.push(start.elapsed().as_nanos() / u128::from(calls / 10));
    }
    nanos.sort_unstable();
    println!(
        "{name:36} p50 {} ns, worst of 10 rounds {} ns, {calls} calls",
        nanos[5], nanos[9]
    );
}

/// A memory with as many samples as there can be.
fn full_memory() -> Memory {
    let mut memory = Memory::default();
    for sample in 0..200 {
        let replicas = i32::try_from(1000 - sample).expect("few");
        memory.recommendations.push(Time(sample), replicas);
        memory.busy.push(Time(sample), replicas);
        memory.scale_events.push((Time(sample), 1));
    }
    memory.scale_events.truncate(32);
    memory
}

fn main() {
    let queue = |ready, busy| QueueMetrics {
        ready: Metric::Known(ready),
        in_flight: Metric::Known(busy),
        live: Metric::Known(5),
        busy: Metric::Known(busy),
        cpu_sum: Metric::Known(50),
        arrived: Metric::Known(1000),
        processed: Metric::Known(900),
        busy_millis: Metric::Known(1_800_000),
        oldest_at: Metric::Known(0),
        ..QueueMetrics::UNSUPPORTED
    };
    let memory = full_memory();
    for (policy, rules) in [
        ("default thresholds", ""),
        (
            "tasksPerWorker, HPA's behavior",
            r#", "target": {"tasksPerWorker": 5}, "behavior": {}"#,
        ),
        ("drainWithin", r#", "target": {"drainWithin": "30s"}"#),
    ] {
        let spec = spec(rules);
        for (case, queue) in [
            ("without load", queue(0, 0)),
            ("in a burst", queue(25, 5)),
            ("without metrics", QueueMetrics::UNAVAILABLE),
        ] {
            let observation = Observation {
                replicas: 5,
                queues: vec![queue],
                unavailable: None,
            };
            measure(&format!("{policy}, {case}"), CALLS, |call| {
                let now = Time(1000 + i64::from(call % 1000));
                black_box(decide(
                    black_box(spec.pool()),
                    black_box(&observation),
                    &memory,
                    now,
                ));
            });
            let decision = decide(spec.pool(), &observation, &memory, Time(1000));
            measure(&format!("  forecast, {case}"), 10_000, |_| {
                let now = Time(1000) + Millis(1);
                black_box(forecast(
                    black_box(spec.pool()),
                    black_box(&observation),
                    &decision,
                    now,
                ));
            });
        }
    }
}
