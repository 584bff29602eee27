//! `explain --why-not N`: what forbids another number, and the smallest change that would give it, by the pool's rules
//! on its queues as they are now.

use crate::cluster::Cluster;
use crate::cluster::redis::RedisClient;
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, Style};
use anyhow::Context;
use api::{ScheduledSpec, timestamp};
use decide::victims::{VictimOrder, all_name_their_pod};
use decide::{Memory, Observation};
use jiff::Timestamp;
use kube::ResourceExt;
use sim::{Counterfactual, why_not};

/// Tells why the pool `name` does not have `wanted` workers.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    wanted: i32,
    json: bool,
) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let (target, target_name) = cluster.target(&pool);
    let scale = cluster
        .request("reading the target's scale", target.get_scale(&target_name))
        .await?;
    let current = scale
        .spec
        .and_then(|spec| spec.replicas)
        .context("the target's scale has no number")?;
    let facts = RedisClient::new(cluster, &pool)
        .await?
        .poll(&pool.spec.queues)
        .await?;
    let (now, out) = (Timestamp::now(), &cluster.out);
    let mut wishes = ScheduledSpec::new(&pool)?;
    // Where the operator chooses who goes, no busy worker holds the number up.
    let order = pool.spec.scale_target_ref.order();
    wishes.drains(
        VictimOrder::if_selectable(order, all_name_their_pod(&facts.workers_of_pods())).is_some(),
    );
    let memory = pool
        .status
        .as_ref()
        .and_then(|status| status.internal.as_ref())
        .map(Memory::from);
    let seen = Observation {
        replicas: current,
        queues: facts.queues,
        unavailable_reason: None,
    };
    let at = api::time(now);
    let found = why_not(
        wishes.at(at),
        &seen,
        &memory.unwrap_or_default(),
        at,
        wanted,
    );
    if json {
        let mut told = found.json();
        told["pool"] = pool.name_any().into();
        told["namespace"] = pool.namespace().into();
        told["wanted"] = wanted.into();
        told["current"] = current.into();
        out.json(&told)?;
        return Ok(true);
    }
    for line in lines(&pool.name_any(), &found, wanted, now, out) {
        out.data(&line)?;
    }
    Ok(true)
}

fn lines(
    name: &str,
    found: &Counterfactual,
    wanted: i32,
    now: Timestamp,
    out: &Out,
) -> Vec<String> {
    let (
        Counterfactual {
            decided,
            because,
            change,
            tasks,
            soon,
            later: work,
        },
        lang,
    ) = (found, out.lang);
    if *decided == wanted {
        return vec![tr!(
            lang,
            "{name}: {wanted} is what the rules say now.",
            "{name}: {wanted} es lo que dicen las reglas ahora."
        )];
    }
    let mut all = vec![tr!(
        lang,
        "{name}: {decided} workers, and not {wanted}, because",
        "{name}: {decided} workers, y no {wanted}, porque"
    )];
    let width = because
        .iter()
        .map(|(label, _)| label.chars().count())
        .max()
        .unwrap_or(0);
    all.extend(because.iter().map(|(label, says)| {
        let gap = " ".repeat(width - label.chars().count());
        format!(
            "  {}{gap}  {}",
            out.styled(Style::Dim, label),
            out.step(says, now)
        )
    }));
    let mut ways = Vec::new();
    if let Some(change) = change {
        let fields: Vec<String> = change
            .iter()
            .map(|(field, value)| format!("{field}: {value}"))
            .collect();
        let (fields, and) = (fields, tr!(lang, " and ", " y "));
        ways.push((
            tr!(lang, "for {wanted} now", "para {wanted} ya"),
            fields.join(&and),
        ));
    }
    if let Some(tasks) = tasks {
        ways.push((
            tr!(lang, "for {wanted} now", "para {wanted} ya"),
            more(lang, *tasks),
        ));
    }
    if let Some(at) = soon.map(|at| out.clock(timestamp(at))) {
        ways.push((
            tr!(lang, "for {wanted} soon", "para {wanted} pronto"),
            tr!(
                lang,
                "nothing, if it stays as it is until {at}",
                "nada, si sigue como está hasta las {at}"
            ),
        ));
    }
    if let Some((tasks, at)) = work.map(|(tasks, at)| (more(lang, tasks), out.clock(timestamp(at))))
    {
        ways.push((
            tr!(lang, "for {wanted} soon", "para {wanted} pronto"),
            tr!(
                lang,
                "{tasks}, if still idle until {at}",
                "{tasks}, si sigue así hasta las {at}"
            ),
        ));
    }
    let by_hand = format!("kubectl workerpool scale {name} {wanted}");
    ways.push((tr!(lang, "by hand", "a mano"), by_hand));
    let width = ways
        .iter()
        .map(|(label, _)| label.chars().count())
        .max()
        .unwrap_or(0);
    all.extend(ways.into_iter().map(|(label, way)| {
        let gap = " ".repeat(width - label.chars().count());
        format!("{label}{gap}  {way}")
    }));
    all
}

fn more(lang: Lang, tasks: i64) -> String {
    let n = tasks.unsigned_abs();
    match (tasks > 0, n) {
        (true, 1) => tr!(lang, "1 more task", "1 tarea más"),
        (true, _) => tr!(lang, "{n} more tasks", "{n} tareas más"),
        (false, 1) => tr!(lang, "1 task fewer", "1 tarea menos"),
        (false, _) => tr!(lang, "{n} tasks fewer", "{n} tareas menos"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::output::Color;
    use decide::Time;

    fn said(lang: Lang, wanted: i32, decided: i32) -> String {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let found = Counterfactual {
            decided,
            because: vec![
                pair("scaleUp.step", "2"),
                pair("scaleUp.cooldown", "7 → 5 until 13:47:26"),
            ],
            change: Some(vec![
                pair("scaleUp.step", "4"),
                pair("scaleUp.cooldown", "14s"),
            ]),
            tasks: Some(12),
            soon: Some(Time(1_000_046_000)),
            later: None,
        };
        let out = Out::in_zone(Color::Never, lang, jiff::tz::TimeZone::UTC);
        lines(
            "filters",
            &found,
            wanted,
            timestamp(Time(1_000_000_000)),
            &out,
        )
        .join("\n")
    }

    #[test]
    fn what_forbids_a_number_and_what_would_give_it() {
        insta::assert_snapshot!(said(Lang::En, 9, 5));
        insta::assert_snapshot!(said(Lang::Es, 9, 5));
        insta::assert_snapshot!(said(Lang::En, 5, 5));
    }
}
