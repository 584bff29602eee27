//! `pause` and `resume`: suspends the scaling of a pool, and records who suspended it, why and until when.

use crate::cluster::Cluster;
use crate::cluster::patch::{apply, wait_for_decision};
use crate::text::lang::tr;
use api::{SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY, timestamp};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;

/// How long to pause, and why.
#[derive(Clone, Debug, clap::Args)]
pub struct PauseArgs {
    /// Resume after this time, in seconds or a duration such as 30m [default: when resumed by hand]
    #[arg(long = "for", value_name = "TIME", value_parser = crate::args::duration)]
    pub span: Option<api::Duration>,
    /// The reason, which everyone sees
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Pauses the pool `name`; false if no operator answered.
pub async fn pause(cluster: &Cluster, name: Option<&str>, args: PauseArgs) -> anyhow::Result<bool> {
    let PauseArgs { span, reason } = args;
    let until = span.map(|span| timestamp(api::time(Timestamp::now()) + span.0));
    let by = ["USER", "USERNAME", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let annotations = json!({SUSPEND_UNTIL: until, SUSPENDED_BY: by, SUSPEND_REASON: reason});
    let effect = |name: &str| {
        let resume = format!("`kubectl workerpool resume {name}`");
        let (out, lang) = (&cluster.out, cluster.out.lang);
        match until.map(|until| out.clock(until)) {
            Some(end) => {
                tr!(lang, "cli-pause-until-time", end, resume)
            }
            None => tr!(lang, "cli-pause-until-resumed", resume),
        }
    };
    suspend(cluster, name, true, annotations, effect).await
}

/// Resumes the pool `name`; false if no operator answered.
pub async fn resume(cluster: &Cluster, name: Option<&str>) -> anyhow::Result<bool> {
    let annotations = json!({SUSPEND_UNTIL: null, SUSPENDED_BY: null, SUSPEND_REASON: null});
    let effect = |_: &str| tr!(cluster.out.lang, "cli-rules-decide-again");
    suspend(cluster, name, false, annotations, effect).await
}

/// Sets `spec.suspend` and the annotations; prints the operator's decision and the `effect` on the pool.
async fn suspend(
    cluster: &Cluster,
    name: Option<&str>,
    suspend: bool,
    annotations: serde_json::Value,
    effect: impl Fn(&str) -> String,
) -> anyhow::Result<bool> {
    let before = cluster.pool(name).await?;
    let (name, out) = (before.name_any(), &cluster.out);
    let patch = json!({"metadata": {"annotations": annotations}, "spec": {"suspend": suspend}});
    let doing = if suspend {
        tr!(out.lang, "cli-doing-pause", name)
    } else {
        tr!(out.lang, "cli-doing-resume", name)
    };
    let pool = apply(cluster, &doing, &name, patch).await?;
    match wait_for_decision(cluster, &before, &pool).await {
        Ok(decision) => {
            out.data(&format!("{name}: {}", out.message(&decision)))?;
            out.info(&effect(&name));
            Ok(true)
        }
        Err(unanswered) => {
            let why = unanswered.text(out.lang);
            out.info(&tr!(out.lang, "cli-pause-unanswered", name, why));
            Ok(false)
        }
    }
}
