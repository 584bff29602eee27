//! The Redis that a command line names. One set of options for all programs: address, TLS, login, and Sentinel or Cluster.
//!
//! A [`RedisSource`] finds the server again at each connection, so that a program which connects again after an error
//! follows a failover of Sentinel and a slot of a cluster that moves.

mod access;
mod resolve;

pub use access::{Access, HostPort, Servers, SlotRange, TlsMaterial, slot_ranges};

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, TlsCertificates,
};
use resolve::Topology;
use std::path::{Path, PathBuf};

/// How to reach Redis, beside its URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
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
        let info = self.with_tls(self.info(url)?)?;
        let topology = if let Some(master) = &self.master {
            let sentinel = info.clone().set_redis_settings(self.sentinel_settings()?);
            Topology::Sentinel {
                sentinels: like(&sentinel, servers(&self.sentinel)?),
                master: master.clone(),
            }
        } else if self.cluster.is_empty() {
            Topology::One
        } else {
            Topology::Cluster {
                seeds: like(&info, servers(&self.cluster)?),
                key: key.to_owned(),
            }
        };
        Ok(RedisSource { info, topology })
    }

    /// The same for a program that makes its own connection.
    ///
    /// # Errors
    /// What of the options cannot be used.
    pub fn access(&self, url: &str) -> Result<Access, SourceError> {
        let info = self.info(url)?;
        let (host, port, is_asked) = match info.addr() {
            ConnectionAddr::Tcp(host, port) => (host, *port, self.asks_for_tls()),
            // Of a URL that says so, the certificate would not be checked.
            ConnectionAddr::TcpTls { insecure: true, .. } => return Err(SourceError::Url),
            ConnectionAddr::TcpTls { host, port, .. } => (host, *port, true),
            _ => return Err(SourceError::Url),
        };
        let servers = if let Some(master) = &self.master {
            Servers::Sentinel {
                sentinels: servers(&self.sentinel)?,
                master: master.clone(),
                settings: self.sentinel_settings()?,
            }
        } else if self.cluster.is_empty() {
            Servers::One(HostPort::new(host, port).ok_or(SourceError::Url)?)
        } else {
            Servers::Cluster(servers(&self.cluster)?)
        };
        Ok(Access {
            servers,
            settings: info.redis_settings().clone(),
            tls: is_asked.then(|| self.material()).transpose()?,
        })
    }

    /// Whether they say where a Redis is, and not only how it is reached.
    pub fn names_servers(&self) -> bool {
        !(self.sentinel.is_empty() && self.cluster.is_empty())
    }

    /// The address with its login.
    fn info(&self, url: &str) -> Result<ConnectionInfo, SourceError> {
        let info = url.into_connection_info().map_err(|_| SourceError::Url)?;
        let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(user) = &self.username {
            settings = settings.set_username(user);
        }
        if let Some(name) = &self.password_env {
            settings = settings.set_password(variable(name)?);
        }
        Ok(info.set_redis_settings(settings))
    }

    fn sentinel_settings(&self) -> Result<RedisConnectionInfo, SourceError> {
        let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        Ok(match &self.sentinel_password_env {
            Some(name) => settings.set_password(variable(name)?),
            None => settings,
        })
    }

    fn asks_for_tls(&self) -> bool {
        self.tls || self.cacert.is_some() || self.cert.is_some()
    }

    fn material(&self) -> Result<TlsMaterial, SourceError> {
        let client = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some((read(cert)?, read(key)?)),
            _ => None,
        };
        Ok(TlsMaterial {
            ca: self.cacert.as_deref().map(read).transpose()?,
            client,
            server_name: None,
        })
    }

    /// `info` with the TLS that the options ask for.
    fn with_tls(&self, info: ConnectionInfo) -> Result<ConnectionInfo, SourceError> {
        let addr = match info.addr().clone() {
            ConnectionAddr::Tcp(host, port) if self.asks_for_tls() => ConnectionAddr::TcpTls {
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
        let TlsMaterial { ca, client, .. } = self.material()?;
        let certificates = TlsCertificates {
            client_tls: client.map(|(client_cert, client_key)| ClientTlsConfig {
                client_cert,
                client_key,
            }),
            root_cert: ca,
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

fn servers(addresses: &[String]) -> Result<Vec<HostPort>, SourceError> {
    let parse = |address: &String| {
        HostPort::parse(address, None).ok_or_else(|| SourceError::Address(address.clone()))
    };
    addresses.iter().map(parse).collect()
}

/// The servers, each reached as `info` says.
fn like(info: &ConnectionInfo, servers: Vec<HostPort>) -> Vec<ConnectionInfo> {
    let servers = servers.into_iter();
    servers.map(|it| at(info, &it.host, it.port)).collect()
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
