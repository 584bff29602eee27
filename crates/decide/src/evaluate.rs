//! The order of a decision: answers, stabilization, cooldowns, rate policies, bounds, busy floor, overrides.

use super::decision::{Constraint, Decision, Step};
use super::memory::Memory;
use super::rules::Conditions;
use super::units::{Millis, Time};
use super::{behavior, bounds, cooldown, idle, rates, target};
use crate::dampening;
use crate::dampening::ScaleDownStep;
use crate::observation::{Metric, Observation};
use crate::reason::{Reason, Trigger};
use crate::recommendations;
use crate::recommendations::{Recommendation, Recommendations};
use crate::spec::{PoolSpec, UnknownAction};

/// The number of workers that `pool` should have now, and why. The same arguments always give the same answer.
///
/// ```
/// use crate::{Fact, Load, Memory, Pool, Rules, ScaleUp, Seen, Time, decide};
/// let up = ScaleUp { queue_length: Some(8), step: 2, ..ScaleUp::default() };
/// let pool = Pool { min: 3, rules: vec![Rules { queues: vec![0], up, ..Rules::default() }], ..Pool::default() };
/// let load = Load { ready: Fact::Known(17), ..Load::NOT_TOLD };
/// let seen = Seen { current: 5, queues: vec![load], missing: None };
/// let decision = decide(&pool, &seen, &Memory::default(), Time(0));
/// assert_eq!(messages::message(&decision.why, 5, decision.replicas), "17 tasks wait, more than 8: 5 → 7 workers");
/// ```
#[must_use]
pub fn decide(pool: &PoolSpec, seen: &Observation, memory: &Memory, now: Time) -> Decision {
    let lasts = |until: Option<Time>| until.is_none_or(|until| now < until);
    let pin = pool.pin.filter(|pin| lasts(pin.until));
    let suspend = pool.suspend.as_ref().filter(|suspend| lasts(suspend.until));
    let mut look = Evaluation::start(pool, seen, memory, now, suspend.is_some() || pool.dry_run);
    let told = look.steps.len();
    let answers = look.recommend();
    // Idle time goes on beside an override, though nobody cares what the rules say.
    if suspend.is_some() || pin.is_some() {
        look.steps.truncate(told);
    }
    let wish = if let Some(suspend) = suspend {
        look.requeue(suspend.until);
        Proposal {
            replicas: look.current,
            reason: Reason::Suspended(suspend.clone()),
            rule: None,
        }
    } else if let Some(pin) = pin {
        look.steps.push(Step::Pinned {
            answer: pin.replicas,
            until: pin.until,
        });
        look.requeue(pin.until);
        Proposal {
            replicas: pin.replicas,
            reason: Reason::Pinned(pin.until),
            rule: None,
        }
    } else {
        let wish = look.rules(&answers);
        let wish = look.fallback(wish);
        look.within_bounds(wish)
    };
    let wish = look.keep_busy(wish);
    look.finish(wish)
}

/// A number on its way through the steps.
struct Proposal {
    replicas: i32,
    reason: Reason,
    /// The rule that raised it: what starts an up cooldown.
    rule: Option<Trigger>,
}

#[expect(
    clippy::struct_field_names,
    reason = "look_again is the decision's own word"
)]
struct Evaluation<'a> {
    spec: &'a PoolSpec,
    observation: &'a Observation,
    memory: Memory,
    now: Time,
    current: i32,
    /// Where the rules start from: what we decided last, else what is there.
    base: i32,
    metrics_unavailable: bool,
    steps: Vec<Step>,
    requeue_at: Option<Time>,
}

impl<'a> Evaluation<'a> {
    /// Takes in what this look teaches, whoever decides on it in the end.
    fn start(
        pool: &'a PoolSpec,
        seen: &'a Observation,
        memory: &Memory,
        now: Time,
        hands_off: bool,
    ) -> Self {
        let mut memory = memory.clamped_to(now);
        let mut trail = Vec::with_capacity(16);
        let current = seen.replicas;
        let base = match memory.desired {
            Some(ours) if ours != current && !hands_off => {
                trail.push(Step::OutsideChange {
                    found: current,
                    ours,
                });
                ours
            }
            _ => current,
        };
        let load = seen.total();
        if pool.has_target() {
            target::learn(&mut memory, &seen.queues, now);
            memory.startup.learn(load.live.known(), now);
            memory
                .busy
                .forget(dampening::LONGEST_RETENTION, Millis(0), now);
            if let Some(needed) = dampening::needed(&load, current) {
                memory.busy.push(now, needed);
            }
        }
        let blind = recommendations::needed(pool, seen).any(|fact| fact == Metric::Unavailable);
        let mut look = Self {
            spec: pool,
            observation: seen,
            memory,
            now,
            current,
            base,
            metrics_unavailable: blind,
            steps: trail,
            requeue_at: None,
        };
        look.requeue(bounds::next_edge(pool, now));
        look
    }

    /// What the rules answer, and with it how long the pool has been idle and blind.
    fn recommend(&mut self) -> Recommendations {
        let Self {
            spec: pool,
            observation: seen,
            now,
            base,
            ..
        } = *self;
        let answers =
            recommendations::recommend(pool, seen, &self.memory, base, now, &mut self.steps);
        self.memory.idle_since = answers
            .down
            .as_ref()
            .and_then(|_| idle::since(pool, answers.conditions, &self.memory, now));
        self.memory.unknown_since = self
            .metrics_unavailable
            .then(|| self.memory.unknown_since.unwrap_or(now));
        answers
    }

    /// Time alone may change the answer at `at`.
    fn requeue(&mut self, at: impl Into<Option<Time>>) {
        self.requeue_at = self.requeue_at.into_iter().chain(at.into()).min();
    }

    fn unknown(&self) -> Reason {
        let since = self.memory.unknown_since.unwrap_or(self.now);
        let what = self
            .observation
            .unavailable_reason
            .clone()
            .unwrap_or_else(|| "a fact that a rule needs is missing".to_owned());
        Reason::Unknown(what, since)
    }

    fn keep(&self, why: Reason) -> Proposal {
        Proposal {
            replicas: self.base,
            reason: why,
            rule: None,
        }
    }

    fn rules(&mut self, answers: &Recommendations) -> Proposal {
        let (pool, base, now) = (self.spec, self.base, self.now);
        let (least, _) = bounds::minimum(pool, now);
        // HPA's order: a number outside the bounds goes to the bound, and no rule is asked.
        if pool.behavior.is_some() && !(least..=pool.max).contains(&base) {
            return self.keep(Reason::WithinThresholds);
        }
        self.requeue_for_targets();
        let work = bounds::work(&self.observation.total());
        // From nothing the first worker waits for no cooldown.
        if base == 0 && work > 0 && answers.allowed.is_none() {
            return Proposal {
                replicas: 1,
                reason: Reason::ScaledFromZero(work),
                rule: None,
            };
        }
        let mut raw = answers.highest().unwrap_or(if self.metrics_unavailable {
            base
        } else {
            answers.scale_down_to
        });
        let mut waits = None;
        if raw < base {
            // At most what is enough, but nobody sleeps while work waits.
            raw = raw.max(least).max(i32::from(work > 0)).min(base);
            if raw < base
                && let Some(wait) = self.not_idle_yet(answers, raw)
            {
                (raw, waits) = (base, Some(wait));
            }
        }
        let (settled, until) = match &pool.behavior {
            Some(behavior) if !self.metrics_unavailable || raw > base => {
                let (settled, until) =
                    behavior::stabilize(behavior, &mut self.memory, base, raw, now);
                if settled != raw {
                    let by = if raw > settled {
                        Constraint::WindowUp
                    } else {
                        Constraint::WindowDown
                    };
                    self.steps.push(Step::Constrained {
                        by,
                        from: raw,
                        to: settled,
                        until,
                    });
                    self.requeue(until);
                }
                (settled, until)
            }
            _ => (raw, None),
        };
        match settled.cmp(&base) {
            std::cmp::Ordering::Greater => self.scale_up(answers, settled),
            std::cmp::Ordering::Less => self.scale_down(answers, settled),
            std::cmp::Ordering::Equal if raw != base => {
                self.keep(Reason::Stabilized { wants: raw, until })
            }
            std::cmp::Ordering::Equal if self.metrics_unavailable => self.keep(self.unknown()),
            std::cmp::Ordering::Equal => self.keep(waits.unwrap_or(Reason::WithinThresholds)),
        }
    }

    /// The rates of the drain rules fade with time, and a task that waits grows old.
    fn requeue_for_targets(&mut self) {
        for set in &self.spec.rules {
            let spans = [set.target.drain_within, set.target.max_wait]
                .into_iter()
                .flatten();
            let rates = set
                .queues
                .iter()
                .filter_map(|queue| self.memory.rates.get(*queue));
            if spans.clone().next().is_some() && rates.copied().any(|rates| rates.arrival > 0) {
                self.requeue(self.now + rates::STEP);
            }
            let oldest = set
                .queues
                .iter()
                .filter_map(|queue| self.observation.queues.get(*queue)?.oldest_at.known());
            let Some(oldest) = oldest.min() else { continue };
            for late in spans.map(|span| Time(oldest + span.0 * 7 / 10 + 1)) {
                let starts = self
                    .memory
                    .last_change
                    .map_or(late, |last| last + self.memory.startup.span());
                let now = self.now;
                self.requeue([late, starts].into_iter().filter(|at| *at > now).min());
            }
        }
    }

    /// Why `scaleDown` does not let the number go down to `wants` yet, where it does not.
    fn not_idle_yet(&mut self, answers: &Recommendations, wants: i32) -> Option<Reason> {
        let down = answers.down.as_ref()?;
        let Some(since) = self
            .memory
            .idle_since
            .filter(|_| answers.conditions == Conditions::Met)
        else {
            return Some(Reason::NotIdle { wants });
        };
        let ripe = since + down.idle_for;
        let answer = (self.now >= ripe).then_some(wants);
        self.steps.push(Step::IdleTimer {
            idle: self.now - since,
            needed: down.idle_for,
            answer,
        });
        if answer.is_some() {
            return None;
        }
        let until = cooldown::ends(self.memory.last_change, down.cooldown, self.now);
        let until = until.map_or(ripe, |until| until.max(ripe));
        self.requeue(until);
        Some(Reason::IdleWait {
            since,
            until,
            wants,
        })
    }

    fn constrain(&mut self, by: Constraint, from: i32, to: i32, until: Option<Time>) {
        self.steps.push(Step::Constrained {
            by,
            from,
            to,
            until,
        });
        self.requeue(until);
    }

    /// Up to `settled`, as far as cooldowns, policies and the maximum allow.
    fn scale_up(&mut self, answers: &Recommendations, settled: i32) -> Proposal {
        let (pool, base, now) = (self.spec, self.base, self.now);
        self.requeue(answers.cooldown_ends);
        let free = answers
            .allowed
            .as_ref()
            .filter(|wanted| wanted.replicas > base);
        let Some(Recommendation {
            replicas: number,
            trigger: cause,
            dampened: patient,
            until: cooling,
        }) = free.or(answers.in_cooldown.as_ref())
        else {
            return self.keep(Reason::WithinThresholds);
        };
        let mut number = settled.min(*number).min(pool.max);
        if number <= base {
            return self.keep(Reason::AtMax(cause.clone()));
        }
        if let Some(until) = *cooling {
            self.constrain(Constraint::CooldownUp, number, base, Some(until));
            return self.keep(Reason::ScaleUpCooldown {
                cause: cause.clone(),
                until,
                wants: number,
            });
        }
        let mut why = Reason::ScaleUp(cause.clone());
        if let Some(behavior) = &pool.behavior {
            let (limit, until) = behavior::up_limit(&behavior.up, &self.memory, base, now);
            if limit < number {
                self.constrain(Constraint::Policy, number, limit, until);
                why = Reason::RateLimited {
                    wants: number,
                    until,
                };
                number = limit;
            }
        } else if *patient
            && let Some(until) = dampening::scale_up_cooldown(&self.memory, base, number, now)
        {
            self.constrain(Constraint::Dampening, number, base, Some(until));
            return self.keep(Reason::Pacing {
                until,
                wants: number,
            });
        }
        let rule = (number > base).then(|| cause.clone());
        Proposal {
            replicas: number,
            reason: why,
            rule,
        }
    }

    /// Down to `settled`, as far as cooldowns, policies, the idle timer and the minimum allow.
    fn scale_down(&mut self, answers: &Recommendations, settled: i32) -> Proposal {
        let (pool, base, now) = (self.spec, self.base, self.now);
        let mut number = settled;
        if let Some(down) = &answers.down
            && let Some(until) = cooldown::ends(self.memory.last_change, down.cooldown, now)
        {
            self.constrain(Constraint::CooldownDown, number, base, Some(until));
            return self.keep(Reason::ScaleDownCooldown {
                until,
                wants: number,
            });
        }
        let idle = self
            .memory
            .idle_since
            .map_or(Millis(0), |since| now - since);
        let mut why = answers
            .scale_down_trigger
            .clone()
            .map_or(Reason::Idle(idle), Reason::FewerNeeded);
        if let Some(behavior) = &pool.behavior {
            let (limit, until) = behavior::down_limit(&behavior.down, &self.memory, base, now);
            if limit > number {
                self.constrain(Constraint::Policy, number, limit, until);
                why = Reason::RateLimited {
                    wants: number,
                    until,
                };
                number = limit;
            }
        } else if answers.down.is_none() {
            let forgets = dampening::retained_until(&self.memory, number, now);
            self.requeue(forgets);
            match dampening::scale_down(&self.memory, base, number, now) {
                ScaleDownStep::To(kept) => {
                    if kept > number {
                        self.constrain(Constraint::RecentlyBusy, number, kept, forgets);
                    }
                    number = kept;
                }
                ScaleDownStep::Busy(until) => {
                    self.constrain(Constraint::RecentlyBusy, number, base, Some(until));
                    return self.keep(Reason::RecentlyBusy {
                        until,
                        wants: number,
                    });
                }
                ScaleDownStep::Cooldown(until) => {
                    self.constrain(Constraint::Dampening, number, base, Some(until));
                    return self.keep(Reason::Pacing {
                        until,
                        wants: number,
                    });
                }
            }
        }
        Proposal {
            replicas: number,
            reason: why,
            rule: None,
        }
    }

    /// Facts missing for long: at least the fallback's number, never fewer than now.
    fn fallback(&mut self, wish: Proposal) -> Proposal {
        let Some(since) = self.memory.unknown_since else {
            return wish;
        };
        let due = since + self.spec.unknown_after;
        if self.now < due {
            self.requeue(due);
            return wish;
        }
        match self.spec.unknown_action {
            UnknownAction::Fallback(answer) => {
                self.steps.push(Step::Fallback { answer });
                // A rule that already asks for as many keeps its word.
                if wish.rule.is_some() && wish.replicas >= answer {
                    return wish;
                }
                Proposal {
                    replicas: wish.replicas.max(answer),
                    reason: Reason::Fallback(since),
                    rule: None,
                }
            }
            UnknownAction::Hold => wish,
        }
    }

    fn within_bounds(&mut self, wish: Proposal) -> Proposal {
        let (least, schedule) = bounds::minimum(self.spec, self.now);
        let (to, by, why) = if wish.replicas < least {
            let why = match schedule {
                Some(schedule) => Reason::Scheduled {
                    name: schedule.name.clone(),
                    until: schedule.until,
                    least,
                },
                None => Reason::TooFewReplicas(least),
            };
            (
                least,
                if schedule.is_some() {
                    Constraint::Schedule
                } else {
                    Constraint::Min
                },
                why,
            )
        } else if wish.replicas > self.spec.max {
            (
                self.spec.max,
                Constraint::Max,
                Reason::TooManyReplicas(self.spec.max),
            )
        } else {
            return wish;
        };
        self.steps.push(Step::Constrained {
            by,
            from: wish.replicas,
            to,
            until: None,
        });
        Proposal {
            replicas: to,
            reason: why,
            rule: None,
        }
    }

    /// Nothing is lowered on unknown facts, and where nobody waits for it no worker that holds a task is taken away.
    fn keep_busy(&mut self, wish: Proposal) -> Proposal {
        if wish.replicas >= self.current {
            return wish;
        }
        let busy = if self.spec.drains {
            Metric::Unsupported
        } else {
            self.observation.total().busy
        };
        let floor = bounds::busy_floor(busy, self.current, wish.replicas);
        let (to, by, why) = match floor.filter(|_| !self.metrics_unavailable) {
            None => (self.current, Constraint::Unknown, self.unknown()),
            Some(floor) if floor > wish.replicas => (
                floor,
                Constraint::Busy,
                Reason::BusyWorkers {
                    busy: floor,
                    wants: wish.replicas,
                },
            ),
            Some(_) => return wish,
        };
        self.steps.push(Step::Constrained {
            by,
            from: wish.replicas,
            to,
            until: None,
        });
        Proposal {
            replicas: to,
            reason: why,
            rule: None,
        }
    }

    fn finish(mut self, wish: Proposal) -> Decision {
        let Proposal {
            replicas: mut number,
            reason: mut why,
            rule,
        } = wish;
        if self.spec.dry_run {
            self.steps.push(Step::NotWritten { would: number });
            why = Reason::DryRun {
                would: number,
                why: Box::new(why),
            };
            number = self.current;
        } else if number == self.base
            && self.base != self.current
            && !matches!(why, Reason::Unknown(..) | Reason::BusyWorkers { .. })
        {
            why = Reason::TargetChanged(self.current);
        }
        // A number that somebody else wrote and that we may only not lower yet does not become ours.
        let held = number == self.current
            && matches!(why, Reason::Unknown(..) | Reason::BusyWorkers { .. });
        self.memory.desired = Some(if held { self.base } else { number });
        let change = if held { 0 } else { number - self.base };
        behavior::record(
            self.spec.behavior.as_ref(),
            &mut self.memory,
            change,
            self.now,
        );
        if change != 0 {
            self.memory.last_change = Some(self.now);
            if rule.is_some() && change > 0 {
                self.memory.last_up = Some(self.now);
            }
            if self.spec.has_target() {
                self.memory.startup.on_change(change, number, self.now);
            }
        }
        let asked = recommendations::needed(self.spec, self.observation)
            .filter(|fact| *fact != Metric::Unsupported);
        let (all, known) = asked.fold((0u32, 0u32), |(all, known), fact| {
            (all + 1, known + u32::from(fact.known().is_some()))
        });
        let confidence = u8::try_from((known * 100).checked_div(all).unwrap_or(100)).unwrap_or(100);
        Decision {
            replicas: number,
            from: self.current,
            reason: why,
            steps: self.steps,
            confidence,
            requeue_at: self.requeue_at,
            memory: self.memory,
        }
    }
}
