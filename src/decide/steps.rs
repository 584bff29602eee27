//! The order of a decision: answers, cooldowns, bounds, busy floor, overrides.

use super::decision::{Decision, Limit, Step};
use super::memory::Memory;
use super::pool::{Pool, UnknownAction};
use super::seen::{Fact, Seen};
use super::units::Time;
use super::why::{Cause, Why};
use super::{bounds, cooldown, idle, rules};

/// The number of workers that `pool` should have now, and why. The same arguments always give the same answer.
///
/// ```
/// use workerpool::decide::{Fact, Load, Memory, Millis, Pool, ScaleUp, Seen, Time, UnknownAction, decide};
/// let pool = Pool {
///     min: 3, max: 10, pin: None,
///     up: ScaleUp { queue_length: Some(8), step: 2, ..ScaleUp::default() },
///     down: None, unknown_after: Millis::seconds(30), unknown_action: UnknownAction::Hold,
///     suspend: false, dry_run: false,
/// };
/// let load = Load { ready: Fact::Known(17), ..Load::NOT_TOLD };
/// let decision = decide(&pool, &Seen { current: 5, load, missing: None }, &Memory::default(), Time(0));
/// assert_eq!(decision.why.sentence(5, decision.replicas), "17 tasks wait, more than 8: 5 → 7 workers");
/// ```
#[must_use]
pub fn decide(pool: &Pool, seen: &Seen, memory: &Memory, now: Time) -> Decision {
    let mut look = Look::start(pool, seen, memory, now);
    let wish = if pool.suspend {
        Wish { number: look.current, why: Why::Suspended, rule: None }
    } else if let Some(pin) = pool.pin {
        look.trail.push(Step::Pinned { answer: pin });
        Wish { number: pin, why: Why::Pinned(pin), rule: None }
    } else {
        let wish = look.rules();
        let wish = look.fallback(wish);
        look.within_bounds(wish)
    };
    let wish = look.keep_busy(wish);
    look.finish(wish)
}

/// A number on its way through the steps.
struct Wish {
    number: i32,
    why: Why,
    /// The rule that raised it: what starts an up cooldown.
    rule: Option<Cause>,
}

#[expect(clippy::struct_field_names, reason = "look_again is the decision's own word")]
struct Look<'a> {
    pool: &'a Pool,
    seen: &'a Seen,
    memory: Memory,
    now: Time,
    current: i32,
    /// Where the rules start from: what we decided last, else what is there.
    base: i32,
    trail: Vec<Step>,
    look_again: Option<Time>,
}

impl<'a> Look<'a> {
    fn start(pool: &'a Pool, seen: &'a Seen, memory: &Memory, now: Time) -> Self {
        let mut memory = memory.not_after(now);
        let mut trail = Vec::with_capacity(12);
        let current = seen.current;
        let base = match memory.desired {
            Some(ours) if ours != current && !pool.suspend && !pool.dry_run => {
                trail.push(Step::OutsideChange { found: current, ours });
                ours
            }
            _ => current,
        };
        memory.idle_since = idle::since(pool, &seen.load, &memory, now, &mut trail);
        let mut look = Self { pool, seen, memory, now, current, base, trail, look_again: None };
        look.memory.unknown_since = look.blind().then(|| look.memory.unknown_since.unwrap_or(now));
        look
    }

    /// The facts that this pool's rules and the busy floor need.
    fn needed(&self) -> [Fact; 4] {
        let load = &self.seen.load;
        let down = self.pool.down.as_ref();
        let ready = self.pool.up.queue_length.or_else(|| down.and_then(|down| down.queue_length));
        let when = |used: bool, fact: Fact| if used { fact } else { Fact::NotTold };
        [
            when(ready.is_some(), load.ready),
            load.busy,
            load.live,
            when(self.pool.up.cpu.is_some(), load.cpu_sum),
        ]
    }

    fn blind(&self) -> bool {
        self.needed().contains(&Fact::Missing)
    }

    fn again_at(&mut self, at: Time) {
        self.look_again = Some(self.look_again.map_or(at, |before| before.min(at)));
    }

    fn unknown(&self) -> Why {
        let since = self.memory.unknown_since.unwrap_or(self.now);
        let what =
            self.seen.missing.clone().unwrap_or_else(|| "a fact that a rule needs is missing".to_owned());
        Why::Unknown(what, since)
    }

    fn rules(&mut self) -> Wish {
        let base = self.base;
        let stay = |why| Wish { number: base, why, rule: None };
        if let Some((wanted, cause)) = rules::up(&self.pool.up, &self.seen.load, base, &mut self.trail) {
            let number = wanted.min(self.pool.max);
            if number <= base {
                return stay(Why::AtMax(cause));
            }
            return match cooldown::up(self.pool, &self.memory, self.now) {
                Some(until) => {
                    self.limited(Limit::CooldownUp, number, base, until);
                    stay(Why::CoolingUp { cause, until, wants: number })
                }
                None => Wish { number, why: Why::Up(cause), rule: Some(cause) },
            };
        }
        if self.blind() {
            return stay(self.unknown());
        }
        let (Some(down), Some(since)) = (&self.pool.down, self.memory.idle_since) else {
            return stay(Why::Steady);
        };
        let wants = base.saturating_sub(down.step).max(self.pool.min);
        let ripe = since + down.idle_for;
        let answer = (self.now >= ripe && wants < base).then_some(wants);
        self.trail.push(Step::IdleTimer { idle: self.now - since, needed: down.idle_for, answer });
        if wants >= base {
            return stay(Why::Steady);
        }
        let cooling = cooldown::down(self.pool, &self.memory, self.now);
        if answer.is_none() {
            let until = cooling.map_or(ripe, |until| until.max(ripe));
            self.again_at(until);
            return stay(Why::IdleWait { since, until, wants });
        }
        match cooling {
            Some(until) => {
                self.limited(Limit::CooldownDown, wants, base, until);
                stay(Why::CoolingDown { until, wants })
            }
            None => Wish { number: wants, why: Why::Idle(self.now - since), rule: None },
        }
    }

    fn limited(&mut self, by: Limit, from: i32, to: i32, until: Time) {
        self.trail.push(Step::Limited { by, from, to, until: Some(until) });
        self.again_at(until);
    }

    /// Facts missing for long: at least the fallback's number, never fewer than now.
    fn fallback(&mut self, wish: Wish) -> Wish {
        let Some(since) = self.memory.unknown_since else { return wish };
        let due = since + self.pool.unknown_after;
        if self.now < due {
            self.again_at(due);
            return wish;
        }
        match self.pool.unknown_action {
            UnknownAction::Fallback(answer) => {
                self.trail.push(Step::Fallback { answer });
                // A rule that already asks for as many keeps its word.
                if wish.rule.is_some() && wish.number >= answer {
                    return wish;
                }
                Wish { number: wish.number.max(answer), why: Why::Fallback(since), rule: None }
            }
            UnknownAction::Hold => wish,
        }
    }

    fn within_bounds(&mut self, wish: Wish) -> Wish {
        let (number, why) = bounds::clamp(self.pool, wish.number, &mut self.trail);
        match why {
            Some(why) => Wish { number, why, rule: None },
            None => wish,
        }
    }

    /// Nothing is lowered on unknown facts, and no worker that holds a task is taken away.
    fn keep_busy(&mut self, wish: Wish) -> Wish {
        if wish.number >= self.current {
            return wish;
        }
        let floor = bounds::busy_floor(self.seen.load.busy, self.current, wish.number);
        let (to, by, why) = match floor.filter(|_| !self.blind()) {
            None => (self.current, Limit::Unknown, self.unknown()),
            Some(floor) if floor > wish.number => {
                (floor, Limit::Busy, Why::Busy { busy: floor, wants: wish.number })
            }
            Some(_) => return wish,
        };
        self.trail.push(Step::Limited { by, from: wish.number, to, until: None });
        Wish { number: to, why, rule: None }
    }

    fn finish(mut self, wish: Wish) -> Decision {
        let Wish { mut number, mut why, rule } = wish;
        if self.pool.dry_run {
            self.trail.push(Step::NotWritten { would: number });
            why = Why::DryRun { would: number, why: Box::new(why) };
            number = self.current;
        } else if number == self.base
            && self.base != self.current
            && !matches!(why, Why::Unknown(..) | Why::Busy { .. })
        {
            why = Why::TargetChanged(self.current);
        }
        // A number that somebody else wrote and that we may only not lower yet does not become ours.
        let held = number == self.current && matches!(why, Why::Unknown(..) | Why::Busy { .. });
        self.memory.desired = Some(if held { self.base } else { number });
        if !held && number != self.base {
            self.memory.last_change = Some(self.now);
            if rule.is_some() && number > self.base {
                self.memory.last_up = Some(self.now);
            }
        }
        let asked = self.needed().into_iter().filter(|fact| *fact != Fact::NotTold);
        let (all, known) = asked
            .fold((0u32, 0u32), |(all, known), fact| (all + 1, known + u32::from(fact.known().is_some())));
        let confidence = u8::try_from((known * 100).checked_div(all).unwrap_or(100)).unwrap_or(100);
        Decision {
            replicas: number,
            from: self.current,
            why,
            trail: self.trail,
            confidence,
            look_again: self.look_again,
            memory: self.memory,
        }
    }
}
