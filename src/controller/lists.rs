//! Which first lists are complete: before, something that exists could seem missing.

use super::event::Watched;
use std::collections::{BTreeMap, BTreeSet};

/// The state of all watches.
#[derive(Debug)]
pub(super) struct Lists {
    wanted: BTreeSet<Watched>,
    complete: BTreeSet<Watched>,
    failed: BTreeMap<Watched, String>,
}

/// Whether a kind of target can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Yes,
    NotYet,
    /// Its watch fails, and why.
    Failing(String),
}

impl Lists {
    pub fn new() -> Self {
        let wanted = BTreeSet::from([Watched::Pools, Watched::Rivals]);
        Self {
            wanted,
            complete: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    pub fn want(&mut self, watched: Watched) {
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
    pub fn awaited(&self) -> Vec<Watched> {
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
    pub fn state(&self, kind: &Watched) -> Listed {
        if ![&Watched::Pools, &Watched::Rivals]
            .into_iter()
            .all(|one| self.complete.contains(one))
        {
            Listed::NotYet
        } else if self.complete.contains(kind) {
            Listed::Yes
        } else {
            self.failed
                .get(kind)
                .map_or(Listed::NotYet, |why| Listed::Failing(why.clone()))
        }
    }
}
