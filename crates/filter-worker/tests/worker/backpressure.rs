//! Back-pressure on a real Redis that is filled, with the limits of the shipped one: pushes are refused first, then
//! large results are dropped, and workers always find room.

use crate::queue::Queue;
use protocol::{Completion, Ending, Push, Task};
use redis::Commands;
use serde_json::{Value, json};

const MAX: usize = 24 << 20;

fn used_percent(queue: &Queue) -> usize {
    let info: redis::InfoDict = queue.server.query("INFO memory");
    info.get::<usize>("used_memory").unwrap() * 100 / MAX
}

/// Fills Redis to so many percent, by a client that knows nothing of the protocol.
fn fill(queue: &mut Queue, percent: usize) {
    for n in 0.. {
        if used_percent(queue) >= percent {
            return;
        }
        let _: () = queue
            .redis
            .set(format!("filler{percent}:{n}"), vec![b'x'; 40_000])
            .unwrap();
    }
}

fn try_push(queue: &mut Queue) -> Push {
    let _: () = queue.redis.del(queue.keys.pressure()).unwrap(); // it is remembered for a second
    let task = Task::new(json!({}));
    queue.run(&protocol::push_if_room(&queue.keys, &[task]).unwrap())
}

fn ack(queue: &mut Queue, worker: &str, id: &str, result: &[u8]) -> Value {
    queue.push(&[id]);
    let element = queue.must_take(worker);
    let completion = Completion {
        task: id,
        element: &element,
        result,
        keep: protocol::RESULT_TTL,
        took: std::time::Duration::ZERO,
    };
    let ending: Ending = queue.run(&protocol::ack(&queue.keys, worker, completion));
    assert_eq!(ending, Ending::Done);
    queue.result(id)
}

#[test]
fn a_filling_redis_refuses_in_the_right_order() {
    let mut queue = Queue::new();
    queue.server.run(&format!("CONFIG SET maxmemory {MAX}"));
    queue.server.run("CONFIG SET maxmemory-policy noeviction");
    let worker = queue.register("w");
    let large = json!({"image": "x".repeat(100_000)}).to_string();
    assert_eq!(try_push(&mut queue), Push::Done);
    let first = queue.must_take(&worker);

    fill(&mut queue, 81);
    assert!(matches!(try_push(&mut queue), Push::Refused(reason) if reason.contains("bytes of")));
    assert_eq!(queue.ack(&worker, &first), Ending::Done);
    assert!(ack(&mut queue, &worker, "early", large.as_bytes())["image"].is_string());

    fill(&mut queue, 91);
    let dropped = ack(&mut queue, &worker, "late", large.as_bytes());
    assert_eq!(
        (&dropped["dropped"], &dropped["bytes"]),
        (&json!(true), &json!(large.len()))
    );
    assert_eq!(ack(&mut queue, &worker, "small", b"{\"ok\":1}")["ok"], 1);
    assert_eq!(queue.stat("processed"), Some(4));
}

/// A full Redis: everything that a worker does still works.
#[test]
fn leases_acks_and_failures_find_room_when_full() {
    let mut queue = Queue::new();
    queue.server.run("CONFIG SET maxmemory-policy noeviction");
    queue.push(&["a", "b"]);
    let before = queue.register("w");
    queue.server.run("CONFIG SET maxmemory 1mb"); // less than it uses
    assert!(
        queue.redis.set::<_, _, ()>("any", "thing").is_err(),
        "it is full"
    );
    let worker = queue.register("v");
    assert!(queue.run(&protocol::heartbeat(
        &queue.keys,
        &worker,
        protocol::Usage::default(),
        ""
    )));
    let first = queue.must_take(&worker);
    assert_eq!(queue.fail(&worker, &first, true), Ending::Failed(1));
    let second = queue.must_take(&before);
    assert_eq!(queue.ack(&before, &second), Ending::Done);
    assert_eq!(
        queue.run(&protocol::retry_failed(&queue.keys, &[], 9)),
        1,
        "it takes no more room"
    );
}
