//! The address of a Redis server. It exists only once it is parsed, so that nothing else of a Secret is ever shown.

use super::{Reference, Tls};
use decide::{AddressProblem, Unavailable};
use queues::describe;
use redis::{ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisError};
use std::fmt;
use std::sync::Arc;

/// The longest name in the DNS, or an IPv6 address in brackets.
const MAX_HOST: usize = 255;

/// One server to connect to, and how: TLS, user, password and database.
#[derive(Clone)]
pub struct Address {
    namespace: Arc<str>,
    host: String,
    port: u16,
    settings: RedisConnectionInfo,
    tls: Option<Arc<Tls>>,
    /// Where the password is from.
    password_from: Option<Reference>,
}

impl Address {
    /// Parses the URL `text` for a pool of `namespace`: inside a cluster, a host without a dot is a Service of that
    /// namespace.
    ///
    /// # Errors
    /// What is wrong with it, and nothing of the text.
    pub fn parse(text: &str, namespace: &str, in_cluster: bool) -> Result<Self, AddressProblem> {
        check(text)?;
        let info = text
            .into_connection_info()
            .map_err(|_| AddressProblem::Host)?;
        let (host, port, has_tls) = match info.addr() {
            ConnectionAddr::Tcp(host, port) => (host, *port, false),
            ConnectionAddr::TcpTls { host, port, .. } => (host, *port, true),
            _ => return Err(AddressProblem::NoScheme),
        };
        let settings = info.redis_settings();
        refuse_control(settings.username())?;
        refuse_control(settings.password())?;
        Ok(Self {
            namespace: namespace.into(),
            host: qualified(host, namespace, in_cluster),
            port,
            settings: least(settings.clone()),
            tls: has_tls.then(Arc::default),
            password_from: None,
        })
    }

    /// Parses `HOST` or `HOST:PORT`, as [`Self::parse`] does.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_host(
        text: &str,
        default_port: u16,
        namespace: &str,
        in_cluster: bool,
    ) -> Result<Self, AddressProblem> {
        let (host, port) = split_port(text)?;
        Ok(Self {
            namespace: namespace.into(),
            host: qualified(host, namespace, in_cluster),
            port: port.unwrap_or(default_port),
            settings: least(RedisConnectionInfo::default()),
            tls: None,
            password_from: None,
        })
    }

    /// The same with this user, or the default one, and a password, which is from `from`.
    ///
    /// # Errors
    /// If they cannot be those of a user.
    pub fn with_password(
        mut self,
        username: Option<&str>,
        password: &str,
        from: Reference,
    ) -> Result<Self, AddressProblem> {
        refuse_control(username)?;
        refuse_control(Some(password))?;
        if password.is_empty() {
            return Err(AddressProblem::Empty);
        }
        self.settings = self.settings.set_password(password);
        if let Some(username) = username {
            self.settings = self.settings.set_username(username);
        }
        self.password_from = Some(from);
        Ok(self)
    }

    /// The same whose password is from `from`.
    #[must_use]
    pub fn from_reference(mut self, from: Reference) -> Self {
        self.password_from = Some(from);
        self
    }

    /// The same with another database.
    #[must_use]
    pub fn with_database(mut self, database: i64) -> Self {
        self.settings = self.settings.set_db(database);
        self
    }

    /// The same with TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Another server, which a server named, with the same settings.
    ///
    /// # Errors
    /// If it is no valid host.
    pub fn at(&self, host: &str, port: u16) -> Result<Self, AddressProblem> {
        check_host(host)?;
        Ok(Self {
            host: host.to_owned(),
            port,
            ..self.clone()
        })
    }

    /// The namespace of its pools.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Host and port.
    pub fn server(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The same as text.
    pub fn host_and_port(&self) -> String {
        match (&*self.host, self.port) {
            (host, port) if host.contains(':') => format!("[{host}]:{port}"),
            (host, port) => format!("{host}:{port}"),
        }
    }

    /// How it is connected to with TLS.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }

    /// Database, user, password, and RESP3.
    pub fn settings(&self) -> &RedisConnectionInfo {
        &self.settings
    }

    /// Whether both have the same user, password and TLS material.
    pub fn has_same_credentials(&self, other: &Self) -> bool {
        let user = |it: &Self| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            (text(it.settings.username()), text(it.settings.password()))
        };
        let is_same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        user(self) == user(other) && is_same_tls
    }

    /// Why this server cannot be read: by the name of what it refuses, where the error is about that.
    pub fn no_answer(&self, error: &RedisError) -> Unavailable {
        let text = describe(error);
        let is_about_user = matches!(error.code(), Some("WRONGPASS" | "NOAUTH"));
        let culprit = if is_about_user {
            self.password_from.as_ref()
        } else {
            self.tls().and_then(|tls| tls.culprit(error))
        };
        match culprit {
            Some(reference) => reference.refused(self, text),
            None => self.down(text),
        }
    }

    /// This server cannot be read, for this reason.
    pub fn down(&self, error: String) -> Unavailable {
        let address = self.to_string();
        Unavailable::RedisDown { address, error }
    }
}

fn refuse_control(text: Option<&str>) -> Result<(), AddressProblem> {
    if text.is_some_and(|text| text.contains(char::is_control)) {
        return Err(AddressProblem::ControlCharacter);
    }
    Ok(())
}

/// The library's name would be refused, and logged, where a user has no more rights than needed.
fn least(settings: RedisConnectionInfo) -> RedisConnectionInfo {
    settings
        .set_protocol(ProtocolVersion::RESP3)
        .set_skip_set_lib_name()
}

fn check_host(host: &str) -> Result<(), AddressProblem> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if host.is_empty() || host.len() > MAX_HOST || !host.chars().all(is_host) {
        return Err(AddressProblem::Host);
    }
    Ok(())
}

/// Host and port of `HOST` or `HOST:PORT`.
fn split_port(text: &str) -> Result<(&str, Option<u16>), AddressProblem> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    check_host(host)?;
    let port = port.map(str::parse).transpose();
    Ok((host, port.map_err(|_| AddressProblem::Port)?))
}

/// Finds what the URL's grammar allows and a Redis address must not have.
fn check(text: &str) -> Result<(), AddressProblem> {
    let rest = ["redis://", "rediss://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or(AddressProblem::NoScheme)?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // The user and the password end at the last @: one behind the host's part means that they had such a character.
    if rest.contains('@') {
        return Err(AddressProblem::Unencoded);
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    split_port(host)?;
    let path = rest.split('?').next().unwrap_or_default();
    let database = path.trim_start_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err(AddressProblem::Database);
    }
    Ok(())
}

/// The name in the cluster of a host that is a bare Service name.
fn qualified(host: &str, namespace: &str, in_cluster: bool) -> String {
    let host = host.trim_matches(['[', ']']);
    if !in_cluster || host.contains(['.', ':']) || host == "localhost" {
        host.to_owned()
    } else {
        format!("{host}.{namespace}.svc")
    }
}

/// Prints host, port and database.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        write!(
            f,
            "{scheme}://{}/{}",
            self.host_and_port(),
            self.settings.db()
        )
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("redis://redis:6379/0", "redis://redis.shop.svc:6379/0")]
    #[case("redis://redis", "redis://redis.shop.svc:6379/0")]
    #[case("rediss://user:p%40ss@cache:6380/2", "rediss://cache.shop.svc:6380/2")]
    #[case("redis://redis.other:6379", "redis://redis.other:6379/0")]
    #[case("redis://10.0.0.7:6379", "redis://10.0.0.7:6379/0")]
    #[case("redis://localhost:6379", "redis://localhost:6379/0")]
    fn bare_host_is_a_service_of_the_pools_namespace(#[case] url: &str, #[case] shown: &str) {
        let address = Address::parse(url, "shop", true).expect("an address");
        assert_eq!(address.to_string(), shown);
        let outside = Address::parse(url, "shop", false).expect("an address");
        assert_eq!(outside.to_string(), shown.replace(".shop.svc", ""));
    }

    #[rstest::rstest]
    #[case("canary", AddressProblem::NoScheme)]
    #[case("canary@redis:6379", AddressProblem::NoScheme)]
    #[case("-----BEGIN PRIVATE KEY-----\ncanary", AddressProblem::NoScheme)]
    #[case("unix:///canary", AddressProblem::NoScheme)]
    #[case("http://canary", AddressProblem::NoScheme)]
    #[case("redis://:p@ss#canary@redis", AddressProblem::Unencoded)]
    #[case("redis://:canary/x@redis:6379", AddressProblem::Unencoded)]
    #[case("redis://:canary?x@redis:6379", AddressProblem::Unencoded)]
    #[case("redis://:canary%0d%0aSET@redis", AddressProblem::ControlCharacter)]
    #[case("redis://user%00:canary@redis", AddressProblem::ControlCharacter)]
    #[case("redis://user:canary@:6379", AddressProblem::Host)]
    #[case("redis://user:canary@a b", AddressProblem::Host)]
    #[case("redis://user:canary@redis:x", AddressProblem::Port)]
    #[case("redis://user:canary@redis:70000", AddressProblem::Port)]
    #[case("redis://user:canary@redis/name", AddressProblem::Database)]
    fn what_is_no_address_is_refused_and_never_shown(
        #[case] text: &str,
        #[case] problem: AddressProblem,
    ) {
        let refused = Address::parse(text, "shop", true).expect_err(text);
        assert_eq!(refused, problem, "{text}");
        assert!(!format!("{refused:?}").contains("canary"));
    }
}
