//! `stress`: a burst of real image tasks.

use crate::cluster::Cluster;
use crate::cluster::redis::RedisClient;
use crate::text::class_format;
use anyhow::{Context, bail};
use api::WorkerPool;
use jiff::Timestamp;
use kube::ResourceExt;
use protocol::{ImageTask, Keys, Push, Source, Task, push_if_room};
use queues::QueueSystem;

/// What to push.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// How many tasks.
    pub tasks: u32,
    /// How long each takes.
    pub task_seconds: u32,
}

/// How long a task takes where nothing else is said.
pub const TASK_SECONDS: u32 = 18;
/// Elements of one push: it must stay far below what a client may send at once.
const BATCH: usize = 1000;

/// Pushes the burst into the pool `name`.
pub async fn run(cluster: &Cluster, name: Option<&str>, burst: Burst) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let keys = queue(&pool)?;
    let mut link = RedisClient::new(cluster, &pool).await?;
    push_burst(&mut link, &keys, burst).await?;
    cluster
        .out
        .data_at(Timestamp::now(), &class_format::stress(burst.tasks))?;
    Ok(true)
}

/// The queue that takes image tasks.
pub fn queue(pool: &WorkerPool) -> anyhow::Result<Keys> {
    let mut queues = pool.spec.queues.iter();
    let queue = queues.find(|queue| queue.system == QueueSystem::WorkerPool).with_context(|| {
        format!(
            "WorkerPool {} has no queue of system WorkerPool: what a plain list's workers understand is not ours to know",
            pool.name_any()
        )
    })?;
    Ok(Keys::new(&queue.name))
}

/// Pushes the tasks, each a slow download and then a filter over a small picture.
pub async fn push_burst(link: &mut RedisClient, keys: &Keys, burst: Burst) -> anyhow::Result<()> {
    let body = |seed| ImageTask {
        filters: vec!["blur".into()],
        image: Source::Synthetic {
            width: 256,
            height: 256,
            seed,
        },
        delay_ms: u64::from(burst.task_seconds) * 1000,
    };
    // Nobody reads the results.
    let task = |seed| Task {
        keep: Some(0),
        ..Task::new(body(seed))
    };
    let tasks: Vec<_> = (0..u64::from(burst.tasks)).map(task).collect();
    for (done, batch) in tasks.chunks(BATCH).enumerate() {
        let answer = link
            .call(&push_if_room(keys, batch)?)
            .await
            .context("the tasks could not be pushed")?;
        if let Push::Refused(why) = answer {
            bail!(
                "the queue takes no more, {} of {} tasks were pushed: {why}",
                done * BATCH,
                tasks.len()
            );
        }
    }
    Ok(())
}
