//! The conditions of `scaleDown` and the timer that runs while all of them hold.

use super::decision::{Rule, Step};
use super::memory::Memory;
use super::pool::{Pool, ScaleDown};
use super::rules::Value;
use super::seen::Load;
use super::units::Time;

/// What the conditions of `scaleDown` say at this look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    All,
    Broken,
    /// None is broken as far as is known, but not all are known.
    Unsure,
}

fn conditions(down: &ScaleDown, load: &Load, trail: &mut Vec<Step>) -> Held {
    let mut held = Held::All;
    for (rule, limit) in [(Rule::QueueLength, down.queue_length), (Rule::Utilization, down.utilization)] {
        let Some(limit) = limit else { continue };
        match Value::of(rule, load).read(rule) {
            Ok((value, part, whole)) => {
                let holds = part < limit.saturating_mul(whole);
                trail.push(Step::Down { rule, value, limit, holds });
                if !holds {
                    held = Held::Broken;
                }
            }
            Err(step) => {
                trail.push(step);
                if held == Held::All && step == (Step::NoAnswer { rule }) {
                    held = Held::Unsure;
                }
            }
        }
    }
    held
}

/// Since when the pool has been idle, seen from `now`: a broken condition starts it anew, missing facts stop the
/// clock, and facts that were missing for `onUnknown.after` clear it.
pub(super) fn since(
    pool: &Pool,
    load: &Load,
    memory: &Memory,
    now: Time,
    trail: &mut Vec<Step>,
) -> Option<Time> {
    let down = pool.down.as_ref()?;
    let blind_for = memory.unknown_since.map(|since| now - since);
    let kept = match blind_for {
        Some(span) if span >= pool.unknown_after => None,
        _ => memory.idle_since,
    };
    match conditions(down, load, trail) {
        Held::Broken => None,
        Held::Unsure => kept,
        Held::All => Some(match (kept, blind_for) {
            (Some(since), Some(span)) => (since + span).min(now),
            (Some(since), None) => since,
            (None, _) => now,
        }),
    }
}
