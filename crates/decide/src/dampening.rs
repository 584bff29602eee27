//! How fast a target's number moves where no `behavior` says so: up at once, down by an idle timer that follows the
//! measured time a worker takes to start.

use super::memory::Memory;
use super::units::{Millis, Time};
use crate::observation::Load;

/// Small rises of the drain rules, and all falls, wait this long after the last change.
pub(super) const SCALE_UP_COOLDOWN: Millis = Millis::seconds(10);
/// The same for falls.
pub(super) const SCALE_DOWN_COOLDOWN: Millis = Millis::seconds(15);
/// The same for small falls: one worker more or less follows chance, and a minute of it is cheaper than a pod.
const SMALL_SCALE_DOWN_COOLDOWN: Millis = Millis::seconds(60);
/// The longest that a worker is kept for having been busy: where nobody knows yet how long a start takes. Where that is
/// known longer costs more than it spares: 30 s cost 6 % more worker-hours, 60 s 19 % (docs/decisions/0003-drain-within.md).
pub(super) const LONGEST_RETENTION: Millis = Millis::seconds(30);
/// A start that took longer than this tells of a crash loop or a full node, not of starting.
const LONGEST_START: Millis = Millis::seconds(600);

/// How long new workers take to register, measured at each rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    /// The rise that is awaited: when it was decided, and how many live workers end it.
    pub pending: Option<(Time, i32)>,
    /// The mean; `None` before the first.
    pub mean: Option<Millis>,
}

impl Startup {
    /// The mean, or a guess.
    #[must_use]
    pub fn span(&self) -> Millis {
        self.mean.unwrap_or(Millis::seconds(5))
    }

    /// How long a worker that is not needed is kept. An idle worker kept as long as a new start would cost is at most
    /// twice as dear as knowing the future; a start also costs the tasks that wait for it, hence the factor.
    #[must_use]
    pub fn retain_for(&self) -> Millis {
        self.mean.map_or(LONGEST_RETENTION, |mean| {
            Millis((mean.0 * 4).clamp(10_000, 20_000))
        })
    }

    /// The number was changed by `change` to `number`. A start that is awaited already is measured to its end, or
    /// rises that come faster than workers start would never let one be measured.
    pub(super) fn on_change(&mut self, change: i32, number: i32, now: Time) {
        self.pending = match self.pending {
            None if change > 0 => Some((now, number)),
            pending => pending.filter(|(_, wanted)| *wanted <= number),
        };
    }

    /// A look found `live` workers.
    pub(super) fn learn(&mut self, live: Option<i64>, now: Time) {
        let Some((since, wanted)) = self.pending else {
            return;
        };
        let took = now - since;
        if took > LONGEST_START {
            self.pending = None;
        } else if live.is_some_and(|live| live >= i64::from(wanted)) {
            self.pending = None;
            let mean = self.mean.map_or(took.0, |mean| (mean.0 * 3 + took.0) / 4);
            self.mean = Some(Millis(mean));
        }
    }

    pub(super) fn clamp_to(&mut self, now: Time) {
        self.pending = self.pending.map(|(at, to)| (at.min(now), to));
    }
}

/// The workers of `current` that have a task, or will as soon as they have started.
pub(super) fn needed(load: &Load, current: i32) -> Option<i32> {
    let busy = load.busy.known().or(load.in_flight.known())?;
    let starting = load
        .live
        .known()
        .map_or(0, |live| (i64::from(current) - live).max(0));
    let needed = busy.saturating_add(load.ready.known().unwrap_or(0).min(starting));
    Some(i32::try_from(needed).unwrap_or(i32::MAX))
}

/// Until when a rise from `base` to `number` has to wait; a large one never does.
pub(super) fn scale_up_cooldown(
    memory: &Memory,
    base: i32,
    number: i32,
    now: Time,
) -> Option<Time> {
    let small = i64::from(number) * 4 < i64::from(base) * 5;
    memory
        .last_change
        .filter(|_| small)
        .map(|last| last + SCALE_UP_COOLDOWN)
        .filter(|until| *until > now)
}

/// What a fall from `base` to `number` has to wait for.
pub(super) enum ScaleDownStep {
    /// Nothing: this many.
    To(i32),
    /// Workers that were busy a moment ago, until then.
    Busy(Time),
    /// The last change, until then.
    Cooldown(Time),
}

/// When the largest number that is remembered, and more than `number`, is forgotten.
pub(super) fn retained_until(memory: &Memory, number: i32, now: Time) -> Option<Time> {
    let keep = memory.startup.retain_for();
    memory
        .busy
        .highest(keep, now)
        .filter(|(_, peak)| *peak > number)
        .map(|(at, _)| at + keep)
}

/// The fall that the idle timer allows now.
pub(super) fn scale_down(memory: &Memory, base: i32, number: i32, now: Time) -> ScaleDownStep {
    let keep = memory.startup.retain_for();
    let peak = memory.busy.highest(keep, now);
    let rest = |to: i32| {
        let small = i64::from(to) * 4 > i64::from(base) * 3;
        let rest = if small {
            SMALL_SCALE_DOWN_COOLDOWN
        } else {
            SCALE_DOWN_COOLDOWN
        };
        memory
            .last_change
            .map(|last| last + rest)
            .filter(|until| *until > now)
    };
    let kept = peak.map_or(number, |(_, peak)| peak.max(number));
    match (peak, rest(kept)) {
        (Some((at, peak)), _) if peak >= base => {
            ScaleDownStep::Busy(rest(number).map_or(at + keep, |rest| rest.max(at + keep)))
        }
        (_, Some(until)) => ScaleDownStep::Cooldown(until),
        (_, None) => ScaleDownStep::To(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Metric;

    #[test]
    fn a_start_that_is_awaited_is_measured_to_its_end() {
        let mut startup = Startup::default();
        startup.on_change(2, 4, Time(1000));
        startup.on_change(3, 7, Time(2000));
        startup.on_change(-1, 6, Time(3000));
        assert_eq!(
            startup.pending,
            Some((Time(1000), 4)),
            "neither a rise nor a fall above it ends the wait"
        );
        startup.learn(Some(3), Time(8000));
        assert_eq!(startup.mean, None);
        startup.learn(Some(4), Time(31_000));
        assert_eq!(
            (startup.mean, startup.pending),
            (Some(Millis(30_000)), None)
        );
        startup.on_change(2, 8, Time(40_000));
        startup.on_change(-1, 7, Time(41_000));
        assert_eq!(
            startup.pending, None,
            "a worker that is not wanted any more will not come"
        );
    }

    #[test]
    fn a_worker_is_needed_that_has_a_task_or_will_when_it_has_started() {
        let load = |ready, busy, live| Load {
            ready,
            live,
            busy,
            ..Load::UNSUPPORTED
        };
        let known = Metric::Known;
        assert_eq!(needed(&load(known(2), known(3), known(4)), 9), Some(5));
        assert_eq!(
            needed(&load(known(20), known(3), known(4)), 9),
            Some(8),
            "no more than still start"
        );
        assert_eq!(
            needed(&load(known(20), known(3), known(9)), 9),
            Some(3),
            "who lives and is not busy has none"
        );
        assert_eq!(needed(&load(known(20), known(3), known(12)), 9), Some(3));
        assert_eq!(
            needed(&load(known(20), known(3), Metric::Unsupported), 9),
            Some(3)
        );
        assert_eq!(
            needed(&load(Metric::Unavailable, known(3), known(4)), 9),
            Some(3)
        );
        assert_eq!(
            needed(&load(known(2), Metric::Unsupported, known(4)), 9),
            None
        );
        let flight = Load {
            in_flight: known(6),
            ..load(known(0), Metric::Unsupported, known(4))
        };
        assert_eq!(
            needed(&flight, 9),
            Some(6),
            "running tasks where nobody tells who is busy"
        );
    }

    #[test]
    fn small_falls_rest_longer() {
        let memory = Memory {
            last_change: Some(Time(0)),
            ..Memory::default()
        };
        let rest = |base, number, now| match scale_down(&memory, base, number, Time(now)) {
            ScaleDownStep::Cooldown(until) => Err(until),
            ScaleDownStep::To(kept) => Ok(kept),
            ScaleDownStep::Busy(_) => panic!("nobody was busy"),
        };
        assert_eq!(rest(8, 7, 59_999), Err(Time(60_000)));
        assert_eq!(rest(8, 7, 60_000), Ok(7));
        assert_eq!(
            rest(8, 6, 14_999),
            Err(Time(15_000)),
            "a quarter is not small"
        );
        assert_eq!(rest(8, 6, 15_000), Ok(6));
    }
}
