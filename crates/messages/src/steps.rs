//! The steps of a decision as text: a name and a detail.

use decide::{Constraint, Millis, Rule, Step, Time};

/// The field of the spec that has the rule's threshold.
pub fn field(rule: Rule) -> &'static str {
    match rule {
        Rule::QueueLength => "queueLength",
        Rule::Utilization => "utilizationPercent",
        Rule::Cpu => "cpuPercent",
        Rule::TasksPerWorker => "target.tasksPerWorker",
        Rule::DrainWithin => "target.drainWithin",
        Rule::MaxWait => "target.maxWait",
    }
}

/// The field of the spec, or the condition, that is the constraint.
pub fn constraint(constraint: Constraint) -> &'static str {
    match constraint {
        Constraint::CooldownUp => "scaleUp.cooldown",
        Constraint::CooldownDown => "scaleDown.cooldown",
        Constraint::WindowUp => "behavior.scaleUp.stabilizationWindowSeconds",
        Constraint::WindowDown => "behavior.scaleDown.stabilizationWindowSeconds",
        Constraint::Policy => "behavior policies",
        Constraint::Dampening => "cooldown between small changes",
        Constraint::RecentlyBusy => "recently busy",
        Constraint::Min => "minReplicas",
        Constraint::Schedule => "schedule",
        Constraint::Max => "maxReplicas",
        Constraint::Busy => "busy workers",
        Constraint::Unknown => "unknown metrics",
    }
}

/// The name of the step: the field of the spec that it belongs to, where there is one.
pub fn step_name(step: &Step) -> String {
    match step {
        Step::Queue(_) => "queue".to_owned(),
        Step::OutsideChange { .. } => "found".to_owned(),
        Step::Up { rule, .. } => format!("scaleUp.{}", field(*rule)),
        Step::Down { rule, .. } => format!("scaleDown.{}", field(*rule)),
        Step::Target { rule, .. }
        | Step::MetricUnavailable { rule }
        | Step::MetricUnsupported { rule } => field(*rule).to_owned(),
        Step::IdleTimer { .. } => "scaleDown.idleFor".to_owned(),
        Step::Pinned { .. } => "replicas".to_owned(),
        Step::Fallback { .. } => "onUnknown.replicas".to_owned(),
        Step::Constrained { by, .. } => constraint(*by).to_owned(),
        Step::NotWritten { .. } => "dryRun".to_owned(),
    }
}

/// What the step compared and what it changed.
pub fn step_detail(step: &Step) -> String {
    match step {
        Step::Queue(name) => name.to_string(),
        Step::OutsideChange { found, desired } => {
            format!("{found}, set by another client; ours is {desired}")
        }
        Step::Up {
            rule,
            value,
            limit,
            recommended,
        } => {
            let unit = unit(*rule);
            match recommended {
                Some(recommended) => format!("{value}{unit} > {limit}{unit} → {recommended}"),
                // A share is shown rounded down, and compared exactly.
                None => format!("{value}{unit} ≤ {limit}{unit}"),
            }
        }
        Step::Target {
            rule,
            value,
            limit,
            recommended,
        } => format!("{} → {recommended}", target(*rule, *value, *limit)),
        Step::Down {
            rule,
            value,
            limit,
            met,
        } => {
            let unit = unit(*rule);
            let comparison = if *met { "<" } else { "≥" };
            let outcome = if *met { "met" } else { "not met" };
            format!("{value}{unit} {comparison} {limit}{unit}, {outcome}")
        }
        Step::MetricUnavailable { .. } => "not known".to_owned(),
        Step::MetricUnsupported { .. } => "not reported by this queue system".to_owned(),
        Step::IdleTimer {
            idle,
            needed,
            recommended,
        } => {
            let recommended = recommended.map_or(String::new(), |to| format!(" → {to}"));
            format!("idle for {} of {needed}{recommended}", whole_seconds(*idle))
        }
        Step::Pinned { replicas, until } => format!("{replicas}{}", until_suffix(*until)),
        Step::Fallback { replicas } => format!("at least {replicas}"),
        Step::Constrained {
            from, to, until, ..
        } => format!("{from} → {to}{}", until_suffix(*until)),
        Step::NotWritten { replicas } => format!("{replicas}, not written"),
    }
}

/// A metric and its target.
fn target(rule: Rule, value: i64, limit: i64) -> String {
    let span = Millis(limit);
    match rule {
        Rule::TasksPerWorker => format!("{value} ÷ {limit}"),
        Rule::MaxWait => format!("oldest {} of {span}", whole_seconds(Millis(value))),
        _ => format!("{value} waiting, within {span}"),
    }
}

fn unit(rule: Rule) -> &'static str {
    if matches!(rule, Rule::Utilization | Rule::Cpu) {
        " %"
    } else {
        ""
    }
}

pub(crate) fn whole_seconds(span: Millis) -> Millis {
    Millis(span.0 / 1000 * 1000)
}

pub(crate) fn until_suffix(until: Option<Time>) -> String {
    until.map_or(String::new(), |until| format!(" until {until}"))
}
