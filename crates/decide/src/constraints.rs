//! What limits a recommendation: stabilization windows, cooldowns, rate policies, `minReplicas`, `maxReplicas`,
//! schedules, zero replicas, the idle timer of `scaleDown`, unavailable metrics and busy workers.

use crate::behavior;
use crate::dampening::{self, ScaleDownStep};
use crate::decision::{Constraint, Step};
use crate::evaluate::{Evaluation, Proposal};
use crate::memory::Memory;
use crate::observation::Metric;
use crate::reason::Reason;
use crate::recommendations::Recommendations;
use crate::rules::Conditions;
use crate::spec::{PoolSpec, ScaleDown, Schedule, UnknownAction};
use crate::units::{Millis, Time};

/// The minimum number of workers now: `minReplicas`, or the largest active schedule where it needs more; and that schedule.
pub(crate) fn minimum(spec: &PoolSpec, now: Time) -> (i32, Option<&Schedule>) {
    let active = spec
        .schedules
        .iter()
        .filter(|schedule| schedule.from <= now && now < schedule.until);
    match active.max_by_key(|schedule| schedule.min) {
        Some(schedule) if schedule.min > spec.min => (schedule.min.min(spec.max), Some(schedule)),
        _ => (spec.min, None),
    }
}

/// When the next schedule begins or ends.
pub(crate) fn next_schedule_change(spec: &PoolSpec, now: Time) -> Option<Time> {
    let edges = spec
        .schedules
        .iter()
        .flat_map(|schedule| [schedule.from, schedule.until]);
    edges.filter(|edge| *edge > now).min()
}

/// When a cooldown after the `last` change ends; `None` where none is running.
pub(crate) fn cooldown_end(last: Option<Time>, cooldown: Millis, now: Time) -> Option<Time> {
    last.map(|last| last + cooldown)
        .filter(|until| *until > now)
}

/// Since when the conditions of `scaleDown` hold, as of `now`: an unmet condition resets the timer, unavailable metrics
/// stop it, and metrics that were unavailable for `onUnknown.after` reset it.
pub(crate) fn idle_since(
    spec: &PoolSpec,
    conditions: Conditions,
    memory: &Memory,
    now: Time,
) -> Option<Time> {
    let unavailable_for = memory.unknown_since.map(|since| now - since);
    let idle_since = match unavailable_for {
        Some(span) if span >= spec.unknown_after => None,
        _ => memory.idle_since,
    };
    match conditions {
        Conditions::Unmet => None,
        Conditions::Unknown => idle_since,
        Conditions::Met => Some(match (idle_since, unavailable_for) {
            (Some(since), Some(span)) => (since + span).min(now),
            (Some(since), None) => since,
            (None, _) => now,
        }),
    }
}

/// The replica count of a scale-down that stops no busy worker; never more than `current`.
/// `None` where the number of busy workers could not be read.
fn busy_floor(busy: Metric, current: i32, replicas: i32) -> Option<i32> {
    match busy {
        Metric::Known(busy) | Metric::Estimated(busy) => {
            let busy = i32::try_from(busy).unwrap_or(i32::MAX);
            Some(replicas.max(current.min(busy)))
        }
        Metric::Unsupported => Some(replicas),
        Metric::Unavailable => None,
    }
}

/// The constraints in the order in which an evaluation applies them.
impl Evaluation<'_> {
    /// The reason why `down` does not allow `recommended` replicas yet; `None` where it does.
    pub fn wait_for_idle(
        &mut self,
        recommendations: &Recommendations,
        down: &ScaleDown,
        recommended: i32,
    ) -> Option<Reason> {
        let idle_since = self
            .memory
            .idle_since
            .filter(|_| recommendations.conditions == Conditions::Met);
        let Some(since) = idle_since else {
            let idle_for = down.idle_for;
            return Some(if recommendations.empty_queue {
                Reason::QueueNotEmpty {
                    recommended,
                    idle_for,
                }
            } else {
                Reason::NotIdle { recommended }
            });
        };
        let idle_end = since + down.idle_for;
        let allowed = self.now >= idle_end;
        self.steps.push(Step::IdleTimer {
            idle: self.now - since,
            needed: down.idle_for,
            recommended: allowed.then_some(recommended),
        });
        if allowed {
            return None;
        }
        let until = cooldown_end(self.memory.last_change, down.cooldown, self.now)
            .map_or(idle_end, |until| until.max(idle_end));
        self.requeue(until);
        Some(Reason::IdleWait {
            since: Some(since),
            until,
            recommended,
        })
    }

    /// `recommended`, as far as the stabilization windows of `behavior` allow, and when they may allow more of a change.
    pub fn stabilize(&mut self, recommended: i32) -> (i32, Option<Time>) {
        let base = self.base;
        let Some(behavior) = &self.spec.behavior else {
            return (recommended, None);
        };
        if self.metrics_unavailable && recommended <= base {
            return (recommended, None);
        }
        let (stabilized, until) =
            behavior::stabilize(behavior, &mut self.memory, base, recommended, self.now);
        if stabilized != recommended {
            let by = if recommended > stabilized {
                Constraint::WindowUp
            } else {
                Constraint::WindowDown
            };
            self.constrain(by, recommended, stabilized, until);
        }
        (stabilized, until)
    }

    /// More replicas, as far as cooldowns, policies and `maxReplicas` allow.
    pub fn scale_up(&mut self, recommendations: &Recommendations, stabilized: i32) -> Proposal {
        let base = self.base;
        self.requeue(recommendations.cooldown_ends);
        let allowed = recommendations
            .allowed
            .as_ref()
            .filter(|allowed| allowed.replicas > base);
        let Some(recommendation) = allowed.or(recommendations.in_cooldown.as_ref()) else {
            return self.keep(Reason::WithinThresholds);
        };
        let trigger = recommendation.trigger.clone();
        let recommended = stabilized.min(recommendation.replicas).min(self.spec.max);
        if recommended <= base {
            return self.keep(Reason::AtMax { trigger });
        }
        if let Some(until) = recommendation.until {
            let reason = Reason::CoolingDown {
                trigger: Some(trigger),
                until,
                recommended,
            };
            return self.hold(Constraint::CooldownUp, recommended, until, reason);
        }
        if let Some(behavior) = &self.spec.behavior {
            let (limit, until) = behavior::up_limit(&behavior.up, &self.memory, base, self.now);
            if limit < recommended {
                return self.limit_rate(recommended, limit, until);
            }
        } else if recommendation.dampened
            && let Some(until) =
                dampening::scale_up_cooldown(&self.memory, base, recommended, self.now)
        {
            let reason = Reason::CoolingDown {
                trigger: None,
                until,
                recommended,
            };
            return self.hold(Constraint::Dampening, recommended, until, reason);
        }
        Proposal {
            replicas: recommended,
            reason: trigger.scale_up(),
            raised_by_rule: true,
        }
    }

    /// Fewer replicas, as far as cooldowns, policies and recently busy workers allow.
    pub fn scale_down(&mut self, recommendations: &Recommendations, stabilized: i32) -> Proposal {
        if let Some(down) = &recommendations.down
            && let Some(until) = cooldown_end(self.memory.last_change, down.cooldown, self.now)
        {
            let reason = Reason::CoolingDown {
                trigger: None,
                until,
                recommended: stabilized,
            };
            return self.hold(Constraint::CooldownDown, stabilized, until, reason);
        }
        let idle_for = self
            .memory
            .idle_since
            .map_or(Millis(0), |since| self.now - since);
        let reason = recommendations
            .scale_down_trigger
            .clone()
            .map_or(Reason::Idle { idle: idle_for }, |trigger| {
                Reason::FewerNeeded { trigger }
            });
        if let Some(behavior) = &self.spec.behavior {
            let (limit, until) =
                behavior::down_limit(&behavior.down, &self.memory, self.base, self.now);
            if limit > stabilized {
                return self.limit_rate(stabilized, limit, until);
            }
        } else if recommendations.down.is_none() {
            return self.dampen_scale_down(stabilized, reason);
        }
        Proposal::new(stabilized, reason)
    }

    /// A scale-down of a target without `behavior` and `scaleDown`: recently busy workers stay.
    fn dampen_scale_down(&mut self, recommended: i32, reason: Reason) -> Proposal {
        let retained_until = dampening::retained_until(&self.memory, recommended, self.now);
        self.requeue(retained_until);
        match dampening::scale_down(&self.memory, self.base, recommended, self.now) {
            ScaleDownStep::To(retained) => {
                if retained > recommended {
                    self.constrain(
                        Constraint::RecentlyBusy,
                        recommended,
                        retained,
                        retained_until,
                    );
                }
                Proposal::new(retained, reason)
            }
            ScaleDownStep::Busy(until) => {
                let reason = Reason::IdleWait {
                    since: None,
                    until,
                    recommended,
                };
                self.hold(Constraint::RecentlyBusy, recommended, until, reason)
            }
            ScaleDownStep::Cooldown(until) => {
                let reason = Reason::CoolingDown {
                    trigger: None,
                    until,
                    recommended,
                };
                self.hold(Constraint::Dampening, recommended, until, reason)
            }
        }
    }

    /// Keeps the present replicas until a constraint ends.
    fn hold(&mut self, by: Constraint, recommended: i32, until: Time, reason: Reason) -> Proposal {
        self.constrain(by, recommended, self.base, Some(until));
        self.keep(reason)
    }

    /// As many replicas as the policies of `behavior` allow.
    fn limit_rate(&mut self, recommended: i32, limit: i32, until: Option<Time>) -> Proposal {
        self.constrain(Constraint::Policy, recommended, limit, until);
        Proposal {
            replicas: limit,
            reason: Reason::RateLimited { recommended, until },
            raised_by_rule: limit > self.base,
        }
    }

    /// Once metrics have been unavailable for `onUnknown.after`: at least `onUnknown.replicas`, and no scale-down.
    pub fn apply_fallback(&mut self, proposal: Proposal) -> Proposal {
        let Some(since) = self.memory.unknown_since else {
            return proposal;
        };
        let due = since + self.spec.unknown_after;
        if self.now < due {
            self.requeue(due);
            return proposal;
        }
        let UnknownAction::Fallback(replicas) = self.spec.unknown_action else {
            return proposal;
        };
        self.steps.push(Step::Fallback { replicas });
        // A rule that scales up to as many already is the better reason.
        if proposal.raised_by_rule && proposal.replicas >= replicas {
            return proposal;
        }
        Proposal::new(proposal.replicas.max(replicas), Reason::Fallback { since })
    }

    pub fn apply_bounds(&mut self, proposal: Proposal) -> Proposal {
        let (min, schedule) = minimum(self.spec, self.now);
        let max = self.spec.max;
        let (to, by, reason) = if proposal.replicas < min {
            match schedule {
                Some(Schedule { name, until, .. }) => {
                    let reason = Reason::Scheduled {
                        schedule: name.clone(),
                        until: *until,
                        min,
                    };
                    (min, Constraint::Schedule, reason)
                }
                None => (min, Constraint::Min, Reason::TooFewReplicas { min }),
            }
        } else if proposal.replicas > max {
            (max, Constraint::Max, Reason::TooManyReplicas { max })
        } else {
            return proposal;
        };
        self.constrain(by, proposal.replicas, to, None);
        Proposal::new(to, reason)
    }

    /// No scale-down while metrics are unavailable, and none that stops a busy worker where the pool does not drain.
    pub fn keep_busy_workers(&mut self, proposal: Proposal) -> Proposal {
        let recommended = proposal.replicas;
        if recommended >= self.current {
            return proposal;
        }
        let busy = if self.spec.drains {
            Metric::Unsupported
        } else {
            self.observation.total().busy
        };
        let floor = busy_floor(busy, self.current, recommended);
        let (to, by, reason) = match floor.filter(|_| !self.metrics_unavailable) {
            None => (self.current, Constraint::Unknown, self.unknown_reason()),
            Some(busy) if busy > recommended => (
                busy,
                Constraint::Busy,
                Reason::BusyWorkers { busy, recommended },
            ),
            Some(_) => return proposal,
        };
        self.constrain(by, recommended, to, None);
        Proposal::new(to, reason)
    }
}
