//! What the next decision must know of the past: a small value that is stored in the pool's status.

use crate::dampening::Startup;
use crate::rates::Rates;
use crate::units::{Millis, Time};
use crate::window::Window;

/// Everything that `decide` knows of the past. Instants in the future, which a clock that was set back leaves, count as now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The replicas of the last decision: what `spec.replicas` of the target should still be.
    pub desired: Option<i32>,
    /// When a rule last scaled up: the start of the cooldown of `scaleUp`.
    pub last_up: Option<Time>,
    /// When the replica count last changed for any reason: the start of the cooldown of `scaleDown`.
    pub last_change: Option<Time>,
    /// Since when every observation has met the conditions of `scaleDown`; later by the time that metrics were unavailable.
    pub idle_since: Option<Time>,
    /// Since when required metrics have been unavailable.
    pub unknown_since: Option<Time>,
    /// The recommendations within the stabilization windows of `behavior`, as many as can still matter.
    pub recommendations: Window,
    /// The changes within the longest period of the policies of `behavior`, oldest first, with their sign.
    pub scale_events: Vec<(Time, i32)>,
    /// The highest recent numbers of needed workers: what the idle timer of targets retains.
    pub busy: Window,
    /// Arrival rate and service time of each queue, where a target needs them.
    pub rates: Vec<Rates>,
    /// How long workers take to start.
    pub startup: Startup,
}

impl Memory {
    /// The memory after the replicas that were decided with it were written at `at`: cooldowns start at the write, not
    /// at the decision.
    #[must_use]
    pub fn committed(mut self, before: &Self, at: Time) -> Self {
        let at_write =
            |new: Option<Time>, old: Option<Time>| if new == old { old } else { Some(at) };
        self.last_up = at_write(self.last_up, before.last_up);
        self.last_change = at_write(self.last_change, before.last_change);
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

    /// The memory after the replicas that were decided with it could not be written: the observation, without the change.
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

    /// The memory after it turns out that the replicas were changed to `found` by a write that this memory does not have:
    /// its answer was lost, or the process ended before it was recorded. No one can tell when that was, so cooldowns and
    /// policies count from now, and none is shorter than it would have been.
    #[must_use]
    pub fn adopted(mut self, found: i32, now: Time) -> Self {
        let change = found.saturating_sub(self.desired.unwrap_or(found));
        self.desired = Some(found);
        self.last_change = Some(now);
        if change >= 0 {
            self.last_up = Some(now);
        }
        if change != 0 {
            self.scale_events.push((now, change));
        }
        self
    }

    /// The memory of a process that starts now with `current` replicas. What the previous process observed after it last
    /// stored its memory is lost; therefore, as in HPA, the present replicas count as recommended until now, and no window
    /// is shorter than it would have been.
    #[must_use]
    pub fn restored(mut self, current: i32, now: Time) -> Self {
        self.recommendations.push(now, current);
        self.busy.push(now, current);
        self
    }

    /// The memory with no instant after `now`, and with no number that no decision leaves: a status may contain anything.
    #[must_use]
    pub fn clamped_to(&self, now: Time) -> Self {
        let mut memory = self.map_instants(|at| at.min(now));
        memory.desired = memory.desired.map(|desired| desired.max(0));
        for (_, change) in &mut memory.scale_events {
            *change = (*change).max(-i32::MAX);
        }
        memory.rates.iter_mut().for_each(Rates::bound);
        memory.startup.bound();
        memory
    }

    /// The memory after the clock was set forward by `by`, or back: as much time has passed since each instant as before.
    #[must_use]
    pub fn shifted(&self, by: Millis) -> Self {
        self.map_instants(|at| at + by)
    }

    fn map_instants(&self, map: impl Fn(Time) -> Time) -> Self {
        let mut memory = self.clone();
        for at in [
            &mut memory.last_up,
            &mut memory.last_change,
            &mut memory.idle_since,
            &mut memory.unknown_since,
        ] {
            *at = at.map(&map);
        }
        memory.recommendations.map_instants(&map);
        memory.busy.map_instants(&map);
        for (at, _) in &mut memory.scale_events {
            *at = map(*at);
        }
        for rates in &mut memory.rates {
            rates.map_instants(&map);
        }
        memory.startup.map_instants(&map);
        memory
    }
}
