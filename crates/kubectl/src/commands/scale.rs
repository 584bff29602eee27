//! `scale`: a number by hand, as a pin of the WorkerPool; of the Deployment itself when no operator answers.

use crate::cluster::Cluster;
use crate::cluster::patch::{apply, params, wait_for_decision};
use crate::text::class_format;
use crate::text::lang::tr;
use anyhow::bail;
use api::{PIN_UNTIL, timestamp};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::Patch;
use serde_json::json;
use std::str::FromStr;
use std::time::Instant;

/// A number of workers, or the rules again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// This many, regardless of load.
    To(i32),
    /// What the rules say.
    Auto,
}

impl FromStr for Pin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(n) if n >= 0 => Ok(Self::To(n)),
            _ if text == "auto" => Ok(Self::Auto),
            _ => Err("say how many workers, such as 5, or `auto` to leave it to the rules again"),
        }
    }
}

/// Pins the pool `name`, or takes the pin away, and waits for the operator's answer.
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
    // A pin without an end takes away the end of the one before.
    let until = span.map(|span| timestamp(api::time(Timestamp::now()) + span.0));
    let patch =
        json!({"metadata": {"annotations": {PIN_UNTIL: until}}, "spec": {"replicas": replicas}});
    let pool = apply(cluster, &format!("scaling WorkerPool {name}"), &name, patch).await?;
    let (target, target_name) = cluster.target(&pool);
    let kind = &pool.spec.scale_target_ref.kind;
    let (out, lang) = (&cluster.out, cluster.out.lang);
    if let Some(decision) = wait_for_decision(cluster, &before, &pool).await {
        let took = start.elapsed().as_millis();
        out.data(&format!(
            "{name}: {}",
            out.message(&decision.message, Timestamp::now())
        ))?;
        let answered = tr!(
            lang,
            "The operator answered in {took} ms.",
            "El operador respondió en {took} ms."
        );
        let stays = match pin {
            // Such as while it is not known who is busy.
            Pin::To(n) if decision.to != n => {
                let to = decision.to;
                tr!(
                    lang,
                    "It is pinned to {n}, and as long as that holds it stays at {to}.",
                    "Queda fijado en {n}; mientras dure eso, siguen {to}."
                )
            }
            Pin::To(n) => {
                let auto = format!("`kubectl workerpool scale {name} auto`");
                match until.map(|until| out.clock(until)) {
                    Some(end) => tr!(
                        lang,
                        "It stays at {n} until {end}, or {auto}",
                        "Se queda en {n} hasta las {end}, o {auto}"
                    ),
                    None => tr!(
                        lang,
                        "It stays at {n} until {auto}",
                        "Se queda en {n} hasta {auto}"
                    ),
                }
            }
            Pin::Auto => tr!(
                lang,
                "The rules decide again.",
                "Las reglas deciden de nuevo."
            ),
        };
        out.info(&format!("{answered} {stays}"));
        return Ok(true);
    }
    let Pin::To(wanted) = pin else {
        bail!(tr!(
            lang,
            "{name}: the pin is gone, but no operator answers within 5 s, so nobody follows the rules; `kubectl workerpool check` looks for it",
            "{name}: ya no está fijado, pero ningún operador responde en 5 s, así que nadie aplica las reglas; `kubectl workerpool check` lo busca"
        ));
    };
    let doing = tr!(
        lang,
        "no operator answers within 5 s; scaling {kind} {target_name} itself",
        "ningún operador responde en 5 s; se escala {kind} {target_name} directamente"
    );
    let scale = Patch::Merge(json!({"spec": {"replicas": wanted}}));
    let from = cluster
        .request(&doing, target.get_scale(&target_name))
        .await?
        .spec
        .and_then(|spec| spec.replicas)
        .unwrap_or(0);
    cluster
        .request(&doing, target.patch_scale(&target_name, &params(), &scale))
        .await?;
    let said = if from == wanted {
        tr!(
            lang,
            "{kind}/{target_name} has {wanted} workers already",
            "{kind}/{target_name} ya tiene {wanted} workers"
        )
    } else {
        class_format::scaling(from, wanted, None)
    };
    out.data_at(Timestamp::now(), &said)?;
    out.info(&tr!(
        lang,
        "No operator answered within 5 s, so {kind}/{target_name} itself was set from {from} to {wanted}. Nobody follows the rules until an operator runs: kubectl workerpool check",
        "Ningún operador respondió en 5 s, así que {kind}/{target_name} pasó directamente de {from} a {wanted}. Nadie aplica las reglas hasta que corra un operador: kubectl workerpool check"
    ));
    Ok(true)
}
