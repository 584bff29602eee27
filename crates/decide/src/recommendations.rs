//! What each set of rules recommends for one observation, and what the sets recommend together: the highest replica count.

use crate::constraints::cooldown_end;
use crate::decision::{Constraint, Step};
use crate::memory::Memory;
use crate::observation::{Metric, Observation, QueueMetrics};
use crate::reason::{Reason, Trigger};
use crate::rules::{self, Conditions};
use crate::spec::{PoolSpec, Rules, ScaleDown, Target};
use crate::target::TargetInput;
use crate::units::{Millis, Time};

/// A recommended scale-up.
#[derive(Clone, Debug)]
pub(crate) struct Recommendation {
    pub replicas: i32,
    pub trigger: Trigger,
    /// Whether a small scale-up has a cooldown.
    pub dampened: bool,
    /// When the cooldown of the rule ends; `None` where it is not running.
    pub until: Option<Time>,
}

/// All recommendations for one observation.
#[derive(Debug)]
pub(crate) struct Recommendations {
    /// The highest scale-up that is not in a cooldown.
    pub allowed: Option<Recommendation>,
    /// The highest scale-up that is in a cooldown.
    pub in_cooldown: Option<Recommendation>,
    /// When the first of the cooldowns ends that hold back a scale-up.
    pub cooldown_ends: Option<Time>,
    /// The replicas that are enough for all sets of rules; the present ones where a set allows no scale-down.
    pub scale_down_to: i32,
    /// The target that recommends `scale_down_to`; `None` where the conditions of `scaleDown` do.
    pub scale_down_trigger: Option<Trigger>,
    /// The strictest combination of all `scaleDown`s.
    pub down: Option<ScaleDown>,
    /// Whether the conditions of all of them are met.
    pub conditions: Conditions,
    /// Whether a queue must have been empty for a while.
    pub empty_queue: bool,
    /// What the last worker waits for, where the windows of `behavior` apply to the others.
    pub last_worker: Option<ScaleDown>,
    /// Why a rule asks for no more workers, where the queues would let them run no task.
    pub at_queue_limit: Option<Reason>,
}

/// How long a queue must have been empty where no one tells who is busy: as KEDA's `cooldownPeriod`.
const EMPTY_FOR: Millis = Millis::seconds(300);

/// The condition that the queue has been empty for `idle_for`.
fn empty_queue(idle_for: Millis) -> ScaleDown {
    ScaleDown {
        queue_length: Some(1),
        utilization: None,
        idle_for,
        step: i32::MAX,
        cooldown: Millis(0),
    }
}

/// Evaluates every set of rules. `memory` already includes this observation.
pub(crate) fn recommend(
    spec: &PoolSpec,
    observation: &Observation,
    memory: &Memory,
    base: i32,
    now: Time,
    steps: &mut Vec<Step>,
) -> Recommendations {
    let mut recommendations = Recommendations {
        allowed: None,
        in_cooldown: None,
        cooldown_ends: None,
        scale_down_to: i32::MIN,
        scale_down_trigger: None,
        down: None,
        conditions: Conditions::Met,
        empty_queue: false,
        last_worker: None,
        at_queue_limit: None,
    };
    for rules in &spec.rules {
        if let Some(queue) = &rules.queue {
            steps.push(Step::Queue {
                queue: queue.clone(),
            });
        }
        let input = target_input(spec, rules, observation, memory, base, now);
        recommendations.add(rules, &input, memory, steps);
    }
    recommendations.scale_down_to = recommendations.scale_down_to.min(base);
    recommendations
}

/// The metrics that the rules and the busy floor need.
pub(crate) fn required_metrics(
    spec: &PoolSpec,
    observation: &Observation,
) -> impl Iterator<Item = Metric> {
    let by_rules = spec.rules.iter().flat_map(|rules| {
        let total = total(rules, observation);
        let target = rules.target != Target::default();
        let down = rules.down.as_ref().and_then(|down| down.queue_length);
        let ready = target || rules.up.queue_length.or(down).is_some();
        [
            ready.then_some(total.ready),
            target.then_some(total.in_flight),
            rules.up.cpu.and(Some(total.cpu_sum)),
        ]
    });
    let total = observation.total();
    by_rules.flatten().chain([total.busy, total.live])
}

/// The sum over the queues of a set of rules.
fn total(rules: &Rules, observation: &Observation) -> QueueMetrics {
    QueueMetrics::sum(queues_of(rules, observation))
}

fn queues_of<'a>(
    rules: &'a Rules,
    observation: &'a Observation,
) -> impl Iterator<Item = &'a QueueMetrics> {
    let queues = rules.queues.iter();
    queues.filter_map(|queue| observation.queues.get(*queue))
}

fn target_input<'a>(
    spec: &'a PoolSpec,
    rules: &Rules,
    observation: &Observation,
    memory: &Memory,
    base: i32,
    now: Time,
) -> TargetInput<'a> {
    let rates = |queue: usize| memory.rates.get(queue).copied().unwrap_or_default();
    let queues = if rules
        .target
        .drain_within
        .or(rules.target.max_wait)
        .is_some()
    {
        rules
            .queues
            .iter()
            .filter_map(|queue| Some((*observation.queues.get(*queue)?, rates(*queue))))
            .collect()
    } else {
        Vec::new()
    };
    let total = total(rules, observation);
    let (slots, live) = total
        .slots
        .known()
        .zip(total.live.known())
        .unwrap_or((1, 1));
    let live = live.max(1);
    let limit = queues_of(rules, observation)
        .map(|queue| queue.limit.known())
        .try_fold(0i64, |sum, limit| Some(sum.saturating_add(limit?)))
        .filter(|tasks| *tasks > 0);
    TargetInput {
        total,
        // Without a worker, each counts as one with a single slot until the first has registered.
        slots: slots.max(live),
        live,
        limit: limit.map(|tasks| {
            let slots = slots.max(live);
            let workers = tasks.saturating_mul(live).saturating_add(slots - 1) / slots;
            (tasks, i32::try_from(workers).unwrap_or(i32::MAX))
        }),
        least: QueueMetrics::sum_of_known(queues_of(rules, observation)),
        queues,
        startup: memory.startup.span(),
        // A task that is late by now waits for a worker that is still starting.
        starting: memory
            .last_change
            .is_some_and(|last| now - last < memory.startup.span()),
        base,
        behavior: spec.behavior.as_ref(),
        now,
    }
}

impl Recommendations {
    /// Adds what one set of rules recommends.
    fn add(
        &mut self,
        rules: &Rules,
        input: &TargetInput<'_>,
        memory: &Memory,
        steps: &mut Vec<Step>,
    ) {
        let (base, now) = (input.base, input.now);
        let of_queue = |trigger: Trigger| Trigger {
            queue: rules.queue.clone(),
            ..trigger
        };
        if let Some((replicas, trigger)) =
            rules::scale_up(&rules.up, &input.total, &input.least, base, steps)
        {
            let recommendation = Recommendation {
                replicas,
                trigger: of_queue(trigger),
                dampened: false,
                until: cooldown_end(memory.last_up, rules.up.cooldown, now),
            };
            self.add_scale_up(recommendation, input, steps);
        }
        let target = input.recommend(&rules.target, steps);
        let empty = rules.empty_for.or(input.is_blind().then_some(EMPTY_FOR));
        let empty = empty.filter(|_| rules.down.is_none() && target.is_some());
        let empty = empty.map(empty_queue);
        if input.behavior.is_some()
            && let Some(last) = &empty
        {
            self.wait_for_last_worker(last, rules::scale_down(last, &input.total, steps));
        }
        self.empty_queue |= empty.is_some();
        let empty = empty.filter(|_| input.behavior.is_none());
        let down = rules.down.as_ref().or(empty.as_ref());
        let conditions = down.map(|down| rules::scale_down(down, &input.total, steps));
        let step_down = down.map(|down| base.saturating_sub(down.step));
        let mut enough = base;
        let mut trigger = None;
        if let Some(target) = target {
            let of_target = of_queue(target.trigger);
            if target.replicas > base {
                let recommendation = Recommendation {
                    replicas: target.replicas,
                    trigger: of_target,
                    dampened: target.dampened,
                    until: None,
                };
                self.add_scale_up(recommendation, input, steps);
            } else {
                enough = target.replicas.max(step_down.unwrap_or(i32::MIN));
                trigger = Some(of_target);
            }
        } else if let (Some(step_down), Some(Conditions::Met)) = (step_down, conditions) {
            enough = step_down;
        }
        if enough > self.scale_down_to {
            self.scale_down_to = enough;
            self.scale_down_trigger = trigger;
        }
        if let (Some(down), Some(conditions)) = (down, conditions) {
            self.add_scale_down(down, conditions);
        }
    }

    /// Adds a scale-up, as far as the queues let more workers run tasks.
    fn add_scale_up(
        &mut self,
        mut recommendation: Recommendation,
        input: &TargetInput<'_>,
        steps: &mut Vec<Step>,
    ) {
        if let Some((limit, workers)) = input.limit
            && workers < recommendation.replicas
        {
            let to = workers.max(input.base);
            steps.push(Step::Constrained {
                by: Constraint::QueueLimit,
                from: recommendation.replicas,
                to,
                until: None,
            });
            if to == input.base {
                let trigger = recommendation.trigger;
                self.at_queue_limit
                    .get_or_insert(Reason::AtQueueLimit { trigger, limit });
                return;
            }
            recommendation.replicas = to;
        }
        self.cooldown_ends = self
            .cooldown_ends
            .into_iter()
            .chain(recommendation.until)
            .min();
        let highest = if recommendation.until.is_some() {
            &mut self.in_cooldown
        } else {
            &mut self.allowed
        };
        if highest
            .as_ref()
            .is_none_or(|highest| recommendation.replicas > highest.replicas)
        {
            *highest = Some(recommendation);
        }
    }

    fn add_scale_down(&mut self, down: &ScaleDown, conditions: Conditions) {
        self.conditions = self.conditions.max(conditions);
        self.down = Some(match self.down.take() {
            None => down.clone(),
            Some(other) => ScaleDown {
                idle_for: down.idle_for.max(other.idle_for),
                cooldown: down.cooldown.max(other.cooldown),
                ..other
            },
        });
    }

    fn wait_for_last_worker(&mut self, last: &ScaleDown, conditions: Conditions) {
        self.conditions = self.conditions.max(conditions);
        let longest = self.last_worker.as_ref().map(|other| other.idle_for);
        if longest.is_none_or(|longest| last.idle_for > longest) {
            self.last_worker = Some(last.clone());
        }
    }

    /// Whether it matters since when the conditions are met.
    pub fn has_idle_timer(&self) -> bool {
        self.down.is_some() || self.last_worker.is_some()
    }

    /// The highest recommended scale-up, in a cooldown or not.
    pub fn highest(&self) -> Option<i32> {
        self.allowed
            .iter()
            .chain(&self.in_cooldown)
            .map(|recommendation| recommendation.replicas)
            .max()
    }
}
