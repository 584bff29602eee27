//! The steps of a decision as people read them: a label and what it says.

use decide::{Constraint, Millis, Rule, Step, Time};

/// The field that has the rule's threshold.
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

fn unit(rule: Rule) -> &'static str {
    if matches!(rule, Rule::Utilization | Rule::Cpu) {
        " %"
    } else {
        ""
    }
}

/// The field, or the thing, that held a number back.
pub fn constraint(limit: Constraint) -> &'static str {
    match limit {
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

/// Which step it is.
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

/// Its input and what it changed.
pub fn step_detail(step: &Step) -> String {
    match step {
        Step::Queue(name) => name.to_string(),
        Step::OutsideChange { found, ours } => {
            format!("{found}, set by another client; ours is {ours}")
        }
        Step::Up {
            rule,
            value,
            limit,
            answer,
        } => {
            let unit = unit(*rule);
            match answer {
                Some(answer) => format!("{value}{unit} > {limit}{unit} → {answer}"),
                // A share is shown rounded down, and compared exactly.
                None => format!("{value}{unit} ≤ {limit}{unit}"),
            }
        }
        Step::Target {
            rule: Rule::TasksPerWorker,
            value,
            limit,
            answer,
        } => {
            format!("{value} ÷ {limit} → {answer}")
        }
        Step::Target {
            rule: Rule::MaxWait,
            value,
            limit,
            answer,
        } => {
            format!(
                "oldest {} of {} → {answer}",
                seconds(Millis(*value)),
                Millis(*limit)
            )
        }
        Step::Target {
            value,
            limit,
            answer,
            ..
        } => {
            format!("{value} waiting, within {} → {answer}", Millis(*limit))
        }
        Step::Down {
            rule,
            value,
            limit,
            met,
        } => {
            let (unit, sign) = (unit(*rule), if *met { "<" } else { "≥" });
            let word = if *met { "met" } else { "not met" };
            format!("{value}{unit} {sign} {limit}{unit}, {word}")
        }
        Step::MetricUnavailable { .. } => "not known".to_owned(),
        Step::MetricUnsupported { .. } => "not reported by this queue system".to_owned(),
        Step::IdleTimer {
            idle,
            needed,
            answer,
        } => {
            let answer = answer.map_or(String::new(), |answer| format!(" → {answer}"));
            format!("idle for {} of {needed}{answer}", seconds(*idle))
        }
        Step::Pinned { answer, until } => format!("{answer}{}", till(*until)),
        Step::Fallback { answer } => format!("at least {answer}"),
        Step::Constrained {
            from, to, until, ..
        } => format!("{from} → {to}{}", till(*until)),
        Step::NotWritten { would } => format!("{would}, not written"),
    }
}

fn seconds(span: Millis) -> Millis {
    Millis(span.0 / 1000 * 1000)
}

fn till(until: Option<Time>) -> String {
    until.map_or(String::new(), |until| format!(" until {until}"))
}
