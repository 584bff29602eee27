//! The client of a pool's Redis, or of one that the command line names. A lost connection is reopened for the next query,
//! and the server is found again: where Sentinels or a cluster name it, it may be another one.

use super::dial::{NamedBy, ServiceName, dial, service_name};
use super::link::{Link, Peer};
use super::queue_summary::QueueSummary;
use super::tls::{self, Unusable};
use super::{no_answer, pool_access};
use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use anyhow::anyhow;
use api::{QueueSpec, WorkerPool, time};
use decide::Unavailable;
use decide::foreign;
use jiff::Timestamp;
use messages::Encoded;
use protocol::ScriptCall;
use queues::{Poll, Queue, Reading, is_hello_refused};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, ProtocolVersion, RedisConnectionInfo, RedisError,
    RedisResult, Value,
};
use redis_source::{Access, HostPort, Servers, slot_ranges};
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// The time limit for a reply of Redis, and for each step to it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The same for a Sentinel or a node of a cluster, of which the next one may answer.
const NEXT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait for what a pod's node reports, which is more precise than the end of the stream.
const NODE_TIMEOUT: Duration = Duration::from_millis(300);

/// How many slots a cluster has.
const SLOTS: i64 = 16_384;
/// The longest text of a node that is shown.
const MAX_REASON: usize = 200;

/// A client of one Redis, which connects when it is first used.
pub struct RedisClient {
    /// The cluster that it may run in.
    cluster: Option<Cluster>,
    out: Out,
    access: Access,
    tls: Option<TlsConnector>,
    /// A key of the queues: in a cluster of Redis, they are in its slot.
    key: String,
    connection: Option<MultiplexedConnection>,
}

impl RedisClient {
    /// Reads where the Redis of the pool is, and what it asks for; does not connect yet.
    pub async fn new(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<Self> {
        let access = pool_access::access(cluster, pool).await?;
        let queue = pool.spec.queues.first().map(QueueSpec::queue);
        let key = queue.and_then(|queue| queue.wake_keys().first().cloned());
        let client = Self::direct(&cluster.out, access, key.unwrap_or_default())?;
        Ok(Self {
            cluster: Some(cluster.clone()),
            ..client
        })
    }

    /// A client of a Redis outside a cluster, which has the queue of `key`.
    pub fn direct(out: &Out, access: Access, key: String) -> anyhow::Result<Self> {
        let lang = out.lang;
        let connector = access.tls.as_ref().map(tls::connector).transpose();
        Ok(Self {
            tls: connector.map_err(|part| anyhow!(unusable(lang, part)))?,
            cluster: None,
            out: out.clone(),
            access,
            key,
            connection: None,
        })
    }

    /// Host and port, or what names them, for messages.
    pub fn name(&self) -> String {
        match &self.access.servers {
            Servers::One(server) => server.to_string(),
            Servers::Sentinel { master, .. } => format!("{master} (Sentinel)"),
            Servers::Cluster(_) => format!("{} (Cluster)", self.first()),
        }
    }

    /// Where it is, and what it asks for.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The first server that is asked.
    fn first(&self) -> HostPort {
        let first = match &self.access.servers {
            Servers::One(server) => Some(server),
            Servers::Sentinel { sentinels: all, .. } | Servers::Cluster(all) => all.first(),
        };
        first.cloned().unwrap_or(HostPort {
            host: String::new(),
            port: 0,
        })
    }

    /// The number of the database.
    pub fn database(&self) -> i64 {
        self.access.settings.db()
    }

    /// Talks by RESP3 from now on, by which Redis notifies.
    pub(super) fn use_resp3(&mut self) {
        let settings = self.access.settings.clone();
        self.access.settings = settings.set_protocol(ProtocolVersion::RESP3);
    }

    /// Reads the metrics of the queues.
    pub async fn poll(&mut self, queues: &[QueueSpec]) -> anyhow::Result<QueueSummary> {
        let queues: Vec<Queue> = queues.iter().map(QueueSpec::queue).collect();
        self.poll_queues(&queues).await
    }

    /// The same for queues without a pool.
    pub async fn poll_queues(&mut self, queues: &[Queue]) -> anyhow::Result<QueueSummary> {
        let mut readings = Vec::new();
        if matches!(self.access.servers, Servers::Cluster(_)) {
            // Each in its slot.
            for queue in queues {
                self.turn_to(queue.wake_keys().first().map_or("", String::as_str));
                readings.extend(self.read(std::slice::from_ref(queue)).await?);
            }
        } else {
            readings = self.read(queues).await?;
        }
        let describe = |cause| self.error(&self.out.cause(&Encoded::new(&cause)));
        let readings: Result<Vec<_>, _> = readings.into_iter().collect();
        let readings = readings.map_err(describe)?;
        Ok(QueueSummary::of(readings, time(Timestamp::now())))
    }

    /// From now on the queue of `key` is asked for: in a cluster it may be on another server.
    pub fn turn_to(&mut self, key: &str) {
        if key != self.key {
            key.clone_into(&mut self.key);
            if matches!(self.access.servers, Servers::Cluster(_)) {
                self.connection = None;
            }
        }
    }

    async fn read(
        &mut self,
        queues: &[Queue],
    ) -> anyhow::Result<Vec<Result<Reading, Unavailable>>> {
        let mut poll = Poll::new(queues.iter().enumerate());
        let mut commands = poll.commands(true);
        while !commands.is_empty() {
            let replies = self.replies(&commands).await?;
            commands = poll.receive(replies);
        }
        Ok(poll.finish().collect())
    }

    /// The replies to commands that are safe to repeat; an error of one of them is its reply.
    async fn replies(&mut self, commands: &[Cmd]) -> anyhow::Result<Vec<Value>> {
        if let Some(mut connection) = self.connection.take()
            && let Ok(replies) = send(&mut connection, commands).await
        {
            self.connection = Some(connection);
            return Ok(replies);
        }
        let mut connection = self.connect(AsyncConnectionConfig::new()).await?;
        let replies = send(&mut connection, commands).await;
        let replies = replies.map_err(|error| self.describe_error(&error))?;
        self.connection = Some(connection);
        Ok(replies)
    }

    /// Runs a command that is safe to repeat. Where it is refused, it connects and runs it again: another server may
    /// accept writes by now.
    pub async fn run(&mut self, command: Cmd) -> anyhow::Result<()> {
        let command = [command];
        let mut replies = self.replies(&command).await?;
        if matches!(replies.as_slice(), [Value::ServerError(_)]) {
            self.connection = None;
            replies = self.replies(&command).await?;
        }
        for reply in replies {
            let done = reply.extract_error();
            done.map_err(|error| self.describe_error(&error))?;
        }
        Ok(())
    }

    /// Runs a script that must not run twice; first checks that the connection works.
    pub async fn call<T: FromRedisValue>(&mut self, call: &ScriptCall<T>) -> anyhow::Result<T> {
        self.run(redis::cmd("PING")).await?;
        let Some(connection) = &mut self.connection else {
            return Err(self.error(&tr!(self.lang(), "cli-redis-connection-lost")));
        };
        let result = call.run(connection).await;
        result.map_err(|error| self.describe_error(&error))
    }

    /// The Service in the cluster that the first server may be.
    pub fn service_name(&self) -> Option<ServiceName> {
        let cluster = self.cluster.as_ref().filter(|cluster| !cluster.local)?;
        service_name(&self.first().host, &cluster.namespace)
    }

    /// The user that it logs in as.
    pub fn user(&self) -> Option<String> {
        self.access.settings.username().map(str::to_owned)
    }

    pub(super) fn describe_error(&self, error: &RedisError) -> anyhow::Error {
        let first = self.first();
        let broken = self.peer("Redis", &first).failed(error);
        if matches!(self.access.servers, Servers::One(_)) {
            return broken.into();
        }
        self.error(&broken.text)
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
        self.out.lang
    }

    fn peer<'a>(&'a self, kind: &'static str, server: &'a HostPort) -> Peer<'a> {
        let tls = self.access.tls.as_ref();
        let name = tls.map(|tls| tls.server_name.as_deref().unwrap_or(&server.host));
        Peer {
            kind,
            server,
            tls_name: name,
            lang: self.lang(),
            limit: TIMEOUT,
        }
    }

    /// Connects to the server that has the queues now.
    pub(super) async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> anyhow::Result<MultiplexedConnection> {
        let what = format!("Redis {}", self.name());
        let config = config
            .set_response_timeout(Some(TIMEOUT))
            .set_connection_timeout(Some(TIMEOUT));
        let connect = async {
            let (server, named_by) = self.find().await?;
            let (peer, settings) = (self.peer("Redis", &server), &self.access.settings);
            self.open(&peer, named_by, settings, &config).await
        };
        self.out.wait(&what, connect).await
    }

    /// The server that has the queues, and who named it.
    async fn find(&self) -> anyhow::Result<(HostPort, NamedBy)> {
        let (kind, servers) = match &self.access.servers {
            Servers::One(server) => return Ok((server.clone(), NamedBy::Pool)),
            Servers::Sentinel { sentinels, .. } => ("Sentinel", sentinels),
            Servers::Cluster(nodes) => ("Redis", nodes),
        };
        let mut first = None;
        for server in servers {
            let peer = Peer {
                limit: NEXT_TIMEOUT,
                ..self.peer(kind, server)
            };
            let asked = match &self.access.servers {
                Servers::Sentinel {
                    master, settings, ..
                } => self.ask_sentinel(&peer, settings, master).await,
                _ => self.ask_node(&peer).await,
            };
            match asked {
                Ok(server) => return Ok((server, NamedBy::Server)),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| self.silent(NEXT_TIMEOUT)))
    }

    async fn ask_sentinel(
        &self,
        peer: &Peer<'_>,
        settings: &RedisConnectionInfo,
        master: &str,
    ) -> anyhow::Result<HostPort> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(peer.limit));
        let mut sentinel = self.open(peer, NamedBy::Pool, settings, &config).await?;
        let mut question = redis::cmd("SENTINEL");
        let question = question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let named: Option<(String, u16)> = question
            .query_async(&mut sentinel)
            .await
            .map_err(|error| peer.failed(&error))?;
        let unknown = || peer.broken(Link::Found, tr!(self.lang(), "cli-link-no-master", master));
        let (host, port) = named.ok_or_else(unknown)?;
        let unfit = || peer.broken(Link::Found, tr!(self.lang(), "cli-link-no-host"));
        Ok(HostPort::new(&host, port).ok_or_else(unfit)?)
    }

    async fn ask_node(&self, peer: &Peer<'_>) -> anyhow::Result<HostPort> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(peer.limit));
        let settings = &self.access.settings;
        let mut node = self.open(peer, NamedBy::Pool, settings, &config).await?;
        let failed = |error: RedisError| peer.failed(&error);
        let mut question = redis::cmd("CLUSTER");
        let slot = question.arg("KEYSLOT").arg(&self.key);
        let slot: i64 = slot.query_async(&mut node).await.map_err(failed)?;
        let ranges = redis::cmd("CLUSTER").arg("SLOTS").take();
        let ranges: Vec<Value> = ranges.query_async(&mut node).await.map_err(failed)?;
        let ranges = slot_ranges(&ranges, &peer.server.host);
        let covered: i64 = ranges.iter().map(|it| it.last - it.first + 1).sum();
        let mut owners = ranges
            .into_iter()
            .filter(|range| (range.first..=range.last).contains(&slot));
        let missing = || {
            let missing = SLOTS.saturating_sub(covered);
            let text = tr!(self.lang(), "cli-link-slots", slot, missing);
            peer.broken(Link::Found, text)
        };
        let primary = owners.find_map(|range| range.primary);
        Ok(primary.ok_or_else(missing)?)
    }

    /// Connects to one server and logs in; by RESP2 where it refuses `HELLO`, as the operator does.
    async fn open(
        &self,
        peer: &Peer<'_>,
        named_by: NamedBy,
        settings: &RedisConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> anyhow::Result<MultiplexedConnection> {
        let mut opened = self.log_in(peer, named_by, settings, config).await?;
        if opened.as_ref().is_err_and(is_hello_refused) {
            let settings = settings.clone().set_protocol(ProtocolVersion::RESP2);
            opened = self.log_in(peer, named_by, &settings, config).await?;
        }
        Ok(opened.map_err(|error| peer.failed(&error))?)
    }

    async fn log_in(
        &self,
        peer: &Peer<'_>,
        named_by: NamedBy,
        settings: &RedisConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> anyhow::Result<Result<MultiplexedConnection, RedisError>> {
        let wire = dial(self.cluster.as_ref(), peer, named_by).await?;
        let (mut stream, config) = (wire.stream, config.clone());
        let mut link = Link::Login;
        let steps = async {
            if let Some((connector, name)) = self.tls.as_ref().zip(peer.tls_name) {
                link = Link::Tls;
                let name = ServerName::try_from(name.to_owned())?;
                let secured = connector.connect(name, stream).await;
                stream = Box::new(secured.map_err(|error| peer.refused(&error))?);
                link = Link::Login;
            }
            anyhow::Ok(MultiplexedConnection::new_with_config(settings, stream, config).await)
        };
        let done = timeout(peer.limit, steps).await;
        if !matches!(done, Ok(Ok(Ok(_))))
            && let Some(forward) = wire.forward
        {
            let (pod, port, lang) = (&forward.pod, forward.port, self.lang());
            let reason = timeout(NODE_TIMEOUT, forward.error).await.ok().flatten();
            if let Some(reason) = reason {
                let reason = foreign(&reason, MAX_REASON);
                let text = tr!(lang, "cli-redis-port-closed", port, pod, reason);
                return Err(peer.broken(Link::Port, text).into());
            }
            if done.is_err() {
                let seconds = peer.limit.as_secs();
                let text = tr!(lang, "cli-redis-pod-silent", pod, port, seconds);
                return Err(peer.broken(link, text).into());
            }
        }
        let connected = done.map_err(|_| peer.silent(link))??;
        Ok(connected.map(|(connection, driver)| {
            // The driver ends with the connection.
            tokio::spawn(driver);
            connection
        }))
    }
}

/// Sends commands at once. An error of one of them is its reply.
pub(super) async fn send(
    connection: &mut MultiplexedConnection,
    commands: &[Cmd],
) -> RedisResult<Vec<Value>> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    connection
        .send_packed_commands(&pipeline, 0, commands.len())
        .await
}

/// What of the TLS material cannot be used.
fn unusable(lang: Lang, part: Unusable) -> String {
    match part {
        Unusable::Authorities => tr!(lang, "cli-tls-authorities"),
        Unusable::Certificate => tr!(lang, "cli-tls-certificate"),
        Unusable::Key => tr!(lang, "cli-tls-key"),
        Unusable::OtherKey => tr!(lang, "cli-tls-other-key"),
    }
}
