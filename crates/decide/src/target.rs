//! `target`: how many workers a proportional rule needs. docs/policies.md says what the drain rules must achieve.

use crate::behavior::{float, is_within_tolerance, whole};
use crate::decision::{Rule, Step};
use crate::memory::Memory;
use crate::observation::{Metric, Observation, QueueMetrics};
use crate::rates::{self, Rates};
use crate::reason::Trigger;
use crate::spec::{Behavior, PoolSpec, Rules, Target};
use crate::units::{Millis, Time};

/// What the targets of one set of rules are evaluated on.
pub(crate) struct TargetInput<'a> {
    /// The sum over the queues of the rules.
    pub total: QueueMetrics,
    /// What is known of it: a lower bound where a queue cannot be read.
    pub least: QueueMetrics,
    /// Each queue with its measured rates.
    pub queues: Vec<(QueueMetrics, Rates)>,
    /// How long a worker takes to start.
    pub startup: Millis,
    /// A worker runs `slots` ÷ `live` tasks at once, the mean of those that live; both are at least 1.
    pub slots: i64,
    pub live: i64,
    /// How many tasks the queues let run at once, where each has a limit, and how many workers that takes.
    pub limit: Option<(i64, i32)>,
    /// Whether workers of the last change may still be starting.
    pub starting: bool,
    /// The replicas that a recommendation would change.
    pub base: i32,
    pub behavior: Option<&'a Behavior>,
    pub now: Time,
}

/// The recommendation of a target.
#[derive(Clone, Debug)]
pub(crate) struct TargetRecommendation {
    pub replicas: i32,
    pub trigger: Trigger,
    /// Whether a small scale-up has a cooldown: the drain rules follow a noisy rate.
    pub dampened: bool,
}

const MILLION: i128 = 1_000_000;

impl TargetInput<'_> {
    /// Whether the queue system tells neither how many workers are busy nor how many tasks are in flight.
    pub fn is_blind(&self) -> bool {
        let total = &self.total;
        (total.busy, total.in_flight) == (Metric::Unsupported, Metric::Unsupported)
    }

    /// The highest recommendation of the targets; every recommendation becomes a step.
    pub fn recommend(
        &self,
        target: &Target,
        steps: &mut Vec<Step>,
    ) -> Option<TargetRecommendation> {
        let rules = [
            (Rule::TasksPerWorker, target.tasks_per_worker),
            (Rule::DrainWithin, target.drain_within.map(|span| span.0)),
            (Rule::MaxWait, target.max_wait.map(|span| span.0)),
        ];
        let mut highest: Option<TargetRecommendation> = None;
        for (rule, limit) in rules {
            let Some(limit) = limit else { continue };
            match self.evaluate(rule, limit) {
                Ok(recommendation) => {
                    steps.push(Step::Target {
                        rule,
                        value: recommendation.trigger.value,
                        threshold: limit,
                        recommended: recommendation.replicas,
                    });
                    if highest
                        .as_ref()
                        .is_none_or(|highest| recommendation.replicas > highest.replicas)
                    {
                        highest = Some(recommendation);
                    }
                }
                Err(step) => steps.push(step),
            }
        }
        highest
    }

    /// The recommendation of one rule, or the step that says why there is none.
    fn evaluate(&self, rule: Rule, limit: i64) -> Result<TargetRecommendation, Step> {
        let apply = |total, tasks| match rule {
            Rule::TasksPerWorker => self.per_worker(tasks, limit),
            _ => self.within(rule, total, tasks, limit),
        };
        match tasks(rule, &self.total) {
            Metric::Known(tasks) | Metric::Estimated(tasks) => Ok(apply(&self.total, tasks)),
            Metric::Unsupported => Err(Step::MetricUnsupported { rule }),
            // The known tasks alone may need more workers, and never fewer.
            Metric::Unavailable => tasks(rule, &self.least)
                .known()
                .map(|tasks| apply(&self.least, tasks))
                .filter(|least| least.replicas > self.base)
                .ok_or(Step::MetricUnavailable { rule }),
        }
    }

    /// `ceil(tasks / limit)`; with `behavior`, nothing changes within its tolerance (HPA's `AverageValue` of an external metric).
    fn per_worker(&self, tasks: i64, limit: i64) -> TargetRecommendation {
        let needed = divide_rounding_up(tasks.into(), limit.into());
        let replicas = self.behavior.map_or(needed, |behavior| {
            // HPA's quantities are in thousandths, which matters for the last bit.
            let usage = float(tasks.saturating_mul(1000));
            let target = float(limit.saturating_mul(1000));
            if is_within_tolerance(behavior, usage, target * float(self.base.into())) {
                self.base
            } else {
                to_replicas(whole((usage / target).ceil()).into())
            }
        });
        TargetRecommendation {
            replicas,
            trigger: Trigger {
                rule: Rule::TasksPerWorker,
                value: tasks,
                threshold: limit,
                queue: None,
            },
            dampened: false,
        }
    }

    /// Workers for what arrives (arrival rate × service time) and for what waits (all of it within what remains of `limit`
    /// after a worker has started), never more than `tasks`.
    fn within(
        &self,
        rule: Rule,
        total: &QueueMetrics,
        tasks: i64,
        limit: i64,
    ) -> TargetRecommendation {
        let waiting = waiting(total).known().unwrap_or(0);
        let oldest = total.oldest_at.known().filter(|_| waiting > 0);
        let waited = oldest.map_or(0, |at| (self.now - Time(at)).0.max(0));
        let late = waited.saturating_mul(10) > limit.saturating_mul(7);
        let tasks = self.workers_for(tasks);
        let needed = self.needed_millionths(limit);
        let mut replicas = divide_rounding_up(
            needed.saturating_mul(self.live.into()),
            MILLION * i128::from(self.slots),
        )
        .max(i32::from(tasks > 0));
        if late {
            let least = match rule {
                Rule::MaxWait => self.base.saturating_add(i32::from(!self.starting)),
                _ => tasks,
            };
            replicas = replicas.max(least);
        }
        let value = if rule == Rule::MaxWait {
            waited
        } else {
            waiting
        };
        TargetRecommendation {
            replicas: replicas.min(tasks),
            trigger: Trigger {
                rule,
                value,
                threshold: limit,
                queue: None,
            },
            dampened: !late,
        }
    }

    /// The workers that run `tasks` at once: no more are of use.
    fn workers_for(&self, tasks: i64) -> i32 {
        divide_rounding_up(i128::from(tasks) * i128::from(self.live), self.slots.into())
    }

    /// The slots that the queues need to drain within `limit` milliseconds, in millionths of a slot.
    fn needed_millionths(&self, limit: i64) -> i128 {
        let remaining = limit.saturating_sub(self.startup.0).max(limit / 5).max(1);
        let mut millionths = 0i128;
        for (queue, rates) in &self.queues {
            // A guess until a task has been measured.
            let service = if rates.service > 0 {
                rates.service
            } else {
                limit.saturating_mul(1000) / 6
            };
            let service = i128::from(service);
            let backlog = i128::from(queue.ready.plus(queue.due).known().unwrap_or(0));
            let arriving = i128::from(rates.arrival) * service / MILLION;
            let waiting = (backlog * service).saturating_mul(1000) / i128::from(remaining);
            millionths = millionths.saturating_add(arriving).saturating_add(waiting);
        }
        millionths
    }
}

/// Tasks that are ready or due.
fn waiting(total: &QueueMetrics) -> Metric {
    total.ready.plus(total.due)
}

/// Tasks that wait or are in flight; only tasksPerWorker works without the number of tasks in flight.
fn tasks(rule: Rule, total: &QueueMetrics) -> Metric {
    match rule {
        Rule::TasksPerWorker => waiting(total).plus(total.in_flight),
        _ => waiting(total).with(total.in_flight),
    }
}

/// Records the rates of each queue.
pub(crate) fn learn(memory: &mut Memory, queues: &[QueueMetrics], now: Time) {
    if memory.rates.len() != queues.len() {
        memory.rates = vec![Rates::default(); queues.len()];
    }
    for (rates, queue) in memory.rates.iter_mut().zip(queues) {
        rates.learn(queue, now);
    }
}

/// When the recommendation of a drain rule may change by time alone: a measured rate fades, a waiting task becomes late,
/// or a worker has started.
pub(crate) fn requeue_at(
    spec: &PoolSpec,
    observation: &Observation,
    memory: &Memory,
    now: Time,
) -> Option<Time> {
    let times = spec
        .rules
        .iter()
        .map(|rules| requeue_rules_at(rules, observation, memory, now));
    times.flatten().min()
}

fn requeue_rules_at(
    rules: &Rules,
    observation: &Observation,
    memory: &Memory,
    now: Time,
) -> Option<Time> {
    let limits: Vec<Millis> = [rules.target.drain_within, rules.target.max_wait]
        .into_iter()
        .flatten()
        .collect();
    if limits.is_empty() {
        return None;
    }
    let mut measured = rules
        .queues
        .iter()
        .filter_map(|queue| memory.rates.get(*queue));
    let fades = measured.any(|rates| rates.arrival > 0);
    let faded = fades.then(|| now + rates::STEP);
    let oldest = rules
        .queues
        .iter()
        .filter_map(|queue| observation.queues.get(*queue)?.oldest_at.known())
        .min();
    let started = oldest
        .and(memory.last_change)
        .map(|last| last + memory.startup.span());
    let late = limits
        .into_iter()
        .filter_map(|limit| Some(Time(oldest?) + limit.tenths(7) + Millis(1)));
    let later = late.chain(started).filter(|at| *at > now);
    later.chain(faded).min()
}

fn divide_rounding_up(part: i128, whole: i128) -> i32 {
    to_replicas(part.saturating_add(whole - 1) / whole.max(1))
}

fn to_replicas(n: i128) -> i32 {
    i32::try_from(n.max(0)).unwrap_or(i32::MAX)
}
