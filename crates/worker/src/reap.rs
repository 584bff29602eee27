//! The rescue of what dead workers held, by whichever worker comes first.

use super::Worker;
use protocol::REAP;
use redis::RedisResult;
use std::sync::Arc;
use tracing::info;

/// Looks twice a second; while Redis is away there is nothing to do but to look again.
pub async fn run(worker: Arc<Worker>) {
    loop {
        tokio::time::sleep(REAP.mul_f64(0.9 + fastrand::f64() / 5.0)).await;
        let _ = look(&worker).await;
    }
}

async fn look(worker: &Worker) -> RedisResult<()> {
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
                    "rescued a dead worker's tasks"
                );
            }
            if reaped.left == 0 {
                break;
            }
        }
    }
    Ok(())
}
