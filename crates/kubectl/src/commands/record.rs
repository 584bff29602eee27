//! `record`: the facts of a pool, a line a second, as `simulate --trace` reads them.

use crate::cluster::Cluster;
use crate::cluster::events::{Events, Update};
use crate::cluster::redis::RedisClient;
use api::Duration;
use decide::QueueMetrics;
use jiff::Timestamp;
use sim::TraceLine;
use tokio::time::Instant;

/// Writes what the pool `name` sees, for `duration` or until interrupted.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    duration: Option<Duration>,
) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let link = RedisClient::new(cluster, &pool).await?;
    let names: Vec<&str> = pool
        .spec
        .queues
        .iter()
        .map(|queue| queue.name.as_str())
        .collect();
    let mut feed = Events::start(cluster, &pool, link);
    let end = duration.map(|duration| Instant::now() + duration.to_std());
    // A line without the number would be read as what was decided last, so that the first waits for it.
    let mut replicas = None;
    while end.is_none_or(|end| Instant::now() < end) {
        let queues = match feed.next().await {
            Some(Update::Facts(facts)) => facts.queues,
            Some(Update::Unreachable(why)) => {
                cluster.out.info(&format!("{why}: written as null"));
                vec![QueueMetrics::UNAVAILABLE; names.len()]
            }
            Some(Update::Replicas(now)) => {
                replicas = Some(now);
                continue;
            }
            Some(Update::Trouble(trouble)) => {
                cluster.out.info(&trouble);
                continue;
            }
            Some(Update::Pool(_) | Update::Burst(_)) | None => continue,
        };
        if replicas.is_some() {
            let line = TraceLine {
                at: api::time(Timestamp::now()),
                queues,
                replicas,
                unavailable_reason: None,
            };
            cluster.out.data(&line.write(&names))?;
        }
    }
    Ok(true)
}
