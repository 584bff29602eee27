//! Why a metric is unavailable.

use crate::units::Time;

/// Why a metric cannot be read. The text of an error is foreign, and bounded by whoever received it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "code", content = "params"))]
pub enum Unavailable {
    /// The first poll has no result yet.
    NotReadYet,
    /// Polls have no result any more.
    Stale {
        /// The time of the last result.
        since: Time,
    },
    /// Redis cannot be reached, or does not answer.
    RedisDown {
        /// Its address, without a password.
        address: String,
        /// What the connection reports.
        error: String,
    },
    /// The operator may not connect to the address.
    AddressNotAllowed {
        /// Its host and port.
        host: String,
        /// The pool's namespace.
        namespace: String,
    },
    /// The operator never connects to such an address, whoever asks.
    AddressForbidden {
        /// Its host and port.
        host: String,
    },
    /// The address in the pool's spec is not valid.
    InvalidAddress {
        /// What is wrong with it.
        problem: AddressProblem,
    },
    /// A Secret or `ConfigMap` that the pool's spec names holds something else than it should.
    ReferenceInvalid {
        /// Its kind and name.
        object: String,
        /// The key.
        key: String,
        /// What is wrong with its value.
        problem: AddressProblem,
    },
    /// Redis, or the network before it, refuses what such an object holds, or is refused by it.
    ReferenceRefused {
        /// Its kind and name.
        object: String,
        /// The key.
        key: String,
        /// The address, without a password.
        address: String,
        /// What the connection reports.
        error: String,
    },
    /// Redis does not give the metrics of a queue.
    QueueUnreadable {
        /// The key of the queue.
        key: String,
        /// What Redis answered.
        error: String,
    },
    /// Such an object does not exist.
    ReferenceMissing {
        /// Its kind and name.
        object: String,
        /// Its namespace.
        namespace: String,
    },
    /// Such an object does not have the key.
    ReferenceKeyMissing {
        /// Its kind and name.
        object: String,
        /// The key.
        key: String,
    },
    /// The operator must not read such an object.
    ReferenceForbidden {
        /// Its kind and name.
        object: String,
        /// Its name alone.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// The API server does not give such an object.
    ReferenceUnreadable {
        /// Its kind and name.
        object: String,
        /// What the API server answered.
        error: String,
    },
    /// A recorded trace lacks metrics.
    NotRecorded {
        /// Their names.
        metrics: String,
    },
    /// A metric is missing, and nothing says why.
    Unexplained,
}

/// What is wrong with the address of a Redis, its credentials or its TLS material. It never has a part of the text: that
/// may be a password, or a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "code"))]
pub enum AddressProblem {
    /// It does not begin with `redis://` or `rediss://`.
    NoScheme,
    /// Its password has a character that ends the host's part.
    Unencoded,
    /// Its user or password has a control character.
    ControlCharacter,
    /// It names no host, or no valid one.
    Host,
    /// Its port is not a number.
    Port,
    /// Its path is not the number of a database.
    Database,
    /// It is empty, or no text.
    Empty,
    /// It has no certificate in PEM, or one that cannot be read.
    NoCertificate,
    /// It has no private key in PEM, or one that cannot be read.
    NoPrivateKey,
    /// It is the private key of another certificate.
    OtherPrivateKey,
}
