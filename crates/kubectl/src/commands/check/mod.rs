//! `check`: a line per link of the chain, and the one command that mends each that is broken; never more than 5 s.

mod capacity;
mod clock;
mod cluster;
mod host;
mod pool;

use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, Style};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What was found at one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    link: &'static str,
    ok: bool,
    text: String,
    /// The one command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

const INSTALL: &str = "helm upgrade --install workerpool charts/workerpool";
const CONTEXTS: &str = "kubectl config get-contexts";
/// How long the cluster has to say anything, and all of it to say everything.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_millis(4_600);

fn ok(link: &'static str, text: impl Into<String>) -> Finding {
    Finding {
        link,
        ok: true,
        text: text.into(),
        fix: None,
    }
}

fn fail(link: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        link,
        ok: false,
        text: text.into(),
        fix: Some(mend.into()),
    }
}

/// Looks at all links at once, and tells of them in the order of the chain; false when one is broken.
pub async fn run(
    cluster: anyhow::Result<Cluster>,
    out: &Out,
    name: Option<&str>,
    json: bool,
) -> anyhow::Result<bool> {
    let end = Instant::now() + TIMEOUT;
    let mut all = Vec::new();
    let mut show = |found: Vec<Finding>| -> anyhow::Result<()> {
        for found in found {
            if !json {
                print(out, &found)?;
            }
            all.push(found);
        }
        Ok(())
    };
    match cluster {
        Err(error) => show(vec![fail("cluster", format!("{error:#}"), CONTEXTS)])?,
        Ok(cluster) => {
            let lang = cluster.out.lang;
            // Beside it, since what does not answer is most often the machine below.
            let below = within(end, lang, "machine", Box::pin(host::host(&cluster)));
            let version = within_first(&cluster);
            let (below, version) = tokio::join!(below, version);
            show(below)?;
            match version {
                Err(found) => show(vec![found])?,
                Ok(version) => {
                    let definition = async { vec![cluster::definition(&cluster).await] };
                    let (rights, operator, definition, pool) = tokio::join!(
                        within(
                            end,
                            lang,
                            "cluster",
                            Box::pin(async { vec![cluster::rights(&cluster, &version).await] })
                        ),
                        within(
                            end,
                            lang,
                            "operator",
                            Box::pin(async { vec![cluster::answering(&cluster).await] })
                        ),
                        within(end, lang, "API", Box::pin(definition)),
                        within(end, lang, "pool", Box::pin(of_pool(&cluster, name, end))),
                    );
                    let known = definition.iter().all(|found| found.ok);
                    show([rights, operator, definition].concat())?;
                    // Without the API there is no pool, which was said already.
                    show(
                        pool.into_iter()
                            .filter(|found| known || found.link != "pool")
                            .collect(),
                    )?;
                }
            }
        }
    }
    if json {
        out.json(&all)?;
    }
    Ok(all.iter().all(|found| found.ok))
}

async fn within_first(cluster: &Cluster) -> Result<String, Finding> {
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

/// What belongs to the pool: its Redis, its target, its workers, the clocks, its own word.
async fn of_pool(cluster: &Cluster, name: Option<&str>, end: Instant) -> Vec<Finding> {
    let lang = cluster.out.lang;
    let pool = match cluster.pool(name).await {
        Ok(pool) => pool,
        Err(error) => return vec![fail("pool", format!("{error:#}"), "kubectl get wp -A")],
    };
    let redis = async {
        let (found, facts, time) = pool::redis(cluster, &pool).await;
        (vec![found], facts, time)
    };
    let redis = async {
        timeout_at(end, redis)
            .await
            .unwrap_or_else(|_| (vec![timed_out(lang, "Redis")], None, None))
    };
    let (redis, target, room, server) = tokio::join!(
        redis,
        timeout_at(end, pool::target(cluster, &pool)),
        within(
            end,
            lang,
            "room",
            Box::pin(capacity::capacity(cluster, &pool))
        ),
        timeout_at(end, clock::of_server(cluster)),
    );
    let (redis, facts, time) = redis;
    let target = target.unwrap_or_else(|_| Err(timed_out(lang, "target")));
    let workers = match target {
        Ok((found, pods)) => vec![found, pool::workers(cluster, &pool, &pods, facts)],
        Err(found) => vec![found],
    };
    let clocks = clock::compare(lang, time, server.ok().flatten());
    [
        redis,
        workers,
        room,
        clocks,
        pool::conditions(&pool, &cluster.out),
    ]
    .concat()
}

/// What was found in time.
async fn within(
    end: Instant,
    lang: Lang,
    link: &'static str,
    found: impl Future<Output = Vec<Finding>>,
) -> Vec<Finding> {
    timeout_at(end, found)
        .await
        .unwrap_or_else(|_| vec![timed_out(lang, link)])
}

fn timed_out(lang: Lang, link: &'static str) -> Finding {
    fail(
        link,
        tr!(lang, "no answer in time", "no contestó a tiempo"),
        CONTEXTS,
    )
}

fn print(out: &Out, found: &Finding) -> std::io::Result<()> {
    let sign = if found.ok {
        out.styled(Style::Good, "✔")
    } else {
        out.styled(Style::Bad, "✘")
    };
    out.data(&format!("{sign} {:15}  {}", found.link, found.text))?;
    match &found.fix {
        Some(mend) => out.data(&format!("                   → {mend}")),
        None => Ok(()),
    }
}
