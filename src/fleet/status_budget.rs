//! The budget of status writes: so many in each tenth of a second, for which the namespaces take turns, each up to its rate.

use super::namespaces::Namespaces;
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
    /// What each namespace has written in this period.
    written: HashMap<Arc<str>, u32>,
    /// The namespaces with pools that wait, each once, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<Key>>,
}

impl StatusBudget {
    /// Whether the status of `pool` may be written now. If not, the pool waits for its turn: see [`Self::next`].
    pub fn take(&mut self, namespaces: &Namespaces, pool: &Key, now: Time) -> bool {
        if self.turns.is_empty() && self.spend(namespaces, &pool.namespace, now) {
            return true;
        }
        let namespace = &pool.namespace;
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
        (!self.turns.is_empty()).then_some(Time((self.period + 1) * PERIOD.0))
    }

    fn spend(&mut self, namespaces: &Namespaces, namespace: &Arc<str>, now: Time) -> bool {
        let period = now.0.div_euclid(PERIOD.0);
        if self.period != period {
            self.period = period;
            self.written.clear();
        }
        if self.written.values().sum::<u32>() >= WRITES {
            return false;
        }
        let rate = namespaces.rate(namespace) * PERIOD.0 / 1_000;
        let written = self.written.entry(Arc::clone(namespace)).or_default();
        let allows = i64::from(*written) < rate;
        *written += u32::from(allows);
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

    /// A namespace that may write three statuses in each period.
    fn noisy() -> Namespaces {
        let mut namespaces = Namespaces::default();
        (0..150).for_each(|_| namespaces.add_pool(&"noisy".into()));
        namespaces
    }

    #[test]
    fn namespaces_take_turns_and_pools_of_each_stand_in_line() {
        let (namespaces, mut budget) = (noisy(), StatusBudget::default());
        let mut take = |pool: &Key| budget.take(&namespaces, pool, at(1));
        let free = (0..20).filter(|number| take(&pool("noisy", *number)));
        assert_eq!(free.count(), 3);
        assert!(!take(&pool("quiet", 0)), "others wait");
        assert!(!take(&pool("other", 0)));
        let mut turns = |period| -> Vec<Key> {
            assert_eq!(budget.next_at(), Some(at(period)));
            std::iter::from_fn(|| budget.next(&namespaces, at(period))).collect()
        };
        let noisy = |numbers: [u32; 3]| numbers.map(|number| pool("noisy", number));
        let [first, second, third] = noisy([3, 4, 5]);
        let expected = [first, pool("quiet", 0), pool("other", 0), second, third];
        assert_eq!(turns(2), expected);
        assert_eq!(turns(3), noisy([6, 7, 8]));
        let rest: Vec<Key> = (4..8).flat_map(turns).collect();
        assert_eq!((rest.len(), rest.last()), (11, Some(&pool("noisy", 19))));
        assert_eq!(budget.next_at(), None);
        assert!(budget.take(&namespaces, &pool("noisy", 0), at(8)));
    }

    #[test]
    fn all_namespaces_share_a_period() {
        let (namespaces, mut budget) = (noisy(), StatusBudget::default());
        let mut take = |namespace| {
            let mut take = |number| budget.take(&namespaces, &pool(namespace, number), at(1));
            (0..3).filter(|number| take(*number)).count()
        };
        let taken = ["noisy", "a", "b", "c"].map(&mut take);
        assert_eq!(
            taken,
            [3, 1, 0, 0],
            "a waits for its second, and the others behind it"
        );
    }
}
