//! The queue of one pool and its workers, played: what a real Redis would tell of them.
#![allow(dead_code, reason = "the tests and the program use different parts")]

use decide::victims::{Activity, DELETE_FIRST, DrainState, Pod, PodStage, Worker, WorkerReport};
use decide::{Metric, QueueMetrics};
use std::collections::VecDeque;

/// What its day is like.
#[derive(Clone, Copy, PartialEq)]
pub enum Day {
    /// Nothing but what is pushed by hand.
    Quiet,
    /// So many tasks at once, every so many seconds.
    Bursts(i64, i64),
    /// So many tasks in a hundred seconds.
    Steady(i64),
    /// The same in a plain list, which names no worker.
    List(i64),
}

/// A pod and the worker in it.
struct Hand {
    pod: String,
    /// When its task ends.
    until: Option<i64>,
    since: i64,
    drains: bool,
    cost: i32,
    /// It lives and takes nothing.
    deaf: bool,
}

pub struct Play {
    pub day: Day,
    /// Milliseconds a task takes.
    pub task: i64,
    /// Why its facts cannot be read, while they cannot.
    pub blind: Option<String>,
    name: String,
    waiting: VecDeque<i64>,
    hands: Vec<Hand>,
    /// Workers that are not ready yet, and when they are.
    starting: Option<(i32, i64)>,
    done: i64,
    failed: i64,
    next: i64,
    random: fastrand::Rng,
}

impl Play {
    pub fn new(name: &str, day: Day, task: i64, workers: i32, start: i64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let next = match day {
            Day::Bursts(_, every) => start + random.i64(0..every * 1000),
            _ => start,
        };
        let mut play = Self {
            day,
            task,
            blind: None,
            name: name.to_owned(),
            waiting: VecDeque::new(),
            hands: Vec::new(),
            starting: None,
            done: 40,
            failed: 1,
            next,
            random,
        };
        play.grow(workers, start);
        play
    }

    pub fn push(&mut self, tasks: i64, now: i64) {
        (0..tasks).for_each(|_| self.waiting.push_back(now));
    }

    /// The target has `wanted` workers; new ones are ready a little later, others leave at once: those with the mark, as
    /// a `ReplicaSet` does it.
    pub fn scale(&mut self, wanted: i32, now: i64) {
        let there = usize::try_from(wanted).expect("positive");
        if there <= self.hands.len() {
            self.hands.sort_by_key(|hand| std::cmp::Reverse(hand.cost));
            self.hands.truncate(there);
            self.starting = None;
        } else {
            self.starting = Some((wanted, now + 2_500));
        }
    }

    /// Workers are told to take no more, or to go on.
    pub fn drain(&mut self, ids: &[(usize, String)], drain: bool, now: i64) {
        for hand in self
            .hands
            .iter_mut()
            .filter(|hand| ids.iter().any(|(_, id)| *id == hand.id()))
        {
            if hand.drains != drain {
                (hand.drains, hand.since) = (drain, now);
            }
        }
    }

    pub fn mark(&mut self, marks: &[(String, bool)]) {
        for (pod, mark) in marks {
            if let Some(hand) = self.hands.iter_mut().find(|hand| hand.pod == *pod) {
                hand.cost = if *mark { DELETE_FIRST } else { 0 };
            }
        }
    }

    /// The first idle worker takes nothing any more.
    pub fn deafen(&mut self, now: i64) {
        if let Some(hand) = self.hands.iter_mut().find(|hand| hand.until.is_none()) {
            (hand.deaf, hand.since) = (true, now - 25_000);
        }
    }

    pub fn step(&mut self, now: i64) {
        if let Some((wanted, at)) = self.starting
            && at <= now
        {
            self.grow(wanted, now);
        }
        while self.day != Day::Quiet && self.next <= now {
            let (tasks, pause) = match self.day {
                Day::Bursts(tasks, every) => (tasks, every * 1000),
                Day::Steady(rate) | Day::List(rate) => {
                    (1, self.random.i64(0..200_000 / rate.max(1)).max(10))
                }
                Day::Quiet => unreachable!(),
            };
            self.push(tasks, self.next);
            self.next += pause;
        }
        for hand in &mut self.hands {
            if hand.until.is_some_and(|end| end <= now) {
                self.done += 1;
                self.failed += i64::from(self.random.i64(0..60) == 0);
                (hand.until, hand.since) = (None, now);
            }
            let takes = hand.until.is_none() && !hand.drains && !hand.deaf;
            if takes && self.waiting.pop_front().is_some() {
                (hand.until, hand.since) =
                    (Some(now + self.task * self.random.i64(70..130) / 100), now);
            }
        }
    }

    pub fn load(&mut self) -> QueueMetrics {
        if self.blind.is_some() {
            return QueueMetrics::UNAVAILABLE;
        }
        let number = |n: usize| Metric::Known(i64::try_from(n).expect("small"));
        if matches!(self.day, Day::List(_)) {
            return QueueMetrics {
                ready: number(self.waiting.len()),
                ..QueueMetrics::UNSUPPORTED
            };
        }
        let live = self.hands.iter().filter(|hand| !hand.drains).count();
        let busy = self
            .hands
            .iter()
            .filter(|hand| !hand.drains && hand.until.is_some())
            .count();
        let cpu = i64::try_from(busy).expect("small") * self.random.i64(70..80)
            + i64::try_from(live).expect("small") * 2;
        QueueMetrics {
            ready: number(self.waiting.len()),
            in_flight: number(
                self.hands
                    .iter()
                    .filter(|hand| hand.until.is_some())
                    .count(),
            ),
            live: number(live),
            busy: number(busy),
            cpu_sum: Metric::Known(cpu),
            oldest_at: self
                .waiting
                .front()
                .map_or(Metric::Unsupported, |at| Metric::Known(*at)),
            processed: Metric::Known(self.done),
            failed: Metric::Known(self.failed),
            busy_millis: Metric::Known(self.done * self.task),
            ..QueueMetrics::UNSUPPORTED
        }
    }

    pub fn workers(&self, now: i64) -> Vec<Worker> {
        if self.blind.is_some() || matches!(self.day, Day::List(_)) {
            return Vec::new();
        }
        let worker = |hand: &Hand| {
            let busy = hand.until.is_some();
            let drain = match (hand.drains, busy) {
                (false, _) => DrainState::None,
                (true, false) if now - hand.since >= 1_000 => DrainState::Drained,
                (true, _) => DrainState::Requested,
            };
            let doing = match (hand.deaf, hand.drains, busy) {
                (true, ..) => Activity::Stalled,
                (_, true, _) => Activity::Draining,
                (.., true) => Activity::Busy,
                _ => Activity::Idle,
            };
            let (lasts, cpu) = (Some(now - hand.since), Some(if busy { 75 } else { 2 }));
            let says = WorkerReport {
                activity: doing,
                since_millis: lasts,
                cpu,
                tasks: u64::from(busy),
            };
            Worker {
                queue: 0,
                id: hand.id(),
                pod: Some(hand.pod.clone()),
                busy,
                drain,
                since: hand.since,
                report: says,
            }
        };
        self.hands.iter().map(worker).collect()
    }

    pub fn pods(&self) -> Vec<Pod> {
        let pod = |hand: &Hand| Pod {
            name: hand.pod.clone(),
            owner: format!("ReplicaSet/{}-worker-5d4f", self.name),
            stage: PodStage::Ready,
            terminating: false,
            cost: hand.cost,
        };
        self.hands.iter().map(pod).collect()
    }

    fn grow(&mut self, wanted: i32, now: i64) {
        self.starting = None;
        while self.hands.len() < usize::try_from(wanted).expect("positive") {
            let letters = b"bcdfghjklmnpqrstvwxz2456789";
            let tail: String = (0..5)
                .map(|_| char::from(letters[self.random.usize(..letters.len())]))
                .collect();
            let pod = format!("{}-worker-5d4f-{tail}", self.name);
            self.hands.push(Hand {
                pod,
                until: None,
                since: now,
                drains: false,
                cost: 0,
                deaf: false,
            });
        }
    }
}

impl Hand {
    fn id(&self) -> String {
        format!("{}.1", self.pod)
    }
}
