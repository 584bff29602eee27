//! What holds at the edges: too much unread, a clock that goes back, a large element, a worker that is deaf.

use crate::protocol::Queue;
use protocol::snapshot::{State, Worker};
use protocol::{Ending, Push, Reaped, Task};
use redis::Commands;
use rstest::rstest;
use serde_json::{Value, json};
use std::time::Duration;

fn push(queue: &mut Queue, most: u32) -> Push {
    let call = protocol::push_within(&queue.keys, &[Task::new(json!({}))], most, 80).unwrap();
    let _: () = queue.redis.del(queue.keys.pressure()).unwrap(); // as if a second had passed
    call.run_blocking(&mut queue.redis).unwrap()
}

#[test]
fn unread_results_hold_up_producers_until_they_are_collected() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    for _ in 0..2 {
        assert_eq!(push(&mut queue, 2), Push::Done);
        let element = queue.must_claim(&worker);
        assert_eq!(queue.ack(&worker, &element), Ending::Done);
    }
    let Push::Refused(why) = push(&mut queue, 2) else {
        panic!("pushed")
    };
    assert!(why.contains("2 results wait to be read"), "{why}");
    assert_eq!(queue.ready_ids().len(), 0);
    let task = queue
        .redis
        .keys::<_, Vec<String>>(queue.keys.result("*"))
        .unwrap()
        .pop()
        .unwrap();
    let task = task.rsplit(':').next().unwrap();
    let collect = protocol::collect(&queue.keys, task);
    assert_eq!(
        collect.run_blocking(&mut queue.redis).unwrap().unwrap(),
        b"{\"ok\":1}"
    );
    assert_eq!(
        collect.run_blocking(&mut queue.redis).unwrap(),
        None,
        "once"
    );
    assert_eq!(push(&mut queue, 2), Push::Done);
    // What ended long ago is unread no more, and forgotten.
    let _: () = queue.redis.del(queue.keys.unread()).unwrap();
    let _: () = queue.redis.hset(queue.keys.unread(), 5, 1_000).unwrap();
    assert_eq!(push(&mut queue, 2), Push::Done);
    assert!(!queue.redis.exists::<_, bool>(queue.keys.unread()).unwrap());
}

#[test]
fn the_look_at_the_pressure_is_a_second_old_at_most() {
    let mut queue = Queue::new();
    let _: () = queue
        .redis
        .set(queue.keys.pressure(), "full, said somebody")
        .unwrap();
    let call = protocol::push_if_room(&queue.keys, &[Task::new(json!({}))]).unwrap();
    let refused = Push::Refused("full, said somebody".into());
    assert_eq!(call.run_blocking(&mut queue.redis).unwrap(), refused);
    let _: () = queue.redis.del(queue.keys.pressure()).unwrap();
    assert_eq!(call.run_blocking(&mut queue.redis).unwrap(), Push::Done);
    let left: i64 = queue.redis.pttl(queue.keys.pressure()).unwrap();
    assert!((1..=1_000).contains(&left), "{left}");
}

/// A server's clock that goes back by an hour leaves every time to live an hour longer; a hash that was written to
/// after its end has none at all.
#[test]
fn a_clock_that_goes_back_keeps_no_dead_worker_alive() {
    let mut queue = Queue::new();
    let [dead, zombie] = [queue.worker("dead"), queue.worker("zombie")];
    let _: () = queue
        .redis
        .pexpire(queue.keys.worker(&dead), 3_608_000)
        .unwrap();
    let _: () = queue.redis.persist(queue.keys.worker(&zombie)).unwrap();
    let _: () = queue
        .redis
        .pset_ex(queue.keys.reaper(), 1, 3_600_450)
        .unwrap();
    let find = protocol::dead(&queue.keys, protocol::REAP);
    assert_eq!(
        find.run_blocking(&mut queue.redis).unwrap(),
        [""; 0],
        "none is dead yet"
    );
    for id in [dead, zombie] {
        let lease: i64 = queue.redis.pttl(queue.keys.worker(&id)).unwrap();
        assert!((7_000..=8_000).contains(&lease), "{id}: {lease}");
    }
    assert!(queue.redis.pttl::<_, i64>(queue.keys.reaper()).unwrap() <= 450);
}

#[test]
fn a_large_element_is_given_up_without_being_parsed() {
    let mut queue = Queue::new();
    let element = format!(
        r#"{{"id":"large","at":1,"body":"{}"}}"#,
        "x".repeat(30_000_000)
    );
    let _: () = queue.redis.lpush(queue.keys.ready(), &element).unwrap();
    let worker = queue.worker("w");
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
fn an_idle_worker_that_does_not_try_is_deaf_and_no_other_is() {
    let at = |state, since, claim_at| {
        let (since, claim_at) = (Some(since), Some(claim_at));
        Worker {
            state: Some(state),
            since,
            claim_at,
            ..Worker::default()
        }
        .is_stalled(100_000)
    };
    assert!(at(State::Idle, 79_000, 79_000));
    assert!(!at(State::Idle, 10_000, 81_000), "it tries");
    assert!(!at(State::Idle, 81_000, 10_000), "it was busy until now");
    assert!(!at(State::Busy, 10_000, 10_000) && !at(State::Draining, 10_000, 10_000));
    assert!(
        !Worker {
            state: Some(State::Idle),
            ..Worker::default()
        }
        .is_stalled(100_000),
        "unknown"
    );
    assert_eq!(protocol::STALLED, Duration::from_secs(20));
}

#[test]
fn a_long_list_is_rescued_in_parts_and_stays_in_sight() {
    let mut queue = Queue::new();
    let dead = queue.worker("dead");
    let ids: Vec<String> = (0..1_200).map(|n| n.to_string()).collect();
    queue.push(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..1_200 {
        queue.claim(&dead).unwrap().unwrap();
    }
    queue.lose_lease(&dead);
    assert_eq!(
        queue.reap(&dead),
        Reaped {
            rescued: 500,
            failed: 0,
            left: 700
        }
    );
    assert!(
        queue
            .redis
            .sismember::<_, _, bool>(queue.keys.workers(), &dead)
            .unwrap()
    );
    assert_eq!(queue.reap(&dead).left, 200);
    assert_eq!(queue.reap(&dead).left, 0);
    assert_eq!(queue.ready_ids(), ids.into_iter().rev().collect::<Vec<_>>());
}

#[rstest]
#[case::no_json(b"\xff{not json")]
#[case::no_id(br#"{"at":1}"#)]
#[case::odd_id(br#"{"id":7}"#)]
#[case::text(b"\"id\"")]
fn garbage_is_carried_like_a_task_and_given_up_in_the_end(#[case] garbage: &[u8]) {
    let mut queue = Queue::new();
    let _: () = queue.redis.lpush(queue.keys.ready(), garbage).unwrap();
    for _ in 0..4 {
        let victim = queue.worker("w");
        assert_eq!(queue.claim(&victim).unwrap().unwrap(), garbage);
        queue.lose_lease(&victim);
        assert_eq!(
            queue.reap(&victim),
            Reaped {
                rescued: 1,
                failed: 0,
                left: 0
            }
        );
    }
    let worker = queue.worker("w");
    queue.claim(&worker).unwrap();
    assert_eq!(queue.fail(&worker, garbage, false), Ending::Failed(5));
    let entry: Vec<u8> = queue.redis.lindex(queue.keys.failed(), 0).unwrap();
    let entry: Value = serde_json::from_str(&String::from_utf8_lossy(&entry)).unwrap();
    assert!(entry["task"].is_string(), "{entry}");
}
