//! The metrics of all pools for the dashboard, and what has changed since the last message to the viewers. A sample
//! costs one lock and one comparison; without viewers no changes are collected and nothing is encoded.

use crate::dashboard::history::{History, Row, SPAN, UNKNOWN, UNSUPPORTED};
use api::Key;
use decide::{Metric, Millis, QueueMetrics, ReasonCode, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// The most bytes for the histories of all pools; with very many pools each one covers less than an hour.
const TOTAL_BYTES: usize = 12 << 20;
/// The most bytes for one history: an hour in which everything changes every second.
const POOL_BYTES: usize = 32 << 10;

/// The result of one poll, as the charts show it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The metrics of all queues together.
    pub load: QueueMetrics,
    /// `status.replicas` of the target.
    pub replicas: Option<i32>,
    /// `spec.replicas` of the target.
    pub desired: Option<i32>,
    /// Whether the conditions of `scaleDown` are met.
    pub idle: bool,
    /// The reason of the current decision.
    pub reason: Option<ReasonCode>,
    /// How long the sample stays valid without a newer one.
    pub max_age: Millis,
}

/// The metrics and changes of all pools. The fleet writes; the streams to the pages read.
#[derive(Debug)]
pub struct DashboardStore {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug)]
struct Inner {
    pools: HashMap<Key, Entry>,
    last_id: u32,
    /// The fleet's time in milliseconds since 1970, and when the fleet reported it.
    clock: (i64, Instant),
    has_viewers: bool,
    changes: Changes,
}

#[derive(Debug, Default)]
struct Entry {
    id: u32,
    history: History,
    /// The row that the viewers have.
    sent: Option<Row>,
}

/// What has not been sent to the viewers yet.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether a decision is among the changes.
    pub urgent: bool,
    /// Pools whose view may have changed, by ID.
    pub touched: BTreeMap<u32, Key>,
    /// Pools with changed metrics, by ID.
    pub metrics: BTreeMap<u32, Row>,
    /// IDs of pools that were polled and have the same metrics as before.
    pub unchanged: BTreeSet<u32>,
    /// IDs of deleted pools.
    pub deleted: BTreeSet<u32>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.touched.is_empty()
            && self.metrics.is_empty()
            && self.unchanged.is_empty()
            && self.deleted.is_empty()
    }
}

/// The stored data of one pool.
#[derive(Debug)]
pub(super) struct PoolSeries {
    /// Its ID in all messages.
    pub id: u32,
    /// The time and row of the newest sample.
    pub latest: Option<(i64, Row)>,
    /// The changes, the oldest first.
    pub samples: Vec<(i64, Row)>,
}

impl Default for DashboardStore {
    fn default() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        Self {
            inner: Mutex::new(Inner {
                pools: HashMap::new(),
                last_id: 0,
                clock: (i64::try_from(wall).unwrap_or_default(), Instant::now()),
                has_viewers: false,
                changes: Changes::default(),
            }),
            changed: Notify::new(),
        }
    }
}

/// For the fleet.
impl DashboardStore {
    /// Adds a sample of a pool.
    pub fn record(&self, key: &Key, sample: &Sample, now: Time) {
        let mut inner = self.lock();
        inner.clock = (now.0, Instant::now());
        let limit = (TOTAL_BYTES / inner.pools.len().max(1)).min(POOL_BYTES);
        let entry = inner.entry(key);
        let row = sample.row(now.0);
        entry.history.push(now.0, row, sample.max_age.0);
        entry.history.trim(now.0, limit);
        let id = entry.id;
        let unchanged = entry.sent == Some(row);
        if !inner.has_viewers {
            return;
        }
        let first = inner.changes.is_empty();
        if unchanged {
            inner.changes.unchanged.insert(id);
        } else {
            inner.entry(key).sent = Some(row);
            inner.changes.metrics.insert(id, row);
        }
        drop(inner);
        // One notification is enough until the reader takes the changes.
        if first {
            self.changed.notify_one();
        }
    }

    /// Notes that the view of a pool may have changed. A decision is `urgent`: it is sent without delay.
    pub fn touch(&self, key: &Key, urgent: bool, now: Time) {
        let mut inner = self.lock();
        inner.clock = (now.0, Instant::now());
        let id = inner.entry(key).id;
        if inner.has_viewers {
            let first = inner.changes.is_empty();
            inner.changes.touched.insert(id, key.clone());
            inner.changes.urgent |= urgent;
            drop(inner);
            if first || urgent {
                self.changed.notify_one();
            }
        }
    }

    /// Removes a deleted pool.
    pub fn remove(&self, key: &Key) {
        let mut inner = self.lock();
        if let Some(Entry { id, .. }) = inner.pools.remove(key)
            && inner.has_viewers
        {
            inner.changes.touched.remove(&id);
            inner.changes.deleted.insert(id);
            drop(inner);
            self.changed.notify_one();
        }
    }
}

/// For the streams.
impl DashboardStore {
    /// Starts or stops the collection of changes.
    pub(super) fn set_has_viewers(&self, has_viewers: bool) {
        let mut inner = self.lock();
        if inner.has_viewers != has_viewers {
            inner.has_viewers = has_viewers;
            inner.changes = Changes::default();
        }
    }

    /// Returns when there are changes.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether a decision is among the changes.
    pub(super) fn is_urgent(&self) -> bool {
        self.lock().changes.urgent
    }

    /// The changes since the last call.
    pub(super) fn take_changes(&self) -> Changes {
        std::mem::take(&mut self.lock().changes)
    }

    /// The fleet's time, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let (reported, since) = self.lock().clock;
        reported + i64::try_from(since.elapsed().as_millis()).unwrap_or_default()
    }

    /// The ID of a pool in all messages.
    pub(super) fn id(&self, key: &Key) -> Option<u32> {
        self.lock().pools.get(key).map(|entry| entry.id)
    }

    /// The stored data of a pool, with its changes of the last `span` milliseconds.
    pub(super) fn series(&self, key: &Key, span: i64) -> Option<PoolSeries> {
        let now = self.now();
        let inner = self.lock();
        let Entry { id, history, .. } = inner.pools.get(key)?;
        Some(PoolSeries {
            id: *id,
            latest: history.latest(),
            samples: history.since(now - span.min(SPAN)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn entry(&mut self, key: &Key) -> &mut Entry {
        if !self.pools.contains_key(key) {
            self.last_id += 1;
            self.pools.insert(
                key.clone(),
                Entry {
                    id: self.last_id,
                    ..Entry::default()
                },
            );
        }
        self.pools.entry(key.clone()).or_default()
    }
}

impl Sample {
    fn row(&self, now: i64) -> Row {
        let clamp = |n: i64| i32::try_from(n.max(0)).unwrap_or(i32::MAX);
        let cell = |metric: Metric, convert: &dyn Fn(i64) -> i64| match metric {
            Metric::Known(n) => clamp(convert(n)),
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
        // Without workers there is no CPU usage to report, which is not the same as 0 %.
        let cpu = if live == Metric::Known(0) {
            UNSUPPORTED
        } else {
            cell(cpu, &|n| n)
        };
        // An empty queue has no oldest task, so no task waits.
        let wait = match oldest_at {
            Metric::Unsupported if ready == Metric::Known(0) => 0,
            metric => cell(metric, &|at| (now - at) / 1000),
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
