//! A change of a WorkerPool by hand, and the operator's answer to it.

use crate::cluster::Cluster;
use api::{DecisionStatus, WorkerPool};
use futures::StreamExt;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::watch_object;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// How long the operator has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Under which name this program writes.
pub fn params() -> PatchParams {
    PatchParams {
        field_manager: Some("kubectl-workerpool".into()),
        ..PatchParams::default()
    }
}

/// Merges `patch` into the pool `name`.
pub async fn apply(
    cluster: &Cluster,
    doing: &str,
    name: &str,
    patch: Value,
) -> anyhow::Result<WorkerPool> {
    cluster
        .request(
            doing,
            cluster.pools().patch(name, &params(), &Patch::Merge(patch)),
        )
        .await
}

/// The operator's decision on the pool as the change from `before` made it, unless none comes in time.
pub async fn wait_for_decision(
    cluster: &Cluster,
    before: &WorkerPool,
    pool: &WorkerPool,
) -> Option<DecisionStatus> {
    // An annotation makes no new generation: then the next status is the answer.
    let told_by_generation = before.metadata.generation != pool.metadata.generation
        || before.annotations() == pool.annotations();
    let stream = watch_object(cluster.pools(), &pool.name_any());
    let answered = async {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            let Ok(Some(now)) = event else { continue };
            let later = told_by_generation || now.resource_version() != pool.resource_version();
            let Some(status) = now.status.filter(|_| later) else {
                continue;
            };
            let seen = status.observed_generation >= pool.metadata.generation;
            if let Some(decision) = status.decision.filter(|_| seen) {
                return Some(decision);
            }
        }
        None
    };
    timeout(TIMEOUT, answered).await.ok().flatten()
}
