//! The conditions of a pool. Types and reasons are those of the `HorizontalPodAutoscaler` where it has them.

use super::status::StatusInput;
use api::{Condition, timestamp};
use decide::{ReasonCode, Time};
use queues::RedisMemory;

/// A condition without its times.
struct State<'a> {
    type_: &'static str,
    status: bool,
    reason: &'a str,
    message: &'a str,
}

/// The conditions after one reconcile; each keeps its `lastTransitionTime` while its status stays the same.
pub fn conditions(input: &StatusInput, before: &[Condition], now: Time) -> Vec<Condition> {
    let states = [
        ready(input),
        scaling_active(input),
        able_to_scale(input),
        scaling_limited(input),
        metrics_fresh(input),
    ];
    states
        .into_iter()
        .chain(memory_bounded(input))
        .map(|state| {
            let status = if state.status { "True" } else { "False" };
            let unchanged = before
                .iter()
                .find(|old| old.type_ == state.type_ && old.status == status);
            Condition {
                type_: state.type_.to_owned(),
                status: status.to_owned(),
                reason: state.reason.to_owned(),
                message: state.message.to_owned(),
                last_transition_time: unchanged
                    .map_or_else(|| timestamp(now), |old| old.last_transition_time),
                observed_generation: input.generation,
            }
        })
        .collect()
}

fn is_blocked(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::TargetMissing
            | ReasonCode::TargetConflict
            | ReasonCode::InvalidSpec
            | ReasonCode::WriteFailed
    )
}

/// What keeps the pool from scaling: the unavailable metric if there is one, otherwise the decision.
fn problem(input: &StatusInput) -> &str {
    input
        .unavailable_reason
        .as_deref()
        .unwrap_or(&input.outcome.message)
}

fn ready(input: &StatusInput) -> State<'_> {
    let reason = input.outcome.reason;
    let (status, reason, message) = match input.unavailable_reason {
        _ if is_blocked(reason) => (false, reason.as_str(), problem(input)),
        Some(_) => (false, "MetricsUnavailable", problem(input)),
        None => (true, "Scaling", "the pool scales its target"),
    };
    State {
        type_: "Ready",
        status,
        reason,
        message,
    }
}

fn scaling_active(input: &StatusInput) -> State<'_> {
    let (status, reason) = match input.outcome.reason {
        ReasonCode::Suspended => (false, "ScalingDisabled"),
        ReasonCode::DryRun => (false, "DryRun"),
        reason if is_blocked(reason) => (false, able_to_scale(input).reason),
        _ if input.unavailable_reason.is_none() => (true, "ValidMetricFound"),
        _ => (false, "FailedGetExternalMetric"),
    };
    State {
        type_: "ScalingActive",
        status,
        reason,
        message: if status {
            "the scaling rules are evaluated"
        } else {
            problem(input)
        },
    }
}

fn able_to_scale(input: &StatusInput) -> State<'_> {
    let (status, reason) = match input.outcome.reason {
        ReasonCode::TargetMissing => (false, "FailedGetScale"),
        ReasonCode::WriteFailed => (false, "FailedUpdateScale"),
        ReasonCode::TargetConflict => (false, "AmbiguousTarget"),
        ReasonCode::InvalidSpec => (false, "InvalidSpec"),
        // The autoscaler has one reason for each direction; here the message has the direction.
        ReasonCode::Stabilized => (true, "ScaleStabilized"),
        _ => (true, "ReadyForNewScale"),
    };
    State {
        type_: "AbleToScale",
        status,
        reason,
        message: if status {
            "the operator can update the target's scale"
        } else {
            &input.outcome.message
        },
    }
}

fn scaling_limited(input: &StatusInput) -> State<'_> {
    let (status, reason) = match input.outcome.reason {
        ReasonCode::AtMax | ReasonCode::TooManyReplicas => (true, "TooManyReplicas"),
        ReasonCode::TooFewReplicas | ReasonCode::Scheduled => (true, "TooFewReplicas"),
        ReasonCode::RateLimited => (true, "ScaleLimit"),
        _ => (false, "DesiredWithinRange"),
    };
    State {
        type_: "ScalingLimited",
        status,
        reason,
        message: if status {
            &input.outcome.message
        } else {
            "the desired replica count is within the bounds"
        },
    }
}

fn metrics_fresh(input: &StatusInput) -> State<'_> {
    let (status, reason, message) = match &input.unavailable_reason {
        None => (true, "AllMetricsRead", "all metrics are fresh"),
        Some(unavailable) => (false, "MetricsUnavailable", unavailable.as_str()),
    };
    State {
        type_: "MetricsFresh",
        status,
        reason,
        message,
    }
}

/// `None` while it is unknown, which is no fault of Redis.
fn memory_bounded(input: &StatusInput) -> Option<State<'_>> {
    let (status, reason, message) = match &input.memory {
        RedisMemory::Unknown => return None,
        RedisMemory::Bounded => (
            true,
            "NoEviction",
            "Redis has a maxmemory and refuses new tasks when it is full",
        ),
        RedisMemory::Unbounded => (
            false,
            "NoMaxMemory",
            "Redis has no maxmemory, so a growing queue ends it instead of being refused: set it to three quarters of its container's limit",
        ),
        RedisMemory::Evicting(_) => (
            false,
            "EvictingPolicy",
            "Redis deletes keys when it is full, and with them tasks: set maxmemory-policy to noeviction",
        ),
    };
    Some(State {
        type_: "RedisMemoryBounded",
        status,
        reason,
        message,
    })
}
