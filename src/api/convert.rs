//! The bridge between the API and `decide`: spec → `Pool`, status ↔ `Memory`. The only place that knows both.

use super::{MemoryStatus, OnUnknownAction, QueueSystem, ScaleDownSpec, ScaleUpSpec, WorkerPoolSpec};
use crate::decide::{Memory, Millis, Pool, ScaleDown, ScaleUp, Time, UnknownAction};
use jiff::Timestamp;

/// Why a spec cannot work. Admission refuses the same; this is for an API server that still has an older CRD.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// The wishes of `spec`, with the class's values where it leaves rules out.
pub fn pool(spec: &WorkerPoolSpec) -> Result<Pool, Refusal> {
    let (min, max) = (spec.min_replicas, spec.max_replicas);
    let refuse = |text: String| Err(Refusal(text));
    if min < 0 || min > max {
        return refuse(format!(
            "minReplicas {min} must lie between 0 and maxReplicas {max}: lower one or raise the other"
        ));
    }
    if let Some(pin) = spec.replicas
        && !(0..=max).contains(&pin)
    {
        return refuse(format!(
            "replicas {pin} must lie between 0 and maxReplicas {max}: pin less, or raise maxReplicas"
        ));
    }
    if spec.queues.is_empty() {
        return refuse("queues is empty: name at least one queue".to_owned());
    }
    let told = spec.queues.iter().any(|queue| queue.system != QueueSystem::List);
    let up = spec.scale_up.clone().unwrap_or_else(ScaleUpSpec::class);
    let down = spec.scale_down.clone().unwrap_or_else(ScaleDownSpec::class);
    let number = |n: Option<i32>| n.map(i64::from);
    if let (Some(above), Some(below)) = (up.queue_length, down.queue_length)
        && above <= below
    {
        return refuse(format!(
            "scaleUp.queueLength {above} must be greater than scaleDown.queueLength {below}, or it would go up and down at once"
        ));
    }
    let unknown_action = match (spec.on_unknown.action, spec.on_unknown.replicas) {
        (OnUnknownAction::Hold, _) => UnknownAction::Hold,
        (OnUnknownAction::Fallback, Some(n)) => UnknownAction::Fallback(n),
        (OnUnknownAction::Fallback, None) => {
            return refuse("onUnknown.action Fallback needs onUnknown.replicas".to_owned());
        }
    };
    Ok(Pool {
        min,
        max,
        pin: spec.replicas,
        up: ScaleUp {
            queue_length: number(up.queue_length),
            utilization: number(up.utilization_percent).filter(|_| told),
            cpu: number(up.cpu_percent).filter(|_| told),
            step: up.step.max(1),
            cooldown: up.cooldown.0,
        },
        down: Some(ScaleDown {
            queue_length: number(down.queue_length),
            utilization: number(down.utilization_percent).filter(|_| told),
            idle_for: down.idle_for.0,
            step: down.step.max(1),
            cooldown: down.cooldown.0,
        }),
        unknown_after: spec.on_unknown.after.0,
        unknown_action,
        suspend: spec.suspend,
        dry_run: spec.dry_run,
    })
}

/// An instant of `decide` as the API writes it.
#[must_use]
pub fn timestamp(at: Time) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or_default()
}

/// An instant of the API as `decide` counts it.
#[must_use]
pub fn time(at: Timestamp) -> Time {
    Time(at.as_millisecond())
}

impl From<&MemoryStatus> for Memory {
    fn from(status: &MemoryStatus) -> Self {
        Self {
            desired: status.desired,
            last_up: status.last_up.map(time),
            last_change: status.last_change.map(time),
            idle_since: status.idle_since.map(time),
            unknown_since: status.unknown_since.map(time),
        }
    }
}

impl From<&Memory> for MemoryStatus {
    fn from(memory: &Memory) -> Self {
        Self {
            desired: memory.desired,
            last_up: memory.last_up.map(timestamp),
            last_change: memory.last_change.map(timestamp),
            idle_since: memory.idle_since.map(timestamp),
            unknown_since: memory.unknown_since.map(timestamp),
        }
    }
}

/// How often the facts are read: at least every hour, at most every 100 ms.
#[must_use]
pub fn interval(spec: &WorkerPoolSpec) -> Millis {
    Millis(spec.interval.0.0.clamp(100, 3_600_000))
}
