//! Leases over random sequences of registrations, heartbeats, lookups, deaths, stalls of Redis and steps of its clock. Time
//! passes by moving what Redis remembers into the past, so that minutes take milliseconds.

use crate::queue::Queue;
use fastrand::Rng;
use protocol::{GAP, LEASE, REAP, Usage};
use redis::Commands;
use std::collections::BTreeSet;
use std::ops::Range;

/// How long a case lasts, and each step of it, in milliseconds.
const CASE: i64 = 60_000;
const STEP: i64 = 100;
/// Between two heartbeats of a living worker while Redis answers: that of the Rust worker; Python's is shorter.
const HEARTBEAT: i64 = 2_000;

struct Worker {
    id: String,
    /// Until the next heartbeat.
    heartbeat: i64,
    /// Whether a heartbeat has arrived since Redis answers.
    heard: bool,
    /// Since its death, for how long Redis has answered, and for how long since the last stall or step of the clock.
    dead: Option<(i64, i64)>,
}

struct Case {
    seed: u64,
    random: Rng,
    queue: Queue,
    workers: Vec<Worker>,
    /// Until the operator looks for dead workers.
    lookup: i64,
}

impl Case {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Rng::with_seed(seed),
            queue: Queue::new(),
            workers: vec![],
            lookup: 0,
        }
    }

    /// Moves Redis' clock by `millis`, whatever time has really passed since the last call. Returns whether that was so
    /// much that the case says nothing: the machine was busy.
    fn shift(&mut self, millis: i64) -> bool {
        let script = redis::Script::new(
            "local t = redis.call('TIME')
            local now = t[1] * 1000 + math.floor(t[2] / 1000)
            local passed = now - tonumber(redis.call('GET', 'clock') or now)
            redis.call('SET', 'clock', string.format('%.0f', now))
            local back = passed - ARGV[1]
            for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
              redis.call('HINCRBY', KEYS[3] .. id, 'lease_ends', back)
            end
            if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('INCRBY', KEYS[2], back) end
            return passed",
        );
        let keys = self.queue.keys.clone();
        let mut call = script.key(keys.workers());
        call.key(keys.reaper()).key(keys.worker("")).arg(millis);
        let passed: i64 = call.invoke(&mut self.queue.redis).unwrap();
        passed > 500
    }

    /// Redis does not answer, or its clock is set: each worker's next heartbeat comes at any time from then.
    fn disturb(&mut self, millis: Range<i64>) -> bool {
        let millis = self.random.i64(millis);
        for worker in &mut self.workers {
            worker.heartbeat = self.random.i64(0..=HEARTBEAT);
            worker.heard = false;
            if let Some((answered, since)) = &mut worker.dead {
                *since = 0;
                // A lease that reaches into the future begins again.
                *answered = if millis < 0 { 0 } else { *answered };
            }
        }
        self.lookup = self.random.i64(0..=500);
        self.shift(millis)
    }

    fn register(&mut self) {
        let id = self.queue.register("w");
        self.workers.push(Worker {
            id,
            heartbeat: HEARTBEAT,
            heard: true,
            dead: None,
        });
    }

    fn heartbeat(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        (worker.heartbeat, worker.heard) = (self.random.i64(HEARTBEAT / 2..=HEARTBEAT), true);
        let keys = &self.queue.keys;
        let heartbeat = protocol::heartbeat(keys, &worker.id, Usage::default(), "");
        assert!(self.queue.run(&heartbeat), "seed {}", self.seed);
    }

    fn look_up(&mut self) {
        let lookup = protocol::dead(&self.queue.keys, REAP);
        for id in self.queue.run(&lookup) {
            self.queue.reap(&id);
        }
    }

    /// What happens while Redis answers for a step, in any order.
    fn step(&mut self) {
        let mut due: Vec<Option<usize>> = vec![];
        self.lookup -= STEP;
        if self.lookup <= 0 {
            self.lookup = REAP.as_millis().try_into().unwrap();
            due.push(None);
        }
        for (index, worker) in self.workers.iter_mut().enumerate() {
            if let Some((answered, since)) = &mut worker.dead {
                (*answered, *since) = (*answered + STEP, *since + STEP);
                continue;
            }
            worker.heartbeat -= STEP;
            if worker.heartbeat <= 0 {
                due.push(Some(index));
                // Each worker looks, too, in a thread of its own.
                due.push(None);
            }
        }
        self.random.shuffle(&mut due);
        for event in due {
            match event {
                Some(index) => self.heartbeat(index),
                None => self.look_up(),
            }
        }
    }

    /// No living worker is reaped or looks dead, and no dead one stays.
    fn check(&mut self) {
        let seed = self.seed;
        let workers = self.queue.keys.workers();
        let registered: BTreeSet<String> = self.queue.redis.smembers(workers).unwrap();
        let snapshot = self.queue.snapshot();
        let [lease, gap] = [LEASE, GAP].map(|it| i64::try_from(it.as_millis()).unwrap());
        self.workers.retain(|worker| {
            let is_registered = registered.contains(&worker.id);
            let Some((answered, since)) = worker.dead else {
                assert!(is_registered, "seed {seed}: {} is reaped", worker.id);
                let is_live = snapshot.workers.iter().any(|it| it.id == worker.id);
                assert!(is_live, "seed {seed}: {} looks dead", worker.id);
                return true;
            };
            let is_in_time = since <= lease + gap && answered <= 2 * lease + gap;
            assert!(
                !is_registered || is_in_time,
                "seed {seed}: {} is dead, and Redis has answered for {answered} ms, for {since} ms since a stall",
                worker.id
            );
            is_registered
        });
    }

    /// Whether the case was played to its end. Redis stalls more often in some than in others.
    fn play(&mut self) -> bool {
        let stalls = self.random.u8(1..=16);
        (0..3).for_each(|_| self.register());
        let mut passed = 0;
        while passed < CASE {
            let is_heard = self.workers.iter().all(|it| it.heard || it.dead.is_some());
            let is_slow = match self.random.u8(..) {
                number if number < stalls && is_heard => self.disturb(0..20_000),
                20 if is_heard => self.disturb(-3_600_000..3_600_000),
                21 if self.workers.len() < 6 => {
                    self.register();
                    self.shift(0)
                }
                22 if !self.workers.is_empty() => {
                    let worker = self.random.usize(..self.workers.len());
                    self.workers[worker].dead.get_or_insert_default();
                    self.shift(0)
                }
                _ => {
                    self.step();
                    passed += STEP;
                    self.shift(STEP)
                }
            };
            if is_slow {
                return false;
            }
            self.check();
        }
        true
    }
}

/// A worker whose heartbeats arrive whenever Redis answers is never reaped. A dead one is reaped within a lease and a gap of
/// the last stall or step of the clock, and stalls that follow each other extend its lease once.
#[test]
fn leases_outlive_stalls_and_steps_of_the_clock_and_no_dead_worker_stays() {
    let played = (0..40).filter(|seed| Case::new(*seed).play()).count();
    assert!(played > 0, "the machine was too busy for each case");
}
