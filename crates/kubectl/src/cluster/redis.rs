//! The way to a pool's Redis: through the API server's port-forward to a pod of its Service, or straight to a host
//! outside the cluster. A connection that broke is made anew at the next question.

use super::facts::{QueueSummary, commands};
use crate::cluster::Cluster;
use anyhow::{Context, anyhow, bail};
use api::{QueueSpec, WorkerPool};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::client::UpgradeConnectionError;
use protocol::ScriptCall;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo,
    Pipeline, ProtocolVersion, PushInfo, PushKind, RedisError, Value,
};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The longest that Redis may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A way to one Redis.
pub struct RedisClient {
    cluster: Cluster,
    info: ConnectionInfo,
    host: String,
    port: u16,
    open: Option<MultiplexedConnection>,
}

/// A Service inside the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InCluster {
    service: String,
    namespace: String,
}

impl RedisClient {
    /// Finds out the address; connects at the first question.
    pub async fn new(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<Self> {
        let address = address(cluster, pool).await?;
        // The address may hold a password: no error repeats it.
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
            open: None,
        })
    }

    /// Host and port, for sentences.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Looks at the queues.
    pub async fn poll(&mut self, queues: &[QueueSpec]) -> anyhow::Result<QueueSummary> {
        let answers: Vec<Value> = self.query(&commands(queues)).await?;
        QueueSummary::read(queues, answers)
            .map_err(|wrong| anyhow!("{wrong} (Redis {})", self.name()))
    }

    /// Asks something that may be asked twice: a connection that broke unnoticed is replaced.
    pub async fn query<T: FromRedisValue>(&mut self, question: &Pipeline) -> anyhow::Result<T> {
        if let Some(mut connection) = self.open.take()
            && let Ok(answer) = question.query_async(&mut connection).await
        {
            self.open = Some(connection);
            return Ok(answer);
        }
        let mut connection = self.connect(AsyncConnectionConfig::new()).await?;
        let answer = question
            .query_async(&mut connection)
            .await
            .map_err(|error| self.describe_error(&error))?;
        self.open = Some(connection);
        Ok(answer)
    }

    /// Tells something that must not be told twice, on a connection that is known to work.
    pub async fn call<T: FromRedisValue>(&mut self, call: &ScriptCall<T>) -> anyhow::Result<T> {
        self.query::<()>(redis::pipe().cmd("PING").ignore()).await?;
        let Some(connection) = &mut self.open else {
            bail!("Redis {} went away", self.name())
        };
        let told = call.run(connection).await;
        told.map_err(|error| self.describe_error(&error))
    }

    /// Version and time of one answer, and whether Redis tells by itself that a key has changed, which the operator
    /// lives from. Writes one key that lasts a second.
    pub async fn probe(&mut self, queue: &str) -> anyhow::Result<(String, Duration, bool)> {
        let (sender, mut pushed) = mpsc::unbounded_channel::<PushInfo>();
        let settings = self
            .info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        self.info = self.info.clone().set_redis_settings(settings);
        let mut connection = self
            .connect(AsyncConnectionConfig::new().set_push_sender(sender))
            .await?;
        let server: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await
            .map_err(|error| self.describe_error(&error))?;
        let version = server
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"))
            .unwrap_or("?")
            .to_owned();
        let start = Instant::now();
        redis::cmd("PING")
            .exec_async(&mut connection)
            .await
            .map_err(|error| self.describe_error(&error))?;
        let took = start.elapsed();
        let key = format!("wp:{{{queue}}}:check");
        let mut tracking = redis::pipe();
        tracking
            .cmd("CLIENT")
            .arg("TRACKING")
            .arg("ON")
            .arg("OPTIN")
            .ignore();
        tracking
            .cmd("CLIENT")
            .arg("CACHING")
            .arg("YES")
            .ignore()
            .cmd("GET")
            .arg(&key)
            .ignore();
        tracking
            .cmd("SET")
            .arg(&key)
            .arg(1)
            .arg("PX")
            .arg(1000)
            .ignore();
        let pushes = tracking.exec_async(&mut connection).await.is_ok()
            && timeout(Duration::from_secs(1), async {
                while let Some(push) = pushed.recv().await {
                    if push.kind == PushKind::Invalidate {
                        return true;
                    }
                }
                false
            })
            .await
            .unwrap_or(false);
        Ok((version, took, pushes))
    }

    fn describe_error(&self, error: &RedisError) -> anyhow::Error {
        anyhow!("Redis {}: {}", self.name(), redis_error(error))
    }

    async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> anyhow::Result<MultiplexedConnection> {
        let config = config
            .set_response_timeout(Some(TIMEOUT))
            .set_connection_timeout(Some(TIMEOUT));
        let whom = format!("Redis {}", self.name());
        self.cluster
            .out
            .wait(&whom, async {
                if let Some(inside) = inside(&self.host, &self.cluster.namespace)
                    && let Some(service) = self.service(&inside).await?
                {
                    if matches!(self.info.addr(), ConnectionAddr::TcpTls { .. }) {
                        bail!(
                            "Redis {} speaks TLS inside the cluster, which this program does not yet forward",
                            self.name()
                        );
                    }
                    return self.forward(&inside, &service, &config).await;
                }
                let client = redis::Client::open(self.info.clone())?;
                client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await
                    .map_err(|error| self.describe_error(&error))
            })
            .await
    }

    /// The Service of that name; `None` where there is none, so that the host must be an outside name.
    async fn service(&self, inside: &InCluster) -> anyhow::Result<Option<Service>> {
        let services: Api<Service> =
            Api::namespaced(self.cluster.client.clone(), &inside.namespace);
        match services.get_opt(&inside.service).await {
            Ok(None) if !self.host.contains('.') => bail!(
                "there is no Service {} in namespace {}, where the WorkerPool says its Redis is: see `kubectl -n {1} get services`",
                inside.service,
                inside.namespace
            ),
            Ok(service) => Ok(service.filter(|service| {
                service
                    .spec
                    .as_ref()
                    .is_some_and(|spec| spec.type_.as_deref() != Some("ExternalName"))
            })),
            Err(error) => Err(self
                .cluster
                .describe_error(&format!("reading Service {}", inside.service), &error)),
        }
    }

    async fn forward(
        &self,
        inside: &InCluster,
        service: &Service,
        config: &AsyncConnectionConfig,
    ) -> anyhow::Result<MultiplexedConnection> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &inside.namespace);
        let (pod, port) = self.pod(&pods, inside, service).await?;
        let mut forward = pods.portforward(&pod, &[port]).await.map_err(|error| match error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) if status == 403 => anyhow!(
                "Redis {}: you may not forward to pods in namespace {}; you need get and create on pods/portforward, as the role `edit` has",
                self.name(),
                inside.namespace
            ),
            error => self.cluster.describe_error(&format!("forwarding to pod {pod}"), &error),
        })?;
        let (Some(stream), Some(lost)) = (forward.take_stream(port), forward.take_error(port))
        else {
            bail!("the API server forwards no stream to pod {pod}");
        };
        let settings = self.info.redis_settings();
        match timeout(
            TIMEOUT,
            MultiplexedConnection::new_with_config(settings, stream, config.clone()),
        )
        .await
        {
            Ok(Ok((connection, driver))) => {
                // It ends with the connection. The forward goes on without its handle, as long as the stream.
                tokio::spawn(driver);
                Ok(connection)
            }
            Ok(Err(error)) => {
                // What the node says is more to the point than that the stream ended.
                let said_by_node = timeout(Duration::from_millis(300), lost)
                    .await
                    .ok()
                    .flatten();
                Err(match said_by_node {
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
        inside: &InCluster,
        service: &Service,
    ) -> anyhow::Result<(String, u16)> {
        let InCluster {
            service: name,
            namespace,
        } = inside;
        let spec = service.spec.clone().unwrap_or_default();
        let labels: Vec<String> = spec
            .selector
            .unwrap_or_default()
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if labels.is_empty() {
            bail!(
                "Service {name} in namespace {namespace} selects no pods, so there is none to forward to"
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
        let wanted = spec
            .ports
            .unwrap_or_default()
            .into_iter()
            .find(|port| port.port == i32::from(self.port));
        let port = match wanted.and_then(|port| port.target_port) {
            Some(IntOrString::Int(port)) => u16::try_from(port).ok(),
            Some(IntOrString::String(name)) => named_port(pod, &name),
            None => Some(self.port),
        };
        let port = port.with_context(|| {
            format!(
                "Service {name} names a port that pod {} has not",
                pod.name_any()
            )
        })?;
        Ok((pod.name_any(), port))
    }
}

/// The address of the pool's Redis, from its Secret where it lies in one.
async fn address(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<String> {
    let redis = &pool.spec.redis;
    let (name, key) = match (&redis.address, &redis.address_from) {
        (Some(address), _) => return Ok(address.clone()),
        (None, Some(from)) => (&from.secret_key_ref.name, &from.secret_key_ref.key),
        (None, None) => bail!("WorkerPool {} names no Redis", pool.name_any()),
    };
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = format!("reading Secret {name}, which holds the address of Redis");
    let secret = cluster.request(&doing, secrets.get(name)).await?;
    let bytes = secret.data.unwrap_or_default().remove(key);
    let bytes = bytes.with_context(|| {
        format!("Secret {name} has no key {key}, which should hold the address of Redis")
    })?;
    Ok(String::from_utf8(bytes.0)
        .with_context(|| format!("key {key} of Secret {name} is no text"))?
        .trim()
        .to_owned())
}

/// Reads `redis`, `redis.ns` and `redis.ns.svc…` as Services; an address or any other name is outside.
fn inside(host: &str, namespace: &str) -> Option<InCluster> {
    if host.parse::<IpAddr>().is_ok() || host == "localhost" {
        return None;
    }
    let mut parts = host.trim_end_matches('.').split('.');
    let service = parts.next()?.to_owned();
    let namespace = parts.next().unwrap_or(namespace).to_owned();
    parts
        .next()
        .is_none_or(|part| part == "svc")
        .then_some(InCluster { service, namespace })
}

/// Whether a pod is ready and stays.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    pod.metadata.deletion_timestamp.is_none() && ready.any(|condition| condition.status == "True")
}

/// A container's port by its name.
#[must_use]
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

/// A Redis error in words.
fn redis_error(error: &RedisError) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    match error.code() {
        Some("NOAUTH") => "it wants a password, and the address has none: put redis://:PASSWORD@HOST into a Secret and name it in spec.redis.addressFrom".into(),
        Some("WRONGPASS") => "it refuses the user or password in the address".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_services_from_outside_names() {
        let of = |host| inside(host, "class").map(|inside| (inside.service, inside.namespace));
        let service = |name: &str, namespace: &str| Some((name.to_owned(), namespace.to_owned()));
        for (host, expected) in [
            ("redis", service("redis", "class")),
            ("redis.data", service("redis", "data")),
            ("redis.data.svc", service("redis", "data")),
            ("redis.data.svc.cluster.local.", service("redis", "data")),
            ("example.com", service("example", "com")), // asked for, not found, then taken as outside
            ("redis.example.com", None),
            ("10.0.0.7", None),
            ("::1", None),
        ] {
            assert_eq!(of(host), expected, "{host}");
        }
    }
}
