//! The pods behind the Service of a pool's Redis: why none answers, and how much memory they may use.

use super::capacity::amount;
use super::chain;
use super::finding::{Finding, fail};
use super::images::PullError;
use super::pool::unready_reason;
use super::setup::Setup;
use crate::cluster::Cluster;
use crate::cluster::dial::{ServiceName, containers, is_ready};
use crate::cluster::redis::RedisClient;
use crate::text::lang::tr;
use api::WorkerPool;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec, Service};
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::core::{Selector, SelectorExt};

/// The pod that serves Redis, and its limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MemoryLimit {
    /// Its namespace and name, if it runs in the cluster.
    pub(super) pod: Option<(String, String)>,
    /// The memory limit of its containers, if all have one.
    pub(super) bytes: Option<u64>,
}

/// The finding on a Redis that gives no answer, from the state of its pods.
pub(super) async fn unreachable(
    cluster: &Cluster,
    pool: &WorkerPool,
    client: &RedisClient,
    setup: &Setup,
    error: &anyhow::Error,
) -> Finding {
    let lang = cluster.out.lang;
    let plain = |fix: String| fail("Redis", format!("{error:#}"), fix);
    if cluster.local {
        return plain("kubectl workerpool stop --local".into());
    }
    let (namespace, name) = (&cluster.namespace, pool.name_any());
    let edit = format!("kubectl -n {namespace} edit wp {name}");
    if let Some(field) = chain::field(error) {
        return plain(format!("{edit}   ({field})"));
    }
    let Some(service) = client.service_name() else {
        return plain(edit);
    };
    let ServiceName { name, namespace } = &service;
    let Some(selector) = selector(cluster, &service).await else {
        let correct = tr!(lang, "cli-redis-then-address");
        return plain(format!(
            "kubectl -n {namespace} get services   ({correct}: {edit})"
        ));
    };
    let pods = pods(cluster, namespace, &selector).await;
    let text = |cause: String| format!("{}: {cause}", client.name());
    if let Some(error) = PullError::find(&pods) {
        return fail("Redis", text(error.text(lang)), error.fix(setup, lang));
    }
    if let Some(pod) = pods.iter().find(|pod| !is_ready(pod)) {
        let (pod_name, reason) = (pod.name_any(), unready_reason(pod).unwrap_or_default());
        let cause = tr!(lang, "cli-redis-pod-not-ready", pod_name, reason);
        let fix = format!("kubectl -n {namespace} describe pod {pod_name}");
        return fail("Redis", text(cause), fix);
    }
    if pods.is_empty()
        && let Some(workload) = scaled_to_zero(cluster, namespace, &selector).await
    {
        let cause = tr!(lang, "cli-redis-scaled-to-zero", workload);
        let fix = format!("kubectl -n {namespace} scale {workload} --replicas=1");
        return fail("Redis", text(cause), fix);
    }
    plain(format!("kubectl -n {namespace} describe service {name}"))
}

/// The pod of Redis in the cluster, with its memory limit.
pub(super) async fn memory_limit(cluster: &Cluster, client: &RedisClient) -> MemoryLimit {
    limit(cluster, client).await.unwrap_or_default()
}

async fn limit(cluster: &Cluster, client: &RedisClient) -> Option<MemoryLimit> {
    let service = client.service_name()?;
    let selector = selector(cluster, &service).await?;
    let pods = pods(cluster, &service.namespace, &selector).await;
    let pod = pods.iter().find(|pod| is_ready(pod))?;
    let limits = containers(pod).map(|container| {
        let limits = container.resources.as_ref()?.limits.as_ref()?;
        Some(amount(&limits.get("memory")?.0))
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a memory limit is a whole number of bytes"
    )]
    let bytes = limits.sum::<Option<f64>>().map(|bytes| bytes as u64);
    let pod = Some((service.namespace, pod.name_any()));
    Some(MemoryLimit { pod, bytes })
}

/// The labels of the pods behind a Service; `None` if there is no such Service.
async fn selector(cluster: &Cluster, service: &ServiceName) -> Option<Selector> {
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), &service.namespace);
    let spec = services.get(&service.name).await.ok()?.spec?;
    let labels = spec.selector.filter(|labels| !labels.is_empty())?;
    Some(labels.into_iter().collect())
}

async fn pods(cluster: &Cluster, namespace: &str, selector: &Selector) -> Vec<Pod> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let with_labels = ListParams::default().labels_from(selector);
    let listed = pods.list(&with_labels).await;
    let mut pods = listed.map(|list| list.items).unwrap_or_default();
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    pods
}

/// The Deployment or StatefulSet of pods with these labels, if it asks for none.
async fn scaled_to_zero(cluster: &Cluster, namespace: &str, selector: &Selector) -> Option<String> {
    let all = ListParams::default();
    let asks_for_none = |replicas: Option<i32>, template: &PodTemplateSpec| {
        let labels = template.metadata.as_ref().and_then(|it| it.labels.as_ref());
        replicas == Some(0) && labels.is_some_and(|labels| selector.matches(labels))
    };
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), namespace);
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client.clone(), namespace);
    let (deployments, sets) = tokio::join!(deployments.list(&all), sets.list(&all));
    let deployment = deployments.into_iter().flatten().find(|it| {
        let spec = it.spec.as_ref();
        spec.is_some_and(|spec| asks_for_none(spec.replicas, &spec.template))
    });
    let set = sets.into_iter().flatten().find(|it| {
        let spec = it.spec.as_ref();
        spec.is_some_and(|spec| asks_for_none(spec.replicas, &spec.template))
    });
    deployment
        .map(|it| format!("deployment/{}", it.name_any()))
        .or_else(|| set.map(|it| format!("statefulset/{}", it.name_any())))
}
