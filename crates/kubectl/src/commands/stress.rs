//! `stress`: pushes a burst of real image tasks.

use crate::cluster::Cluster;
use crate::cluster::redis::RedisClient;
use crate::text::class_format;
use anyhow::{Context, bail};
use api::WorkerPool;
use jiff::Timestamp;
use kube::ResourceExt;
use protocol::{ImageTask, Keys, Push, Source, Task, push_if_room};
use queues::QueueSystem;

/// The tasks to push.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// The number of tasks.
    pub tasks: u32,
    /// The duration of each task, in seconds.
    pub task_seconds: u32,
}

/// The default duration of a task, in seconds.
pub const TASK_SECONDS: u32 = 18;
/// Tasks per push command; Redis limits the size of a command.
const BATCH: usize = 1000;

/// Pushes the burst to the pool `name`.
pub async fn run(cluster: &Cluster, name: Option<&str>, burst: Burst) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let keys = queue(&pool)?;
    let mut redis = RedisClient::new(cluster, &pool).await?;
    push_burst(&mut redis, &keys, burst).await?;
    cluster
        .out
        .data_at(Timestamp::now(), &class_format::stress(burst.tasks))?;
    Ok(true)
}

/// The pool's queue for image tasks.
pub fn queue(pool: &WorkerPool) -> anyhow::Result<Keys> {
    let mut queues = pool.spec.queues.iter();
    let queue = queues.find(|queue| queue.system == QueueSystem::WorkerPool).with_context(|| {
        format!(
            "WorkerPool {} has no queue with system WorkerPool; the task format of a plain list is unknown",
            pool.name_any()
        )
    })?;
    Ok(Keys::new(&queue.name))
}

/// Pushes the tasks; each is a slow download and then a filter on a small image.
pub async fn push_burst(redis: &mut RedisClient, keys: &Keys, burst: Burst) -> anyhow::Result<()> {
    let body = |seed| ImageTask {
        filters: vec!["blur".into()],
        image: Source::Synthetic {
            width: 256,
            height: 256,
            seed,
        },
        delay_ms: u64::from(burst.task_seconds) * 1000,
    };
    // The results are not read, so they are not kept.
    let task = |seed| Task {
        keep: Some(0),
        ..Task::new(body(seed))
    };
    let tasks: Vec<_> = (0..u64::from(burst.tasks)).map(task).collect();
    for (done, batch) in tasks.chunks(BATCH).enumerate() {
        let result = redis
            .call(&push_if_room(keys, batch)?)
            .await
            .context("cannot push the tasks")?;
        if let Push::Refused(reason) = result {
            bail!(
                "the queue refused the tasks after {} of {}: {reason}",
                done * BATCH,
                tasks.len()
            );
        }
    }
    Ok(())
}
