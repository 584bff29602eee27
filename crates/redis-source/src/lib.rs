//! The Redis that a command line names. One set of options for all programs: address, TLS, login, and Sentinel or Cluster.
//!
//! A [`RedisSource`] finds the server again at each connection, so that a program which connects again after an error
//! follows a failover of Sentinel and a slot of a cluster that moves.

mod resolve;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError,
    RedisResult, TlsCertificates,
};
use resolve::Topology;
use std::path::{Path, PathBuf};

/// How to reach Redis, beside its URL.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RedisOptions {
    /// Connect to Redis with TLS, as with rediss://
    #[arg(long, global = true)]
    tls: bool,
    /// PEM file of the authorities to trust instead of the public ones; implies --tls
    #[arg(long, global = true, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// PEM file of the client's certificate; implies --tls
    #[arg(long, global = true, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// PEM file of the key to --cert
    #[arg(long, global = true, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The user in Redis
    #[arg(long, global = true, value_name = "USER")]
    username: Option<String>,
    /// The environment variable that has the password
    #[arg(long, global = true, value_name = "NAME")]
    password_env: Option<String>,
    /// Addresses of Sentinels, which are asked for the server; of the URL only user, password and database count
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        requires = "master"
    )]
    sentinel: Vec<String>,
    /// The name of the server that the Sentinels watch
    #[arg(long, global = true, value_name = "NAME", requires = "sentinel")]
    master: Option<String>,
    /// The environment variable that has the Sentinels' password
    #[arg(long, global = true, value_name = "NAME", requires = "sentinel")]
    sentinel_password_env: Option<String>,
    /// Addresses of nodes of a Redis Cluster: the one that has the queue is found
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        conflicts_with = "sentinel"
    )]
    cluster: Vec<String>,
}

/// Why options lead to no Redis. No part of an address is in it, which may have a password.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL cannot be read.
    #[error("it is no URL of a Redis: redis://HOST:PORT/DATABASE or rediss://…")]
    Url,
    /// An address of a Sentinel or a node cannot be read.
    #[error("{0}: write HOST:PORT")]
    Address(String),
    /// A variable is not set.
    #[error("the environment variable {0} is not set")]
    Variable(String),
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The certificates or the key cannot be used.
    #[error("the certificates or the key are not usable PEM files: {0}")]
    Certificates(RedisError),
}

impl RedisOptions {
    /// The source with the queue whose keys share a slot with `key`; `url` is its address.
    ///
    /// # Errors
    /// What of the options cannot be used.
    pub fn source(&self, url: &str, key: &str) -> Result<RedisSource, SourceError> {
        let info = url.into_connection_info().map_err(|_| SourceError::Url)?;
        let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(user) = &self.username {
            settings = settings.set_username(user);
        }
        if let Some(name) = &self.password_env {
            settings = settings.set_password(variable(name)?);
        }
        let info = self.with_tls(info.set_redis_settings(settings))?;
        let topology = if let Some(master) = &self.master {
            let mut settings = redis::RedisConnectionInfo::default().set_skip_set_lib_name();
            if let Some(name) = &self.sentinel_password_env {
                settings = settings.set_password(variable(name)?);
            }
            let sentinel = info.clone().set_redis_settings(settings);
            Topology::Sentinel {
                sentinels: servers(&self.sentinel, &sentinel)?,
                master: master.clone(),
            }
        } else if self.cluster.is_empty() {
            Topology::One
        } else {
            Topology::Cluster {
                seeds: servers(&self.cluster, &info)?,
                key: key.to_owned(),
            }
        };
        Ok(RedisSource { info, topology })
    }

    /// `info` with the TLS that the options ask for.
    fn with_tls(&self, info: ConnectionInfo) -> Result<ConnectionInfo, SourceError> {
        let is_asked = self.tls || self.cacert.is_some() || self.cert.is_some();
        let addr = match info.addr().clone() {
            ConnectionAddr::Tcp(host, port) if is_asked => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
            // Of a URL that says so, the certificate would not be checked.
            ConnectionAddr::TcpTls { insecure: true, .. } => return Err(SourceError::Url),
            ConnectionAddr::TcpTls { .. } => info.addr().clone(),
            _ => return Ok(info),
        };
        let info = info.set_addr(addr);
        let client_tls = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(ClientTlsConfig {
                client_cert: read(cert)?,
                client_key: read(key)?,
            }),
            _ => None,
        };
        let certificates = TlsCertificates {
            client_tls,
            root_cert: self.cacert.as_deref().map(read).transpose()?,
        };
        let client =
            Client::build_with_tls(info, certificates).map_err(SourceError::Certificates)?;
        Ok(client.get_connection_info().clone())
    }
}

fn variable(name: &str) -> Result<String, SourceError> {
    std::env::var(name).map_err(|_| SourceError::Variable(name.to_owned()))
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    std::fs::read(path).map_err(|error| SourceError::File(path.to_owned(), error))
}

/// The servers at `addresses`, each reached as `like` is.
fn servers(
    addresses: &[String],
    like: &ConnectionInfo,
) -> Result<Vec<ConnectionInfo>, SourceError> {
    let server = |address: &String| {
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_matches(['[', ']']);
        (!host.is_empty()).then_some(at(like, host, port.parse().ok()?))
    };
    let parsed = |address| server(address).ok_or_else(|| SourceError::Address(address.clone()));
    addresses.iter().map(parsed).collect()
}

/// The server at `host` and `port`, reached as `like` is.
fn at(like: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let addr = match like.addr().clone() {
        ConnectionAddr::TcpTls { tls_params, .. } => ConnectionAddr::TcpTls {
            host: host.to_owned(),
            port,
            insecure: false,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    };
    like.clone().set_addr(addr)
}

/// A Redis: one server, the master that Sentinels name, or the node of a cluster that has the queue.
#[derive(Clone, Debug)]
pub struct RedisSource {
    /// The server, or how each one is reached.
    info: ConnectionInfo,
    topology: Topology,
}

impl RedisSource {
    /// A client of the server that has the queue now. With Sentinel and Cluster it is asked for, and blocks meanwhile.
    ///
    /// # Errors
    /// None of them answers, or knows it.
    pub fn client_blocking(&self) -> RedisResult<Client> {
        Client::open(self.topology.resolve(&self.info)?)
    }

    /// The same, without blocking the caller's thread.
    ///
    /// # Errors
    /// None of them answers, or knows it.
    pub async fn client(&self) -> RedisResult<Client> {
        if matches!(self.topology, Topology::One) {
            return self.client_blocking();
        }
        let source = self.clone();
        tokio::task::spawn_blocking(move || source.client_blocking())
            .await
            .map_err(std::io::Error::other)?
    }
}

/// What is connected to, without user and password.
impl std::fmt::Display for RedisSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.topology {
            Topology::One => write!(f, "{}", self.info.addr()),
            Topology::Sentinel { master, .. } => write!(f, "{master} (Sentinel)"),
            Topology::Cluster { seeds, .. } => {
                let seed = seeds.first().map_or(self.info.addr(), ConnectionInfo::addr);
                write!(f, "{seed} (Cluster)")
            }
        }
    }
}

impl From<Client> for RedisSource {
    fn from(client: Client) -> Self {
        Self {
            info: client.get_connection_info().clone(),
            topology: Topology::One,
        }
    }
}
