//! The scripts that reclaim the tasks of dead workers.

use crate::process::until;
use crate::queue::{Queue, task_id};
use protocol::{Ending, Reaped, Take};
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
        queue.must_take(&back),
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
    assert_eq!(queue.suspect_ids(), ["c", "b"]);
    assert_eq!(queue.ready_ids(), ["d"]);
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
    assert_eq!(queue.run(&find_dead), [dead.as_str()]);
    // Another one within the half second.
    let found = until("a lookup in time", || {
        let before = look_back(&mut queue, 0);
        let found = queue.run(&find_dead);
        (queue.time() < before + 450).then_some(found)
    });
    assert_eq!(found, [""; 0]);
    look_back(&mut queue, 450);
    assert_eq!(queue.run(&find_dead), [dead]);
}

#[test]
fn a_task_that_kills_five_workers_is_given_up() {
    let mut queue = Queue::new();
    queue.push(&["poison"]);
    for n in 1..=5 {
        let victim = queue.register("w");
        queue.must_take(&victim);
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
    assert_eq!(
        queue.suspect_ids(),
        ids.into_iter().rev().collect::<Vec<_>>()
    );
}

/// The last lookup was `millis` ago; negative: in the future. Returns the server's time.
fn look_back(queue: &mut Queue, millis: i64) -> i64 {
    let now = queue.time();
    let _: () = queue.redis.set(queue.keys.reaper(), now - millis).unwrap();
    now
}

/// If the server's clock goes back by an hour, every lease lasts an hour longer. A hash without a lease, which something
/// else wrote, keeps no one alive.
#[test]
fn a_clock_set_back_keeps_no_dead_worker_alive() {
    let mut queue = Queue::new();
    let [dead, zombie] = [queue.register("dead"), queue.register("zombie")];
    let key = queue.keys.worker(&dead);
    let _: () = queue
        .redis
        .hset_multiple(&key, &[("lease_ends", i64::MAX), ("extended", 1)])
        .unwrap();
    let key = queue.keys.worker(&zombie);
    let _: () = queue.redis.hdel(&key, "lease_ends").unwrap();
    look_back(&mut queue, -3_600_000);
    let find_dead = protocol::dead(&queue.keys, protocol::REAP);
    assert_eq!(queue.run(&find_dead), [zombie]);
    let lease = queue.lease_left(&dead);
    assert!((4_001..=8_000).contains(&lease), "{lease}");
    assert_eq!(queue.run(&find_dead), [""; 0], "the lookups go on");
}

/// After a gap in which no one could look, no heartbeat arrived either: no one is dead before a lease has passed again.
#[test]
fn a_gap_extends_every_lease_once() {
    let mut queue = Queue::new();
    let [ended, ending] = [queue.register("ended"), queue.register("ending")];
    let find_dead = protocol::dead(&queue.keys, Duration::ZERO);
    for (worker, left) in [(&ended, -3_000), (&ending, 500)] {
        set_lease(&mut queue, worker, left);
    }
    look_back(&mut queue, 10_000);
    let unwatched = queue.snapshot();
    assert_eq!(
        (unwatched.dead, unwatched.workers.len(), unwatched.unwatched),
        (0, 2, true)
    );
    assert_eq!(queue.run(&find_dead), [""; 0]);
    for worker in [&ended, &ending] {
        let lease = queue.lease_left(worker);
        assert!((4_001..=8_000).contains(&lease), "{worker}: {lease}");
    }
    // One of them lives.
    let heartbeat = protocol::heartbeat(&queue.keys, &ending, protocol::Usage::default(), "");
    assert!(queue.run(&heartbeat));
    for worker in [&ended, &ending] {
        set_lease(&mut queue, worker, -1);
    }
    look_back(&mut queue, 10_000);
    assert_eq!(
        queue.run(&find_dead),
        [ended.as_str()],
        "no lease twice without a heartbeat"
    );
    let watched = queue.snapshot();
    assert_eq!(
        (watched.dead, watched.workers.len(), watched.unwatched),
        (1, 1, false)
    );
}

/// The first lookup of all is late, too. A worker that has just registered can still outlive the gap that follows.
#[test]
fn a_late_lookup_soon_after_a_heartbeat_does_not_use_up_the_extension() {
    let mut queue = Queue::new();
    let worker = queue.register("worker");
    let find_dead = protocol::dead(&queue.keys, Duration::ZERO);
    assert_eq!(queue.run(&find_dead), [""; 0]);
    set_lease(&mut queue, &worker, -2_000);
    look_back(&mut queue, 10_000);
    assert_eq!(queue.snapshot().dead, 0);
    assert_eq!(queue.run(&find_dead), [""; 0]);
    assert!((4_001..=8_000).contains(&queue.lease_left(&worker)));
}

#[test]
fn without_a_gap_an_ended_lease_is_not_extended() {
    let mut queue = Queue::new();
    let dead = queue.register("dead");
    set_lease(&mut queue, &dead, -1);
    look_back(&mut queue, 500);
    assert_eq!(queue.snapshot().dead, 1);
    let find_dead = protocol::dead(&queue.keys, Duration::ZERO);
    assert_eq!(queue.run(&find_dead), [dead]);
}

/// The lease ends in so many milliseconds.
fn set_lease(queue: &mut Queue, worker: &str, left: i64) {
    let ends = queue.time() + left;
    let key = queue.keys.worker(worker);
    let _: () = queue.redis.hset(key, "lease_ends", ends).unwrap();
}

/// A worker with four slots dies of one of its tasks. Each of them then runs alone, so the others finish.
#[test]
fn a_poison_task_takes_no_neighbour_with_it() {
    let mut queue = Queue::new();
    queue.push(&["a", "poison", "b", "c", "d"]);
    let first = queue.register("w");
    for known in 0..4 {
        assert!(matches!(queue.take(&first, known), Take::Task(_)));
    }
    queue.expire_lease(&first);
    assert_eq!(queue.reap(&first), rescued(4, 0, 0));
    let snapshot = queue.snapshot();
    assert_eq!(
        (snapshot.ready, snapshot.claimed),
        (5, 0),
        "suspects are ready"
    );

    let mut done = 0;
    let mut worker = queue.register("w");
    while queue.suspect_ids() != [""; 0] {
        let element = queue.must_take(&worker);
        let nothing = Take::Nothing {
            held: 1,
            drain: true,
        };
        assert_eq!(queue.take(&worker, 1), nothing, "it runs alone");
        if task_id(&element) == "poison" {
            queue.expire_lease(&worker);
            queue.reap(&worker);
            worker = queue.register("w");
        } else {
            assert_eq!(queue.ack(&worker, &element), Ending::Done);
            done += 1;
        }
    }
    assert_eq!(done, 3);
    assert_eq!(queue.stat("failed"), Some(1));
    let d = queue.must_take(&worker);
    assert_eq!(task_id(&d), "d");
    assert!(matches!(
        queue.take(&worker, 1),
        Take::Nothing {
            held: 1,
            drain: false
        }
    ));
}

/// One busy worker lets its tasks end, so that a suspect never waits for ever; the others go on.
#[test]
fn one_busy_worker_makes_room_for_a_suspect() {
    let mut queue = Queue::new();
    let [dead, a, b] = ["dead", "a", "b"].map(|name| queue.register(name));
    queue.push(&["suspect", "1", "2", "3", "4", "5"]);
    queue.must_take(&dead);
    let [of_a, _] = [queue.must_take(&a), queue.must_take(&b)];
    queue.expire_lease(&dead);
    queue.reap(&dead);
    let nothing = Take::Nothing {
        held: 1,
        drain: true,
    };
    assert_eq!(queue.take(&a, 1), nothing);
    assert_eq!(queue.take(&a, 1), nothing, "it keeps its turn");
    assert!(
        matches!(queue.take(&b, 1), Take::Task(_)),
        "the others go on"
    );
    queue.ack(&a, &of_a);
    let suspect = queue.must_take(&a);
    assert_eq!(task_id(&suspect), "suspect");
    // Handed back, it stays a suspect.
    assert!(queue.hand_back(&a, &suspect));
    assert_eq!(queue.suspect_ids(), ["suspect"]);
    assert_eq!(queue.must_take(&a), suspect);
    assert_eq!(queue.ack(&a, &suspect), Ending::Done);
    assert!(matches!(queue.take(&a, 0), Take::Task(_)));
    assert!(
        matches!(queue.take(&a, 1), Take::Task(_)),
        "it has all its slots again"
    );
}
