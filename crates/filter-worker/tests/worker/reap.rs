//! The scripts that reclaim the tasks of dead workers.

use crate::queue::Queue;
use protocol::{Ending, Reaped};
use redis::Commands;
use serde_json::json;
use std::time::Duration;

fn rescued(rescued: usize, failed: usize, left: usize) -> Reaped {
    Reaped {
        rescued,
        failed,
        left,
    }
}

#[test]
fn a_reaped_worker_cannot_finish_its_task() {
    let mut queue = Queue::new();
    let dead = queue.register("w");
    queue.push(&["a"]);
    let element = queue.must_claim(&dead);
    queue.expire_lease(&dead);
    assert_eq!(queue.reap(&dead), rescued(1, 0, 0));
    // The same worker registers under a new generation and takes the same task again.
    let back = queue.register("w");
    assert_eq!(
        queue.must_claim(&back),
        element,
        "the element is byte for byte the same"
    );
    assert_eq!(queue.ack(&dead, &element), Ending::Late);
    assert_eq!(queue.fail(&dead, &element, false), Ending::Late);
    assert!(!queue.hand_back(&dead, &element));
    assert_eq!(
        (queue.stat("processed"), queue.ready_ids().len()),
        (None, 0)
    );
    assert_eq!(queue.ack(&back, &element), Ending::Done);
}

#[test]
fn only_dead_workers_are_reaped_oldest_claim_first() {
    let mut queue = Queue::new();
    let [alive, dead] = [queue.register("alive"), queue.register("dead")];
    queue.push(&["a", "b", "c", "d"]);
    queue.must_claim(&alive);
    queue.must_claim(&dead);
    queue.must_claim(&dead);
    queue.expire_lease(&dead);
    let find_dead = protocol::dead(&queue.keys, Duration::ZERO);
    assert_eq!(queue.run(&find_dead), [dead.as_str()]);
    assert_eq!(queue.reap(&alive), Reaped::default());
    assert_eq!(queue.reap("unknown.9"), Reaped::default());
    assert_eq!(queue.reap(&dead), rescued(2, 0, 0));
    assert_eq!(queue.ready_ids(), ["d", "c", "b"]);
    assert_eq!(queue.run(&find_dead), [""; 0]);
    let attempts: u32 = queue.redis.hget(queue.keys.attempts(), "b").unwrap();
    assert_eq!(attempts, 1);
}

#[test]
fn one_worker_looks_for_dead_ones_each_half_second() {
    let mut queue = Queue::new();
    let dead = queue.register("dead");
    queue.expire_lease(&dead);
    let find_dead = protocol::dead(&queue.keys, protocol::REAP);
    assert_eq!(queue.run(&find_dead), [dead]);
    assert_eq!(queue.run(&find_dead), [""; 0]);
    let pause: i64 = queue.redis.pttl(queue.keys.reaper()).unwrap();
    assert!((1..=450).contains(&pause), "{pause}");
}

#[test]
fn a_task_that_kills_five_workers_is_given_up() {
    let mut queue = Queue::new();
    queue.push(&["poison"]);
    for n in 1..=5 {
        let victim = queue.register("w");
        queue.must_claim(&victim);
        queue.expire_lease(&victim);
        let last = usize::from(n == 5);
        assert_eq!(queue.reap(&victim), rescued(1 - last, last, 0));
    }
    queue.assert_failed(
        "poison",
        &json!({"error": "its worker died: w.5", "attempts": 5}),
    );
}

#[test]
fn a_long_list_is_reaped_in_parts_and_stays_visible() {
    let mut queue = Queue::new();
    let dead = queue.register("dead");
    let ids: Vec<String> = (0..1_200).map(|n| n.to_string()).collect();
    queue.push(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..1_200 {
        queue.claim(&dead).unwrap().unwrap();
    }
    queue.expire_lease(&dead);
    assert_eq!(queue.reap(&dead), rescued(500, 0, 700));
    let registered: bool = queue.redis.sismember(queue.keys.workers(), &dead).unwrap();
    assert!(registered);
    assert_eq!(queue.reap(&dead).left, 200);
    assert_eq!(queue.reap(&dead).left, 0);
    assert_eq!(queue.ready_ids(), ids.into_iter().rev().collect::<Vec<_>>());
}

/// If the server's clock goes back by an hour, every time to live grows by an hour. A hash that was written after it
/// expired has no time to live at all.
#[test]
fn a_clock_set_back_keeps_no_dead_worker_alive() {
    let mut queue = Queue::new();
    let [dead, zombie] = [queue.register("dead"), queue.register("zombie")];
    let _: () = queue
        .redis
        .pexpire(queue.keys.worker(&dead), 3_608_000)
        .unwrap();
    let _: () = queue.redis.persist(queue.keys.worker(&zombie)).unwrap();
    let _: () = queue
        .redis
        .pset_ex(queue.keys.reaper(), 1, 3_600_450)
        .unwrap();
    let find_dead = protocol::dead(&queue.keys, protocol::REAP);
    assert_eq!(queue.run(&find_dead), [""; 0], "none is dead yet");
    for id in [dead, zombie] {
        let lease: i64 = queue.redis.pttl(queue.keys.worker(&id)).unwrap();
        assert!((7_000..=8_000).contains(&lease), "{id}: {lease}");
    }
    assert!(queue.redis.pttl::<_, i64>(queue.keys.reaper()).unwrap() <= 450);
}
