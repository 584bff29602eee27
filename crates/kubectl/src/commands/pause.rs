//! `pause` and `resume`: a pool that is left as it is for a while, with who wants it and what for.

use crate::cluster::Cluster;
use crate::cluster::patch::{apply, wait_for_decision};
use crate::text::lang::tr;
use api::{SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY, timestamp};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;

/// How long, and what for.
#[derive(Clone, Debug, clap::Args)]
pub struct PauseArgs {
    /// End by itself after this time, in seconds or such as 30m [default: when resumed]
    #[arg(long = "for", value_name = "TIME", value_parser = crate::args::duration)]
    pub span: Option<api::Duration>,
    /// What for: everybody sees it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Pauses the pool `name`; false when no operator has answered.
pub async fn pause(
    cluster: &Cluster,
    name: Option<&str>,
    terms: PauseArgs,
) -> anyhow::Result<bool> {
    let PauseArgs { span, reason } = terms;
    let until = span.map(|span| timestamp(api::time(Timestamp::now()) + span.0));
    let by = ["USER", "USERNAME", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let notes = json!({SUSPEND_UNTIL: until, SUSPENDED_BY: by, SUSPEND_REASON: reason});
    let stays = |name: &str| {
        let resume = format!("`kubectl workerpool resume {name}`");
        let (out, lang) = (&cluster.out, cluster.out.lang);
        match until.map(|until| out.clock(until)) {
            Some(end) => {
                tr!(
                    lang,
                    "It stays so until {end}, or {resume}",
                    "Sigue así hasta las {end}, o {resume}"
                )
            }
            None => tr!(
                lang,
                "It stays so until {resume}",
                "Sigue así hasta {resume}"
            ),
        }
    };
    Box::pin(set(cluster, name, true, notes, stays)).await
}

/// Leaves the pool `name` to its rules again; false when no operator has answered.
pub async fn resume(cluster: &Cluster, name: Option<&str>) -> anyhow::Result<bool> {
    let notes = json!({SUSPEND_UNTIL: null, SUSPENDED_BY: null, SUSPEND_REASON: null});
    let decide = |_: &str| {
        tr!(
            cluster.out.lang,
            "The rules decide again.",
            "Las reglas deciden de nuevo."
        )
    };
    Box::pin(set(cluster, name, false, notes, decide)).await
}

async fn set(
    cluster: &Cluster,
    name: Option<&str>,
    suspend: bool,
    notes: serde_json::Value,
    then: impl Fn(&str) -> String,
) -> anyhow::Result<bool> {
    let before = cluster.pool(name).await?;
    let (name, out) = (before.name_any(), &cluster.out);
    let patch = json!({"metadata": {"annotations": notes}, "spec": {"suspend": suspend}});
    let doing = if suspend { "pausing" } else { "resuming" };
    let pool = apply(cluster, &format!("{doing} WorkerPool {name}"), &name, patch).await?;
    if let Some(decision) = wait_for_decision(cluster, &before, &pool).await {
        out.data(&format!(
            "{name}: {}",
            out.message(&decision.message, Timestamp::now())
        ))?;
        out.info(&then(&name));
        return Ok(true);
    }
    out.info(&tr!(
        out.lang,
        "{name}: written, but no operator answers within 5 s; `kubectl workerpool check` looks for it",
        "{name}: escrito, pero ningún operador responde en 5 s; `kubectl workerpool check` lo busca"
    ));
    Ok(false)
}
