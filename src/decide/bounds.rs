//! `minReplicas`, `maxReplicas` and the busy floor.

use super::decision::{Limit, Step};
use super::pool::Pool;
use super::seen::Fact;
use super::why::Why;

/// The number inside the bounds, and the reason where that changed it.
pub(super) fn clamp(pool: &Pool, number: i32, trail: &mut Vec<Step>) -> (i32, Option<Why>) {
    let (to, by, why) = if number < pool.min {
        (pool.min, Limit::Min, Why::BelowMin(pool.min))
    } else if number > pool.max {
        (pool.max, Limit::Max, Why::AboveMax(pool.max))
    } else {
        return (number, None);
    };
    trail.push(Step::Limited { by, from: number, to, until: None });
    (to, Some(why))
}

/// A scale-down stops at the workers that hold tasks; it never raises above `current`.
/// `None` where the number of busy workers exists but could not be read.
pub(super) fn busy_floor(busy: Fact, current: i32, number: i32) -> Option<i32> {
    match busy {
        Fact::Known(busy) => Some(number.max(current.min(i32::try_from(busy).unwrap_or(i32::MAX)))),
        Fact::NotTold => Some(number),
        Fact::Missing => None,
    }
}
