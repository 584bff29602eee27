//! What would change the number next, and when at the earliest: found by asking `decide` itself.

use super::decision::Decision;
use super::units::{Millis, Time};
use crate::evaluate::decide;
use crate::observation::{Load, Metric, Observation};
use crate::spec::PoolSpec;

/// The next change in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextChange {
    /// Workers after it.
    pub to: i32,
    /// The earliest instant; `None` at once.
    pub at: Option<Time>,
    /// How many more tasks must wait then; below zero, how many fewer there must be; 0: if it stays as it is.
    pub tasks: i64,
}

/// The next change in each direction; `None` where nothing that the queue does can bring it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Towards more workers.
    pub up: Option<NextChange>,
    /// Towards fewer.
    pub down: Option<NextChange>,
}

/// How many times the future is asked, each time later than before.
const MAX_STEPS: u32 = 24;
/// A backlog beyond which more tasks change nothing.
const MAX_TASKS: i64 = 1 << 32;
/// How long a wait still interests anybody.
const HORIZON: Millis = Millis::seconds(24 * 3600);

/// What may come after `decision`, which was taken on `seen` at `now`.
#[must_use]
pub fn forecast(pool: &PoolSpec, seen: &Observation, decision: &Decision, now: Time) -> Forecast {
    let after = Scenario {
        pool,
        seen,
        decision,
        now,
    };
    if decision.replicas != decision.from {
        // Once it is written the next look starts from it.
        let seen = Observation {
            replicas: decision.replicas,
            ..seen.clone()
        };
        return Scenario {
            seen: &seen,
            ..after
        }
        .both();
    }
    after.both()
}

#[derive(Clone, Copy)]
struct Scenario<'a> {
    pool: &'a PoolSpec,
    seen: &'a Observation,
    decision: &'a Decision,
    now: Time,
}

impl Scenario<'_> {
    fn both(self) -> Forecast {
        Forecast {
            up: self.next(1, MAX_TASKS),
            down: self.next(-1, self.present()),
        }
    }

    /// The next change in the direction of `sign`: by time alone, else by the fewest tasks more or less, of `most`.
    fn next(self, sign: i64, most: i64) -> Option<NextChange> {
        if let Some((at, to)) = self.wait(0, sign) {
            return Some(NextChange { to, at, tasks: 0 });
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
        Some(NextChange {
            to,
            at,
            tasks: sign * enough,
        })
    }

    /// Tasks that wait or run.
    fn present(self) -> i64 {
        let load = self.seen.total();
        load.ready.plus(load.in_flight).known().unwrap_or(0)
    }

    /// When the number changes in the direction of `sign`, if from now on `more` tasks wait than do.
    fn wait(self, more: i64, sign: i64) -> Option<(Option<Time>, i32)> {
        let seen = Observation {
            queues: with_backlog(&self.seen.queues, more),
            ..self.seen.clone()
        };
        let (mut memory, mut at) = (self.decision.memory.clone(), self.now);
        for _ in 0..MAX_STEPS {
            let look = decide(self.pool, &seen, &memory, at);
            let change = i64::from(look.replicas) - i64::from(seen.replicas);
            if change != 0 {
                return (change.signum() == sign)
                    .then_some(((at > self.now).then_some(at), look.replicas));
            }
            // Rates fade a little each second: the further ahead, the larger the strides.
            let fades = look.memory.rates.iter().any(|rates| rates.arrival > 0);
            let stride = Millis(if fades { (at - self.now).0 / 4 } else { 0 });
            (memory, at) = (look.memory, look.requeue_at?.max(at + stride));
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
pub fn with_backlog(queues: &[Load], more: i64) -> Vec<Load> {
    let mut queues = queues.to_vec();
    let mut left = -more;
    for queue in &mut queues {
        for (fact, works) in [(&mut queue.ready, false), (&mut queue.in_flight, true)] {
            let Metric::Known(n) = fact else { continue };
            let gone = left.min(*n);
            *n -= gone;
            left -= gone;
            if let Metric::Known(busy) = &mut queue.busy
                && works
            {
                *busy = (*busy - gone).max(0);
            }
        }
    }
    queues
}
