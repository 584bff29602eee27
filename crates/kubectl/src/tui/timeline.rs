//! What has been seen of one pool: each moment whole, so that the screen can go back to it.

use crate::cluster::events::Update;
use crate::cluster::operator_history::HistoryPoint;
use crate::cluster::queue_summary::QueueSummary;
use api::{Change, DecisionStatus, MemoryStatus, WorkerPool, WorkerPoolStatus, time, timestamp};
use decide::Millis;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// How far back it goes.
const SPAN: Millis = Millis::seconds(3600);
/// A moment says nothing of what comes later than this after its last look: looks come each second, or fail after 8 s.
const GAP: Millis = Millis::seconds(10);
/// How many workers are kept over all moments: with a thousand of them only the last minute has them by name.
const WORKERS: usize = 60_000;
/// How many changes are kept.
const CHANGES: usize = 500;

/// What was known at one time.
#[derive(Clone, Debug)]
pub struct Moment {
    /// From when on.
    pub at: Timestamp,
    /// The last look that found the same.
    looked: Timestamp,
    /// The queue, where it could be read.
    pub facts: Option<Arc<QueueSummary>>,
    /// Why not.
    pub blind: Option<Arc<str>>,
    /// `spec.replicas` of the target.
    pub replicas: Option<i32>,
    /// The pool; of its status without what is kept elsewhere.
    pub pool: Arc<WorkerPool>,
}

/// The moments of the last hour, the oldest first, and the changes of the number.
#[derive(Clone, Debug)]
pub struct Timeline {
    moments: VecDeque<Moment>,
    changes: Vec<Change>,
    workers: usize,
    /// Moments before this one have no workers by name any more.
    named: usize,
    /// The operator was asked.
    remembered: bool,
    /// From when on it was seen here, and not remembered by the operator.
    opened: Timestamp,
}

/// What a chart shows in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// The longest that the queue was.
    pub ready: Option<u64>,
    /// Workers that take tasks, at the end of the column.
    pub live: Option<u64>,
    /// Those of them that hold one.
    pub busy: Option<u64>,
    /// Workers wanted.
    pub wanted: Option<i32>,
    /// Somebody looked, and could not read it.
    pub blind: bool,
}

impl Timeline {
    /// Begins with the pool as it is.
    #[must_use]
    pub fn new(pool: &WorkerPool, now: Timestamp) -> Self {
        let mut past = Self {
            moments: VecDeque::new(),
            changes: Vec::new(),
            workers: 0,
            named: 0,
            remembered: false,
            opened: now,
        };
        past.learn(pool);
        let pool = Arc::new(bare(pool));
        past.moments.push_back(Moment {
            at: now,
            looked: now,
            facts: None,
            blind: None,
            replicas: None,
            pool,
        });
        past
    }

    /// Takes in one piece of news.
    pub fn apply(&mut self, news: Update, now: Timestamp) {
        let Some(last) = self.moments.back() else {
            return;
        };
        let mut next = Moment {
            at: now,
            ..last.clone()
        };
        match news {
            Update::Pool(pool) => {
                self.learn(&pool);
                next.pool = Arc::new(bare(&pool));
            }
            Update::Replicas(replicas) => next.replicas = Some(replicas),
            Update::Metrics(facts) => {
                (next.looked, next.blind) = (now, None);
                next.facts = Some(Arc::new(facts));
            }
            Update::Unreachable(why) => {
                (next.looked, next.facts, next.blind) = (now, None, Some(why.into()))
            }
            Update::Warning(_) | Update::Burst(_) => return,
        }
        self.workers += count(&next);
        self.moments.push_back(next);
        self.forget(now);
    }

    /// Puts what the operator remembers before what was seen here.
    pub fn remember(&mut self, looks: Vec<HistoryPoint>) {
        self.remembered = true;
        let Some(first) = self.moments.front() else {
            return;
        };
        let (begin, pool) = (first.at, first.pool.clone());
        let mut before: Vec<Moment> = Vec::new();
        for look in looks.into_iter().filter(|look| look.at < begin) {
            let same = before
                .last()
                .filter(|last| last.says(&look))
                .map(|last| last.pool.clone());
            let pool = same.unwrap_or_else(|| Arc::new(self.as_of(&look, &pool)));
            let blind = look
                .summary
                .is_none()
                .then(|| "it could not be read".into());
            let (at, looked, facts) = (look.at, look.until.min(begin), look.summary.map(Arc::new));
            before.push(Moment {
                at,
                looked,
                facts,
                blind,
                replicas: look.desired,
                pool,
            });
        }
        self.named += before.len();
        before
            .into_iter()
            .rev()
            .for_each(|moment| self.moments.push_front(moment));
    }

    /// The pool with the status that it had then, as far as it is known.
    fn as_of(&self, look: &HistoryPoint, pool: &WorkerPool) -> WorkerPool {
        // A decision and its write are no more than this apart.
        let reach = timestamp(time(look.at) + Millis::seconds(1));
        let change = self.changes(reach).last();
        let decided = |to| {
            let reason = look
                .reason
                .map_or("?", decide::ReasonCode::as_str)
                .to_owned();
            let change = change.filter(|change| change.to == to && change.reason == reason);
            let (at, from) = change.map_or((look.at, to), |change| (change.at, change.from));
            let sentence = change.map_or_else(|| reason.clone(), |change| change.message.clone());
            let (confidence, trail, next) = (1.0, Vec::new(), None);
            DecisionStatus {
                reason,
                message: sentence,
                confidence,
                at,
                from,
                to,
                steps: trail,
                next,
            }
        };
        let status = WorkerPoolStatus {
            observed_generation: pool.metadata.generation,
            replicas: look.replicas,
            desired_replicas: look.desired,
            decision: look.desired.map(decided),
            internal: Some(MemoryStatus {
                idle_since: look.idle.then_some(look.at),
                ..MemoryStatus::default()
            }),
            ..WorkerPoolStatus::default()
        };
        WorkerPool {
            status: Some(status),
            ..pool.clone()
        }
    }

    /// Whether the operator was asked what it remembers.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.remembered
    }

    /// The newest moment.
    #[must_use]
    pub fn last(&self) -> Option<&Moment> {
        self.moments.back()
    }

    /// What was known at `at`.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<&Moment> {
        self.moments.get(
            self.moments
                .partition_point(|moment| moment.at <= at)
                .checked_sub(1)?,
        )
    }

    /// All moments, the oldest first.
    pub fn moments(&self) -> impl Iterator<Item = &Moment> {
        self.moments.iter()
    }

    /// From when on all of it was seen here.
    #[must_use]
    pub fn opened(&self) -> Timestamp {
        self.opened
    }

    /// When it begins.
    #[must_use]
    pub fn begin(&self) -> Option<Timestamp> {
        self.moments.front().map(|moment| moment.at)
    }

    /// The changes of the number up to `at`, the oldest first.
    #[must_use]
    pub fn changes(&self, at: Timestamp) -> &[Change] {
        &self.changes[..self.changes.partition_point(|change| change.at <= at)]
    }

    /// The `n` columns of a chart from `from` to `to`.
    #[must_use]
    pub fn columns(&self, from: Timestamp, to: Timestamp, n: usize, now: Timestamp) -> Vec<Column> {
        let (from, to, now) = (time(from).0, time(to).0, time(now).0);
        let edge = |i: usize| {
            from + (to - from) * i64::try_from(i).unwrap_or(0)
                / i64::try_from(n.max(1)).unwrap_or(1)
        };
        let all = |i: usize| {
            let (start, end) = (edge(i), edge(i + 1));
            let mut column = Column {
                wanted: self.wanted(end - 1),
                ..Column::default()
            };
            if start > now {
                return Column::default();
            }
            let first = self
                .moments
                .partition_point(|moment| time(moment.at).0 <= start)
                .saturating_sub(1);
            let shown = self
                .moments
                .iter()
                .skip(first)
                .take_while(|moment| time(moment.at).0 < end);
            for moment in shown.filter(|moment| time(moment.looked).0 + GAP.0 > start) {
                match &moment.facts {
                    Some(facts) => {
                        column.ready = column.ready.max(Some(facts.ready));
                        (column.live, column.busy) = (facts.live, facts.busy);
                    }
                    None => column.blind |= moment.blind.is_some(),
                }
            }
            let begun = self.begin().is_some_and(|begin| time(begin).0 < start);
            column.blind |= begun && column.ready.is_none();
            column
        };
        (0..n).map(all).collect()
    }

    /// The number wanted at `at`: as the target had it, or before anybody looked as the changes tell.
    fn wanted(&self, at: i64) -> Option<i32> {
        let next = self
            .moments
            .partition_point(|moment| time(moment.at).0 <= at);
        if let Some(replicas) = next.checked_sub(1).and_then(|i| self.moments[i].replicas) {
            return Some(replicas);
        }
        let next = self
            .changes
            .partition_point(|change| time(change.at).0 <= at);
        match (
            next.checked_sub(1).map(|i| &self.changes[i]),
            self.changes.get(next),
        ) {
            (Some(before), _) => Some(before.to),
            (None, after) => after.map(|change| change.from),
        }
    }

    /// The status keeps the last 50 changes; here they stay.
    fn learn(&mut self, pool: &WorkerPool) {
        let Some(status) = &pool.status else { return };
        let newest = self.changes.last().map(|change| change.at);
        let fresh = status
            .history
            .iter()
            .filter(|change| newest.is_none_or(|newest| change.at > newest));
        self.changes.extend(fresh.cloned());
        self.changes
            .drain(..self.changes.len().saturating_sub(CHANGES));
    }

    fn forget(&mut self, now: Timestamp) {
        let old = |moment: &Moment| time(moment.at) + SPAN < time(now);
        while self.moments.get(1).is_some_and(old) {
            if let Some(gone) = self.moments.pop_front() {
                self.workers -= count(&gone);
                self.named = self.named.saturating_sub(1);
            }
        }
        while self.workers > WORKERS && self.named + 1 < self.moments.len() {
            let moment = &mut self.moments[self.named];
            self.workers -= count(moment);
            if let Some(facts) = &mut moment.facts {
                Arc::make_mut(facts).workers = Vec::new();
            }
            self.named += 1;
        }
    }
}

impl Moment {
    /// The facts, if at `at` they are still true.
    #[must_use]
    pub fn facts(&self, at: Timestamp) -> Option<&QueueSummary> {
        self.facts
            .as_deref()
            .filter(|_| time(self.looked) + GAP > time(at))
    }

    /// Whether its status, as one that was remembered, would be that of `look`.
    fn says(&self, look: &HistoryPoint) -> bool {
        let status = self.status();
        let decision = status.and_then(|status| status.decision.as_ref());
        let idle = status
            .and_then(|status| status.internal.as_ref())
            .is_some_and(|memory| memory.idle_since.is_some());
        status.and_then(|status| status.replicas) == look.replicas
            && decision.map(|decision| (&*decision.reason, decision.to))
                == look
                    .desired
                    .map(|to| (look.reason.map_or("?", decide::ReasonCode::as_str), to))
            && idle == look.idle
    }

    /// When somebody last looked.
    #[must_use]
    pub fn looked(&self) -> Timestamp {
        self.looked
    }

    /// The pool's status.
    #[must_use]
    pub fn status(&self) -> Option<&WorkerPoolStatus> {
        self.pool.status.as_ref()
    }
}

fn count(moment: &Moment) -> usize {
    moment.facts.as_ref().map_or(0, |facts| facts.workers.len())
}

/// Without the past, the facts and the names of who wrote what: kept once, or read here anew.
fn bare(pool: &WorkerPool) -> WorkerPool {
    let mut pool = pool.clone();
    pool.metadata.managed_fields = None;
    if let Some(status) = &mut pool.status {
        (status.history, status.conditions, status.metrics) = (Vec::new(), Vec::new(), None);
    }
    pool
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::narrator::tests::{at, pool};
    use protocol::snapshot::Worker;

    #[test]
    fn what_nobody_saw_is_a_gap_and_never_zero() {
        let mut past = Timeline::new(&pool(), at(0));
        past.apply(Update::Replicas(3), at(0));
        past.apply(Update::Metrics(QueueSummary::of_counts(7, 3, 3)), at(1));
        past.apply(Update::Unreachable("Redis is gone".into()), at(4));
        past.apply(Update::Metrics(QueueSummary::of_counts(0, 0, 3)), at(6));
        // Then nobody looks for a while: what was seen is true for 10 s.
        let columns = past.columns(at(-2), at(20), 11, at(20));
        let seen: Vec<_> = columns
            .iter()
            .map(|column| (column.ready, column.blind))
            .collect();
        let (none, blind) = ((None, false), (None, true));
        let (seven, zero) = ((Some(7), false), (Some(0), false));
        assert_eq!(
            seen,
            [
                none, seven, seven, blind, zero, zero, zero, zero, zero, blind, blind
            ]
        );
        assert_eq!(
            columns[3].wanted,
            Some(3),
            "the target is known all the same"
        );
        assert!(
            past.last().is_some_and(
                |moment| moment.facts(at(15)).is_some() && moment.facts(at(16)).is_none()
            )
        );
    }

    #[test]
    fn a_thousand_workers_are_known_by_name_for_a_while_and_by_number_for_an_hour() {
        let mut past = Timeline::new(&pool(), at(0));
        let workers = vec![(0, Worker::default()); 1000];
        for second in 1..=200 {
            let facts = QueueSummary {
                workers: workers.clone(),
                ..QueueSummary::of_counts(1, 1, 1000)
            };
            past.apply(Update::Metrics(facts), at(second));
        }
        let named = |second| {
            past.at(at(second))
                .and_then(|moment| moment.facts.as_ref())
                .map(|facts| facts.workers.len())
        };
        assert_eq!(
            [named(1), named(140), named(141), named(200)],
            [Some(0), Some(0), Some(1000), Some(1000)]
        );
        assert_eq!(
            past.at(at(1))
                .and_then(|moment| moment.facts.as_ref()?.live),
            Some(1000)
        );
    }

    #[test]
    fn what_the_operator_remembers_comes_before_what_was_seen() {
        let look = |from, to, ready, desired| HistoryPoint {
            at: at(from),
            until: at(to),
            summary: (ready > 0).then(|| QueueSummary::of_counts(ready, 3, 3)),
            desired: Some(desired),
            ..HistoryPoint::default()
        };
        let mut past = Timeline::new(&pool(), at(100));
        past.apply(Update::Metrics(QueueSummary::of_counts(1, 1, 5)), at(101));
        // The last is what is seen here, too.
        past.remember(vec![
            look(20, 40, 9, 3),
            look(40, 50, 0, 3),
            look(50, 98, 4, 5),
            look(100, 102, 1, 5),
        ]);
        let columns = past.columns(at(0), at(120), 12, at(110));
        let seen: Vec<_> = columns.iter().map(|column| column.ready).collect();
        assert_eq!(seen[..6], [None, None, Some(9), Some(9), None, Some(4)]);
        assert_eq!(
            (seen[9], seen[10], past.begin()),
            (Some(4), Some(1), Some(at(20)))
        );
        assert_eq!(
            past.at(at(60))
                .and_then(Moment::status)
                .and_then(|status| status.desired_replicas),
            Some(5)
        );
        assert!(past.at(at(45)).is_some_and(|moment| moment.blind.is_some()));
    }
}
