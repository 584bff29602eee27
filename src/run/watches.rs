//! The watches: each is a stream of objects that exist, objects that were deleted, and the end of the initial list.

use super::inbox::Events;
use crate::fleet::event::{Event, Scope, Watched};
use crate::observe::partial::Partial;
use crate::observe::pool::{self, AnyPool};
use crate::observe::target::{self, Autoscaler, Scalable, Target, TargetKey};
use crate::turns::Turns;
use api::{Key, WorkerPool};
use futures::{Stream, StreamExt};
use kube::api::Api;
use kube::core::{ApiResource, DynamicResourceScope};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A watch ends after this many seconds, so that an unresponsive API server is noticed; kube's default is 295.
const WATCH_SECONDS: u32 = 30;
/// The objects of one page of a list. Anyone who may edit a namespace can create many objects of 1.5 MB, the most that the API
/// server stores. Its JSON has up to six times as much, and a page is in memory twice while it is parsed. Kube's default is 500.
const PAGE: u32 = 2;
/// The longest pause before a watch that failed starts again, without its jitter.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The pauses after failures of a watch: 800 ms, doubled each time up to 30 s, each plus up to as much as jitter, so that
/// many watches do not come back at the same time. Kube's default has the same, from a generator that no seed repeats.
#[derive(Debug, Default)]
struct Pauses {
    failures: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = (Duration::from_millis(800) * 2u32.pow(self.failures)).min(MAX_PAUSE);
        self.failures = (self.failures + 1).min(6);
        Some(pause.mul_f64(1.0 + fastrand::f64()))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

pub(super) enum WatchChange<K> {
    Applied(K),
    Deleted(Key),
    /// A list is complete.
    Synced,
    /// The watch failed with this message; it is retried.
    Failed {
        message: String,
        /// Whether the operator lacks the right.
        forbidden: bool,
    },
}

/// The changes of one resource. An object that a relist does not contain any more counts as deleted.
pub(super) fn changes<K>(
    api: Api<K>,
    config: watcher::Config,
    resource: String,
) -> impl Stream<Item = WatchChange<K>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut known: HashSet<Key> = HashSet::new();
    let mut listed: HashSet<Key> = HashSet::new();
    watcher(api, config.timeout(WATCH_SECONDS).page_size(PAGE))
        .backoff(Pauses::default())
        .flat_map(move |event| {
            let changes = match event {
                Err(error) => vec![WatchChange::Failed {
                    message: describe(&error, &resource),
                    forbidden: is_forbidden(&error),
                }],
                Ok(event) => match event {
                    watcher::Event::Apply(object) => {
                        known.insert(key(&object));
                        vec![WatchChange::Applied(object)]
                    }
                    watcher::Event::Delete(object) => {
                        known.remove(&key(&object));
                        vec![WatchChange::Deleted(key(&object))]
                    }
                    watcher::Event::Init => {
                        listed.clear();
                        Vec::new()
                    }
                    watcher::Event::InitApply(object) => {
                        listed.insert(key(&object));
                        vec![WatchChange::Applied(object)]
                    }
                    watcher::Event::InitDone => {
                        let deleted: Vec<WatchChange<K>> = known
                            .difference(&listed)
                            .cloned()
                            .map(WatchChange::Deleted)
                            .collect();
                        known = std::mem::take(&mut listed);
                        deleted.into_iter().chain([WatchChange::Synced]).collect()
                    }
                },
            };
            futures::stream::iter(changes)
        })
}

fn describe(error: &watcher::Error, resource: &str) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == 404 => {
            let fix = if resource == "workerpools" {
                "kubectl apply --server-side -f crds/workerpools.yaml"
            } else {
                "fix spec.scaleTargetRef"
            };
            format!("the API server does not serve {resource}: {fix}")
        }
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.message.clone(),
        other => other.to_string(),
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return false;
    };
    status.code == 403
}

fn key<K: Resource>(object: &K) -> Key {
    let meta = object.meta();
    Key::new(
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
}

/// Starts the watches, in all namespaces or in the given ones.
#[derive(Clone)]
pub struct Watches {
    /// The client of the API server.
    pub client: Client,
    /// The namespaces to watch; empty for all.
    pub namespaces: Vec<String>,
    /// Receives the changes.
    pub events: Events,
    /// The first reads of single objects.
    pub reads: Arc<Turns>,
    /// Ends all watches.
    pub stop: CancellationToken,
}

impl Watches {
    /// Watches the pools, and the autoscalers that could conflict with them.
    pub fn start(&self) {
        let resource = ApiResource::erase::<WorkerPool>(&());
        let pools = self.apis(dynamic::<Partial<AnyPool>>(&resource));
        self.watch(
            pools,
            "workerpools",
            &Watched::Pools,
            |change| match change {
                WatchChange::Applied(object) => Some(Event::Pool(Box::new(pool::read(object)))),
                WatchChange::Deleted(key) => Some(Event::PoolDeleted(key)),
                WatchChange::Synced | WatchChange::Failed { .. } => None,
            },
        );
        let resource = target::resource("autoscaling/v2", "HorizontalPodAutoscaler");
        let autoscalers = self.apis(dynamic::<Partial<Autoscaler>>(&resource));
        self.watch(
            autoscalers,
            &resource.plural,
            &Watched::Autoscalers,
            |change| match change {
                WatchChange::Applied(autoscaler) => {
                    let name = key(&autoscaler);
                    let scaled = readable(autoscaler).as_ref().map(target::scaled_by);
                    Some(Event::Autoscaler(name, scaled))
                }
                WatchChange::Deleted(key) => Some(Event::Autoscaler(key, None)),
                WatchChange::Synced | WatchChange::Failed { .. } => None,
            },
        );
    }

    /// Watches one kind of target, which has `spec.replicas` like all scalable kinds of the apps group.
    /// Returns what ends the watch.
    pub fn targets(&self, api_version: &str, kind: &str) -> CancellationToken {
        let watches = Self {
            stop: self.stop.child_token(),
            ..self.clone()
        };
        let resource = target::resource(api_version, kind);
        let group = resource.group.clone();
        let kind_name = kind.to_owned();
        let watched = Watched::Targets(api_version.to_owned(), kind.to_owned());
        let objects = self.apis(dynamic::<Partial<Scalable>>(&resource));
        watches.watch(objects, &resource.plural, &watched, move |change| {
            let target_key = |object: Key| TargetKey {
                group: group.clone(),
                kind: kind_name.clone(),
                object,
            };
            match change {
                WatchChange::Applied(object) => {
                    let name = target_key(key(&object));
                    Some(match object.0 {
                        Ok(object) => Event::Target(name, Some(Target::from(&object))),
                        Err(unreadable) => Event::TargetUnreadable(name, unreadable.error),
                    })
                }
                WatchChange::Deleted(object) => Some(Event::Target(target_key(object), None)),
                WatchChange::Synced | WatchChange::Failed { .. } => None,
            }
        });
        watches.stop
    }

    /// One `Api` for all namespaces, or one per given namespace.
    fn apis<K>(&self, api: impl Fn(Client, Option<&str>) -> Api<K>) -> Vec<(Scope, Api<K>)> {
        if self.namespaces.is_empty() {
            return vec![(None, api(self.client.clone(), None))];
        }
        let of_namespace = |namespace: &String| {
            let api = api(self.client.clone(), Some(namespace));
            (Some(namespace.as_str().into()), api)
        };
        self.namespaces.iter().map(of_namespace).collect()
    }

    /// Sends each change as an event, and [`Event::Synced`] once the initial list of one of the `apis` is complete.
    fn watch<K>(
        &self,
        apis: Vec<(Scope, Api<K>)>,
        resource: &str,
        watched: &Watched,
        translate: impl Fn(WatchChange<K>) -> Option<Event> + Clone + Send + 'static,
    ) where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        for (scope, api) in apis {
            let events = self.events.clone();
            let watched = watched.clone();
            let translate = translate.clone();
            let stop = self.stop.clone();
            let changes = changes(api, watcher::Config::default(), resource.to_owned());
            tokio::spawn(stop.run_until_cancelled_owned(async move {
                let mut initial = true;
                let mut last_failure = String::new();
                let mut changes = std::pin::pin!(changes);
                while let Some(change) = changes.next().await {
                    if let WatchChange::Failed {
                        message: failure, ..
                    } = change
                    {
                        if failure != last_failure {
                            tracing::warn!("cannot watch, retrying: {failure}");
                            let (watched, scope) = (watched.clone(), scope.clone());
                            let event = Event::WatchFailed(watched, scope, failure.clone());
                            let _ = events.send(event).await;
                            last_failure = failure;
                        }
                        continue;
                    }
                    let synced = matches!(change, WatchChange::Synced);
                    if let Some(event) = translate(change)
                        && events.send(event).await.is_err()
                    {
                        return;
                    }
                    if synced && std::mem::take(&mut initial) {
                        let event = Event::Synced(watched.clone(), scope.clone());
                        let _ = events.send(event).await;
                    }
                }
            }));
        }
    }
}

/// The autoscaler, if it can be read. One that cannot must not block the others.
fn readable(Partial(autoscaler): Partial<Autoscaler>) -> Option<Autoscaler> {
    autoscaler
        .inspect_err(|error| {
            let name = error.metadata.name.as_deref().unwrap_or_default();
            tracing::warn!(name, "cannot read this autoscaler: {}", error.error);
        })
        .ok()
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
