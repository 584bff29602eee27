//! `--local`: the same commands on a cluster that needs no Kubernetes; `stop` and `serve`, which belong to it.

use super::Command;
use super::cluster::{Cluster, Place};
use super::output::Out;
use crate::local::{self, Wanted};
use anyhow::{Context, bail};
use std::path::PathBuf;

/// Whether to work on the local cluster, and what it is to be when it is started.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Local {
    /// No Kubernetes: worker processes on this machine, started when needed
    #[arg(long, global = true, conflicts_with_all = ["context", "kubeconfig", "namespace"])]
    local: bool,
    /// With --local: this Redis instead of one of its own, such as redis://127.0.0.1:6379
    #[arg(long, global = true, value_name = "URL")]
    redis: Option<String>,
    /// With --local: the WorkerPool in this file instead of the demo's
    #[arg(long = "local-pool", global = true, value_name = "FILE")]
    pool: Option<PathBuf>,
}

impl Local {
    /// The cluster that the user means.
    pub async fn open(&self, place: &Place, out: &Out) -> anyhow::Result<Cluster> {
        if !self.local {
            if self.redis.is_some() || self.pool.is_some() {
                bail!("--redis and --local-pool belong to --local");
            }
            return Cluster::open(place, out).await;
        }
        let wanted = Wanted { redis: self.redis.clone(), pool: self.pool.clone() };
        let (folder, record, new) = local::ensure(&wanted).await?;
        if new {
            let own = if record.own_redis { "its own Redis" } else { "Redis" };
            let port = if record.dashboard == 8000 { "" } else { " (8000 is taken)" };
            out.talk(&format!(
                "Started a local cluster: {own} {}, dashboard http://127.0.0.1:{}{port}. It ends after 2 h without a command, or by `kubectl workerpool stop --local`.",
                record.redis, record.dashboard
            ));
        }
        let place = Place { kubeconfig: Some(folder.kubeconfig()), ..Place::default() };
        Ok(Cluster { server: "of the local cluster".into(), ..Cluster::open(&place, out).await? })
    }
}

/// The commands that need no client; `None` for all others.
pub async fn run(command: &Command, local: &Local, out: &Out) -> Option<anyhow::Result<bool>> {
    match command {
        Command::LocalCluster(settings) => {
            crate::telemetry::init(crate::telemetry::LogFormat::Text, "info");
            Some(Box::pin(local::run(settings.clone())).await.map(|()| true))
        }
        Command::Stop | Command::Serve { .. } if !local.local => {
            Some(Err(anyhow::anyhow!("this belongs to the local cluster: add --local")))
        }
        Command::Stop => Some(local::stop().await.map(|there| {
            out.talk(if there { "The local cluster has ended." } else { "There is no local cluster." });
            true
        })),
        Command::Serve { listen } => Some(Box::pin(serve(local, *listen, out)).await),
        _ => None,
    }
}

/// Runs the class's HTTP front in the foreground.
async fn serve(local: &Local, listen: std::net::SocketAddr, out: &Out) -> anyhow::Result<bool> {
    let program = local::ours("workerpool-worker")?;
    local.open(&Place::default(), out).await?;
    let (_, record, _) = local::ensure(&Wanted::default()).await?;
    out.talk(&format!("The front serves on http://{listen}/api (Ctrl-C ends it)."));
    let mut front = tokio::process::Command::new(program);
    front.args([
        "--redis",
        &record.redis,
        "--queue",
        &record.queue,
        "serve",
        "--listen",
        &listen.to_string(),
    ]);
    // Ctrl-C reaches both; whoever ends this program alone ends the front with it.
    let mut front = front.kill_on_drop(true).spawn().context("the front does not start")?;
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(crate::telemetry::stop_on_signal(stop.clone()));
    tokio::select! {
        ended = front.wait() => Ok(ended?.success()),
        () = stop.cancelled() => Ok(true),
    }
}
