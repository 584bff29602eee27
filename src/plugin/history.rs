//! `history`: the last changes of the number, each with its sentence.

use super::cluster::Cluster;
use super::lang::tr;
use super::output::Paint;
use crate::api::Change;
use jiff::{Timestamp, ToSpan};

/// Prints the last `most` changes of the pool `name`, the newest last.
pub async fn run(cluster: &Cluster, name: Option<&str>, most: usize, json: bool) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let history = pool.status.map(|status| status.history).unwrap_or_default();
    let shown = &history[history.len().saturating_sub(most)..];
    let out = &cluster.out;
    if json {
        out.json(&shown)?;
        return Ok(true);
    }
    if shown.is_empty() {
        out.talk(&tr!(
            out.lang,
            "The number has not changed yet. Why it is what it is: kubectl workerpool explain",
            "El número no ha cambiado todavía. Por qué es el que es: kubectl workerpool explain"
        ));
    }
    let now = Timestamp::now();
    let width = shown.iter().map(|change| change.reason.len()).max().unwrap_or(0);
    for Change { at, from, to, reason, sentence } in shown {
        // The day is said where it is not today's.
        let old =
            now.since(*at).is_ok_and(|span| span.compare(20.hours()).is_ok_and(std::cmp::Ordering::is_gt));
        let day = if old { format!("{} ", at.to_zoned(out.zone().clone()).date()) } else { String::new() };
        let sentence = out.sentence(sentence, *at);
        let change = format!("{from} → {to}");
        out.data(&format!(
            "{day}{}  {change:7}  {reason:width$}  {}",
            out.clock(*at),
            out.paint(Paint::Dim, &sentence)
        ))?;
    }
    Ok(true)
}
