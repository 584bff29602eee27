//! The scripts that end a task: acknowledge, fail, hand back.

use crate::queue::{Queue, task_id};
use protocol::{Completion, Ending, Take};
use redis::Commands;
use serde_json::json;
use std::time::Duration;

#[test]
fn ack_and_take_needs_one_round_trip() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a", "b"]);
    let first = queue.must_claim(&worker);
    let mut ack_and_take = |element: &[u8]| {
        let completion = Completion {
            task: &task_id(element),
            element,
            result: b"{}",
            keep: Duration::ZERO,
            took: Duration::from_millis(40),
        };
        queue.run(&protocol::ack_and_take(&queue.keys, &worker, completion, 0))
    };
    let nothing = |held| Take::Nothing { held, drain: false };
    let (Ending::Done, Take::Task(second)) = ack_and_take(&first) else {
        panic!("not done, or no task")
    };
    assert_eq!(task_id(&second), "b");
    assert_eq!(
        ack_and_take(&first),
        (Ending::Late, nothing(1)),
        "the worker does not know of b"
    );
    assert_eq!(ack_and_take(&second), (Ending::Done, nothing(0)));
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
    assert_eq!(queue.stat("processed"), Some(2));
    assert!(!queue.exists(queue.keys.result("a")), "kept for no time");
    assert!(!queue.exists(queue.keys.unread()));
}

#[test]
fn the_last_20_times_are_kept() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    for _ in 0..25 {
        queue.push(&["a"]);
        let element = queue.must_claim(&worker);
        assert_eq!(queue.ack(&worker, &element), Ending::Done);
    }
    let recent: String = queue.redis.hget(queue.keys.stats(), "recent").unwrap();
    assert_eq!(recent, ["40"; 20].join(","));
    assert_eq!(queue.snapshot().recent, [40; 20]);
}

#[test]
fn an_ack_stores_the_result_and_clears_the_attempts() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a"]);
    let element = queue.must_claim(&worker);
    assert_eq!(queue.fail(&worker, &element, false), Ending::Retry(1));
    queue.end_pauses();
    let element = queue.must_take(&worker);
    assert_eq!(queue.ack(&worker, &element), Ending::Done);
    assert_eq!(
        (
            queue.stat("processed"),
            queue.stat("millis"),
            queue.stat("failed")
        ),
        (Some(1), Some(40), None)
    );
    let result: String = queue.redis.get(queue.keys.result("a")).unwrap();
    assert_eq!(result, "{\"ok\":1}");
    let ttl: i64 = queue.redis.pttl(queue.keys.result("a")).unwrap();
    assert!(ttl > 3_590_000, "{ttl}");
    assert!(!queue.exists(queue.keys.attempts()));
    assert_eq!(
        queue.ack(&worker, &element),
        Ending::Late,
        "nothing counts twice"
    );
    assert_eq!(queue.stat("processed"), Some(1));
}

#[test]
fn a_failed_task_is_retried_last_after_a_pause_until_its_fifth_run() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["poison", "b", "c"]);
    let poison = queue.must_claim(&worker);
    let mut pause = 1_000;
    for n in 1..=4 {
        let before = queue.time();
        assert_eq!(queue.fail(&worker, &poison, false), Ending::Retry(n));
        let after = queue.time();
        let delayed = queue.delayed();
        let [(id, due)] = delayed.as_slice() else {
            panic!("{delayed:?}")
        };
        assert_eq!(id, "poison");
        let expected = before + pause * 3 / 4..=after + pause * 5 / 4;
        assert!(expected.contains(due), "{due} after attempt {n}");
        pause *= 2;
        if n == 1 {
            queue.pause_until(after + 3_600_000); // a slow machine takes no longer
            let b = queue.must_take(&worker);
            assert_eq!(
                (task_id(&b).as_str(), queue.ready_ids()),
                ("b", vec!["c".to_owned()])
            );
            queue.ack(&worker, &b);
            queue.end_pauses();
            let c = queue.must_take(&worker);
            assert_eq!(task_id(&c), "c", "the others are first");
            queue.ack(&worker, &c);
        }
        queue.end_pauses();
        assert_eq!(queue.must_take(&worker), poison, "byte for byte the same");
    }
    assert_eq!(queue.fail(&worker, &poison, false), Ending::Failed(5));
    queue.assert_failed("poison", &json!({"error": "it \"broke\"", "attempts": 5}));
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
}

/// A sorted set holds each member once.
#[test]
fn equal_elements_are_delayed_each_on_its_own() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    let element = r#"{"id":"twin","at":1,"body":1}"#;
    for _ in 0..3 {
        let _: () = queue.redis.lpush(queue.keys.ready(), element).unwrap();
    }
    for _ in 0..3 {
        let element = queue.must_take(&worker);
        queue.fail(&worker, &element, false);
    }
    assert_eq!(queue.delayed().len(), 3);
    queue.end_pauses();
    for _ in 0..3 {
        let element = queue.must_take(&worker);
        assert_eq!(queue.ack(&worker, &element), Ending::Done);
    }
}

#[test]
fn a_permanent_failure_is_not_retried() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a"]);
    let element = queue.must_claim(&worker);
    assert_eq!(queue.fail(&worker, &element, true), Ending::Failed(1));
    queue.assert_failed("a", &json!({"error": "it \"broke\"", "attempts": 1}));
}

#[test]
fn a_task_handed_back_is_next_and_counts_no_attempt() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a", "b"]);
    let element = queue.must_claim(&worker);
    assert_eq!(queue.deregister(&worker), 1, "refused: it holds a task");
    assert!(queue.exists(queue.keys.worker(&worker)));
    assert!(queue.hand_back(&worker, &element));
    assert_eq!(queue.ready_ids(), ["b", "a"]);
    assert!(!queue.exists(queue.keys.attempts()));
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
    assert_eq!(queue.deregister(&worker), 0);
    assert!(!queue.exists(queue.keys.worker(&worker)));
}

#[test]
fn a_claim_that_redis_lost_is_no_late_acknowledgement() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["1", "2", "3"]);
    let [lost, twice, reaped] = [(); 3].map(|()| queue.must_claim(&worker));
    // Its reply may be lost: repeated, it finds its own result, also after that was collected.
    assert_eq!(queue.ack(&worker, &twice), Ending::Done);
    assert_eq!(queue.ack(&worker, &twice), Ending::Late);
    queue.run(&protocol::collect(&queue.keys, "2"));
    assert_eq!(queue.ack(&worker, &twice), Ending::Late);
    let claimed = queue.keys.claimed(&worker);
    let _: i64 = queue.redis.lrem(&claimed, 1, &lost).unwrap();
    assert_eq!(queue.ack(&worker, &lost), Ending::Lost);
    let _: () = queue.redis.del(&claimed).unwrap();
    let _: () = queue.redis.set(&claimed, "gone").unwrap();
    assert_eq!(queue.ack(&worker, &reaped), Ending::Late, "a fence");
    let count: Option<u64> = queue.redis.hget(queue.keys.stats(), "lost_claims").unwrap();
    assert_eq!(count, Some(1));
}
