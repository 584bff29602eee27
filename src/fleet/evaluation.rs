//! The decision on the last poll of one pool, and its outcome.

use super::pool_state::PoolState;
use crate::observe::target::Target;
use crate::report::{Outcome, StatusInput};
use decide::victims::VictimOrder;
use decide::{
    Decision, Metric, Observation, QueueMetrics, Reason, TargetChange, Time, Unavailable, decide,
};

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
    /// Something prevents a decision, for this reason.
    Blocked(Reason),
    Decided(Box<Evaluated>),
}

impl PoolState {
    /// Decides on the last poll. `conflict` says why this pool must not scale its target, if so.
    pub fn evaluate(
        &mut self,
        target: Option<&Target>,
        conflict: Option<Reason>,
        now: Time,
    ) -> ReconcileResult {
        if let Err(error) = &self.spec {
            let error = error.to_string();
            return ReconcileResult::Blocked(Reason::InvalidSpec { error });
        }
        let Some(target) = target else {
            return ReconcileResult::Blocked(self.target_missing(None));
        };
        if let Some(conflict) = conflict {
            return ReconcileResult::Blocked(conflict);
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
        let (queues, unavailable) = if is_stale {
            (
                vec![QueueMetrics::UNAVAILABLE; metrics.queues.len()],
                Some(Unavailable::Stale { since: metrics.at }),
            )
        } else {
            (metrics.queues.clone(), metrics.unavailable.clone())
        };
        Some(Observation {
            replicas: target.desired,
            queues,
            unavailable,
        })
    }

    /// The target does not exist, or targets of its kind cannot be read.
    pub fn target_missing(&self, error: Option<String>) -> Reason {
        Reason::TargetMissing {
            target: self.target.display(),
            namespace: self.key.namespace.to_string(),
            error,
        }
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
        let mut reason = decision.reason.clone();
        if let Reason::TargetChanged { change, .. } = &mut reason {
            let writer = target.and_then(|target| target.writer.as_ref());
            *change = writer.map(|writer| TargetChange {
                writer: writer.name.clone(),
                target: self.target.display(),
                pool: self.key.name.to_string(),
            });
        }
        Outcome::new(
            reason,
            decision.from,
            decision.replicas,
            decision.confidence,
        )
    }

    pub fn status_input(&self, target: Option<&Target>, outcome: Outcome) -> StatusInput {
        let unavailable = match &self.metrics {
            Some(metrics) => metrics.unavailable.clone(),
            None => Some(Unavailable::NotReadYet),
        };
        StatusInput {
            generation: self.generation,
            target: self.target.display(),
            replicas: target.map(|target| target.replicas),
            selector: target
                .map(|target| target.selector.clone())
                .unwrap_or_default(),
            total: self.total(),
            unavailable,
            memory: self
                .metrics
                .as_ref()
                .map(|metrics| metrics.memory.clone())
                .unwrap_or_default(),
            outcome,
        }
    }
}
