//! Who is asked to drain: what it may still bring, and for how long it obeys; a Rust worker and a Python one.

use crate::process::{Kind, Yard, until};
use crate::protocol::Queue;
use crate::wire::Wire;
use protocol::snapshot::State;
use protocol::{Keys, Take, Usage};
use redis::Commands;
use std::time::Duration;

#[test]
fn what_was_claimed_while_the_wish_came_is_handed_back() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    queue.push(&["a"]);
    // A claim that was on its way.
    let element = queue.claim(&worker).unwrap().unwrap();
    assert!(
        protocol::request_drain(&queue.keys, &worker, true)
            .run_blocking(&mut queue.redis)
            .unwrap()
    );
    assert!(
        !protocol::claimed(&queue.keys, &worker)
            .run_blocking(&mut queue.redis)
            .unwrap()
    );
    assert!(
        protocol::hand_back(&queue.keys, &worker, &element)
            .run_blocking(&mut queue.redis)
            .unwrap()
    );
    assert_eq!(queue.ready_ids(), ["a"]);
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.attempts())
            .unwrap(),
        "no attempt is counted"
    );
}

#[test]
fn a_wish_to_drain_ends_unless_it_is_said_again_and_the_workers_own_does_not() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    let keys = Keys::new("tasks");
    let (ask, own) = (
        |wish| protocol::request_drain(&keys, "w.1", wish),
        protocol::drain(&keys, "w.1"),
    );
    let beat = protocol::heartbeat(&keys, "w.1", Usage::default(), "");
    let ends = |queue: &mut Queue| -> Option<i64> {
        queue
            .redis
            .hget("wp:{tasks}:worker:w.1", "drain_ends")
            .unwrap()
    };
    let time = |queue: &mut Queue| {
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query(&mut queue.redis).unwrap();
        seconds * 1_000 + micros / 1_000
    };
    let drains = |queue: &mut Queue| {
        beat.run_blocking(&mut queue.redis).unwrap();
        let take = protocol::take(&keys, &worker, 0)
            .run_blocking(&mut queue.redis)
            .unwrap();
        take == Take::Nothing {
            held: 0,
            drain: true,
        }
    };

    ask(true).run_blocking(&mut queue.redis).unwrap();
    let left = ends(&mut queue).unwrap() - time(&mut queue);
    assert!((59_000..=60_000).contains(&left), "{left}");
    assert!(drains(&mut queue));
    // A minute later, said again meanwhile or not.
    let _: () = queue
        .redis
        .hset("wp:{tasks}:worker:w.1", "drain_ends", 1)
        .unwrap();
    ask(true).run_blocking(&mut queue.redis).unwrap();
    assert!(drains(&mut queue));
    let _: () = queue
        .redis
        .hset("wp:{tasks}:worker:w.1", "drain_ends", 1)
        .unwrap();
    assert!(!drains(&mut queue));
    let state: String = queue.redis.hget("wp:{tasks}:worker:w.1", "state").unwrap();
    assert_eq!(state, "idle");

    for asked_before in [true, false] {
        ask(asked_before).run_blocking(&mut queue.redis).unwrap();
        own.run_blocking(&mut queue.redis).unwrap();
        ask(true).run_blocking(&mut queue.redis).unwrap();
        assert_eq!(
            ends(&mut queue),
            None,
            "it ends itself, whoever asks besides"
        );
        assert!(drains(&mut queue));
    }
}

#[test]
fn a_worker_asked_to_drain_takes_nothing_until_it_may_again() {
    for kind in [Kind::Rust, Kind::Python] {
        let mut yard = Yard::new();
        let wire = Wire::to(yard.address());
        let _worker = yard.worker_on(&wire, kind, "w");
        yard.until("the worker", |seen| seen.workers.len() == 1);
        let keys = yard.keys.clone();
        let ask = |yard: &mut Yard, drain| {
            assert!(
                protocol::request_drain(&keys, "w.1", drain)
                    .run_blocking(&mut yard.redis)
                    .unwrap()
            );
        };
        // Most likely a claim waits at this instant, and brings this task.
        until("a claim that waits", || {
            let info: String = redis::cmd("INFO")
                .arg("clients")
                .query(&mut yard.redis)
                .unwrap();
            info.contains("blocked_clients:1\r\n").then_some(())
        });
        ask(&mut yard, true);
        yard.push(["a".into()], 0);
        let asked = yard.look().time;
        let twice = i64::try_from(Duration::from_secs(2).as_millis()).unwrap();
        let seen = yard.until("attempts after that", |seen| {
            seen.workers[0].claim_at.unwrap() > asked + twice
        });
        assert_eq!(
            (seen.ready, seen.workers[0].state),
            (1, Some(State::Draining)),
            "{kind:?}"
        );
        // Whoever asked is gone.
        let _: () = yard
            .redis
            .hset(yard.keys.worker("w.1"), "drain_ends", 1)
            .unwrap();
        assert_eq!(yard.result("a")["worker"], "w.1", "{kind:?}");
        ask(&mut yard, true);
        ask(&mut yard, false);
        yard.push(["b".into()], 0);
        assert_eq!(yard.result("b")["worker"], "w.1", "{kind:?}");
    }
}
