//! Does what the fleet asks for, each thing on a task of its own, and sends back what came of it.

use super::watches::{Events, Watches};
use crate::act;
use crate::fleet::event::{Command, Event, Scale};
use crate::observe::{Address, endpoint, pods, target};
use crate::report::{EventNote, Metrics, events};
use api::{FIELD_MANAGER, GROUP, Key, SecretKeySelector, VERSION, WorkerPool, WorkerPoolStatus};
use decide::Millis;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::task::TaskTracker;

/// Scales that are written at once: more would open connections, not save time.
const SCALES: usize = 16;
/// Statuses and events that are written at once, so that scales never wait behind them.
const STATUS_WRITES: usize = 4;
/// How long a report may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The hands of the controller.
pub(super) struct Executor {
    client: Client,
    events: Events,
    watches: Watches,
    watched: HashSet<(String, String)>,
    endpoints: HashMap<Address, (UnboundedSender<endpoint::Command>, usize)>,
    scales: Arc<Semaphore>,
    /// What a scale-down prepares: no way up waits behind it.
    drains: Arc<Semaphore>,
    reports: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    instance: Arc<str>,
    /// What is under way; a shutdown waits for it.
    tasks: TaskTracker,
}

impl Executor {
    pub fn new(watches: Watches, metrics: Arc<Metrics>) -> Self {
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| FIELD_MANAGER.to_owned());
        Self {
            client: watches.client.clone(),
            events: watches.events.clone(),
            watches,
            watched: HashSet::new(),
            endpoints: HashMap::new(),
            scales: Arc::new(Semaphore::new(SCALES)),
            drains: Arc::new(Semaphore::new(SCALES)),
            reports: Arc::new(Semaphore::new(STATUS_WRITES)),
            metrics,
            instance: instance.into(),
            tasks: TaskTracker::new(),
        }
    }

    /// Waits for the writes that are under way, and for the endpoints to do what they were told.
    pub async fn finish(mut self) {
        self.endpoints.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub fn execute(&mut self, command: Command) {
        match command {
            Command::WatchTargets(api_version, kind) => {
                if self.watched.insert((api_version.clone(), kind.clone())) {
                    self.watches.targets(&api_version, &kind);
                }
            }
            Command::Observe(address, pool, queues, interval) => {
                let (endpoint, users) = self.endpoint(address);
                *users += 1;
                let _ = endpoint.send(endpoint::Command::Watch(pool, queues, interval));
            }
            Command::Poll(address, pool) => {
                if let Some((endpoint, _)) = self.endpoints.get(&address) {
                    let _ = endpoint.send(endpoint::Command::Look(pool));
                }
            }
            Command::Drain(address, pool, workers, drain) => {
                if let Some((endpoint, _)) = self.endpoints.get(&address) {
                    let _ = endpoint.send(endpoint::Command::Drain(pool, workers, drain));
                }
            }
            Command::StopObserving(address, pool) => {
                if let Some((endpoint, users)) = self.endpoints.get_mut(&address) {
                    let _ = endpoint.send(endpoint::Command::Forget(pool));
                    *users -= 1;
                    if *users == 0 {
                        self.endpoints.remove(&address);
                    }
                }
            }
            Command::ReadSecret(pool, selector) => self.read_secret(pool, selector),
            Command::ListPods(pool, selector) => self.list_pods(pool, selector),
            Command::Mark(pool, marks) => self.mark(pool, marks),
            Command::Scale(scale) => self.scale(scale),
            Command::WriteStatus(pool, status) => self.write_status(pool, status),
            Command::EmitEvent(note) => self.publish(note),
        }
    }

    fn endpoint(&mut self, address: Address) -> &mut (UnboundedSender<endpoint::Command>, usize) {
        self.endpoints.entry(address).or_insert_with_key(|address| {
            let (commands, inbox) = tokio::sync::mpsc::unbounded_channel();
            let events = self.events.clone();
            self.tasks
                .spawn(endpoint::run(address.clone(), inbox, move |facts| {
                    let _ = events.send(Event::Metrics(facts));
                }));
            (commands, 0)
        })
    }

    fn list_pods(&self, pool: Key, selector: String) {
        let (client, events, permits) = (
            self.client.clone(),
            self.events.clone(),
            Arc::clone(&self.drains),
        );
        self.tasks.spawn(async move {
            let _permit = permits.acquire().await;
            let pods = pods::list(client, &pool.namespace, &selector).await;
            let _ = events.send(Event::Pods(pool, pods));
        });
    }

    fn mark(&self, pool: Key, marks: Vec<(String, bool)>) {
        let (client, events, permits) = (
            self.client.clone(),
            self.events.clone(),
            Arc::clone(&self.drains),
        );
        self.tasks.spawn(async move {
            let _permit = permits.acquire().await;
            let marked = act::mark(client, &pool.namespace, &marks).await;
            let _ = events.send(Event::Marked(
                pool,
                marked.map_err(|error| error.to_string()),
            ));
        });
    }

    fn scale(&self, scale: Scale) {
        let (client, events) = (self.client.clone(), self.events.clone());
        let (permits, metrics) = (Arc::clone(&self.scales), Arc::clone(&self.metrics));
        self.tasks.spawn(async move {
            let Scale {
                pool,
                api_version,
                target,
                replicas,
                notified_at: woken,
            } = scale;
            let resource = target::resource(&api_version, &target.kind);
            let _permit = permits.acquire().await;
            let outcome = act::scale(client, &resource, &target.object, replicas).await;
            let took = woken.map(|woken| woken.elapsed());
            metrics.scaled(outcome.is_ok(), took);
            let millis = took
                .and_then(|took| i64::try_from(took.as_millis()).ok())
                .map(Millis);
            let _ = events.send(Event::Scaled(pool, outcome, millis));
        });
    }

    fn write_status(&self, pool: Key, status: Box<WorkerPoolStatus>) {
        let (client, events) = (self.client.clone(), self.events.clone());
        let (permits, metrics) = (Arc::clone(&self.reports), Arc::clone(&self.metrics));
        self.tasks.spawn(async move {
            let _permit = permits.acquire().await;
            let api: Api<WorkerPool> = Api::namespaced(client, &pool.namespace);
            let patch = Patch::Apply(json!({
                "apiVersion": format!("{GROUP}/{VERSION}"),
                "kind": "WorkerPool",
                "metadata": {"name": &*pool.name},
                "status": status,
            }));
            let params = PatchParams::apply(FIELD_MANAGER).force();
            let write = api.patch_status(&pool.name, &params, &patch);
            let ok = match tokio::time::timeout(DEADLINE, write).await {
                Ok(Ok(_)) => true,
                Ok(Err(error)) => {
                    tracing::warn!(pool = %pool, "cannot write the status: {error}");
                    false
                }
                Err(_) => {
                    tracing::warn!(pool = %pool, "cannot write the status: no answer");
                    false
                }
            };
            metrics.status_written();
            let _ = events.send(Event::StatusWritten(pool, ok));
        });
    }

    fn publish(&self, note: EventNote) {
        let (client, permits) = (self.client.clone(), Arc::clone(&self.reports));
        let (metrics, instance) = (Arc::clone(&self.metrics), Arc::clone(&self.instance));
        self.tasks.spawn(async move {
            let _permit = permits.acquire().await;
            let publish = events::publish(
                client,
                &note,
                &instance,
                k8s_openapi::jiff::Timestamp::now(),
            );
            match tokio::time::timeout(DEADLINE, publish).await {
                Ok(Ok(())) => metrics.event_published(),
                Ok(Err(error)) => {
                    tracing::warn!(pool = %note.pool, "cannot publish an event: {error}")
                }
                Err(_) => tracing::warn!(pool = %note.pool, "cannot publish an event: no answer"),
            }
        });
    }

    fn read_secret(&self, pool: Key, selector: SecretKeySelector) {
        let (client, events) = (self.client.clone(), self.events.clone());
        self.tasks.spawn(async move {
            let SecretKeySelector { name, key } = selector;
            let api: Api<Secret> = Api::namespaced(client, &pool.namespace);
            let answer = match tokio::time::timeout(DEADLINE, api.get(&name)).await {
                Ok(Ok(secret)) => secret
                    .data
                    .and_then(|mut data| data.remove(&key))
                    .and_then(|value| String::from_utf8(value.0).ok())
                    .map(|url| url.trim().to_owned())
                    .ok_or_else(|| format!("Secret {name} has no text under the key {key}: add it, or mend redis.addressFrom")),
                Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
                    Err(format!("Secret {name} does not exist in {}: create it, or mend redis.addressFrom", pool.namespace))
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(format!(
                    "the operator may not read Secret {name} in {namespace}: install it with rbac.secretNamespaces={{{namespace}}}",
                    namespace = pool.namespace
                )),
                Ok(Err(error)) => Err(format!("Secret {name} cannot be read: {error}")),
                Err(_) => Err(format!("Secret {name} cannot be read: the API server does not answer")),
            };
            let _ = events.send(Event::Secret(pool, answer));
        });
    }
}
