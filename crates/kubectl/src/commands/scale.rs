//! `scale`: sets the number of workers by pinning the WorkerPool, or scales the target directly if no operator answers.

use crate::cluster::patch::{apply, params, wait_for_decision};
use crate::cluster::{Cluster, replicas_of};
use crate::text::class_format;
use crate::text::lang::tr;
use crate::text::output::Out;
use anyhow::bail;
use api::{DecisionStatus, PIN_UNTIL, WorkerPool, timestamp};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::Patch;
use serde_json::json;
use std::str::FromStr;
use std::time::Instant;

/// A number of workers, or the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// This many, regardless of load.
    To(i32),
    /// No pin: the rules decide.
    Auto,
}

impl FromStr for Pin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(n) if n >= 0 => Ok(Self::To(n)),
            _ if text == "auto" => Ok(Self::Auto),
            _ => Err(
                "expected a number of workers, such as 5, or `auto` to return control to the rules",
            ),
        }
    }
}

/// Pins the pool `name`, or removes the pin, and waits for the operator's decision.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    pin: Pin,
    span: Option<api::Duration>,
) -> anyhow::Result<bool> {
    let before = cluster.pool(name).await?;
    let name = before.name_any();
    let replicas = match pin {
        Pin::To(n) => json!(n),
        Pin::Auto => json!(null),
    };
    let start = Instant::now();
    // A pin without an end also removes the end of an earlier pin.
    let until = span.map(|span| timestamp(api::time(Timestamp::now()) + span.0));
    let patch =
        json!({"metadata": {"annotations": {PIN_UNTIL: until}}, "spec": {"replicas": replicas}});
    let (out, lang) = (&cluster.out, cluster.out.lang);
    let doing = tr!(lang, "cli-doing-scale", name);
    let pool = apply(cluster, &doing, &name, patch).await?;
    let unanswered = match wait_for_decision(cluster, &before, &pool).await {
        Ok(decision) => {
            let took = start.elapsed().as_millis();
            out.data(&format!("{name}: {}", out.message(&decision)))?;
            let answered = tr!(lang, "cli-scale-answered", took);
            let effect = effect(out, &name, pin, until, &decision);
            out.info(&format!("{answered} {effect}"));
            return Ok(true);
        }
        Err(unanswered) => unanswered,
    };
    let why = unanswered.text(lang);
    match pin {
        Pin::Auto => bail!(tr!(lang, "cli-scale-unpinned-unanswered", name, why)),
        // It removes idle workers only, unlike a change of the target.
        Pin::To(n) if unanswered.operator.is_some() => {
            bail!(tr!(lang, "cli-scale-pinned-unanswered", name, n, why))
        }
        Pin::To(n) => scale_target(cluster, &pool, n).await,
    }
}

/// How long the number of workers stays as it is now.
fn effect(
    out: &Out,
    name: &str,
    pin: Pin,
    until: Option<Timestamp>,
    decision: &DecisionStatus,
) -> String {
    let lang = out.lang;
    match pin {
        // Such as while it is unknown which workers are busy.
        Pin::To(n) if decision.to != n => {
            let to = decision.to;
            tr!(lang, "cli-scale-held", n, to)
        }
        Pin::To(n) => {
            let auto = format!("`kubectl workerpool scale {name} auto`");
            match until.map(|until| out.clock(until)) {
                Some(end) => tr!(lang, "cli-scale-until-time", n, end, auto),
                None => tr!(lang, "cli-scale-until-auto", n, auto),
            }
        }
        Pin::Auto => tr!(lang, "cli-rules-decide-again"),
    }
}

/// Scales the target directly, without an operator.
async fn scale_target(cluster: &Cluster, pool: &WorkerPool, replicas: i32) -> anyhow::Result<bool> {
    let (out, lang) = (&cluster.out, cluster.out.lang);
    let (target, name) = cluster.target(pool);
    let kind = &pool.spec.scale_target_ref.kind;
    let doing = tr!(lang, "cli-scale-directly", kind, name);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let scale = cluster.request(&doing, target.get_scale(&name)).await?;
    let from = replicas_of(&scale);
    let (line, note) = if from == replicas {
        (
            tr!(lang, "cli-scale-unchanged", kind, name, replicas),
            tr!(lang, "cli-scale-no-operator"),
        )
    } else {
        let params = params();
        let patched = target.patch_scale(&name, &params, &patch);
        cluster.request(&doing, patched).await?;
        (
            class_format::scaling(from, replicas, None),
            tr!(lang, "cli-scale-done-directly", kind, name, from, replicas),
        )
    };
    out.data_at(Timestamp::now(), &line)?;
    out.info(&note);
    Ok(true)
}
