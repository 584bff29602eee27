//! The check of the grace of the target's pods: whether their end leaves their tasks the time to finish.

use super::finding::{Finding, ok, warn};
use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use api::{PodEnd, WorkerPool};
use decide::Millis;

/// Whether the grace is long enough; no finding for a target without a pod template.
pub(super) async fn grace(cluster: &Cluster, pool: &WorkerPool) -> Option<Finding> {
    let (target, name) = cluster.target(pool);
    let target = target.get(&name).await.ok()?;
    let spec = target.data.pointer("/spec/template/spec")?;
    let grace = spec.get("terminationGracePeriodSeconds");
    // The API server's default.
    let grace = grace.and_then(serde_json::Value::as_i64).unwrap_or(30);
    let metrics = pool.status.as_ref().and_then(|it| it.metrics.as_ref());
    let longest = metrics.and_then(|metrics| metrics.longest_task_millis);
    let target = &pool.spec.scale_target_ref;
    let pod_end = PodEnd::of(
        pool.spec.queues.iter().map(|queue| queue.system),
        (&cluster.namespace, target.canonical_kind(), &target.name),
        grace,
        longest,
    );
    Some(describe(cluster.out.lang, grace, longest, pod_end))
}

fn describe(lang: Lang, grace: i64, longest: Option<i64>, pod_end: PodEnd) -> Finding {
    let longest = longest.map(|longest| {
        let span = messages::span(Millis(longest));
        tr!(lang, "cli-grace-longest", span)
    });
    let longest = longest.unwrap_or_default();
    let grace = tr!(lang, "cli-grace", grace, longest);
    match pod_end {
        PodEnd::GraceSufficient => ok("grace", grace),
        PodEnd::HandlerNeeded { system, line } => {
            ok("grace", tr!(lang, "cli-grace-handler", grace, system, line))
        }
        PodEnd::GraceTooShort { fix, .. } => {
            warn("grace", tr!(lang, "cli-grace-short", grace), fix)
        }
    }
}
