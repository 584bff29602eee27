//! What an endpoint does for the workers of its pools: it asks them to drain, and rescues what dead ones held.

use super::cluster::redirection_in;
use super::connection::Connection;
use super::master::is_of_replica;
use super::{Endpoint, TIMEOUT};
use api::Key;
use queues::{DrainRequest, Queue, describe};
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;

impl Endpoint {
    /// Asks workers of `pool` to drain or to continue. The poll that follows at once shows the effect; the caller
    /// repeats a request that had none.
    pub(super) async fn request_drain(
        &mut self,
        pool: &Key,
        workers: Vec<(usize, String)>,
        drain: bool,
    ) {
        if !self.is_master_confirmed().await {
            return;
        }
        let (Connection::Up { redis, budget, .. }, Some(polled)) =
            (&mut self.connection, self.pools.get_mut(pool))
        else {
            return;
        };
        let queues = &polled.queues;
        budget.begin(0);
        let request = async {
            for (queue, id) in workers {
                match Queue::request_drain(queues, queue, &id, drain) {
                    Some(DrainRequest::Script(script)) => drop(script.run(redis).await?),
                    Some(DrainRequest::Commands(commands)) if !commands.is_empty() => {
                        for command in commands {
                            command.exec_async(redis).await?;
                        }
                        if let Some(queue) = queues.get(queue) {
                            queue.drain_requested(&id, drain);
                        }
                    }
                    _ => {}
                }
            }
            redis::RedisResult::Ok(())
        };
        match tokio::time::timeout(TIMEOUT, request).await {
            Ok(Ok(())) => polled.refused_drain = None,
            Ok(Err(error)) => {
                let text = describe(&error);
                if polled.refused_drain.as_ref() != Some(&text) {
                    tracing::warn!(pool = %pool, "cannot request drains: {text}");
                }
                // An error of the server; without one the connection broke, and one of a slot that moves is not of this
                // server: neither says anything about the rights.
                if error.code().is_some() && redirection_in(&text).is_none() {
                    polled.refused_drain = Some(text.clone());
                }
                if is_of_replica(&text) {
                    self.disconnect(text, Instant::now());
                }
            }
            Err(_) => tracing::warn!(pool = %pool, "cannot request drains: no answer"),
        }
        self.end_replies();
        self.schedule.poll_by(pool, Instant::now());
    }

    /// Makes the tasks of lost workers ready again. Workers do so too, but there may be none left.
    pub(super) async fn rescue_tasks(&mut self) {
        let lost = std::mem::take(&mut self.lost_workers);
        if lost.is_empty() || !self.is_master_confirmed().await {
            return;
        }
        for (pool, index) in lost {
            let (Connection::Up { redis, .. }, Some(polled)) =
                (&mut self.connection, self.pools.get(&pool))
            else {
                return;
            };
            let Some(queue) = polled.queues.get(index) else {
                continue;
            };
            // After a timeout the next poll finds the remaining tasks again.
            match tokio::time::timeout(TIMEOUT, rescue(queue, redis)).await {
                Ok(Ok(true)) => self.schedule.poll_by(&pool, Instant::now()),
                Ok(Err(error)) => {
                    tracing::warn!(pool = %pool, "cannot rescue the tasks of lost workers: {}", describe(&error));
                }
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }
}

/// Makes the tasks of lost workers of `queue` ready again, unless a worker has just searched for lost workers. Returns
/// whether there were any lost workers.
async fn rescue(queue: &Queue, redis: &mut MultiplexedConnection) -> redis::RedisResult<bool> {
    let Some(tasks) = queue.rescue() else {
        return Ok(false);
    };
    let mut rescued_any = false;
    for id in tasks.find_dead().run(redis).await? {
        let mut left = 1;
        while left > 0 {
            let reaped = tasks.reap(&id).run(redis).await?;
            left = reaped.left;
            rescued_any = true;
            tracing::info!(
                queue = queue.name(),
                worker = decide::foreign(&id, 256),
                rescued = reaped.rescued,
                failed = reaped.failed,
                "rescued the tasks of a lost worker"
            );
        }
    }
    Ok(rescued_any)
}
