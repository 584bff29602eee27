//! When to poll which pool next: at its interval on common ticks, or at once when Redis notifies of a change.

use api::Key;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// Polls at the interval fall on multiples of this, so that many pools share one pipeline.
const TICK: Duration = Duration::from_millis(50);
/// The minimum time between a poll and the next one that a notification triggers: a burst of notifications costs one
/// read per this time.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// When each pool of one endpoint is polled next.
#[derive(Debug)]
pub(super) struct PollSchedule {
    start: Instant,
    due: BTreeSet<(Instant, Key)>,
    pools: HashMap<Key, Entry>,
}

/// A poll to do now.
#[derive(Debug, PartialEq)]
pub(super) struct DuePoll {
    pub pool: Key,
    /// When Redis first notified of a change since the last poll; `None` for a poll at the interval.
    pub notified_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    interval: Duration,
    due: Instant,
    polled_at: Option<Instant>,
    notified_at: Option<Instant>,
}

impl PollSchedule {
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            due: BTreeSet::new(),
            pools: HashMap::new(),
        }
    }

    /// Schedules a pool at once and from then on every `interval`.
    pub fn add(&mut self, pool: Key, interval: Duration, now: Instant) {
        self.remove(&pool);
        self.due.insert((now, pool.clone()));
        self.pools.insert(
            pool,
            Entry {
                interval,
                due: now,
                polled_at: None,
                notified_at: None,
            },
        );
    }

    pub fn remove(&mut self, pool: &Key) {
        if let Some(entry) = self.pools.remove(pool) {
            self.due.remove(&(entry.due, pool.clone()));
        }
    }

    /// Redis notified of a change.
    pub fn notify(&mut self, pool: &Key, now: Instant) {
        let Some(entry) = self.pools.get_mut(pool) else {
            return;
        };
        entry.notified_at.get_or_insert(now);
        let earliest = entry
            .polled_at
            .map_or(now, |polled_at| (polled_at + MIN_INTERVAL).max(now));
        self.poll_by(pool, earliest);
    }

    /// Schedules the next poll of `pool` no later than `at`.
    pub fn poll_by(&mut self, pool: &Key, at: Instant) {
        let Some(entry) = self.pools.get_mut(pool) else {
            return;
        };
        if at < entry.due {
            self.due.remove(&(entry.due, pool.clone()));
            entry.due = at;
            self.due.insert((at, pool.clone()));
        }
    }

    /// Schedules all pools now: after a reconnection all metrics are uncertain.
    pub fn poll_all(&mut self, now: Instant) {
        let pools: Vec<Key> = self.pools.keys().cloned().collect();
        for pool in &pools {
            self.poll_by(pool, now);
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes at most `limit` polls that are due, and schedules the next poll of each of these pools.
    pub fn take_due(&mut self, now: Instant, limit: usize) -> Vec<DuePoll> {
        let mut polls = Vec::new();
        while polls.len() < limit && self.due.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, pool)) = self.due.pop_first() else {
                break;
            };
            let Some(entry) = self.pools.get_mut(&pool) else {
                continue;
            };
            let notified_at = entry.notified_at.take();
            entry.polled_at = Some(now);
            entry.due = tick_after(self.start, now, entry.interval);
            self.due.insert((entry.due, pool.clone()));
            polls.push(DuePoll { pool, notified_at });
        }
        polls
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

    fn names(polls: &[DuePoll]) -> Vec<&str> {
        polls.iter().map(|poll| &*poll.pool.name).collect()
    }

    #[test]
    fn polls_at_once_then_at_the_interval_on_common_ticks() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut schedule = PollSchedule::new(start);
        schedule.add(Key::new("n", "a"), Duration::from_secs(2), at(3));
        schedule.add(Key::new("n", "b"), Duration::from_secs(2), at(20));
        assert_eq!(names(&schedule.take_due(at(20), 9)), ["a", "b"]);
        assert_eq!(schedule.next(), Some(at(2050)), "both on the same tick");
        assert!(schedule.take_due(at(2049), 9).is_empty());
        assert_eq!(names(&schedule.take_due(at(2050), 9)), ["a", "b"]);
    }

    #[test]
    fn notifications_poll_at_once_but_at_most_every_10_ms() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let pool = Key::new("n", "a");
        let poll = |notified_at| DuePoll {
            pool: pool.clone(),
            notified_at: Some(notified_at),
        };
        let mut schedule = PollSchedule::new(start);
        schedule.add(pool.clone(), Duration::from_secs(2), start);
        schedule.take_due(start, 9);
        schedule.notify(&pool, at(500));
        assert_eq!(schedule.take_due(at(500), 9), [poll(at(500))]);
        schedule.notify(&pool, at(501));
        schedule.notify(&pool, at(505));
        assert_eq!(schedule.next(), Some(at(510)));
        assert_eq!(
            schedule.take_due(at(510), 9),
            [poll(at(501))],
            "the first notification of the burst counts"
        );
    }

    #[test]
    fn removed_pool_is_not_polled() {
        let start = Instant::now();
        let pool = Key::new("n", "a");
        let mut schedule = PollSchedule::new(start);
        schedule.add(pool.clone(), Duration::from_secs(2), start);
        schedule.remove(&pool);
        schedule.notify(&pool, start);
        assert!(schedule.next().is_none() && schedule.take_due(start, 9).is_empty());
    }
}
