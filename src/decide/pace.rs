//! How fast a target's number moves where no `behavior` says so: up at once, down by an idle timer that follows the
//! measured time a worker takes to start.

use super::memory::Memory;
use super::units::{Millis, Time};

/// Small rises of the drain rules, and all falls, wait this long after the last change.
pub(super) const REST_UP: Millis = Millis::seconds(10);
/// The same for falls.
pub(super) const REST_DOWN: Millis = Millis::seconds(15);
/// The longest that a worker is kept for having been busy.
pub(super) const LONGEST_KEEP: Millis = Millis::seconds(30);
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
    pub fn keep(&self) -> Millis {
        self.mean.map_or(LONGEST_KEEP, |mean| Millis((mean.0 * 6).clamp(10_000, LONGEST_KEEP.0)))
    }

    /// A look found `live` workers.
    pub(super) fn learn(&mut self, live: Option<i64>, now: Time) {
        let Some((since, wanted)) = self.pending else { return };
        let took = now - since;
        if took > LONGEST_START {
            self.pending = None;
        } else if live.is_some_and(|live| live >= i64::from(wanted)) {
            self.pending = None;
            let mean = self.mean.map_or(took.0, |mean| (mean.0 * 3 + took.0) / 4);
            self.mean = Some(Millis(mean));
        }
    }

    pub(super) fn not_after(&mut self, now: Time) {
        self.pending = self.pending.map(|(at, to)| (at.min(now), to));
    }
}

/// Until when a rise from `base` to `number` has to wait; a large one never does.
pub(super) fn rise(memory: &Memory, base: i32, number: i32, now: Time) -> Option<Time> {
    let small = i64::from(number) * 4 < i64::from(base) * 5;
    memory.last_change.filter(|_| small).map(|last| last + REST_UP).filter(|until| *until > now)
}

/// What a fall from `base` to `number` has to wait for.
pub(super) enum Fall {
    /// Nothing: this many, and when fewer where some were busy a moment ago.
    To(i32, Option<Time>),
    /// Workers that were busy a moment ago, until then.
    Busy(Time),
    /// The last change, until then.
    Rest(Time),
}

/// The fall that the idle timer allows now.
pub(super) fn fall(memory: &Memory, base: i32, number: i32, now: Time) -> Fall {
    let keep = memory.startup.keep();
    let peak = memory.busy.highest(keep, now);
    let rest = memory.last_change.map(|last| last + REST_DOWN).filter(|until| *until > now);
    match (peak, rest) {
        (Some((at, peak)), _) if peak >= base => {
            Fall::Busy(rest.map_or(at + keep, |rest| rest.max(at + keep)))
        }
        (_, Some(until)) => Fall::Rest(until),
        (Some((at, peak)), None) if peak > number => Fall::To(peak, Some(at + keep)),
        _ => Fall::To(number, None),
    }
}
