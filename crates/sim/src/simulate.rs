//! Simulates a queue: tasks arrive, workers start, take tasks and finish them, and the real `decide` scales them as in
//! the operator. A discrete-event simulation: its cost depends on the number of events, not on the simulated time.

use crate::random::{Random, Service};
use crate::summary::Summary;
use api::ScheduledSpec;
use decide::{Decision, Memory, Metric, Millis, Observation, QueueMetrics, Time, decide};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The tasks, and the workers at the start.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Start of the simulation, in microseconds since 1970.
    pub start: i64,
    /// Arrival time of each task, in microseconds since 1970, in ascending order.
    pub arrivals: Vec<i64>,
    /// Distribution of the service time.
    pub service: Service,
    /// How long a new worker takes until it can take its first task. A fixed time: a random one would flatter.
    pub startup: Millis,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Workers at the start, all of them started.
    pub workers: i32,
    /// Memory of the pool at the start.
    pub memory: Memory,
    /// A task that waits longer than this is late.
    pub slo: Millis,
}

/// When the queue is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polling {
    /// As by the operator: on each change of the ready tasks, and otherwise after this interval.
    Push(Millis),
    /// As by the HPA: at this interval only.
    Every(Millis),
}

/// Which metrics the queue reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telemetry {
    /// All metrics of the reference protocol except the CPU.
    Everything,
    /// The CPU too: a busy worker uses all of its own.
    WithCpu,
    /// The number of waiting tasks only, as of a plain list.
    Length,
}

/// One poll of a simulation.
#[derive(Debug)]
pub struct Poll<'a> {
    /// Time of the poll.
    pub at: Time,
    /// Waiting tasks.
    pub ready: usize,
    /// Workers that hold a task.
    pub busy: usize,
    /// Workers that have started.
    pub live: usize,
    /// The decision on it.
    pub decision: &'a Decision,
}

/// The minimum time between two polls caused by changes, in microseconds; the operator has the same.
const MIN_POLL_GAP: i64 = 10_000;
/// When tasks wait and nothing happens for this long, in microseconds, they will wait forever.
const STUCK_AFTER: i64 = 24 * 3600 * 1_000_000;
/// The maximum number of polls of a simulation.
const MAX_POLLS: u64 = 50_000_000;

/// Simulates `workload` until all tasks are done.
///
/// # Errors
/// With a message, when tasks are left that no worker will ever take.
pub fn simulate(
    spec: &mut ScheduledSpec,
    workload: &Workload,
    polling: Polling,
    telemetry: Telemetry,
    on_poll: &mut dyn FnMut(&Poll<'_>),
) -> Result<Summary, String> {
    let mut simulation = Simulation::new(workload);
    let mut memory = workload.memory.clone();
    let interval = match polling {
        Polling::Push(interval) | Polling::Every(interval) => interval.0.max(1) * 1000,
    };
    let mut next_poll = workload.start;
    let mut last_poll = i64::MIN / 2;
    let mut polls = 0u64;
    while !simulation.is_done() {
        if simulation.changed && matches!(polling, Polling::Push(_)) {
            next_poll = next_poll.min((last_poll + MIN_POLL_GAP).max(simulation.now));
        }
        if simulation
            .next_event()
            .is_some_and(|event| event <= next_poll)
        {
            simulation.step();
            continue;
        }
        simulation.advance(next_poll);
        let at = Time(next_poll.div_euclid(1000));
        let observation = simulation.observe(telemetry);
        let decision = decide(spec.at(at), &observation, &memory, at);
        on_poll(&Poll {
            at,
            ready: simulation.ready.len(),
            busy: simulation.busy.len(),
            live: simulation.live,
            decision: &decision,
        });
        simulation.scale(decision.replicas);
        simulation.changed = false;
        last_poll = next_poll;
        next_poll += interval;
        if let (Polling::Push(_), Some(requeue_at)) = (polling, decision.requeue_at) {
            next_poll = next_poll.min((requeue_at.0 * 1000).max(last_poll + 1000));
        }
        memory = decision.memory;
        polls += 1;
        if polls > MAX_POLLS || last_poll - simulation.last_event > STUCK_AFTER {
            let replicas = simulation.replicas;
            return Err(format!(
                "{} tasks are never processed: the pool stays at {replicas} workers ({})",
                simulation.ready.len(),
                messages::message(&decision.reason, replicas, replicas)
            ));
        }
    }
    Ok(simulation.summary(workload.slo))
}

/// The queue and the workers. Times and durations are in microseconds.
struct Simulation<'a> {
    workload: &'a Workload,
    service_times: Random,
    now: i64,
    /// When a task or a worker last arrived, started or finished.
    last_event: i64,
    arrived: usize,
    /// Arrival times of the waiting tasks.
    ready: VecDeque<i64>,
    /// Of each busy worker, when it finishes, and how long its task takes.
    busy: BinaryHeap<Reverse<(i64, i64)>>,
    /// When each new worker has started, the earliest first.
    starting: VecDeque<i64>,
    /// Workers that have started, including busy and terminating ones.
    live: usize,
    /// Workers that end as soon as their task is done.
    terminating: usize,
    replicas: i32,
    completed: i64,
    /// The service times of the completed tasks.
    service_time: i64,
    waits: Vec<i64>,
    changes: u64,
    /// The lifetimes of all workers.
    worker_time: i64,
    /// Whether the ready tasks have changed since the last poll.
    changed: bool,
}

impl<'a> Simulation<'a> {
    fn new(workload: &'a Workload) -> Self {
        Self {
            workload,
            service_times: Random::new(workload.seed, 2),
            now: workload.start,
            last_event: workload.start,
            arrived: 0,
            ready: VecDeque::new(),
            busy: BinaryHeap::new(),
            starting: VecDeque::new(),
            live: usize::try_from(workload.workers).unwrap_or(0),
            terminating: 0,
            replicas: workload.workers.max(0),
            completed: 0,
            service_time: 0,
            waits: Vec::with_capacity(workload.arrivals.len()),
            changes: 0,
            worker_time: 0,
            changed: false,
        }
    }

    fn is_done(&self) -> bool {
        self.waits.len() == self.workload.arrivals.len() && self.busy.is_empty()
    }

    /// When a task next arrives or finishes, or a worker has started.
    fn next_event(&self) -> Option<i64> {
        let arrival = self.workload.arrivals.get(self.arrived).copied();
        let finish = self.busy.peek().map(|Reverse((at, _))| *at);
        [arrival, finish, self.starting.front().copied()]
            .into_iter()
            .flatten()
            .min()
    }

    fn advance(&mut self, to: i64) {
        let workers = self.live + self.starting.len();
        self.worker_time += (to - self.now)
            .max(0)
            .saturating_mul(i64::try_from(workers).unwrap_or(i64::MAX));
        self.now = self.now.max(to);
    }

    /// Advances to the next event.
    fn step(&mut self) {
        let Some(at) = self.next_event() else { return };
        self.advance(at);
        self.last_event = at;
        if self.starting.front() == Some(&at) {
            self.starting.pop_front();
            self.live += 1;
        } else if let Some(Reverse((_, service_time))) = self
            .busy
            .peek()
            .copied()
            .filter(|Reverse((finish, _))| *finish == at)
        {
            self.busy.pop();
            self.completed += 1;
            self.service_time += service_time;
            if self.terminating > 0 {
                self.terminating -= 1;
                self.live -= 1;
            }
        } else {
            self.ready.push_back(at);
            self.arrived += 1;
            self.changed = true;
        }
        self.assign_tasks();
    }

    /// Gives waiting tasks to idle workers.
    fn assign_tasks(&mut self) {
        while self.busy.len() < self.live
            && let Some(arrival) = self.ready.pop_front()
        {
            self.waits.push(self.now - arrival);
            let service_time = self.workload.service.sample(&mut self.service_times);
            self.busy
                .push(Reverse((self.now + service_time, service_time)));
            self.changed = true;
        }
    }

    fn observe(&self, telemetry: Telemetry) -> Observation {
        Observation {
            replicas: self.replicas,
            queues: vec![self.metrics(telemetry)],
            unavailable: None,
        }
    }

    fn metrics(&self, telemetry: Telemetry) -> QueueMetrics {
        let count = |n: usize| Metric::Known(i64::try_from(n).unwrap_or(i64::MAX));
        let ready = count(self.ready.len());
        if telemetry == Telemetry::Length {
            return QueueMetrics {
                ready,
                ..QueueMetrics::UNSUPPORTED
            };
        }
        let busy = self.busy.len() - self.terminating;
        QueueMetrics {
            ready,
            cpu_sum: match telemetry {
                Telemetry::WithCpu => count(100 * busy),
                _ => Metric::Unsupported,
            },
            in_flight: count(self.busy.len()),
            live: count(self.live - self.terminating),
            busy: count(busy),
            oldest_at: self
                .ready
                .front()
                .map_or(Metric::Unsupported, |at| Metric::Known(at.div_euclid(1000))),
            arrived: count(self.arrived),
            processed: Metric::Known(self.completed),
            failed: Metric::Known(0),
            busy_millis: Metric::Known(self.service_time / 1000),
            ..QueueMetrics::UNSUPPORTED
        }
    }

    /// Starts workers, or removes some: first those that are starting, then idle ones; a busy one finishes its task.
    fn scale(&mut self, replicas: i32) {
        let change = replicas - self.replicas;
        if change == 0 {
            return;
        }
        self.changes += 1;
        self.replicas = replicas;
        let mut remaining = usize::try_from(change.unsigned_abs()).unwrap_or(0);
        if change > 0 {
            let started_at = self.now + self.workload.startup.0 * 1000;
            self.starting
                .extend(std::iter::repeat_n(started_at, remaining));
            return;
        }
        while remaining > 0 && self.starting.pop_back().is_some() {
            remaining -= 1;
        }
        let idle = remaining.min(self.live - self.busy.len());
        self.live -= idle;
        self.terminating += remaining - idle;
    }

    fn summary(self, slo: Millis) -> Summary {
        Summary::new(
            self.waits,
            slo,
            self.worker_time,
            self.service_time,
            self.changes,
        )
    }
}
