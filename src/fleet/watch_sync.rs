//! Which initial lists are complete. Before that, an object that exists could seem to be missing. Each namespace that is
//! watched on its own has lists of its own: one that is deleted or may not be read concerns no other.

use super::event::{Scope, Watched};
use std::collections::{BTreeMap, BTreeSet};

/// The state of all watches.
#[derive(Debug)]
pub(super) struct WatchSync {
    scopes: Vec<Scope>,
    required: BTreeSet<Watched>,
    complete: BTreeSet<(Watched, Scope)>,
    failed: BTreeMap<(Watched, Scope), String>,
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
    /// The watches of these namespaces, or of all if there is none.
    pub fn new(namespaces: &[String]) -> Self {
        let mut scopes: Vec<Scope> = namespaces
            .iter()
            .map(|namespace| Some(namespace.as_str().into()))
            .collect();
        if scopes.is_empty() {
            scopes.push(None);
        }
        Self {
            scopes,
            required: BTreeSet::from([Watched::Pools, Watched::Autoscalers]),
            complete: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, watched: Watched) {
        self.required.insert(watched);
    }

    pub fn on_synced(&mut self, watched: Watched, scope: Scope) {
        let list = (watched, scope);
        self.failed.remove(&list);
        self.complete.insert(list);
    }

    pub fn on_failed(&mut self, watched: Watched, scope: Scope, error: String) {
        self.failed.insert((watched, scope), error);
    }

    /// The initial lists that the operator still waits for. It does not wait for a kind of target whose watch fails, for
    /// the kind may be a typing error, nor for one namespace among several.
    pub fn pending(&self) -> Vec<Watched> {
        self.required
            .iter()
            .filter(|watched| self.is_pending(watched))
            .cloned()
            .collect()
    }

    fn is_pending(&self, watched: &Watched) -> bool {
        let list = |scope: &Scope| (watched.clone(), scope.clone());
        let is_target = matches!(watched, Watched::Targets(..));
        let (complete, open): (Vec<_>, Vec<_>) = self
            .scopes
            .iter()
            .map(list)
            .partition(|list| self.complete.contains(list));
        let may_fail = is_target || !complete.is_empty();
        open.iter()
            .any(|list| !(may_fail && self.failed.contains_key(list)))
    }

    /// Whether the initial list of this kind is complete for `namespace`.
    pub fn is_complete(&self, watched: &Watched, namespace: &str) -> bool {
        let list = (watched.clone(), self.scope(namespace));
        self.complete.contains(&list)
    }

    /// Whether a pool of `namespace` whose target is of this kind can be reconciled.
    pub fn state(&self, kind: &Watched, namespace: &str) -> SyncState {
        if ![&Watched::Pools, &Watched::Autoscalers]
            .into_iter()
            .all(|watched| self.is_complete(watched, namespace))
        {
            SyncState::Pending
        } else if self.is_complete(kind, namespace) {
            SyncState::Synced
        } else {
            self.failed
                .get(&(kind.clone(), self.scope(namespace)))
                .map_or(SyncState::Pending, |error| SyncState::Failed(error.clone()))
        }
    }

    /// The scope of the watches that show the objects of `namespace`.
    fn scope(&self, namespace: &str) -> Scope {
        self.scopes
            .iter()
            .find(|scope| scope.as_deref() == Some(namespace))
            .cloned()
            .flatten()
    }
}
