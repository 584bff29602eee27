//! Edge cases: too many unread results, large and invalid elements, a stalled worker.

use crate::queue::Queue;
use protocol::snapshot::{State, Worker};
use protocol::{Ending, Push, Reaped, Task};
use redis::Commands;
use rstest::rstest;
use serde_json::{Value, json};
use std::time::Duration;

fn push(queue: &mut Queue, max_unread: u32) -> Push {
    let tasks = [Task::new(json!({}))];
    let call = protocol::push_within(&queue.keys, &tasks, max_unread, 80).unwrap();
    let _: () = queue.redis.del(queue.keys.pressure()).unwrap(); // as if a second had passed
    queue.run(&call)
}

#[test]
fn unread_results_block_producers_until_collected() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    for _ in 0..2 {
        assert_eq!(push(&mut queue, 2), Push::Done);
        let element = queue.must_claim(&worker);
        assert_eq!(queue.ack(&worker, &element), Ending::Done);
    }
    let Push::Refused(reason) = push(&mut queue, 2) else {
        panic!("pushed")
    };
    assert!(reason.contains("2 results wait to be read"), "{reason}");
    assert_eq!(queue.ready_ids().len(), 0);
    let results: Vec<String> = queue.redis.keys(queue.keys.result("*")).unwrap();
    let task = results.last().unwrap().rsplit(':').next().unwrap();
    let collect = protocol::collect(&queue.keys, task);
    assert_eq!(queue.run(&collect).unwrap(), b"{\"ok\":1}");
    let again = queue.run(&collect);
    assert_eq!(again.unwrap(), b"{\"ok\":1}", "if its answer was lost");
    let left: i64 = queue.redis.pttl(queue.keys.collected(task)).unwrap();
    assert!((30_001..=60_000).contains(&left), "{left}");
    let unread: Vec<i64> = queue.redis.hvals(queue.keys.unread()).unwrap();
    assert_eq!(unread.iter().sum::<i64>(), 1, "it is counted once");
    let _: () = queue.redis.del(queue.keys.collected(task)).unwrap();
    assert_eq!(queue.run(&collect), None, "a minute later");
    assert_eq!(push(&mut queue, 2), Push::Done);
    // A result that has expired no longer counts as unread.
    let _: () = queue.redis.del(queue.keys.unread()).unwrap();
    let _: () = queue.redis.hset(queue.keys.unread(), 5, 1_000).unwrap();
    assert_eq!(push(&mut queue, 2), Push::Done);
    assert!(!queue.exists(queue.keys.unread()));
}

#[test]
fn the_pressure_is_read_at_least_once_a_second() {
    let mut queue = Queue::new();
    let _: () = queue
        .redis
        .set(queue.keys.pressure(), "full a moment ago")
        .unwrap();
    let call = protocol::push_if_room(&queue.keys, &[Task::new(json!({}))]).unwrap();
    assert_eq!(queue.run(&call), Push::Refused("full a moment ago".into()));
    let _: () = queue.redis.del(queue.keys.pressure()).unwrap();
    assert_eq!(queue.run(&call), Push::Done);
    let ttl: i64 = queue.redis.pttl(queue.keys.pressure()).unwrap();
    // Minus one is a key that never expires; on a slow machine it may have expired.
    assert!(ttl <= 1_000 && ttl != -1, "{ttl}");
}

#[test]
fn a_large_element_is_given_up_without_being_parsed() {
    let mut queue = Queue::new();
    let body = "x".repeat(30_000_000);
    let element = format!(r#"{{"id":"large","at":1,"body":"{body}"}}"#);
    let _: () = queue.redis.lpush(queue.keys.ready(), &element).unwrap();
    let worker = queue.register("w");
    queue.must_claim(&worker);
    assert_eq!(
        queue.fail(&worker, element.as_bytes(), true),
        Ending::Failed(1)
    );
    let failed: String = queue.redis.lindex(queue.keys.failed(), 0).unwrap();
    let failed: Value = serde_json::from_str(&failed).unwrap();
    assert_eq!(failed["task"]["id"], "large");
    let result: String = queue.redis.get(queue.keys.result("large")).unwrap();
    assert!(result.contains("broke"), "{result}");
}

#[test]
fn only_an_idle_worker_that_does_not_try_is_stalled() {
    let is_stalled = |state, since, claim_at| {
        let worker = Worker {
            state: Some(state),
            since: Some(since),
            claim_at: Some(claim_at),
            ..Worker::default()
        };
        worker.is_stalled(100_000)
    };
    assert!(is_stalled(State::Idle, 79_000, 79_000));
    assert!(!is_stalled(State::Idle, 10_000, 81_000), "it tries");
    assert!(
        !is_stalled(State::Idle, 81_000, 10_000),
        "it was busy until now"
    );
    assert!(!is_stalled(State::Busy, 10_000, 10_000));
    assert!(!is_stalled(State::Draining, 10_000, 10_000));
    let unknown = Worker {
        state: Some(State::Idle),
        ..Worker::default()
    };
    assert!(!unknown.is_stalled(100_000));
    assert_eq!(protocol::STALLED, Duration::from_secs(20));
}

#[rstest]
#[case::no_json(b"\xff{not json")]
#[case::no_id(br#"{"at":1}"#)]
#[case::odd_id(br#"{"id":7}"#)]
#[case::text(b"\"id\"")]
fn garbage_is_retried_like_a_task_and_then_given_up(#[case] garbage: &[u8]) {
    let mut queue = Queue::new();
    let _: () = queue.redis.lpush(queue.keys.ready(), garbage).unwrap();
    let rescued = Reaped {
        rescued: 1,
        ..Reaped::default()
    };
    for _ in 0..4 {
        let victim = queue.register("w");
        assert_eq!(queue.must_take(&victim), garbage);
        queue.expire_lease(&victim);
        assert_eq!(queue.reap(&victim), rescued);
    }
    let worker = queue.register("w");
    queue.must_take(&worker);
    assert_eq!(queue.fail(&worker, garbage, false), Ending::Failed(5));
    let entry: Vec<u8> = queue.redis.lindex(queue.keys.failed(), 0).unwrap();
    let entry: Value = serde_json::from_str(&String::from_utf8_lossy(&entry)).unwrap();
    assert!(entry["task"].is_string(), "{entry}");
}
