//! The bytes between this program and a Redis: through the API server's port-forward to a pod, or directly to a host outside
//! the cluster.

use super::link::{Link, Peer};
use crate::cluster::Cluster;
use crate::text::lang::tr;
use anyhow::{Context, bail};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Container, Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::client::UpgradeConnectionError;
use kube::core::Selector;
use redis_source::HostPort;
use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

/// What carries the bytes.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A stream to a server, and the forward that it goes through.
pub(super) struct Wire {
    pub stream: Box<dyn Stream>,
    pub forward: Option<Forward>,
}

/// A forward to a port of a pod.
pub(super) struct Forward {
    pub pod: String,
    pub port: u16,
    /// What the pod's node reports where it cannot reach the port.
    pub error: BoxFuture<'static, Option<String>>,
}

/// Who named a server: the pool, whose host may be a Service, or a Sentinel or node, which may name a pod by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedBy {
    Pool,
    Server,
}

/// The name of a Service in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName {
    pub name: String,
    pub namespace: String,
}

/// A pod and its port.
struct Target {
    namespace: String,
    pod: String,
    port: u16,
}

/// Connects to `peer` in `cluster`, or else directly.
pub(super) async fn dial(
    cluster: Option<&Cluster>,
    peer: &Peer<'_>,
    named_by: NamedBy,
) -> anyhow::Result<Wire> {
    if let Some(cluster) = cluster.filter(|cluster| !cluster.local)
        && let Some(target) = find(cluster, peer, named_by).await?
    {
        return forward(cluster, peer, &target).await;
    }
    let end = Instant::now() + peer.limit;
    let HostPort { host, port } = peer.server;
    let unknown = || peer.broken(Link::Name, tr!(peer.lang, "cli-link-name"));
    let found = timeout_at(end, lookup_host((host.as_str(), *port))).await;
    let addresses: Vec<_> = found
        .map_err(|_| peer.silent(Link::Name))?
        .map_err(|_| unknown())?
        .collect();
    let stream = timeout_at(end, TcpStream::connect(&*addresses)).await;
    let stream = stream.map_err(|_| peer.silent(Link::Port))?;
    let stream = stream.map_err(|error| peer.closed(&error))?;
    stream.set_nodelay(true)?;
    Ok(Wire {
        stream: Box::new(stream),
        forward: None,
    })
}

/// The pod behind a host; `None` for one outside the cluster.
async fn find(
    cluster: &Cluster,
    peer: &Peer<'_>,
    named_by: NamedBy,
) -> anyhow::Result<Option<Target>> {
    let HostPort { host, port } = peer.server;
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(match named_by {
            NamedBy::Server if !address.is_loopback() => pod_at(cluster, host, *port).await,
            _ => None,
        });
    }
    if let Some(name) = service_name(host, &cluster.namespace)
        && let Some(service) = service(cluster, peer, &name, named_by).await?
    {
        return behind(cluster, peer, &name, &service).await.map(Some);
    }
    let Some((pod, namespace)) = pod_name(host, &cluster.namespace) else {
        return Ok(None);
    };
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &namespace);
    let found = pods.get_opt(&pod).await.ok().flatten();
    Ok(found.map(|_| Target {
        namespace,
        pod,
        port: *port,
    }))
}

/// The pod with this address, where the user may list pods: in the namespace of the pool, as Redis often runs beside it.
async fn pod_at(cluster: &Cluster, address: &str, port: u16) -> Option<Target> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let with = ListParams::default().fields(&format!("status.podIP={address}"));
    let found = pods.list(&with).await.ok()?;
    let has = |pod: &&Pod| {
        let status = pod.status.as_ref();
        status.and_then(|it| it.pod_ip.as_deref()) == Some(address)
    };
    found.iter().find(has).map(|pod| Target {
        namespace: cluster.namespace.clone(),
        pod: pod.name_any(),
        port,
    })
}

/// The Service of that name; `None` if there is none, so that the host is a name outside the cluster.
async fn service(
    cluster: &Cluster,
    peer: &Peer<'_>,
    service: &ServiceName,
    named_by: NamedBy,
) -> anyhow::Result<Option<Service>> {
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), &service.namespace);
    match services.get_opt(&service.name).await {
        Ok(None) if named_by == NamedBy::Pool && !peer.server.host.contains('.') => {
            let ServiceName { name, namespace } = service;
            let text = tr!(peer.lang, "cli-redis-service-missing", name, namespace);
            Err(peer.broken(Link::Forward, text).into())
        }
        Ok(service) => Ok(service.filter(|service| {
            let spec = service.spec.as_ref();
            spec.is_some_and(|spec| spec.type_.as_deref() != Some("ExternalName"))
        })),
        Err(error) => {
            let doing = tr!(peer.lang, "cli-doing-read-service", name = service.name);
            Err(cluster.describe_error(&doing, &error))
        }
    }
}

/// A ready pod behind the Service, and its port.
async fn behind(
    cluster: &Cluster,
    peer: &Peer<'_>,
    name: &ServiceName,
    service: &Service,
) -> anyhow::Result<Target> {
    let lang = peer.lang;
    let ServiceName { name, namespace } = name;
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let spec = service.spec.clone().unwrap_or_default();
    let labels = spec.selector.unwrap_or_default();
    if labels.is_empty() {
        bail!(tr!(lang, "cli-service-without-selector", name, namespace));
    }
    let selector: Selector = labels.into_iter().collect();
    let with_labels = ListParams::default().labels_from(&selector);
    let list = pods.list(&with_labels).await;
    let list = list.map_err(|error| {
        let doing = tr!(lang, "cli-doing-find-service-pod", name);
        cluster.describe_error(&doing, &error)
    })?;
    let Some(pod) = list.iter().find(|pod| is_ready(pod)) else {
        let text = tr!(lang, "cli-redis-no-ready-pod", name, namespace, selector);
        return Err(peer.broken(Link::Forward, text).into());
    };
    let mut ports = spec.ports.into_iter().flatten();
    let service_port = ports.find(|port| port.port == i32::from(peer.server.port));
    let port = match service_port.and_then(|port| port.target_port) {
        Some(IntOrString::Int(port)) => u16::try_from(port).ok(),
        Some(IntOrString::String(name)) => named_port(pod, &name),
        None => Some(peer.server.port),
    };
    let pod = pod.name_any();
    Ok(Target {
        port: port.with_context(|| tr!(lang, "cli-service-port-missing", name, pod))?,
        namespace: namespace.clone(),
        pod,
    })
}

async fn forward(cluster: &Cluster, peer: &Peer<'_>, target: &Target) -> anyhow::Result<Wire> {
    let lang = peer.lang;
    let Target {
        namespace,
        pod,
        port,
    } = target;
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let mut forward = pods
        .portforward(pod, &[*port])
        .await
        .map_err(|error| match &error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status))
                if *status == 403 =>
            {
                let text = tr!(lang, "cli-redis-no-forward", namespace);
                peer.broken(Link::Forward, text).into()
            }
            error => cluster.describe_error(&tr!(lang, "cli-doing-forward", pod), error),
        })?;
    let (Some(stream), Some(error)) = (forward.take_stream(*port), forward.take_error(*port))
    else {
        bail!(tr!(lang, "cli-api-no-stream", pod));
    };
    Ok(Wire {
        // The forward lasts as long as its stream, without its handle.
        stream: Box::new(stream),
        forward: Some(Forward {
            pod: pod.clone(),
            port: *port,
            error: Box::pin(error),
        }),
    })
}

/// Parses `redis`, `redis.ns` and `redis.ns.svc…` as Services; an IP address or any other name is outside the cluster.
pub(super) fn service_name(host: &str, namespace: &str) -> Option<ServiceName> {
    if host.parse::<IpAddr>().is_ok() || host == "localhost" {
        return None;
    }
    let mut parts = host.trim_end_matches('.').split('.');
    let name = parts.next()?.to_owned();
    let namespace = parts.next().unwrap_or(namespace).to_owned();
    parts
        .next()
        .is_none_or(|part| part == "svc")
        .then_some(ServiceName { name, namespace })
}

/// Parses `pod.service`, `pod.service.ns` and `pod.service.ns.svc…`, as a StatefulSet names its pods: the pod and its
/// namespace.
fn pod_name(host: &str, namespace: &str) -> Option<(String, String)> {
    let mut parts = host.trim_end_matches('.').split('.');
    let (pod, _service) = (parts.next()?, parts.next()?);
    let namespace = parts.next().unwrap_or(namespace);
    let is_inside = namespace != "svc" && parts.next().is_none_or(|part| part == "svc");
    is_inside.then(|| (pod.to_owned(), namespace.to_owned()))
}

/// Whether a pod is ready and not terminating.
pub fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.iter();
    let mut conditions = status.flat_map(|status| status.conditions.iter().flatten());
    let is_ready = conditions.any(|it| it.type_ == "Ready" && it.status == "True");
    is_ready && pod.metadata.deletion_timestamp.is_none()
}

/// The containers of a pod.
pub fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

/// The number of a named container port.
pub fn named_port(pod: &Pod, name: &str) -> Option<u16> {
    let mut ports = containers(pod).flat_map(|container| container.ports.iter().flatten());
    let port = ports.find(|port| port.name.as_deref() == Some(name))?;
    u16::try_from(port.container_port).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("redis", Some("redis in class"), None)]
    #[case("redis.data", Some("redis in data"), Some("redis in class"))]
    #[case("redis.data.svc", Some("redis in data"), None)]
    #[case("redis.data.svc.cluster.local.", Some("redis in data"), None)]
    #[case("redis-0.redis.data", None, Some("redis-0 in data"))]
    #[case("redis-0.redis.data.svc.cluster.local.", None, Some("redis-0 in data"))]
    #[case("redis-0.eu.cache.example.com", None, None)]
    #[case("10.0.0.7", None, None)]
    #[case("::1", None, None)]
    fn parses_the_names_of_services_and_pods(
        #[case] host: &str,
        #[case] service: Option<&str>,
        #[case] pod: Option<&str>,
    ) {
        let found = service_name(host, "class");
        let found = found.map(|it| format!("{} in {}", it.name, it.namespace));
        assert_eq!(found.as_deref(), service);
        let found = pod_name(host, "class").map(|(pod, of)| format!("{pod} in {of}"));
        assert_eq!(found.as_deref(), pod);
    }
}
