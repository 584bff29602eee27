//! The order of a decision: answers, stabilization, cooldowns, rate policies, bounds, busy floor, overrides.

use super::answers::{self, Answers, Wanted};
use super::decision::{Decision, Limit, Step};
use super::memory::Memory;
use super::pace::{self, Fall};
use super::pool::{Pool, UnknownAction};
use super::rules::Held;
use super::seen::{Fact, Seen};
use super::units::{Millis, Time};
use super::why::{Cause, Why};
use super::{behavior, bounds, cooldown, idle, rates, target};

/// The number of workers that `pool` should have now, and why. The same arguments always give the same answer.
///
/// ```
/// use workerpool::decide::{Fact, Load, Memory, Pool, Rules, ScaleUp, Seen, Time, decide};
/// let up = ScaleUp { queue_length: Some(8), step: 2, ..ScaleUp::default() };
/// let pool = Pool { min: 3, rules: vec![Rules { queues: vec![0], up, ..Rules::default() }], ..Pool::default() };
/// let load = Load { ready: Fact::Known(17), ..Load::NOT_TOLD };
/// let seen = Seen { current: 5, queues: vec![load], missing: None };
/// let decision = decide(&pool, &seen, &Memory::default(), Time(0));
/// assert_eq!(decision.why.sentence(5, decision.replicas), "17 tasks wait, more than 8: 5 → 7 workers");
/// ```
#[must_use]
pub fn decide(pool: &Pool, seen: &Seen, memory: &Memory, now: Time) -> Decision {
    let lasts = |until: Option<Time>| until.is_none_or(|until| now < until);
    let pin = pool.pin.filter(|pin| lasts(pin.until));
    let suspend = pool.suspend.as_ref().filter(|suspend| lasts(suspend.until));
    let mut look = Look::start(pool, seen, memory, now, suspend.is_some() || pool.dry_run);
    let told = look.trail.len();
    let answers = look.ask();
    // Idle time goes on beside an override, though nobody cares what the rules say.
    if suspend.is_some() || pin.is_some() {
        look.trail.truncate(told);
    }
    let wish = if let Some(suspend) = suspend {
        look.again_at(suspend.until);
        Wish {
            number: look.current,
            why: Why::Suspended(suspend.clone()),
            rule: None,
        }
    } else if let Some(pin) = pin {
        look.trail.push(Step::Pinned {
            answer: pin.replicas,
            until: pin.until,
        });
        look.again_at(pin.until);
        Wish {
            number: pin.replicas,
            why: Why::Pinned(pin.until),
            rule: None,
        }
    } else {
        let wish = look.rules(&answers);
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

#[expect(
    clippy::struct_field_names,
    reason = "look_again is the decision's own word"
)]
struct Look<'a> {
    pool: &'a Pool,
    seen: &'a Seen,
    memory: Memory,
    now: Time,
    current: i32,
    /// Where the rules start from: what we decided last, else what is there.
    base: i32,
    blind: bool,
    trail: Vec<Step>,
    look_again: Option<Time>,
}

impl<'a> Look<'a> {
    /// Takes in what this look teaches, whoever decides on it in the end.
    fn start(pool: &'a Pool, seen: &'a Seen, memory: &Memory, now: Time, hands_off: bool) -> Self {
        let mut memory = memory.not_after(now);
        let mut trail = Vec::with_capacity(16);
        let current = seen.current;
        let base = match memory.desired {
            Some(ours) if ours != current && !hands_off => {
                trail.push(Step::OutsideChange {
                    found: current,
                    ours,
                });
                ours
            }
            _ => current,
        };
        let load = seen.load();
        if pool.has_target() {
            target::learn(&mut memory, &seen.queues, now);
            memory.startup.learn(load.live.known(), now);
            memory.busy.forget(pace::LONGEST_KEEP, Millis(0), now);
            if let Some(needed) = pace::needed(&load, current) {
                memory.busy.push(now, needed);
            }
        }
        let blind = answers::needed(pool, seen).any(|fact| fact == Fact::Missing);
        let mut look = Self {
            pool,
            seen,
            memory,
            now,
            current,
            base,
            blind,
            trail,
            look_again: None,
        };
        look.again_at(bounds::next_edge(pool, now));
        look
    }

    /// What the rules answer, and with it how long the pool has been idle and blind.
    fn ask(&mut self) -> Answers {
        let Self {
            pool,
            seen,
            now,
            base,
            ..
        } = *self;
        let answers = answers::ask(pool, seen, &self.memory, base, now, &mut self.trail);
        self.memory.idle_since = answers
            .down
            .as_ref()
            .and_then(|_| idle::since(pool, answers.held, &self.memory, now));
        self.memory.unknown_since = self.blind.then(|| self.memory.unknown_since.unwrap_or(now));
        answers
    }

    /// Time alone may change the answer at `at`.
    fn again_at(&mut self, at: impl Into<Option<Time>>) {
        self.look_again = self.look_again.into_iter().chain(at.into()).min();
    }

    fn unknown(&self) -> Why {
        let since = self.memory.unknown_since.unwrap_or(self.now);
        let what = self
            .seen
            .missing
            .clone()
            .unwrap_or_else(|| "a fact that a rule needs is missing".to_owned());
        Why::Unknown(what, since)
    }

    fn stay(&self, why: Why) -> Wish {
        Wish {
            number: self.base,
            why,
            rule: None,
        }
    }

    fn rules(&mut self, answers: &Answers) -> Wish {
        let (pool, base, now) = (self.pool, self.base, self.now);
        let (least, _) = bounds::least(pool, now);
        // HPA's order: a number outside the bounds goes to the bound, and no rule is asked.
        if pool.behavior.is_some() && !(least..=pool.max).contains(&base) {
            return self.stay(Why::Steady);
        }
        self.drain_looks_again();
        let work = bounds::work(&self.seen.load());
        // From nothing the first worker waits for no cooldown.
        if base == 0 && work > 0 && answers.free.is_none() {
            return Wish {
                number: 1,
                why: Why::Woken(work),
                rule: None,
            };
        }
        let mut raw = answers
            .most()
            .unwrap_or(if self.blind { base } else { answers.enough });
        let mut waits = None;
        if raw < base {
            // At most what is enough, but nobody sleeps while work waits.
            raw = raw.max(least).max(i32::from(work > 0)).min(base);
            if raw < base
                && let Some(wait) = self.not_idle_yet(answers, raw)
            {
                (raw, waits) = (base, Some(wait));
            }
        }
        let (settled, until) = match &pool.behavior {
            Some(behavior) if !self.blind || raw > base => {
                let (settled, until) =
                    behavior::stabilize(behavior, &mut self.memory, base, raw, now);
                if settled != raw {
                    let by = if raw > settled {
                        Limit::WindowUp
                    } else {
                        Limit::WindowDown
                    };
                    self.trail.push(Step::Limited {
                        by,
                        from: raw,
                        to: settled,
                        until,
                    });
                    self.again_at(until);
                }
                (settled, until)
            }
            _ => (raw, None),
        };
        match settled.cmp(&base) {
            std::cmp::Ordering::Greater => self.rise(answers, settled),
            std::cmp::Ordering::Less => self.fall(answers, settled),
            std::cmp::Ordering::Equal if raw != base => {
                self.stay(Why::Stabilized { wants: raw, until })
            }
            std::cmp::Ordering::Equal if self.blind => self.stay(self.unknown()),
            std::cmp::Ordering::Equal => self.stay(waits.unwrap_or(Why::Steady)),
        }
    }

    /// The rates of the drain rules fade with time, and a task that waits grows old.
    fn drain_looks_again(&mut self) {
        for set in &self.pool.rules {
            let spans = [set.target.drain_within, set.target.max_wait]
                .into_iter()
                .flatten();
            let rates = set
                .queues
                .iter()
                .filter_map(|queue| self.memory.rates.get(*queue));
            if spans.clone().next().is_some() && rates.copied().any(|rates| rates.arrival > 0) {
                self.again_at(self.now + rates::STEP);
            }
            let oldest = set
                .queues
                .iter()
                .filter_map(|queue| self.seen.queues.get(*queue)?.oldest_at.known());
            let Some(oldest) = oldest.min() else { continue };
            for late in spans.map(|span| Time(oldest + span.0 * 7 / 10 + 1)) {
                let starts = self
                    .memory
                    .last_change
                    .map_or(late, |last| last + self.memory.startup.span());
                let now = self.now;
                self.again_at([late, starts].into_iter().filter(|at| *at > now).min());
            }
        }
    }

    /// Why `scaleDown` does not let the number go down to `wants` yet, where it does not.
    fn not_idle_yet(&mut self, answers: &Answers, wants: i32) -> Option<Why> {
        let down = answers.down.as_ref()?;
        let Some(since) = self.memory.idle_since.filter(|_| answers.held == Held::All) else {
            return Some(Why::NotIdle { wants });
        };
        let ripe = since + down.idle_for;
        let answer = (self.now >= ripe).then_some(wants);
        self.trail.push(Step::IdleTimer {
            idle: self.now - since,
            needed: down.idle_for,
            answer,
        });
        if answer.is_some() {
            return None;
        }
        let until = cooldown::ends(self.memory.last_change, down.cooldown, self.now);
        let until = until.map_or(ripe, |until| until.max(ripe));
        self.again_at(until);
        Some(Why::IdleWait {
            since,
            until,
            wants,
        })
    }

    fn limited(&mut self, by: Limit, from: i32, to: i32, until: Option<Time>) {
        self.trail.push(Step::Limited {
            by,
            from,
            to,
            until,
        });
        self.again_at(until);
    }

    /// Up to `settled`, as far as cooldowns, policies and the maximum allow.
    fn rise(&mut self, answers: &Answers, settled: i32) -> Wish {
        let (pool, base, now) = (self.pool, self.base, self.now);
        self.again_at(answers.cooled);
        let free = answers.free.as_ref().filter(|wanted| wanted.number > base);
        let Some(Wanted {
            number,
            cause,
            patient,
            cooling,
        }) = free.or(answers.cooling.as_ref())
        else {
            return self.stay(Why::Steady);
        };
        let mut number = settled.min(*number).min(pool.max);
        if number <= base {
            return self.stay(Why::AtMax(cause.clone()));
        }
        if let Some(until) = *cooling {
            self.limited(Limit::CooldownUp, number, base, Some(until));
            return self.stay(Why::CoolingUp {
                cause: cause.clone(),
                until,
                wants: number,
            });
        }
        let mut why = Why::Up(cause.clone());
        if let Some(behavior) = &pool.behavior {
            let (limit, until) = behavior::up_limit(&behavior.up, &self.memory, base, now);
            if limit < number {
                self.limited(Limit::Policy, number, limit, until);
                why = Why::RateLimited {
                    wants: number,
                    until,
                };
                number = limit;
            }
        } else if *patient && let Some(until) = pace::rise(&self.memory, base, number, now) {
            self.limited(Limit::Pace, number, base, Some(until));
            return self.stay(Why::Pacing {
                until,
                wants: number,
            });
        }
        let rule = (number > base).then(|| cause.clone());
        Wish { number, why, rule }
    }

    /// Down to `settled`, as far as cooldowns, policies, the idle timer and the minimum allow.
    fn fall(&mut self, answers: &Answers, settled: i32) -> Wish {
        let (pool, base, now) = (self.pool, self.base, self.now);
        let mut number = settled;
        if let Some(down) = &answers.down
            && let Some(until) = cooldown::ends(self.memory.last_change, down.cooldown, now)
        {
            self.limited(Limit::CooldownDown, number, base, Some(until));
            return self.stay(Why::CoolingDown {
                until,
                wants: number,
            });
        }
        let idle = self
            .memory
            .idle_since
            .map_or(Millis(0), |since| now - since);
        let mut why = answers
            .enough_for
            .clone()
            .map_or(Why::Idle(idle), Why::Fewer);
        if let Some(behavior) = &pool.behavior {
            let (limit, until) = behavior::down_limit(&behavior.down, &self.memory, base, now);
            if limit > number {
                self.limited(Limit::Policy, number, limit, until);
                why = Why::RateLimited {
                    wants: number,
                    until,
                };
                number = limit;
            }
        } else if answers.down.is_none() {
            let forgets = pace::forgets(&self.memory, number, now);
            self.again_at(forgets);
            match pace::fall(&self.memory, base, number, now) {
                Fall::To(kept) => {
                    if kept > number {
                        self.limited(Limit::RecentlyBusy, number, kept, forgets);
                    }
                    number = kept;
                }
                Fall::Busy(until) => {
                    self.limited(Limit::RecentlyBusy, number, base, Some(until));
                    return self.stay(Why::RecentlyBusy {
                        until,
                        wants: number,
                    });
                }
                Fall::Rest(until) => {
                    self.limited(Limit::Pace, number, base, Some(until));
                    return self.stay(Why::Pacing {
                        until,
                        wants: number,
                    });
                }
            }
        }
        Wish {
            number,
            why,
            rule: None,
        }
    }

    /// Facts missing for long: at least the fallback's number, never fewer than now.
    fn fallback(&mut self, wish: Wish) -> Wish {
        let Some(since) = self.memory.unknown_since else {
            return wish;
        };
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
                Wish {
                    number: wish.number.max(answer),
                    why: Why::Fallback(since),
                    rule: None,
                }
            }
            UnknownAction::Hold => wish,
        }
    }

    fn within_bounds(&mut self, wish: Wish) -> Wish {
        let (least, schedule) = bounds::least(self.pool, self.now);
        let (to, by, why) = if wish.number < least {
            let why = match schedule {
                Some(schedule) => Why::Scheduled {
                    name: schedule.name.clone(),
                    until: schedule.until,
                    least,
                },
                None => Why::BelowMin(least),
            };
            (
                least,
                if schedule.is_some() {
                    Limit::Schedule
                } else {
                    Limit::Min
                },
                why,
            )
        } else if wish.number > self.pool.max {
            (self.pool.max, Limit::Max, Why::AboveMax(self.pool.max))
        } else {
            return wish;
        };
        self.trail.push(Step::Limited {
            by,
            from: wish.number,
            to,
            until: None,
        });
        Wish {
            number: to,
            why,
            rule: None,
        }
    }

    /// Nothing is lowered on unknown facts, and where nobody waits for it no worker that holds a task is taken away.
    fn keep_busy(&mut self, wish: Wish) -> Wish {
        if wish.number >= self.current {
            return wish;
        }
        let busy = if self.pool.drains {
            Fact::NotTold
        } else {
            self.seen.load().busy
        };
        let floor = bounds::busy_floor(busy, self.current, wish.number);
        let (to, by, why) = match floor.filter(|_| !self.blind) {
            None => (self.current, Limit::Unknown, self.unknown()),
            Some(floor) if floor > wish.number => (
                floor,
                Limit::Busy,
                Why::Busy {
                    busy: floor,
                    wants: wish.number,
                },
            ),
            Some(_) => return wish,
        };
        self.trail.push(Step::Limited {
            by,
            from: wish.number,
            to,
            until: None,
        });
        Wish {
            number: to,
            why,
            rule: None,
        }
    }

    fn finish(mut self, wish: Wish) -> Decision {
        let Wish {
            mut number,
            mut why,
            rule,
        } = wish;
        if self.pool.dry_run {
            self.trail.push(Step::NotWritten { would: number });
            why = Why::DryRun {
                would: number,
                why: Box::new(why),
            };
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
        let change = if held { 0 } else { number - self.base };
        behavior::record(
            self.pool.behavior.as_ref(),
            &mut self.memory,
            change,
            self.now,
        );
        if change != 0 {
            self.memory.last_change = Some(self.now);
            if rule.is_some() && change > 0 {
                self.memory.last_up = Some(self.now);
            }
            if self.pool.has_target() {
                self.memory.startup.changed(change, number, self.now);
            }
        }
        let asked = answers::needed(self.pool, self.seen).filter(|fact| *fact != Fact::NotTold);
        let (all, known) = asked.fold((0u32, 0u32), |(all, known), fact| {
            (all + 1, known + u32::from(fact.known().is_some()))
        });
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
