//! The list of all pools, problems first: a summary of each status, the filter and the cursor.

use crate::cluster::events::PoolUpdate;
use api::{DecisionStatus, Key, MetricsStatus, WorkerPool, WorkerPoolStatus, time};
use decide::ReasonCode;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds that the oldest task may wait while the pool has no workers, before this counts as a problem.
const MAX_WAIT_WITHOUT_WORKERS: i64 = 30;

/// How urgent a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It has a problem.
    Trouble,
    /// It is at a limit, or another client changed its replicas.
    Limit,
    /// It has no problem.
    Healthy,
}

impl Rank {
    fn new(reason: &str, has_problem: bool) -> Self {
        let code = ReasonCode::ALL.iter().find(|code| code.as_str() == reason);
        match code {
            _ if has_problem => Self::Trouble,
            Some(
                ReasonCode::Unknown
                | ReasonCode::Fallback
                | ReasonCode::TargetMissing
                | ReasonCode::TargetConflict
                | ReasonCode::TargetContested
                | ReasonCode::WriteFailed
                | ReasonCode::InvalidSpec,
            ) => Self::Trouble,
            Some(ReasonCode::AtMax | ReasonCode::TooManyReplicas | ReasonCode::TargetChanged) => {
                Self::Limit
            }
            _ => Self::Healthy,
        }
    }
}

/// One pool, summarized from its status.
#[derive(Clone, Debug)]
pub struct Row {
    /// Namespace and name.
    pub key: Key,
    /// How urgent it is.
    pub rank: Rank,
    /// Tasks have waited for a while, and no worker is running.
    pub lacks_workers: bool,
    /// The columns of `kubectl get wp`: queue, busy and wait.
    pub cells: [String; 3],
    /// Current replicas.
    pub replicas: Option<i32>,
    /// Desired replicas.
    pub desired: Option<i32>,
    /// `minReplicas` and `maxReplicas`.
    pub bounds: (i32, i32),
    /// The last decision, without its steps.
    pub decision: Option<DecisionStatus>,
    /// Whether the status is about the current generation of the spec.
    pub current: bool,
    /// What the filter searches, in lower case.
    search_text: String,
}

impl Row {
    /// Summarizes the object's own status.
    pub fn new(pool: WorkerPool) -> Self {
        let key = Key::of(&pool);
        let bounds = (pool.spec.min_replicas, pool.spec.max_replicas);
        let status = pool.status.as_ref();
        let current = status.is_some_and(|it| it.observed_generation >= pool.metadata.generation);
        let status = pool.status.unwrap_or_default();
        let ready = is_ready(&status);
        let lacks_workers = status.metrics.as_ref().is_some_and(lacks_workers);
        let display = status.display.unwrap_or_default();
        let cells = [display.queue, display.busy, display.wait].map(|cell| match &*cell {
            "" => "?".to_owned(),
            _ => cell,
        });
        let decision = status.decision.map(|decision| DecisionStatus {
            steps: Vec::new(),
            ..decision
        });
        let texts = decision.as_ref().map(|it| (&*it.reason, &*it.message));
        let (reason, message) = texts.unwrap_or_default();
        Self {
            rank: Rank::new(reason, !ready || lacks_workers),
            lacks_workers,
            cells,
            replicas: status.replicas,
            desired: status.desired_replicas,
            bounds,
            current,
            search_text: format!("{key} {reason} {message}").to_lowercase(),
            decision,
            key,
        }
    }

    /// The reason of the last decision.
    pub fn reason(&self) -> &str {
        let decision = self.decision.as_ref();
        decision.map_or("?", |decision| &decision.reason)
    }

    fn matches(&self, query: &str) -> bool {
        let mut words = query.split_whitespace().filter(|word| *word != "!");
        words.all(|word| match word.strip_prefix('!') {
            Some(word) => !self.search_text.contains(word),
            None => self.search_text.contains(word),
        })
    }
}

/// Whether the condition `Ready` is anything but false.
fn is_ready(status: &WorkerPoolStatus) -> bool {
    let mut conditions = status.conditions.iter();
    let ready = conditions.find(|condition| condition.type_ == "Ready");
    ready.is_none_or(|ready| ready.status != "False")
}

fn lacks_workers(metrics: &MetricsStatus) -> bool {
    let wait = metrics.oldest_task_time.value.zip(metrics.at);
    let wait = wait.map(|(oldest, at)| (time(at) - time(oldest)).0 / 1000);
    metrics.ready.value > Some(0)
        && metrics.live.value == Some(0)
        && wait > Some(MAX_WAIT_WITHOUT_WORKERS)
}

/// All pools, and which of them are shown.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    rows: BTreeMap<Key, Row>,
    /// After the watch has restarted: the known pools that it has not listed again yet.
    unlisted: BTreeSet<Key>,
    /// The pools that match the filter, in order.
    shown: Vec<Key>,
    /// The pool under the cursor.
    pub selected: Option<Key>,
    /// Words that must occur, or must not where they begin with `!`.
    pub filter: String,
    /// Whether the watch has listed all pools.
    pub synced: bool,
    /// Why the watch fails.
    pub watch_error: Option<String>,
    /// Whether `shown` is out of date.
    dirty: bool,
}

impl Pools {
    /// Applies an update of the watch.
    pub fn apply(&mut self, update: PoolUpdate) {
        self.dirty = true;
        self.watch_error = None;
        match update {
            PoolUpdate::Init => self.unlisted = self.rows.keys().cloned().collect(),
            PoolUpdate::Apply(pool) => {
                let row = Row::new(*pool);
                self.unlisted.remove(&row.key);
                self.rows.insert(row.key.clone(), row);
            }
            PoolUpdate::Delete(key) => drop(self.rows.remove(&key)),
            PoolUpdate::InitDone => {
                self.synced = true;
                for key in std::mem::take(&mut self.unlisted) {
                    self.rows.remove(&key);
                }
            }
            PoolUpdate::Error(error) => self.watch_error = Some(error),
        }
    }

    /// Filters and sorts the pools after a change: problems first, then by name.
    pub fn refresh(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let cursor = self.cursor();
        let query = self.filter.to_lowercase();
        let matching = self.rows.values().filter(|row| row.matches(&query));
        let mut shown: Vec<&Row> = matching.collect();
        shown.sort_by(|a, b| (a.rank, &a.key.name, &a.key).cmp(&(b.rank, &b.key.name, &b.key)));
        self.shown = shown.into_iter().map(|row| row.key.clone()).collect();
        let selected = self.selected.as_ref();
        if !selected.is_some_and(|key| self.shown.contains(key)) {
            self.select(cursor);
        }
    }

    /// Selects the shown row at this index, or the last one.
    fn select(&mut self, index: usize) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.shown.get(index.min(last)).cloned();
    }

    /// Sets the filter.
    pub fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.dirty = true;
        self.refresh();
    }

    /// Moves the cursor by so many rows.
    pub fn move_cursor(&mut self, by: isize) {
        self.select(self.cursor().saturating_add_signed(by));
    }

    /// The index of the selected row among the shown ones.
    pub fn cursor(&self) -> usize {
        let selected = self.selected.as_ref();
        let index = selected.and_then(|key| self.shown.iter().position(|shown| shown == key));
        index.unwrap_or(0)
    }

    /// The shown rows, without the first `skip`.
    pub fn shown(&self, skip: usize) -> impl Iterator<Item = &Row> {
        let shown = self.shown.iter().skip(skip);
        shown.filter_map(|key| self.rows.get(key))
    }

    /// The selected pool.
    pub fn selected_row(&self) -> Option<&Row> {
        self.rows.get(self.selected.as_ref()?)
    }

    /// How many pools have each rank.
    pub fn totals(&self) -> [usize; 3] {
        let count = |rank| self.rows.values().filter(|row| row.rank == rank).count();
        [Rank::Trouble, Rank::Limit, Rank::Healthy].map(count)
    }
}
