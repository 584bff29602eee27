//! The budget of scale writes: how often the pools of one namespace may change replicas. A namespace whose pools change
//! them all the time would keep the API server busy, and the writes of the others would come late.

use decide::{Millis, Time};
use std::collections::HashMap;
use std::sync::Arc;

/// Changes per second of a namespace: one in 5 s for each pool, within these bounds.
const RATE: std::ops::RangeInclusive<i64> = 10..=50;
const SECONDS_OF_EACH: i64 = 5;
/// How many changes a namespace that made none may make at once: two for each pool, and at least so many.
const BURST: i64 = 20;

#[derive(Debug, Default)]
pub(super) struct ScaleBudget(HashMap<Arc<str>, Namespace>);

#[derive(Debug)]
struct Namespace {
    pools: i64,
    /// When the next change would be due if they came at their rate. It lies in the past by the turns that are left.
    next: Time,
}

impl ScaleBudget {
    /// One more pool of `namespace`.
    pub fn add_pool(&mut self, namespace: &Arc<str>) {
        let new = Namespace {
            pools: 0,
            next: Time(0),
        };
        self.0.entry(Arc::clone(namespace)).or_insert(new).pools += 1;
    }

    /// One pool less.
    pub fn remove_pool(&mut self, namespace: &Arc<str>) {
        if let Some(found) = self.0.get_mut(namespace) {
            found.pools -= 1;
            if found.pools == 0 {
                self.0.remove(namespace);
            }
        }
    }

    /// When the next change of `namespace` may be written. Each call takes a turn.
    pub fn turn(&mut self, namespace: &Arc<str>, now: Time) -> Time {
        let Some(of) = self.0.get_mut(namespace) else {
            return now;
        };
        let pause = 1000 / (of.pools / SECONDS_OF_EACH).clamp(*RATE.start(), *RATE.end());
        let burst = BURST.max(2 * of.pools) - 1;
        let at = of.next.max(now + Millis(-burst * pause));
        of.next = at + Millis(pause);
        at.max(now)
    }

    /// The clock was set: all turns are there again.
    pub fn reset(&mut self) {
        for of in self.0.values_mut() {
            of.next = Time(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(pools: i64) -> (ScaleBudget, Arc<str>) {
        let (mut budget, namespace) = (ScaleBudget::default(), Arc::from("a"));
        (0..pools).for_each(|_| budget.add_pool(&namespace));
        (budget, namespace)
    }

    #[rstest::rstest]
    #[case(1, 20, 100)]
    #[case(50, 100, 100)]
    #[case(100, 200, 50)]
    #[case(1_000, 2_000, 20)]
    fn after_a_burst_a_namespace_has_its_rate(
        #[case] pools: i64,
        #[case] burst: usize,
        #[case] pause: i64,
    ) {
        let (mut budget, namespace) = budget(pools);
        let now = Time(1_000_000);
        let at_once = (0..burst).filter(|_| budget.turn(&namespace, now) == now);
        assert_eq!(at_once.count(), burst);
        for number in 1..=3 {
            let at = now + Millis(number * pause);
            assert_eq!(budget.turn(&namespace, now), at);
        }
        let other: Arc<str> = Arc::from("b");
        budget.add_pool(&other);
        assert_eq!(budget.turn(&other, now), now, "another namespace");
    }

    #[test]
    fn turns_that_were_not_used_come_back_up_to_a_burst() {
        let (mut budget, namespace) = budget(1);
        let now = Time(1_000_000);
        for _ in 0..20 {
            budget.turn(&namespace, now);
        }
        let later = now + Millis(250);
        let turns = [(); 3].map(|()| budget.turn(&namespace, later));
        assert_eq!(turns, [later, later, now + Millis(300)]);
        let rested = now + Millis::seconds(3_600);
        let at_once = (0..30).filter(|_| budget.turn(&namespace, rested) == rested);
        assert_eq!(at_once.count(), 20);
        budget.reset();
        let earlier = Time(0);
        assert_eq!(budget.turn(&namespace, earlier), earlier);
    }

    #[test]
    fn a_namespace_is_forgotten_with_its_last_pool() {
        let (mut budget, namespace) = budget(2);
        budget.remove_pool(&namespace);
        assert_eq!(budget.0.len(), 1);
        budget.remove_pool(&namespace);
        assert!(budget.0.is_empty());
    }
}
