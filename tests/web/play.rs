//! The queue of one pool and its workers, played: what a real Redis would tell of them.
#![allow(dead_code, reason = "the tests and the program use different parts")]

use std::collections::VecDeque;
use workerpool::decide::{Fact, Load};

/// What its day is like.
#[derive(Clone, Copy, PartialEq)]
pub enum Day {
    /// Nothing but what is pushed by hand.
    Quiet,
    /// So many tasks at once, every so many seconds.
    Bursts(i64, i64),
    /// So many tasks in a hundred seconds.
    Steady(i64),
}

pub struct Play {
    pub day: Day,
    /// Milliseconds a task takes.
    pub task: i64,
    /// Why its facts cannot be read, while they cannot.
    pub blind: Option<String>,
    waiting: VecDeque<i64>,
    /// When each running task ends.
    running: Vec<i64>,
    workers: i32,
    /// Workers that are not ready yet, and when they are.
    starting: Option<(i32, i64)>,
    done: i64,
    failed: i64,
    next: i64,
    random: fastrand::Rng,
}

impl Play {
    pub fn new(day: Day, task: i64, workers: i32, start: i64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let next = match day {
            Day::Bursts(_, every) => start + random.i64(0..every * 1000),
            _ => start,
        };
        Self {
            day,
            task,
            blind: None,
            waiting: VecDeque::new(),
            running: Vec::new(),
            workers,
            starting: None,
            done: 40,
            failed: 1,
            next,
            random,
        }
    }

    pub fn push(&mut self, tasks: i64, now: i64) {
        (0..tasks).for_each(|_| self.waiting.push_back(now));
    }

    /// The target has `wanted` workers; new ones are ready a little later, others leave at once.
    pub fn scale(&mut self, wanted: i32, now: i64) {
        if wanted <= self.workers {
            (self.workers, self.starting) = (wanted, None);
        } else {
            self.starting = Some((wanted, now + 2_500));
        }
    }

    pub fn step(&mut self, now: i64) {
        if let Some((wanted, at)) = self.starting
            && at <= now
        {
            (self.workers, self.starting) = (wanted, None);
        }
        while self.day != Day::Quiet && self.next <= now {
            let (tasks, pause) = match self.day {
                Day::Bursts(tasks, every) => (tasks, every * 1000),
                Day::Steady(rate) => (1, self.random.i64(0..200_000 / rate.max(1)).max(10)),
                Day::Quiet => unreachable!(),
            };
            self.push(tasks, self.next);
            self.next += pause;
        }
        let before = self.running.len();
        self.running.retain(|end| *end > now);
        let ended = i64::try_from(before - self.running.len()).expect("few");
        self.done += ended;
        self.failed += i64::from(ended > 0 && self.random.i64(0..60) == 0);
        while self.running.len() < usize::try_from(self.workers).expect("positive") {
            let Some(_) = self.waiting.pop_front() else { break };
            let time = self.task * self.random.i64(70..130) / 100;
            self.running.push(now + time);
        }
    }

    pub fn load(&mut self) -> Load {
        if self.blind.is_some() {
            return Load::MISSING;
        }
        let number = |n: usize| Fact::Known(i64::try_from(n).expect("small"));
        let (busy, live) = (self.running.len(), i64::from(self.workers));
        let cpu = i64::try_from(busy).expect("small") * self.random.i64(70..80) + live * 2;
        Load {
            ready: number(self.waiting.len()),
            in_flight: number(busy),
            live: Fact::Known(live),
            busy: number(busy),
            cpu_sum: Fact::Known(cpu),
            oldest_at: self.waiting.front().map_or(Fact::NotTold, |at| Fact::Known(*at)),
            processed: Fact::Known(self.done),
            failed: Fact::Known(self.failed),
            busy_millis: Fact::Known(self.done * self.task),
            ..Load::NOT_TOLD
        }
    }
}
