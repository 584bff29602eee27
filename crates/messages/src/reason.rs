//! Why a decision came out as it did, as one plain sentence.

use decide::{Millis, Reason, Rule, Suspend, Time, Trigger};

/// The plain sentence, without a full stop, for a decision `from` → `to` workers.
pub fn message(why: &Reason, from: i32, to: i32) -> String {
    let change = if from == to {
        format!("keeping {to} workers")
    } else {
        format!("{from} → {to} workers")
    };
    match why {
        Reason::WithinThresholds => format!("within thresholds: {change}"),
        Reason::ScaleUp(cause) | Reason::FewerNeeded(cause) => {
            format!("{}: {change}", trigger(cause))
        }
        Reason::ScaledFromZero(1) => format!("1 task waits and no worker is running: {change}"),
        Reason::ScaledFromZero(tasks) => {
            format!("{tasks} tasks wait and no worker is running: {change}")
        }
        Reason::NotIdle { wants } => {
            format!(
                "{} enough for the target, but the scaleDown conditions are not met: {change}",
                are(*wants)
            )
        }
        Reason::RecentlyBusy { until, wants } => {
            format!(
                "{} enough, but more were busy recently: {change} until at least {until}",
                are(*wants)
            )
        }
        Reason::Pacing { until, wants } => {
            format!(
                "{} needed: {to} → {wants} workers at {until} (cooldown)",
                are(*wants)
            )
        }
        Reason::Stabilized { wants, until } => {
            format!(
                "{} recommended, but not for the whole stabilization window: {change}{}",
                are(*wants),
                till(*until)
            )
        }
        Reason::RateLimited { wants, until } => {
            format!(
                "{} recommended, but behavior allows {to} for now: {change}{}",
                are(*wants),
                till(*until)
            )
        }
        Reason::Scheduled { name, until, least } => {
            format!("schedule {name} requires at least {least} workers until {until}: {change}")
        }
        Reason::Idle(span) => format!("idle for {}: {change}", Millis(span.0 / 1000 * 1000)),
        Reason::IdleWait {
            since,
            until,
            wants,
        } => {
            format!("idle since {since}: {to} → {wants} workers at {until} if still idle")
        }
        Reason::ScaleUpCooldown {
            cause,
            until,
            wants,
        } => {
            format!(
                "{}: {to} → {wants} workers at {until} (cooldown)",
                trigger(cause)
            )
        }
        Reason::ScaleDownCooldown { until, wants } => {
            format!("idle: {to} → {wants} workers at {until} (cooldown)")
        }
        Reason::AtMax(cause) => format!("{}, but maxReplicas is {to}: {change}", trigger(cause)),
        Reason::TooFewReplicas(min) => format!("fewer than minReplicas {min}: {change}"),
        Reason::TooManyReplicas(max) => format!("more than maxReplicas {max}: {change}"),
        Reason::BusyWorkers { busy, wants } => {
            format!(
                "{wants} workers are enough, but {busy} are busy, and busy workers are not stopped: {change}"
            )
        }
        Reason::Unknown(what, since) => {
            format!("{what} (since {since}): {change} (never scales down without metrics)")
        }
        Reason::Fallback(since) => format!("no metrics since {since}: {change} (onUnknown)"),
        Reason::Pinned(until) => format!("pinned by spec.replicas{}: {change}", till(*until)),
        Reason::Suspended(Suspend { by, until }) => {
            let by = by.as_ref().map_or(String::new(), |by| format!(" {by}"));
            format!(
                "suspended{by}{}: {change}, regardless of load",
                till(*until)
            )
        }
        Reason::DryRun { would, why } if *would == from => {
            format!("dry run: {}", message(why, from, *would))
        }
        Reason::DryRun { would, why } => {
            format!("dry run, not written: {}", message(why, from, *would))
        }
        Reason::TargetChanged(found) => format!("another client set {found}: {change} again"),
    }
}

/// What the rule found: the metric and its threshold.
fn trigger(cause: &Trigger) -> String {
    let Trigger {
        rule,
        value,
        threshold: limit,
        queue: of,
    } = cause;
    let limit_span = Millis(*limit);
    let found = match rule {
        Rule::QueueLength if *value == 1 => format!("1 task waits, more than {limit}"),
        Rule::QueueLength => format!("{value} tasks wait, more than {limit}"),
        Rule::Utilization => format!("{value} % of the workers are busy, more than {limit} %"),
        Rule::Cpu => format!("the workers use {value} % CPU, more than {limit} %"),
        Rule::TasksPerWorker if *value == 1 => format!("1 task, target {limit} per worker"),
        Rule::TasksPerWorker => format!("{value} tasks, target {limit} per worker"),
        Rule::DrainWithin if *value == 0 => {
            format!("no task waits; arrivals are to be finished within {limit_span}")
        }
        Rule::DrainWithin if *value == 1 => {
            format!("1 task waits, to be finished within {limit_span}")
        }
        Rule::DrainWithin => format!("{value} tasks wait, to be finished within {limit_span}"),
        Rule::MaxWait => {
            let waited = Millis(value / 1000 * 1000);
            format!("the oldest task has waited {waited}, maximum {limit_span}")
        }
    };
    match of {
        Some(queue) => format!("queue {queue}: {found}"),
        None => found,
    }
}

fn are(workers: i32) -> String {
    if workers == 1 {
        "1 worker is".to_owned()
    } else {
        format!("{workers} workers are")
    }
}

fn till(until: Option<Time>) -> String {
    until.map_or(String::new(), |until| format!(" until {until}"))
}
