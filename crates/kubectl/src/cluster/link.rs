//! The links of the chain between this program and a Redis, and the first one that is broken.

use crate::cluster::no_answer;
use crate::text::lang::{Lang, tr};
use redis::RedisError;
use redis_source::HostPort;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use telemetry::tls_error;
use tokio_rustls::rustls;
use tokio_rustls::rustls::{AlertDescription, CertificateError};

/// What must work, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A Service, its pod and the forward to it.
    Forward,
    /// The host has an address.
    Name,
    /// The port accepts connections.
    Port,
    /// The certificates are valid.
    Tls,
    /// Redis answers, and accepts user and password.
    Login,
    /// A Sentinel knows the master, or a node of a cluster the slot.
    Found,
}

/// The first broken link.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {server}: {text}")]
pub struct Broken {
    pub link: Link,
    /// Redis or Sentinel.
    pub kind: &'static str,
    pub server: HostPort,
    pub text: String,
}

/// A server, and how it is spoken to.
#[derive(Clone, Debug)]
pub(super) struct Peer<'a> {
    pub kind: &'static str,
    pub server: &'a HostPort,
    /// The name that its certificate must have, where it speaks TLS.
    pub tls_name: Option<&'a str>,
    pub lang: Lang,
    /// How long each step may take.
    pub limit: Duration,
}

impl Peer<'_> {
    pub fn broken(&self, link: Link, text: String) -> Broken {
        Broken {
            link,
            kind: self.kind,
            server: self.server.clone(),
            text,
        }
    }

    pub fn silent(&self, link: Link) -> Broken {
        let silence = no_answer(self.lang, self.limit);
        let text = match link {
            Link::Tls => tr!(self.lang, "cli-link-tls-silent", silence),
            _ => silence,
        };
        self.broken(link, text)
    }

    /// Its port accepted no connection.
    pub fn closed(&self, error: &io::Error) -> Broken {
        match error.kind() {
            ErrorKind::ConnectionRefused => {
                self.broken(Link::Port, tr!(self.lang, "cli-connection-refused"))
            }
            ErrorKind::TimedOut => self.silent(Link::Port),
            kind => self.broken(Link::Port, kind.to_string()),
        }
    }

    /// The handshake of TLS failed.
    pub fn refused(&self, error: &io::Error) -> Broken {
        let text = match tls_error(error) {
            Some(error) => self.describe_tls(error),
            None if error.kind() == ErrorKind::UnexpectedEof => {
                tr!(self.lang, "cli-link-no-tls")
            }
            None => tr!(self.lang, "cli-link-tls", error = error.kind().to_string()),
        };
        self.broken(Link::Tls, text)
    }

    /// Redis did not accept the login, or a command.
    pub fn failed(&self, error: &RedisError) -> Broken {
        if let Some(error) = tls_error(error) {
            return self.broken(Link::Tls, self.describe_tls(error));
        }
        if error.is_timeout() {
            return self.silent(Link::Login);
        }
        let text = match error.code() {
            Some("NOAUTH") => tr!(self.lang, "cli-redis-needs-password"),
            Some("WRONGPASS") => tr!(self.lang, "cli-redis-wrong-password"),
            _ if error.kind() == redis::ErrorKind::AuthenticationFailed => {
                tr!(self.lang, "cli-redis-wrong-password")
            }
            None if self.tls_name.is_none() && is_closed(error) => {
                tr!(self.lang, "cli-link-closed")
            }
            _ => queues::describe(error),
        };
        self.broken(Link::Login, text)
    }

    /// What is wrong with a certificate. Its own text is foreign and is not shown.
    fn describe_tls(&self, error: &rustls::Error) -> String {
        let (lang, name) = (self.lang, self.tls_name.unwrap_or_default());
        let certificate = match error {
            rustls::Error::InvalidCertificate(error) => error,
            rustls::Error::AlertReceived(
                AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
            ) => return tr!(lang, "cli-link-tls-asks-client"),
            rustls::Error::AlertReceived(alert) => {
                let alert = format!("{alert:?}");
                return tr!(lang, "cli-link-tls-refuses-client", alert);
            }
            rustls::Error::InvalidMessage(_) => return tr!(lang, "cli-link-no-tls"),
            _ => return tr!(lang, "cli-link-tls", error = kind_of(&error.to_string())),
        };
        match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                tr!(lang, "cli-link-tls-expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                tr!(lang, "cli-link-tls-not-yet")
            }
            CertificateError::UnknownIssuer => tr!(lang, "cli-link-tls-unknown-ca"),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                tr!(lang, "cli-link-tls-wrong-name", name)
            }
            _ => tr!(lang, "cli-link-tls", error = kind_of(&error.to_string())),
        }
    }
}

fn is_closed(error: &RedisError) -> bool {
    let source = error.source().and_then(<dyn Error>::downcast_ref::<Shared>);
    let kind = source.and_then(|it| it.downcast_ref::<io::Error>());
    error.is_connection_dropped() || kind.is_some_and(|it| it.kind() == ErrorKind::UnexpectedEof)
}

/// The kind of a TLS error. What follows a semicolon or a line break quotes the server's certificate.
fn kind_of(text: &str) -> String {
    let kind = text.split([';', '\n']).next().unwrap_or_default();
    kind.chars().take(200).collect()
}

/// How the library shares the cause of an error.
type Shared = Arc<dyn Error + Send + Sync>;
