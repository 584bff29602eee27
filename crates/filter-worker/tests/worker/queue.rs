//! A queue on a Redis server of its own, and methods to act as its workers, one script at a time.

use protocol::{Completion, Ending, Keys, Reaped, Registration, ScriptCall, Snapshot, Take, Task};
use redis::{Commands, Connection, FromRedisValue, RedisResult};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::redis::RedisServer;

pub struct Queue {
    pub server: RedisServer,
    pub redis: Connection,
    pub keys: Keys,
}

impl Queue {
    pub fn new() -> Self {
        let server = RedisServer::start();
        Self {
            redis: server.connect(),
            server,
            keys: Keys::new("tasks"),
        }
    }

    pub fn run<T: FromRedisValue>(&mut self, call: &ScriptCall<T>) -> T {
        call.run_blocking(&mut self.redis).unwrap()
    }

    /// Registers a worker and returns its id.
    pub fn register(&mut self, name: &str) -> String {
        let worker = Registration {
            name: name.into(),
            pod: format!("pod-of-{name}"),
            namespace: Some("team-a".into()),
            host: "node-7".into(),
            version: "1.2.3".into(),
        };
        self.run(&protocol::register(&self.keys, &worker, 4))
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
        assert!(self.run(&protocol::claimed(&self.keys, worker)));
        element
    }

    pub fn take(&mut self, worker: &str, known: usize) -> Take {
        self.run(&protocol::take(&self.keys, worker, known))
    }

    pub fn ack(&mut self, worker: &str, element: &[u8]) -> Ending {
        let completion = Completion {
            task: &task_id(element),
            element,
            result: b"{\"ok\":1}",
            keep: protocol::RESULT_TTL,
            took: Duration::from_millis(40),
        };
        self.run(&protocol::ack(&self.keys, worker, completion))
    }

    pub fn fail(&mut self, worker: &str, element: &[u8], permanent: bool) -> Ending {
        let error = "it \"broke\"";
        self.run(&protocol::fail(
            &self.keys, worker, element, error, permanent,
        ))
    }

    pub fn hand_back(&mut self, worker: &str, element: &[u8]) -> bool {
        self.run(&protocol::hand_back(&self.keys, worker, element))
    }

    pub fn deregister(&mut self, worker: &str) -> u64 {
        self.run(&protocol::deregister(&self.keys, worker))
    }

    /// Ends a lease at once, as if it had been extended already.
    pub fn expire_lease(&mut self, worker: &str) {
        let ended = [("lease_ends", 1), ("extended", 1)];
        let _: () = self
            .redis
            .hset_multiple(self.keys.worker(worker), &ended)
            .unwrap();
    }

    pub fn reap(&mut self, worker: &str) -> Reaped {
        self.run(&protocol::reap(&self.keys, worker))
    }

    /// What the operator reads.
    pub fn try_snapshot(&mut self) -> Result<Snapshot, String> {
        let read = protocol::snapshot::command_in_full(&self.keys);
        protocol::snapshot::parse(read.query(&mut self.redis).unwrap())
    }

    pub fn snapshot(&mut self) -> Snapshot {
        self.try_snapshot().unwrap()
    }

    /// What Redis takes the time for, in milliseconds.
    pub fn time(&mut self) -> i64 {
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query(&mut self.redis).unwrap();
        seconds * 1_000 + micros / 1_000
    }

    /// The milliseconds until a worker's lease ends; negative after its end.
    pub fn lease_left(&mut self, worker: &str) -> i64 {
        let ends: i64 = self.field(worker, "lease_ends").unwrap().parse().unwrap();
        ends - self.time()
    }

    /// The result of a task.
    pub fn result(&mut self, id: &str) -> Value {
        let stored: String = self.redis.get(self.keys.result(id)).unwrap();
        serde_json::from_str(&stored).unwrap()
    }

    pub fn exists(&mut self, key: String) -> bool {
        self.redis.exists(key).unwrap()
    }

    pub fn list(&mut self, key: &str) -> Vec<String> {
        self.redis.lrange(key, 0, -1).unwrap()
    }

    /// The ids of the waiting tasks; the last is the next out.
    pub fn ready_ids(&mut self) -> Vec<String> {
        let key = self.keys.ready();
        self.ids(&key)
    }

    /// The ids of the tasks whose worker died; the last is the next out.
    pub fn suspect_ids(&mut self) -> Vec<String> {
        let key = self.keys.suspects();
        self.ids(&key)
    }

    /// The ids of the delayed tasks, and when the pause of each ends.
    pub fn delayed(&mut self) -> Vec<(String, i64)> {
        let key = self.keys.delayed();
        let entries: Vec<(String, i64)> = self.redis.zrange_withscores(key, 0, -1).unwrap();
        let id = |entry: &str| task_id(entry.split_once(':').unwrap().1.as_bytes());
        entries
            .iter()
            .map(|(entry, due)| (id(entry), *due))
            .collect()
    }

    /// Ends the pause of all delayed tasks.
    pub fn end_pauses(&mut self) {
        self.pause_until(1);
    }

    /// The pauses of all delayed tasks end then.
    pub fn pause_until(&mut self, due: i64) {
        let key = self.keys.delayed();
        let entries: Vec<String> = self.redis.zrange(&key, 0, -1).unwrap();
        for entry in entries {
            let _: () = self.redis.zadd(&key, entry, due).unwrap();
        }
    }

    /// The element that `worker`, which holds nothing, takes.
    pub fn must_take(&mut self, worker: &str) -> Vec<u8> {
        match self.take(worker, 0) {
            Take::Task(element) => element,
            other => panic!("no task: {other:?}"),
        }
    }

    fn ids(&mut self, key: &str) -> Vec<String> {
        self.list(key)
            .iter()
            .map(|it| task_id(it.as_bytes()))
            .collect()
    }

    /// A field of a worker's hash.
    pub fn field(&mut self, worker: &str, field: &str) -> Option<String> {
        self.redis.hget(self.keys.worker(worker), field).unwrap()
    }

    /// A counter of the queue.
    pub fn stat(&mut self, field: &str) -> Option<u64> {
        self.redis.hget(self.keys.stats(), field).unwrap()
    }

    /// Checks that the task `id` is the only one that failed: in the failed list, in its result and in the counters.
    #[track_caller]
    pub fn assert_failed(&mut self, id: &str, result: &Value) {
        let key = self.keys.failed();
        let entries = self.list(&key);
        assert_eq!(entries.len(), 1);
        let mut entry: Value = serde_json::from_str(&entries[0]).unwrap();
        let task = entry.as_object_mut().unwrap().remove("task").unwrap();
        assert_eq!(task["id"], id);
        let fields = entry.as_object_mut().unwrap();
        assert!(fields.remove("at").unwrap().is_u64());
        assert!(fields.remove("worker").unwrap().is_string());
        assert_eq!(&entry, result);
        assert_eq!(&self.result(id), result);
        assert_eq!(self.stat("failed"), Some(1));
        assert_eq!(self.ready_ids(), [""; 0]);
        assert!(!self.exists(self.keys.attempts()));
    }
}

pub fn task_id(element: &[u8]) -> String {
    serde_json::from_slice::<Task>(element)
        .map(|it| it.id)
        .unwrap_or_default()
}
