//! Reclaims the tasks of dead workers. Every worker runs this; the first to ask in each period does the work.

use super::Worker;
use protocol::{HEARTBEAT, REAP};
use redis::RedisResult;
use std::sync::Arc;
use std::time::Instant;
use tracing::info;

/// Looks for dead workers twice a second, and every two seconds where the queue is. On an error it only waits for the next
/// turn.
pub async fn run(worker: Arc<Worker>) {
    let mut followed = Instant::now();
    loop {
        tokio::time::sleep(REAP.mul_f64(0.9 + fastrand::f64() / 5.0)).await;
        if followed.elapsed() >= HEARTBEAT {
            worker.connection.follow().await;
            followed = Instant::now();
        }
        let _ = reap_dead_workers(&worker).await;
    }
}

async fn reap_dead_workers(worker: &Worker) -> RedisResult<()> {
    for id in worker
        .connection
        .call(&protocol::dead(worker.keys(), REAP))
        .await?
    {
        let reap = protocol::reap(worker.keys(), &id);
        loop {
            let reaped = worker.connection.call(&reap).await?;
            if reaped.rescued + reaped.failed > 0 {
                info!(
                    dead = id,
                    rescued = reaped.rescued,
                    failed = reaped.failed,
                    "reclaimed the tasks of a dead worker"
                );
            }
            if reaped.left == 0 {
                break;
            }
        }
    }
    Ok(())
}
