//! The orderly end: finish what runs while the grace lasts, hand back the rest, leave the registry.

use super::{Held, Worker};
use redis::{AsyncCommands, RedisResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

/// For all that is said to Redis after the grace. If it is away the lease runs out, and others rescue the tasks.
const FAREWELL: Duration = Duration::from_secs(3);

/// Ends the worker, whose `slots` take nothing more.
pub async fn run(worker: &Arc<Worker>, mut slots: JoinSet<()>) {
    worker.liveness.mark_idle();
    let running = worker.held().len();
    info!(running, "draining: nothing more is taken");
    let work = async {
        if let Some(id) = worker.lease.id() {
            let _ = worker
                .connection
                .call(&protocol::drain(worker.keys(), &id))
                .await;
        }
        while slots.join_next().await.is_some() {}
    };
    if timeout(worker.settings.grace, work).await.is_err() {
        warn!("the grace is over; what still runs is handed back");
    }
    slots.shutdown().await;

    // The thread must be gone before the registration is, or it would register anew.
    let heart = Arc::clone(worker);
    let _ = tokio::task::spawn_blocking(move || heart.lease.stop()).await;
    if !matches!(timeout(FAREWELL, leave(worker)).await, Ok(Ok(()))) {
        warn!(
            "Redis did not hear the farewell: the lease will run out and others rescue what is left"
        );
    }
}

async fn leave(worker: &Worker) -> RedisResult<()> {
    let left = std::mem::take(&mut *worker.held());
    for Held { by, element } in left {
        worker
            .connection
            .call(&protocol::hand_back(worker.keys(), &by, &element))
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
        // Claims whose answer was lost.
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
