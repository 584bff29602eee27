//! All pools at a glance, problems first: what each status says of them, and which are shown.

use crate::cluster::events::PoolUpdate;
use api::{DecisionStatus, Key, WorkerPool, time};
use decide::ReasonCode;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds that a task may wait with nobody there to take it.
const ALONE: i64 = 30;

/// How urgently a pool wants to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Something is wrong.
    Trouble,
    /// It is at a limit, or somebody else wrote its number.
    Limit,
    /// All is well.
    Well,
}

/// One pool, as its status tells.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which one.
    pub key: Key,
    /// How urgent.
    pub rank: Rank,
    /// Tasks wait and there is no worker.
    pub nobody: bool,
    /// The columns of `kubectl get wp`: queue, busy and wait.
    pub cells: [String; 3],
    /// Pods now.
    pub replicas: Option<i32>,
    /// Workers wanted.
    pub desired: Option<i32>,
    /// Fewest and most.
    pub bounds: (i32, i32),
    /// The last decision, without its trail.
    pub decision: Option<DecisionStatus>,
    /// Whether the operator has seen the pool as it is.
    pub seen: bool,
    words: String,
}

impl Row {
    /// What the object says of itself.
    #[must_use]
    pub fn new(pool: WorkerPool) -> Self {
        let key = Key::of(&pool);
        let seen =
            |status: &api::WorkerPoolStatus| status.observed_generation >= pool.metadata.generation;
        let seen = pool.status.as_ref().is_some_and(seen);
        let status = pool.status.unwrap_or_default();
        let display = status.display.unwrap_or_default();
        let metrics = status.metrics.unwrap_or_default();
        let unknown = |cell: String| {
            if cell.is_empty() {
                "?".to_owned()
            } else {
                cell
            }
        };
        let decision = status.decision.map(|decision| DecisionStatus {
            steps: Vec::new(),
            ..decision
        });
        let oldest = metrics
            .oldest_task_time
            .value
            .zip(metrics.at)
            .map(|(oldest, at)| (time(at).0 - time(oldest).0) / 1000);
        let nobody = metrics.ready.value.is_some_and(|ready| ready > 0)
            && metrics.live.value == Some(0)
            && oldest.is_some_and(|oldest| oldest > ALONE);
        let ready = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "Ready");
        let unwell = ready.is_some_and(|ready| ready.status == "False");
        let reason = decision.as_ref().map_or("", |decision| &*decision.reason);
        let rank = match ReasonCode::ALL
            .iter()
            .find(|known| known.as_str() == reason)
        {
            _ if unwell || nobody => Rank::Trouble,
            Some(
                ReasonCode::Unknown
                | ReasonCode::Fallback
                | ReasonCode::TargetMissing
                | ReasonCode::TargetConflict
                | ReasonCode::WriteFailed
                | ReasonCode::InvalidSpec,
            ) => Rank::Trouble,
            Some(ReasonCode::AtMax | ReasonCode::TooManyReplicas | ReasonCode::TargetChanged) => {
                Rank::Limit
            }
            _ => Rank::Well,
        };
        let sentence = decision.as_ref().map_or("", |decision| &*decision.message);
        let words = format!("{key} {reason} {sentence}").to_lowercase();
        Self {
            rank,
            nobody,
            cells: [
                unknown(display.queue),
                unknown(display.busy),
                unknown(display.wait),
            ],
            replicas: status.replicas,
            desired: status.desired_replicas,
            bounds: (pool.spec.min_replicas, pool.spec.max_replicas),
            decision,
            seen,
            words,
            key,
        }
    }

    /// One word: why the number is what it is.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.decision
            .as_ref()
            .map_or("?", |decision| &decision.reason)
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    rows: BTreeMap<Key, Row>,
    /// Those that are there before a new beginning of the watch and were not told of again yet.
    stale: BTreeSet<Key>,
    shown: Vec<Key>,
    /// The pool under the cursor.
    pub chosen: Option<Key>,
    /// Words that must be found, or not with `!`.
    pub filter: String,
    /// Whether all have been told.
    pub whole: bool,
    /// What is wrong with the watch.
    pub trouble: Option<String>,
    dirty: bool,
}

impl Pools {
    /// Takes in one piece of news.
    pub fn apply(&mut self, news: PoolUpdate) {
        (self.dirty, self.trouble) = (true, None);
        match news {
            PoolUpdate::Init => self.stale = self.rows.keys().cloned().collect(),
            PoolUpdate::Apply(pool) => {
                let row = Row::new(*pool);
                self.stale.remove(&row.key);
                self.rows.insert(row.key.clone(), row);
            }
            PoolUpdate::Delete(key) => drop(self.rows.remove(&key)),
            PoolUpdate::InitDone => {
                self.whole = true;
                for key in std::mem::take(&mut self.stale) {
                    self.rows.remove(&key);
                }
            }
            PoolUpdate::Error(what) => self.trouble = Some(what),
        }
    }

    /// Puts them in order, where anything has changed: problems first, then by name.
    pub fn settle(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let before = self
            .chosen
            .as_ref()
            .and_then(|key| self.shown.iter().position(|shown| shown == key));
        let query = self.filter.to_lowercase();
        let matches = |row: &&Row| {
            query
                .split_whitespace()
                .filter(|word| *word != "!")
                .all(|word| match word.strip_prefix('!') {
                    Some(word) => !row.words.contains(word),
                    None => row.words.contains(word),
                })
        };
        let mut shown: Vec<&Row> = self.rows.values().filter(matches).collect();
        shown.sort_by(|a, b| (a.rank, &a.key.name, &a.key).cmp(&(b.rank, &b.key.name, &b.key)));
        self.shown = shown.into_iter().map(|row| row.key.clone()).collect();
        if !self
            .chosen
            .as_ref()
            .is_some_and(|key| self.shown.contains(key))
        {
            let at = before.unwrap_or(0).min(self.shown.len().saturating_sub(1));
            self.chosen = self.shown.get(at).cloned();
        }
    }

    /// Chooses what is shown.
    pub fn filter(&mut self, filter: String) {
        (self.filter, self.dirty) = (filter, true);
        self.settle();
    }

    /// Moves the cursor by so many rows.
    pub fn step(&mut self, by: isize) {
        let to = self
            .place()
            .saturating_add_signed(by)
            .min(self.shown.len().saturating_sub(1));
        self.chosen = self.shown.get(to).cloned();
    }

    /// Where the cursor is.
    #[must_use]
    pub fn place(&self) -> usize {
        self.chosen
            .as_ref()
            .and_then(|key| self.shown.iter().position(|shown| shown == key))
            .unwrap_or(0)
    }

    /// The rows that are shown, from the `skip`th on.
    pub fn shown(&self, skip: usize) -> impl Iterator<Item = &Row> {
        self.shown
            .iter()
            .skip(skip)
            .filter_map(|key| self.rows.get(key))
    }

    /// The pool under the cursor.
    #[must_use]
    pub fn chosen(&self) -> Option<&Row> {
        self.rows.get(self.chosen.as_ref()?)
    }

    /// How many there are of each rank.
    #[must_use]
    pub fn totals(&self) -> [usize; 3] {
        let of = |rank| self.rows.values().filter(|row| row.rank == rank).count();
        [of(Rank::Trouble), of(Rank::Limit), of(Rank::Well)]
    }
}
