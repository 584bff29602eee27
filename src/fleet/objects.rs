//! The Secrets and `ConfigMap`s that pools refer to: which are watched, and of each the values that a pool uses.

use super::event::Command;
use crate::observe::{MAX_VALUE, ObjectRef, Reference, Referenced, Values};
use api::Key;
use decide::{AddressProblem, Unavailable};
use std::collections::{BTreeMap, BTreeSet};

/// The objects, each with its users.
#[derive(Debug, Default)]
pub(super) struct Objects(BTreeMap<ObjectRef, Object>);

#[derive(Default)]
struct Object {
    pools: BTreeSet<Key>,
    /// The keys that pools use. Nothing else is kept.
    keys: BTreeSet<String>,
    /// `None` until it was read.
    values: Option<Result<Values, Unavailable>>,
}

/// Never prints a value.
impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {:?}", self.keys, self.pools)
    }
}

impl Objects {
    /// `pool` uses `references` and nothing else.
    pub fn use_by(&mut self, pool: &Key, references: Vec<Reference>, commands: &mut Vec<Command>) {
        self.0.retain(|object, entry| {
            let is_used = references.iter().any(|it| it.object == *object);
            if !is_used && entry.pools.remove(pool) && entry.pools.is_empty() {
                commands.push(Command::UnwatchObject(object.clone()));
                return false;
            }
            true
        });
        let mut unread = BTreeSet::new();
        for Reference { object, key } in references {
            let entry = self.0.entry(object.clone()).or_default();
            entry.pools.insert(pool.clone());
            // Its value was not kept: the object is read again.
            if entry.keys.insert(key) {
                entry.values = None;
                unread.insert(object);
            }
        }
        commands.extend(unread.into_iter().map(Command::WatchObject));
    }

    /// Takes what an object holds, or why it cannot be read. Returns the pools that use it.
    pub fn update(
        &mut self,
        object: &ObjectRef,
        values: Result<Values, Unavailable>,
    ) -> BTreeSet<Key> {
        let Some(entry) = self.0.get_mut(object) else {
            return BTreeSet::new();
        };
        entry.values = Some(values.map(|mut values| {
            values.retain(|key, _| entry.keys.contains(key));
            values
        }));
        entry.pools.clone()
    }

    /// What a reference holds; `None` as the error until the object was read.
    pub fn value<'a>(
        &'a self,
        reference: &'a Reference,
    ) -> Result<Referenced<'a>, Option<Unavailable>> {
        let entry = self.0.get(&reference.object);
        let values = entry.and_then(|it| it.values.as_ref()).ok_or(None)?;
        let values = values.as_ref().map_err(|cause| Some(cause.clone()))?;
        let value = values
            .get(&reference.key)
            .ok_or_else(|| reference.missing())?;
        if value.is_empty() || value.len() > MAX_VALUE {
            return Err(Some(reference.invalid(AddressProblem::Empty)));
        }
        Ok((reference, value))
    }

    /// The same where it is a text, without the line break that an editor or `echo` leaves.
    pub fn text<'a>(&'a self, reference: &'a Reference) -> Result<&'a str, Option<Unavailable>> {
        let text = str::from_utf8(self.value(reference)?.1);
        let text = text.map_err(|_| reference.invalid(AddressProblem::Empty))?;
        Ok(text.trim())
    }
}
