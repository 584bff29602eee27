//! What would change the replica count next, and when at the earliest: found by calling [`decide`] for later instants
//! and other backlogs.

use crate::decision::Decision;
use crate::evaluate::decide;
use crate::memory::Memory;
use crate::observation::{Observation, QueueMetrics};
use crate::spec::PoolSpec;
use crate::units::{Millis, Time};

/// The next change in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextChange {
    /// Replicas after the change.
    pub to: i32,
    /// The earliest instant of the change; `None` for immediately.
    pub at: Option<Time>,
    /// How many more tasks must wait for it; below zero, how many fewer there must be; 0 where time alone is enough.
    pub tasks: i64,
}

/// The next change in each direction; `None` where no backlog brings one within a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// The next scale-up.
    pub up: Option<NextChange>,
    /// The next scale-down.
    pub down: Option<NextChange>,
}

/// The most decisions of one scenario, each later than the one before.
const MAX_STEPS: usize = 24;
/// A backlog beyond which more tasks change nothing.
const MAX_TASKS: i64 = 1 << 32;
/// How far ahead to look.
const HORIZON: Millis = Millis::seconds(24 * 3600);

/// What may follow `decision`, which was made from `observation` at `now`.
#[must_use]
pub fn forecast(
    spec: &PoolSpec,
    observation: &Observation,
    decision: &Decision,
    now: Time,
) -> Forecast {
    // Once the decision is written, the next evaluation starts from its replicas.
    let written = Observation {
        replicas: decision.replicas,
        ..observation.clone()
    };
    let scenario = Scenario {
        spec,
        observation: &written,
        decision,
        now,
    };
    Forecast {
        up: scenario.next_change(1, MAX_TASKS),
        down: scenario.next_change(-1, scenario.present_tasks()),
    }
}

#[derive(Clone, Copy)]
struct Scenario<'a> {
    spec: &'a PoolSpec,
    observation: &'a Observation,
    decision: &'a Decision,
    now: Time,
}

impl Scenario<'_> {
    /// The next change in the direction of `sign`: by time alone, else by the fewest tasks more or fewer, up to `most`.
    fn next_change(self, sign: i64, most: i64) -> Option<NextChange> {
        if let Some((at, to)) = self.first_change(0, sign) {
            return Some(NextChange { to, at, tasks: 0 });
        }
        let (at, _) = self.first_change(sign * most, sign)?;
        // The fewest tasks that bring the change at that time; a larger difference never brings it later.
        let tasks = fewest(most, |tasks| {
            self.first_change(sign * tasks, sign)
                .is_some_and(|(changes_at, _)| changes_at <= at)
        })?;
        let (at, to) = self.first_change(sign * tasks, sign)?;
        let tasks = sign * tasks;
        Some(NextChange { to, at, tasks })
    }

    /// Tasks that are ready or in flight.
    fn present_tasks(self) -> i64 {
        let total = self.observation.total();
        let tasks = total.ready.plus(total.in_flight);
        tasks.known().unwrap_or(0).max(0)
    }

    /// When the replica count first changes if the backlog differs by `more` tasks from now on, and to what; `None` where
    /// it changes in the other direction or not at all.
    fn first_change(self, more: i64, sign: i64) -> Option<(Option<Time>, i32)> {
        let observation = Observation {
            queues: with_backlog(&self.observation.queues, more),
            ..self.observation.clone()
        };
        let replicas = observation.replicas;
        let memory = self.decision.memory.clone();
        let (at, decision) = LookAhead::new(self.spec, observation, memory, self.now)
            .take(MAX_STEPS)
            .find(|(_, decision)| decision.replicas != replicas)?;
        let change = i64::from(decision.replicas) - i64::from(replicas);
        let later = (at > self.now).then_some(at);
        (change.signum() == sign).then_some((later, decision.replicas))
    }
}

/// The fewest of at most `most` tasks that `suffice`, which more tasks then do, too; `None` where all do not.
pub fn fewest(most: i64, suffice: impl Fn(i64) -> bool) -> Option<i64> {
    if !suffice(most) {
        return None;
    }
    let (mut too_few, mut enough) = (0, most);
    while too_few + 1 < enough {
        let middle = i64::midpoint(too_few, enough);
        if suffice(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some(enough)
}

/// The decisions that follow within a day, each at the instant that the one before asks for, if the queues stay as they
/// are and every decision is carried out.
#[derive(Debug)]
pub struct LookAhead<'a> {
    spec: &'a PoolSpec,
    observation: Observation,
    memory: Memory,
    start: Time,
    next: Option<Time>,
}

impl<'a> LookAhead<'a> {
    /// From `now` on.
    pub fn new(spec: &'a PoolSpec, observation: Observation, memory: Memory, now: Time) -> Self {
        Self {
            spec,
            observation,
            memory,
            start: now,
            next: Some(now),
        }
    }
}

impl Iterator for LookAhead<'_> {
    type Item = (Time, Decision);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next.filter(|at| *at - self.start <= HORIZON)?;
        let decision = decide(self.spec, &self.observation, &self.memory, at);
        self.next = if decision.replicas == self.observation.replicas {
            // Rates fade a little each second: the further ahead, the longer the strides.
            let fades = decision.memory.rates.iter().any(|rates| rates.arrival > 0);
            let stride = Millis(if fades { (at - self.start).0 / 4 } else { 0 });
            decision
                .requeue_at
                .map(|requeue_at| requeue_at.max(at + stride))
        } else {
            Some(at + Millis(1))
        };
        self.observation.replicas = decision.replicas;
        self.memory = decision.memory.clone();
        Some((at, decision))
    }
}

/// The queues with `more` ready tasks in the first queue; below zero, without as many tasks: in each queue the ready ones
/// first, then those in flight.
pub fn with_backlog(queues: &[QueueMetrics], more: i64) -> Vec<QueueMetrics> {
    let mut queues = queues.to_vec();
    let mut remaining = -more;
    for queue in &mut queues {
        for (metric, in_flight) in [(&mut queue.ready, false), (&mut queue.in_flight, true)] {
            let Some(tasks) = metric.known() else {
                continue;
            };
            let removed = remaining.min(tasks.max(0));
            *metric = metric.map(|tasks| tasks.saturating_sub(removed));
            remaining -= removed;
            if in_flight {
                for used in [&mut queue.busy, &mut queue.slots_in_use] {
                    *used = used.map(|used| used.saturating_sub(removed).max(0));
                }
            }
        }
    }
    queues
}
