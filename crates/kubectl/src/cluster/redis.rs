//! The client of a pool's Redis: through the API server's port-forward to a pod of its Service, or directly to a host
//! outside the cluster. A lost connection is reopened for the next query.

use super::queue_summary::QueueSummary;
use crate::cluster::Cluster;
use anyhow::{Context, anyhow, bail};
use api::{QueueSpec, WorkerPool, time};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::client::UpgradeConnectionError;
use protocol::ScriptCall;
use queues::{Poll, Queue};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo,
    Pipeline, RedisError, Value,
};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for a reply of Redis.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A client of one Redis, which connects when it is first used.
pub struct RedisClient {
    cluster: Cluster,
    pub(super) info: ConnectionInfo,
    host: String,
    port: u16,
    connection: Option<MultiplexedConnection>,
}

/// The name of a Service in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServiceName {
    name: String,
    namespace: String,
}

impl RedisClient {
    /// Reads the address from the pool or its Secret; does not connect yet.
    pub async fn new(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<Self> {
        let address = address(cluster, pool).await?;
        // The address may contain a password, so no error prints it.
        let info = address.into_connection_info().map_err(|error| {
            anyhow!(
                "the Redis address of WorkerPool {} cannot be read: {}",
                pool.name_any(),
                redis_error(&error)
            )
        })?;
        let (host, port) = match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                (host.clone(), *port)
            }
            _ => bail!(
                "the Redis address of WorkerPool {} has no host",
                pool.name_any()
            ),
        };
        Ok(Self {
            cluster: cluster.clone(),
            info,
            host,
            port,
            connection: None,
        })
    }

    /// Host and port, for messages.
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Reads the metrics of the queues.
    pub async fn poll(&mut self, queues: &[QueueSpec]) -> anyhow::Result<QueueSummary> {
        let queues: Vec<Queue> = queues.iter().map(QueueSpec::queue).collect();
        let mut poll = Poll::new(queues.iter().enumerate());
        let mut commands = poll.commands(true);
        while !commands.is_empty() {
            let replies = self.replies(&commands).await?;
            commands = poll.receive(replies);
        }
        let readings: Result<Vec<_>, _> = poll.finish().collect();
        let readings = readings
            .map_err(|cause| anyhow!("{} (Redis {})", messages::cause(&cause), self.name()))?;
        Ok(QueueSummary::of(readings, time(Timestamp::now())))
    }

    /// The replies to commands that are safe to repeat; an error of one of them is its reply.
    async fn replies(&mut self, commands: &[Cmd]) -> anyhow::Result<Vec<Value>> {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command.clone());
        }
        let count = commands.len();
        if let Some(mut connection) = self.connection.take()
            && let Ok(replies) = connection.send_packed_commands(&pipeline, 0, count).await
        {
            self.connection = Some(connection);
            return Ok(replies);
        }
        let mut connection = self.connect(AsyncConnectionConfig::new()).await?;
        let replies = connection
            .send_packed_commands(&pipeline, 0, count)
            .await
            .map_err(|error| self.describe_error(&error))?;
        self.connection = Some(connection);
        Ok(replies)
    }

    /// Runs commands that are safe to repeat: if the connection was lost, it connects and runs them again.
    pub async fn query<T: FromRedisValue>(&mut self, commands: &Pipeline) -> anyhow::Result<T> {
        if let Some(mut connection) = self.connection.take()
            && let Ok(reply) = commands.query_async(&mut connection).await
        {
            self.connection = Some(connection);
            return Ok(reply);
        }
        let mut connection = self.connect(AsyncConnectionConfig::new()).await?;
        let reply = commands
            .query_async(&mut connection)
            .await
            .map_err(|error| self.describe_error(&error))?;
        self.connection = Some(connection);
        Ok(reply)
    }

    /// Runs a script that must not run twice; first checks that the connection works.
    pub async fn call<T: FromRedisValue>(&mut self, call: &ScriptCall<T>) -> anyhow::Result<T> {
        self.query::<()>(redis::pipe().cmd("PING").ignore()).await?;
        let Some(connection) = &mut self.connection else {
            bail!("Redis {}: connection lost", self.name())
        };
        call.run(connection)
            .await
            .map_err(|error| self.describe_error(&error))
    }

    /// The Service in the cluster that the address may name, as its namespace and name.
    pub fn service_name(&self) -> Option<(String, String)> {
        let name = service_name(&self.host, &self.cluster.namespace)?;
        Some((name.namespace, name.name))
    }

    /// The user name in the address.
    pub fn user(&self) -> Option<String> {
        self.info.redis_settings().username().map(str::to_owned)
    }

    pub(super) fn describe_error(&self, error: &RedisError) -> anyhow::Error {
        anyhow!("Redis {}: {}", self.name(), redis_error(error))
    }

    pub(super) async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> anyhow::Result<MultiplexedConnection> {
        let config = config
            .set_response_timeout(Some(TIMEOUT))
            .set_connection_timeout(Some(TIMEOUT));
        let what = format!("Redis {}", self.name());
        self.cluster
            .out
            .wait(&what, async {
                if let Some(name) = service_name(&self.host, &self.cluster.namespace)
                    && let Some(service) = self.service(&name).await?
                {
                    if matches!(self.info.addr(), ConnectionAddr::TcpTls { .. }) {
                        bail!(
                            "Redis {} uses TLS inside the cluster, which this program cannot forward yet",
                            self.name()
                        );
                    }
                    return self.forward(&name, &service, &config).await;
                }
                let client = redis::Client::open(self.info.clone())?;
                client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await
                    .map_err(|error| self.describe_error(&error))
            })
            .await
    }

    /// The Service of that name; `None` if there is none, so that the host is a name outside the cluster.
    async fn service(&self, service: &ServiceName) -> anyhow::Result<Option<Service>> {
        let services: Api<Service> =
            Api::namespaced(self.cluster.client.clone(), &service.namespace);
        match services.get_opt(&service.name).await {
            Ok(None) if !self.host.contains('.') => bail!(
                "spec.redis names Service {}, which does not exist in namespace {}: see `kubectl -n {1} get services`",
                service.name,
                service.namespace
            ),
            Ok(service) => Ok(service.filter(|service| {
                service
                    .spec
                    .as_ref()
                    .is_some_and(|spec| spec.type_.as_deref() != Some("ExternalName"))
            })),
            Err(error) => Err(self
                .cluster
                .describe_error(&format!("reading Service {}", service.name), &error)),
        }
    }

    async fn forward(
        &self,
        name: &ServiceName,
        service: &Service,
        config: &AsyncConnectionConfig,
    ) -> anyhow::Result<MultiplexedConnection> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &name.namespace);
        let (pod, port) = self.pod(&pods, name, service).await?;
        let mut forward = pods.portforward(&pod, &[port]).await.map_err(|error| match error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) if status == 403 => anyhow!(
                "Redis {}: you may not forward to pods in namespace {}; the role `edit` has the permissions, get and create on pods/portforward",
                self.name(),
                name.namespace
            ),
            error => self.cluster.describe_error(&format!("forwarding to pod {pod}"), &error),
        })?;
        let (Some(stream), Some(forward_error)) =
            (forward.take_stream(port), forward.take_error(port))
        else {
            bail!("the API server opened no stream to pod {pod}");
        };
        let settings = self.info.redis_settings();
        match timeout(
            TIMEOUT,
            MultiplexedConnection::new_with_config(settings, stream, config.clone()),
        )
        .await
        {
            Ok(Ok((connection, driver))) => {
                // The driver ends with the connection. The forward lasts as long as its stream, without its handle.
                tokio::spawn(driver);
                Ok(connection)
            }
            Ok(Err(error)) => {
                // The node's error is more precise than the end of the stream.
                let node_error = timeout(Duration::from_millis(300), forward_error)
                    .await
                    .ok()
                    .flatten();
                Err(match node_error {
                    Some(reason) => anyhow!(
                        "Redis {}: nothing listens on port {port} of pod {pod}: {}",
                        self.name(),
                        reason.trim()
                    ),
                    None => self.describe_error(&error),
                })
            }
            Err(_) => bail!(
                "Redis {}: pod {pod} does not answer on port {port} within {} s",
                self.name(),
                TIMEOUT.as_secs()
            ),
        }
    }

    /// A ready pod behind the Service, and its port.
    async fn pod(
        &self,
        pods: &Api<Pod>,
        name: &ServiceName,
        service: &Service,
    ) -> anyhow::Result<(String, u16)> {
        let ServiceName { name, namespace } = name;
        let spec = service.spec.clone().unwrap_or_default();
        let labels: Vec<String> = spec
            .selector
            .unwrap_or_default()
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if labels.is_empty() {
            bail!(
                "Service {name} in namespace {namespace} has no selector, so there is no pod to forward to"
            );
        }
        let selector = labels.join(",");
        let list = pods.list(&ListParams::default().labels(&selector)).await;
        let list = list.map_err(|error| {
            self.cluster
                .describe_error(&format!("looking for the pod of Service {name}"), &error)
        })?;
        let Some(pod) = list.iter().find(|pod| is_ready(pod)) else {
            bail!(
                "Redis {}: no pod behind Service {name} is ready: see `kubectl -n {namespace} get pods -l {selector}`",
                self.name()
            );
        };
        let service_port = spec
            .ports
            .unwrap_or_default()
            .into_iter()
            .find(|port| port.port == i32::from(self.port));
        let port = match service_port.and_then(|port| port.target_port) {
            Some(IntOrString::Int(port)) => u16::try_from(port).ok(),
            Some(IntOrString::String(name)) => named_port(pod, &name),
            None => Some(self.port),
        };
        let port = port.with_context(|| {
            format!(
                "Service {name} targets a port that pod {} does not have",
                pod.name_any()
            )
        })?;
        Ok((pod.name_any(), port))
    }
}

/// The address of the pool's Redis, from the spec or from the Secret that it references.
async fn address(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<String> {
    let redis = &pool.spec.redis;
    let (name, key) = match (&redis.address, &redis.address_from) {
        (Some(address), _) => return Ok(address.clone()),
        (None, Some(from)) => (&from.secret_key_ref.name, &from.secret_key_ref.key),
        (None, None) => bail!("WorkerPool {} has no Redis address", pool.name_any()),
    };
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = format!("reading Secret {name} with the address of Redis");
    let secret = cluster.request(&doing, secrets.get(name)).await?;
    let bytes = secret.data.unwrap_or_default().remove(key);
    let bytes = bytes
        .with_context(|| format!("Secret {name} has no key {key} for the address of Redis"))?;
    Ok(String::from_utf8(bytes.0)
        .with_context(|| format!("key {key} of Secret {name} is not valid UTF-8"))?
        .trim()
        .to_owned())
}

/// Parses `redis`, `redis.ns` and `redis.ns.svc…` as Services; an IP address or any other name is outside the cluster.
fn service_name(host: &str, namespace: &str) -> Option<ServiceName> {
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

/// Whether a pod is ready and not terminating.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    pod.metadata.deletion_timestamp.is_none() && ready.any(|condition| condition.status == "True")
}

/// The number of a named container port.
pub fn named_port(pod: &Pod, name: &str) -> Option<u16> {
    let mut ports = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .flat_map(|container| container.ports.iter().flatten());
    ports
        .find(|port| port.name.as_deref() == Some(name))
        .and_then(|port| u16::try_from(port.container_port).ok())
}

/// The message of a Redis error.
fn redis_error(error: &RedisError) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    match error.code() {
        Some("NOAUTH") => "a password is required, but the address has none: put redis://:PASSWORD@HOST into a Secret and reference it in spec.redis.addressFrom".into(),
        Some("WRONGPASS") => "wrong user or password in the address".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_service_names() {
        let parsed = |host| service_name(host, "class").map(|name| (name.name, name.namespace));
        let service = |name: &str, namespace: &str| Some((name.to_owned(), namespace.to_owned()));
        for (host, expected) in [
            ("redis", service("redis", "class")),
            ("redis.data", service("redis", "data")),
            ("redis.data.svc", service("redis", "data")),
            ("redis.data.svc.cluster.local.", service("redis", "data")),
            ("example.com", service("example", "com")), // looked up, not found, then treated as outside
            ("redis.example.com", None),
            ("10.0.0.7", None),
            ("::1", None),
        ] {
            assert_eq!(parsed(host), expected, "{host}");
        }
    }
}
