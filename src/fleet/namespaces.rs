//! How many pools each namespace has, and how often it may write because of that.

use std::collections::HashMap;
use std::sync::Arc;

/// Writes per second of a namespace: one in 5 s for each pool, within these bounds.
const RATE: std::ops::RangeInclusive<i64> = 10..=50;
const SECONDS_OF_EACH: i64 = 5;

/// The number of pools by namespace.
#[derive(Debug, Default)]
pub(super) struct Namespaces(HashMap<Arc<str>, i64>);

impl Namespaces {
    /// One more pool of `namespace`.
    pub fn add_pool(&mut self, namespace: &Arc<str>) {
        *self.0.entry(Arc::clone(namespace)).or_default() += 1;
    }

    /// One pool less. Returns whether it was the last.
    pub fn remove_pool(&mut self, namespace: &Arc<str>) -> bool {
        let left = self.pools(namespace) - 1;
        if left > 0 {
            self.0.insert(Arc::clone(namespace), left);
        } else {
            self.0.remove(namespace);
        }
        left <= 0
    }

    /// Its number of pools.
    pub fn pools(&self, namespace: &Arc<str>) -> i64 {
        self.0.get(namespace).copied().unwrap_or_default()
    }

    /// How many writes per second it may have.
    pub fn rate(&self, namespace: &Arc<str>) -> i64 {
        let of_pools = self.pools(namespace) / SECONDS_OF_EACH;
        of_pools.clamp(*RATE.start(), *RATE.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_a_rate_by_its_pools_and_is_forgotten_with_the_last() {
        let (mut namespaces, namespace) = (Namespaces::default(), Arc::from("a"));
        let mut rate_with = |pools: i64| {
            while namespaces.pools(&namespace) < pools {
                namespaces.add_pool(&namespace);
            }
            namespaces.rate(&namespace)
        };
        assert_eq!([1, 50, 100, 1_000].map(&mut rate_with), [10, 10, 20, 50]);
        let last = (0..1_000).map(|_| namespaces.remove_pool(&namespace));
        assert_eq!(last.filter(|last| *last).count(), 1);
        assert!(namespaces.0.is_empty());
    }
}
