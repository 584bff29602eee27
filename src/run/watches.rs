//! The watches as one stream of changes each: what is there, what is gone, and when the first list is complete.

use crate::fleet::event::{Event, Watched};
use crate::observe::target::{self, Autoscaler, Scalable, Target, TargetKey};
use api::{Key, WorkerPool};
use futures::{Stream, StreamExt};
use kube::api::Api;
use kube::core::{ApiResource, DeserializeGuard, DynamicResourceScope};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// A silent API server is noticed after this many seconds; kube's own limit is 295.
const WATCH_SECONDS: u32 = 30;

/// Where events go.
pub type Events = UnboundedSender<Event>;

enum WatchChange<K> {
    There(K),
    Gone(Key),
    Complete,
    /// The watch failed, and why; it is tried again.
    Failed(String),
}

/// Objects that were there before a relist and are missing in it are gone.
fn changes<K>(api: Api<K>, what: String) -> impl Stream<Item = WatchChange<K>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut known: HashSet<Key> = HashSet::new();
    let mut listed: HashSet<Key> = HashSet::new();
    watcher(api, watcher::Config::default().timeout(WATCH_SECONDS))
        .default_backoff()
        .flat_map(move |event| {
            let seen = match event {
                Err(error) => vec![WatchChange::Failed(describe(&error, &what))],
                Ok(event) => match event {
                    watcher::Event::Apply(object) => {
                        known.insert(key(&object));
                        vec![WatchChange::There(object)]
                    }
                    watcher::Event::Delete(object) => {
                        known.remove(&key(&object));
                        vec![WatchChange::Gone(key(&object))]
                    }
                    watcher::Event::Init => {
                        listed.clear();
                        Vec::new()
                    }
                    watcher::Event::InitApply(object) => {
                        listed.insert(key(&object));
                        vec![WatchChange::There(object)]
                    }
                    watcher::Event::InitDone => {
                        let gone: Vec<WatchChange<K>> = known
                            .difference(&listed)
                            .cloned()
                            .map(WatchChange::Gone)
                            .collect();
                        known = std::mem::take(&mut listed);
                        gone.into_iter().chain([WatchChange::Complete]).collect()
                    }
                },
            };
            futures::stream::iter(seen)
        })
}

fn describe(error: &watcher::Error, what: &str) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == 404 => {
            let mend = if what == "workerpools" {
                "kubectl apply --server-side -f crds/workerpools.yaml"
            } else {
                "fix spec.scaleTargetRef"
            };
            format!("the API server serves no {what}: {mend}")
        }
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.message.clone(),
        other => other.to_string(),
    }
}

fn key<K: Resource>(object: &K) -> Key {
    let meta = object.meta();
    Key::new(
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
}

/// Starts the watches: all namespaces, or the named ones.
#[derive(Clone)]
pub struct Watches {
    /// The API server.
    pub client: Client,
    /// Empty for all.
    pub namespaces: Vec<String>,
    /// Where changes go.
    pub events: Events,
    /// Ends them all.
    pub stop: CancellationToken,
}

impl Watches {
    /// Watches the pools and the autoscalers that could be in their way.
    pub fn start(&self) {
        let pools = self.apis(|client, namespace| match namespace {
            Some(namespace) => Api::<DeserializeGuard<WorkerPool>>::namespaced(client, namespace),
            None => Api::all(client),
        });
        self.watch(pools, "workerpools", &Watched::Pools, |seen| match seen {
            WatchChange::There(DeserializeGuard(Ok(pool))) => Some(Event::Pool(Box::new(pool))),
            WatchChange::There(DeserializeGuard(Err(error))) => {
                let name = error.metadata.name.unwrap_or_default();
                tracing::warn!(
                    pool = name,
                    "this WorkerPool cannot be read and is left alone: {}",
                    error.error
                );
                None
            }
            WatchChange::Gone(key) => Some(Event::PoolDeleted(key)),
            WatchChange::Complete | WatchChange::Failed(_) => None,
        });
        let resource = target::resource("autoscaling/v2", "HorizontalPodAutoscaler");
        let autoscalers = self.apis(dynamic::<Autoscaler>(&resource));
        self.watch(
            autoscalers,
            &resource.plural,
            &Watched::Autoscalers,
            |seen| match seen {
                WatchChange::There(autoscaler) => Some(Event::Autoscaler(
                    key(&autoscaler),
                    Some(target::scaled_by(&autoscaler)),
                )),
                WatchChange::Gone(key) => Some(Event::Autoscaler(key, None)),
                WatchChange::Complete | WatchChange::Failed(_) => None,
            },
        );
    }

    /// Watches one kind of target, which keeps its number in `spec.replicas` as all of apps do.
    pub fn targets(&self, api_version: &str, kind: &str) {
        let resource = target::resource(api_version, kind);
        let (group, kind_name) = (resource.group.clone(), kind.to_owned());
        let watched = Watched::Targets(api_version.to_owned(), kind.to_owned());
        let objects = self.apis(dynamic::<Scalable>(&resource));
        self.watch(objects, &resource.plural, &watched, move |seen| {
            let named = |object: Key| TargetKey {
                group: group.clone(),
                kind: kind_name.clone(),
                object,
            };
            match seen {
                WatchChange::There(object) => Some(Event::Target(
                    named(key(&object)),
                    Some(Target::from(&object)),
                )),
                WatchChange::Gone(object) => Some(Event::Target(named(object), None)),
                WatchChange::Complete | WatchChange::Failed(_) => None,
            }
        });
    }

    /// One `Api` for all namespaces, or one for each of the named.
    fn apis<K>(&self, api: impl Fn(Client, Option<&str>) -> Api<K>) -> Vec<Api<K>> {
        if self.namespaces.is_empty() {
            return vec![api(self.client.clone(), None)];
        }
        self.namespaces
            .iter()
            .map(|namespace| api(self.client.clone(), Some(namespace)))
            .collect()
    }

    fn watch<K>(
        &self,
        apis: Vec<Api<K>>,
        what: &str,
        watched: &Watched,
        translate: impl Fn(WatchChange<K>) -> Option<Event> + Clone + Send + 'static,
    ) where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let incomplete = Arc::new(AtomicUsize::new(apis.len()));
        for api in apis {
            let (events, watched, translate) =
                (self.events.clone(), watched.clone(), translate.clone());
            let (incomplete, stop) = (Arc::clone(&incomplete), self.stop.clone());
            let changes = changes(api, what.to_owned());
            tokio::spawn(stop.run_until_cancelled_owned(async move {
                let mut first = true;
                let mut said = String::new();
                let mut changes = std::pin::pin!(changes);
                while let Some(seen) = changes.next().await {
                    if let WatchChange::Failed(why) = seen {
                        if why != said {
                            tracing::warn!("cannot watch, trying again: {why}");
                            let _ = events.send(Event::WatchFailed(watched.clone(), why.clone()));
                            said = why;
                        }
                        continue;
                    }
                    let complete = matches!(seen, WatchChange::Complete);
                    if let Some(event) = translate(seen)
                        && events.send(event).is_err()
                    {
                        return;
                    }
                    // The last of the namespaces completes the list.
                    if complete
                        && std::mem::take(&mut first)
                        && incomplete.fetch_sub(1, Ordering::AcqRel) == 1
                    {
                        let _ = events.send(Event::Synced(watched.clone()));
                    }
                }
            }));
        }
    }
}

fn dynamic<K>(resource: &ApiResource) -> impl Fn(Client, Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
{
    |client, namespace| match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    }
}
