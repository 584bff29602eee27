//! The five conditions, in HPA's words where HPA has one.

use super::status::{Observed, Verdict};
use crate::api::{Condition, timestamp};
use crate::decide::{Reason, Time};

/// The conditions of one look; each keeps its `lastTransitionTime` while its status stays.
#[must_use]
pub fn conditions(observed: &Observed, before: &[Condition], now: Time) -> Vec<Condition> {
    let Verdict {
        reason, sentence, ..
    } = &observed.verdict;
    let known = observed.missing.is_none();
    let missing = observed.missing.as_deref().unwrap_or("all facts are fresh");
    let blocked = matches!(
        reason,
        Reason::TargetMissing | Reason::TargetConflict | Reason::InvalidSpec | Reason::WriteFailed
    );
    let able = match reason {
        Reason::TargetMissing => (false, "FailedGetScale"),
        Reason::WriteFailed => (false, "FailedUpdateScale"),
        Reason::TargetConflict => (false, "AmbiguousTarget"),
        Reason::InvalidSpec => (false, "InvalidSpec"),
        // HPA tells up from down here; the sentence does.
        Reason::Stabilized => (true, "ScaleStabilized"),
        _ => (true, "ReadyForNewScale"),
    };
    let active = match reason {
        Reason::Suspended => (false, "ScalingDisabled"),
        Reason::DryRun => (false, "DryRun"),
        _ if blocked => (false, able.1),
        _ if known => (true, "ValidMetricFound"),
        _ => (false, "FailedGetExternalMetric"),
    };
    let limited = match reason {
        Reason::AtMax | Reason::AboveMax => (true, "TooManyReplicas"),
        Reason::BelowMin | Reason::Scheduled => (true, "TooFewReplicas"),
        Reason::RateLimited => (true, "ScaleLimit"),
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
