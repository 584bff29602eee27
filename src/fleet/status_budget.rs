//! The budget of status writes: so many per second in all, for which the namespaces take turns.

use api::Key;
use decide::Time;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Status writes per second for all pools together. Those of pools that scale are written at once and not counted.
const RATE: u32 = 50;

#[derive(Debug, Default)]
pub(super) struct StatusBudget {
    second: i64,
    spent: u32,
    /// The namespaces with pools that wait, each once, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<Key>>,
}

impl StatusBudget {
    /// Whether the status of `pool` may be written now. If not, the pool waits for its turn: see [`Self::next`].
    pub fn take(&mut self, pool: &Key, now: Time) -> bool {
        if self.turns.is_empty() && self.spend(now) {
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
    pub fn next(&mut self, now: Time) -> Option<Key> {
        if self.turns.is_empty() || !self.spend(now) {
            return None;
        }
        let namespace = self.turns.pop_front()?;
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
        (!self.turns.is_empty()).then_some(Time((self.second + 1) * 1000))
    }

    fn spend(&mut self, now: Time) -> bool {
        let second = now.0.div_euclid(1000);
        if self.second != second {
            (self.second, self.spent) = (second, 0);
        }
        let allows = self.spent < RATE;
        self.spent += u32::from(allows);
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_take_turns_and_pools_of_each_stand_in_line() {
        let mut budget = StatusBudget::default();
        let at = |second: i64| Time(second * 1000);
        let pool = |namespace: &str, number: u32| Key::new(namespace, &number.to_string());
        let free = (0..200).filter(|number| budget.take(&pool("noisy", *number), at(1)));
        assert_eq!(free.count(), 50);
        assert!(!budget.take(&pool("quiet", 0), at(1)));
        assert!(!budget.take(&pool("other", 0), at(1)));
        assert_eq!((budget.next(at(1)), budget.next_at()), (None, Some(at(2))));
        let turns: Vec<Key> = std::iter::from_fn(|| budget.next(at(2))).collect();
        let expected = [
            pool("noisy", 50),
            pool("quiet", 0),
            pool("other", 0),
            pool("noisy", 51),
        ];
        assert_eq!((&turns[..4], turns.len()), (&expected[..], 50));
        assert!(!budget.take(&pool("noisy", 999), at(3)), "others wait");
        let rest: Vec<Key> = (3..6)
            .flat_map(|second| std::iter::from_fn(|| budget.next(at(second))).collect::<Vec<_>>())
            .collect();
        assert_eq!((rest.len(), rest.last()), (103, Some(&pool("noisy", 999))));
        assert_eq!(budget.next_at(), None);
        assert!(budget.take(&pool("noisy", 0), at(7)));
    }
}
