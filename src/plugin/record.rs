//! `record`: the facts of a pool, a line a second, as `simulate --trace` reads them.

use super::cluster::Cluster;
use super::feed::{Feed, News};
use super::redis::Link;
use crate::api::{self, Duration};
use crate::decide::QueueSeen;
use crate::sim::Line;
use jiff::Timestamp;
use tokio::time::Instant;

/// Writes what the pool `name` sees, for `duration` or until interrupted.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    duration: Option<Duration>,
) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let link = Link::new(cluster, &pool).await?;
    let names: Vec<&str> = pool
        .spec
        .queues
        .iter()
        .map(|queue| queue.name.as_str())
        .collect();
    let mut feed = Feed::start(cluster, &pool, link);
    let end = duration.map(|duration| Instant::now() + duration.to_std());
    // A line without the number would be read as what was decided last, so that the first waits for it.
    let mut replicas = None;
    while end.is_none_or(|end| Instant::now() < end) {
        let queues = match feed.next().await {
            Some(News::Facts(facts)) => facts.queues,
            Some(News::Blind(why)) => {
                cluster.out.talk(&format!("{why}: written as null"));
                vec![QueueSeen::MISSING; names.len()]
            }
            Some(News::Replicas(now)) => {
                replicas = Some(now);
                continue;
            }
            Some(News::Trouble(trouble)) => {
                cluster.out.talk(&trouble);
                continue;
            }
            Some(News::Pool(_) | News::Burst(_)) | None => continue,
        };
        if replicas.is_some() {
            let line = Line {
                at: api::time(Timestamp::now()),
                queues,
                replicas,
                missing: None,
            };
            cluster.out.data(&line.write(&names))?;
        }
    }
    Ok(true)
}
