//! `explain -A` and `history -A`: all pools in all namespaces, one line each.

use super::history::row;
use crate::cluster::Cluster;
use crate::text::lang::tr;
use crate::text::output::Style;
use crate::tui::{Rank, Row, rank};
use api::{Change, Key, WorkerPool};
use jiff::Timestamp;
use kube::api::{Api, ListParams};
use serde_json::json;

/// Explains the number of workers of each pool, problems first; false if a pool has a problem.
pub async fn explain(cluster: &Cluster, json: bool) -> anyhow::Result<bool> {
    let out = &cluster.out;
    let mut rows: Vec<Row> = list(cluster).await?.into_iter().map(Row::new).collect();
    rows.sort_by(|a, b| (a.rank, &a.key).cmp(&(b.rank, &b.key)));
    let ok = rows.iter().all(|row| row.rank != Rank::Trouble);
    if json {
        let to_json = |row: &Row| {
            let Row {
                key,
                replicas,
                decision,
                current,
                rank,
                ..
            } = row;
            let rank = format!("{rank:?}").to_lowercase();
            json!({"pool": &*key.name, "namespace": &*key.namespace, "current": current, "rank": rank, "replicas": replicas, "decision": decision})
        };
        out.json(&rows.iter().map(to_json).collect::<Vec<_>>())?;
        return Ok(ok);
    }
    let width = rows
        .iter()
        .map(|row| row.key.to_string().len())
        .max()
        .unwrap_or(0);
    let reasons = rows
        .iter()
        .filter_map(|row| Some(row.decision.as_ref()?.reason.len()))
        .max()
        .unwrap_or(0);
    for row in &rows {
        let decision = row.decision.as_ref();
        let message = decision.map_or("?".to_owned(), |decision| out.message(decision));
        let reason = decision.map_or("", |decision| &decision.reason);
        let workers = row
            .desired
            .or(row.replicas)
            .map_or("?".to_owned(), |n| n.to_string());
        let (sign, key) = (rank(row.rank).0, &row.key);
        let message = out.styled(Style::Dim, &message);
        out.data(&format!(
            "{sign} {:width$}  {workers:>3}  {reason:reasons$}  {message}",
            key.to_string()
        ))?;
    }
    Ok(ok)
}

/// Prints the latest `limit` changes of all pools, newest last.
pub async fn history(cluster: &Cluster, limit: usize, json: bool) -> anyhow::Result<bool> {
    let (out, now) = (&cluster.out, Timestamp::now());
    let pools = list(cluster).await?;
    let history = |pool: &WorkerPool| {
        pool.status
            .clone()
            .map(|status| status.history)
            .unwrap_or_default()
    };
    let mut changes: Vec<(Key, Change)> = pools
        .iter()
        .flat_map(|pool| {
            history(pool)
                .into_iter()
                .map(|change| (Key::of(pool), change))
        })
        .collect();
    changes.sort_by_key(|(_, change)| change.at);
    let shown = &changes[changes.len().saturating_sub(limit)..];
    if json {
        let to_json = |(key, change): &(Key, Change)| json!({"pool": &*key.name, "namespace": &*key.namespace, "change": change});
        out.json(&shown.iter().map(to_json).collect::<Vec<_>>())?;
        return Ok(true);
    }
    let width = shown
        .iter()
        .map(|(key, _)| key.to_string().len())
        .max()
        .unwrap_or(0);
    let reasons = shown
        .iter()
        .map(|(_, change)| change.reason.len())
        .max()
        .unwrap_or(0);
    for (key, change) in shown {
        out.data(&row(
            &format!("{:width$}  ", key.to_string()),
            change,
            reasons,
            now,
            out,
        ))?;
    }
    Ok(true)
}

async fn list(cluster: &Cluster) -> anyhow::Result<Vec<WorkerPool>> {
    let pools = Api::all(cluster.client.clone());
    Ok(cluster
        .request(
            &tr!(cluster.out.lang, "cli-doing-list-all-pools"),
            pools.list(&ListParams::default()),
        )
        .await?
        .items)
}
