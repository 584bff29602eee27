//! The metrics of all pools for the dashboard, and what has changed since the last message to the viewers. A sample
//! costs one lock and one comparison; without viewers no changes are collected and nothing is encoded.

use super::Sample;
use crate::dashboard::history::{History, SPAN};
use api::Key;
use decide::{Millis, Time};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// The most bytes for the histories of all pools; with very many pools each one covers less than an hour.
const TOTAL_BYTES: usize = 12 << 20;
/// The most bytes for one history: an hour in which everything changes every second.
const POOL_BYTES: usize = 32 << 10;

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
    /// The sample that the viewers have.
    sent: Option<Sample>,
}

/// What has not been sent to the viewers yet.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether a decision is among the changes.
    pub urgent: bool,
    /// Pools whose view may have changed, by ID.
    pub touched: BTreeMap<u32, Key>,
    /// Pools with another sample, by ID.
    pub samples: BTreeMap<u32, Sample>,
    /// IDs of pools whose last poll found the same as before.
    pub unchanged: BTreeSet<u32>,
    /// IDs of deleted pools.
    pub deleted: BTreeSet<u32>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.touched.is_empty()
            && self.samples.is_empty()
            && self.unchanged.is_empty()
            && self.deleted.is_empty()
    }
}

/// The stored data of one pool.
#[derive(Debug)]
pub(super) struct PoolSeries {
    /// Its ID in all messages.
    pub id: u32,
    /// The newest sample and its time.
    pub latest: Option<(i64, Sample)>,
    /// The changes, the oldest first.
    pub samples: Vec<(i64, Sample)>,
}

impl Default for DashboardStore {
    fn default() -> Self {
        let wall = Timestamp::now().as_millisecond();
        Self {
            inner: Mutex::new(Inner {
                pools: HashMap::new(),
                last_id: 0,
                clock: (wall, Instant::now()),
                has_viewers: false,
                changes: Changes::default(),
            }),
            changed: Notify::new(),
        }
    }
}

/// For the fleet.
impl DashboardStore {
    /// Adds a sample of a pool, which stays valid for `max_age` without a newer one.
    pub fn record(&self, key: &Key, sample: &Sample, max_age: Millis, now: Time) {
        let mut inner = self.lock();
        inner.clock = (now.0, Instant::now());
        let limit = (TOTAL_BYTES / inner.pools.len().max(1)).min(POOL_BYTES);
        let entry = inner.entry(key);
        entry.history.push(now.0, sample, max_age.0);
        entry.history.trim(now.0, limit);
        let id = entry.id;
        let unchanged = entry.sent == Some(*sample);
        if !inner.has_viewers {
            return;
        }
        let first = inner.changes.is_empty();
        if unchanged {
            inner.changes.unchanged.insert(id);
        } else {
            inner.entry(key).sent = Some(*sample);
            inner.changes.samples.insert(id, *sample);
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
