//! The check of a pool's workers: their heartbeats against the pods of the target.

use super::finding::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::cluster::dial::containers;
use crate::cluster::queue_summary::QueueSummary;
use crate::text::lang::tr;
use api::WorkerPool;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use queues::QueueSystem;

/// Whether each pod has a heartbeat, and each worker with a heartbeat takes tasks.
pub(super) fn workers(
    cluster: &Cluster,
    pool: &WorkerPool,
    pods: &[Pod],
    summary: Option<QueueSummary>,
) -> Finding {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    let mut queues = pool.spec.queues.iter();
    let registry = queues.any(|queue| queue.system.reports_workers());
    let Some(summary) = summary.filter(|_| registry) else {
        return ok("workers", tr!(lang, "cli-workers-unreported"));
    };
    if let Some(stalled) = summary.stalled().next() {
        let text = tr!(lang, "cli-workers-stalled", stalled);
        let fix = format!("kubectl -n {namespace} delete pod {stalled}");
        return fail("workers", text, fix);
    }
    let names: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
    let registered = |name: &str| summary.pods().any(|pod| pod == name);
    let unregistered = names.iter().map(String::as_str);
    let unregistered: Vec<&str> = unregistered.filter(|name| !registered(name)).collect();
    if !unregistered.is_empty() {
        return never_registered(cluster, pool, pods, &unregistered);
    }
    let count = pods.len();
    let is_elsewhere = |pod: &&str| !names.iter().any(|name| name == pod);
    let more = match summary.pods().filter(is_elsewhere).count() {
        0 => String::new(),
        n => tr!(lang, "cli-workers-elsewhere", n),
    };
    ok("workers", tr!(lang, "cli-workers-heartbeats", count, more))
}

fn never_registered(
    cluster: &Cluster,
    pool: &WorkerPool,
    pods: &[Pod],
    unregistered: &[&str],
) -> Finding {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    let (n, count, all) = (unregistered.len(), pods.len(), unregistered.join(", "));
    let text = tr!(lang, "cli-workers-unregistered", n, count, all);
    let first = unregistered.first().copied().unwrap_or_default();
    let queues = pool.spec.queues.iter();
    let queues = queues.filter(|queue| queue.system == QueueSystem::WorkerPool);
    let queues: Vec<&str> = queues.map(|queue| queue.name.as_str()).collect();
    match queue_of(pods, first) {
        Some(other) if !queues.contains(&other.as_str()) => {
            let (queue, pool_queues) = (format!("{other:?}"), format!("{:?}", queues.join(", ")));
            let text = tr!(lang, "cli-workers-other-queue", text, queue, pool_queues);
            let target = &pool.spec.scale_target_ref;
            let (kind, name) = (target.kind.to_lowercase(), &target.name);
            let queue = queues.first().unwrap_or(&"");
            let fix = format!("kubectl -n {namespace} set env {kind}/{name} QUEUE={queue}");
            fail("workers", text, fix)
        }
        _ => {
            let fix = format!("kubectl -n {namespace} logs {first}");
            fail("workers", text, fix)
        }
    }
}

/// The queue in the environment of a pod.
fn queue_of(pods: &[Pod], name: &str) -> Option<String> {
    let pod = pods.iter().find(|pod| pod.name_any() == name)?;
    let mut variables = containers(pod).flat_map(|container| container.env.iter().flatten());
    let queue = variables.find(|variable| variable.name == "QUEUE")?;
    queue.value.clone()
}
