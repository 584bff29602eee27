//! `-A`: all pools of all namespaces, a line each.

use super::history::row;
use crate::cluster::Cluster;
use crate::text::output::Style;
use crate::tui::{Rank, Row, rank};
use api::{Change, Key, WorkerPool};
use jiff::Timestamp;
use kube::api::{Api, ListParams};
use serde_json::json;

/// Tells of each pool how many workers are wanted and why, problems first; false where one is in trouble.
pub async fn explain(cluster: &Cluster, json: bool) -> anyhow::Result<bool> {
    let out = &cluster.out;
    let mut rows: Vec<Row> = all(cluster).await?.into_iter().map(Row::new).collect();
    rows.sort_by(|a, b| (a.rank, &a.key).cmp(&(b.rank, &b.key)));
    let well = rows.iter().all(|row| row.rank != Rank::Trouble);
    if json {
        let told = |row: &Row| {
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
        out.json(&rows.iter().map(told).collect::<Vec<_>>())?;
        return Ok(well);
    }
    let width = rows
        .iter()
        .map(|row| row.key.to_string().len())
        .max()
        .unwrap_or(0);
    for row in &rows {
        let decision = row.decision.as_ref();
        let said = decision.map_or("?".to_owned(), |it| out.message(&it.message, it.at));
        let reason = decision.map_or("", |it| &it.reason);
        let workers = row
            .desired
            .or(row.replicas)
            .map_or("?".to_owned(), |n| n.to_string());
        let (sign, key) = (rank(row.rank).0, &row.key);
        let said = out.styled(Style::Dim, &said);
        out.data(&format!(
            "{sign} {:width$}  {workers:>3}  {reason:14}  {said}",
            key.to_string()
        ))?;
    }
    Ok(well)
}

/// Prints the last `most` changes of all pools, the newest last.
pub async fn history(cluster: &Cluster, most: usize, json: bool) -> anyhow::Result<bool> {
    let (out, now) = (&cluster.out, Timestamp::now());
    let pools = all(cluster).await?;
    let of = |pool: &WorkerPool| {
        pool.status
            .clone()
            .map(|status| status.history)
            .unwrap_or_default()
    };
    let mut changes: Vec<(Key, Change)> = pools
        .iter()
        .flat_map(|pool| of(pool).into_iter().map(|change| (Key::of(pool), change)))
        .collect();
    changes.sort_by_key(|(_, change)| change.at);
    let shown = &changes[changes.len().saturating_sub(most)..];
    if json {
        let told = |(key, change): &(Key, Change)| json!({"pool": &*key.name, "namespace": &*key.namespace, "change": change});
        out.json(&shown.iter().map(told).collect::<Vec<_>>())?;
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

async fn all(cluster: &Cluster) -> anyhow::Result<Vec<WorkerPool>> {
    let pools = Api::all(cluster.client.clone());
    Ok(cluster
        .request(
            "reading the WorkerPools of all namespaces",
            pools.list(&ListParams::default()),
        )
        .await?
        .items)
}
