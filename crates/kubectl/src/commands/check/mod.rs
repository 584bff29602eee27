//! `check`: one line per component, with the command that fixes each problem; takes at most 5 s.

mod admission;
mod capacity;
mod chain;
mod clock;
mod cluster;
mod context;
mod direct;
mod finding;
mod grace;
mod host;
mod images;
mod pool;
mod ports;
mod proxy;
mod redis;
mod redis_pods;
mod replicas;
mod setup;
mod workers;

use crate::cluster::operator::{self, Operator};
use crate::cluster::{Cluster, ClusterArgs};
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use context::Contexts;
pub use direct::Direct;
use finding::{Finding, fail};
use setup::{Platform, Setup};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const CONTEXTS: &str = "kubectl config get-contexts";
/// The time limit for the first response of the API server.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit for all checks together.
const TIMEOUT: Duration = Duration::from_millis(4_600);

/// What `check` is asked to do.
pub struct Check<'a> {
    /// The pool, or the only one of the namespace.
    pub pool: Option<&'a str>,
    /// Whether to print JSON.
    pub json: bool,
    /// What names the cluster.
    pub cluster: &'a ClusterArgs,
    /// Whether it is the local one.
    pub local: bool,
}

/// Checks all components concurrently and prints the findings in a fixed order; false if one failed. Warnings do not
/// count as failures.
pub async fn run(
    check: Check<'_>,
    cluster: anyhow::Result<Cluster>,
    out: &Out,
) -> anyhow::Result<bool> {
    let mut report = Report::new(out, check.json);
    let contexts = Contexts::read(check.cluster);
    match cluster {
        Err(error) if check.local => {
            report.add(host::local(out.lang).await)?;
            let fix = "kubectl workerpool stop --local";
            report.add(vec![fail("cluster", format!("{error:#}"), fix)])?;
        }
        Err(error) => {
            let findings = context::no_cluster(out.lang, check.cluster, &contexts, &error).await;
            report.add(findings)?;
        }
        Ok(cluster) => check_all(&cluster, check.pool, &contexts, &mut report).await?,
    }
    report.end()
}

/// The findings so far; as text they are printed at once, as JSON at the end.
struct Report<'a> {
    out: &'a Out,
    json: bool,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    fn new(out: &'a Out, json: bool) -> Self {
        let findings = Vec::new();
        Self {
            out,
            json,
            findings,
        }
    }

    /// Prints the JSON; false if a finding failed.
    fn end(self) -> anyhow::Result<bool> {
        if self.json {
            self.out.json(&self.findings)?;
        }
        Ok(!self.findings.iter().any(Finding::failed))
    }

    fn add(&mut self, findings: Vec<Finding>) -> std::io::Result<()> {
        if !self.json {
            for finding in &findings {
                finding.print(self.out)?;
            }
        }
        self.findings.extend(findings);
        Ok(())
    }
}

async fn check_all(
    cluster: &Cluster,
    name: Option<&str>,
    contexts: &Contexts,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let end = Instant::now() + TIMEOUT;
    let lang = cluster.out.lang;
    let setup = Setup::of(cluster);
    let ports = async {
        match setup.platform {
            Platform::Kind(_) => ports::ports(lang, &setup).await,
            _ => Vec::new(),
        }
    };
    // The host is checked at the same time: if the API server is silent, the cause is most often there.
    let (host, ports, version) = tokio::join!(
        within(end, lang, "host", host::host(cluster, &setup)),
        within(end, lang, "ports", ports),
        timeout_at(Instant::now() + CLUSTER_TIMEOUT, cluster::version(cluster))
    );
    report.add(host)?;
    report.add(Vec::from_iter(proxy::proxy(lang, Some(cluster), variable)))?;
    let text = match version {
        Ok(Ok(version)) => {
            return check_running(cluster, name, contexts, &setup, &version, end, report).await;
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => no_answer(cluster),
    };
    report.add(ports)?;
    let fix = reach(cluster, contexts, &setup);
    Ok(report.add(vec![fail("cluster", text, fix)])?)
}

/// Checks a cluster that answers.
async fn check_running(
    cluster: &Cluster,
    name: Option<&str>,
    contexts: &Contexts,
    setup: &Setup,
    version: &str,
    end: Instant,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let lang = cluster.out.lang;
    let (rights, (installed, operator, definition), pool) = tokio::join!(
        within(end, lang, "cluster", async {
            vec![cluster::permissions(cluster, version).await]
        }),
        check_operator(cluster, setup, end),
        within(end, lang, "pool", check_pool(cluster, name, setup, end)),
    );
    report.add(rights)?;
    let missing = definition.iter().any(Finding::failed);
    if missing
        && !installed
        && let Some(finding) = context::foreign_cluster(cluster, contexts)
    {
        // No command should install anything into a cluster that was not meant.
        return Ok(report.add(vec![finding])?);
    }
    report.add([operator, definition].concat())?;
    // Without the API there is no pool, and the finding on the API reports that already.
    let pool = pool.into_iter();
    let shown = pool.filter(|finding| !missing || finding.component != "pool");
    Ok(report.add(shown.collect())?)
}

/// Whether the operator is installed, and the findings on it and on the API.
async fn check_operator(
    cluster: &Cluster,
    setup: &Setup,
    end: Instant,
) -> (bool, Vec<Finding>, Vec<Finding>) {
    let lang = cluster.out.lang;
    let Ok(found) = timeout_at(end, operator::find(cluster)).await else {
        let late = |component| vec![timed_out(lang, component)];
        return (true, late("operator"), late("API"));
    };
    let installed = matches!(found, Ok(Operator::Found { .. }));
    let (operator, policies, definition) = tokio::join!(
        within(end, lang, "operator", async {
            vec![cluster::operator(cluster, setup, &found).await]
        }),
        within(end, lang, "admission", async {
            Vec::from_iter(admission::policies(cluster, setup, &found).await)
        }),
        within(end, lang, "API", async {
            vec![cluster::definition(cluster, setup, &found).await]
        }),
    );
    (installed, [operator, policies].concat(), definition)
}

/// The message on an API server without an answer.
fn no_answer(cluster: &Cluster) -> String {
    let (lang, server) = (cluster.out.lang, &cluster.server);
    let seconds = CLUSTER_TIMEOUT.as_secs();
    tr!(lang, "cli-check-server-timeout", server, seconds)
}

/// The command after which the API server may answer.
fn reach(cluster: &Cluster, contexts: &Contexts, setup: &Setup) -> String {
    if let Some(host) = proxy::host_behind(cluster) {
        return proxy::bypass(&[host], variable);
    }
    let kind = contexts.kind(&cluster.context);
    let kind = kind.filter(|_| setup.platform == Platform::Other);
    kind.or_else(|| setup.restart())
        .unwrap_or_else(|| CONTEXTS.into())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Checks what belongs to the pool: its Redis, its target, its workers, the clocks, its conditions.
async fn check_pool(
    cluster: &Cluster,
    name: Option<&str>,
    setup: &Setup,
    end: Instant,
) -> Vec<Finding> {
    let lang = cluster.out.lang;
    let pool = match pool::choose(cluster, name, setup).await {
        Ok(pool) => pool,
        Err(finding) => return vec![finding],
    };
    let (redis, target, replicas, grace, capacity, server_clock) = tokio::join!(
        timeout_at(end, redis::redis(cluster, &pool, setup)),
        timeout_at(end, pool::target(cluster, &pool, setup)),
        within(end, lang, "replicas", replicas::replicas(cluster, &pool)),
        within(end, lang, "grace", async {
            Vec::from_iter(grace::grace(cluster, &pool).await)
        }),
        within(end, lang, "capacity", capacity::capacity(cluster, &pool)),
        timeout_at(end, clock::server_offset(cluster)),
    );
    let redis = redis.unwrap_or_else(|_| redis::Found {
        findings: vec![timed_out(lang, "Redis")],
        ..redis::Found::default()
    });
    let target = target.unwrap_or_else(|_| Err(timed_out(lang, "target")));
    let workers = match target {
        Ok((finding, pods)) => vec![
            finding,
            workers::workers(cluster, &pool, &pods, redis.summary),
        ],
        Err(finding) => vec![finding],
    };
    let clocks = clock::compare(lang, redis.clock, server_clock.ok().flatten());
    let conditions = pool::conditions(&pool, &cluster.out);
    [
        redis.findings,
        workers,
        replicas,
        grace,
        capacity,
        clocks,
        conditions,
    ]
    .concat()
}

/// The findings of a check, or its timeout.
async fn within(
    end: Instant,
    lang: Lang,
    component: &'static str,
    findings: impl Future<Output = Vec<Finding>>,
) -> Vec<Finding> {
    let findings = timeout_at(end, findings).await;
    findings.unwrap_or_else(|_| vec![timed_out(lang, component)])
}

fn timed_out(lang: Lang, component: &'static str) -> Finding {
    fail(component, tr!(lang, "cli-check-timeout"), CONTEXTS)
}
