//! Which first lists are complete: before, something that exists could seem missing.

use super::event::Watched;
use std::collections::{BTreeMap, BTreeSet};

/// The state of all watches.
#[derive(Debug)]
pub(super) struct WatchSync {
    wanted: BTreeSet<Watched>,
    complete: BTreeSet<Watched>,
    failed: BTreeMap<Watched, String>,
}

/// Whether a kind of target can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SyncState {
    Synced,
    Pending,
    /// Its watch fails, and why.
    Failed(String),
}

impl WatchSync {
    pub fn new() -> Self {
        let wanted = BTreeSet::from([Watched::Pools, Watched::Autoscalers]);
        Self {
            wanted,
            complete: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, watched: Watched) {
        self.wanted.insert(watched);
    }

    pub fn complete(&mut self, watched: Watched) {
        self.failed.remove(&watched);
        self.complete.insert(watched);
    }

    pub fn failed(&mut self, watched: Watched, why: String) {
        self.failed.insert(watched, why);
    }

    /// What the operator as a whole still waits for. A kind that somebody's typing error names is not waited for.
    pub fn pending(&self) -> Vec<Watched> {
        let hopeless = |watched: &Watched| {
            matches!(watched, Watched::Targets(..)) && self.failed.contains_key(watched)
        };
        self.wanted
            .iter()
            .filter(|one| !self.complete.contains(*one) && !hopeless(one))
            .cloned()
            .collect()
    }

    /// Whether a pool whose target is of `kind` can be judged.
    pub fn state(&self, kind: &Watched) -> SyncState {
        if ![&Watched::Pools, &Watched::Autoscalers]
            .into_iter()
            .all(|one| self.complete.contains(one))
        {
            SyncState::Pending
        } else if self.complete.contains(kind) {
            SyncState::Synced
        } else {
            self.failed
                .get(kind)
                .map_or(SyncState::Pending, |why| SyncState::Failed(why.clone()))
        }
    }
}
