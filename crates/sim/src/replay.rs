//! Replays a trace: one decision for each line.

use crate::TraceLine;
use crate::trace::seconds;
use api::{ScheduledSpec, StepStatus, WorkerPool};
use decide::{Decision, Memory, Observation, Time, decide};
use serde::Serialize;
use serde_json::Value;

/// A decision as it is printed.
#[derive(Debug, PartialEq, Serialize)]
pub struct DecisionLine {
    /// Name of the pool, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Time in seconds.
    pub t: Value,
    /// Desired replicas.
    pub desired: i32,
    /// Reason code.
    pub reason: &'static str,
    /// Message of the decision.
    pub message: String,
    /// Steps that led to the decision.
    pub steps: Vec<StepStatus>,
}

impl DecisionLine {
    /// The line for the decision of `pool` at `at`.
    pub fn new(pool: Option<&str>, at: Time, decision: &Decision) -> Self {
        let steps = decision.steps.iter().map(StepStatus::new);
        Self {
            pool: pool.map(str::to_owned),
            t: seconds(at.0),
            desired: decision.replicas,
            reason: decision.reason.code().as_str(),
            message: messages::message(&decision.reason, decision.from, decision.replicas),
            steps: steps.collect(),
        }
    }
}

/// The state that a pool starts from: its workers (`status.replicas`, or else `minReplicas`) and its memory.
pub fn initial_state(pool: &WorkerPool) -> (i32, Memory) {
    let status = pool.status.as_ref();
    let workers = status
        .and_then(|status| status.replicas)
        .unwrap_or(pool.spec.min_replicas);
    let memory = status
        .and_then(|status| status.internal.as_ref())
        .map(Memory::from)
        .unwrap_or_default();
    (workers, memory)
}

/// Decides on each of `lines`, starting from `(workers, memory)`. A line without `replicas` has those of the previous
/// decision.
pub fn replay(
    spec: &mut ScheduledSpec,
    (mut workers, mut memory): (i32, Memory),
    lines: &[TraceLine],
    on_decision: &mut dyn FnMut(&TraceLine, &Decision),
) {
    for line in lines {
        let observation = Observation {
            replicas: line.replicas.unwrap_or(workers),
            queues: line.queues.clone(),
            unavailable: line.unavailable.clone(),
        };
        let decision = decide(spec.at(line.at), &observation, &memory, line.at);
        on_decision(line, &decision);
        workers = decision.replicas;
        memory = decision.memory;
    }
}
