//! The requests that change an object: create, update, patch and delete.

use crate::admission::admit;
use crate::error::ApiError;
use crate::kind::{Id, Kind, PODS, Path};
use crate::managed_fields::{self, Writer};
use crate::store::{Store, timestamp};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// A request to create or change one object.
pub struct WriteRequest<'a> {
    pub path: &'a Path,
    /// The field manager.
    pub manager: String,
    /// Whether to take over fields that another manager owns.
    pub force: bool,
    pub content_type: &'a str,
    pub body: Value,
}

impl WriteRequest<'_> {
    fn subresource(&self) -> &str {
        self.path.subresource.as_deref().unwrap_or_default()
    }

    pub fn create(self, store: &Store) -> Result<Arc<Value>, ApiError> {
        let field = |key: &str| self.body["metadata"][key].as_str().map(str::to_owned);
        let name = field("name")
            .or_else(|| {
                field("generateName").map(|prefix| format!("{prefix}{:05x}", fastrand::u32(..)))
            })
            .ok_or_else(|| ApiError::new(400, "BadRequest", "metadata.name is missing"))?;
        let kind = self.path.kind;
        store.write(&self.path.id(&name), |old| {
            if old.is_some() {
                let text = format!("{} \"{name}\" already exists", kind.plural);
                return Err(ApiError::new(409, "AlreadyExists", text));
            }
            let mut object = admit(kind, self.body)?;
            let api_version = kind.api_version();
            let writer = Writer::new(&self.manager, &api_version);
            managed_fields::record_update(&json!({}), &mut object, writer);
            Ok(object)
        })
    }

    /// Changes the object `id` by a put, a patch or a server-side apply, depending on the content type.
    pub fn change(&self, store: &Store, id: &Id) -> Result<Arc<Value>, ApiError> {
        let kind = self.path.kind;
        let api_version = kind.api_version();
        let writer = Writer {
            subresource: self.subresource(),
            ..Writer::new(&self.manager, &api_version)
        };
        let patch = self.patch();
        store.write(id, |old| {
            let applies = self.content_type == "application/apply-patch+yaml";
            let empty = json!({"metadata": {"name": id.name}});
            let old = match old {
                Some(old) => old,
                None if applies && self.subresource().is_empty() => &empty,
                None => return Err(ApiError::not_found(kind.plural, &id.name)),
            };
            if applies {
                let applied = managed_fields::apply(old, &patch, writer, self.force)?;
                return admit(kind, applied);
            }
            let mut new = admit(kind, self.patched(old, &patch)?)?;
            managed_fields::record_update(old, &mut new, writer);
            Ok(new)
        })
    }

    /// The part of the body that this request may change: a subresource changes only its own fields, the object itself
    /// everything but the status, and neither changes the fields that the API server sets.
    fn patch(&self) -> Value {
        let mut patch = match self.subresource() {
            "" => self.body.clone(),
            "scale" => json!({"spec": {"replicas": self.body["spec"]["replicas"]}}),
            _ => json!({"status": self.body["status"]}),
        };
        if self.subresource().is_empty()
            && let Some(fields) = patch.as_object_mut()
        {
            fields.remove("status");
        }
        if let Some(meta) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.retain(|key, _| {
                !["managedFields", "creationTimestamp", "uid", "generation"].contains(&key.as_str())
            });
        }
        patch
    }

    /// `old` with `patch` applied the way the content type says.
    fn patched(&self, old: &Value, patch: &Value) -> Result<Value, ApiError> {
        let mut new = old.clone();
        match self.content_type {
            "application/strategic-merge-patch+json" => {
                managed_fields::merge_by_name(&mut new, patch);
            }
            "application/json" if self.subresource().is_empty() => {
                new = patch.clone();
                new["status"] = old["status"].clone();
                new["metadata"]["managedFields"] = old["metadata"]["managedFields"].clone();
            }
            "application/merge-patch+json" | "application/json" => {
                managed_fields::merge(&mut new, patch);
            }
            other => {
                let text = format!("a local cluster does not support {other}");
                return Err(ApiError::new(415, "UnsupportedMediaType", text));
            }
        }
        Ok(new)
    }
}

/// Deletes an object. A pod is only marked: it is removed when its process has ended.
pub fn delete(
    store: &Store,
    id: &Id,
    kind: &'static Kind,
    options: &Value,
) -> Result<Arc<Value>, ApiError> {
    if *kind == PODS {
        return delete_pod(store, id, options["gracePeriodSeconds"].as_i64());
    }
    let deleted = store.delete(id);
    deleted.ok_or_else(|| ApiError::not_found(kind.plural, &id.name))
}

/// Marks a pod as deleted; its process has `grace` seconds to end, or else the pod's own grace period.
pub fn delete_pod(store: &Store, id: &Id, grace: Option<i64>) -> Result<Arc<Value>, ApiError> {
    store.write(id, |pod| {
        pod.map(|pod| mark_deleted(pod, grace))
            .ok_or_else(|| ApiError::not_found(PODS.plural, &id.name))
    })
}

fn mark_deleted(pod: &Value, grace: Option<i64>) -> Value {
    let mut pod = pod.clone();
    let default = pod["spec"]["terminationGracePeriodSeconds"].as_i64();
    let default = default.unwrap_or(30);
    let grace = grace.unwrap_or(default).max(0);
    if pod["metadata"]["deletionTimestamp"].is_null() || grace < default {
        let deadline = Timestamp::now() + SignedDuration::from_secs(grace);
        pod["metadata"]["deletionTimestamp"] = json!(timestamp(deadline));
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
    }
    pod
}
