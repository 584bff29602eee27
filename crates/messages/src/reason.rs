//! The reason of a decision as one plain sentence.

use crate::steps::{until_suffix, whole_seconds};
use decide::{Millis, Reason, Rule, Suspend, Trigger};

/// The message, one sentence without a full stop, for a decision that changes `from` replicas to `to`.
pub fn message(reason: &Reason, from: i32, to: i32) -> String {
    format!("{}: {}", cause(reason, from, to), outcome(reason, from, to))
}

/// What led to the decision: the part before the colon.
fn cause(reason: &Reason, from: i32, to: i32) -> String {
    match reason {
        Reason::WithinThresholds => "within thresholds".to_owned(),
        Reason::ScaleUp(trigger)
        | Reason::FewerNeeded(trigger)
        | Reason::ScaleUpCooldown { trigger, .. } => found(trigger),
        Reason::ScaledFromZero(1) => "1 task waits and no worker is running".to_owned(),
        Reason::ScaledFromZero(tasks) => format!("{tasks} tasks wait and no worker is running"),
        Reason::Idle(span) => format!("idle for {}", whole_seconds(*span)),
        Reason::IdleWait { since, .. } => format!("idle since {since}"),
        Reason::ScaleDownCooldown { .. } => "idle".to_owned(),
        Reason::NotIdle { recommended }
        | Reason::RecentlyBusy { recommended, .. }
        | Reason::Dampened { recommended, .. }
        | Reason::Stabilized { recommended, .. }
        | Reason::RateLimited { recommended, .. } => limited(reason, *recommended, to),
        Reason::Scheduled { name, until, min } => {
            format!("schedule {name} requires at least {min} workers until {until}")
        }
        Reason::AtMax(trigger) => format!("{}, but maxReplicas is {to}", found(trigger)),
        Reason::TooFewReplicas(min) => format!("fewer than minReplicas {min}"),
        Reason::TooManyReplicas(max) => format!("more than maxReplicas {max}"),
        Reason::BusyWorkers { busy, recommended } => format!(
            "{recommended} workers are enough, but {busy} are busy, and busy workers are not stopped"
        ),
        Reason::Unknown(what, since) => format!("{what} (since {since})"),
        Reason::Fallback(since) => format!("no metrics since {since}"),
        Reason::Pinned(until) => format!("pinned by spec.replicas{}", until_suffix(*until)),
        Reason::Suspended(Suspend { by, until }) => {
            let by = by.as_ref().map_or(String::new(), |by| format!(" {by}"));
            format!("suspended{by}{}", until_suffix(*until))
        }
        Reason::DryRun { replicas, .. } if *replicas == from => "dry run".to_owned(),
        Reason::DryRun { .. } => "dry run, not written".to_owned(),
        Reason::TargetChanged(found) => format!("another client set {found}"),
    }
}

/// What is recommended, and what still prevents it.
fn limited(reason: &Reason, recommended: i32, to: i32) -> String {
    let workers = match recommended {
        1 => "1 worker is".to_owned(),
        _ => format!("{recommended} workers are"),
    };
    match reason {
        Reason::NotIdle { .. } => {
            format!("{workers} enough for the target, but the scaleDown conditions are not met")
        }
        Reason::RecentlyBusy { .. } => format!("{workers} enough, but more were busy recently"),
        Reason::Stabilized { .. } => {
            format!("{workers} recommended, but not for the whole stabilization window")
        }
        Reason::RateLimited { .. } => {
            format!("{workers} recommended, but behavior allows {to} for now")
        }
        _ => format!("{workers} needed"),
    }
}

/// What the decision changes, now or later: the part after the colon.
fn outcome(reason: &Reason, from: i32, to: i32) -> String {
    let change = if from == to {
        format!("keeping {to} workers")
    } else {
        format!("{from} → {to} workers")
    };
    match reason {
        Reason::ScaleUpCooldown {
            until, recommended, ..
        }
        | Reason::ScaleDownCooldown { until, recommended }
        | Reason::Dampened { until, recommended } => {
            format!("{to} → {recommended} workers at {until} (cooldown)")
        }
        Reason::IdleWait {
            until, recommended, ..
        } => format!("{to} → {recommended} workers at {until} if still idle"),
        Reason::RecentlyBusy { until, .. } => format!("{change} until at least {until}"),
        Reason::Stabilized { until, .. } | Reason::RateLimited { until, .. } => {
            format!("{change}{}", until_suffix(*until))
        }
        Reason::Unknown(..) => format!("{change} (never scales down without metrics)"),
        Reason::Fallback(_) => format!("{change} (onUnknown)"),
        Reason::Suspended(_) => format!("{change}, regardless of load"),
        Reason::DryRun { replicas, reason } => message(reason, from, *replicas),
        Reason::TargetChanged(_) => format!("{change} again"),
        _ => change,
    }
}

/// What the rule found: the metric and its threshold.
fn found(trigger: &Trigger) -> String {
    let Trigger {
        rule,
        value,
        threshold,
        queue,
    } = trigger;
    let span = Millis(*threshold);
    let found = match (rule, value) {
        (Rule::QueueLength, 1) => format!("1 task waits, more than {threshold}"),
        (Rule::QueueLength, _) => format!("{value} tasks wait, more than {threshold}"),
        (Rule::Utilization, _) => {
            format!("{value} % of the workers are busy, more than {threshold} %")
        }
        (Rule::Cpu, _) => format!("the workers use {value} % CPU, more than {threshold} %"),
        (Rule::TasksPerWorker, 1) => format!("1 task, target {threshold} per worker"),
        (Rule::TasksPerWorker, _) => format!("{value} tasks, target {threshold} per worker"),
        (Rule::DrainWithin, 0) => {
            format!("no task waits; arrivals are to be finished within {span}")
        }
        (Rule::DrainWithin, 1) => format!("1 task waits, to be finished within {span}"),
        (Rule::DrainWithin, _) => format!("{value} tasks wait, to be finished within {span}"),
        (Rule::MaxWait, _) => {
            let waited = whole_seconds(Millis(*value));
            format!("the oldest task has waited {waited}, maximum {span}")
        }
    };
    match queue {
        Some(queue) => format!("queue {queue}: {found}"),
        None => found,
    }
}
