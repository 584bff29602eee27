//! The steps of a decision as people read them: a label and what it says.

use super::decision::{Limit, Rule, Step};
use super::units::{Millis, Time};

impl Rule {
    /// The field that has the rule's threshold.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::QueueLength => "queueLength",
            Self::Utilization => "utilizationPercent",
            Self::Cpu => "cpuPercent",
            Self::TasksPerWorker => "target.tasksPerWorker",
            Self::DrainWithin => "target.drainWithin",
            Self::MaxWait => "target.maxWait",
        }
    }

    fn unit(self) -> &'static str {
        if matches!(self, Self::Utilization | Self::Cpu) {
            " %"
        } else {
            ""
        }
    }
}

impl Limit {
    /// The field, or the thing, that held a number back.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CooldownUp => "scaleUp.cooldown",
            Self::CooldownDown => "scaleDown.cooldown",
            Self::WindowUp => "behavior.scaleUp.stabilizationWindowSeconds",
            Self::WindowDown => "behavior.scaleDown.stabilizationWindowSeconds",
            Self::Policy => "behavior policies",
            Self::Pace => "rest between small changes",
            Self::RecentlyBusy => "busy a moment ago",
            Self::Min => "minReplicas",
            Self::Schedule => "schedule",
            Self::Max => "maxReplicas",
            Self::Busy => "busy workers",
            Self::Unknown => "unknown facts",
        }
    }
}

impl Step {
    /// Which step it is.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Queue(_) => "queue".to_owned(),
            Self::OutsideChange { .. } => "found".to_owned(),
            Self::Up { rule, .. } => format!("scaleUp.{}", rule.field()),
            Self::Down { rule, .. } => format!("scaleDown.{}", rule.field()),
            Self::Target { rule, .. } | Self::NoAnswer { rule } | Self::NotTold { rule } => {
                rule.field().to_owned()
            }
            Self::IdleTimer { .. } => "scaleDown.idleFor".to_owned(),
            Self::Pinned { .. } => "replicas".to_owned(),
            Self::Fallback { .. } => "onUnknown.replicas".to_owned(),
            Self::Limited { by, .. } => by.as_str().to_owned(),
            Self::NotWritten { .. } => "dryRun".to_owned(),
        }
    }

    /// Its input and what it changed.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Queue(name) => name.to_string(),
            Self::OutsideChange { found, ours } => {
                format!("{found}, set by somebody else; ours is {ours}")
            }
            Self::Up {
                rule,
                value,
                limit,
                answer,
            } => {
                let unit = rule.unit();
                match answer {
                    Some(answer) => format!("{value}{unit} > {limit}{unit} → {answer}"),
                    // A share is shown rounded down, and compared exactly.
                    None => format!("{value}{unit} ≤ {limit}{unit}"),
                }
            }
            Self::Target {
                rule: Rule::TasksPerWorker,
                value,
                limit,
                answer,
            } => {
                format!("{value} ÷ {limit} → {answer}")
            }
            Self::Target {
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
            Self::Target {
                value,
                limit,
                answer,
                ..
            } => {
                format!("{value} waiting, within {} → {answer}", Millis(*limit))
            }
            Self::Down {
                rule,
                value,
                limit,
                holds,
            } => {
                let (unit, sign) = (rule.unit(), if *holds { "<" } else { "≥" });
                let word = if *holds { "holds" } else { "does not hold" };
                format!("{value}{unit} {sign} {limit}{unit}, {word}")
            }
            Self::NoAnswer { .. } => "not known".to_owned(),
            Self::NotTold { .. } => "not told by this queue system".to_owned(),
            Self::IdleTimer {
                idle,
                needed,
                answer,
            } => {
                let answer = answer.map_or(String::new(), |answer| format!(" → {answer}"));
                format!("idle for {} of {needed}{answer}", seconds(*idle))
            }
            Self::Pinned { answer, until } => format!("{answer}{}", till(*until)),
            Self::Fallback { answer } => format!("at least {answer}"),
            Self::Limited {
                from, to, until, ..
            } => format!("{from} → {to}{}", till(*until)),
            Self::NotWritten { would } => format!("{would}, not written"),
        }
    }
}

fn seconds(span: Millis) -> Millis {
    Millis(span.0 / 1000 * 1000)
}

fn till(until: Option<Time>) -> String {
    until.map_or(String::new(), |until| format!(" until {until}"))
}
