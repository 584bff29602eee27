//! Facts replayed as they were: one decision for each line of a trace.

use super::TraceLine;
use crate::trace::seconds;
use api::{ScheduledSpec, StepStatus, WorkerPool};
use decide::{Decision, Memory, Observation, Time, decide};
use serde::Serialize;
use serde_json::Value;

/// A decision as it is printed.
#[derive(Debug, PartialEq, Serialize)]
pub struct DecisionLine {
    /// Whose it is, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// When, in seconds.
    pub t: Value,
    /// Workers that there should be.
    pub desired: i32,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in one sentence.
    pub message: String,
    /// Each step that led there.
    pub steps: Vec<StepStatus>,
}

impl DecisionLine {
    /// The words of `decision`, which was taken at `at`.
    #[must_use]
    pub fn new(pool: Option<&str>, at: Time, decision: &Decision) -> Self {
        let Decision {
            replicas,
            from,
            reason: why,
            steps: trail,
            ..
        } = decision;
        Self {
            pool: pool.map(str::to_owned),
            t: seconds(at.0),
            desired: *replicas,
            reason: why.code().as_str(),
            message: messages::message(why, *from, *replicas),
            steps: trail
                .iter()
                .map(|step| StepStatus {
                    name: messages::step_name(step),
                    detail: messages::step_detail(step),
                })
                .collect(),
        }
    }
}

/// Where a pool starts from: its workers (`status.replicas`, else `minReplicas`) and what it remembers.
#[must_use]
pub fn start(pool: &WorkerPool) -> (i32, Memory) {
    let status = pool.status.as_ref();
    let workers = status
        .and_then(|status| status.replicas)
        .unwrap_or(pool.spec.min_replicas);
    (
        workers,
        status
            .and_then(|status| status.internal.as_ref())
            .map(Memory::from)
            .unwrap_or_default(),
    )
}

/// Decides on each of `lines`. A line without `replicas` finds what was decided last, from `(workers, memory)` on.
pub fn replay(
    wishes: &mut ScheduledSpec,
    (mut workers, mut memory): (i32, Memory),
    lines: &[TraceLine],
    watch: &mut dyn FnMut(&TraceLine, &Decision),
) {
    for line in lines {
        let current = line.replicas.unwrap_or(workers);
        let seen = Observation {
            replicas: current,
            queues: line.queues.clone(),
            unavailable_reason: line.missing.clone(),
        };
        let decision = decide(wishes.at(line.at), &seen, &memory, line.at);
        watch(line, &decision);
        workers = decision.replicas;
        memory = decision.memory;
    }
}
