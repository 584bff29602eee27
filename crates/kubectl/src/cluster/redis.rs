//! The client of a pool's Redis: through the API server's port-forward to a pod of its Service, or directly to a host
//! outside the cluster. A lost connection is reopened for the next query.

use super::queue_summary::QueueSummary;
use crate::cluster::{Cluster, no_answer};
use crate::text::lang::{Lang, tr};
use anyhow::{Context, anyhow, bail};
use api::{QueueSpec, WorkerPool, time};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::client::UpgradeConnectionError;
use messages::Encoded;
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
        let lang = cluster.out.lang;
        let address = address(cluster, pool).await?;
        // The address may contain a password, so no error prints it.
        let info = address.into_connection_info().map_err(|error| {
            let (name, error) = (pool.name_any(), redis_error(lang, &error));
            anyhow!(tr!(lang, "cli-redis-address-unreadable", name, error))
        })?;
        let (host, port) = match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                (host.clone(), *port)
            }
            _ => {
                let name = pool.name_any();
                bail!(tr!(lang, "cli-redis-address-without-host", name))
            }
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

    /// The number of the database.
    pub fn database(&self) -> i64 {
        self.info.redis_settings().db()
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
        let readings =
            readings.map_err(|cause| self.error(&self.cluster.out.cause(&Encoded::new(&cause))))?;
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
            return Err(self.error(&tr!(self.lang(), "cli-redis-connection-lost")));
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
        self.error(&redis_error(self.lang(), error))
    }

    /// The error on a Redis that does not answer within `limit`.
    pub(super) fn silent(&self, limit: Duration) -> anyhow::Error {
        self.error(&no_answer(self.lang(), limit))
    }

    /// An error with the name of this Redis.
    fn error(&self, text: &str) -> anyhow::Error {
        anyhow!("Redis {}: {text}", self.name())
    }

    /// The language of its errors.
    pub fn lang(&self) -> Lang {
        self.cluster.out.lang
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
                        return Err(self.error(&tr!(self.lang(), "cli-redis-tls")));
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
            Ok(None) if !self.host.contains('.') => {
                let ServiceName { name, namespace } = service;
                bail!(tr!(
                    self.lang(),
                    "cli-redis-service-missing",
                    name,
                    namespace
                ))
            }
            Ok(service) => Ok(service.filter(|service| {
                service
                    .spec
                    .as_ref()
                    .is_some_and(|spec| spec.type_.as_deref() != Some("ExternalName"))
            })),
            Err(error) => {
                let doing = tr!(self.lang(), "cli-doing-read-service", name = service.name);
                Err(self.cluster.describe_error(&doing, &error))
            }
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
        let lang = self.lang();
        let forward = pods.portforward(&pod, &[port]).await;
        let mut forward = forward.map_err(|error| match error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status))
                if status == 403 =>
            {
                let namespace = &name.namespace;
                self.error(&tr!(lang, "cli-redis-no-forward", namespace))
            }
            error => {
                let doing = tr!(lang, "cli-doing-forward", pod);
                self.cluster.describe_error(&doing, &error)
            }
        })?;
        let (Some(stream), Some(forward_error)) =
            (forward.take_stream(port), forward.take_error(port))
        else {
            bail!(tr!(lang, "cli-api-no-stream", pod));
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
                    Some(reason) => {
                        let reason = reason.trim();
                        self.error(&tr!(lang, "cli-redis-port-closed", port, pod, reason))
                    }
                    None => self.describe_error(&error),
                })
            }
            Err(_) => {
                let seconds = TIMEOUT.as_secs();
                Err(self.error(&tr!(lang, "cli-redis-pod-silent", pod, port, seconds)))
            }
        }
    }

    /// A ready pod behind the Service, and its port.
    async fn pod(
        &self,
        pods: &Api<Pod>,
        name: &ServiceName,
        service: &Service,
    ) -> anyhow::Result<(String, u16)> {
        let lang = self.lang();
        let ServiceName { name, namespace } = name;
        let spec = service.spec.clone().unwrap_or_default();
        let labels: Vec<String> = spec
            .selector
            .unwrap_or_default()
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if labels.is_empty() {
            bail!(tr!(lang, "cli-service-without-selector", name, namespace));
        }
        let selector = labels.join(",");
        let list = pods.list(&ListParams::default().labels(&selector)).await;
        let list = list.map_err(|error| {
            let doing = tr!(lang, "cli-doing-find-service-pod", name);
            self.cluster.describe_error(&doing, &error)
        })?;
        let Some(pod) = list.iter().find(|pod| is_ready(pod)) else {
            let text = tr!(lang, "cli-redis-no-ready-pod", name, namespace, selector);
            return Err(self.error(&text));
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
        let pod = pod.name_any();
        let port = port.with_context(|| tr!(lang, "cli-service-port-missing", name, pod))?;
        Ok((pod, port))
    }
}

/// The address of the pool's Redis, from the spec or from the Secret that it references.
async fn address(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<String> {
    let (redis, lang) = (&pool.spec.redis, cluster.out.lang);
    let (name, key) = match (&redis.address, &redis.address_from) {
        (Some(address), _) => return Ok(address.clone()),
        (None, Some(from)) => (&from.secret_key_ref.name, &from.secret_key_ref.key),
        (None, None) => {
            let name = pool.name_any();
            bail!(tr!(lang, "cli-redis-no-address", name))
        }
    };
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = tr!(lang, "cli-doing-read-secret", name);
    let secret = cluster.request(&doing, secrets.get(name)).await?;
    let bytes = secret.data.unwrap_or_default().remove(key);
    let bytes = bytes.with_context(|| tr!(lang, "cli-redis-secret-key-missing", name, key))?;
    Ok(String::from_utf8(bytes.0)
        .with_context(|| tr!(lang, "cli-redis-secret-not-text", name, key))?
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
fn redis_error(lang: Lang, error: &RedisError) -> String {
    if error.is_timeout() {
        return no_answer(lang, TIMEOUT);
    }
    match error.code() {
        Some("NOAUTH") => tr!(lang, "cli-redis-needs-password"),
        Some("WRONGPASS") => tr!(lang, "cli-redis-wrong-password"),
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
