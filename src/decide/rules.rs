//! The thresholds of `scaleUp`: any one of them is enough.

use super::decision::{Rule, Step};
use super::pool::ScaleUp;
use super::seen::{Fact, Load};
use super::why::Cause;

/// A share of live workers, or a mean over them: `part` against `whole`.
#[derive(Clone, Copy)]
struct Share {
    part: Fact,
    whole: Fact,
    /// What turns `part / whole` into percent.
    scale: i64,
}

/// What a threshold is compared with.
#[derive(Clone, Copy)]
pub(super) struct Value(Share);

impl Value {
    pub(super) fn of(rule: Rule, load: &Load) -> Self {
        let (part, whole, scale) = match rule {
            Rule::QueueLength => (load.ready, Fact::Known(1), 1),
            Rule::Utilization => (load.busy, load.live, 100),
            Rule::Cpu => (load.cpu_sum, load.live, 1),
        };
        Self(Share { part, whole, scale })
    }

    /// `Err` with the step that says why there is nothing to compare; else (value rounded down, part, whole).
    pub(super) fn read(self, rule: Rule) -> Result<(i64, i64, i64), Step> {
        let Share { part, whole, scale } = self.0;
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
}

/// The first rule that asks for more than `base`, and the number; every comparison goes into the trail.
pub(super) fn up(rules: &ScaleUp, load: &Load, base: i32, trail: &mut Vec<Step>) -> Option<(i32, Cause)> {
    let mut wish = None;
    let limits = [
        (Rule::QueueLength, rules.queue_length),
        (Rule::Utilization, rules.utilization),
        (Rule::Cpu, rules.cpu),
    ];
    for (rule, limit) in limits {
        let Some(limit) = limit else { continue };
        match Value::of(rule, load).read(rule) {
            Ok((value, part, whole)) => {
                let exceeded = part > limit.saturating_mul(whole);
                let answer = exceeded.then(|| base.saturating_add(rules.step));
                trail.push(Step::Up { rule, value, limit, answer });
                if wish.is_none() {
                    wish = answer.map(|number| (number, Cause { rule, value, limit }));
                }
            }
            Err(step) => trail.push(step),
        }
    }
    wish
}
