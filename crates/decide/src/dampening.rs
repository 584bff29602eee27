//! How fast the replica count of a target changes where no `behavior` is set: up at once, down by an idle timer that
//! follows the measured time a worker takes to start.

use crate::constraints::cooldown_end;
use crate::memory::Memory;
use crate::observation::{Observation, QueueMetrics};
use crate::units::{Millis, Time};

/// The cooldown of a small scale-up by a drain rule, after the last change.
const SCALE_UP_COOLDOWN: Millis = Millis::seconds(10);
/// The cooldown of a scale-down, after the last change.
const SCALE_DOWN_COOLDOWN: Millis = Millis::seconds(15);
/// The cooldown of a small scale-down: one worker more or less follows chance, and a minute of it costs less than a pod.
const SMALL_SCALE_DOWN_COOLDOWN: Millis = Millis::seconds(60);
/// How long a recently busy worker is retained while the startup time is unknown. Once it is known, a longer time costs
/// more than it saves: 30 s cost 6 % more worker-hours, 60 s 19 % (docs/decisions/0003-drain-within.md).
const LONGEST_RETENTION: Millis = Millis::seconds(30);
/// A longer start means a crash loop or a full node, and is not measured.
const LONGEST_START: Millis = Millis::seconds(600);

/// How long new workers take to register, measured at each scale-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    /// The scale-up that is being measured: when it was decided, and how many live workers complete it.
    pub pending: Option<(Time, i32)>,
    /// The mean startup time; `None` before the first measurement.
    pub mean: Option<Millis>,
}

impl Startup {
    /// The mean startup time, or 5 s before the first measurement.
    pub fn span(&self) -> Millis {
        self.mean.unwrap_or(Millis::seconds(5))
    }

    /// How long a worker that is not needed is retained. An idle worker that is retained for as long as a new start
    /// would take costs at most twice as much as knowing the future; a start also delays the tasks that wait for it,
    /// hence the factor.
    pub fn retain_for(&self) -> Millis {
        self.mean.map_or(LONGEST_RETENTION, |mean| {
            Millis(mean.0.saturating_mul(4).clamp(10_000, 20_000))
        })
    }

    /// Records a change by `change` to `replicas`. A pending measurement continues through further scale-ups: where they
    /// come faster than workers start, no measurement would ever be complete otherwise.
    pub(crate) fn on_change(&mut self, change: i32, replicas: i32, now: Time) {
        self.pending = match self.pending {
            None if change > 0 => Some((now, replicas)),
            pending => pending.filter(|(_, expected)| *expected <= replicas),
        };
    }

    /// Records that `live` workers were observed.
    pub(crate) fn learn(&mut self, live: Option<i64>, now: Time) {
        let Some((since, expected)) = self.pending else {
            return;
        };
        let span = now - since;
        if span > LONGEST_START {
            self.pending = None;
        } else if live.is_some_and(|live| live >= i64::from(expected)) {
            self.pending = None;
            let mean = self.mean.map_or(span.0, |mean| (mean.0 * 3 + span.0) / 4);
            self.mean = Some(Millis(mean));
        }
    }

    /// Restores what every measurement has: a time that a start may take.
    pub(crate) fn bound(&mut self) {
        self.mean = self.mean.map(|mean| mean.clamp(Millis(0), LONGEST_START));
    }

    pub(crate) fn map_instants(&mut self, map: impl Fn(Time) -> Time) {
        self.pending = self.pending.map(|(at, replicas)| (map(at), replicas));
    }
}

/// Records startup times and how many workers were needed.
pub(crate) fn learn(memory: &mut Memory, observation: &Observation, now: Time) {
    let total = observation.total();
    memory.startup.learn(total.live.known(), now);
    memory.busy.forget(LONGEST_RETENTION, Millis(0), now);
    if let Some(needed) = needed_workers(&total, observation.replicas) {
        memory.busy.push(now, needed);
    }
}

/// How many of the `current` workers have a task, or will have one as soon as they have started.
fn needed_workers(total: &QueueMetrics, current: i32) -> Option<i32> {
    // With no live worker, what is in flight is what dead ones left.
    let in_flight = match total.live.known() {
        Some(0) => Some(0),
        _ => total.in_flight.known(),
    };
    let busy = total.busy.known().or(in_flight)?;
    let starting = total
        .live
        .known()
        .map_or(0, |live| i64::from(current).saturating_sub(live).max(0));
    let needed = busy.saturating_add(total.ready.known().unwrap_or(0).min(starting));
    Some(i32::try_from(needed).unwrap_or(i32::MAX))
}

/// When the cooldown of a scale-up from `base` to `replicas` ends; a large scale-up has none.
pub(crate) fn scale_up_cooldown(
    memory: &Memory,
    base: i32,
    replicas: i32,
    now: Time,
) -> Option<Time> {
    let small = i64::from(replicas) * 4 < i64::from(base) * 5;
    let last_change = memory.last_change.filter(|_| small);
    cooldown_end(last_change, SCALE_UP_COOLDOWN, now)
}

/// What is allowed of a scale-down now.
pub(crate) enum ScaleDownStep {
    /// A scale-down to this many replicas.
    To(i32),
    /// Nothing until then: too many workers were busy recently.
    Busy(Time),
    /// Nothing until then: the last change is too recent.
    Cooldown(Time),
}

/// When the highest recent number of needed workers is forgotten, where it is above `replicas`.
pub(crate) fn retained_until(memory: &Memory, replicas: i32, now: Time) -> Option<Time> {
    let retain_for = memory.startup.retain_for();
    memory
        .busy
        .highest(retain_for, now)
        .filter(|(_, peak)| *peak > replicas)
        .map(|(at, _)| at + retain_for)
}

/// The scale-down from `base` to `replicas`, as far as recently busy workers and the cooldown allow it now.
pub(crate) fn scale_down(memory: &Memory, base: i32, replicas: i32, now: Time) -> ScaleDownStep {
    let retain_for = memory.startup.retain_for();
    let peak = memory.busy.highest(retain_for, now);
    let cooldown = |to: i32| {
        let small = i64::from(to) * 4 > i64::from(base) * 3;
        let cooldown = if small {
            SMALL_SCALE_DOWN_COOLDOWN
        } else {
            SCALE_DOWN_COOLDOWN
        };
        cooldown_end(memory.last_change, cooldown, now)
    };
    if let Some((at, peak)) = peak
        && peak >= base
    {
        let forgotten = at + retain_for;
        return ScaleDownStep::Busy(cooldown(replicas).map_or(forgotten, |end| end.max(forgotten)));
    }
    let retained = peak.map_or(replicas, |(_, peak)| peak.max(replicas));
    cooldown(retained).map_or(ScaleDownStep::To(retained), ScaleDownStep::Cooldown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Metric;

    #[test]
    fn pending_start_is_measured_to_its_end() {
        let mut startup = Startup::default();
        startup.on_change(2, 4, Time(1000));
        startup.on_change(3, 7, Time(2000));
        startup.on_change(-1, 6, Time(3000));
        assert_eq!(
            startup.pending,
            Some((Time(1000), 4)),
            "neither a scale-up nor a scale-down to more than 4 ends the measurement"
        );
        startup.learn(Some(3), Time(8000));
        assert_eq!(startup.mean, None);
        startup.learn(Some(4), Time(31_000));
        assert_eq!(startup.mean, Some(Millis(30_000)));
        assert_eq!(startup.pending, None);
        startup.on_change(2, 8, Time(40_000));
        startup.on_change(-1, 7, Time(41_000));
        assert_eq!(startup.pending, None, "the eighth worker will not start");
    }

    #[test]
    fn needed_workers_have_a_task_or_are_starting() {
        let needed = |ready, busy, live| {
            let total = QueueMetrics {
                ready,
                live,
                busy,
                ..QueueMetrics::UNSUPPORTED
            };
            needed_workers(&total, 9)
        };
        let known = Metric::Known;
        assert_eq!(needed(known(2), known(3), known(4)), Some(5));
        assert_eq!(
            needed(known(20), known(3), known(4)),
            Some(8),
            "no more than are starting"
        );
        assert_eq!(
            needed(known(20), known(3), known(9)),
            Some(3),
            "a live worker that is not busy has no task"
        );
        assert_eq!(needed(known(20), known(3), known(12)), Some(3));
        assert_eq!(needed(known(20), known(3), Metric::Unsupported), Some(3));
        assert_eq!(needed(Metric::Unavailable, known(3), known(4)), Some(3));
        assert_eq!(needed(known(2), Metric::Unsupported, known(4)), None);
        let in_flight = QueueMetrics {
            ready: known(0),
            in_flight: known(6),
            live: known(4),
            ..QueueMetrics::UNSUPPORTED
        };
        assert_eq!(
            needed_workers(&in_flight, 9),
            Some(6),
            "tasks in flight where the number of busy workers is not reported"
        );
        let left_by_the_dead = QueueMetrics {
            live: known(0),
            ..in_flight
        };
        assert_eq!(needed_workers(&left_by_the_dead, 9), Some(0));
    }

    #[test]
    fn small_scale_downs_have_a_longer_cooldown() {
        let memory = Memory {
            last_change: Some(Time(0)),
            ..Memory::default()
        };
        let step = |base, replicas, now| match scale_down(&memory, base, replicas, Time(now)) {
            ScaleDownStep::Cooldown(until) => Err(until),
            ScaleDownStep::To(retained) => Ok(retained),
            ScaleDownStep::Busy(_) => panic!("no worker was busy"),
        };
        assert_eq!(step(8, 7, 59_999), Err(Time(60_000)));
        assert_eq!(step(8, 7, 60_000), Ok(7));
        assert_eq!(
            step(8, 6, 14_999),
            Err(Time(15_000)),
            "a quarter is not small"
        );
        assert_eq!(step(8, 6, 15_000), Ok(6));
    }
}
