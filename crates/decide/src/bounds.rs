//! `minReplicas`, `maxReplicas`, schedules, zero, and the busy floor.

use super::units::Time;
use crate::observation::{Load, Metric};
use crate::spec::{PoolSpec, Schedule};

/// The fewest workers now: `minReplicas`, or what the largest schedule that is active asks for; and that schedule.
pub(super) fn minimum(pool: &PoolSpec, now: Time) -> (i32, Option<&Schedule>) {
    let active = pool
        .schedules
        .iter()
        .filter(|schedule| schedule.from <= now && now < schedule.until);
    match active.max_by_key(|schedule| schedule.min) {
        Some(schedule) if schedule.min > pool.min => (schedule.min.min(pool.max), Some(schedule)),
        _ => (pool.min, None),
    }
}

/// When the next schedule begins or ends.
pub(super) fn next_edge(pool: &PoolSpec, now: Time) -> Option<Time> {
    let edges = pool
        .schedules
        .iter()
        .flat_map(|schedule| [schedule.from, schedule.until]);
    edges.filter(|edge| *edge > now).min()
}

/// Tasks that wait, will within the look-ahead, or run: while there are any, the rules never go to zero.
pub(super) fn work(load: &Load) -> i64 {
    [load.ready, load.due, load.in_flight]
        .into_iter()
        .filter_map(Metric::known)
        .fold(0, i64::saturating_add)
}

/// A scale-down stops at the workers that hold tasks; it never raises above `current`.
/// `None` where the number of busy workers exists but could not be read.
pub(super) fn busy_floor(busy: Metric, current: i32, number: i32) -> Option<i32> {
    match busy {
        Metric::Known(busy) => {
            Some(number.max(current.min(i32::try_from(busy).unwrap_or(i32::MAX))))
        }
        Metric::Unsupported => Some(number),
        Metric::Unavailable => None,
    }
}
