//! `record`: prints the metrics of a pool, one line per second, in the format of `simulate --trace`.

use crate::cluster::Cluster;
use crate::cluster::events::{Events, Update};
use crate::cluster::redis::RedisClient;
use crate::text::lang::tr;
use api::Duration;
use decide::QueueMetrics;
use jiff::Timestamp;
use sim::TraceLine;
use tokio::time::Instant;

/// Records the metrics of the pool `name`, for `duration` or until interrupted.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    duration: Option<Duration>,
) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let redis = RedisClient::new(cluster, &pool).await?;
    let queues = &pool.spec.queues;
    let labels: Vec<String> = queues.iter().map(|queue| queue.label(queues)).collect();
    let names: Vec<&str> = labels.iter().map(String::as_str).collect();
    let out = &cluster.out;
    let mut events = Events::start(cluster, &pool, redis);
    let end = duration.map(|duration| Instant::now() + duration.to_std());
    // `simulate` takes a line without replicas as the last decision's, so the first line waits for them.
    let mut replicas = None;
    while end.is_none_or(|end| Instant::now() < end) {
        let queues = match events.next().await {
            Some(Update::Metrics(summary)) => summary.queues,
            Some(Update::Unreachable(error)) => {
                out.info(&tr!(out.lang, "cli-record-null", error));
                vec![QueueMetrics::UNAVAILABLE; names.len()]
            }
            Some(Update::Replicas(now)) => {
                replicas = Some(now);
                continue;
            }
            Some(Update::Warning(warning)) => {
                out.info(&warning);
                continue;
            }
            Some(Update::Pool(_) | Update::Burst(_)) | None => continue,
        };
        if replicas.is_some() {
            let line = TraceLine {
                at: api::time(Timestamp::now()),
                queues,
                replicas,
                unavailable: None,
            };
            out.data(&line.write(&names))?;
        }
    }
    Ok(true)
}
