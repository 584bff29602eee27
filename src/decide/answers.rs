//! What each set of rules answers at one look, and what the sets come to together: of all answers the largest.

use super::cooldown;
use super::decision::Step;
use super::memory::Memory;
use super::pool::{Pool, Rules, ScaleDown};
use super::rules::{self, Held};
use super::seen::{Fact, Load, Seen};
use super::target::Queues;
use super::units::Time;
use super::why::Cause;

/// A wish for more workers.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub number: i32,
    pub cause: Cause,
    /// Whether a small rise has to wait.
    pub patient: bool,
    /// When the rule may have its way; `None` now.
    pub cooling: Option<Time>,
}

/// All answers of one look.
#[derive(Debug)]
pub(super) struct Answers {
    /// The largest wish for more that is free, and the largest whose cooldown runs.
    pub free: Option<Wanted>,
    pub cooling: Option<Wanted>,
    /// When the first of all cooldowns that hold a wish back ends.
    pub cooled: Option<Time>,
    /// The number on which all sets agree that it is enough; at least the present one where one of them wants to stay.
    pub enough: i32,
    /// The target that says so; `None`: the conditions of `scaleDown`.
    pub enough_for: Option<Cause>,
    /// The strictest of all `scaleDown`s.
    pub down: Option<ScaleDown>,
    /// What the conditions of all of them say.
    pub held: Held,
}

/// Asks every set; `memory` has learned from this look already.
pub(super) fn ask(
    pool: &Pool,
    seen: &Seen,
    memory: &Memory,
    base: i32,
    now: Time,
    trail: &mut Vec<Step>,
) -> Answers {
    let mut all = Answers {
        free: None,
        cooling: None,
        cooled: None,
        enough: i32::MIN,
        enough_for: None,
        down: None,
        held: Held::All,
    };
    for set in &pool.rules {
        if let Some(queue) = &set.of {
            trail.push(Step::Queue(queue.clone()));
        }
        let queues = queues(pool, set, seen, memory, base, now);
        all.add(set, &queues, memory, trail);
    }
    all.enough = all.enough.min(base);
    all
}

/// The facts that the rules and the busy floor need, each with whether it is.
pub(super) fn needed(pool: &Pool, seen: &Seen) -> impl Iterator<Item = Fact> {
    let sets = pool.rules.iter().flat_map(|set| {
        let load = sum(set, seen);
        let down = set.down.as_ref();
        let target = set.target != super::Target::default();
        let ready = target
            || set
                .up
                .queue_length
                .or_else(|| down.and_then(|down| down.queue_length))
                .is_some();
        [
            (ready, load.ready),
            (target, load.in_flight),
            (set.up.cpu.is_some(), load.cpu_sum),
        ]
    });
    let sets = sets.filter_map(|(used, fact)| used.then_some(fact));
    let all = seen.load();
    sets.chain([all.busy, all.live])
}

fn sum(set: &Rules, seen: &Seen) -> Load {
    Load::sum(
        set.queues
            .iter()
            .filter_map(|queue| seen.queues.get(*queue)),
    )
}

fn queues<'a>(
    pool: &'a Pool,
    set: &Rules,
    seen: &Seen,
    memory: &Memory,
    base: i32,
    now: Time,
) -> Queues<'a> {
    let rates = |queue: usize| memory.rates.get(queue).copied().unwrap_or_default();
    let parts = if set.target.drain_within.or(set.target.max_wait).is_some() {
        set.queues
            .iter()
            .filter_map(|queue| Some((*seen.queues.get(*queue)?, rates(*queue))))
            .collect()
    } else {
        Vec::new()
    };
    // A worker that is still starting counts: what is late by now waits for it.
    let starting = memory
        .last_change
        .is_some_and(|last| now - last < memory.startup.span());
    Queues {
        load: sum(set, seen),
        parts,
        startup: memory.startup.span(),
        starting,
        base,
        behavior: pool.behavior.as_ref(),
        now,
    }
}

impl Answers {
    fn add(&mut self, set: &Rules, queues: &Queues<'_>, memory: &Memory, trail: &mut Vec<Step>) {
        let (base, now) = (queues.base, queues.now);
        let named = |cause: Cause| Cause {
            of: set.of.clone(),
            ..cause
        };
        if let Some((number, cause)) = rules::up(&set.up, &queues.load, base, trail) {
            let cooling = cooldown::ends(memory.last_up, set.up.cooldown, now);
            self.want(Wanted {
                number,
                cause: named(cause),
                patient: false,
                cooling,
            });
        }
        let target = queues.answer(&set.target, trail);
        let held = set
            .down
            .as_ref()
            .map(|down| rules::down(down, &queues.load, trail));
        let mut enough = base;
        if let Some(answer) = target {
            let (number, cause) = (answer.number, named(answer.cause));
            if number > base {
                self.want(Wanted {
                    number,
                    cause,
                    patient: answer.patient,
                    cooling: None,
                });
            } else {
                let floor = set
                    .down
                    .as_ref()
                    .map_or(i32::MIN, |down| base.saturating_sub(down.step));
                enough = number.max(floor);
                if enough > self.enough {
                    self.enough_for = Some(cause);
                }
            }
        } else if let (Some(down), Some(Held::All)) = (&set.down, held) {
            enough = base.saturating_sub(down.step);
            if enough > self.enough {
                self.enough_for = None;
            }
        }
        self.enough = self.enough.max(enough);
        if let (Some(down), Some(held)) = (&set.down, held) {
            self.held = self.held.max(held);
            self.down = Some(match self.down.take() {
                None => down.clone(),
                Some(other) => ScaleDown {
                    idle_for: down.idle_for.max(other.idle_for),
                    cooldown: down.cooldown.max(other.cooldown),
                    ..other
                },
            });
        }
    }

    fn want(&mut self, wanted: Wanted) {
        self.cooled = [self.cooled, wanted.cooling].into_iter().flatten().min();
        let best = if wanted.cooling.is_some() {
            &mut self.cooling
        } else {
            &mut self.free
        };
        if best.as_ref().is_none_or(|best| wanted.number > best.number) {
            *best = Some(wanted);
        }
    }

    /// The largest wish for more, free or not.
    pub fn most(&self) -> Option<i32> {
        self.free
            .iter()
            .chain(&self.cooling)
            .map(|wanted| wanted.number)
            .max()
    }
}
