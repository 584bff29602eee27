//! What the next decision must remember: a small value, kept in the pool's status.

use super::rates::Rates;
use super::units::Time;
use super::window::Window;
use crate::dampening::Startup;

/// Everything `decide` knows of the past. Instants that lie in the future (a clock was set back) count as now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The number last decided: what `spec.replicas` of the target should still be.
    pub desired: Option<i32>,
    /// When a rule last raised the number: what the up cooldown counts from.
    pub last_up: Option<Time>,
    /// When the number last changed, whoever asked: what the down cooldown counts from.
    pub last_change: Option<Time>,
    /// Since when every look has met the conditions of `scaleDown`; moved on by the time that facts were missing.
    pub idle_since: Option<Time>,
    /// Since when facts have been missing.
    pub unknown_since: Option<Time>,
    /// The answers of the looks within `behavior`'s stabilization windows, as many as can still matter.
    pub recommendations: Window,
    /// The changes within the longest period of `behavior`'s policies, oldest first, with their sign.
    pub scale_events: Vec<(Time, i32)>,
    /// The largest numbers of busy workers of late: what the idle timer of targets keeps.
    pub busy: Window,
    /// Arrival rate and service time of each queue, where a target needs them.
    pub rates: Vec<Rates>,
    /// How long workers take to start.
    pub startup: Startup,
}

impl Memory {
    /// The same when the number that came with `self` was written at `at`: cooldowns count from the write, not from
    /// the decision that asked for it.
    #[must_use]
    pub fn committed(mut self, before: &Self, at: Time) -> Self {
        let moved = |new: Option<Time>, old: Option<Time>| if new == old { old } else { Some(at) };
        self.last_up = moved(self.last_up, before.last_up);
        self.last_change = moved(self.last_change, before.last_change);
        if self.scale_events != before.scale_events
            && let Some((event, _)) = self
                .scale_events
                .last_mut()
                .filter(|(event, _)| *event <= at)
        {
            *event = at;
        }
        self
    }

    /// What stays true when the number that came with `self` could not be written: the looks, not the change.
    #[must_use]
    pub fn rolled_back(self, before: &Self) -> Self {
        Self {
            desired: before.desired,
            last_up: before.last_up,
            last_change: before.last_change,
            scale_events: before.scale_events.clone(),
            startup: before.startup,
            ..self
        }
    }

    /// The memory of a process that starts now with `current` workers. What the one before it saw after its last
    /// words is lost, so that the present number counts as wanted until now (as HPA has it): no window is shorter
    /// than it would have been.
    #[must_use]
    pub fn restored(mut self, current: i32, now: Time) -> Self {
        self.recommendations.push(now, current);
        self.busy.push(now, current);
        self
    }

    /// The same memory with no instant after `now`.
    #[must_use]
    pub fn clamped_to(&self, now: Time) -> Self {
        let mut memory = self.clone();
        for at in [
            &mut memory.last_up,
            &mut memory.last_change,
            &mut memory.idle_since,
            &mut memory.unknown_since,
        ] {
            *at = at.map(|at| at.min(now));
        }
        memory.recommendations.clamp_to(now);
        memory.busy.clamp_to(now);
        memory
            .scale_events
            .iter_mut()
            .for_each(|(at, _)| *at = (*at).min(now));
        memory
            .rates
            .iter_mut()
            .for_each(|rates| rates.clamp_to(now));
        memory.startup.clamp_to(now);
        memory
    }
}
