//! What the operator is told at start: arguments, each also an environment variable.
#![expect(
    clippy::doc_markdown,
    reason = "these texts are also what `--help` shows"
)]

use clap::Parser;
use std::net::SocketAddr;
use telemetry::LogFormat;

/// Scales the workers of Redis queues: one WorkerPool each says which, when and why.
#[derive(Clone, Debug, Parser)]
#[command(name = "workerpool-operator", version, about, long_about = None)]
pub struct Settings {
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<Subcommand>,
    /// Where health, readiness and Prometheus metrics are served
    #[arg(long, env = "WORKERPOOL_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Where the read-only dashboard is served, such as 0.0.0.0:8000; nowhere when absent
    #[arg(long, env = "WORKERPOOL_DASHBOARD")]
    pub dashboard: Option<SocketAddr>,
    /// Namespaces to serve, separated by commas; all when absent
    #[arg(long, env = "WORKERPOOL_NAMESPACES", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Act only while holding a Lease, so that a second operator can stand by
    #[arg(long, env = "WORKERPOOL_LEADER_ELECT")]
    pub leader_elect: bool,
    /// Namespace of the Lease
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub pod_namespace: String,
    /// How log lines look
    #[arg(long, env = "WORKERPOOL_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace, also per module (RUST_LOG wins)
    #[arg(long, env = "WORKERPOOL_LOG", default_value = "info")]
    pub log: String,
}

/// The other things the program can do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Print the CustomResourceDefinition as YAML, or apply it
    Crd {
        /// Apply it to the cluster by server-side apply, as an upgrade does
        #[arg(long)]
        apply: bool,
    },
}
