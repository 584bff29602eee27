//! The checks of a Redis: whether it answers and notifies, and whether its memory has a limit at which it keeps the tasks.
//! Nothing here writes to it.

use super::chain;
use super::clock::OffsetMillis;
use super::finding::{Finding, fail, ok, warn};
use super::redis_pods::{self, MemoryLimit};
use super::setup::Setup;
use crate::cluster::Cluster;
use crate::cluster::missing_queue;
use crate::cluster::queue_summary::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::cluster::redis_probe::Probe;
use crate::cluster::redis_rights::Lacking;
use crate::text::lang::{Lang, tr};
use api::{QueueSpec, WorkerPool};
use decide::foreign;
use jiff::Timestamp;
use kube::ResourceExt;
use queues::{Purpose, Queue};

const MEBIBYTE: u64 = 1024 * 1024;

/// What the check of Redis found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    /// The queues' metrics, if the user may read them.
    pub(super) summary: Option<QueueSummary>,
    pub(super) clock: Option<OffsetMillis>,
}

/// Whether the pool's Redis answers, notifies of changes and keeps what it holds.
pub(super) async fn redis(cluster: &Cluster, pool: &WorkerPool, setup: &Setup) -> Found {
    let lang = cluster.out.lang;
    let (namespace, name) = (&cluster.namespace, pool.name_any());
    let edit = format!("kubectl -n {namespace} edit wp {name}");
    let failed = |finding| Found {
        findings: vec![finding],
        ..Found::default()
    };
    let mut client = match RedisClient::new(cluster, pool).await {
        Ok(client) => client,
        Err(error) => return failed(fail("Redis", format!("{error:#}"), edit)),
    };
    let probe = match client.probe().await {
        Ok(probe) => probe,
        Err(error) => {
            return failed(redis_pods::unreachable(cluster, pool, &client, setup, &error).await);
        }
    };
    let queues: Vec<Queue> = pool.spec.queues.iter().map(QueueSpec::queue).collect();
    let interval = pool.spec.interval.to_string();
    let mut found = answering(lang, &mut client, &probe, &queues, Some(&interval), &edit).await;
    let limit = redis_pods::memory_limit(cluster, &client);
    let memory = memory(lang, &client, &probe, limit).await;
    found.findings.extend(memory);
    let hints = missing_queue::hints(&client, pool, Timestamp::now()).await;
    let hints = hints.into_iter().map(|hint| warn("queue", hint, &edit));
    found.findings.extend(hints);
    found
}

/// The links behind the login. Of the first broken one there is a finding, and none of those behind it.
pub(super) async fn answering(
    lang: Lang,
    client: &mut RedisClient,
    probe: &Probe,
    queues: &[Queue],
    interval: Option<&str>,
    edit: &str,
) -> Found {
    let name = describe(lang, client, probe);
    let only = |finding| Found {
        findings: vec![finding],
        clock: probe.clock_offset,
        ..Found::default()
    };
    if let Some(finding) = chain::role(lang, &client.name(), probe, edit) {
        return only(finding);
    }
    let lacking = match client.lacking(queues).await {
        Ok(lacking) => lacking,
        Err(error) => return only(fail("Redis", format!("{error:#}"), edit)),
    };
    if let Some(finding) = chain::unreadable(lang, client, &lacking) {
        return only(finding);
    }
    let summary = match client.poll_queues(queues).await {
        Ok(summary) => summary,
        Err(error) => {
            let error = format!("{error:#}");
            let text = tr!(lang, "cli-redis-queues-unreadable", error);
            return only(fail("Redis", text, edit));
        }
    };
    let mut found = only(answers(lang, &name, probe, interval, client, &lacking));
    let no_scale_down = chain::no_scale_down(lang, client, &lacking);
    found.findings.extend(no_scale_down);
    found.summary = Some(summary);
    found
}

/// Address, version and latency.
fn describe(lang: Lang, client: &RedisClient, probe: &Probe) -> String {
    let (name, millis) = (client.name(), probe.latency.as_secs_f64() * 1000.0);
    let millis = format!("{millis:.1}");
    match probe.version.as_deref().map(|version| foreign(version, 20)) {
        Some(version) => format!("{name}, Redis {version}, {millis} ms"),
        None => tr!(lang, "cli-redis-version-hidden", name, millis),
    }
}

fn answers(
    lang: Lang,
    name: &str,
    probe: &Probe,
    interval: Option<&str>,
    client: &RedisClient,
    lacking: &Lacking,
) -> Finding {
    let is_refused = !lacking.of(Purpose::Notify).is_empty();
    if probe.notifies && !is_refused {
        return ok("Redis", tr!(lang, "cli-redis-notifies", name));
    }
    let fix = if is_refused {
        chain::grant(client, lacking)
    } else {
        "kubectl explain wp.spec.interval".to_owned()
    };
    let interval = interval.unwrap_or("spec.interval");
    warn("Redis", tr!(lang, "cli-redis-polled", name, interval), fix)
}

/// A warning if Redis has no memory limit, or loses tasks when it is reached.
pub(super) async fn memory(
    lang: Lang,
    client: &RedisClient,
    probe: &Probe,
    limit: impl Future<Output = MemoryLimit>,
) -> Option<Finding> {
    let policy = probe.eviction.as_deref().map(|policy| foreign(policy, 30));
    let evicts = policy.as_ref().filter(|policy| *policy != "noeviction");
    let unlimited = probe.max_memory == Some(0);
    if !unlimited && evicts.is_none() {
        return None;
    }
    let MemoryLimit { pod, bytes } = limit.await;
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
    let evicts = evicts.map(|policy| (tr!(lang, "cli-redis-evicts", policy), keep));
    let unlimited = unlimited.then(|| (tr!(lang, "cli-redis-no-maxmemory"), limit));
    let (texts, fixes): (Vec<_>, Vec<_>) = evicts.into_iter().chain(unlimited).unzip();
    let fix = format!("{}\n{durable}", fixes.join("\n"));
    Some(warn("memory", texts.join("; "), fix))
}
