//! The objects and their latest changes, numbered by resource version: the stand-in for etcd.

use crate::error::ApiError;
use crate::kind::{Id, Kind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many changes a watch can resume over; a client that missed more has to list again.
const MAX_CHANGES: usize = 2_000;
/// How many events are kept; the oldest are removed first.
const MAX_EVENTS: usize = 300;

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    pub version: u64,
    pub id: Id,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub event: &'static str,
    pub object: Arc<Value>,
}

#[derive(Debug)]
struct Inner {
    objects: BTreeMap<Id, Arc<Value>>,
    changes: VecDeque<Change>,
    version: u64,
    /// The version before the oldest of `changes`.
    oldest_version: u64,
}

/// All objects.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
}

/// The content of a store as it is saved in a file.
#[derive(Default, Serialize, Deserialize)]
pub struct SavedObjects {
    version: u64,
    objects: Vec<(String, Value)>,
}

impl SavedObjects {
    pub fn pod_names(&self) -> Vec<String> {
        let pods = self.objects.iter().filter(|(plural, _)| plural == "pods");
        pods.map(|(_, pod)| meta(pod, "name").to_owned()).collect()
    }
}

impl Store {
    pub fn new(saved: SavedObjects, kinds: &[&'static Kind]) -> Self {
        let objects = saved.objects.into_iter().filter_map(|(plural, object)| {
            let kind = kinds.iter().find(|kind| kind.plural == plural)?;
            Some((id_of(kind, &object), Arc::new(object)))
        });
        // Versions continue, so that a client with an older watch learns that it has to list again.
        let version = saved.version.max(1);
        let inner = Inner {
            objects: objects.collect(),
            changes: VecDeque::new(),
            version,
            oldest_version: version,
        };
        Self {
            inner: Mutex::new(inner),
            version: watch::Sender::new(version),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies of every change, with the new version.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub fn save(&self) -> SavedObjects {
        let inner = self.lock();
        let objects = inner
            .objects
            .iter()
            .map(|(id, object)| (id.plural.to_owned(), (**object).clone()));
        SavedObjects {
            version: inner.version,
            objects: objects.collect(),
        }
    }

    pub fn get(&self, id: &Id) -> Option<Arc<Value>> {
        self.lock().objects.get(id).cloned()
    }

    /// The version of the store, and the objects of a kind in one namespace, or in all if `namespace` is empty.
    pub fn list(&self, kind: &'static Kind, namespace: &str) -> (u64, Vec<Arc<Value>>) {
        let plural = kind.stored_as().plural;
        let inner = self.lock();
        let is_listed =
            |id: &Id| id.plural == plural && (namespace.is_empty() || id.namespace == namespace);
        let objects = inner.objects.iter().filter(|(id, _)| is_listed(id));
        let objects = objects.map(|(_, object)| Arc::clone(object)).collect();
        (inner.version, objects)
    }

    /// The changes after `version`; `None` when the store no longer has them.
    pub fn changes_since(&self, version: u64) -> Option<Vec<Change>> {
        let inner = self.lock();
        let available = version >= inner.oldest_version && version <= inner.version;
        let changes = inner.changes.iter();
        let changes = changes.filter(|change| change.version > version);
        available.then(|| changes.cloned().collect())
    }

    /// Replaces the object by what `update` makes of the present one. Writes nothing when they are equal.
    pub fn write(
        &self,
        id: &Id,
        update: impl FnOnce(Option<&Value>) -> Result<Value, ApiError>,
    ) -> Result<Arc<Value>, ApiError> {
        let mut inner = self.lock();
        let old = inner.objects.get(id).cloned();
        let mut object = update(old.as_deref())?;
        let meta = &mut object["metadata"];
        if let Some(before) = old.as_deref().map(|old| &old["metadata"]) {
            let sent = &meta["resourceVersion"];
            if sent.is_string() && *sent != before["resourceVersion"] {
                return Err(ApiError::new(
                    409,
                    "Conflict",
                    "the object has been modified; please apply your changes to the latest version and try again",
                ));
            }
            for key in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
                meta[key] = before[key].clone();
            }
        } else {
            meta["uid"] = json!(uid());
            meta["creationTimestamp"] = json!(timestamp(Timestamp::now()));
            meta["generation"] = json!(1);
        }
        if !id.namespace.is_empty() {
            meta["namespace"] = json!(id.namespace);
        }
        meta["name"] = json!(id.name);
        if old.as_deref().is_some_and(|old| *old == object) {
            return Ok(Arc::new(object));
        }
        if let Some(old) = old.as_deref().filter(|old| old["spec"] != object["spec"]) {
            let generation = old["metadata"]["generation"].as_u64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        let event = if old.is_some() { "MODIFIED" } else { "ADDED" };
        Ok(self.put(&mut inner, id, event, object))
    }

    pub fn delete(&self, id: &Id) -> Option<Arc<Value>> {
        let mut inner = self.lock();
        let object = Arc::unwrap_or_clone(inner.objects.remove(id)?);
        Some(self.put(&mut inner, id, "DELETED", object))
    }

    fn put(
        &self,
        inner: &mut Inner,
        id: &Id,
        event: &'static str,
        mut object: Value,
    ) -> Arc<Value> {
        inner.version += 1;
        object["metadata"]["resourceVersion"] = json!(inner.version.to_string());
        let object = Arc::new(object);
        if event != "DELETED" {
            inner.objects.insert(id.clone(), Arc::clone(&object));
        }
        let change = Change {
            version: inner.version,
            id: id.clone(),
            event,
            object: Arc::clone(&object),
        };
        inner.changes.push_back(change);
        if inner.changes.len() > MAX_CHANGES
            && let Some(oldest) = inner.changes.pop_front()
        {
            inner.oldest_version = oldest.version;
        }
        if event == "ADDED" && id.plural == "events" {
            remove_oldest_events(&mut inner.objects);
        }
        self.version.send_replace(inner.version);
        object
    }
}

fn remove_oldest_events(objects: &mut BTreeMap<Id, Arc<Value>>) {
    let events = objects.iter().filter(|(id, _)| id.plural == "events");
    let mut events: Vec<(u64, Id)> = events
        .map(|(id, event)| (version_number(event), id.clone()))
        .collect();
    events.sort_by_key(|(version, _)| *version);
    let excess = events.len().saturating_sub(MAX_EVENTS);
    for (_, id) in events.into_iter().take(excess) {
        objects.remove(&id);
    }
}

/// The resource version of an object, which is a number in a string.
fn version_number(object: &Value) -> u64 {
    meta(object, "resourceVersion").parse().unwrap_or(0)
}

/// A timestamp as the API server writes it, to the second.
pub fn timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The identity of an object of `kind`.
pub fn id_of(kind: &'static Kind, object: &Value) -> Id {
    Id::new(kind, meta(object, "namespace"), meta(object, "name"))
}

/// A text in the metadata of an object; empty if there is none.
pub fn meta<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"][key].as_str().unwrap_or_default()
}

fn uid() -> String {
    let (a, b) = (fastrand::u64(..), fastrand::u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0xfff,
        b & 0xffff_ffff_ffff
    )
}
