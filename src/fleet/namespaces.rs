//! How many pools each namespace has, and how often it may write because of that.

use decide::Millis;
use std::collections::HashMap;
use std::sync::Arc;

/// A pool writes as often as a `HorizontalPodAutoscaler` can: once in its sync period, in milliseconds.
const PERIOD_OF_EACH: i64 = 15_000;
/// The pause after each write of a namespace, on average: that of a large one at least, and that of a small one at most.
const PAUSE: std::ops::RangeInclusive<i64> = 50..=250;
/// How many writes a namespace that made none may make at once: one for each pool, and at least so many.
const BURST: i64 = 20;

/// The number of pools by namespace.
#[derive(Debug, Default)]
pub(super) struct Namespaces(HashMap<Arc<str>, i64>);

impl Namespaces {
    /// One more pool of `namespace`.
    pub fn add_pool(&mut self, namespace: &Arc<str>) {
        *self.0.entry(Arc::clone(namespace)).or_default() += 1;
    }

    /// One pool less.
    pub fn remove_pool(&mut self, namespace: &Arc<str>) {
        let left = self.pools(namespace) - 1;
        if left > 0 {
            self.0.insert(Arc::clone(namespace), left);
        } else {
            self.0.remove(namespace);
        }
    }

    fn pools(&self, namespace: &Arc<str>) -> i64 {
        self.0.get(namespace).copied().unwrap_or_default()
    }

    /// How many writes it may make at once, if it made none for long enough.
    pub fn burst(&self, namespace: &Arc<str>) -> i64 {
        BURST.max(self.pools(namespace))
    }

    /// How long after each of its writes the next may follow, on average.
    pub fn pause(&self, namespace: &Arc<str>) -> Millis {
        let of_pools = PERIOD_OF_EACH / self.pools(namespace).max(1);
        Millis(of_pools.clamp(*PAUSE.start(), *PAUSE.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_writes_by_its_pools_and_is_forgotten_with_the_last() {
        let (mut namespaces, namespace) = (Namespaces::default(), Arc::from("a"));
        let mut with = |pools: i64| {
            while namespaces.pools(&namespace) < pools {
                namespaces.add_pool(&namespace);
            }
            (namespaces.burst(&namespace), namespaces.pause(&namespace).0)
        };
        assert_eq!(
            [0, 1, 50, 200, 1_000].map(&mut with),
            [(20, 250), (20, 250), (50, 250), (200, 75), (1_000, 50)]
        );
        (0..1_000).for_each(|_| namespaces.remove_pool(&namespace));
        assert!(namespaces.0.is_empty());
    }
}
