//! What would change the number next, and when at the earliest: found by asking `decide` itself.

use super::decision::Decision;
use super::pool::Pool;
use super::seen::{Fact, Load, Seen};
use super::steps::decide;
use super::units::{Millis, Time};

/// The next change in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Workers after it.
    pub to: i32,
    /// The earliest instant; `None` at once.
    pub at: Option<Time>,
    /// How many more tasks must wait then; below zero, how many fewer there must be; 0: if it stays as it is.
    pub tasks: i64,
}

/// The next change in each direction; `None` where nothing that the queue does can bring it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Towards more workers.
    pub up: Option<Next>,
    /// Towards fewer.
    pub down: Option<Next>,
}

/// How many times the future is asked, each time later than before.
const LOOKS: u32 = 24;
/// A backlog beyond which more tasks change nothing.
const MANY: i64 = 1 << 32;
/// How long a wait still interests anybody.
const HORIZON: Millis = Millis::seconds(24 * 3600);

/// What may come after `decision`, which was taken on `seen` at `now`.
#[must_use]
pub fn outlook(pool: &Pool, seen: &Seen, decision: &Decision, now: Time) -> Outlook {
    let after = After {
        pool,
        seen,
        decision,
        now,
    };
    if decision.replicas != decision.from {
        // Once it is written the next look starts from it.
        let seen = Seen {
            current: decision.replicas,
            ..seen.clone()
        };
        return After {
            seen: &seen,
            ..after
        }
        .both();
    }
    after.both()
}

#[derive(Clone, Copy)]
struct After<'a> {
    pool: &'a Pool,
    seen: &'a Seen,
    decision: &'a Decision,
    now: Time,
}

impl After<'_> {
    fn both(self) -> Outlook {
        Outlook {
            up: self.next(1, MANY),
            down: self.next(-1, self.present()),
        }
    }

    /// The next change in the direction of `sign`: by time alone, else by the fewest tasks more or less, of `most`.
    fn next(self, sign: i64, most: i64) -> Option<Next> {
        if let Some((at, to)) = self.wait(0, sign) {
            return Some(Next { to, at, tasks: 0 });
        }
        let (at, _) = self.wait(sign * most, sign)?;
        // The fewest that will do at that time: more never do less.
        let (mut less, mut enough) = (0, most);
        for _ in 0..i64::BITS {
            let middle = i64::midpoint(less, enough);
            match self.wait(sign * middle, sign) {
                Some((then, _)) if then <= at => enough = middle,
                _ => less = middle,
            }
        }
        let (at, to) = self.wait(sign * enough, sign)?;
        Some(Next {
            to,
            at,
            tasks: sign * enough,
        })
    }

    /// Tasks that wait or run.
    fn present(self) -> i64 {
        let load = self.seen.load();
        load.ready.plus(load.in_flight).known().unwrap_or(0)
    }

    /// When the number changes in the direction of `sign`, if from now on `more` tasks wait than do.
    fn wait(self, more: i64, sign: i64) -> Option<(Option<Time>, i32)> {
        let seen = Seen {
            queues: with_more(&self.seen.queues, more),
            ..self.seen.clone()
        };
        let (mut memory, mut at) = (self.decision.memory.clone(), self.now);
        for _ in 0..LOOKS {
            let look = decide(self.pool, &seen, &memory, at);
            let change = i64::from(look.replicas) - i64::from(seen.current);
            if change != 0 {
                return (change.signum() == sign)
                    .then_some(((at > self.now).then_some(at), look.replicas));
            }
            // Rates fade a little each second: the further ahead, the larger the strides.
            let fades = look.memory.rates.iter().any(|rates| rates.arrival > 0);
            let stride = Millis(if fades { (at - self.now).0 / 4 } else { 0 });
            (memory, at) = (look.memory, look.look_again?.max(at + stride));
            if at - self.now > HORIZON {
                return None;
            }
        }
        None
    }
}

/// The queues with `more` tasks, all of them waiting in the first queue; below zero they go from the waiting first, then
/// from the running.
#[must_use]
pub fn with_more(queues: &[Load], more: i64) -> Vec<Load> {
    let mut queues = queues.to_vec();
    let mut left = -more;
    for queue in &mut queues {
        for (fact, works) in [(&mut queue.ready, false), (&mut queue.in_flight, true)] {
            let Fact::Known(n) = fact else { continue };
            let gone = left.min(*n);
            *n -= gone;
            left -= gone;
            if let Fact::Known(busy) = &mut queue.busy
                && works
            {
                *busy = (*busy - gone).max(0);
            }
        }
    }
    queues
}
