//! The order of a decision: rules, stabilization windows, cooldowns, rate policies, fallback, bounds, busy workers.
//! A suspension or a pin takes the place of everything before the busy workers.

use crate::constraints;
use crate::decision::{Constraint, Decision, Step};
use crate::memory::Memory;
use crate::observation::{Metric, Observation, QueueMetrics};
use crate::reason::Reason;
use crate::recommendations::{self, Recommendations};
use crate::spec::{Pin, PoolSpec, Suspend};
use crate::unavailable::Unavailable;
use crate::units::Time;
use crate::{behavior, dampening, target};
use std::cmp::Ordering;

/// The replica count that the pool should have now, and the reason. The same arguments always give the same decision.
///
/// ```
/// use decide::{Memory, Metric, Observation, PoolSpec, QueueMetrics, Rules, ScaleUp, Time, decide};
///
/// let up = ScaleUp { queue_length: Some(8), step: 2, ..ScaleUp::default() };
/// let rules = vec![Rules { queues: vec![0], up, ..Rules::default() }];
/// let spec = PoolSpec { min: 3, rules, ..PoolSpec::default() };
/// let queue = QueueMetrics { ready: Metric::Known(17), ..QueueMetrics::UNSUPPORTED };
/// let observation = Observation { replicas: 5, queues: vec![queue], unavailable: None };
///
/// let decision = decide(&spec, &observation, &Memory::default(), Time(0));
///
/// assert_eq!(decision.replicas, 7);
/// assert_eq!(decision.reason.code().as_str(), "QueueTooLong");
/// ```
#[must_use]
pub fn decide(spec: &PoolSpec, observation: &Observation, memory: &Memory, now: Time) -> Decision {
    let active = |until: Option<Time>| until.is_none_or(|until| now < until);
    let suspend = spec
        .suspend
        .as_ref()
        .filter(|suspend| active(suspend.until));
    let pin = spec.pin.filter(|pin| active(pin.until));
    let writes = suspend.is_none() && !spec.dry_run;
    let (demand, ignored) = observation.demand();
    let mut evaluation = Evaluation::start(spec, &demand, memory, now, writes);
    if spec.has_target() {
        // As read: a pause is no change of a rate.
        target::learn(&mut evaluation.memory, &observation.queues, now);
    }
    if ignored > 0 {
        evaluation.steps.push(Step::Paused { tasks: ignored });
    }
    let held = QueueMetrics::sum(&observation.queues).held.known();
    if let Some(tasks) = held.filter(|tasks| *tasks > 0) {
        evaluation.steps.push(Step::Held { tasks });
    }
    let steps_before_rules = evaluation.steps.len();
    // The rules run beside an override too, for the idle timer; then their steps are not shown.
    let recommendations = evaluation.recommend();
    if suspend.is_some() || pin.is_some() {
        evaluation.steps.truncate(steps_before_rules);
    }
    let proposal = if let Some(suspend) = suspend {
        evaluation.suspended(suspend)
    } else if let Some(pin) = pin {
        evaluation.pinned(pin)
    } else {
        let proposal = evaluation.apply_rules(&recommendations);
        let proposal = evaluation.apply_fallback(proposal);
        evaluation.apply_bounds(proposal)
    };
    let mut proposal = evaluation.keep_busy_workers(proposal);
    if ignored > 0 && proposal.reason == Reason::WithinThresholds {
        proposal.reason = Reason::QueuePaused { tasks: ignored };
    }
    evaluation.finish(proposal)
}

/// A replica count on its way through the steps of the evaluation.
pub(crate) struct Proposal {
    pub replicas: i32,
    pub reason: Reason,
    /// Whether a rule raised the replica count, which starts the cooldown of `scaleUp`.
    pub raised_by_rule: bool,
}

impl Proposal {
    pub fn new(replicas: i32, reason: Reason) -> Self {
        Self {
            replicas,
            reason,
            raised_by_rule: false,
        }
    }
}

/// One decision in progress.
pub(crate) struct Evaluation<'a> {
    pub spec: &'a PoolSpec,
    pub observation: &'a Observation,
    pub memory: Memory,
    pub now: Time,
    /// `spec.replicas` of the target.
    pub current: i32,
    /// What the rules start from: the last decision where there is one, else `current`.
    pub base: i32,
    /// Whether a metric that the rules or the busy floor need could not be read.
    pub metrics_unavailable: bool,
    pub steps: Vec<Step>,
    pub requeue_at: Option<Time>,
}

impl<'a> Evaluation<'a> {
    /// Records what the observation shows, even where an override decides; `writes` is false where nothing is written.
    fn start(
        spec: &'a PoolSpec,
        observation: &'a Observation,
        memory: &Memory,
        now: Time,
        writes: bool,
    ) -> Self {
        let current = observation.replicas;
        let mut evaluation = Self {
            spec,
            observation,
            memory: memory.clamped_to(now),
            now,
            current,
            base: current,
            metrics_unavailable: recommendations::required_metrics(spec, observation)
                .any(|metric| metric == Metric::Unavailable),
            steps: Vec::with_capacity(16),
            requeue_at: None,
        };
        if let Some(desired) = evaluation.memory.desired
            && desired != current
            && writes
        {
            evaluation.base = desired;
            evaluation.steps.push(Step::OutsideChange {
                found: current,
                desired,
            });
        }
        if spec.has_target() {
            dampening::learn(&mut evaluation.memory, observation, now);
        }
        evaluation.requeue(constraints::next_schedule_change(spec, now));
        evaluation
    }

    /// What the rules recommend. Also records since when the pool has been idle and its metrics unavailable.
    fn recommend(&mut self) -> Recommendations {
        let recommendations = recommendations::recommend(
            self.spec,
            self.observation,
            &self.memory,
            self.base,
            self.now,
            &mut self.steps,
        );
        let idle_since = constraints::idle_since(
            self.spec,
            recommendations.conditions,
            &self.memory,
            self.now,
        );
        self.memory.idle_since = idle_since.filter(|_| recommendations.has_idle_timer());
        self.memory.unknown_since = self
            .metrics_unavailable
            .then(|| self.memory.unknown_since.unwrap_or(self.now));
        recommendations
    }

    fn suspended(&mut self, suspend: &Suspend) -> Proposal {
        self.requeue(suspend.until);
        let Suspend { who, until } = suspend.clone();
        Proposal::new(self.current, Reason::Suspended { who, until })
    }

    fn pinned(&mut self, pin: Pin) -> Proposal {
        let Pin { replicas, until } = pin;
        self.steps.push(Step::Pinned { replicas, until });
        self.requeue(until);
        Proposal::new(replicas, Reason::Pinned { until })
    }

    /// The replica count of the rules, after stabilization windows, cooldowns and rate policies.
    fn apply_rules(&mut self, recommendations: &Recommendations) -> Proposal {
        let base = self.base;
        let (min, _) = constraints::minimum(self.spec, self.now);
        // HPA's order: a replica count outside the bounds moves to the bound, and no rule is evaluated.
        if self.spec.behavior.is_some() && !(min..=self.spec.max).contains(&base) {
            return self.keep(Reason::WithinThresholds);
        }
        self.requeue(target::requeue_at(
            self.spec,
            self.observation,
            &self.memory,
            self.now,
        ));
        let work = self.observation.total().work();
        if base == 0 && work > 0 {
            self.start_from_zero(recommendations, work)
        } else {
            self.follow(recommendations, work)
        }
    }

    /// From no worker. The first one is an activation: no cooldown, window or policy holds it back, since most of them
    /// count from the present workers and none would ever start. Only the workers after it are a matter of the rules.
    fn start_from_zero(&mut self, recommendations: &Recommendations, work: i64) -> Proposal {
        let threshold = self.spec.from_zero;
        if work <= threshold {
            return self.keep(if self.metrics_unavailable {
                self.unknown_reason()
            } else {
                Reason::TooFewToStart {
                    tasks: work,
                    threshold,
                }
            });
        }
        let steps_before = self.steps.len();
        let proposal = self.follow(recommendations, work);
        if proposal.replicas > 0 {
            return proposal;
        }
        self.steps.truncate(steps_before);
        Proposal::new(1, Reason::ScaledFromZero { tasks: work })
    }

    /// The highest recommendation, as far as its constraints allow it.
    fn follow(&mut self, recommendations: &Recommendations, work: i64) -> Proposal {
        let base = self.base;
        let without_scale_up = if self.metrics_unavailable {
            base
        } else {
            recommendations.scale_down_to
        };
        let mut recommended = recommendations.highest().unwrap_or(without_scale_up);
        let mut not_idle = None;
        if recommended < base {
            // Not below the minimum, and not to zero while there is work.
            let (min, _) = constraints::minimum(self.spec, self.now);
            let least = min.max(i32::from(work > 0));
            recommended = recommended.max(least).min(base);
        }
        if recommended < base
            && let Some(down) = &recommendations.down
        {
            not_idle = self.wait_for_idle(recommendations, down, recommended);
            if not_idle.is_some() {
                recommended = base;
            }
        }
        if recommended == 0
            && base > 0
            && let Some(last) = &recommendations.last_worker
        {
            not_idle = self.wait_for_idle(recommendations, last, 0);
            recommended = i32::from(not_idle.is_some());
        }
        let (stabilized, until) = self.stabilize(recommended);
        match stabilized.cmp(&base) {
            Ordering::Greater => self.scale_up(recommendations, stabilized),
            Ordering::Less => self.scale_down(recommendations, stabilized),
            Ordering::Equal if recommended != base => {
                self.keep(Reason::Stabilized { recommended, until })
            }
            Ordering::Equal if self.metrics_unavailable => self.keep(self.unknown_reason()),
            Ordering::Equal => {
                let limited = recommendations.at_queue_limit.clone();
                self.keep(limited.or(not_idle).unwrap_or(Reason::WithinThresholds))
            }
        }
    }

    /// The decision, with the memory for the next one.
    fn finish(mut self, proposal: Proposal) -> Decision {
        let Proposal {
            mut replicas,
            mut reason,
            raised_by_rule,
        } = proposal;
        let not_lowered = matches!(reason, Reason::Unknown { .. } | Reason::BusyWorkers { .. });
        if self.spec.dry_run {
            self.steps.push(Step::NotWritten { replicas });
            reason = Reason::DryRun {
                to: replicas,
                reason: Box::new(reason),
            };
            replicas = self.current;
        } else if replicas == self.base && self.base != self.current && !not_lowered {
            reason = Reason::TargetChanged {
                found: self.current,
                change: None,
            };
        }
        if not_lowered && replicas == self.current {
            // Replicas that another client set do not become the pool's own because they cannot be lowered yet.
            self.remember(self.base, false);
        } else {
            self.remember(replicas, raised_by_rule);
        }
        Decision {
            replicas,
            from: self.current,
            reason,
            confidence: self.confidence(),
            steps: self.steps,
            requeue_at: self.requeue_at,
            memory: self.memory,
        }
    }

    /// Records a change from `base` to `replicas`, or that there is none.
    fn remember(&mut self, replicas: i32, raised_by_rule: bool) {
        let change = replicas - self.base;
        self.memory.desired = Some(replicas);
        behavior::record(
            self.spec.behavior.as_ref(),
            &mut self.memory,
            change,
            self.now,
        );
        if change == 0 {
            return;
        }
        self.memory.last_change = Some(self.now);
        if raised_by_rule && change > 0 {
            self.memory.last_up = Some(self.now);
        }
        if self.spec.has_target() {
            self.memory.startup.on_change(change, replicas, self.now);
        }
    }

    /// The share of the required metrics that are known, in percent.
    fn confidence(&self) -> u8 {
        let mut required = 0u32;
        let mut known = 0u32;
        for metric in recommendations::required_metrics(self.spec, self.observation) {
            required += u32::from(metric != Metric::Unsupported);
            known += u32::from(metric.known().is_some());
        }
        let percent = (known * 100).checked_div(required).unwrap_or(100);
        u8::try_from(percent).unwrap_or(100)
    }

    /// Asks for the next evaluation at `at` at the latest: time alone may change the decision then.
    pub fn requeue(&mut self, at: impl Into<Option<Time>>) {
        self.requeue_at = self.requeue_at.into_iter().chain(at.into()).min();
    }

    pub fn keep(&self, reason: Reason) -> Proposal {
        Proposal::new(self.base, reason)
    }

    /// Records that `by` changes `from` replicas to `to`, and evaluates again when the constraint ends.
    pub fn constrain(&mut self, by: Constraint, from: i32, to: i32, until: Option<Time>) {
        self.steps.push(Step::Constrained {
            by,
            from,
            to,
            until,
        });
        self.requeue(until);
    }

    pub fn unknown_reason(&self) -> Reason {
        let since = self.memory.unknown_since.unwrap_or(self.now);
        let unavailable = self.observation.unavailable.clone();
        let cause = unavailable.unwrap_or(Unavailable::Unexplained);
        Reason::Unknown { cause, since }
    }
}
