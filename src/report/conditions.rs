//! The conditions of a pool. Types and reasons are those of the `HorizontalPodAutoscaler` where it has them.

use super::status::StatusInput;
use crate::observe::RedisNotifications;
use api::{Condition, PodEnd, timestamp};
use decide::{ReasonCode, Time};
use messages::Catalogue;
use queues::RedisMemory;

/// A condition without its times.
struct State<'a> {
    type_: &'static str,
    status: bool,
    reason: &'a str,
    /// `None`: the catalogue's text for the reason.
    message: Option<&'a str>,
}

/// What the conditions are made of.
struct Facts<'a> {
    code: ReasonCode,
    /// The decision's message.
    message: &'a str,
    /// Why a metric is unavailable, if any is.
    unavailable: Option<&'a str>,
}

/// The conditions after one reconcile, whose decision has `message`; each keeps its `lastTransitionTime` while its status
/// stays the same.
pub fn conditions(
    input: &StatusInput,
    message: &str,
    before: &[Condition],
    now: Time,
) -> Vec<Condition> {
    let unavailable = input.unavailable.as_ref().map(messages::cause);
    let renewal = input
        .credentials
        .as_ref()
        .map(|it| it.as_ref().map_err(messages::cause));
    let facts = &Facts {
        code: input.outcome.code(),
        message,
        unavailable: unavailable.as_deref(),
    };
    let pod_end = input.pod_end.as_ref().map(PodEnd::encoded);
    let pod_end = pod_end.map(|it| (Catalogue::english().pod_end(&it), it.code));
    let states = [
        ready(facts),
        scaling_active(facts),
        able_to_scale(facts),
        scaling_limited(facts),
        metrics_fresh(facts),
    ];
    states
        .into_iter()
        .chain(renewal.as_ref().map(credentials_used))
        .chain(memory_bounded(input))
        .chain(notified(input))
        .chain(pod_end.as_ref().map(tasks_finish))
        .chain(interval_raised(input))
        .chain(input.fetched_ahead.map(new_workers_help))
        .map(|state| {
            let status = if state.status { "True" } else { "False" };
            let unchanged = before
                .iter()
                .find(|old| old.type_ == state.type_ && old.status == status);
            Condition {
                type_: state.type_.to_owned(),
                status: status.to_owned(),
                reason: state.reason.to_owned(),
                message: state
                    .message
                    .map(str::to_owned)
                    .or_else(|| Catalogue::english().condition(state.reason))
                    .unwrap_or_default(),
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
            | ReasonCode::TargetContested
            | ReasonCode::InvalidSpec
            | ReasonCode::WriteFailed
    )
}

/// What keeps the pool from scaling: the unavailable metric if there is one, otherwise the decision.
fn problem<'a>(facts: &Facts<'a>) -> &'a str {
    facts.unavailable.unwrap_or(facts.message)
}

fn ready<'a>(facts: &Facts<'a>) -> State<'a> {
    let reason = facts.code;
    let (status, reason, message) = match facts.unavailable {
        _ if is_blocked(reason) => (false, reason.as_str(), Some(problem(facts))),
        Some(_) => (false, "MetricsUnavailable", Some(problem(facts))),
        None => (true, "Scaling", None),
    };
    State {
        type_: "Ready",
        status,
        reason,
        message,
    }
}

fn scaling_active<'a>(facts: &Facts<'a>) -> State<'a> {
    let (status, reason) = match facts.code {
        ReasonCode::Suspended => (false, "ScalingDisabled"),
        ReasonCode::DryRun => (false, "DryRun"),
        reason if is_blocked(reason) => (false, able_to_scale(facts).reason),
        _ if facts.unavailable.is_none() => (true, "ValidMetricFound"),
        _ => (false, "FailedGetExternalMetric"),
    };
    State {
        type_: "ScalingActive",
        status,
        reason,
        message: (!status).then(|| problem(facts)),
    }
}

fn able_to_scale<'a>(facts: &Facts<'a>) -> State<'a> {
    let (status, reason) = match facts.code {
        ReasonCode::TargetMissing => (false, "FailedGetScale"),
        ReasonCode::WriteFailed => (false, "FailedUpdateScale"),
        ReasonCode::TargetConflict => (false, "AmbiguousTarget"),
        ReasonCode::TargetContested => (false, "TargetContested"),
        ReasonCode::InvalidSpec => (false, "InvalidSpec"),
        // The autoscaler has one reason for each direction; here the message has the direction.
        ReasonCode::Stabilized => (true, "ScaleStabilized"),
        _ => (true, "ReadyForNewScale"),
    };
    State {
        type_: "AbleToScale",
        status,
        reason,
        message: (!status).then_some(facts.message),
    }
}

fn scaling_limited<'a>(facts: &Facts<'a>) -> State<'a> {
    let (status, reason) = match facts.code {
        ReasonCode::AtMax | ReasonCode::TooManyReplicas => (true, "TooManyReplicas"),
        ReasonCode::AtQueueLimit => (true, "QueueLimit"),
        ReasonCode::TooFewReplicas | ReasonCode::Scheduled => (true, "TooFewReplicas"),
        ReasonCode::RateLimited => (true, "ScaleLimit"),
        _ => (false, "DesiredWithinRange"),
    };
    State {
        type_: "ScalingLimited",
        status,
        reason,
        message: status.then_some(facts.message),
    }
}

fn metrics_fresh<'a>(facts: &Facts<'a>) -> State<'a> {
    let (status, reason, message) = match facts.unavailable {
        None => (true, "AllMetricsRead", None),
        Some(unavailable) => (false, "MetricsUnavailable", Some(unavailable)),
    };
    State {
        type_: "MetricsFresh",
        status,
        reason,
        message,
    }
}

/// The former connection stays while Redis accepts it.
fn credentials_used<'a>(renewal: &'a Result<&(), String>) -> State<'a> {
    let problem = renewal.as_ref().err();
    State {
        type_: "CredentialsUsed",
        status: problem.is_none(),
        reason: problem.map_or("CredentialsCurrent", |_| "CredentialsNotUsable"),
        message: problem.map(String::as_str),
    }
}

/// Whether a pod's grace is long enough for its tasks. Whether its program handles SIGTERM is asked for, and not known.
fn tasks_finish((message, code): &(Option<String>, String)) -> State<'_> {
    State {
        type_: "TasksFinish",
        status: code != "GraceTooShort",
        reason: code,
        message: message.as_deref(),
    }
}

/// The type of the condition of whether new workers would help.
pub const NEW_WORKERS_HELP: &str = "NewWorkersHelp";

/// Whether a new worker can take the tasks that wait.
fn new_workers_help(fetched_ahead: bool) -> State<'static> {
    State {
        type_: NEW_WORKERS_HELP,
        status: !fetched_ahead,
        reason: if fetched_ahead {
            "FetchedAhead"
        } else {
            "NotFetchedAhead"
        },
        message: None,
    }
}

/// `None` while it is unknown.
fn notified(input: &StatusInput) -> Option<State<'_>> {
    let (status, reason) = match input.notifications {
        RedisNotifications::Unknown => return None,
        RedisNotifications::Tracked => (true, "KeysTracked"),
        RedisNotifications::NoResp3 => (false, "HelloRefused"),
        RedisNotifications::Refused => (false, "TrackingRefused"),
    };
    Some(State {
        type_: "RedisNotifies",
        status,
        reason,
        message: None,
    })
}

/// Only where a pool is read less often than it asks.
fn interval_raised(input: &StatusInput) -> Option<State<'_>> {
    input.interval_raised.then_some(State {
        type_: "IntervalKept",
        status: false,
        reason: "IntervalRaised",
        message: None,
    })
}

/// `None` while it is unknown, which is no fault of Redis.
fn memory_bounded(input: &StatusInput) -> Option<State<'_>> {
    let (status, reason) = match &input.memory {
        RedisMemory::Unknown => return None,
        RedisMemory::Bounded => (true, "NoEviction"),
        RedisMemory::Unbounded => (false, "NoMaxMemory"),
        RedisMemory::Evicting(_) => (false, "EvictingPolicy"),
    };
    Some(State {
        type_: "RedisMemoryBounded",
        status,
        reason,
        message: None,
    })
}
