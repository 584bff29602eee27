//! The orderly shutdown: finish running tasks within the grace period, hand back the rest, deregister.

use super::{Held, Worker};
use redis::{AsyncCommands, RedisResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

/// Longest time for all calls to Redis after the grace period. If Redis is unavailable, the lease expires and other
/// workers reclaim the tasks.
const DEREGISTER_TIMEOUT: Duration = Duration::from_secs(3);

/// Shuts the worker down. Its `slots` have stopped claiming.
pub async fn run(worker: &Arc<Worker>, mut slots: JoinSet<()>) {
    worker.liveness.mark_idle();
    let running = worker.held().len();
    info!(running, "draining: the worker takes no more tasks");
    let finish_running = async {
        if let Some(id) = worker.lease.id() {
            let _ = worker
                .connection
                .call(&protocol::drain(worker.keys(), &id))
                .await;
        }
        while slots.join_next().await.is_some() {}
    };
    if timeout(worker.settings.grace, finish_running)
        .await
        .is_err()
    {
        warn!("the grace period is over: handing back the tasks that still run");
    }
    slots.shutdown().await;

    // The heartbeat thread must end before the worker deregisters, or it would register again.
    let stopping = Arc::clone(worker);
    let _ = tokio::task::spawn_blocking(move || stopping.lease.stop()).await;
    if !matches!(
        timeout(DEREGISTER_TIMEOUT, deregister(worker)).await,
        Ok(Ok(()))
    ) {
        warn!(
            "could not deregister: the lease will expire and other workers will reclaim the remaining tasks"
        );
    }
}

async fn deregister(worker: &Worker) -> RedisResult<()> {
    let unfinished = std::mem::take(&mut *worker.held());
    for Held { worker_id, element } in unfinished {
        worker
            .connection
            .call(&protocol::hand_back(worker.keys(), &worker_id, &element))
            .await?;
    }
    let Some(id) = worker.lease.id() else {
        return Ok(());
    };
    while worker
        .connection
        .call(&protocol::deregister(worker.keys(), &id))
        .await?
        > 0
    {
        // What is left are claims whose reply was lost.
        let mut connection = worker.connection.shared().await?;
        let elements: Vec<Vec<u8>> = connection.lrange(worker.keys().claimed(&id), 0, 99).await?;
        for element in elements {
            worker
                .connection
                .call(&protocol::hand_back(worker.keys(), &id, &element))
                .await?;
        }
    }
    Ok(())
}
