//! The thresholds of `scaleUp` (any one of them is enough) and the conditions of `scaleDown` (all of them must hold).

use super::decision::{Rule, Step};
use super::pool::{ScaleDown, ScaleUp};
use super::seen::{Fact, Load};
use super::why::Cause;

/// The value of a rule: a share of live workers, a mean over them, or a number. `Err` with the step that says why
/// there is nothing to compare; else (value rounded down, part, whole).
fn read(rule: Rule, load: &Load) -> Result<(i64, i64, i64), Step> {
    let (part, whole, scale) = match rule {
        Rule::Utilization => (load.busy, load.live, 100),
        Rule::Cpu => (load.cpu_sum, load.live, 1),
        _ => (load.ready, Fact::Known(1), 1),
    };
    match (part, whole) {
        (Fact::Known(part), Fact::Known(whole)) => {
            // No live worker: nobody is busy, and nobody uses CPU.
            let (part, whole) = (part.saturating_mul(scale), whole.max(1));
            Ok((part / whole, part, whole))
        }
        (Fact::Missing, _) | (_, Fact::Missing) => Err(Step::NoAnswer { rule }),
        _ => Err(Step::NotTold { rule }),
    }
}

/// The first threshold that asks for more than `base`, and the number; every comparison goes into the trail.
pub(super) fn up(
    rules: &ScaleUp,
    load: &Load,
    base: i32,
    trail: &mut Vec<Step>,
) -> Option<(i32, Cause)> {
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
                            Cause {
                                rule,
                                value,
                                limit,
                                of: None,
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
pub(super) enum Held {
    All,
    /// None is broken as far as is known, but not all are known.
    Unsure,
    Broken,
}

/// Whether the conditions hold; every comparison goes into the trail.
pub(super) fn down(rules: &ScaleDown, load: &Load, trail: &mut Vec<Step>) -> Held {
    let mut held = Held::All;
    for (rule, limit) in [
        (Rule::QueueLength, rules.queue_length),
        (Rule::Utilization, rules.utilization),
    ] {
        let Some(limit) = limit else { continue };
        let now = match read(rule, load) {
            Ok((value, part, whole)) => {
                let holds = part < limit.saturating_mul(whole);
                trail.push(Step::Down {
                    rule,
                    value,
                    limit,
                    holds,
                });
                if holds { Held::All } else { Held::Broken }
            }
            Err(step) => {
                let held = if matches!(step, Step::NotTold { .. }) {
                    Held::All
                } else {
                    Held::Unsure
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
