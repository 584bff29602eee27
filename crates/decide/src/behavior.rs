//! HPA v2's `behavior`: stabilization windows and rate policies, in HPA's order and with its rounding.
//! Source: the API reference of `HorizontalPodAutoscalerBehavior` and the documentation of the horizontal pod autoscaler.

use super::memory::Memory;
use super::units::{Millis, Time};
use crate::spec::{Behavior, PolicyKind, Scaling, Select};
use std::cmp::Ordering;

/// Events kept; when there are more, the two oldest of one direction become one that counts as long as the later.
const CAPACITY: usize = 32;

/// The number nearest to `base` between the lowest answer of the up window and the highest of the down window, and
/// when it may change by time alone; `raw` is this look's answer, which is recorded.
pub(super) fn stabilize(
    behavior: &Behavior,
    memory: &mut Memory,
    base: i32,
    raw: i32,
    now: Time,
) -> (i32, Option<Time>) {
    let (up, down) = (behavior.up.window, behavior.down.window);
    let low = memory.recommendations.lowest(up, now);
    let high = memory.recommendations.highest(down, now);
    memory.recommendations.forget(down, up, now);
    memory.recommendations.push(now, raw);
    let least = low.map_or(raw, |(_, n)| n.min(raw));
    let most = high.map_or(raw, |(_, n)| n.max(raw));
    let settled = base.max(least).min(most);
    let until = match raw.cmp(&settled) {
        Ordering::Greater => low.map(|(at, _)| at + up),
        Ordering::Less => high.map(|(at, _)| at + down),
        Ordering::Equal => None,
    };
    (settled, until)
}

/// The highest number that the policies allow now, and when they allow more.
pub(super) fn up_limit(
    scaling: &Scaling,
    memory: &Memory,
    current: i32,
    now: Time,
) -> (i32, Option<Time>) {
    let limit = limit(scaling, memory, now, |start, policy| match policy.kind {
        PolicyKind::Pods => start.saturating_add(policy.value.into()),
        // Rounded up, or one worker could never become two.
        PolicyKind::Percent => (start * (100 + i64::from(policy.value)) + 99).div_euclid(100),
    });
    let Some((highest, lowest, until)) = limit.measured(current) else {
        return (current, None);
    };
    let number = if scaling.select == Select::Min {
        lowest
    } else {
        highest
    };
    (clip(number).max(current), until)
}

/// The lowest number that the policies allow now, and when they allow fewer.
pub(super) fn down_limit(
    scaling: &Scaling,
    memory: &Memory,
    current: i32,
    now: Time,
) -> (i32, Option<Time>) {
    let limit = limit(scaling, memory, now, |start, policy| match policy.kind {
        PolicyKind::Pods => start.saturating_sub(policy.value.into()),
        // Truncated towards zero.
        PolicyKind::Percent => start * (100 - i64::from(policy.value)) / 100,
    });
    let Some((highest, lowest, until)) = limit.measured(current) else {
        return (current, None);
    };
    let number = if scaling.select == Select::Min {
        highest
    } else {
        lowest
    };
    (clip(number).min(current), until)
}

/// Remembers a change for as long as the longest period; `behavior` is `None` where nobody will ask.
pub(super) fn record(behavior: Option<&Behavior>, memory: &mut Memory, change: i32, now: Time) {
    let policies = behavior
        .into_iter()
        .flat_map(|both| both.up.policies.iter().chain(&both.down.policies));
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

/// What each policy proposes, and when the next event leaves a period.
struct Limits<'a> {
    scaling: &'a Scaling,
    memory: &'a Memory,
    now: Time,
    propose: fn(i64, &crate::spec::Policy) -> i64,
}

fn limit<'a>(
    scaling: &'a Scaling,
    memory: &'a Memory,
    now: Time,
    propose: fn(i64, &crate::spec::Policy) -> i64,
) -> Limits<'a> {
    Limits {
        scaling,
        memory,
        now,
        propose,
    }
}

impl Limits<'_> {
    /// The highest and the lowest proposal; `None` where nothing may move.
    fn measured(&self, current: i32) -> Option<(i64, i64, Option<Time>)> {
        if self.scaling.select == Select::Disabled || self.scaling.policies.is_empty() {
            return None;
        }
        let proposals = self.scaling.policies.iter().map(|policy| {
            let within = self.within(policy.period);
            (self.propose)(i64::from(current) - within, policy)
        });
        let (highest, lowest) = proposals.fold((i64::MIN, i64::MAX), |(high, low), n| {
            (high.max(n), low.min(n))
        });
        let ends = self.scaling.policies.iter().flat_map(|policy| {
            let counted = self
                .memory
                .scale_events
                .iter()
                .map(|(at, _)| *at + policy.period);
            counted.filter(|end| *end > self.now)
        });
        Some((highest, lowest, ends.min()))
    }

    /// Workers added less workers removed within the last `period`.
    fn within(&self, period: Millis) -> i64 {
        let recent = self
            .memory
            .scale_events
            .iter()
            .filter(|(at, _)| self.now - *at < period);
        recent.map(|(_, change)| i64::from(*change)).sum()
    }
}

fn clip(n: i64) -> i32 {
    i32::try_from(n.max(0)).unwrap_or(i32::MAX)
}
