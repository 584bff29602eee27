//! HPA v2's `behavior`: stabilization windows and rate policies, in HPA's order and with its rounding.
//! Source: the API reference of `HorizontalPodAutoscalerBehavior` and `horizontal.go` of the controller. HPA calculates
//! in float64, which rounds 80 % of 10 pods to 1 and 110 % of 100 pods to 111; so does this file. IEEE 754 gives the
//! same results on every machine.

use crate::memory::Memory;
use crate::spec::{Behavior, Policy, PolicyKind, Scaling, Select};
use crate::units::{Millis, Time};
use std::cmp::Ordering;

/// The most scale events that are kept; the two oldest of one direction then become one that counts for as long as the later.
const CAPACITY: usize = 32;

/// The replicas nearest to `base` between the lowest recommendation of the up window and the highest of the down window,
/// and when time alone may change that; records `recommended`, the recommendation for this observation.
pub(crate) fn stabilize(
    behavior: &Behavior,
    memory: &mut Memory,
    base: i32,
    recommended: i32,
    now: Time,
) -> (i32, Option<Time>) {
    let up = behavior.up.window;
    let down = behavior.down.window;
    let low = memory.recommendations.lowest(up, now);
    let high = memory.recommendations.highest(down, now);
    memory.recommendations.forget(down, up, now);
    memory.recommendations.push(now, recommended);
    let lowest = low.map_or(recommended, |(_, low)| low.min(recommended));
    let highest = high.map_or(recommended, |(_, high)| high.max(recommended));
    let stabilized = base.max(lowest).min(highest);
    let until = match recommended.cmp(&stabilized) {
        Ordering::Greater => low.map(|(at, _)| at + up),
        Ordering::Less => high.map(|(at, _)| at + down),
        Ordering::Equal => None,
    };
    (stabilized, until)
}

/// The most replicas that the policies allow now, and when they may allow more.
pub(crate) fn up_limit(
    scaling: &Scaling,
    memory: &Memory,
    current: i32,
    now: Time,
) -> (i32, Option<Time>) {
    let limits = limits(scaling, memory, current, now, |start, policy| {
        let value = i64::from(policy.value);
        match policy.kind {
            PolicyKind::Pods => start.saturating_add(value),
            // Rounded up: otherwise one worker could never become two.
            PolicyKind::Percent => whole((float(start) * (1.0 + float(value) / 100.0)).ceil()),
        }
    });
    limits.map_or((current, None), |limits| {
        let limit = match scaling.select {
            Select::Min => limits.lowest,
            _ => limits.highest,
        };
        (to_replicas(limit).max(current), limits.until)
    })
}

/// The fewest replicas that the policies allow now, and when they may allow fewer.
pub(crate) fn down_limit(
    scaling: &Scaling,
    memory: &Memory,
    current: i32,
    now: Time,
) -> (i32, Option<Time>) {
    let limits = limits(scaling, memory, current, now, |start, policy| {
        let value = i64::from(policy.value);
        match policy.kind {
            PolicyKind::Pods => start.saturating_sub(value),
            // Rounded towards zero.
            PolicyKind::Percent => whole(float(start) * (1.0 - float(value) / 100.0)),
        }
    });
    limits.map_or((current, None), |limits| {
        let limit = match scaling.select {
            Select::Min => limits.highest,
            _ => limits.lowest,
        };
        (to_replicas(limit).min(current), limits.until)
    })
}

/// Records a change for as long as the longest period of the policies; without `behavior` nothing reads it.
pub(crate) fn record(behavior: Option<&Behavior>, memory: &mut Memory, change: i32, now: Time) {
    let policies = behavior
        .into_iter()
        .flat_map(|behavior| behavior.up.policies.iter().chain(&behavior.down.policies));
    let longest = policies
        .map(|policy| policy.period)
        .max()
        .unwrap_or_default();
    let events = &mut memory.scale_events;
    events.retain(|(at, _)| now - *at < longest);
    if change == 0 || behavior.is_none() {
        return;
    }
    events.push((now, change));
    while events.len() > CAPACITY {
        let sign = events[0].1.signum();
        let next = events
            .iter()
            .skip(1)
            .position(|(_, change)| change.signum() == sign);
        let (_, oldest) = events.remove(0);
        if let Some((_, change)) = next.and_then(|at| events.get_mut(at)) {
            *change = change.saturating_add(oldest);
        }
    }
}

/// What the policies of one direction allow.
struct Limits {
    highest: i64,
    lowest: i64,
    /// When the next event leaves a period.
    until: Option<Time>,
}

/// The limits of all policies, each from the replicas at the start of its period; `None` where nothing may change.
fn limits(
    scaling: &Scaling,
    memory: &Memory,
    current: i32,
    now: Time,
    apply: fn(i64, &Policy) -> i64,
) -> Option<Limits> {
    if scaling.select == Select::Disabled {
        return None;
    }
    let policies = &scaling.policies;
    let limits = policies.iter().map(|policy| {
        let start = i64::from(current) - change_within(policy.period, memory, now);
        apply(start, policy)
    });
    let ends = policies.iter().flat_map(|policy| {
        let events = memory.scale_events.iter();
        events.map(|(at, _)| *at + policy.period)
    });
    Some(Limits {
        highest: limits.clone().max()?,
        lowest: limits.min()?,
        until: ends.filter(|end| *end > now).min(),
    })
}

/// Workers added less workers removed within the last `period`.
fn change_within(period: Millis, memory: &Memory, now: Time) -> i64 {
    let events = memory.scale_events.iter();
    let recent = events.filter(|(at, _)| now - *at < period);
    recent.map(|(_, change)| i64::from(*change)).sum()
}

/// `n` as HPA has it; replicas and percentages are far below the first integer that this rounds.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn float(n: i64) -> f64 {
    n as f64
}

/// `n` without its fraction, as Go converts it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the fraction is dropped, and what is too large saturates"
)]
pub(crate) fn whole(n: f64) -> i64 {
    n as i64
}

/// Whether `usage` is near enough to `target` that HPA changes nothing.
pub(crate) fn is_within_tolerance(behavior: &Behavior, usage: f64, target: f64) -> bool {
    let tolerance = |scaling: &Scaling| float(scaling.tolerance) / 1_000_000.0;
    let ratio = usage / target;
    1.0 - tolerance(&behavior.down) <= ratio && ratio <= 1.0 + tolerance(&behavior.up)
}

fn to_replicas(n: i64) -> i32 {
    i32::try_from(n.max(0)).unwrap_or(i32::MAX)
}
