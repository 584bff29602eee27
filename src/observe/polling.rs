//! When to look at which pool next: at its interval on common ticks, or at once when Redis tells of a change.

use api::Key;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Looks by interval fall on multiples of this, so that many pools share one pipeline.
const TICK: Duration = Duration::from_millis(50);
/// After a look that a push asked for, the next push is answered no sooner: a storm costs one read per this time.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// The due times of all pools of one endpoint.
#[derive(Debug)]
pub(super) struct PollSchedule {
    start: Instant,
    due: BTreeSet<(Instant, Key)>,
    pools: HashMap<Key, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    interval: Duration,
    due: Instant,
    looked: Option<Instant>,
    woken: Option<Instant>,
}

impl PollSchedule {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            due: BTreeSet::new(),
            pools: HashMap::new(),
        }
    }

    /// A pool to look at, at once and from then on every `interval`.
    pub(super) fn add(&mut self, pool: Key, interval: Duration, now: Instant) {
        self.remove(&pool);
        self.due.insert((now, pool.clone()));
        self.pools.insert(
            pool,
            Entry {
                interval,
                due: now,
                looked: None,
                woken: None,
            },
        );
    }

    pub(super) fn remove(&mut self, pool: &Key) {
        if let Some(entry) = self.pools.remove(pool) {
            self.due.remove(&(entry.due, pool.clone()));
        }
    }

    /// Redis told of a change.
    pub(super) fn wake(&mut self, pool: &Key, now: Instant) {
        let Some(entry) = self.pools.get_mut(pool) else {
            return;
        };
        entry.woken.get_or_insert(now);
        let soonest = entry
            .looked
            .map_or(now, |looked| (looked + MIN_INTERVAL).max(now));
        self.sooner(pool, soonest);
    }

    /// Somebody wants a fresh look.
    pub(super) fn sooner(&mut self, pool: &Key, at: Instant) {
        let Some(entry) = self.pools.get_mut(pool) else {
            return;
        };
        if at < entry.due {
            self.due.remove(&(entry.due, pool.clone()));
            entry.due = at;
            self.due.insert((at, pool.clone()));
        }
    }

    /// All pools at once: after a reconnection nothing that was known is sure.
    pub(super) fn everything(&mut self, now: Instant) {
        let pools: Vec<Key> = self.pools.keys().cloned().collect();
        for pool in &pools {
            self.sooner(pool, now);
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The pools that are due, each with when it was woken; their next look is set.
    pub(super) fn take_due(&mut self, now: Instant, most: usize) -> Vec<(Key, Option<Instant>)> {
        let mut taken = Vec::new();
        while taken.len() < most && self.due.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, pool)) = self.due.pop_first() else {
                break;
            };
            let Some(entry) = self.pools.get_mut(&pool) else {
                continue;
            };
            let woken = entry.woken.take();
            entry.looked = Some(now);
            entry.due = tick_after(self.start, now, entry.interval);
            self.due.insert((entry.due, pool.clone()));
            taken.push((pool, woken));
        }
        taken
    }
}

/// The first tick at or after `now + interval`.
fn tick_after(start: Instant, now: Instant, interval: Duration) -> Instant {
    let tick = TICK.as_nanos();
    let ticks = (now + interval)
        .duration_since(start)
        .as_nanos()
        .div_ceil(tick);
    start + Duration::from_nanos(u64::try_from(ticks * tick).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(due: &[(Key, Option<Instant>)]) -> Vec<&str> {
        due.iter().map(|(pool, _)| &*pool.name).collect()
    }

    #[test]
    fn looks_at_once_then_at_the_interval_on_a_common_tick() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = PollSchedule::new(start);
        pace.add(Key::new("n", "a"), Duration::from_secs(2), at(3));
        pace.add(Key::new("n", "b"), Duration::from_secs(2), at(20));
        assert_eq!(names(&pace.take_due(at(20), 9)), ["a", "b"]);
        assert_eq!(pace.next(), Some(at(2050)), "both on the same tick");
        assert!(pace.take_due(at(2049), 9).is_empty());
        assert_eq!(names(&pace.take_due(at(2050), 9)), ["a", "b"]);
    }

    #[test]
    fn a_push_is_answered_at_once_and_a_storm_every_ten_milliseconds() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (mut pace, pool) = (PollSchedule::new(start), Key::new("n", "a"));
        pace.add(pool.clone(), Duration::from_secs(2), start);
        pace.take_due(start, 9);
        pace.wake(&pool, at(500));
        assert_eq!(pace.take_due(at(500), 9), [(pool.clone(), Some(at(500)))]);
        pace.wake(&pool, at(501));
        pace.wake(&pool, at(505));
        assert_eq!(pace.next(), Some(at(510)));
        assert_eq!(
            pace.take_due(at(510), 9),
            [(pool, Some(at(501)))],
            "the first push of the storm counts"
        );
    }

    #[test]
    fn a_pool_that_is_gone_is_not_looked_at() {
        let (start, pool) = (Instant::now(), Key::new("n", "a"));
        let mut pace = PollSchedule::new(start);
        pace.add(pool.clone(), Duration::from_secs(2), start);
        pace.remove(&pool);
        pace.wake(&pool, start);
        assert!(pace.next().is_none() && pace.take_due(start, 9).is_empty());
    }
}
