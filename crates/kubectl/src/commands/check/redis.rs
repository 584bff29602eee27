//! The check of a pool's Redis.

use super::clock::OffsetMillis;
use super::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::cluster::queue_summary::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::text::lang::tr;
use api::WorkerPool;
use jiff::Timestamp;

struct Probe {
    text: String,
    /// Whether Redis notifies its clients of changed keys.
    notifies: bool,
    summary: QueueSummary,
    clock_offset: OffsetMillis,
}

/// Whether Redis answers and notifies of changes; with the queues' metrics and the offset of its clock.
pub(super) async fn redis(
    cluster: &Cluster,
    pool: &WorkerPool,
) -> (Finding, Option<QueueSummary>, Option<OffsetMillis>) {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    match probe(cluster, pool).await {
        Ok(probe) => {
            let (text, interval) = (probe.text, &pool.spec.interval);
            let finding = if probe.notifies {
                ok(
                    "Redis",
                    tr!(
                        lang,
                        "{text}, notifications work",
                        "{text}, avisa de los cambios"
                    ),
                )
            } else {
                let text = tr!(
                    lang,
                    "{text}, but without notifications (CLIENT TRACKING): the operator sees new tasks only every {interval}",
                    "{text}, pero no avisa de los cambios (CLIENT TRACKING): el operador se entera del trabajo solo cada {interval}"
                );
                fail("Redis", text, "kubectl explain wp.spec.interval")
            };
            (finding, Some(probe.summary), Some(probe.clock_offset))
        }
        Err(error) => {
            let fix = if cluster.local {
                "kubectl workerpool stop --local".to_owned()
            } else {
                format!("kubectl -n {namespace} get services,pods")
            };
            (fail("Redis", format!("{error:#}"), fix), None, None)
        }
    }
}

async fn probe(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<Probe> {
    let mut redis = RedisClient::new(cluster, pool).await?;
    let queues = &pool.spec.queues;
    let queue = queues.first().map_or("check", |queue| &queue.name);
    let (version, latency, notifies) = redis.probe(queue).await?;
    let before = Timestamp::now();
    let ((seconds, micros),): ((i64, i64),) = redis.query(::redis::pipe().cmd("TIME")).await?;
    Ok(Probe {
        notifies,
        clock_offset: seconds * 1000 + micros / 1000 - before.as_millisecond(),
        summary: redis.poll(queues).await?,
        text: format!(
            "{}, Redis {version}, {:.1} ms",
            redis.name(),
            latency.as_secs_f64() * 1000.0
        ),
    })
}
