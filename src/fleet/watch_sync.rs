//! Which initial lists are complete. Before that, an object that exists could seem to be missing.

use super::event::Watched;
use std::collections::{BTreeMap, BTreeSet};

/// The state of all watches.
#[derive(Debug)]
pub(super) struct WatchSync {
    required: BTreeSet<Watched>,
    complete: BTreeSet<Watched>,
    failed: BTreeMap<Watched, String>,
}

/// The state of the watch of one kind of target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SyncState {
    Synced,
    Pending,
    /// The watch fails, with this error.
    Failed(String),
}

impl WatchSync {
    pub fn new() -> Self {
        Self {
            required: BTreeSet::from([Watched::Pools, Watched::Autoscalers]),
            complete: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, watched: Watched) {
        self.required.insert(watched);
    }

    pub fn on_synced(&mut self, watched: Watched) {
        self.failed.remove(&watched);
        self.complete.insert(watched);
    }

    pub fn on_failed(&mut self, watched: Watched, error: String) {
        self.failed.insert(watched, error);
    }

    /// The initial lists that the operator still waits for. It does not wait for a kind of target whose watch fails: the
    /// kind may be a typing error.
    pub fn pending(&self) -> Vec<Watched> {
        let is_failed_target = |watched: &Watched| {
            matches!(watched, Watched::Targets(..)) && self.failed.contains_key(watched)
        };
        self.required
            .iter()
            .filter(|watched| !self.complete.contains(*watched) && !is_failed_target(watched))
            .cloned()
            .collect()
    }

    /// Whether the initial list of this kind is complete.
    pub fn is_complete(&self, watched: &Watched) -> bool {
        self.complete.contains(watched)
    }

    /// Whether a pool whose target is of this kind can be reconciled.
    pub fn state(&self, kind: &Watched) -> SyncState {
        if ![&Watched::Pools, &Watched::Autoscalers]
            .into_iter()
            .all(|watched| self.complete.contains(watched))
        {
            SyncState::Pending
        } else if self.complete.contains(kind) {
            SyncState::Synced
        } else {
            self.failed
                .get(kind)
                .map_or(SyncState::Pending, |error| SyncState::Failed(error.clone()))
        }
    }
}
