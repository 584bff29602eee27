//! The five conditions, in HPA's words where HPA has one.

use super::status::{Outcome, StatusInput};
use api::{Condition, timestamp};
use decide::{ReasonCode, Time};

/// The conditions of one look; each keeps its `lastTransitionTime` while its status stays.
#[must_use]
pub fn conditions(observed: &StatusInput, before: &[Condition], now: Time) -> Vec<Condition> {
    let Outcome {
        reason,
        message: sentence,
        ..
    } = &observed.outcome;
    let known = observed.unavailable_reason.is_none();
    let missing = observed
        .unavailable_reason
        .as_deref()
        .unwrap_or("all facts are fresh");
    let blocked = matches!(
        reason,
        ReasonCode::TargetMissing
            | ReasonCode::TargetConflict
            | ReasonCode::InvalidSpec
            | ReasonCode::WriteFailed
    );
    let able = match reason {
        ReasonCode::TargetMissing => (false, "FailedGetScale"),
        ReasonCode::WriteFailed => (false, "FailedUpdateScale"),
        ReasonCode::TargetConflict => (false, "AmbiguousTarget"),
        ReasonCode::InvalidSpec => (false, "InvalidSpec"),
        // HPA tells up from down here; the sentence does.
        ReasonCode::Stabilized => (true, "ScaleStabilized"),
        _ => (true, "ReadyForNewScale"),
    };
    let active = match reason {
        ReasonCode::Suspended => (false, "ScalingDisabled"),
        ReasonCode::DryRun => (false, "DryRun"),
        _ if blocked => (false, able.1),
        _ if known => (true, "ValidMetricFound"),
        _ => (false, "FailedGetExternalMetric"),
    };
    let limited = match reason {
        ReasonCode::AtMax | ReasonCode::TooManyReplicas => (true, "TooManyReplicas"),
        ReasonCode::TooFewReplicas | ReasonCode::Scheduled => (true, "TooFewReplicas"),
        ReasonCode::RateLimited => (true, "ScaleLimit"),
        _ => (false, "DesiredWithinRange"),
    };
    let ready = known && !blocked;
    let why_not = if blocked {
        reason.as_str()
    } else {
        "FactsMissing"
    };
    let fresh = (
        known,
        if known {
            "AllFactsRead"
        } else {
            "FactsMissing"
        },
    );
    let trouble = if known { sentence } else { missing };
    let all = [
        (
            "Ready",
            (ready, if ready { "Scaling" } else { why_not }),
            if ready {
                "the pool scales its target"
            } else {
                trouble
            },
        ),
        (
            "ScalingActive",
            active,
            if active.0 {
                "the rules decide"
            } else {
                trouble
            },
        ),
        (
            "AbleToScale",
            able,
            if able.0 {
                "the target's scale can be written"
            } else {
                sentence
            },
        ),
        (
            "ScalingLimited",
            limited,
            if limited.0 {
                sentence
            } else {
                "the wanted number lies within the bounds"
            },
        ),
        ("MetricsFresh", fresh, missing),
    ];
    let make = |(type_, (status, reason), message): (&str, (bool, &str), &str)| {
        let status = if status { "True" } else { "False" };
        let old = before
            .iter()
            .find(|old| old.type_ == type_ && old.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_time: old
                .map_or_else(|| timestamp(now), |old| old.last_transition_time),
            observed_generation: observed.generation,
        }
    };
    all.map(make).into()
}
