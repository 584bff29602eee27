//! The updates of one pool as they happen: polls of Redis each second, and watches of the WorkerPool and its target.
//! No operator is needed.

use super::queue_summary::QueueSummary;
use super::redis::RedisClient;
use super::replay::Replay;
use crate::cluster::{Cluster, replicas_in};
use crate::text::lang::tr;
use api::{Key, WorkerPool};
use futures::StreamExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The interval between two polls of Redis.
const POLL: Duration = Duration::from_secs(1);
/// The time limit for one poll.
const TIMEOUT: Duration = Duration::from_secs(8);
/// How often [`Events::next`] returns without an update, so that the caller can act on the time.
const TICK: Duration = Duration::from_millis(250);

/// An update of one pool.
#[derive(Clone, Debug)]
pub enum Update {
    /// The latest WorkerPool.
    Pool(Box<WorkerPool>),
    /// `spec.replicas` of the target.
    Replicas(i32),
    /// The result of a poll of Redis.
    Metrics(QueueSummary),
    /// The error of a poll of Redis.
    Unreachable(String),
    /// This many tasks arrived at once. Only a replay sends it; a live demo pushes the tasks itself.
    Burst(u32),
    /// Another error, which the user should see; the updates continue.
    Warning(String),
}

/// An update of the list of pools, as a watch sends it.
#[derive(Clone, Debug)]
pub enum PoolUpdate {
    /// A list starts; a pool that does not follow before [`PoolUpdate::InitDone`] no longer exists.
    Init,
    /// A pool that exists or has changed.
    Apply(Box<WorkerPool>),
    /// A pool was deleted.
    Delete(Key),
    /// The list is complete.
    InitDone,
    /// The pools cannot be watched.
    Error(String),
}

/// A stream of updates; its tasks end when it is dropped.
pub enum Events {
    /// Updates from the cluster and from Redis.
    Live {
        /// Receives from the tasks.
        updates: UnboundedReceiver<Update>,
        /// The tasks that poll and watch.
        _tasks: JoinSet<()>,
    },
    /// Updates from a trace.
    Replay(Box<Replay>),
}

impl Events {
    /// Starts to poll and watch.
    pub fn start(cluster: &Cluster, pool: &WorkerPool, redis: RedisClient) -> Self {
        Self::live(cluster, pool, |sender, _| {
            poll_redis(redis, pool.clone(), sender, Arc::default())
        })
    }

    /// Like [`Self::start`], but also connects to Redis: reports an error and retries. Polls Redis also when the
    /// WorkerPool changes, since the operator then observed a change of the queue.
    pub fn open(cluster: &Cluster, pool: &WorkerPool) -> Self {
        Self::live(cluster, pool, |sender, wake| {
            connect_and_poll(cluster.clone(), pool.clone(), sender, wake)
        })
    }

    /// Watches the pool, which wakes the task that polls, and its target.
    fn live<F: Future<Output = ()> + Send + 'static>(
        cluster: &Cluster,
        pool: &WorkerPool,
        poll: impl FnOnce(UnboundedSender<Update>, Arc<Notify>) -> F,
    ) -> Self {
        let (sender, updates) = mpsc::unbounded_channel();
        let wake = Arc::<Notify>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(watch_pool(
            cluster.clone(),
            pool.name_any(),
            sender.clone(),
            wake.clone(),
        ));
        tasks.spawn(watch_target(cluster.clone(), pool.clone(), sender.clone()));
        tasks.spawn(poll(sender, wake));
        Self::Live {
            updates,
            _tasks: tasks,
        }
    }

    /// The next update, or `None` if none came within [`TICK`].
    pub async fn next(&mut self) -> Option<Update> {
        match self {
            Self::Live { updates, .. } => timeout(TICK, updates.recv()).await.ok().flatten(),
            Self::Replay(replay) => replay.next().await,
        }
    }

    /// The current time, or that of the trace in a replay.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Live { .. } => Timestamp::now(),
            Self::Replay(replay) => replay.now(),
        }
    }

    /// Whether a replay has reached the end of its trace.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Replay(replay) if replay.is_over())
    }
}

/// Watches all pools of the namespace, or of all namespaces.
pub async fn list(cluster: Cluster, all_namespaces: bool, sender: UnboundedSender<PoolUpdate>) {
    let pools = if all_namespaces {
        Api::all(cluster.client.clone())
    } else {
        cluster.pools()
    };
    // Small pages: a thousand pools with their histories would take tens of megabytes at once.
    let config = watcher::Config::default().timeout(30).page_size(100);
    let mut stream = std::pin::pin!(watcher(pools, config).default_backoff());
    while let Some(event) = stream.next().await {
        let update = match event {
            Ok(watcher::Event::Init) => PoolUpdate::Init,
            Ok(watcher::Event::InitDone) => PoolUpdate::InitDone,
            Ok(watcher::Event::Apply(pool) | watcher::Event::InitApply(pool)) => {
                PoolUpdate::Apply(Box::new(pool))
            }
            Ok(watcher::Event::Delete(pool)) => PoolUpdate::Delete(Key::of(&pool)),
            Err(
                watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error),
            ) => {
                let doing = tr!(cluster.out.lang, "cli-doing-watch-pools");
                PoolUpdate::Error(format!("{:#}", cluster.describe_error(&doing, &error)))
            }
            Err(_) => continue,
        };
        if sender.send(update).is_err() {
            return;
        }
    }
}

async fn watch_pool(
    cluster: Cluster,
    name: String,
    sender: UnboundedSender<Update>,
    wake: Arc<Notify>,
) {
    let stream = watcher(cluster.pools(), named(&name)).default_backoff();
    let update = |pool| {
        wake.notify_one();
        Some(Update::Pool(Box::new(pool)))
    };
    forward_updates(&cluster, "WorkerPool", stream, &sender, update).await;
}

async fn watch_target(cluster: Cluster, pool: WorkerPool, sender: UnboundedSender<Update>) {
    let (api, name) = cluster.target(&pool);
    let replicas = |target: DynamicObject| {
        let replicas = i32::try_from(replicas_in(&target));
        replicas.ok().map(Update::Replicas)
    };
    let kind = &pool.spec.scale_target_ref.kind;
    let stream = watcher(api, named(&name)).default_backoff();
    forward_updates(&cluster, kind, stream, &sender, replicas).await;
}

fn named(name: &str) -> watcher::Config {
    // With the default timeout a silent API server would go unnoticed for five minutes.
    watcher::Config::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(30)
}

/// Sends an update for each object of the stream, and a warning when the watch fails or the object does not exist.
async fn forward_updates<K>(
    cluster: &Cluster,
    kind: &str,
    stream: impl futures::Stream<Item = watcher::Result<watcher::Event<K>>>,
    sender: &UnboundedSender<Update>,
    to_update: impl Fn(K) -> Option<Update>,
) {
    let mut stream = std::pin::pin!(stream);
    let lang = cluster.out.lang;
    let mut watching = true;
    let mut exists = false;
    while let Some(event) = stream.next().await {
        let update = match event {
            Ok(watcher::Event::Init) => {
                exists = false;
                None
            }
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                watching = true;
                exists = true;
                to_update(object)
            }
            Ok(watcher::Event::InitDone) if exists => None,
            Ok(watcher::Event::InitDone | watcher::Event::Delete(_)) => {
                Some(Update::Warning(tr!(lang, "cli-object-missing", kind)))
            }
            // A watch that expires is restarted silently; if that fails, one warning is sent.
            Err(
                watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error),
            ) if watching => {
                watching = false;
                let doing = tr!(lang, "cli-doing-watch", kind);
                let error = cluster.describe_error(&doing, &error);
                Some(Update::Warning(format!("{error:#}")))
            }
            Err(_) => None,
        };
        if update.is_some_and(|update| sender.send(update).is_err()) {
            return;
        }
    }
}

/// Reports each error and tries again until it knows the Redis, then polls it.
async fn connect_and_poll(
    cluster: Cluster,
    pool: WorkerPool,
    sender: UnboundedSender<Update>,
    wake: Arc<Notify>,
) {
    let mut ticks = interval(2 * POLL);
    loop {
        ticks.tick().await;
        let error = match RedisClient::new(&cluster, &pool).await {
            Ok(redis) => return poll_redis(redis, pool, sender, wake).await,
            Err(error) => Update::Unreachable(format!("{error:#}")),
        };
        if sender.send(error).is_err() {
            return;
        }
    }
}

async fn poll_redis(
    mut redis: RedisClient,
    pool: WorkerPool,
    sender: UnboundedSender<Update>,
    wake: Arc<Notify>,
) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = wake.notified() => {}
        }
        let update = match timeout(TIMEOUT, redis.poll(&pool.spec.queues)).await {
            Ok(Ok(summary)) => Update::Metrics(summary),
            Ok(Err(error)) => Update::Unreachable(format!("{error:#}")),
            Err(_) => Update::Unreachable(redis.silent(TIMEOUT).to_string()),
        };
        if sender.send(update).is_err() {
            return;
        }
    }
}
