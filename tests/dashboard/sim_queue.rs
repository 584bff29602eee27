//! A simulation of one pool's queue and workers: what a real Redis and a real controller would report.
#![allow(dead_code, reason = "the tests and the program use different parts")]

use decide::victims::{Activity, DELETE_FIRST, DrainState, Pod, PodStage, Worker, WorkerReport};
use decide::{Metric, QueueMetrics};
use std::collections::VecDeque;

/// How tasks arrive.
#[derive(Clone, Copy, PartialEq)]
pub enum Workload {
    /// Only tasks that a test pushes.
    Quiet,
    /// This many tasks at once, each time this many seconds have passed.
    Bursts(i64, i64),
    /// This many tasks in 100 seconds.
    Steady(i64),
    /// The same in a plain list, which reports no workers.
    List(i64),
}

/// A pod and the worker in it.
struct SimWorker {
    pod: String,
    /// When its task ends.
    busy_until: Option<i64>,
    since: i64,
    draining: bool,
    cost: i32,
    /// It lives but claims no tasks.
    stalled: bool,
}

pub struct SimQueue {
    pub workload: Workload,
    /// Milliseconds per task.
    pub task: i64,
    /// Why polls fail, while they do.
    pub error: Option<String>,
    name: String,
    waiting: VecDeque<i64>,
    workers: Vec<SimWorker>,
    /// The replica count to start, and when the new workers are ready.
    starting: Option<(i32, i64)>,
    done: i64,
    failed: i64,
    next_arrival: i64,
    random: fastrand::Rng,
}

impl SimQueue {
    pub fn new(
        name: &str,
        workload: Workload,
        task: i64,
        workers: i32,
        start: i64,
        seed: u64,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let next_arrival = match workload {
            Workload::Bursts(_, every) => start + random.i64(0..every * 1000),
            _ => start,
        };
        let mut queue = Self {
            workload,
            task,
            error: None,
            name: name.to_owned(),
            waiting: VecDeque::new(),
            workers: Vec::new(),
            starting: None,
            done: 40,
            failed: 1,
            next_arrival,
            random,
        };
        queue.start_workers(workers, start);
        queue
    }

    pub fn push(&mut self, tasks: i64, now: i64) {
        (0..tasks).for_each(|_| self.waiting.push_back(now));
    }

    /// Sets the replica count. New workers are ready a little later; surplus ones are removed at once, the marked ones
    /// first, as a `ReplicaSet` does.
    pub fn scale(&mut self, replicas: i32, now: i64) {
        let count = usize::try_from(replicas).expect("positive");
        if count <= self.workers.len() {
            self.workers
                .sort_by_key(|worker| std::cmp::Reverse(worker.cost));
            self.workers.truncate(count);
            self.starting = None;
        } else {
            self.starting = Some((replicas, now + 2_500));
        }
    }

    /// Requests workers to drain, or to resume.
    pub fn drain(&mut self, ids: &[(usize, String)], drain: bool, now: i64) {
        for worker in self
            .workers
            .iter_mut()
            .filter(|worker| ids.iter().any(|(_, id)| *id == worker.id()))
        {
            if worker.draining != drain {
                (worker.draining, worker.since) = (drain, now);
            }
        }
    }

    pub fn mark(&mut self, marks: &[(String, bool)]) {
        for (pod, mark) in marks {
            if let Some(worker) = self.workers.iter_mut().find(|worker| worker.pod == *pod) {
                worker.cost = if *mark { DELETE_FIRST } else { 0 };
            }
        }
    }

    /// Stalls the first idle worker, since 25 seconds ago.
    pub fn stall(&mut self, now: i64) {
        if let Some(worker) = self
            .workers
            .iter_mut()
            .find(|worker| worker.busy_until.is_none())
        {
            (worker.stalled, worker.since) = (true, now - 25_000);
        }
    }

    pub fn step(&mut self, now: i64) {
        if let Some((replicas, ready_at)) = self.starting
            && ready_at <= now
        {
            self.start_workers(replicas, now);
        }
        while self.workload != Workload::Quiet && self.next_arrival <= now {
            let (tasks, pause) = match self.workload {
                Workload::Bursts(tasks, every) => (tasks, every * 1000),
                Workload::Steady(rate) | Workload::List(rate) => {
                    (1, self.random.i64(0..200_000 / rate.max(1)).max(10))
                }
                Workload::Quiet => unreachable!(),
            };
            self.push(tasks, self.next_arrival);
            self.next_arrival += pause;
        }
        for worker in &mut self.workers {
            if worker.busy_until.is_some_and(|end| end <= now) {
                self.done += 1;
                self.failed += i64::from(self.random.i64(0..60) == 0);
                (worker.busy_until, worker.since) = (None, now);
            }
            let claims = worker.busy_until.is_none() && !worker.draining && !worker.stalled;
            if claims && self.waiting.pop_front().is_some() {
                (worker.busy_until, worker.since) =
                    (Some(now + self.task * self.random.i64(70..130) / 100), now);
            }
        }
    }

    pub fn load(&mut self) -> QueueMetrics {
        if self.error.is_some() {
            return QueueMetrics::UNAVAILABLE;
        }
        let number = |n: usize| i64::try_from(n).expect("small");
        let known = |n: usize| Metric::Known(number(n));
        if matches!(self.workload, Workload::List(_)) {
            return QueueMetrics {
                ready: known(self.waiting.len()),
                ..QueueMetrics::UNSUPPORTED
            };
        }
        let is_busy = |worker: &&SimWorker| worker.busy_until.is_some();
        let in_flight = self.workers.iter().filter(is_busy).count();
        let not_draining = || self.workers.iter().filter(|worker| !worker.draining);
        let live = not_draining().count();
        let busy = not_draining().filter(is_busy).count();
        let cpu = number(busy) * self.random.i64(70..80) + number(live) * 2;
        QueueMetrics {
            ready: known(self.waiting.len()),
            in_flight: known(in_flight),
            live: known(live),
            busy: known(busy),
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
        if self.error.is_some() || matches!(self.workload, Workload::List(_)) {
            return Vec::new();
        }
        self.workers
            .iter()
            .map(|worker| worker.registration(now))
            .collect()
    }

    pub fn pods(&self) -> Vec<Pod> {
        let pod = |worker: &SimWorker| Pod {
            name: worker.pod.clone(),
            owner: format!("ReplicaSet/{}-worker-5d4f", self.name),
            stage: PodStage::Ready,
            ready_since: None,
            terminating: false,
            cost: worker.cost,
            address: None,
        };
        self.workers.iter().map(pod).collect()
    }

    fn start_workers(&mut self, replicas: i32, now: i64) {
        self.starting = None;
        while self.workers.len() < usize::try_from(replicas).expect("positive") {
            let letters = b"bcdfghjklmnpqrstvwxz2456789";
            let suffix: String = (0..5)
                .map(|_| char::from(letters[self.random.usize(..letters.len())]))
                .collect();
            self.workers.push(SimWorker {
                pod: format!("{}-worker-5d4f-{suffix}", self.name),
                busy_until: None,
                since: now,
                draining: false,
                cost: 0,
                stalled: false,
            });
        }
    }
}

impl SimWorker {
    fn id(&self) -> String {
        format!("{}.1", self.pod)
    }

    fn registration(&self, now: i64) -> Worker {
        let busy = self.busy_until.is_some();
        let drain = match (self.draining, busy) {
            (false, _) => DrainState::None,
            (true, false) if now - self.since >= 1_000 => DrainState::Drained,
            (true, _) => DrainState::Requested,
        };
        let activity = match (self.stalled, self.draining, busy) {
            (true, ..) => Activity::Stalled,
            (_, true, _) => Activity::Draining,
            (.., true) => Activity::Busy,
            _ => Activity::Idle,
        };
        Worker {
            queue: 0,
            id: self.id(),
            pod: Some(self.pod.clone()),
            namespace: None,
            slots: 1,
            busy,
            drain,
            since: self.since,
            report: WorkerReport {
                activity,
                since_millis: Some(now - self.since),
                cpu: Some(if busy { 75 } else { 2 }),
                tasks: u64::from(busy),
                task_millis: None,
            },
        }
    }
}
