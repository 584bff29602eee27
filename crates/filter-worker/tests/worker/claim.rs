//! The scripts that claim a task: order, lease, drain requests and the fence.

use crate::queue::{Queue, task_id};
use protocol::Take;
use redis::Commands;
use serde_json::Value;

#[test]
fn pushed_tasks_leave_in_order_and_count_as_arrived() {
    let mut queue = Queue::new();
    queue.push(&["a", "b"]);
    queue.push(&["c"]);
    protocol::push::<Value>(&queue.keys, &[])
        .unwrap()
        .exec(&mut queue.redis)
        .unwrap();
    assert_eq!(queue.ready_ids(), ["c", "b", "a"]);
    assert_eq!(queue.stat("arrived"), Some(3));
    let worker = queue.register("w");
    assert_eq!(task_id(&queue.must_claim(&worker)), "a");
}

#[test]
fn take_reports_held_tasks_and_drain_requests() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    let nothing = |held, drain| Take::Nothing { held, drain };
    assert_eq!(queue.take(&worker, 0), nothing(0, false));
    queue.push(&["a", "b"]);
    let element = queue.must_take(&worker);
    assert_eq!(task_id(&element), "a");
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("busy"));
    assert_eq!(
        queue.take(&worker, 0),
        nothing(1, false),
        "it must first find out what it holds"
    );
    let drain = protocol::request_drain(&queue.keys, &worker, true);
    assert!(queue.run(&drain));
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("draining"));
    assert_eq!(queue.take(&worker, 1), nothing(1, true));
    assert!(queue.run(&protocol::request_drain(&queue.keys, &worker, false)));
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("busy"));
    assert_eq!(queue.ready_ids(), ["b"]);
}

#[test]
fn scripts_report_that_a_worker_was_reaped_and_do_not_revive_it() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a", "b"]);
    queue.must_claim(&worker);
    queue.expire_lease(&worker);
    queue.reap(&worker);
    assert_eq!(queue.take(&worker, 1), Take::Lost);
    assert!(!queue.run(&protocol::request_drain(&queue.keys, &worker, true)));
    assert!(!queue.run(&protocol::claimed(&queue.keys, &worker)));
    assert!(!queue.exists(queue.keys.worker(&worker)));
    assert_eq!(queue.ready_ids(), ["b"]);
}

#[test]
fn a_late_claim_hits_the_fence_and_moves_nothing() {
    let mut queue = Queue::new();
    let [reaped, left] = [queue.register("reaped"), queue.register("left")];
    queue.expire_lease(&reaped);
    queue.reap(&reaped);
    assert_eq!(queue.deregister(&left), 0);
    queue.push(&["a"]);
    for id in [reaped, left] {
        assert_eq!(queue.claim(&id).unwrap_err().code(), Some("WRONGTYPE"));
        let fence: i64 = queue.redis.pttl(queue.keys.claimed(&id)).unwrap();
        assert!(fence > 86_000_000, "{fence}");
    }
    assert_eq!(queue.ready_ids(), ["a"]);
    assert_eq!(
        queue.redis.scard::<_, u64>(queue.keys.workers()).unwrap(),
        0
    );
}
