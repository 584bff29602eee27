//! The description of a local cluster that its state directory holds for other programs.

use serde::{Deserialize, Serialize};

/// What a program must know to talk to a running local cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterInfo {
    /// Version of the program that runs the supervisor.
    pub version: String,
    /// Process ID of the supervisor.
    pub pid: u32,
    /// Port of the API server, on loopback.
    pub port: u16,
    /// First segment of the path of every request that comes from a person's command.
    pub secret: String,
    /// First segment of the path of every request that comes from the operator.
    pub operator_secret: String,
    /// URL of Redis, with its password.
    pub redis: String,
    /// Whether the cluster runs this Redis itself.
    pub own_redis: bool,
    /// Port of the dashboard, on loopback.
    pub dashboard: u16,
    /// Name of the `WorkerPool`.
    pub pool: String,
    /// Name of the queue that its workers read.
    pub queue: String,
}

impl ClusterInfo {
    /// URL of Redis without user and password, to show.
    #[must_use]
    pub fn redis_to_show(&self) -> String {
        match (self.redis.split_once("://"), self.redis.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
            _ => self.redis.clone(),
        }
    }

    /// The kubeconfig of a person, which holds the secret for people.
    pub(crate) fn kubeconfig(&self) -> String {
        self.kubeconfig_with(&self.secret)
    }

    /// The kubeconfig of the operator, which holds the operator's secret.
    pub(crate) fn operator_kubeconfig(&self) -> String {
        self.kubeconfig_with(&self.operator_secret)
    }

    fn kubeconfig_with(&self, secret: &str) -> String {
        format!(
            include_str!("kubeconfig.yaml"),
            port = self.port,
            secret = secret
        )
    }
}
