//! The checks of a pool's Redis: whether it answers and notifies, and whether its memory has a limit at which it keeps
//! the tasks. Nothing here writes to it.

use super::clock::OffsetMillis;
use super::finding::{Finding, fail, ok, warn};
use super::redis_pods::{self, MemoryLimit};
use super::setup::Setup;
use crate::cluster::Cluster;
use crate::cluster::missing_queue;
use crate::cluster::queue_summary::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::cluster::redis_probe::Probe;
use crate::text::foreign::foreign;
use crate::text::lang::{Lang, tr};
use api::WorkerPool;
use jiff::Timestamp;

const MEBIBYTE: u64 = 1024 * 1024;

/// What the check of Redis found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    /// The queues' metrics, if the user may read them.
    pub(super) summary: Option<QueueSummary>,
    pub(super) clock: Option<OffsetMillis>,
}

/// Whether Redis answers, notifies of changes and keeps what it holds.
pub(super) async fn redis(cluster: &Cluster, pool: &WorkerPool, setup: &Setup) -> Found {
    let lang = cluster.out.lang;
    let mut client = match RedisClient::new(cluster, pool).await {
        Ok(client) => client,
        Err(error) => {
            let (namespace, name) = (&cluster.namespace, kube::ResourceExt::name_any(pool));
            let edit = format!("kubectl -n {namespace} edit wp {name}");
            return Found {
                findings: vec![fail("Redis", format!("{error:#}"), edit)],
                ..Found::default()
            };
        }
    };
    let probe = match client.probe().await {
        Ok(probe) => probe,
        Err(error) => {
            let finding = redis_pods::unreachable(cluster, pool, &client, setup, &error).await;
            return Found {
                findings: vec![finding],
                ..Found::default()
            };
        }
    };
    let clock = probe.clock_offset;
    let name = describe(lang, &client, &probe);
    let (first, summary) = match client.poll(&pool.spec.queues).await {
        Ok(summary) => (answers(lang, &name, &probe, pool), Some(summary)),
        Err(error) => (unreadable(lang, &client, &error), None),
    };
    let memory = memory(cluster, &client, &probe).await;
    let edit = format!(
        "kubectl -n {} edit wp {}",
        cluster.namespace,
        kube::ResourceExt::name_any(pool)
    );
    let hints = missing_queue::hints(&client, pool, Timestamp::now()).await;
    let hints = hints.into_iter().map(|hint| warn("queue", hint, &edit));
    Found {
        findings: [first].into_iter().chain(memory).chain(hints).collect(),
        summary,
        clock,
    }
}

/// Address, version and latency.
fn describe(lang: Lang, client: &RedisClient, probe: &Probe) -> String {
    let (name, millis) = (client.name(), probe.latency.as_secs_f64() * 1000.0);
    match probe.version.as_deref().map(|version| foreign(version, 20)) {
        Some(version) => format!("{name}, Redis {version}, {millis:.1} ms"),
        None => tr!(
            lang,
            "cli-redis-version-hidden",
            name,
            millis = format!("{millis:.1}")
        ),
    }
}

fn answers(lang: Lang, name: &str, probe: &Probe, pool: &WorkerPool) -> Finding {
    if probe.notifies {
        return ok("Redis", tr!(lang, "cli-redis-notifies", name));
    }
    let interval = &pool.spec.interval;
    warn(
        "Redis",
        tr!(lang, "cli-redis-polled", name, interval),
        "kubectl explain wp.spec.interval",
    )
}

/// Redis answers, but not what the operator must know.
fn unreadable(lang: Lang, client: &RedisClient, error: &anyhow::Error) -> Finding {
    let error = format!("{error:#}");
    let user = client.user().unwrap_or_else(|| "default".into());
    let text = tr!(lang, "cli-redis-queues-unreadable", error);
    // The rights that the operator needs to read a pool.
    let rights = format!("redis-cli ACL SETUSER {user} +@read +@scripting +@connection +time");
    fail("Redis", text, rights)
}

/// A warning if Redis has no memory limit, or loses tasks when it is reached.
async fn memory(cluster: &Cluster, client: &RedisClient, probe: &Probe) -> Option<Finding> {
    let lang = cluster.out.lang;
    let policy = probe.eviction.as_deref().map(|policy| foreign(policy, 30));
    let evicts = policy.as_ref().filter(|policy| *policy != "noeviction");
    let unlimited = probe.max_memory == Some(0);
    if !unlimited && evicts.is_none() {
        return None;
    }
    let MemoryLimit { pod, bytes } = redis_pods::memory_limit(cluster, client).await;
    // A quarter is left to buffers and fragmentation; outside the cluster half, since others may run there.
    let megabytes = match (bytes, probe.system_memory) {
        (Some(limit), _) => limit / 4 * 3 / MEBIBYTE,
        (None, Some(machine)) => machine / 2 / MEBIBYTE,
        (None, None) => 256,
    };
    let cli = match pod {
        Some((namespace, pod)) => format!("kubectl -n {namespace} exec {pod} -- redis-cli"),
        None => match client.name().rsplit_once(':') {
            Some((host, port)) => format!("redis-cli -h {host} -p {port}"),
            None => "redis-cli".into(),
        },
    };
    let limit = format!("{cli} CONFIG SET maxmemory {megabytes}mb");
    let keep = format!("{cli} CONFIG SET maxmemory-policy noeviction");
    let durable = tr!(lang, "cli-redis-keep-setting");
    let unlimited_text = || tr!(lang, "cli-redis-no-maxmemory");
    let (text, fix) = match evicts {
        Some(policy) => {
            let text = tr!(lang, "cli-redis-evicts", policy);
            if unlimited {
                (
                    format!("{text}; {}", unlimited_text()),
                    format!("{keep}\n{limit}"),
                )
            } else {
                (text, keep)
            }
        }
        None => (unlimited_text(), limit),
    };
    Some(warn("memory", text, format!("{fix}\n{durable}")))
}
