//! Patches a WorkerPool, and waits for the operator's decision on the change.

use crate::cluster::Cluster;
use api::{DecisionStatus, WorkerPool};
use futures::StreamExt;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::watch_object;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for the operator's decision.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Patch parameters with this program's field manager.
pub fn params() -> PatchParams {
    PatchParams::apply("kubectl-workerpool")
}

/// Merges `patch` into the pool `name`.
pub async fn apply(
    cluster: &Cluster,
    doing: &str,
    name: &str,
    patch: Value,
) -> anyhow::Result<WorkerPool> {
    let (pools, params, patch) = (cluster.pools(), params(), Patch::Merge(patch));
    cluster
        .request(doing, pools.patch(name, &params, &patch))
        .await
}

/// The operator's decision on `pool`, which was patched from `before`; `None` if it does not come in time.
pub async fn wait_for_decision(
    cluster: &Cluster,
    before: &WorkerPool,
    pool: &WorkerPool,
) -> Option<DecisionStatus> {
    // A patch of annotations does not change the generation: then the next status is the answer.
    let generation_is_enough = before.metadata.generation != pool.metadata.generation
        || before.annotations() == pool.annotations();
    let stream = watch_object(cluster.pools(), &pool.name_any());
    let decision = async {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            let Ok(Some(current)) = event else {
                continue;
            };
            let later =
                generation_is_enough || current.resource_version() != pool.resource_version();
            let Some(status) = current.status.filter(|_| later) else {
                continue;
            };
            let observed = status.observed_generation >= pool.metadata.generation;
            if let Some(decision) = status.decision.filter(|_| observed) {
                return Some(decision);
            }
        }
        None
    };
    timeout(TIMEOUT, decision).await.ok().flatten()
}
