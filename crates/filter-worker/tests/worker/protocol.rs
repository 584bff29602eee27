//! Each script by itself: what it moves, what it counts, and whom it refuses.

use protocol::{Completion, Ending, Keys, Reaped, Registration, Take, Task, Usage};
use redis::{Commands, Connection, RedisResult};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::redis::RedisServer;

/// A queue of a test's own, and hands to play its workers.
pub struct Queue {
    _server: RedisServer,
    pub redis: Connection,
    pub keys: Keys,
}

impl Queue {
    pub fn new() -> Self {
        let server = RedisServer::start();
        Self {
            redis: server.connect(),
            _server: server,
            keys: Keys::new("tasks"),
        }
    }

    /// A registered worker's id.
    pub fn worker(&mut self, name: &str) -> String {
        let worker = Registration {
            name: name.into(),
            pod: format!("pod-of-{name}"),
            host: "node-7".into(),
            version: "1.2.3".into(),
        };
        protocol::register(&self.keys, &worker)
            .run_blocking(&mut self.redis)
            .unwrap()
    }

    pub fn push(&mut self, ids: &[&str]) {
        let tasks: Vec<_> = ids
            .iter()
            .map(|id| Task {
                id: (*id).into(),
                ..Task::new(json!({}))
            })
            .collect();
        protocol::push(&self.keys, &tasks)
            .unwrap()
            .exec(&mut self.redis)
            .unwrap();
    }

    /// The element that `worker` claims, if there is one.
    pub fn claim(&mut self, worker: &str) -> RedisResult<Option<Vec<u8>>> {
        protocol::blocking_move(&self.keys, worker, Duration::from_millis(10))
            .query(&mut self.redis)
    }

    pub fn must_claim(&mut self, worker: &str) -> Vec<u8> {
        let element = self.claim(worker).unwrap().expect("a task to claim");
        assert!(
            protocol::claimed(&self.keys, worker)
                .run_blocking(&mut self.redis)
                .unwrap()
        );
        element
    }

    fn take(&mut self, worker: &str, known: usize) -> Take {
        protocol::take(&self.keys, worker, known)
            .run_blocking(&mut self.redis)
            .unwrap()
    }

    pub fn ack(&mut self, worker: &str, element: &[u8]) -> Ending {
        let took = Duration::from_millis(40);
        let (task, keep) = (&id_of(element), protocol::RESULT_TTL);
        let done = Completion {
            task,
            element,
            result: b"{\"ok\":1}",
            keep,
            took,
        };
        let call = protocol::ack(&self.keys, worker, done);
        call.run_blocking(&mut self.redis).unwrap()
    }

    pub fn fail(&mut self, worker: &str, element: &[u8], hopeless: bool) -> Ending {
        protocol::fail(&self.keys, worker, element, "it \"broke\"", hopeless)
            .run_blocking(&mut self.redis)
            .unwrap()
    }

    /// What happens when a lease runs out, without the wait.
    pub fn lose_lease(&mut self, worker: &str) {
        let _: () = self.redis.del(self.keys.worker(worker)).unwrap();
    }

    pub fn reap(&mut self, worker: &str) -> Reaped {
        protocol::reap(&self.keys, worker)
            .run_blocking(&mut self.redis)
            .unwrap()
    }

    pub fn list(&mut self, key: &str) -> Vec<String> {
        self.redis.lrange(key, 0, -1).unwrap()
    }

    pub fn ready_ids(&mut self) -> Vec<String> {
        let key = self.keys.ready();
        self.list(&key)
            .iter()
            .map(|it| id_of(it.as_bytes()))
            .collect()
    }

    fn field(&mut self, worker: &str, field: &str) -> Option<String> {
        self.redis.hget(self.keys.worker(worker), field).unwrap()
    }

    fn stat(&mut self, field: &str) -> Option<u64> {
        self.redis.hget(self.keys.stats(), field).unwrap()
    }
}

fn id_of(element: &[u8]) -> String {
    serde_json::from_slice::<Task>(element)
        .map(|it| it.id)
        .unwrap_or_default()
}

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
    let worker = queue.worker("w");
    assert_eq!(id_of(&queue.must_claim(&worker)), "a");
}

#[test]
fn each_registration_is_a_new_generation_with_a_lease() {
    let mut queue = Queue::new();
    assert_eq!(
        [queue.worker("w"), queue.worker("w"), queue.worker("v")],
        ["w.1", "w.2", "v.3"]
    );
    let lease: i64 = queue.redis.pttl(queue.keys.worker("w.2")).unwrap();
    assert!((7_000..=8_000).contains(&lease), "{lease}");
    assert_eq!(queue.field("w.2", "pod").as_deref(), Some("pod-of-w"));
    assert_eq!(queue.field("w.2", "state").as_deref(), Some("idle"));
    let members: Vec<String> = queue.redis.smembers(queue.keys.workers()).unwrap();
    assert_eq!(members.len(), 3);
}

#[test]
fn a_lost_counter_gives_nobody_an_id_that_is_taken_or_fenced() {
    let mut queue = Queue::new();
    let fenced = queue.worker("w");
    queue.lose_lease(&fenced);
    queue.reap(&fenced);
    queue.worker("w");
    let _: () = queue.redis.del(queue.keys.generation()).unwrap();
    assert_eq!(queue.worker("w"), "w.3");
}

#[test]
fn a_heartbeat_renews_a_lease_and_never_revives_one() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    let _: () = queue
        .redis
        .pexpire(queue.keys.worker(&worker), 1_000)
        .unwrap();
    let _: () = queue.redis.srem(queue.keys.workers(), &worker).unwrap();
    let beat = protocol::heartbeat(
        &queue.keys,
        &worker,
        Usage {
            cpu: Some(12.34),
            memory: 5_000_000,
        },
        "b",
    );
    assert!(beat.run_blocking(&mut queue.redis).unwrap());
    assert!(
        queue
            .redis
            .pttl::<_, i64>(queue.keys.worker(&worker))
            .unwrap()
            > 7_000
    );
    assert!(
        queue
            .redis
            .sismember::<_, _, bool>(queue.keys.workers(), &worker)
            .unwrap()
    );
    assert_eq!(queue.field(&worker, "cpu").as_deref(), Some("12.3"));
    let beat = protocol::heartbeat(&queue.keys, &worker, Usage::default(), "b");
    assert!(beat.run_blocking(&mut queue.redis).unwrap());
    assert_eq!(
        queue.field(&worker, "cpu").as_deref(),
        Some(""),
        "what is not known is not 0"
    );

    queue.lose_lease(&worker);
    assert!(!beat.run_blocking(&mut queue.redis).unwrap());
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.worker(&worker))
            .unwrap()
    );
}

#[test]
fn the_state_follows_the_claims() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    queue.push(&["a", "b"]);
    let (a, b) = (queue.must_claim(&worker), queue.must_claim(&worker));
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("busy"));
    let beat = protocol::heartbeat(&queue.keys, &worker, Usage::default(), "b");
    assert!(beat.run_blocking(&mut queue.redis).unwrap());
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
    assert!(beat.run_blocking(&mut queue.redis).unwrap());
    assert_eq!(
        queue.field(&worker, "task"),
        None,
        "an idle worker runs nothing"
    );
}

#[test]
fn a_take_tells_the_lease_the_tasks_held_and_a_wish_to_drain() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    let drain = |wish| protocol::request_drain(&Keys::new("tasks"), "w.1", wish);
    assert_eq!(
        queue.take(&worker, 0),
        Take::Nothing {
            held: 0,
            drain: false
        }
    );
    queue.push(&["a", "b"]);
    let Take::Task(element) = queue.take(&worker, 0) else {
        panic!("no task")
    };
    assert_eq!(id_of(&element), "a");
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("busy"));
    assert_eq!(
        queue.take(&worker, 0),
        Take::Nothing {
            held: 1,
            drain: false
        },
        "it must look what it holds"
    );
    assert!(drain(true).run_blocking(&mut queue.redis).unwrap());
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("draining"));
    assert_eq!(
        queue.take(&worker, 1),
        Take::Nothing {
            held: 1,
            drain: true
        }
    );
    assert!(drain(false).run_blocking(&mut queue.redis).unwrap());
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("busy"));

    queue.lose_lease(&worker);
    assert_eq!(queue.take(&worker, 1), Take::Lost);
    assert!(!drain(true).run_blocking(&mut queue.redis).unwrap());
    assert!(
        !protocol::claimed(&queue.keys, &worker)
            .run_blocking(&mut queue.redis)
            .unwrap()
    );
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.worker(&worker))
            .unwrap(),
        "no zombie without a lease"
    );
    assert_eq!(queue.ready_ids(), ["b"]);
}

#[test]
fn the_end_of_a_task_brings_the_next_in_one_trip() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    queue.push(&["a", "b"]);
    let first = queue.must_claim(&worker);
    let mut next = |element: &[u8]| {
        let (task, took) = (&id_of(element), Duration::from_millis(40));
        let done = Completion {
            task,
            element,
            result: b"{}",
            keep: Duration::ZERO,
            took,
        };
        protocol::ack_and_take(&queue.keys, &worker, done, 0)
            .run_blocking(&mut queue.redis)
            .unwrap()
    };
    let (Ending::Done, Take::Task(second)) = next(&first) else {
        panic!("not done, or no task")
    };
    assert_eq!(id_of(&second), "b");
    assert_eq!(
        next(&first),
        (
            Ending::Late,
            Take::Nothing {
                held: 1,
                drain: false
            }
        ),
        "b is not known to it"
    );
    assert_eq!(
        next(&second),
        (
            Ending::Done,
            Take::Nothing {
                held: 0,
                drain: false
            }
        )
    );
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
    assert_eq!(queue.stat("processed"), Some(2));
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.result("a"))
            .unwrap(),
        "kept for no time at all"
    );
    assert!(!queue.redis.exists::<_, bool>(queue.keys.unread()).unwrap());
}

#[test]
fn an_ack_leaves_the_result_and_the_counters_and_forgets_the_attempts() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    queue.push(&["a"]);
    let element = queue.must_claim(&worker);
    assert_eq!(queue.fail(&worker, &element, false), Ending::Retry(1));
    let element = queue.must_claim(&worker);
    assert_eq!(queue.ack(&worker, &element), Ending::Done);
    assert_eq!(
        (
            queue.stat("processed"),
            queue.stat("millis"),
            queue.stat("failed")
        ),
        (Some(1), Some(40), None)
    );
    assert_eq!(
        queue
            .redis
            .get::<_, String>(queue.keys.result("a"))
            .unwrap(),
        "{\"ok\":1}"
    );
    assert!(queue.redis.pttl::<_, i64>(queue.keys.result("a")).unwrap() > 3_590_000);
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.attempts())
            .unwrap()
    );
    assert_eq!(
        queue.ack(&worker, &element),
        Ending::Late,
        "nothing counts twice"
    );
    assert_eq!(queue.stat("processed"), Some(1));
}

#[test]
fn who_was_reaped_cannot_finish_and_changes_nothing() {
    let mut queue = Queue::new();
    let dead = queue.worker("w");
    queue.push(&["a"]);
    let element = queue.must_claim(&dead);
    queue.lose_lease(&dead);
    assert_eq!(
        queue.reap(&dead),
        Reaped {
            rescued: 1,
            failed: 0,
            left: 0
        }
    );
    // The same program comes back under a new generation and takes the same task again.
    let back = queue.worker("w");
    assert_eq!(queue.must_claim(&back), element, "not one byte has changed");
    assert_eq!(queue.ack(&dead, &element), Ending::Late);
    assert_eq!(queue.fail(&dead, &element, false), Ending::Late);
    assert!(
        !protocol::hand_back(&queue.keys, &dead, &element)
            .run_blocking(&mut queue.redis)
            .unwrap()
    );
    assert_eq!(
        (queue.stat("processed"), queue.ready_ids().len()),
        (None, 0)
    );
    assert_eq!(queue.ack(&back, &element), Ending::Done);
}

#[test]
fn a_late_claim_meets_the_fence_and_moves_nothing() {
    let mut queue = Queue::new();
    let [reaped, left] = [queue.worker("reaped"), queue.worker("left")];
    queue.lose_lease(&reaped);
    queue.reap(&reaped);
    assert_eq!(
        protocol::deregister(&queue.keys, &left)
            .run_blocking(&mut queue.redis)
            .unwrap(),
        0
    );
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

#[test]
fn a_failed_task_goes_behind_the_others_until_its_fifth_time() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    queue.push(&["poison", "b"]);
    let poison = queue.must_claim(&worker);
    assert_eq!(queue.fail(&worker, &poison, false), Ending::Retry(1));
    assert_eq!(queue.ready_ids(), ["poison", "b"], "b is next");
    let b = queue.must_claim(&worker);
    queue.ack(&worker, &b);
    for n in 2..=4 {
        queue.must_claim(&worker);
        assert_eq!(queue.fail(&worker, &poison, false), Ending::Retry(n));
    }
    queue.must_claim(&worker);
    assert_eq!(queue.fail(&worker, &poison, false), Ending::Failed(5));
    check_failure(
        &mut queue,
        "poison",
        &json!({"error": "it \"broke\"", "attempts": 5}),
    );
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
}

#[test]
fn a_hopeless_task_fails_at_once() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    queue.push(&["a"]);
    let element = queue.must_claim(&worker);
    assert_eq!(queue.fail(&worker, &element, true), Ending::Failed(1));
    check_failure(
        &mut queue,
        "a",
        &json!({"error": "it \"broke\"", "attempts": 1}),
    );
}

/// The task `id` is the one that failed, everywhere where that shows.
fn check_failure(queue: &mut Queue, id: &str, verdict: &Value) {
    let key = queue.keys.failed();
    let entries = queue.list(&key);
    assert_eq!(entries.len(), 1);
    let mut entry: Value = serde_json::from_str(&entries[0]).unwrap();
    assert_eq!(
        entry.as_object_mut().unwrap().remove("task").unwrap()["id"],
        id
    );
    assert_eq!(&entry, verdict);
    let result: String = queue.redis.get(queue.keys.result(id)).unwrap();
    assert_eq!(&serde_json::from_str::<Value>(&result).unwrap(), verdict);
    assert_eq!(queue.stat("failed"), Some(1));
    assert_eq!(queue.ready_ids(), [""; 0]);
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.attempts())
            .unwrap()
    );
}

#[test]
fn a_task_handed_back_is_next_and_has_lost_no_attempt() {
    let mut queue = Queue::new();
    let worker = queue.worker("w");
    queue.push(&["a", "b"]);
    let element = queue.must_claim(&worker);
    assert_eq!(
        protocol::deregister(&queue.keys, &worker)
            .run_blocking(&mut queue.redis)
            .unwrap(),
        1,
        "refused"
    );
    assert!(
        queue
            .redis
            .exists::<_, bool>(queue.keys.worker(&worker))
            .unwrap()
    );
    assert!(
        protocol::hand_back(&queue.keys, &worker, &element)
            .run_blocking(&mut queue.redis)
            .unwrap()
    );
    assert_eq!(queue.ready_ids(), ["b", "a"]);
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.attempts())
            .unwrap()
    );
    assert_eq!(queue.field(&worker, "state").as_deref(), Some("idle"));
    assert_eq!(
        protocol::deregister(&queue.keys, &worker)
            .run_blocking(&mut queue.redis)
            .unwrap(),
        0
    );
    assert!(
        !queue
            .redis
            .exists::<_, bool>(queue.keys.worker(&worker))
            .unwrap()
    );
}

#[test]
fn only_the_dead_are_reaped_and_their_oldest_claim_is_next() {
    let mut queue = Queue::new();
    let [alive, dead] = [queue.worker("alive"), queue.worker("dead")];
    queue.push(&["a", "b", "c", "d"]);
    queue.must_claim(&alive);
    queue.must_claim(&dead);
    queue.must_claim(&dead);
    queue.lose_lease(&dead);
    let find = protocol::dead(&queue.keys, Duration::ZERO);
    assert_eq!(
        find.run_blocking(&mut queue.redis).unwrap(),
        [dead.as_str()]
    );
    assert_eq!(queue.reap(&alive), Reaped::default());
    assert_eq!(queue.reap("nobody.9"), Reaped::default());
    assert_eq!(
        queue.reap(&dead),
        Reaped {
            rescued: 2,
            failed: 0,
            left: 0
        }
    );
    assert_eq!(queue.ready_ids(), ["d", "c", "b"]);
    assert_eq!(find.run_blocking(&mut queue.redis).unwrap(), [""; 0]);
    let attempts: u32 = queue.redis.hget(queue.keys.attempts(), "b").unwrap();
    assert_eq!(attempts, 1);
}

#[test]
fn one_of_all_workers_looks_for_the_dead_each_half_second() {
    let mut queue = Queue::new();
    let dead = queue.worker("dead");
    queue.lose_lease(&dead);
    let find = protocol::dead(&queue.keys, protocol::REAP);
    assert_eq!(find.run_blocking(&mut queue.redis).unwrap(), [dead]);
    assert_eq!(find.run_blocking(&mut queue.redis).unwrap(), [""; 0]);
    let pause: i64 = queue.redis.pttl(queue.keys.reaper()).unwrap();
    assert!((1..=450).contains(&pause), "{pause}");
}

#[test]
fn a_poison_task_that_kills_five_workers_is_given_up() {
    let mut queue = Queue::new();
    queue.push(&["poison"]);
    for n in 1..=5 {
        let victim = queue.worker("w");
        queue.must_claim(&victim);
        queue.lose_lease(&victim);
        let last = usize::from(n == 5);
        assert_eq!(
            queue.reap(&victim),
            Reaped {
                rescued: 1 - last,
                failed: last,
                left: 0
            }
        );
    }
    check_failure(
        &mut queue,
        "poison",
        &json!({"error": "its worker died: w.5", "attempts": 5}),
    );
}
