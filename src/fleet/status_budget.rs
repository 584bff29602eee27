//! The budget of status writes: so many in each tenth of a second, for which the namespaces take turns, each up to its rate.

use super::namespaces::Namespaces;
use super::write_rate::WriteRate;
use api::Key;
use decide::{Millis, Time};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How long a share of the budget lasts. Writes that come all at once delay the scale writes beside them.
const PERIOD: Millis = Millis(100);
/// Status writes in that time for all pools together. Those of pools that scale are written at once and not counted.
const WRITES: u32 = 5;

#[derive(Debug, Default)]
pub(super) struct StatusBudget {
    period: i64,
    /// How many were written in this period.
    written: u32,
    rate: WriteRate,
    /// The namespaces with pools that wait, each once, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<Key>>,
}

impl StatusBudget {
    /// Whether the status of `pool` may be written now. If not, the pool waits for its turn: see [`Self::next`].
    pub fn take(&mut self, namespaces: &Namespaces, pool: &Key, now: Time) -> bool {
        let namespace = &pool.namespace;
        let may_write = |it: &Arc<str>| self.rate.next(it) <= now;
        if !self.turns.iter().any(may_write) && self.spend(namespaces, namespace, now) {
            return true;
        }
        let pools = self.waiting.entry(Arc::clone(namespace)).or_default();
        if pools.is_empty() {
            self.turns.push_back(Arc::clone(namespace));
        }
        pools.push_back(pool.clone());
        false
    }

    /// The pool whose turn it is, if one waits and the budget allows it.
    pub fn next(&mut self, namespaces: &Namespaces, now: Time) -> Option<Key> {
        let turn = (0..self.turns.len()).find(|turn| {
            let namespace = Arc::clone(&self.turns[*turn]);
            self.spend(namespaces, &namespace, now)
        })?;
        let namespace = self.turns.remove(turn)?;
        let pools = self.waiting.get_mut(&namespace)?;
        let pool = pools.pop_front();
        if pools.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        pool
    }

    /// When there is a turn for a pool that waits.
    pub fn next_at(&self) -> Option<Time> {
        let next = |namespace| self.rate.next(namespace);
        let turn = self.turns.iter().map(next).min()?;
        Some(turn.max(Time((self.period + 1) * PERIOD.0)))
    }

    /// The clock was set: all turns are there again.
    pub fn reset(&mut self) {
        self.rate.reset();
        self.period = 0;
    }

    fn spend(&mut self, namespaces: &Namespaces, namespace: &Arc<str>, now: Time) -> bool {
        let period = now.0.div_euclid(PERIOD.0);
        if self.period != period {
            self.period = period;
            self.written = 0;
        }
        let allows = self.written < WRITES && self.rate.next(namespace) <= now;
        if allows {
            self.written += 1;
            self.rate.take(namespaces, namespace, now);
        }
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(period: i64) -> Time {
        Time(period * PERIOD.0)
    }

    fn pool(namespace: &str, number: u32) -> Key {
        Key::new(namespace, &number.to_string())
    }

    /// Takes turns for the first pools of `namespace` and returns how many may write.
    fn take(budget: &mut StatusBudget, namespace: &str, pools: u32, period: i64) -> usize {
        let namespaces = Namespaces::default();
        let may_write =
            |number: &u32| budget.take(&namespaces, &pool(namespace, *number), at(period));
        (0..pools).filter(may_write).count()
    }

    /// The pools that have a turn in `period`.
    fn turns(budget: &mut StatusBudget, period: i64) -> Vec<Key> {
        let namespaces = Namespaces::default();
        std::iter::from_fn(|| budget.next(&namespaces, at(period))).collect()
    }

    #[test]
    fn namespaces_take_turns_and_pools_of_each_stand_in_line() {
        let mut budget = StatusBudget::default();
        assert_eq!(take(&mut budget, "noisy", 10, 1), 5);
        assert_eq!(take(&mut budget, "quiet", 1, 1), 0, "its turn comes");
        assert_eq!(take(&mut budget, "other", 1, 1), 0);
        assert_eq!(budget.next_at(), Some(at(2)));
        let noisy = |number| pool("noisy", number);
        let next = [
            noisy(5),
            pool("quiet", 0),
            pool("other", 0),
            noisy(6),
            noisy(7),
        ];
        assert_eq!(turns(&mut budget, 2), next);
        assert_eq!(turns(&mut budget, 3), [noisy(8), noisy(9)]);
        assert_eq!(budget.next_at(), None);
    }

    #[test]
    fn a_namespace_that_writes_all_the_time_holds_up_no_other() {
        let mut budget = StatusBudget::default();
        let noisy: Arc<str> = "noisy".into();
        for _ in 0..20 {
            budget.rate.take(&Namespaces::default(), &noisy, at(1));
        }
        assert_eq!(take(&mut budget, "noisy", 2, 1), 0, "its burst is used up");
        assert_eq!(take(&mut budget, "quiet", 1, 1), 1, "at once");
        assert_eq!(budget.next_at(), Some(at(1) + Millis(250)));
        assert_eq!(turns(&mut budget, 3), []);
        assert_eq!(turns(&mut budget, 4).len(), 1);
    }

    #[test]
    fn after_a_step_of_the_clock_no_status_waits_for_it() {
        let mut budget = StatusBudget::default();
        take(&mut budget, "a", 30, 1_000_000);
        budget.reset();
        assert_eq!(budget.next_at(), Some(at(1)));
        assert_eq!(turns(&mut budget, 2).len(), 5);
    }
}
