//! `check`: one line per component, with one command that fixes each problem; takes at most 5 s.

mod capacity;
mod clock;
mod cluster;
mod host;
mod pool;
mod redis;
mod workers;

use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, Style};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    component: &'static str,
    ok: bool,
    text: String,
    /// A command that fixes the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

const INSTALL: &str = "helm upgrade --install workerpool charts/workerpool";
const CONTEXTS: &str = "kubectl config get-contexts";
/// The time limit for the first response of the API server.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit for all checks together.
const TIMEOUT: Duration = Duration::from_millis(4_600);

fn ok(component: &'static str, text: impl Into<String>) -> Finding {
    Finding {
        component,
        ok: true,
        text: text.into(),
        fix: None,
    }
}

fn fail(component: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding {
        component,
        ok: false,
        text: text.into(),
        fix: Some(fix.into()),
    }
}

/// Checks all components concurrently and prints the findings in a fixed order; false if one failed.
pub async fn run(
    cluster: anyhow::Result<Cluster>,
    out: &Out,
    name: Option<&str>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut report = Report {
        out,
        json,
        findings: Vec::new(),
    };
    match cluster {
        Err(error) => report.add(vec![fail("cluster", format!("{error:#}"), CONTEXTS)])?,
        Ok(cluster) => check_all(&cluster, name, &mut report).await?,
    }
    if json {
        out.json(&report.findings)?;
    }
    Ok(report.findings.iter().all(|finding| finding.ok))
}

/// The findings so far; as text they are printed at once, as JSON at the end.
struct Report<'a> {
    out: &'a Out,
    json: bool,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn add(&mut self, findings: Vec<Finding>) -> std::io::Result<()> {
        if !self.json {
            for finding in &findings {
                print(self.out, finding)?;
            }
        }
        self.findings.extend(findings);
        Ok(())
    }
}

async fn check_all(
    cluster: &Cluster,
    name: Option<&str>,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let end = Instant::now() + TIMEOUT;
    let lang = cluster.out.lang;
    // The host is checked at the same time: if the API server is silent, the cause is most often there.
    let (host, version) = tokio::join!(
        within(end, lang, "host", host::host(cluster)),
        server_version(cluster)
    );
    report.add(host)?;
    let version = match version {
        Err(finding) => return Ok(report.add(vec![finding])?),
        Ok(version) => version,
    };
    let (rights, operator, definition, pool) = tokio::join!(
        within(end, lang, "cluster", async {
            vec![cluster::permissions(cluster, &version).await]
        }),
        within(end, lang, "operator", async {
            vec![cluster::operator(cluster).await]
        }),
        within(end, lang, "API", async {
            vec![cluster::definition(cluster).await]
        }),
        within(end, lang, "pool", check_pool(cluster, name, end)),
    );
    let api_ok = definition.iter().all(|finding| finding.ok);
    report.add([rights, operator, definition].concat())?;
    // Without the API there is no pool, and the finding on the API reports that already.
    let pool = pool.into_iter();
    report.add(
        pool.filter(|finding| api_ok || finding.component != "pool")
            .collect(),
    )?;
    Ok(())
}

/// The version of the API server, which is the first request to it.
async fn server_version(cluster: &Cluster) -> Result<String, Finding> {
    match timeout_at(Instant::now() + CLUSTER_TIMEOUT, cluster::version(cluster)).await {
        Ok(Ok(version)) => Ok(version),
        Ok(Err(error)) => Err(fail("cluster", format!("{error:#}"), CONTEXTS)),
        Err(_) => {
            let (server, seconds) = (&cluster.server, CLUSTER_TIMEOUT.as_secs());
            let text = tr!(
                cluster.out.lang,
                "the API server {server} does not answer within {seconds} s",
                "el servidor API {server} no contesta en {seconds} s"
            );
            Err(fail("cluster", text, CONTEXTS))
        }
    }
}

/// Checks what belongs to the pool: its Redis, its target, its workers, the clocks, its conditions.
async fn check_pool(cluster: &Cluster, name: Option<&str>, end: Instant) -> Vec<Finding> {
    let lang = cluster.out.lang;
    let pool = match cluster.pool(name).await {
        Ok(pool) => pool,
        Err(error) => return vec![fail("pool", format!("{error:#}"), "kubectl get wp -A")],
    };
    let (redis, target, capacity, server_clock) = tokio::join!(
        timeout_at(end, redis::redis(cluster, &pool)),
        timeout_at(end, pool::target(cluster, &pool)),
        within(end, lang, "capacity", capacity::capacity(cluster, &pool)),
        timeout_at(end, clock::server_offset(cluster)),
    );
    let (redis, summary, redis_clock) =
        redis.unwrap_or_else(|_| (timed_out(lang, "Redis"), None, None));
    let target = target.unwrap_or_else(|_| Err(timed_out(lang, "target")));
    let workers = match target {
        Ok((finding, pods)) => vec![finding, workers::workers(cluster, &pool, &pods, summary)],
        Err(finding) => vec![finding],
    };
    let clocks = clock::compare(lang, redis_clock, server_clock.ok().flatten());
    let conditions = pool::conditions(&pool, &cluster.out);
    [vec![redis], workers, capacity, clocks, conditions].concat()
}

/// The findings of a check, or its timeout.
async fn within(
    end: Instant,
    lang: Lang,
    component: &'static str,
    findings: impl Future<Output = Vec<Finding>>,
) -> Vec<Finding> {
    timeout_at(end, findings)
        .await
        .unwrap_or_else(|_| vec![timed_out(lang, component)])
}

fn timed_out(lang: Lang, component: &'static str) -> Finding {
    fail(
        component,
        tr!(lang, "no answer in time", "no contestó a tiempo"),
        CONTEXTS,
    )
}

fn print(out: &Out, finding: &Finding) -> std::io::Result<()> {
    let sign = if finding.ok {
        out.styled(Style::Good, "✔")
    } else {
        out.styled(Style::Bad, "✘")
    };
    out.data(&format!(
        "{sign} {:15}  {}",
        finding.component, finding.text
    ))?;
    match &finding.fix {
        Some(fix) => out.data(&format!("                   → {fix}")),
        None => Ok(()),
    }
}
