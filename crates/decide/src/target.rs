//! `target`: how many workers a proportional rule needs. What the rules of drain time must reach is in docs/policies.md.

use super::decision::{Rule, Step};
use super::memory::Memory;
use super::rates::Rates;
use super::units::{Millis, Time};
use crate::observation::{Load, Metric};
use crate::reason::Trigger;
use crate::spec::{Behavior, Target};

/// What the rules of one set look at.
pub(super) struct TargetInput<'a> {
    /// The sum.
    pub total: Load,
    /// Each queue with what was measured of it.
    pub queues: Vec<(Load, Rates)>,
    /// How long a worker takes to start.
    pub startup: Millis,
    /// Whether workers of the last rise may still be starting.
    pub starting: bool,
    /// The number that an answer would change.
    pub base: i32,
    pub behavior: Option<&'a Behavior>,
    pub now: Time,
}

/// An answer of a target.
#[derive(Clone, Debug)]
pub(super) struct TargetRecommendation {
    pub replicas: i32,
    pub trigger: Trigger,
    /// Whether a small rise has to wait: the drain rules follow a noisy rate.
    pub dampened: bool,
}

const MILLION: i128 = 1_000_000;

impl TargetInput<'_> {
    /// The largest answer of the set's targets; every one of them goes into the trail.
    pub fn recommend(
        &self,
        target: &Target,
        trail: &mut Vec<Step>,
    ) -> Option<TargetRecommendation> {
        let (waiting, present) = self.tasks();
        let rules = [
            (Rule::TasksPerWorker, target.tasks_per_worker),
            (Rule::DrainWithin, target.drain_within.map(|span| span.0)),
            (Rule::MaxWait, target.max_wait.map(|span| span.0)),
        ];
        let mut best: Option<TargetRecommendation> = None;
        for (rule, limit) in rules {
            let Some(limit) = limit else { continue };
            // Only tasksPerWorker makes do without the number of running tasks.
            let facts = if rule == Rule::TasksPerWorker {
                waiting.plus(present)
            } else {
                join(waiting, present)
            };
            let answer = match (facts, rule) {
                (Metric::Unavailable, _) => Err(Step::MetricUnavailable { rule }),
                (Metric::Unsupported, _) => Err(Step::MetricUnsupported { rule }),
                (Metric::Known(_), Rule::TasksPerWorker) => Ok(self.per_worker(limit)),
                (Metric::Known(_), _) => Ok(self.within(rule, limit)),
            };
            match answer {
                Ok(answer) => {
                    let Trigger {
                        value,
                        threshold: limit,
                        ..
                    } = answer.trigger;
                    trail.push(Step::Target {
                        rule,
                        value,
                        limit,
                        answer: answer.replicas,
                    });
                    if best
                        .as_ref()
                        .is_none_or(|best| answer.replicas > best.replicas)
                    {
                        best = Some(answer);
                    }
                }
                Err(step) => trail.push(step),
            }
        }
        best
    }

    /// Tasks that wait or will within the look-ahead, and tasks that run.
    fn tasks(&self) -> (Metric, Metric) {
        (self.total.ready.plus(self.total.due), self.total.in_flight)
    }

    /// `ceil(tasks / limit)`; with `behavior` nothing changes within its tolerance (HPA's `AverageValue` of an external metric).
    fn per_worker(&self, limit: i64) -> TargetRecommendation {
        let (waiting, running) = self.tasks();
        let tasks = waiting.plus(running).known().unwrap_or(0);
        let wanted = ceil(tasks.into(), limit.into());
        let (ratio, one) = (
            i128::from(tasks) * MILLION,
            i128::from(limit) * i128::from(self.base),
        );
        let calm = self.behavior.is_some_and(|behavior| {
            ratio >= one * (MILLION - i128::from(behavior.down.tolerance))
                && ratio <= one * (MILLION + i128::from(behavior.up.tolerance))
        });
        let number = if calm { self.base } else { wanted };
        let cause = Trigger {
            rule: Rule::TasksPerWorker,
            value: tasks,
            threshold: limit,
            queue: None,
        };
        TargetRecommendation {
            replicas: number,
            trigger: cause,
            dampened: false,
        }
    }

    /// Workers for what arrives (rate × service time) and for what waits (all of it within what is left of `limit` once
    /// a worker has started), never more than there are tasks.
    fn within(&self, rule: Rule, limit: i64) -> TargetRecommendation {
        let (waiting, running) = self.tasks();
        let (waiting, running) = (waiting.known().unwrap_or(0), running.known().unwrap_or(0));
        let present = waiting.saturating_add(running);
        let left = (limit - self.startup.0).max(limit / 5).max(1);
        let mut millionths: i128 = 0;
        for (load, rates) in &self.queues {
            // A guess until a task has been seen from start to end.
            let service = if rates.service > 0 {
                rates.service
            } else {
                limit.saturating_mul(1000) / 6
            };
            let backlog = load.ready.plus(load.due).known().unwrap_or(0);
            let (service, backlog) = (i128::from(service), i128::from(backlog));
            millionths += i128::from(rates.arrival) * service / MILLION
                + backlog * service * 1000 / i128::from(left);
        }
        let oldest = self.total.oldest_at.known().filter(|_| waiting > 0);
        let waited = oldest.map_or(0, |at| (self.now.0 - at).max(0));
        let late = waited.saturating_mul(10) > limit.saturating_mul(7);
        let mut number = ceil(millionths, MILLION).max(i32::from(present > 0));
        if late {
            let least = match rule {
                Rule::MaxWait => self.base.saturating_add(i32::from(!self.starting)),
                _ => clip(present.into()),
            };
            number = number.max(least);
        }
        number = number.min(clip(present.into()));
        let value = if rule == Rule::MaxWait {
            waited
        } else {
            waiting
        };
        TargetRecommendation {
            replicas: number,
            trigger: Trigger {
                rule,
                value,
                threshold: limit,
                queue: None,
            },
            dampened: !late,
        }
    }
}

/// The rates of each queue after this look.
pub(super) fn learn(memory: &mut Memory, queues: &[Load], now: Time) {
    if memory.rates.len() != queues.len() {
        memory.rates = vec![Rates::default(); queues.len()];
    }
    for (rates, seen) in memory.rates.iter_mut().zip(queues) {
        rates.learn(seen, now);
    }
}

/// Known where both are, and not told where one is not.
fn join(a: Metric, b: Metric) -> Metric {
    match (a, b) {
        (Metric::Unavailable, _) | (_, Metric::Unavailable) => Metric::Unavailable,
        (Metric::Unsupported, _) | (_, Metric::Unsupported) => Metric::Unsupported,
        (Metric::Known(a), Metric::Known(b)) => Metric::Known(a.saturating_add(b)),
    }
}

fn ceil(part: i128, whole: i128) -> i32 {
    clip((part + whole - 1) / whole.max(1))
}

fn clip(n: i128) -> i32 {
    i32::try_from(n.max(0)).unwrap_or(i32::MAX)
}
