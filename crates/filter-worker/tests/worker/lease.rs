//! The scripts of the registry: register, heartbeat, and the state that a worker shows.

use crate::queue::Queue;
use protocol::{Ending, Reaped, Usage};
use redis::Commands;

#[test]
fn each_registration_is_a_new_generation_with_a_lease() {
    let mut queue = Queue::new();
    assert_eq!(
        [
            queue.register("w"),
            queue.register("w"),
            queue.register("v")
        ],
        ["w.1", "w.2", "v.3"]
    );
    let lease = queue.lease_left("w.2");
    assert!((4_001..=8_000).contains(&lease), "{lease}");
    assert_eq!(queue.field("w.2", "pod").as_deref(), Some("pod-of-w"));
    assert_eq!(queue.field("w.2", "state").as_deref(), Some("idle"));
    let members: Vec<String> = queue.redis.smembers(queue.keys.workers()).unwrap();
    assert_eq!(members.len(), 3);
}

#[test]
fn a_lost_counter_reuses_no_live_or_fenced_id() {
    let mut queue = Queue::new();
    let fenced = queue.register("w");
    queue.expire_lease(&fenced);
    queue.reap(&fenced);
    queue.register("w");
    let _: () = queue.redis.del(queue.keys.generation()).unwrap();
    assert_eq!(queue.register("w"), "w.3");
}

#[test]
fn a_heartbeat_renews_a_lease_until_the_worker_is_reaped() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["b"]);
    let element = queue.must_claim(&worker);
    queue.expire_lease(&worker);
    let _: () = queue.redis.srem(queue.keys.workers(), &worker).unwrap();
    let usage = Usage {
        cpu: Some(12.34),
        memory: 5_000_000,
    };
    let heartbeat = protocol::heartbeat(&queue.keys, &worker, usage, "b");
    assert!(queue.run(&heartbeat));
    assert!(queue.lease_left(&worker) > 4_000);
    assert_eq!(queue.reap(&worker), Reaped::default(), "it is alive again");
    let registered: bool = queue
        .redis
        .sismember(queue.keys.workers(), &worker)
        .unwrap();
    assert!(registered);
    assert_eq!(queue.field(&worker, "cpu").as_deref(), Some("12.3"));
    let heartbeat = protocol::heartbeat(&queue.keys, &worker, Usage::default(), "b");
    assert!(queue.run(&heartbeat));
    assert_eq!(
        queue.field(&worker, "cpu").as_deref(),
        Some(""),
        "unknown is not 0"
    );

    queue.expire_lease(&worker);
    assert_eq!(queue.reap(&worker).rescued, 1);
    assert!(!queue.run(&heartbeat));
    assert!(!queue.exists(queue.keys.worker(&worker)));
    assert_eq!(queue.ack(&worker, &element), Ending::Late);
}

#[test]
fn the_state_follows_the_claims() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a", "b"]);
    let a = queue.must_claim(&worker);
    let b = queue.must_claim(&worker);
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("busy"));
    let heartbeat = protocol::heartbeat(&queue.keys, &worker, Usage::default(), "b");
    assert!(queue.run(&heartbeat));
    assert_eq!(queue.field(&worker, "task").as_deref(), Some("b"));
    assert_eq!(queue.ack(&worker, &a), Ending::Done);
    assert_eq!(
        queue.field(&worker, "state").as_deref(),
        Some("busy"),
        "it still holds b"
    );
    assert_eq!(queue.field(&worker, "task").as_deref(), Some("b"));
    assert_eq!(queue.ack(&worker, &b), Ending::Done);
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
    assert_eq!(queue.field(&worker, "task"), None);
    assert!(queue.run(&heartbeat));
    assert_eq!(
        queue.field(&worker, "task"),
        None,
        "an idle worker runs nothing"
    );
}
