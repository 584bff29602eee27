//! The executor: runs the fleet's commands, each write on its own task, and sends their results back as events.

use super::environment::Environment;
use super::fence::Fence;
use super::inbox::Events;
use super::watches::Watches;
use crate::act;
use crate::fleet::event::{Command, Event, PoolRef, Scale};
use crate::observe::{ObjectRef, Redis, endpoint, pods, target};
use crate::report::{EventNote, Metrics, events};
use crate::turns::Turns;
use api::{FIELD_MANAGER, GROUP, VERSION, WorkerPool, WorkerPoolStatus};
use decide::Millis;
use kube::api::{Patch, PatchParams};
use kube::core::Request;
use kube::{Client, Resource};
use serde::de::IgnoredAny;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;

/// Concurrent scale patches: more would open connections and save no time.
const MAX_SCALES: usize = 16;
/// Concurrent status patches and event posts. They have their own limit, so that scales never wait for them.
const MAX_REPORTS: usize = 4;
/// Of each limit, the part of one namespace, one at least: the API server answers the others beside these.
const PART: usize = 8;
/// After each request its namespace rests for as long as that took, and at most this long: the slower the API server is, the
/// more of its time is left to others.
const MAX_REST: Duration = Duration::from_millis(100);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Runs commands.
pub(super) struct Executor {
    environment: Environment,
    /// With leader election, what is sent to Redis waits at it; the client of the environment has its own.
    fence: Option<Fence>,
    events: Events,
    watches: Watches,
    /// What ends the watch of each kind of target, by its apiVersion and name.
    watched: HashMap<(String, String), DropGuard>,
    /// The objects that are watched, each with what ends its watch.
    objects: HashMap<ObjectRef, DropGuard>,
    endpoints: HashMap<Redis, Endpoint>,
    /// For the replies of Redis.
    limits: Arc<endpoint::ReplyLimits>,
    scales: Arc<Turns>,
    /// For the preparation of scale-downs. It has its own limit, so that a scale-up never waits for it.
    drains: Arc<Turns>,
    reports: Arc<Turns>,
    spam_filter: events::SpamFilter,
    metrics: Arc<Metrics>,
    /// Identifies this process in Kubernetes events.
    instance: Arc<str>,
    /// Requests in progress: a shutdown waits for them.
    tasks: TaskTracker,
}

/// The task of one Redis endpoint.
struct Endpoint {
    mailbox: endpoint::Mailbox,
    /// How many pools it polls.
    pools: usize,
}

impl Executor {
    pub fn new(
        environment: Environment,
        watches: Watches,
        fence: Option<Fence>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| FIELD_MANAGER.to_owned());
        Self {
            environment,
            fence,
            events: watches.events.clone(),
            watches,
            watched: HashMap::new(),
            objects: HashMap::new(),
            endpoints: HashMap::new(),
            limits: Arc::default(),
            scales: turns(MAX_SCALES),
            drains: turns(MAX_SCALES),
            reports: turns(MAX_REPORTS),
            spam_filter: events::SpamFilter::default(),
            metrics,
            instance: instance.into(),
            tasks: TaskTracker::new(),
        }
    }

    /// Waits for the requests in progress, and for the endpoints to run the commands they have received.
    pub async fn finish(mut self) {
        self.endpoints.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub fn execute(&mut self, command: Command) {
        match command {
            Command::WatchTargets(api_version, kind) => {
                let guard = self.watches.targets(&api_version, &kind).drop_guard();
                self.watched.insert((api_version, kind), guard);
            }
            Command::UnwatchTargets(api_version, kind) => {
                drop(self.watched.remove(&(api_version, kind)));
            }
            Command::Observe(redis, PoolRef { key, epoch }, queues, interval) => {
                self.endpoint(&redis).pools += 1;
                let watch = endpoint::Command::Watch(key, epoch, queues, interval);
                self.send(&redis, watch);
            }
            Command::Renew(redis) => self.send(&redis, endpoint::Command::Renew(redis.clone())),
            Command::PollClients(redis, pool) => {
                self.send(&redis, endpoint::Command::PollClients(pool));
            }
            Command::Poll(redis, pool, number) => {
                self.send(&redis, endpoint::Command::Poll(pool, number));
            }
            // The fleet sends it again if it has no effect.
            Command::Drain(..) if self.fence.as_ref().is_some_and(|fence| !fence.is_open()) => {}
            Command::Drain(redis, pool, workers, drain, number) => {
                let drain = endpoint::Command::Drain(pool, workers, drain, number);
                self.send(&redis, drain);
            }
            Command::StopObserving(redis, pool) => {
                self.send(&redis, endpoint::Command::Unwatch(pool));
                if let Some(endpoint) = self.endpoints.get_mut(&redis) {
                    endpoint.pools -= 1;
                    if endpoint.pools == 0 {
                        self.endpoints.remove(&redis);
                    }
                }
            }
            Command::WatchObject(object) => {
                let guard = self.watches.object(&object).drop_guard();
                self.objects.insert(object, guard);
            }
            Command::UnwatchObject(object) => drop(self.objects.remove(&object)),
            Command::ListPods(pool, selector) => self.list_pods(pool, selector),
            Command::Mark(pool, marks) => self.mark(pool, marks),
            Command::Scale(scale) => self.scale(scale),
            Command::WriteStatus(pool, status) => self.write_status(pool, status),
            Command::EmitEvent(note) => self.publish(note),
        }
    }

    /// The endpoint of `redis`, started if there is none yet.
    fn endpoint(&mut self, redis: &Redis) -> &mut Endpoint {
        self.endpoints
            .entry(redis.clone())
            .or_insert_with_key(|redis| {
                let (mailbox, commands) = endpoint::mailbox();
                let dial = Arc::clone(&self.environment.dial);
                let limits = Arc::clone(&self.limits);
                let events = self.events.clone();
                let namespace: Arc<str> = redis.namespace().into();
                let deliver = move |results| {
                    let (events, namespace) = (events.clone(), Arc::clone(&namespace));
                    async move {
                        let _ = events.deliver(&namespace, results).await;
                    }
                };
                self.tasks.spawn(endpoint::run(
                    dial,
                    limits,
                    redis.clone(),
                    commands,
                    deliver,
                ));
                Endpoint { mailbox, pools: 0 }
            })
    }

    /// Sends `command` to the endpoint of `redis`, if there is one.
    fn send(&self, redis: &Redis, command: endpoint::Command) {
        if let Some(endpoint) = self.endpoints.get(redis) {
            endpoint.mailbox.send(command);
        }
    }

    /// Runs `request` of a namespace on its own task when its turn comes, and sends the event it returns.
    fn spawn<F>(
        &self,
        turns: &Arc<Turns>,
        namespace: &Arc<str>,
        request: impl FnOnce(Client) -> F + Send + 'static,
    ) where
        F: Future<Output = Event> + Send,
    {
        let client = self.environment.client.clone();
        let events = self.events.clone();
        let (turns, namespace) = (Arc::clone(turns), Arc::clone(namespace));
        self.tasks.spawn(async move {
            let _turn = turns.take(&namespace).await;
            let begun = Instant::now();
            let event = request(client).await;
            let rest = begun.elapsed().min(MAX_REST);
            let _ = events.send(event).await;
            tokio::time::sleep(rest).await;
        });
    }

    fn list_pods(&self, pool: PoolRef, selector: String) {
        let namespace = Arc::clone(&pool.key.namespace);
        self.spawn(&self.drains, &namespace, move |client| async move {
            let pods = pods::list(client, &pool.key.namespace, &selector).await;
            Event::Pods(pool, pods)
        });
    }

    fn mark(&self, pool: PoolRef, marks: Vec<(String, bool)>) {
        let namespace = Arc::clone(&pool.key.namespace);
        self.spawn(&self.drains, &namespace, move |client| async move {
            let result = act::mark(client, &pool.key.namespace, &marks).await;
            Event::Marked(pool, result.map_err(|error| error.to_string()))
        });
    }

    fn scale(&self, scale: Scale) {
        let metrics = Arc::clone(&self.metrics);
        let namespace = Arc::clone(&scale.pool.key.namespace);
        self.spawn(&self.scales, &namespace, move |client| async move {
            let resource = target::resource(&scale.api_version, &scale.target.kind);
            let result = act::scale(client, &resource, &scale.target.object, scale.replicas).await;
            let latency = scale.notified_at.map(|notified_at| notified_at.elapsed());
            metrics.record_scale(result.is_ok(), latency);
            let millis = latency.and_then(|latency| i64::try_from(latency.as_millis()).ok());
            Event::Scaled(scale.pool, result, millis.map(Millis))
        });
    }

    fn write_status(&self, pool: PoolRef, status: Box<WorkerPoolStatus>) {
        let metrics = Arc::clone(&self.metrics);
        let namespace = Arc::clone(&pool.key.namespace);
        self.spawn(&self.reports, &namespace, move |client| async move {
            let path = WorkerPool::url_path(&(), Some(&pool.key.namespace));
            let patch = Patch::Apply(json!({
                "apiVersion": format!("{GROUP}/{VERSION}"),
                "kind": "WorkerPool",
                "metadata": {"name": &*pool.key.name},
                "status": status,
            }));
            let params = PatchParams::apply(FIELD_MANAGER).force();
            let request = Request::new(path);
            let request = request.patch_subresource("status", &pool.key.name, &params, &patch);
            let write = async {
                let request = request.map_err(kube::Error::BuildRequest)?;
                // The answer is the whole pool, with any number of labels.
                client.request::<IgnoredAny>(request).await
            };
            let result = act::within(TIMEOUT, write).await;
            metrics.record_status_write();
            Event::StatusWritten(pool, result.map(|IgnoredAny| ()))
        });
    }

    fn publish(&mut self, note: EventNote) {
        if !self.spam_filter.admits(&note.pool, Instant::now()) {
            tracing::debug!(pool = %note.pool, reason = note.reason, "too many events");
            return;
        }
        let client = self.environment.client.clone();
        let turns = Arc::clone(&self.reports);
        let metrics = Arc::clone(&self.metrics);
        let instance = Arc::clone(&self.instance);
        let time = Arc::clone(&self.environment.time);
        self.tasks.spawn(async move {
            let _turn = turns.take(&note.pool.namespace).await;
            let publish = events::publish(client, &note, &instance, api::timestamp(time.wall()));
            match tokio::time::timeout(TIMEOUT, publish).await {
                Ok(Ok(())) => metrics.record_event(),
                Ok(Err(error)) => {
                    tracing::warn!(pool = %note.pool, "cannot publish an event: {error}");
                }
                Err(_) => tracing::warn!(pool = %note.pool, "cannot publish an event: no answer"),
            }
        });
    }
}

/// So many turns, and those of one namespace.
fn turns(all: usize) -> Arc<Turns> {
    Arc::new(Turns::new(all, (all / PART).max(1)))
}
