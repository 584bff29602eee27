//! What each set of rules answers at one look, and what the sets come to together: of all answers the largest.

use super::cooldown;
use super::decision::Step;
use super::memory::Memory;
use super::rules::{self, Conditions};
use super::target::TargetInput;
use super::units::Time;
use crate::observation::{Load, Metric, Observation};
use crate::reason::Trigger;
use crate::spec::{PoolSpec, Rules, ScaleDown};

/// A wish for more workers.
#[derive(Clone, Debug)]
pub(super) struct Recommendation {
    pub replicas: i32,
    pub trigger: Trigger,
    /// Whether a small rise has to wait.
    pub dampened: bool,
    /// When the rule may have its way; `None` now.
    pub until: Option<Time>,
}

/// All answers of one look.
#[derive(Debug)]
pub(super) struct Recommendations {
    /// The largest wish for more that is free, and the largest whose cooldown runs.
    pub allowed: Option<Recommendation>,
    pub in_cooldown: Option<Recommendation>,
    /// When the first of all cooldowns that hold a wish back ends.
    pub cooldown_ends: Option<Time>,
    /// The number on which all sets agree that it is enough; at least the present one where one of them wants to stay.
    pub scale_down_to: i32,
    /// The target that says so; `None`: the conditions of `scaleDown`.
    pub scale_down_trigger: Option<Trigger>,
    /// The strictest of all `scaleDown`s.
    pub down: Option<ScaleDown>,
    /// What the conditions of all of them say.
    pub conditions: Conditions,
}

/// Asks every set; `memory` has learned from this look already.
pub(super) fn recommend(
    pool: &PoolSpec,
    seen: &Observation,
    memory: &Memory,
    base: i32,
    now: Time,
    trail: &mut Vec<Step>,
) -> Recommendations {
    let mut all = Recommendations {
        allowed: None,
        in_cooldown: None,
        cooldown_ends: None,
        scale_down_to: i32::MIN,
        scale_down_trigger: None,
        down: None,
        conditions: Conditions::Met,
    };
    for set in &pool.rules {
        if let Some(queue) = &set.queue {
            trail.push(Step::Queue(queue.clone()));
        }
        let queues = queues(pool, set, seen, memory, base, now);
        all.add(set, &queues, memory, trail);
    }
    all.scale_down_to = all.scale_down_to.min(base);
    all
}

/// The facts that the rules and the busy floor need, each with whether it is.
pub(super) fn needed(pool: &PoolSpec, seen: &Observation) -> impl Iterator<Item = Metric> {
    let sets = pool.rules.iter().flat_map(|set| {
        let load = sum(set, seen);
        let down = set.down.as_ref();
        let target = set.target != super::Target::default();
        let ready = target
            || set
                .up
                .queue_length
                .or_else(|| down.and_then(|down| down.queue_length))
                .is_some();
        [
            (ready, load.ready),
            (target, load.in_flight),
            (set.up.cpu.is_some(), load.cpu_sum),
        ]
    });
    let sets = sets.filter_map(|(used, fact)| used.then_some(fact));
    let all = seen.total();
    sets.chain([all.busy, all.live])
}

fn sum(set: &Rules, seen: &Observation) -> Load {
    Load::sum(
        set.queues
            .iter()
            .filter_map(|queue| seen.queues.get(*queue)),
    )
}

fn queues<'a>(
    pool: &'a PoolSpec,
    set: &Rules,
    seen: &Observation,
    memory: &Memory,
    base: i32,
    now: Time,
) -> TargetInput<'a> {
    let rates = |queue: usize| memory.rates.get(queue).copied().unwrap_or_default();
    let parts = if set.target.drain_within.or(set.target.max_wait).is_some() {
        set.queues
            .iter()
            .filter_map(|queue| Some((*seen.queues.get(*queue)?, rates(*queue))))
            .collect()
    } else {
        Vec::new()
    };
    // A worker that is still starting counts: what is late by now waits for it.
    let starting = memory
        .last_change
        .is_some_and(|last| now - last < memory.startup.span());
    TargetInput {
        total: sum(set, seen),
        queues: parts,
        startup: memory.startup.span(),
        starting,
        base,
        behavior: pool.behavior.as_ref(),
        now,
    }
}

impl Recommendations {
    fn add(
        &mut self,
        set: &Rules,
        queues: &TargetInput<'_>,
        memory: &Memory,
        trail: &mut Vec<Step>,
    ) {
        let (base, now) = (queues.base, queues.now);
        let named = |cause: Trigger| Trigger {
            queue: set.queue.clone(),
            ..cause
        };
        if let Some((number, cause)) = rules::up(&set.up, &queues.total, base, trail) {
            let cooling = cooldown::ends(memory.last_up, set.up.cooldown, now);
            self.propose(Recommendation {
                replicas: number,
                trigger: named(cause),
                dampened: false,
                until: cooling,
            });
        }
        let target = queues.recommend(&set.target, trail);
        let held = set
            .down
            .as_ref()
            .map(|down| rules::down(down, &queues.total, trail));
        let mut enough = base;
        if let Some(answer) = target {
            let (number, cause) = (answer.replicas, named(answer.trigger));
            if number > base {
                self.propose(Recommendation {
                    replicas: number,
                    trigger: cause,
                    dampened: answer.dampened,
                    until: None,
                });
            } else {
                let floor = set
                    .down
                    .as_ref()
                    .map_or(i32::MIN, |down| base.saturating_sub(down.step));
                enough = number.max(floor);
                if enough > self.scale_down_to {
                    self.scale_down_trigger = Some(cause);
                }
            }
        } else if let (Some(down), Some(Conditions::Met)) = (&set.down, held) {
            enough = base.saturating_sub(down.step);
            if enough > self.scale_down_to {
                self.scale_down_trigger = None;
            }
        }
        self.scale_down_to = self.scale_down_to.max(enough);
        if let (Some(down), Some(held)) = (&set.down, held) {
            self.conditions = self.conditions.max(held);
            self.down = Some(match self.down.take() {
                None => down.clone(),
                Some(other) => ScaleDown {
                    idle_for: down.idle_for.max(other.idle_for),
                    cooldown: down.cooldown.max(other.cooldown),
                    ..other
                },
            });
        }
    }

    fn propose(&mut self, wanted: Recommendation) {
        self.cooldown_ends = [self.cooldown_ends, wanted.until]
            .into_iter()
            .flatten()
            .min();
        let best = if wanted.until.is_some() {
            &mut self.in_cooldown
        } else {
            &mut self.allowed
        };
        if best
            .as_ref()
            .is_none_or(|best| wanted.replicas > best.replicas)
        {
            *best = Some(wanted);
        }
    }

    /// The largest wish for more, free or not.
    pub fn highest(&self) -> Option<i32> {
        self.allowed
            .iter()
            .chain(&self.in_cooldown)
            .map(|wanted| wanted.replicas)
            .max()
    }
}
