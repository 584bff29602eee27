//! Drain requests: what a draining worker may still claim, and how long a request lasts.

use crate::process::{Harness, Language, until_true};
use crate::proxy::FaultProxy;
use crate::queue::Queue;
use protocol::snapshot::State;
use protocol::{Take, Usage};
use redis::Commands;
use rstest::rstest;

#[test]
fn a_claim_that_races_a_drain_request_is_handed_back() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a"]);
    // The claim was under way when the request came.
    let element = queue.claim(&worker).unwrap().unwrap();
    assert!(queue.run(&protocol::request_drain(&queue.keys, &worker, true)));
    assert!(!queue.run(&protocol::claimed(&queue.keys, &worker)));
    assert!(queue.hand_back(&worker, &element));
    assert_eq!(queue.ready_ids(), ["a"]);
    assert!(
        !queue.exists(queue.keys.attempts()),
        "no attempt is counted"
    );
}

/// Sends a heartbeat; returns whether the worker must then drain.
fn drains(queue: &mut Queue, worker: &str) -> bool {
    queue.run(&protocol::heartbeat(
        &queue.keys,
        worker,
        Usage::default(),
        "",
    ));
    queue.take(worker, 0)
        == Take::Nothing {
            held: 0,
            drain: true,
        }
}

fn expire_drain(queue: &mut Queue, worker: &str) {
    let _: () = queue
        .redis
        .hset(queue.keys.worker(worker), "drain_ends", 1)
        .unwrap();
}

#[test]
fn a_drain_request_expires_unless_renewed() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    let request = protocol::request_drain(&queue.keys, &worker, true);
    queue.run(&request);
    let ends: i64 = queue.field(&worker, "drain_ends").unwrap().parse().unwrap();
    let left = ends - queue.time();
    assert!((30_001..=60_000).contains(&left), "{left}");
    assert!(drains(&mut queue, &worker));

    expire_drain(&mut queue, &worker);
    queue.run(&request);
    assert!(drains(&mut queue, &worker), "renewed");

    expire_drain(&mut queue, &worker);
    assert!(!drains(&mut queue, &worker));
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
}

#[rstest]
#[case::after_a_request(true)]
#[case::after_a_cancelled_request(false)]
fn a_self_drain_never_expires(#[case] requested_before: bool) {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    let request = |queue: &mut Queue, drain| {
        queue.run(&protocol::request_drain(&queue.keys, &worker, drain));
    };
    request(&mut queue, true);
    request(&mut queue, requested_before);
    queue.run(&protocol::drain(&queue.keys, &worker));
    request(&mut queue, true);
    assert_eq!(
        queue.field(&worker, "drain_ends"),
        None,
        "a request does not shorten it"
    );
    assert!(drains(&mut queue, &worker));
}

#[rstest]
#[case::rust(Language::Rust)]
#[case::python(Language::Python)]
fn a_draining_worker_takes_nothing_until_it_may(#[case] language: Language) {
    let mut harness = Harness::new();
    let proxy = FaultProxy::to(harness.address());
    let _worker = harness.start_behind(&proxy, language, "w");
    harness.until("the worker", |snapshot| snapshot.workers.len() == 1);
    let keys = harness.keys.clone();
    let request = |harness: &mut Harness, drain| {
        let call = protocol::request_drain(&keys, "w.1", drain);
        assert!(call.run_blocking(&mut harness.redis).unwrap());
    };
    // Wait until a claim blocks: most likely it claims this task, and the worker must hand it back.
    until_true("a claim that blocks", || harness.blocked_clients() == 1);
    request(&mut harness, true);
    harness.push(["a".into()], 0);
    let requested = harness.snapshot().time;
    let snapshot = harness.until("more attempts to claim", |snapshot| {
        snapshot.workers[0].claim_at.unwrap() > requested + 2_000
    });
    assert_eq!(
        (snapshot.ready, snapshot.workers[0].state),
        (1, Some(State::Draining))
    );
    // The request expires.
    let _: () = harness
        .redis
        .hset(harness.keys.worker("w.1"), "drain_ends", 1)
        .unwrap();
    assert_eq!(harness.result("a")["worker"], "w.1");
    request(&mut harness, true);
    request(&mut harness, false);
    harness.push(["b".into()], 0);
    assert_eq!(harness.result("b")["worker"], "w.1");
}
