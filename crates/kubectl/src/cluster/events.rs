//! What happens to one pool, as it happens: Redis read each second, the WorkerPool and its target's scale watched.
//! It needs no operator.

use super::facts::QueueSummary;
use super::redis::RedisClient;
use super::replay::Replay;
use crate::cluster::Cluster;
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

/// How often Redis is read, and how long one look may take before it counts as failed.
const POLL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(8);
/// How often a listener is woken when nothing happens, to let time pass.
const TICK: Duration = Duration::from_millis(250);

/// One piece of news.
#[derive(Clone, Debug)]
pub enum Update {
    /// The WorkerPool as it is now.
    Pool(Box<WorkerPool>),
    /// `spec.replicas` of the target.
    Replicas(i32),
    /// Redis was read.
    Facts(QueueSummary),
    /// Redis could not be read, and why.
    Unreachable(String),
    /// So many tasks arrived at once: only a replay knows, who plays live has pushed them himself.
    Burst(u32),
    /// Something else is wrong: it goes on, but a person should know.
    Trouble(String),
}

/// One piece of news of many pools.
#[derive(Clone, Debug)]
pub enum PoolUpdate {
    /// All are told anew; what is not told again until [`Listed::Whole`] is gone.
    Begin,
    /// A pool as it is now.
    Pool(Box<WorkerPool>),
    /// It is gone.
    Gone(Key),
    /// All there are have been told.
    Whole,
    /// They cannot be watched, and why.
    Trouble(String),
}

/// A stream of news; ends its tasks when dropped.
pub enum Events {
    /// What happens now.
    Live {
        /// From the tasks.
        news: UnboundedReceiver<Update>,
        /// They read and watch.
        _tasks: JoinSet<()>,
    },
    /// What happened once.
    Replay(Box<Replay>),
}

impl Events {
    /// Begins to listen.
    #[must_use]
    pub fn start(cluster: &Cluster, pool: &WorkerPool, link: RedisClient) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(watch_pool(
            cluster.clone(),
            pool.name_any(),
            sender.clone(),
            Arc::default(),
        ));
        tasks.spawn(watch_target(cluster.clone(), pool.clone(), sender.clone()));
        tasks.spawn(read_redis(link, pool.clone(), sender, Arc::default()));
        Self::Live {
            news,
            _tasks: tasks,
        }
    }

    /// The same from the pool alone: without a way to its Redis it says why, and tries again. Redis is read, too,
    /// when the operator says something new: then something has changed there.
    #[must_use]
    pub fn open(cluster: &Cluster, pool: &WorkerPool) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        let (mut tasks, wake) = (JoinSet::new(), Arc::<Notify>::default());
        tasks.spawn(watch_pool(
            cluster.clone(),
            pool.name_any(),
            sender.clone(),
            wake.clone(),
        ));
        tasks.spawn(watch_target(cluster.clone(), pool.clone(), sender.clone()));
        let (cluster, pool) = (cluster.clone(), pool.clone());
        tasks.spawn(async move {
            let mut ticks = interval(2 * POLL);
            loop {
                ticks.tick().await;
                match RedisClient::new(&cluster, &pool).await {
                    Ok(link) => return Box::pin(read_redis(link, pool, sender, wake)).await,
                    Err(error)
                        if sender
                            .send(Update::Unreachable(format!("{error:#}")))
                            .is_err() =>
                    {
                        return;
                    }
                    Err(_) => {}
                }
            }
        });
        Self::Live {
            news,
            _tasks: tasks,
        }
    }

    /// The next piece of news, or `None` when a little time has passed without any.
    pub async fn next(&mut self) -> Option<Update> {
        match self {
            Self::Live { news, .. } => timeout(TICK, news.recv()).await.ok().flatten(),
            Self::Replay(replay) => replay.next().await,
        }
    }

    /// The time by which it happens.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Live { .. } => Timestamp::now(),
            Self::Replay(replay) => replay.now(),
        }
    }

    /// Whether nothing more can come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Replay(replay) if replay.is_over())
    }
}

/// Watches all pools of the namespace, or of all.
pub async fn list(cluster: Cluster, everywhere: bool, sender: UnboundedSender<PoolUpdate>) {
    let pools = if everywhere {
        Api::all(cluster.client.clone())
    } else {
        cluster.pools()
    };
    // A page holds a hundred: with their histories a thousand would take some tens of megabytes at once.
    let config = watcher::Config::default().timeout(30).page_size(100);
    let mut stream = std::pin::pin!(watcher(pools, config).default_backoff());
    while let Some(event) = stream.next().await {
        let news = match event {
            Ok(watcher::Event::Init) => PoolUpdate::Begin,
            Ok(watcher::Event::InitDone) => PoolUpdate::Whole,
            Ok(watcher::Event::Apply(pool) | watcher::Event::InitApply(pool)) => {
                PoolUpdate::Pool(Box::new(pool))
            }
            Ok(watcher::Event::Delete(pool)) => PoolUpdate::Gone(Key::of(&pool)),
            Err(
                watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error),
            ) => PoolUpdate::Trouble(format!(
                "{:#}",
                cluster.describe_error("watching the WorkerPools", &error)
            )),
            Err(_) => continue,
        };
        if sender.send(news).is_err() {
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
    let stream = watcher(cluster.pools(), only(&name)).default_backoff();
    let news = |pool| {
        wake.notify_one();
        Some(Update::Pool(Box::new(pool)))
    };
    follow(&cluster, "WorkerPool", stream, &sender, news).await;
}

async fn watch_target(cluster: Cluster, pool: WorkerPool, sender: UnboundedSender<Update>) {
    let (api, name) = cluster.target(&pool);
    let replicas = |target: DynamicObject| {
        let replicas = target
            .data
            .pointer("/spec/replicas")
            .and_then(serde_json::Value::as_i64)
            .unwrap_or(1);
        i32::try_from(replicas).ok().map(Update::Replicas)
    };
    let kind = &pool.spec.scale_target_ref.kind;
    follow(
        &cluster,
        kind,
        watcher(api, only(&name)).default_backoff(),
        &sender,
        replicas,
    )
    .await;
}

fn only(name: &str) -> watcher::Config {
    // By default a silent API server would go unnoticed for five minutes.
    watcher::Config::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(30)
}

async fn follow<K>(
    cluster: &Cluster,
    what: &str,
    stream: impl futures::Stream<Item = watcher::Result<watcher::Event<K>>>,
    sender: &UnboundedSender<Update>,
    news: impl Fn(K) -> Option<Update>,
) {
    let mut stream = std::pin::pin!(stream);
    let mut well = true;
    let mut seen = false;
    while let Some(event) = stream.next().await {
        let said = match event {
            Ok(watcher::Event::Init) => {
                seen = false;
                None
            }
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                (well, seen) = (true, true);
                news(object)
            }
            Ok(watcher::Event::InitDone) if seen => None,
            Ok(watcher::Event::InitDone | watcher::Event::Delete(_)) => {
                Some(Update::Trouble(format!("the {what} does not exist")))
            }
            // A watch that runs out is no news; one that cannot begin again is, once.
            Err(
                error
                @ (watcher::Error::InitialListFailed(_) | watcher::Error::WatchStartFailed(_)),
            ) if well => {
                well = false;
                Some(Update::Trouble(match error {
                    watcher::Error::InitialListFailed(error)
                    | watcher::Error::WatchStartFailed(error) => {
                        format!(
                            "{:#}",
                            cluster.describe_error(&format!("watching the {what}"), &error)
                        )
                    }
                    other => other.to_string(),
                }))
            }
            Err(_) => None,
        };
        if said.is_some_and(|said| sender.send(said).is_err()) {
            return;
        }
    }
}

async fn read_redis(
    mut link: RedisClient,
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
        let news = match timeout(TIMEOUT, link.poll(&pool.spec.queues)).await {
            Ok(Ok(facts)) => Update::Facts(facts),
            Ok(Err(error)) => Update::Unreachable(format!("{error:#}")),
            Err(_) => Update::Unreachable(format!("Redis {} does not answer", link.name())),
        };
        if sender.send(news).is_err() {
            return;
        }
    }
}
