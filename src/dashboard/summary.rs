//! The part of a status that the stream sends. The rest would be copied on each poll only to be dropped.

use crate::dashboard::wire_format::{READY, recent_changes};
use api::{Change, DecisionStatus, Display, MemoryStatus, MetricsStatus, WorkerPoolStatus};

/// The fields of `status` that the stream sends, with the newest changes of `history`.
pub fn summary(status: &WorkerPoolStatus, history: &[Change]) -> WorkerPoolStatus {
    WorkerPoolStatus {
        replicas: status.replicas,
        desired_replicas: status.desired_replicas,
        metrics: status.metrics.as_ref().map(|metrics| MetricsStatus {
            task_millis: metrics.task_millis.clone(),
            ..MetricsStatus::default()
        }),
        decision: status.decision.as_ref().map(decision),
        internal: status.internal.as_ref().map(|memory| MemoryStatus {
            last_up: memory.last_up,
            last_change: memory.last_change,
            idle_since: memory.idle_since,
            ..MemoryStatus::default()
        }),
        history: recent_changes(history).to_vec(),
        conditions: status
            .conditions
            .iter()
            .filter(|condition| condition.type_ == READY)
            .cloned()
            .collect(),
        display: status.display.as_ref().map(|display| Display {
            success: display.success.clone(),
            eta: display.eta.clone(),
            ..Display::default()
        }),
        ..WorkerPoolStatus::default()
    }
}

/// The decision without its steps.
fn decision(decision: &DecisionStatus) -> DecisionStatus {
    DecisionStatus {
        reason: decision.reason.clone(),
        message: decision.message.clone(),
        params: decision.params.clone(),
        confidence: decision.confidence,
        at: decision.at,
        from: decision.from,
        to: decision.to,
        steps: Vec::new(),
        next: decision.next.clone(),
    }
}
