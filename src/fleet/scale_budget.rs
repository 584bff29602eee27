//! The budget of scale writes: how often the pools of one namespace may change replicas. A namespace whose pools change
//! them all the time would keep the API server busy, and the writes of the others would come late.

use super::namespaces::Namespaces;
use decide::{Millis, Time};
use std::collections::HashMap;
use std::sync::Arc;

/// How many changes a namespace that made none may make at once: one for each pool, and at least so many.
const BURST: i64 = 20;

/// When the next change of each namespace would be due if they came at its rate. It lies in the past by the turns that are
/// left.
#[derive(Debug, Default)]
pub(super) struct ScaleBudget(HashMap<Arc<str>, Time>);

impl ScaleBudget {
    /// When the next change of `namespace` may be written. Each call takes a turn.
    pub fn turn(&mut self, namespaces: &Namespaces, namespace: &Arc<str>, now: Time) -> Time {
        let pause = 1000 / namespaces.rate(namespace);
        let burst = BURST.max(namespaces.pools(namespace)) - 1;
        let next = self.0.entry(Arc::clone(namespace)).or_insert(Time(0));
        let at = (*next).max(now + Millis(-burst * pause));
        *next = at + Millis(pause);
        at.max(now)
    }

    /// The namespace has no pool any more.
    pub fn forget(&mut self, namespace: &Arc<str>) {
        self.0.remove(namespace);
    }

    /// The clock was set: all turns are there again.
    pub fn reset(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pools: i64) -> (Namespaces, Arc<str>) {
        let (mut namespaces, namespace) = (Namespaces::default(), Arc::from("a"));
        (0..pools).for_each(|_| namespaces.add_pool(&namespace));
        (namespaces, namespace)
    }

    #[rstest::rstest]
    #[case(1, 20, 100)]
    #[case(50, 50, 100)]
    #[case(100, 100, 50)]
    #[case(1_000, 1_000, 20)]
    fn after_a_burst_a_namespace_has_its_rate(
        #[case] pools: i64,
        #[case] burst: usize,
        #[case] pause: i64,
    ) {
        let (namespaces, namespace) = with(pools);
        let (mut budget, now) = (ScaleBudget::default(), Time(1_000_000));
        let at_once = (0..burst).filter(|_| budget.turn(&namespaces, &namespace, now) == now);
        assert_eq!(at_once.count(), burst);
        for number in 1..=3 {
            let at = now + Millis(number * pause);
            assert_eq!(budget.turn(&namespaces, &namespace, now), at);
        }
        let other: Arc<str> = Arc::from("b");
        assert_eq!(budget.turn(&namespaces, &other, now), now);
    }

    #[test]
    fn turns_that_were_not_used_come_back_up_to_a_burst() {
        let (namespaces, namespace) = with(1);
        let (mut budget, now) = (ScaleBudget::default(), Time(1_000_000));
        let mut turn = |now: Time| budget.turn(&namespaces, &namespace, now);
        for _ in 0..20 {
            turn(now);
        }
        let later = now + Millis(250);
        let turns = [(); 3].map(|()| turn(later));
        assert_eq!(turns, [later, later, now + Millis(300)]);
        let rested = now + Millis::seconds(3_600);
        let at_once = (0..30).filter(|_| turn(rested) == rested);
        assert_eq!(at_once.count(), 20);
        budget.reset();
        let earlier = Time(0);
        assert_eq!(budget.turn(&namespaces, &namespace, earlier), earlier);
        budget.forget(&namespace);
        assert!(budget.0.is_empty());
    }
}
