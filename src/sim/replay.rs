//! Facts replayed as they were: one decision for each line of a trace.

use super::Line;
use super::line::seconds;
use crate::api::{TrailStep, Wishes, WorkerPool};
use crate::decide::{Decision, Memory, Seen, Time, decide};
use serde::Serialize;
use serde_json::Value;

/// A decision as it is printed.
#[derive(Debug, PartialEq, Serialize)]
pub struct Told {
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
    pub sentence: String,
    /// Each step that led there.
    pub trail: Vec<TrailStep>,
}

impl Told {
    /// The words of `decision`, which was taken at `at`.
    #[must_use]
    pub fn new(pool: Option<&str>, at: Time, decision: &Decision) -> Self {
        let Decision {
            replicas,
            from,
            why,
            trail,
            ..
        } = decision;
        Self {
            pool: pool.map(str::to_owned),
            t: seconds(at.0),
            desired: *replicas,
            reason: why.reason().as_str(),
            sentence: why.sentence(*from, *replicas),
            trail: trail
                .iter()
                .map(|step| TrailStep {
                    step: step.label(),
                    says: step.says(),
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
            .and_then(|status| status.memory.as_ref())
            .map(Memory::from)
            .unwrap_or_default(),
    )
}

/// Decides on each of `lines`. A line without `replicas` finds what was decided last, from `(workers, memory)` on.
pub fn replay(
    wishes: &mut Wishes,
    (mut workers, mut memory): (i32, Memory),
    lines: &[Line],
    watch: &mut dyn FnMut(&Line, &Decision),
) {
    for line in lines {
        let current = line.replicas.unwrap_or(workers);
        let seen = Seen {
            current,
            queues: line.queues.clone(),
            missing: line.missing.clone(),
        };
        let decision = decide(wishes.at(line.at), &seen, &memory, line.at);
        watch(line, &decision);
        workers = decision.replicas;
        memory = decision.memory;
    }
}
