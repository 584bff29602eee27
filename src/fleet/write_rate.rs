//! How often each namespace writes: in bursts, but not all the time. A namespace whose pools change all the time would keep
//! the API server busy, and the writes of the others would come late.

use super::namespaces::Namespaces;
use decide::{Millis, Time};
use std::collections::HashMap;
use std::sync::Arc;

/// After this time a namespace that writes nothing has its burst again, however many pools it has.
const REST: Millis = Millis(60 * 60 * 1_000);

/// When the next write of each namespace would be due if they came at its rate. It lies in the past by the turns that are
/// left. It outlives the namespace's pools: who creates them again has no new burst.
#[derive(Debug, Default)]
pub(super) struct WriteRate(HashMap<Arc<str>, Time>);

impl WriteRate {
    /// When the next turn of `namespace` comes, or came.
    pub fn next(&self, namespace: &Arc<str>) -> Time {
        let long_ago = Time(i64::MIN);
        self.0.get(namespace).copied().unwrap_or(long_ago)
    }

    /// Takes the next turn of `namespace`. Returns when it comes.
    pub fn take(&mut self, namespaces: &Namespaces, namespace: &Arc<str>, now: Time) -> Time {
        let pause = namespaces.pause(namespace);
        let rested = now + Millis((1 - namespaces.burst(namespace)) * pause.0);
        let at = self.next(namespace).max(rested);
        if self.0.insert(Arc::clone(namespace), at + pause).is_none() {
            self.0.retain(|_, at| *at + REST > now);
        }
        at.max(now)
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
    #[case(1, 20, 250)]
    #[case(100, 100, 150)]
    #[case(1_000, 1_000, 50)]
    fn after_a_burst_a_namespace_has_its_rate(
        #[case] pools: i64,
        #[case] burst: usize,
        #[case] pause: i64,
    ) {
        let (namespaces, namespace) = with(pools);
        let (mut rate, now) = (WriteRate::default(), Time(10_000_000));
        let at_once = (0..burst).filter(|_| rate.take(&namespaces, &namespace, now) == now);
        assert_eq!(at_once.count(), burst);
        for number in 1..=3 {
            let at = now + Millis(number * pause);
            assert_eq!(rate.take(&namespaces, &namespace, now), at);
        }
        let other: Arc<str> = Arc::from("b");
        assert_eq!(rate.take(&namespaces, &other, now), now);
    }

    #[test]
    fn turns_that_were_not_used_come_back_up_to_a_burst() {
        let (namespaces, namespace) = with(1);
        let (mut rate, now) = (WriteRate::default(), Time(10_000_000));
        let mut take = |now: Time| rate.take(&namespaces, &namespace, now);
        for _ in 0..20 {
            take(now);
        }
        let later = now + Millis(625);
        let turns = [(); 3].map(|()| take(later));
        assert_eq!(turns, [later, later, now + Millis(750)]);
        let rested = now + Millis::seconds(3_600);
        let at_once = (0..30).filter(|_| take(rested) == rested);
        assert_eq!(at_once.count(), 20);
        rate.reset();
        let earlier = Time(0);
        assert_eq!(rate.take(&namespaces, &namespace, earlier), earlier);
    }

    #[test]
    fn a_namespace_is_forgotten_once_it_has_its_burst_again() {
        let (mut namespaces, namespace) = with(1_000);
        let (mut rate, now) = (WriteRate::default(), Time(10_000_000));
        for _ in 0..1_000 {
            rate.take(&namespaces, &namespace, now);
        }
        (0..1_000).for_each(|_| namespaces.remove_pool(&namespace));
        let again = rate.take(&namespaces, &namespace, now + Millis(1));
        assert!(again > now, "its pools are new, its burst is not");
        let later = now + REST + REST;
        rate.take(&namespaces, &Arc::from("b"), later);
        assert_eq!(rate.0.len(), 1);
    }
}
