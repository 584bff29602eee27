//! Patches a WorkerPool, and waits for the operator's decision on the change.

use crate::cluster::Cluster;
use crate::cluster::operator::{self, Operator};
use crate::text::lang::{Lang, tr};
use api::{DecisionStatus, WorkerPool};
use futures::StreamExt;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The time limit for the operator's decision.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The same for an operator that is ready, such as on a busy machine.
const LATE_TIMEOUT: Duration = Duration::from_secs(30);

/// No decision came in time.
#[derive(Debug)]
pub struct Unanswered {
    /// The operator that is ready nevertheless; `None` if none was found.
    pub operator: Option<String>,
}

impl Unanswered {
    /// Who has not answered within which time.
    pub fn text(&self, lang: Lang) -> String {
        if let Some(operator) = &self.operator {
            let seconds = LATE_TIMEOUT.as_secs();
            tr!(lang, "cli-unanswered-late", operator, seconds)
        } else {
            let seconds = TIMEOUT.as_secs();
            tr!(lang, "cli-unanswered", seconds)
        }
    }
}

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

/// The operator's decision on `pool`, which was patched from `before`. An operator that is ready has more time.
///
/// # Errors
///
/// No decision came in time.
pub async fn wait_for_decision(
    cluster: &Cluster,
    before: &WorkerPool,
    pool: &WorkerPool,
) -> Result<DecisionStatus, Unanswered> {
    let start = Instant::now();
    let mut decision = std::pin::pin!(next_decision(cluster, before, pool));
    if let Ok(decision) = timeout_at(start + TIMEOUT, &mut decision).await {
        return Ok(decision);
    }
    let Ok(Operator::Found {
        namespace,
        name,
        ready: true,
        ..
    }) = operator::find(cluster).await
    else {
        return Err(Unanswered { operator: None });
    };
    let (operator, seconds) = (format!("{namespace}/{name}"), LATE_TIMEOUT.as_secs());
    let out = &cluster.out;
    out.info(&tr!(out.lang, "cli-waiting-late", operator, seconds));
    let decision = timeout_at(start + LATE_TIMEOUT, decision).await;
    decision.map_err(|_| Unanswered {
        operator: Some(operator),
    })
}

/// Watches the pool until the operator has decided on `pool`, which was patched from `before`.
async fn next_decision(
    cluster: &Cluster,
    before: &WorkerPool,
    pool: &WorkerPool,
) -> DecisionStatus {
    // A patch of annotations does not change the generation: then the next status is the answer.
    let generation_is_enough = before.metadata.generation != pool.metadata.generation
        || before.annotations() == pool.annotations();
    let stream = watch_object(cluster.pools(), &pool.name_any()).default_backoff();
    let mut stream = std::pin::pin!(stream);
    while let Some(event) = stream.next().await {
        let Ok(Some(current)) = event else {
            continue;
        };
        let later = generation_is_enough || current.resource_version() != pool.resource_version();
        let Some(status) = current.status.filter(|_| later) else {
            continue;
        };
        let observed = status.observed_generation >= pool.metadata.generation;
        if let Some(decision) = status.decision.filter(|_| observed) {
            return decision;
        }
    }
    std::future::pending().await
}
