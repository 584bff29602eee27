//! Redis does nothing for longer than a lease, and then continues.

use crate::process::{Harness, Language, Process, until_true};
use crate::proxy::FaultProxy;
use std::time::{Duration, Instant};

/// Longer than the lease of 8 s.
const STALL: Duration = Duration::from_secs(10);

fn stall(harness: &Harness) {
    harness.server.pause();
    let paused = Instant::now();
    until_true("the stall", || paused.elapsed() > STALL);
    harness.server.resume();
}

/// A worker of each language, behind a proxy.
fn start_both(harness: &Harness) -> [(FaultProxy, Process); 2] {
    [Language::Rust, Language::Python].map(|language| {
        let proxy = FaultProxy::to(harness.address());
        let worker = harness.start_behind(&proxy, language, &format!("{language:?}"));
        (proxy, worker)
    })
}

#[test]
fn a_stall_throws_no_work_away_and_no_worker_looks_idle() {
    let mut harness = Harness::new();
    let _workers = start_both(&harness);
    harness.push(["a".into(), "b".into()], 15_000);
    harness.until("both claims", |snapshot| snapshot.claimed == 2);
    let ids = |snapshot: &protocol::Snapshot| {
        let mut ids: Vec<_> = snapshot.workers.iter().map(|it| it.id.clone()).collect();
        ids.sort();
        ids
    };
    let before = ids(&harness.snapshot());
    stall(&harness);
    harness.until("the results", |snapshot| {
        assert_eq!((ids(snapshot), snapshot.dead), (before.clone(), 0));
        let busy = snapshot.workers.iter().filter(|it| it.is_busy()).count() as u64;
        let done = snapshot.processed.unwrap_or(0);
        assert_eq!(
            (busy + done, snapshot.claimed),
            (2, 2 - done),
            "{snapshot:?}"
        );
        done == 2
    });
    let attempts: bool =
        redis::Commands::exists(&mut harness.redis, harness.keys.attempts()).unwrap();
    assert!(!attempts, "nothing ran twice, and no attempt is counted");
}

/// The stall does not hide a death for ever; `leases.rs` says for how long.
#[test]
fn a_worker_that_dies_in_a_stall_is_reaped_after_it() {
    let mut harness = Harness::new();
    let [(_rust_proxy, mut rust), _python] = start_both(&harness);
    harness.until("the workers", |snapshot| snapshot.workers.len() == 2);
    harness.push(["a".into(), "b".into()], 4_000);
    harness.until("both claims", |snapshot| snapshot.claimed == 2);
    harness.server.pause();
    rust.kill();
    stall(&harness);
    harness.until("both results", |snapshot| snapshot.processed == Some(2));
}
