//! Which initial lists are complete. Before that, an object that exists could seem to be missing. Each namespace that is
//! watched on its own has lists of its own: one that is deleted or may not be read concerns no other. A kind of target is
//! watched for as long as a pool has it, and only if it is allowed: whoever may create pools could name any.

use super::event::{Scope, Watched};
use crate::observe::target::TargetKey;
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of `apps/v1` that pools may always have.
const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "ReplicaSet"];
const NOT_ALLOWED: &str =
    "pools may have no targets of this kind: the chart's value targetKinds allows it";

/// The state of all watches.
#[derive(Debug)]
pub(super) struct WatchSync {
    scopes: Vec<Scope>,
    /// The kinds of targets that pools may have.
    allowed: BTreeSet<Watched>,
    /// What is watched, and for how many pools.
    required: BTreeMap<Watched, usize>,
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

/// Of all namespaces.
impl Default for WatchSync {
    fn default() -> Self {
        Self::new(&[])
    }
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
            allowed: KINDS
                .map(|kind| Watched::Targets("apps/v1".into(), kind.into()))
                .into(),
            required: BTreeMap::from([(Watched::Pools, 1), (Watched::Autoscalers, 1)]),
            complete: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Allows pools to have targets of this kind, too.
    pub fn allow(&mut self, kind: Watched) {
        self.allowed.insert(kind);
    }

    /// One more pool has targets of this kind. Returns whether it must be watched from now on.
    pub fn add(&mut self, kind: &Watched) -> bool {
        if !self.allowed.contains(kind) {
            return false;
        }
        let pools = self.required.entry(kind.clone()).or_default();
        *pools += 1;
        *pools == 1
    }

    /// One pool fewer has targets of this kind. Returns whether it must be watched no longer.
    pub fn remove(&mut self, kind: &Watched) -> bool {
        let Some(pools) = self.required.get_mut(kind) else {
            return false;
        };
        *pools -= 1;
        if *pools > 0 {
            return false;
        }
        self.required.remove(kind);
        self.complete.retain(|(watched, _)| watched != kind);
        self.failed.retain(|(watched, _), _| watched != kind);
        true
    }

    /// Whether targets like this one are watched, in whichever version.
    pub fn shows(&self, target: &TargetKey) -> bool {
        self.required.keys().any(|watched| match watched {
            Watched::Targets(version, kind) => {
                let group = version.rsplit_once('/').map_or("", |(group, _)| group);
                group == target.group && *kind == target.kind
            }
            _ => false,
        })
    }

    /// Whether a pool of `namespace` with targets of `kind` depends on this watch of this scope.
    pub fn concerns(
        &self,
        (watched, scope): (&Watched, &Scope),
        kind: &Watched,
        namespace: &str,
    ) -> bool {
        let is_target = matches!(watched, Watched::Targets(..));
        (watched == kind || !is_target) && self.scope(namespace) == *scope
    }

    /// Takes that a list is complete. A watch that has ended may still say so.
    pub fn on_synced(&mut self, watched: Watched, scope: Scope) {
        if !self.required.contains_key(&watched) {
            return;
        }
        let list = (watched, scope);
        self.failed.remove(&list);
        self.complete.insert(list);
    }

    pub fn on_failed(&mut self, watched: Watched, scope: Scope, error: String) {
        if !self.required.contains_key(&watched) {
            return;
        }
        self.failed.insert((watched, scope), error);
    }

    /// The initial lists that the operator still waits for. It does not wait for a kind of target whose watch fails, for
    /// the kind may be a typing error, nor for one namespace among several.
    pub fn pending(&self) -> Vec<Watched> {
        self.required
            .keys()
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
        } else if !self.allowed.contains(kind) {
            SyncState::Failed(NOT_ALLOWED.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(namespace: &str) -> (Watched, Scope) {
        (Watched::Pools, Some(namespace.into()))
    }

    /// The operator is ready once it has what can be had, and not before it has anything.
    #[test]
    fn one_namespace_that_cannot_be_read_is_not_waited_for() {
        let mut sync = WatchSync::new(&["a".to_owned(), "gone".to_owned()]);
        let is_pending = |sync: &WatchSync| sync.pending().contains(&Watched::Pools);
        let (watched, scope) = pools("gone");
        sync.on_failed(watched, scope, "forbidden".to_owned());
        assert!(is_pending(&sync));
        let (watched, scope) = pools("a");
        sync.on_synced(watched, scope);
        assert!(!is_pending(&sync));
        let (watched, scope) = pools("gone");
        sync.on_synced(watched, scope);
        assert!(!is_pending(&sync));
        let mut all = WatchSync::new(&[]);
        all.on_failed(Watched::Pools, None, "forbidden".to_owned());
        assert!(is_pending(&all), "without pools there is nothing to do");
    }
}
