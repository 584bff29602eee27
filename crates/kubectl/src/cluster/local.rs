//! `--local`: the commands on a cluster of local processes without Kubernetes, and the commands `stop` and `serve`, which
//! work only there.

use crate::args::Command;
use crate::cluster::{Cluster, ClusterArgs};
use crate::text::lang::tr;
use crate::text::output::Out;
use anyhow::{Context, bail};
use local::{ClusterInfo, LocalCluster, StartOptions};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::path::PathBuf;

/// Where `serve` listens unless --listen says otherwise.
const GALLERY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8001));

/// Whether to use the local cluster, and how to start it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Local {
    /// Use processes on this machine instead of Kubernetes, started when needed
    #[arg(long = "local", id = "local", global = true, conflicts_with_all = ["context", "kubeconfig", "namespace"])]
    pub enabled: bool,
    /// With --local: use the Redis at this address instead of starting one
    #[arg(long, global = true, value_name = "URL")]
    redis: Option<String>,
    /// With --local: use the WorkerPool in this file instead of the demo's
    #[arg(long, global = true, value_name = "FILE")]
    pool_file: Option<PathBuf>,
}

impl Local {
    /// Opens the local cluster, or else the one of the kubeconfig.
    pub async fn open(&self, cluster_args: &ClusterArgs, out: &Out) -> anyhow::Result<Cluster> {
        let lang = out.lang;
        if !self.enabled {
            if self.redis.is_some() || self.pool_file.is_some() {
                bail!(tr!(lang, "cli-local-only-options"));
            }
            return Cluster::open(cluster_args, out).await;
        }
        let cluster = self.ensure(out).await?;
        let cluster_args = ClusterArgs {
            kubeconfig: Some(cluster.kubeconfig),
            ..ClusterArgs::default()
        };
        let server = tr!(lang, "cli-local-server");
        Ok(Cluster {
            server,
            local: true,
            ..Cluster::open(&cluster_args, out).await?
        })
    }

    /// Finds the running local cluster, or starts one and prints where it is.
    async fn ensure(&self, out: &Out) -> anyhow::Result<LocalCluster> {
        let options = StartOptions {
            redis: self.redis.clone(),
            pool_file: self.pool_file.clone(),
        };
        let cluster = local::ensure(&options).await?;
        if cluster.started {
            let ClusterInfo { dashboard, .. } = &cluster.info;
            let redis = cluster.info.redis_to_show();
            let lang = out.lang;
            let port_note = match *dashboard {
                local::DASHBOARD_PORT => String::new(),
                _ => tr!(lang, "cli-local-port-taken"),
            };
            let kubeconfig = cluster.kubeconfig.display();
            out.info(&tr!(
                lang,
                "cli-local-started",
                redis,
                dashboard,
                port_note,
                kubeconfig
            ));
        }
        Ok(cluster)
    }
}

/// Runs the commands that need no client; `None` for all others.
pub async fn run(command: &Command, local: &Local, out: &Out) -> anyhow::Result<Option<bool>> {
    let lang = out.lang;
    let success = match command {
        Command::LocalCluster(settings) => {
            local::run_supervisor(settings.clone()).await?;
            true
        }
        Command::Stop | Command::Serve { .. } if !local.enabled => {
            let name = match command {
                Command::Stop => "stop",
                _ => "serve",
            };
            bail!(tr!(lang, "cli-local-only-command", name))
        }
        Command::Stop => {
            let existed = local::stop().await?;
            out.info(&if existed {
                tr!(lang, "cli-local-stopped")
            } else {
                tr!(lang, "cli-local-none")
            });
            true
        }
        Command::Serve { listen } => serve(local, *listen, out).await?,
        _ => return Ok(None),
    };
    Ok(Some(success))
}

/// `preferred`, or another port of its address if that port is in use, for example by the demo's gallery on kind.
fn free_address(preferred: SocketAddr) -> std::io::Result<SocketAddr> {
    match TcpListener::bind(preferred) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            TcpListener::bind((preferred.ip(), 0))?.local_addr()
        }
        _ => Ok(preferred),
    }
}

/// Runs the class's HTTP server in the foreground.
async fn serve(local: &Local, listen: Option<SocketAddr>, out: &Out) -> anyhow::Result<bool> {
    let lang = out.lang;
    let listen = listen.map_or_else(|| free_address(GALLERY), Ok)?;
    let program = local::find_program("workerpool-worker")?;
    let info = local.ensure(out).await?.info;
    let mut server = tokio::process::Command::new(program);
    server.env("REDIS_URL", &info.redis); // its password must not be in an argument list
    server.args(["--queue", &info.queue, "serve"]);
    server.args(["--listen", &listen.to_string()]);
    out.info(&tr!(lang, "cli-local-gallery", listen));
    // Ctrl-C reaches both processes; a signal to this one alone also ends the server.
    let server = server.kill_on_drop(true).spawn();
    let mut server = server.with_context(|| tr!(lang, "cli-local-server-failed"))?;
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(telemetry::stop_on_signal(stop.clone()));
    tokio::select! {
        ended = server.wait() => Ok(ended?.success()),
        () = stop.cancelled() => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_replaces_one_in_use() {
        // Another program may take a port that is free again, and not twenty.
        let is_kept = |_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let taken = listener.local_addr().expect("an address");
            let other = free_address(taken).expect("another address");
            assert_eq!(other.ip(), taken.ip());
            assert_ne!(other.port(), taken.port());
            drop(listener);
            free_address(taken).expect("an address") == taken
        };
        assert!((0..20).any(is_kept), "a free port is kept");
    }
}
