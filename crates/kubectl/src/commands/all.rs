//! `explain -A` and `history -A`: all pools in all namespaces, one line each.

use super::history::row;
use crate::cluster::Cluster;
use crate::text::lang::tr;
use crate::text::output::{Style, width};
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
    let reason = |row: &'_ Row| {
        row.decision
            .as_ref()
            .map(|decision| decision.reason.clone())
    };
    let names = width(rows.iter().map(|row| row.key.to_string()));
    let reasons = width(rows.iter().filter_map(reason));
    for row in &rows {
        let decision = row.decision.as_ref();
        let message = decision.map_or("?".to_owned(), |decision| out.message(decision));
        let reason = decision.map_or("", |decision| &decision.reason);
        let workers = row.desired.or(row.replicas);
        let workers = workers.map_or("?".to_owned(), |n| n.to_string());
        let (sign, name) = (rank(row.rank).0, row.key.to_string());
        let message = out.styled(Style::Dim, &message);
        out.data(&format!(
            "{sign} {name:names$}  {workers:>3}  {reason:reasons$}  {message}"
        ))?;
    }
    Ok(ok)
}

/// Prints the latest `limit` changes of all pools, newest last.
pub async fn history(cluster: &Cluster, limit: usize, json: bool) -> anyhow::Result<bool> {
    let (out, now) = (&cluster.out, Timestamp::now());
    let pools = list(cluster).await?;
    let changes_of = |pool: WorkerPool| {
        let key = Key::of(&pool);
        let history = pool.status.map(|status| status.history).unwrap_or_default();
        history.into_iter().map(move |change| (key.clone(), change))
    };
    let mut changes: Vec<(Key, Change)> = pools.into_iter().flat_map(changes_of).collect();
    changes.sort_by_key(|(_, change)| change.at);
    let shown = &changes[changes.len().saturating_sub(limit)..];
    if json {
        let to_json = |(key, change): &(Key, Change)| json!({"pool": &*key.name, "namespace": &*key.namespace, "change": change});
        out.json(&shown.iter().map(to_json).collect::<Vec<_>>())?;
        return Ok(true);
    }
    let names = width(shown.iter().map(|(key, _)| key.to_string()));
    let reasons = width(shown.iter().map(|(_, change)| &change.reason));
    for (key, change) in shown {
        let name = format!("{:names$}  ", key.to_string());
        out.data(&row(&name, change, reasons, now, out))?;
    }
    Ok(true)
}

async fn list(cluster: &Cluster) -> anyhow::Result<Vec<WorkerPool>> {
    let pools = Api::all(cluster.client.clone());
    let doing = tr!(cluster.out.lang, "cli-doing-list-all-pools");
    let all = ListParams::default();
    Ok(cluster.request(&doing, pools.list(&all)).await?.items)
}
