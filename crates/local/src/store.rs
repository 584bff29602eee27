//! The objects, each change numbered, and the last changes for those who watch. What etcd is to a cluster.

use super::kind::{Id, Kind};
use crate::error::ApiError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Changes that are remembered. Who was away for longer lists anew.
const LOG: usize = 2_000;
/// Events that are kept; the oldest go.
const EVENTS: usize = 300;

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    pub version: u64,
    pub id: Id,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub verb: &'static str,
    pub object: Arc<Value>,
}

#[derive(Debug)]
struct Inner {
    objects: BTreeMap<Id, Arc<Value>>,
    log: VecDeque<Change>,
    version: u64,
    /// The version before the oldest change of `log`.
    since: u64,
}

/// All objects.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
}

/// The store as it lies in a file.
#[derive(Default, Serialize, Deserialize)]
pub struct Saved {
    version: u64,
    objects: Vec<(String, Value)>,
}

impl Saved {
    /// The names of its pods.
    pub fn pods(&self) -> Vec<String> {
        let pods = self.objects.iter().filter(|(plural, _)| plural == "pods");
        pods.filter_map(|(_, pod)| pod["metadata"]["name"].as_str().map(str::to_owned))
            .collect()
    }
}

impl Store {
    pub fn new(saved: Saved, kinds: &[&'static Kind]) -> Self {
        let objects = saved.objects.into_iter().filter_map(|(plural, object)| {
            let kind = kinds.iter().find(|kind| kind.plural == plural)?;
            Some((id(kind, &object), Arc::new(object)))
        });
        // Versions count on, so that a watch from before finds that it has to list anew.
        let version = saved.version.max(1);
        let inner = Inner {
            objects: objects.collect(),
            log: VecDeque::new(),
            version,
            since: version,
        };
        Self {
            inner: Mutex::new(inner),
            version: watch::Sender::new(version),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when something has changed.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub fn save(&self) -> Saved {
        let inner = self.inner();
        let objects = inner
            .objects
            .iter()
            .map(|(id, object)| (id.plural.to_owned(), (**object).clone()));
        Saved {
            version: inner.version,
            objects: objects.collect(),
        }
    }

    pub fn get(&self, id: &Id) -> Option<Arc<Value>> {
        self.inner().objects.get(id).cloned()
    }

    /// The objects of a kind, in one namespace or in all, and the version of the whole.
    pub fn list(&self, kind: &'static Kind, namespace: &str) -> (u64, Vec<Arc<Value>>) {
        let (inner, plural) = (self.inner(), kind.store().plural);
        let wanted =
            |id: &Id| id.plural == plural && (namespace.is_empty() || id.namespace == namespace);
        let found = inner
            .objects
            .iter()
            .filter(|(id, _)| wanted(id))
            .map(|(_, object)| Arc::clone(object));
        (inner.version, found.collect())
    }

    /// The changes after `version`; `None` when they are no longer known.
    pub fn since(&self, version: u64) -> Option<Vec<Change>> {
        let inner = self.inner();
        let known = version >= inner.since && version <= inner.version;
        known.then(|| {
            inner
                .log
                .iter()
                .filter(|change| change.version > version)
                .cloned()
                .collect()
        })
    }

    /// Makes of the object what `next` says, which sees the present one. Where nothing changes nothing is written.
    pub fn write(
        &self,
        id: &Id,
        next: impl FnOnce(Option<&Value>) -> Result<Value, ApiError>,
    ) -> Result<Arc<Value>, ApiError> {
        let mut inner = self.inner();
        let old = inner.objects.get(id).cloned();
        let mut object = next(old.as_deref())?;
        let meta = &mut object["metadata"];
        let sent = meta["resourceVersion"].clone();
        if let Some(before) = old.as_deref().map(|old| &old["metadata"]) {
            if sent.is_string() && sent != before["resourceVersion"] {
                let said = "the object has been modified; please apply your changes to the latest version and try again";
                return Err(ApiError::new(409, "Conflict", said));
            }
            for key in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
                meta[key] = before[key].clone();
            }
        } else {
            meta["uid"] = json!(uid());
            meta["creationTimestamp"] = json!(second(Timestamp::now()));
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
            object["metadata"]["generation"] =
                json!(old["metadata"]["generation"].as_u64().unwrap_or(0) + 1);
        }
        let verb = if old.is_some() { "MODIFIED" } else { "ADDED" };
        Ok(self.put(&mut inner, id, verb, object))
    }

    pub fn delete(&self, id: &Id) -> Option<Arc<Value>> {
        let mut inner = self.inner();
        let object = inner.objects.get(id)?;
        let object = (**object).clone();
        Some(self.put(&mut inner, id, "DELETED", object))
    }

    fn put(&self, inner: &mut Inner, id: &Id, verb: &'static str, mut object: Value) -> Arc<Value> {
        inner.version += 1;
        object["metadata"]["resourceVersion"] = json!(inner.version.to_string());
        let object = Arc::new(object);
        if verb == "DELETED" {
            inner.objects.remove(id);
        } else {
            inner.objects.insert(id.clone(), Arc::clone(&object));
        }
        let change = Change {
            version: inner.version,
            id: id.clone(),
            verb,
            object: Arc::clone(&object),
        };
        inner.log.push_back(change);
        while inner.log.len() > LOG {
            inner.since = inner
                .log
                .pop_front()
                .map_or(inner.since, |change| change.version);
        }
        if verb == "ADDED" && id.plural == "events" {
            let mut events: Vec<(&Id, &Arc<Value>)> = inner
                .objects
                .iter()
                .filter(|(id, _)| id.plural == "events")
                .collect();
            events.sort_by_key(|(_, event)| number(&event["metadata"]["resourceVersion"]));
            let late = events.len().saturating_sub(EVENTS);
            for id in events
                .into_iter()
                .take(late)
                .map(|(id, _)| id.clone())
                .collect::<Vec<_>>()
            {
                inner.objects.remove(&id);
            }
        }
        self.version.send_replace(inner.version);
        object
    }
}

/// A version, which is a number in a text.
pub fn number(version: &Value) -> u64 {
    version
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// An instant as the API server writes it: to the second.
pub fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What to call an object of `kind`.
pub fn id(kind: &'static Kind, object: &Value) -> Id {
    let text = |key: &str| {
        object["metadata"][key]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    Id::new(kind, &text("namespace"), &text("name"))
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
