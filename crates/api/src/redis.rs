//! The Redis that holds the queues: where it is, and how to authenticate there.

use super::rules;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Redis that holds the queues. Set exactly one of address, addressFrom, sentinel and cluster. What it refers to is in the pool's namespace; changes there take effect without a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::ONE_REDIS_ADDRESS,
    validation = rules::NO_PASSWORD_IN_ADDRESS,
    validation = rules::WHOLE_ADDRESS_IN_SECRET,
    validation = rules::ONE_DATABASE,
    validation = rules::NO_DATABASE_IN_CLUSTER,
    validation = rules::USERNAME_NEEDS_PASSWORD
)]
pub struct RedisSpec {
    /// redis:// or rediss:// (TLS) with host, port and database number, such as redis://redis:6379/0. A host without a dot is a Service in the pool's namespace; a Redis elsewhere must be allowed by the operator's allowAddresses. The password is in passwordFrom, or the whole address in addressFrom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^rediss?://[^ ]+$"), length(max = 512))]
    pub address: Option<String>,
    /// The whole address with user, password and database, from a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_from: Option<SecretKeyRef>,
    /// The Sentinels that name the address of the master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<SentinelSpec>,
    /// The nodes of a Redis Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSpec>,
    /// The user. Default: the user `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1f\x7f]+$"))]
    pub username: Option<String>,
    /// The password, from a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_from: Option<SecretKeyRef>,
    /// The number of the database. Default: 0, or the one in the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65_535))]
    pub database: Option<i32>,
    /// Connect with TLS; {} trusts the public certificate authorities. Certificates are always verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,
}

/// Sentinels that watch a master and its replicas. User, password, database and tls beside it are for the master; tls is for the Sentinels, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::USERNAME_NEEDS_PASSWORD)]
pub struct SentinelSpec {
    /// The name of the master, as in the Sentinels' configuration, such as mymaster.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub master: String,
    /// Host, or host:port, of each Sentinel, such as sentinel-0.sentinel:26379. Default port: 26379. The operator asks the first that answers.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 300), regex(pattern = r"^[A-Za-z0-9._:\[\]-]+$"))
    )]
    pub addresses: Vec<String>,
    /// The user at the Sentinels. Default: the user `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1f\x7f]+$"))]
    pub username: Option<String>,
    /// The password of the Sentinels, from a Secret. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_from: Option<SecretKeyRef>,
}

/// A Redis Cluster. User, password and tls beside it are for each of its nodes. Of a queue, all keys must be in one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// Host, or host:port, of some nodes, such as redis-0.redis:6379. Default port: 6379. The operator asks one that answers for the others, which must be destinations that the operator may connect to, too.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 300), regex(pattern = r"^[A-Za-z0-9._:\[\]-]+$"))
    )]
    pub addresses: Vec<String>,
}

/// TLS. A server's certificate is always verified: that it is for this host, and by whom it was issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::CERTIFICATE_WITH_KEY)]
pub struct TlsSpec {
    /// The certificates, in PEM, of the authorities that may have issued that of the server, and no others. Default: the public authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_from: Option<KeyRef>,
    /// The client's certificate, in PEM, with its intermediate certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_from: Option<SecretKeyRef>,
    /// The private key of the client's certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_from: Option<SecretKeyRef>,
    /// The name in the server's certificate, if it is not that of the host, such as where Sentinels or nodes of a cluster announce IP addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9.:-]+$"))]
    pub server_name: Option<String>,
}

/// A reference to one key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The key of a Secret in the pool's namespace.
    pub secret_key_ref: KeySelector,
}

/// A reference to one key of a Secret or a `ConfigMap`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::ONE_KEY_REF)]
pub struct KeyRef {
    /// The key of a Secret in the pool's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeySelector>,
    /// The key of a ConfigMap in the pool's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeySelector>,
}

/// One key of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySelector {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the object, such as redis-password.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}
