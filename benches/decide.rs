//! One call of `decide`: nanoseconds for pools at rest, in a burst and blind.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench may fail loudly and talk")]

use std::hint::black_box;
use std::time::Instant;
use workerpool::api::{WorkerPool, pool};
use workerpool::decide::{Fact, Load, Memory, Seen, Time, decide};

const CALLS: u32 = 1_000_000;

fn main() {
    let object: WorkerPool = serde_json::from_str(
        r#"{"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "x"}, "spec": {
            "scaleTargetRef": {"name": "x"}, "minReplicas": 3, "redis": {"address": "redis://x"}, "queues": [{"name": "x"}]}}"#,
    )
    .expect("a pool");
    let pool = pool(&object.spec).expect("it can work");
    let load = |ready, busy| Load {
        ready: Fact::Known(ready),
        live: Fact::Known(5),
        busy: Fact::Known(busy),
        cpu_sum: Fact::Known(50),
        ..Load::NOT_TOLD
    };
    for (case, load) in [("at rest", load(0, 0)), ("in a burst", load(25, 5)), ("blind", Load::MISSING)] {
        let (seen, memory) = (Seen { current: 5, load, missing: None }, Memory::default());
        let mut nanos: Vec<u128> = Vec::new();
        for _ in 0..10 {
            let start = Instant::now();
            for call in 0..CALLS / 10 {
                black_box(decide(black_box(&pool), black_box(&seen), &memory, Time(i64::from(call))));
            }
            nanos.push(start.elapsed().as_nanos() / u128::from(CALLS / 10));
        }
        nanos.sort_unstable();
        println!("decide {case:12} p50 {} ns, worst of 10 rounds {} ns, {CALLS} calls", nanos[5], nanos[9]);
    }
}
