//! The queue played: tasks arrive, workers start, take them and finish, and the real `decide` looks on as it does in
//! the operator. A discrete-event simulation: its cost is that of its events, not of its time.

use super::random::{Random, Service};
use super::summary::Summary;
use api::ScheduledSpec;
use decide::{Decision, Memory, Metric, Millis, Observation, QueueMetrics, Time, decide};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The work, and what does it.
#[derive(Clone, Debug)]
pub struct Work {
    /// When the play begins, in microseconds since 1970.
    pub begin: i64,
    /// When each task arrives, in microseconds since 1970, in order.
    pub arrivals: Vec<i64>,
    /// How long one takes.
    pub service: Service,
    /// How long a new worker takes until it can take its first task: a fixed time, a random one would flatter.
    pub startup: Millis,
    /// What chance begins with.
    pub seed: u64,
    /// Workers at the beginning, all of them started.
    pub workers: i32,
    /// What had been remembered by then.
    pub memory: Memory,
    /// A task that waited longer is late.
    pub slo: Millis,
}

/// When the facts are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polling {
    /// As the operator does: woken by each change of what is ready, and otherwise after this time.
    Push(Millis),
    /// Each so often and not in between, as the HPA does.
    Every(Millis),
}

/// What a queue tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telemetry {
    /// All that the reference protocol does, but for the CPU.
    Everything,
    /// The number of waiting tasks alone, as a plain list.
    Length,
}

/// One look, as it is handed to whoever watches.
#[derive(Debug)]
pub struct Moment<'a> {
    /// When.
    pub at: Time,
    /// Tasks that waited.
    pub ready: usize,
    /// Workers that held a task.
    pub busy: usize,
    /// Workers that could take one.
    pub live: usize,
    /// What came of it.
    pub decision: &'a Decision,
}

/// After a wake-up the next comes no sooner; as the operator has it.
const STORM: i64 = 10_000;
/// Nothing moves for this long with tasks waiting: they never will.
const STUCK: i64 = 24 * 3600 * 1_000_000;
/// A play is bounded.
const LOOKS: u64 = 50_000_000;

/// Plays `work` to its end.
///
/// # Errors
/// With a sentence, when tasks are left that no worker will ever take.
pub fn play(
    wishes: &mut ScheduledSpec,
    work: &Work,
    looks: Polling,
    tells: Telemetry,
    watch: &mut dyn FnMut(&Moment<'_>),
) -> Result<Summary, String> {
    let mut stage = Stage::new(work);
    let every = match looks {
        Polling::Push(every) | Polling::Every(every) => every.0.max(1) * 1000,
    };
    let mut memory = work.memory.clone();
    // The first look, the next by the clock, the one that the last decision asked for, and the one that was woken.
    let (mut due, mut last, mut count) = (work.begin, i64::MIN / 2, 0u64);
    while !stage.is_done() {
        if stage.changed && matches!(looks, Polling::Push(_)) {
            due = due.min((last + STORM).max(stage.now));
        }
        if stage.next().is_some_and(|event| event <= due) {
            stage.step();
            continue;
        }
        stage.advance(due);
        let at = Time(due.div_euclid(1000));
        let seen = Observation {
            replicas: stage.replicas,
            queues: vec![stage.told(tells)],
            unavailable_reason: None,
        };
        let decision = decide(wishes.at(at), &seen, &memory, at);
        watch(&Moment {
            at,
            ready: stage.ready.len(),
            busy: stage.busy.len(),
            live: stage.live,
            decision: &decision,
        });
        stage.scale(decision.replicas);
        stage.changed = false;
        last = due;
        due += every;
        if let (Polling::Push(_), Some(again)) = (looks, decision.requeue_at) {
            due = due.min((again.0 * 1000).max(last + 1000));
        }
        memory = decision.memory;
        count += 1;
        if count > LOOKS || last - stage.moved > STUCK {
            return Err(format!(
                "{} tasks are never taken: the pool stays at {} workers ({})",
                stage.ready.len(),
                stage.replicas,
                messages::message(&decision.reason, stage.replicas, stage.replicas)
            ));
        }
    }
    Ok(stage.summary(work.slo))
}

/// Queue and workers. Instants and spans are in microseconds.
struct Stage<'a> {
    work: &'a Work,
    services: Random,
    now: i64,
    /// When a task or a worker last came, was taken or went.
    moved: i64,
    arrived: usize,
    ready: VecDeque<i64>,
    /// When each busy worker will be done, and how long that task took.
    busy: BinaryHeap<Reverse<(i64, i64)>>,
    /// When each new worker will be there, the soonest first.
    starting: VecDeque<i64>,
    /// Workers that are there, busy ones and those that leave included.
    live: usize,
    /// Workers that leave as soon as their task is done.
    leaving: usize,
    replicas: i32,
    done: i64,
    spent: i64,
    waits: Vec<i64>,
    changes: u64,
    /// The area under the number of workers.
    paid: i64,
    /// Whether what is ready has changed since the last look.
    changed: bool,
}

impl<'a> Stage<'a> {
    fn new(work: &'a Work) -> Self {
        Self {
            work,
            services: Random::new(work.seed, 2),
            now: work.begin,
            moved: work.begin,
            arrived: 0,
            ready: VecDeque::new(),
            busy: BinaryHeap::new(),
            starting: VecDeque::new(),
            live: usize::try_from(work.workers).unwrap_or(0),
            leaving: 0,
            replicas: work.workers.max(0),
            done: 0,
            spent: 0,
            waits: Vec::with_capacity(work.arrivals.len()),
            changes: 0,
            paid: 0,
            changed: false,
        }
    }

    fn is_done(&self) -> bool {
        self.waits.len() == self.work.arrivals.len() && self.busy.is_empty()
    }

    /// When something happens next without anybody deciding.
    fn next(&self) -> Option<i64> {
        let arrival = self.work.arrivals.get(self.arrived).copied();
        let done = self.busy.peek().map(|Reverse((at, _))| *at);
        [arrival, done, self.starting.front().copied()]
            .into_iter()
            .flatten()
            .min()
    }

    fn advance(&mut self, to: i64) {
        let workers = self.live + self.starting.len();
        self.paid += (to - self.now)
            .max(0)
            .saturating_mul(i64::try_from(workers).unwrap_or(i64::MAX));
        self.now = self.now.max(to);
    }

    /// The next of the events.
    fn step(&mut self) {
        let Some(at) = self.next() else { return };
        self.advance(at);
        self.moved = at;
        if self.starting.front() == Some(&at) {
            self.starting.pop_front();
            self.live += 1;
        } else if let Some(Reverse((_, took))) = self
            .busy
            .peek()
            .copied()
            .filter(|Reverse((end, _))| *end == at)
        {
            self.busy.pop();
            self.done += 1;
            self.spent += took;
            if self.leaving > 0 {
                self.leaving -= 1;
                self.live -= 1;
            }
        } else {
            self.ready.push_back(at);
            self.arrived += 1;
            self.changed = true;
        }
        while self.busy.len() < self.live
            && let Some(pushed) = self.ready.pop_front()
        {
            self.waits.push(self.now - pushed);
            let took = self.work.service.sample(&mut self.services);
            self.busy.push(Reverse((self.now + took, took)));
            self.changed = true;
        }
    }

    /// What the queue tells of itself now.
    fn told(&self, tells: Telemetry) -> QueueMetrics {
        let count = |n: usize| Metric::Known(i64::try_from(n).unwrap_or(i64::MAX));
        let ready = count(self.ready.len());
        if tells == Telemetry::Length {
            return QueueMetrics {
                ready,
                ..QueueMetrics::UNSUPPORTED
            };
        }
        QueueMetrics {
            ready,
            in_flight: count(self.busy.len()),
            live: count(self.live - self.leaving),
            busy: count(self.busy.len() - self.leaving),
            oldest_at: self
                .ready
                .front()
                .map_or(Metric::Unsupported, |at| Metric::Known(at.div_euclid(1000))),
            arrived: count(self.arrived),
            processed: Metric::Known(self.done),
            failed: Metric::Known(0),
            busy_millis: Metric::Known(self.spent / 1000),
            ..QueueMetrics::UNSUPPORTED
        }
    }

    /// Starts workers or lets some go: those that start first, then idle ones; a busy one finishes its task.
    fn scale(&mut self, replicas: i32) {
        let change = replicas - self.replicas;
        if change == 0 {
            return;
        }
        self.changes += 1;
        self.replicas = replicas;
        let mut left = usize::try_from(change.unsigned_abs()).unwrap_or(0);
        if change > 0 {
            let there = self.now + self.work.startup.0 * 1000;
            self.starting.extend(std::iter::repeat_n(there, left));
            return;
        }
        while left > 0 && self.starting.pop_back().is_some() {
            left -= 1;
        }
        let idle = left.min(self.live - self.busy.len());
        self.live -= idle;
        self.leaving += left - idle;
    }

    fn summary(self, slo: Millis) -> Summary {
        Summary::new(self.waits, slo, self.paid, self.spent, self.changes)
    }
}
