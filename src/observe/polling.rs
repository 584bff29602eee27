//! When to poll which pool next: at its interval on common ticks, or at once when Redis notifies of a change.

use api::Key;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Polls at the interval fall on multiples of this, so that many pools share one pipeline.
const TICK: Duration = Duration::from_millis(50);
/// The minimum time between a poll and the next one that a notification triggers: a burst of notifications costs one
/// read per this time.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// The same on average. A queue that changes all the time would otherwise keep the operator busy for no better decision.
const MEAN_INTERVAL: Duration = Duration::from_millis(100);
/// How many notifications in a row trigger a poll at the minimum.
const BURST: u32 = 50;

/// The pause after the second failure of a pool that is read alone, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// When each pool of one endpoint is polled next.
#[derive(Debug)]
pub(super) struct PollSchedule {
    start: Instant,
    due: BTreeSet<(Instant, Key)>,
    pools: HashMap<Key, Entry>,
    /// Pools that were read together and failed: one of them may be the cause.
    suspects: VecDeque<Vec<Key>>,
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
    /// When the next notification would trigger a poll if all had come at the mean interval.
    turn: Option<Instant>,
    /// How often its reads failed although it was read alone. It stays alone until one succeeds.
    failures: u32,
    /// Because of them it is not read before.
    not_before: Option<Instant>,
}

impl PollSchedule {
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            due: BTreeSet::new(),
            pools: HashMap::new(),
            suspects: VecDeque::new(),
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
                turn: None,
                failures: 0,
                not_before: None,
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
        let after_poll = entry.polled_at.map(|polled_at| polled_at + MIN_INTERVAL);
        let in_burst = entry
            .turn
            .and_then(|turn| turn.checked_sub(MEAN_INTERVAL * (BURST - 1)));
        let earliest = [after_poll, in_burst]
            .into_iter()
            .flatten()
            .fold(now, Instant::max);
        self.poll_by(pool, earliest);
    }

    /// Schedules the next poll of `pool` no later than `at`.
    pub fn poll_by(&mut self, pool: &Key, at: Instant) {
        let Some(entry) = self.pools.get_mut(pool) else {
            return;
        };
        let at = entry.not_before.map_or(at, |earliest| at.max(earliest));
        if at < entry.due {
            self.set_due(pool, at);
        }
    }

    fn set_due(&mut self, pool: &Key, at: Instant) {
        if let Some(entry) = self.pools.get_mut(pool) {
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

    /// Takes polls that are due, of at most `limit` by `weight` together unless the first one has more, and schedules the
    /// next poll of each of these pools. A pool that failed alone is taken alone.
    pub fn take_due(
        &mut self,
        now: Instant,
        limit: usize,
        weight: impl Fn(&Key) -> usize,
    ) -> Vec<DuePoll> {
        let mut polls: Vec<DuePoll> = Vec::new();
        let mut total = 0;
        while let Some((due, pool)) = self.due.first().filter(|(due, _)| *due <= now) {
            let is_alone = self.pools.get(pool).is_some_and(|entry| entry.failures > 0);
            total += weight(pool);
            if !polls.is_empty() && (is_alone || total > limit) {
                break;
            }
            let (due, pool) = (*due, pool.clone());
            self.due.remove(&(due, pool.clone()));
            polls.extend(self.take(pool, now));
            if is_alone {
                break;
            }
        }
        polls
    }

    /// The poll of `pool`, whose next one is scheduled.
    fn take(&mut self, pool: Key, now: Instant) -> Option<DuePoll> {
        let entry = self.pools.get_mut(&pool)?;
        let notified_at = entry.notified_at.take();
        if notified_at.is_some() {
            entry.turn = Some(entry.turn.map_or(now, |turn| turn.max(now)) + MEAN_INTERVAL);
        }
        entry.polled_at = Some(now);
        let next = tick_after(self.start, now, entry.interval);
        self.set_due(&pool, next);
        Some(DuePoll { pool, notified_at })
    }

    /// Whether pools are suspected: they are read first, so that the others are soon known to be innocent.
    pub fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Takes the polls of some suspects.
    pub fn take_suspects(&mut self, now: Instant) -> Option<Vec<DuePoll>> {
        let pools = self.suspects.pop_front()?;
        let polls: Vec<DuePoll> = pools
            .into_iter()
            .filter_map(|pool| self.take(pool, now))
            .collect();
        (!polls.is_empty()).then_some(polls)
    }

    /// One of these polls may be why reading them together took too long or too much: each half is tried. One alone is
    /// tried again after growing pauses.
    pub fn suspect(&mut self, polls: &[DuePoll], now: Instant) {
        if let [poll] = polls {
            let Some(entry) = self.pools.get_mut(&poll.pool) else {
                return;
            };
            let pause =
                (FIRST_PAUSE * entry.failures.min(1) * 2u32.saturating_pow(entry.failures.min(10)))
                    .min(MAX_PAUSE);
            entry.failures += 1;
            entry.not_before = Some(now + pause);
            if entry.due < now + pause {
                self.set_due(&poll.pool, now + pause);
            }
            return;
        }
        let (first, second) = polls.split_at(polls.len() / 2);
        for half in [first, second].into_iter().filter(|half| !half.is_empty()) {
            let pools = half.iter().map(|poll| poll.pool.clone());
            self.suspects.push_back(pools.collect());
        }
    }

    /// These polls succeeded.
    pub fn clear(&mut self, polls: &[DuePoll]) {
        for poll in polls {
            if let Some(entry) = self.pools.get_mut(&poll.pool) {
                entry.failures = 0;
                entry.not_before = None;
            }
        }
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

    fn take(schedule: &mut PollSchedule, now: Instant) -> Vec<DuePoll> {
        schedule.take_due(now, 9, |_| 1)
    }

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
        assert_eq!(names(&take(&mut schedule, at(20))), ["a", "b"]);
        assert_eq!(schedule.next(), Some(at(2050)), "both on the same tick");
        assert!(take(&mut schedule, at(2049)).is_empty());
        assert_eq!(names(&take(&mut schedule, at(2050))), ["a", "b"]);
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
        take(&mut schedule, start);
        schedule.notify(&pool, at(500));
        assert_eq!(take(&mut schedule, at(500)), [poll(at(500))]);
        schedule.notify(&pool, at(501));
        schedule.notify(&pool, at(505));
        assert_eq!(schedule.next(), Some(at(510)));
        assert_eq!(
            take(&mut schedule, at(510)),
            [poll(at(501))],
            "the first notification of the burst counts"
        );
    }

    #[test]
    fn notifications_without_an_end_poll_every_100_ms() {
        let start = Instant::now();
        let pool = Key::new("n", "a");
        let mut schedule = PollSchedule::new(start);
        schedule.add(pool.clone(), Duration::from_mins(1), start);
        take(&mut schedule, start);
        let mut polls_of_second = |second: u64| {
            let at = |ms| start + Duration::from_millis(1000 * second + ms);
            let poll = |ms| {
                schedule.notify(&pool, at(ms));
                take(&mut schedule, at(ms)).len()
            };
            (0..1000).map(poll).sum::<usize>()
        };
        assert_eq!(polls_of_second(1), 59, "a burst, then some");
        assert_eq!(polls_of_second(2), 10);
        assert_eq!(polls_of_second(8), 59, "after a rest");
    }

    #[test]
    fn removed_pool_is_not_polled() {
        let start = Instant::now();
        let pool = Key::new("n", "a");
        let mut schedule = PollSchedule::new(start);
        schedule.add(pool.clone(), Duration::from_secs(2), start);
        schedule.remove(&pool);
        schedule.notify(&pool, start);
        assert!(schedule.next().is_none() && take(&mut schedule, start).is_empty());
    }

    #[test]
    fn one_slow_pool_of_500_is_found_and_read_alone() {
        let now = Instant::now();
        let mut schedule = PollSchedule::new(now);
        for number in 0..500 {
            let name = format!("pool-{number:03}");
            schedule.add(Key::new("n", &name), Duration::from_secs(2), now);
        }
        let is_slow = |poll: &DuePoll| &*poll.pool.name == "pool-321";
        let mut failures = 0;
        let mut read = std::collections::HashSet::new();
        let mut due = schedule.take_due(now, 500, |_| 1);
        assert_eq!(due.len(), 500);
        loop {
            if due.iter().any(is_slow) {
                failures += 1;
                schedule.suspect(&due, now);
            } else {
                schedule.clear(&due);
                read.extend(due.into_iter().map(|poll| poll.pool));
            }
            let Some(next) = schedule.take_suspects(now) else {
                break;
            };
            due = next;
        }
        assert_eq!((failures, read.len()), (10, 499));
        let later = now + Duration::from_secs(4);
        let mut batches: Vec<usize> = vec![];
        while let polls @ [_, ..] = &*schedule.take_due(later, 500, |_| 1) {
            batches.push(polls.len());
            assert!(
                polls.len() == 1 || !polls.iter().any(is_slow),
                "it is alone"
            );
        }
        batches.sort_unstable();
        assert_eq!(batches.iter().sum::<usize>(), 500);
        assert_eq!(batches.first(), Some(&1));
    }

    #[test]
    fn a_pool_that_fails_alone_waits_longer_each_time_until_it_succeeds() {
        let mut now = Instant::now();
        let mut schedule = PollSchedule::new(now);
        let pool = Key::new("n", "a");
        schedule.add(pool.clone(), Duration::from_millis(100), now);
        let mut pauses = vec![];
        for _ in 0..9 {
            let due = take(&mut schedule, now);
            schedule.suspect(&due, now);
            schedule.notify(&pool, now);
            let next = schedule.next().expect("a poll");
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        let due = take(&mut schedule, now);
        schedule.clear(&due);
        schedule.notify(&pool, now);
        assert_eq!(schedule.next(), Some(now + MIN_INTERVAL));
    }

    #[test]
    fn a_batch_is_limited_by_its_queues() {
        let now = Instant::now();
        let mut schedule = PollSchedule::new(now);
        for name in ["a", "b", "c"] {
            schedule.add(Key::new("n", name), Duration::from_secs(2), now);
        }
        assert_eq!(names(&schedule.take_due(now, 64, |_| 32)), ["a", "b"]);
        assert_eq!(
            names(&schedule.take_due(now, 10, |_| 32)),
            ["c"],
            "one at least"
        );
    }
}
