//! The thresholds of `scaleUp` (any one of them is enough) and the conditions of `scaleDown` (all of them must hold).

use super::decision::{Rule, Step};
use crate::observation::{Load, Metric};
use crate::reason::Trigger;
use crate::spec::{ScaleDown, ScaleUp};

/// The value of a rule: a share of live workers, a mean over them, or a number. `Err` with the step that says why
/// there is nothing to compare; else (value rounded down, part, whole).
fn read(rule: Rule, load: &Load) -> Result<(i64, i64, i64), Step> {
    let (part, whole, scale) = match rule {
        Rule::Utilization => (load.busy, load.live, 100),
        Rule::Cpu => (load.cpu_sum, load.live, 1),
        _ => (load.ready, Metric::Known(1), 1),
    };
    match (part, whole) {
        (Metric::Known(part), Metric::Known(whole)) => {
            // No live worker: nobody is busy, and nobody uses CPU.
            let (part, whole) = (part.saturating_mul(scale), whole.max(1));
            Ok((part / whole, part, whole))
        }
        (Metric::Unavailable, _) | (_, Metric::Unavailable) => {
            Err(Step::MetricUnavailable { rule })
        }
        _ => Err(Step::MetricUnsupported { rule }),
    }
}

/// The first threshold that asks for more than `base`, and the number; every comparison goes into the trail.
pub(super) fn up(
    rules: &ScaleUp,
    load: &Load,
    base: i32,
    trail: &mut Vec<Step>,
) -> Option<(i32, Trigger)> {
    let mut wish = None;
    let limits = [
        (Rule::QueueLength, rules.queue_length),
        (Rule::Utilization, rules.utilization),
        (Rule::Cpu, rules.cpu),
    ];
    for (rule, limit) in limits {
        let Some(limit) = limit else { continue };
        match read(rule, load) {
            Ok((value, part, whole)) => {
                let exceeded = part > limit.saturating_mul(whole);
                let answer = exceeded.then(|| base.saturating_add(rules.step));
                trail.push(Step::Up {
                    rule,
                    value,
                    limit,
                    answer,
                });
                if wish.is_none() {
                    wish = answer.map(|number| {
                        (
                            number,
                            Trigger {
                                rule,
                                value,
                                threshold: limit,
                                queue: None,
                            },
                        )
                    });
                }
            }
            Err(step) => trail.push(step),
        }
    }
    wish
}

/// What the conditions of `scaleDown` say at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Conditions {
    Met,
    /// None is broken as far as is known, but not all are known.
    Unknown,
    Unmet,
}

/// Whether the conditions hold; every comparison goes into the trail.
pub(super) fn down(rules: &ScaleDown, load: &Load, trail: &mut Vec<Step>) -> Conditions {
    let mut held = Conditions::Met;
    for (rule, limit) in [
        (Rule::QueueLength, rules.queue_length),
        (Rule::Utilization, rules.utilization),
    ] {
        let Some(limit) = limit else { continue };
        let now = match read(rule, load) {
            Ok((value, part, whole)) => {
                let met = part < limit.saturating_mul(whole);
                trail.push(Step::Down {
                    rule,
                    value,
                    limit,
                    met,
                });
                if met {
                    Conditions::Met
                } else {
                    Conditions::Unmet
                }
            }
            Err(step) => {
                let held = if matches!(step, Step::MetricUnsupported { .. }) {
                    Conditions::Met
                } else {
                    Conditions::Unknown
                };
                // Of the same queues scaleUp may have said it already.
                let mut here = trail
                    .iter()
                    .rev()
                    .take_while(|step| !matches!(step, Step::Queue(_)));
                if !here.any(|said| *said == step) {
                    trail.push(step);
                }
                held
            }
        };
        held = held.max(now);
    }
    held
}
