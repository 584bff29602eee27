//! The decision on the last poll of one pool, and its outcome.

use super::pool_state::PoolState;
use crate::observe::target::Target;
use crate::report::{Outcome, StatusInput};
use decide::victims::VictimOrder;
use decide::{Decision, Metric, Observation, QueueMetrics, Reason, ReasonCode, Time, decide};

/// A decision and its observation.
#[derive(Clone, Debug)]
pub(super) struct Evaluated {
    pub decision: Decision,
    pub observation: Observation,
}

/// The result of an evaluation.
pub(super) enum ReconcileResult {
    /// Something is not known yet, but soon will be.
    Wait,
    /// Something prevents a decision, for this reason and with this message.
    Blocked(ReasonCode, String),
    Decided(Box<Evaluated>),
}

impl PoolState {
    /// Decides on the last poll. `conflict` says why this pool must not scale its target, if so.
    pub fn evaluate(
        &mut self,
        target: Option<&Target>,
        conflict: Option<String>,
        now: Time,
    ) -> ReconcileResult {
        if let Err(error) = &self.spec {
            return ReconcileResult::Blocked(ReasonCode::InvalidSpec, error.to_string());
        }
        let Some(target) = target else {
            let message = format!(
                "{} does not exist in {}: create it, or fix spec.scaleTargetRef",
                self.target.display(),
                self.key.namespace
            );
            return ReconcileResult::Blocked(ReasonCode::TargetMissing, message);
        };
        if let Some(conflict) = conflict {
            return ReconcileResult::Blocked(ReasonCode::TargetConflict, conflict);
        }
        let Some(observation) = self.observation(target, now) else {
            return ReconcileResult::Wait;
        };
        let drains = self.can_select_victims();
        let Ok(spec) = &mut self.spec else {
            return ReconcileResult::Wait;
        };
        spec.set_drains(drains);
        let decision = decide(spec.at(now), &observation, &self.memory, now);
        ReconcileResult::Decided(Box::new(Evaluated {
            decision,
            observation,
        }))
    }

    /// The input of a decision at `now`; `None` before the first poll.
    pub fn observation(&self, target: &Target, now: Time) -> Option<Observation> {
        let metrics = self.metrics.as_ref()?;
        let is_stale = now - metrics.at > self.stale_after();
        let (queues, unavailable_reason) = if is_stale {
            (
                vec![QueueMetrics::UNAVAILABLE; metrics.queues.len()],
                Some(format!("no poll since {}", metrics.at)),
            )
        } else {
            (metrics.queues.clone(), metrics.unavailable_reason.clone())
        };
        Some(Observation {
            replicas: target.desired,
            queues,
            unavailable_reason,
        })
    }

    /// The order in which the target's controller deletes pods; `None` for an unknown kind.
    pub fn victim_order(&self) -> Option<VictimOrder> {
        VictimOrder::of(&self.target.group, &self.target.kind)
    }

    /// Whether the operator knows which pods are busy, and which of them the controller would delete.
    pub fn can_select_victims(&self) -> bool {
        VictimOrder::if_selectable(self.victim_order(), self.pods_known).is_some()
    }

    /// Whether a scale-down may delete a busy pod without the operator being able to know.
    pub fn is_unguarded(&self, observation: &Observation) -> bool {
        self.pods_known.is_some() && !self.can_select_victims()
            || observation
                .queues
                .iter()
                .any(|queue| queue.live == Metric::Unsupported)
    }

    /// The outcome of a decision that is not written yet.
    pub fn outcome(&self, decision: &Decision, target: Option<&Target>) -> Outcome {
        let Decision {
            from,
            replicas: to,
            reason,
            confidence,
            ..
        } = decision;
        let message = match (reason, target.and_then(|target| target.writer.as_ref())) {
            (Reason::TargetChanged(found), Some(writer)) => format!(
                "{} set {} to {found}: set back to {to}; to choose the number yourself: kubectl workerpool scale {} {found}",
                writer.name,
                self.target.display(),
                self.key.name
            ),
            _ => messages::message(reason, *from, *to),
        };
        Outcome {
            reason: reason.code(),
            message,
            from: *from,
            to: *to,
            confidence: *confidence,
            written: false,
            latency: None,
        }
    }

    pub fn status_input(&self, target: Option<&Target>, outcome: Outcome) -> StatusInput {
        let unavailable_reason = match &self.metrics {
            Some(metrics) => metrics.unavailable_reason.clone(),
            None => Some("not read yet".to_owned()),
        };
        StatusInput {
            generation: self.generation,
            target: self.target.display(),
            replicas: target.map(|target| target.replicas),
            selector: target
                .map(|target| target.selector.clone())
                .unwrap_or_default(),
            total: self.total(),
            unavailable_reason,
            memory: self
                .metrics
                .as_ref()
                .map(|metrics| metrics.memory.clone())
                .unwrap_or_default(),
            outcome,
        }
    }
}
