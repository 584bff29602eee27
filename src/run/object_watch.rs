//! The watch of one Secret or `ConfigMap` by its name: no other object is listed, and a change is seen at once.

use super::watches::{WatchChange, Watches, changes};
use crate::fleet::event::Event;
use crate::observe::partial::Fields::{self, All, Metadata, Only};
use crate::observe::partial::{Partial, Used};
use crate::observe::{MAX_VALUE, ObjectKind, ObjectRef, Values};
use decide::Unavailable;
use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Resource;
use kube::api::Api;
use kube::runtime::watcher;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use tokio_util::sync::CancellationToken;

/// An object that holds values.
trait HoldsValues {
    fn values(self) -> Values;
}

/// A Secret or a `ConfigMap` has up to 1 MiB of values, as base64 a third more.
const MAX_OBJECT: usize = 2 * 1024 * 1024;

impl Used for Secret {
    const USED: Fields = Only(&[("metadata", Metadata(&[])), ("data", All)]);
    const LIMIT: usize = MAX_OBJECT;
}

impl Used for ConfigMap {
    const USED: Fields = Only(&[
        ("metadata", Metadata(&[])),
        ("data", All),
        ("binaryData", All),
    ]);
    const LIMIT: usize = MAX_OBJECT;
}

impl HoldsValues for Secret {
    fn values(self) -> Values {
        let data = self.data.unwrap_or_default().into_iter();
        data.map(|(key, value)| (key, value.0)).collect()
    }
}

impl HoldsValues for ConfigMap {
    fn values(self) -> Values {
        let data = self.data.unwrap_or_default().into_iter();
        let binary = self.binary_data.unwrap_or_default().into_iter();
        data.map(|(key, value)| (key, value.into_bytes()))
            .chain(binary.map(|(key, value)| (key, value.0)))
            .collect()
    }
}

impl Watches {
    /// Watches `object` until the token is cancelled.
    pub fn object(&self, object: &ObjectRef) -> CancellationToken {
        let stop = self.stop.child_token();
        let (watches, object) = (self.clone(), object.clone());
        let until = stop.clone();
        tokio::spawn(async move {
            match object.kind {
                ObjectKind::Secret => {
                    until
                        .run_until_cancelled(watches.follow::<Secret>(object))
                        .await
                }
                ObjectKind::ConfigMap => {
                    until
                        .run_until_cancelled(watches.follow::<ConfigMap>(object))
                        .await
                }
            }
        });
        stop
    }

    async fn follow<K>(self, object: ObjectRef)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + HoldsValues + Used,
        K: Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let api: Api<Partial<K>> = Api::namespaced(self.client.clone(), &object.namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={}", object.name));
        let mut turn = Some(self.reads.take(&object.namespace).await);
        let mut changes = std::pin::pin!(changes(api, config, K::plural(&()).into_owned()));
        let mut exists = false;
        let mut last_error = None;
        while let Some(change) = changes.next().await {
            let values = match change {
                WatchChange::Applied(Partial(found)) => {
                    exists = true;
                    found
                        .map(used_values)
                        .map_err(|found| unreadable(&object, found.error, false))
                }
                WatchChange::Deleted(_) => {
                    exists = false;
                    Err(object.missing())
                }
                WatchChange::Synced if exists => continue,
                WatchChange::Synced => Err(object.missing()),
                WatchChange::Failed { message, forbidden } => {
                    Err(unreadable(&object, message, forbidden))
                }
            };
            drop(turn.take());
            // A watch is retried for as long as it fails.
            let error = values.as_ref().err().cloned();
            if error.is_some() && error == last_error {
                continue;
            }
            last_error = error;
            let event = Event::Object(object.clone(), values);
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// The values of an object, each as far as it may be used.
fn used_values(object: impl HoldsValues) -> Values {
    let mut values = object.values();
    // One byte more than is used shows that it is too long.
    for value in values.values_mut() {
        value.truncate(MAX_VALUE + 1);
        value.shrink_to_fit();
    }
    values
}

fn unreadable(object: &ObjectRef, error: String, forbidden: bool) -> Unavailable {
    if forbidden {
        return Unavailable::ReferenceForbidden {
            object: object.to_string(),
            name: object.name.clone(),
            namespace: object.namespace.to_string(),
        };
    }
    Unavailable::ReferenceUnreadable {
        object: object.to_string(),
        error,
    }
}
