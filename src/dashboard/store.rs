//! Where the fleet leaves what it saw, and what has changed since viewers were last told. It costs one lock and a
//! comparison a look; without viewers nothing is gathered or encoded.

use crate::dashboard::history::{History, Row, SPAN, UNKNOWN, UNSUPPORTED};
use api::Key;
use decide::{Metric, Millis, QueueMetrics, ReasonCode, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// What the traces of all pools may take together; with very many pools each remembers less than an hour.
const BUDGET: usize = 12 << 20;
/// What one may take: an hour in which everything changes every second.
const LIMIT: usize = 32 << 10;

/// One look, as the charts show it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The facts.
    pub load: QueueMetrics,
    /// Pods of the target.
    pub replicas: Option<i32>,
    /// Workers wanted.
    pub desired: Option<i32>,
    /// Whether the conditions of `scaleDown` hold.
    pub idle: bool,
    /// The reason of the present decision.
    pub reason: Option<ReasonCode>,
    /// How long this stays true without another look.
    pub patience: Millis,
}

/// The facts and changes of all pools. The fleet writes; the pages' streams read.
#[derive(Debug)]
pub struct DashboardStore {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug)]
struct Inner {
    pools: HashMap<Key, Entry>,
    ids: u32,
    /// The fleet's time, and when it was told.
    clock: (i64, Instant),
    watched: bool,
    news: Changes,
}

#[derive(Debug, Default)]
struct Entry {
    id: u32,
    trace: History,
    /// The row that the viewers have.
    told: Option<Row>,
}

/// What viewers have not been told yet.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// A decision is among them.
    pub urgent: bool,
    /// Pools with something new to say, by number.
    pub touched: BTreeMap<u32, Key>,
    /// Pools with other facts.
    pub facts: BTreeMap<u32, Row>,
    /// Pools that were looked at and had the same facts.
    pub same: BTreeSet<u32>,
    /// Pools that are gone.
    pub gone: BTreeSet<u32>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.touched.is_empty()
            && self.facts.is_empty()
            && self.same.is_empty()
            && self.gone.is_empty()
    }
}

/// One pool as the board has it.
#[derive(Debug)]
pub(super) struct PoolSeries {
    /// Its number in all messages.
    pub id: u32,
    /// The newest look.
    pub latest: Option<(i64, Row)>,
    /// The changes, the oldest first.
    pub trace: Vec<(i64, Row)>,
}

impl Default for DashboardStore {
    fn default() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let clock = (i64::try_from(wall).unwrap_or_default(), Instant::now());
        let (pools, take_changes) = (HashMap::new(), Changes::default());
        Self {
            inner: Mutex::new(Inner {
                pools,
                ids: 0,
                clock,
                watched: false,
                news: take_changes,
            }),
            changed: Notify::new(),
        }
    }
}

/// For the fleet.
impl DashboardStore {
    /// A pool was looked at.
    pub fn record(&self, key: &Key, sample: &Sample, now: Time) {
        let mut inner = self.lock();
        inner.clock = (now.0, Instant::now());
        let limit = (BUDGET / inner.pools.len().max(1)).min(LIMIT);
        let entry = inner.entry(key);
        let row = sample.row(now.0);
        entry.trace.push(now.0, row, sample.patience.0);
        entry.trace.trim(now.0, limit);
        let (id, same) = (entry.id, entry.told == Some(row));
        if !inner.watched {
            return;
        }
        let first = inner.news.is_empty();
        if same {
            inner.news.same.insert(id);
        } else {
            inner.entry(key).told = Some(row);
            inner.news.facts.insert(id, row);
        }
        drop(inner);
        // Who was told and has not come yet need not be told again.
        if first {
            self.changed.notify_one();
        }
    }

    /// A pool may have something new to say; a decision is `urgent` and waits for nothing.
    pub fn touch(&self, key: &Key, urgent: bool, now: Time) {
        let mut inner = self.lock();
        inner.clock = (now.0, Instant::now());
        let id = inner.entry(key).id;
        if inner.watched {
            let first = inner.news.is_empty();
            inner.news.touched.insert(id, key.clone());
            inner.news.urgent |= urgent;
            drop(inner);
            if first || urgent {
                self.changed.notify_one();
            }
        }
    }

    /// A pool is gone.
    pub fn remove(&self, key: &Key) {
        let mut inner = self.lock();
        if let Some(Entry { id, .. }) = inner.pools.remove(key)
            && inner.watched
        {
            inner.news.touched.remove(&id);
            inner.news.gone.insert(id);
            drop(inner);
            self.changed.notify_one();
        }
    }
}

/// For the streams.
impl DashboardStore {
    /// Gather news from now on, or no more.
    pub(super) fn watch(&self, watched: bool) {
        let mut inner = self.lock();
        if inner.watched != watched {
            inner.watched = watched;
            inner.news = Changes::default();
        }
    }

    /// Ends when there are news.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether the news hold a decision.
    pub(super) fn urgent(&self) -> bool {
        self.lock().news.urgent
    }

    /// The news since the last call.
    pub(super) fn news(&self) -> Changes {
        std::mem::take(&mut self.lock().news)
    }

    /// The fleet's time, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let (told, since) = self.lock().clock;
        told + i64::try_from(since.elapsed().as_millis()).unwrap_or_default()
    }

    /// A pool's number in all messages.
    pub(super) fn id(&self, key: &Key) -> Option<u32> {
        self.lock().pools.get(key).map(|entry| entry.id)
    }

    /// What is known of a pool, with its changes since `span` milliseconds ago.
    pub(super) fn series(&self, key: &Key, span: i64) -> Option<PoolSeries> {
        let now = self.now();
        let inner = self.lock();
        let Entry { id, trace, .. } = inner.pools.get(key)?;
        Some(PoolSeries {
            id: *id,
            latest: trace.latest(),
            trace: trace.since(now - span.min(SPAN)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn entry(&mut self, key: &Key) -> &mut Entry {
        if !self.pools.contains_key(key) {
            self.ids += 1;
            self.pools.insert(
                key.clone(),
                Entry {
                    id: self.ids,
                    ..Entry::default()
                },
            );
        }
        self.pools.entry(key.clone()).or_default()
    }
}

impl Sample {
    fn row(&self, now: i64) -> Row {
        let number = |n: i64| i32::try_from(n.max(0)).unwrap_or(i32::MAX);
        let cell = |fact: Metric, shown: &dyn Fn(i64) -> i64| match fact {
            Metric::Known(n) => number(shown(n)),
            Metric::Unavailable => UNKNOWN,
            Metric::Unsupported => UNSUPPORTED,
        };
        let QueueMetrics {
            ready,
            in_flight,
            live,
            busy,
            cpu_sum,
            oldest_at,
            ..
        } = self.load;
        let cpu = cpu_sum.join(live, |sum, live| sum.checked_div(live).unwrap_or(-1));
        // Nobody works, so nobody uses a CPU: that is not 0 %.
        let cpu = if live == Metric::Known(0) {
            UNSUPPORTED
        } else {
            cell(cpu, &|n| n)
        };
        // An empty queue has no oldest task: nothing waits.
        let wait = match oldest_at {
            Metric::Unsupported if ready == Metric::Known(0) => 0,
            fact => cell(fact, &|at| (now - at) / 1000),
        };
        [
            cell(ready, &|n| n),
            cell(in_flight, &|n| n),
            cell(live, &|n| n),
            cell(busy, &|n| n),
            cpu,
            wait,
            self.replicas.unwrap_or(UNKNOWN),
            self.desired.unwrap_or(UNKNOWN),
            i32::from(self.idle),
            self.reason.map_or(UNKNOWN, |reason| reason as i32),
        ]
    }
}
