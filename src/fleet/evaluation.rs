//! The decision on the last poll of one pool, and its outcome.

use super::pool_state::PoolState;
use crate::observe::target::{Target, TargetKey};
use crate::report::{Outcome, StatusInput, Unguarded};
use api::PodEnd;
use decide::victims::VictimOrder;
use decide::{
    Decision, Memory, Metric, Observation, PoolSpec, QueueMetrics, Reason, TargetChange, Time,
    Unavailable, decide,
};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a calculation for one pool. A panic in it is a fault of this program, but it must stop no other pool: it becomes
/// the error of this one.
pub(super) fn contained<T>(calculation: impl FnOnce() -> T) -> Result<T, String> {
    // `decide` and `forecast` change nothing, and the windows of a schedule are replaced as a whole.
    catch_unwind(AssertUnwindSafe(calculation)).map_err(|panic| {
        format!(
            "the operator cannot decide on this pool ({}): this is a fault of the operator, please report it",
            describe(&*panic)
        )
    })
}

/// The text of a panic.
fn describe(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

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
        self.evaluate_by(decide, target, conflict, now)
    }

    fn evaluate_by(
        &mut self,
        decide: impl Fn(&PoolSpec, &Observation, &Memory, Time) -> Decision,
        target: Option<&Target>,
        conflict: Option<Reason>,
        now: Time,
    ) -> ReconcileResult {
        if let Err(error) = &self.identity.spec {
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
        let Ok(spec) = &mut self.identity.spec else {
            return ReconcileResult::Wait;
        };
        spec.set_drains(drains);
        match contained(|| decide(spec.at(now), &observation, &self.intent.memory, now)) {
            Ok(decision) => ReconcileResult::Decided(Box::new(Evaluated {
                decision,
                observation,
            })),
            Err(error) => ReconcileResult::Blocked(Reason::InvalidSpec { error }),
        }
    }

    /// The input of a decision at `now`; `None` before the first poll.
    pub fn observation(&self, target: &Target, now: Time) -> Option<Observation> {
        let metrics = self.observed.metrics.as_ref()?;
        let is_stale = now - metrics.at > self.stale_after();
        let (queues, unavailable) = if is_stale {
            // What prevents the polls, such as a Secret without an address, is still the cause.
            let cause = metrics.unavailable.clone();
            let cause = cause.filter(|cause| *cause != Unavailable::NotReadYet);
            (
                vec![QueueMetrics::UNAVAILABLE; metrics.queues.len()],
                cause.or(Some(Unavailable::Stale { since: metrics.at })),
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

    /// The target does not exist, or it cannot be read, with this error.
    pub fn target_missing(&self, error: Option<String>) -> Reason {
        Reason::TargetMissing {
            target: self.identity.target.display(),
            namespace: self.key.namespace.to_string(),
            error,
        }
    }

    /// The order in which the target's controller deletes pods; `None` for an unknown kind.
    pub fn victim_order(&self) -> Option<VictimOrder> {
        VictimOrder::of(&self.identity.target.group, &self.identity.target.kind)
    }

    /// Whether workers say who is busy, and it is known which pods the controller would delete. A scale-down then waits
    /// until its victims are idle, also where workers do not name their pods, or none is registered.
    pub fn can_select_victims(&self) -> bool {
        self.victim_order().is_some()
            && (self.observed.pods_known.is_some() || self.observed.has_no_worker())
    }

    /// Whether the list of clients of Redis says which of the pods wait for work, whichever queue that is of.
    pub fn lists_clients(&self) -> bool {
        let mut queues = self.observed.source.queues.iter();
        self.victim_order().is_some()
            && queues.all(|queue| queue.system().capabilities().idle.is_supported())
    }

    /// Why a scale-down may delete a busy pod without the operator being able to know; `None` where it cannot.
    pub fn unguarded(&self, observation: &Observation) -> Option<Unguarded> {
        let mut queues = observation.queues.iter();
        let is_unreported = self.observed.pods_known.is_some() && !self.can_select_victims()
            || queues.any(|queue| queue.live == Metric::Unsupported);
        let scale_down = self.intent.scale_down.as_ref();
        if !is_unreported || scale_down.is_some_and(|it| it.is_guarded_by_clients()) {
            return None;
        }
        let blind = scale_down.and_then(|scale_down| scale_down.blind.clone());
        Some(blind.unwrap_or(Unguarded::Unreported))
    }

    /// The outcome of a decision that is not written yet.
    pub fn outcome(&self, decision: &Decision, target: Option<&Target>) -> Outcome {
        let mut reason = decision.reason.clone();
        if let Reason::TargetChanged { change, .. } = &mut reason {
            let writer = target.and_then(|target| target.writer.as_ref());
            *change = writer.map(|writer| TargetChange {
                writer: writer.name.clone(),
                target: self.identity.target.display(),
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
        let unavailable = match &self.observed.metrics {
            Some(metrics) => metrics.unavailable.clone(),
            None => Some(Unavailable::NotReadYet),
        };
        StatusInput {
            generation: self.identity.generation,
            target: self.identity.target.display(),
            target_uid: self.intent.target_uid.clone(),
            replicas: target.map(|target| target.replicas),
            selector: target
                .map(|target| target.selector.clone())
                .unwrap_or_default(),
            total: self.observed.total(),
            unavailable,
            credentials: self.observed.credentials(),
            memory: self
                .observed
                .metrics
                .as_ref()
                .map(|metrics| metrics.memory.clone())
                .unwrap_or_default(),
            notifications: self
                .observed
                .metrics
                .as_ref()
                .map(|metrics| metrics.notifications)
                .unwrap_or_default(),
            longest_task: self.observed.longest_task,
            fetched_ahead: self.observed.ahead.seen,
            pod_end: target.and_then(|target| target.grace).map(|grace| {
                let systems = self.observed.source.queues.iter();
                let TargetKey { kind, object, .. } = &self.identity.target;
                PodEnd::of(
                    systems.map(queues::Queue::system),
                    (&object.namespace, kind, &object.name),
                    grace,
                    self.observed.longest_task,
                )
            }),
            interval_raised: self.identity.interval_raised,
            outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::observed::PolledMetrics;
    use crate::observe::Epoch;
    use crate::observe::rollout::Rollout;
    use serde_json::json;

    fn pool() -> PoolState {
        let object = json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "a", "namespace": "default"},
            "spec": {"scaleTargetRef": {"name": "worker"}, "redis": {"address": "redis://127.0.0.1/0"}, "queues": [{"name": "tasks"}]},
        });
        let mut pool = PoolState::new(
            &serde_json::from_value(object).expect("a pool"),
            false,
            Epoch::default(),
        );
        let unknown = PolledMetrics::unknown(1, Unavailable::NotReadYet, Time(0));
        pool.observed.metrics = Some(unknown);
        pool
    }

    #[test]
    fn a_panic_while_deciding_is_an_error_of_the_pool() {
        let target = Target {
            desired: 3,
            replicas: 3,
            updated: 3,
            rollout: Rollout::default(),
            grace: None,
            observed: true,
            selector: String::new(),
            version: 1,
            uid: String::new(),
            writer: None,
        };
        let panics =
            |_: &PoolSpec, _: &Observation, _: &Memory, _: Time| panic!("divided {} by 0", 7);
        let result = pool().evaluate_by(panics, Some(&target), None, Time(0));
        let ReconcileResult::Blocked(Reason::InvalidSpec { error }) = result else {
            panic!("it decided")
        };
        assert!(error.contains("(divided 7 by 0)"), "{error}");
        let decided = pool().evaluate(Some(&target), None, Time(0));
        assert!(matches!(decided, ReconcileResult::Decided(_)));
    }
}
