//! The settings of the operator: command-line arguments, each also an environment variable.
#![expect(clippy::doc_markdown, reason = "`--help` prints these texts")]

use crate::observe::Rule;
use crate::observe::target::TargetKind;
use clap::Parser;
use std::net::SocketAddr;
use telemetry::LogFormat;

/// Scales the workers of Redis queues as WorkerPool objects specify
#[derive(Clone, Debug, Parser)]
#[command(name = "workerpool-operator", version, about, long_about = None)]
pub struct Settings {
    /// Runs a subcommand instead of the operator
    #[command(subcommand)]
    pub command: Option<Subcommand>,
    /// Address for health checks, readiness checks and Prometheus metrics; by default, on IPv6 and IPv4
    #[arg(long, env = "WORKERPOOL_LISTEN", default_value = "[::]:8080")]
    pub listen: Option<SocketAddr>,
    /// Address for the read-only dashboard, such as 0.0.0.0:8000; if not set, there is no dashboard
    #[arg(long, env = "WORKERPOOL_DASHBOARD")]
    pub dashboard: Option<SocketAddr>,
    /// Comma-separated names under which the dashboard may be reached, such as that of an Ingress; IP addresses, names without a dot and Services are always allowed
    #[arg(long, env = "WORKERPOOL_DASHBOARD_HOSTS", value_delimiter = ',')]
    pub dashboard_hosts: Vec<String>,
    /// Who may see the dashboard: with `token`, whoever sends a token of the cluster sees what its user may get there
    #[arg(long, env = "WORKERPOOL_DASHBOARD_AUTH", value_enum, default_value_t)]
    pub dashboard_auth: DashboardAuth,
    /// Comma-separated namespaces to watch; if not set, all namespaces
    #[arg(long, env = "WORKERPOOL_NAMESPACES", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Comma-separated addresses of Redis servers that pools may name besides the Services of their own namespace: a host, what a host ends with, or a network, each with a port and for one namespace or all, such as redis.example.com:6379, shop=.cache.example.com or 10.1.0.0/16. Outside of a pod everything is allowed unless this is set
    #[arg(long, env = "WORKERPOOL_ALLOW_ADDRESSES", value_delimiter = ',')]
    pub allow_addresses: Vec<Rule>,
    /// Comma-separated kinds that pools may scale besides Deployments, StatefulSets and ReplicaSets, each GROUP/VERSION/KIND, such as argoproj.io/v1alpha1/Rollout
    #[arg(long, env = "WORKERPOOL_TARGET_KINDS", value_delimiter = ',')]
    pub target_kinds: Vec<TargetKind>,
    /// The shortest time between two polls of a pool, whatever its `interval` says; when work arrives, Redis notifies the operator before
    #[arg(long, env = "WORKERPOOL_MIN_INTERVAL", default_value = "500ms")]
    pub min_interval: api::Duration,
    /// Use a Lease for leader election, so that a second replica can stand by
    #[arg(long, env = "WORKERPOOL_LEADER_ELECT")]
    pub leader_elect: bool,
    /// Name of the leader-election Lease; each release in a namespace needs one of its own
    #[arg(
        long,
        env = "WORKERPOOL_LEASE_NAME",
        default_value = "workerpool-operator"
    )]
    pub lease_name: String,
    /// Namespace of the leader-election Lease
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub pod_namespace: String,
    /// Format of log lines
    #[arg(long, env = "WORKERPOOL_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Log level: error, warn, info, debug or trace, also per module; RUST_LOG takes precedence
    #[arg(long, env = "WORKERPOOL_LOG", default_value = "info")]
    pub log: String,
}

/// Who may see the dashboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DashboardAuth {
    /// Users of the cluster, by their token
    #[default]
    Token,
    /// Everyone who reaches it
    None,
}

/// The subcommands of the program.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Print the CustomResourceDefinition as YAML, or apply it
    Crd {
        /// Apply it to the cluster with server-side apply, as an upgrade does
        #[arg(long)]
        apply: bool,
    },
}
