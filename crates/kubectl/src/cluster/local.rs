//! `--local`: the same commands on a cluster that needs no Kubernetes; `stop` and `serve`, which belong to it.

use crate::args::Command;
use crate::cluster::{Cluster, ClusterArgs};
use crate::text::lang::tr;
use crate::text::output::Out;
use anyhow::{Context, anyhow, bail};
use local::{ClusterInfo, LocalCluster, StartOptions};
use std::path::PathBuf;

/// Whether to work on the local cluster, and what it is to be when it is started.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Local {
    /// No Kubernetes: worker processes on this machine, started when needed
    #[arg(id = "local", long, global = true, conflicts_with_all = ["context", "kubeconfig", "namespace"])]
    pub wanted: bool,
    /// With --local: the Redis at this address instead of one of its own
    #[arg(long, global = true, value_name = "URL")]
    redis: Option<String>,
    /// With --local: the WorkerPool in this file instead of the demo's
    #[arg(long, global = true, value_name = "FILE")]
    pool_file: Option<PathBuf>,
}

impl Local {
    /// The cluster that the user means.
    pub async fn open(&self, place: &ClusterArgs, out: &Out) -> anyhow::Result<Cluster> {
        let lang = out.lang;
        if !self.wanted {
            if self.redis.is_some() || self.pool_file.is_some() {
                bail!(tr!(
                    lang,
                    "--redis and --pool-file belong to --local",
                    "--redis y --pool-file van con --local"
                ));
            }
            return Cluster::open(place, out).await;
        }
        let cluster = self.ensure(out).await?;
        let place = ClusterArgs {
            kubeconfig: Some(cluster.kubeconfig),
            ..ClusterArgs::default()
        };
        let server = tr!(lang, "of the local cluster", "del clúster local");
        Ok(Cluster {
            server,
            local: true,
            ..Cluster::open(&place, out).await?
        })
    }

    /// Finds the local cluster or starts it, and says so in one line.
    async fn ensure(&self, out: &Out) -> anyhow::Result<LocalCluster> {
        let options = StartOptions {
            redis: self.redis.clone(),
            pool_file: self.pool_file.clone(),
        };
        let cluster = local::ensure(&options).await?;
        if cluster.started {
            let ClusterInfo {
                redis, dashboard, ..
            } = &cluster.info;
            let lang = out.lang;
            let taken = if *dashboard == local::DASHBOARD_PORT {
                String::new()
            } else {
                tr!(lang, " (8000 is taken)", " (el 8000 está ocupado)")
            };
            out.info(&tr!(
                lang,
                "Started a local cluster: Redis at {redis}, dashboard at http://127.0.0.1:{dashboard}{taken}. It ends after 2 h without a command, or by `kubectl workerpool stop --local`.",
                "Arrancado un clúster local: Redis en {redis}, panel en http://127.0.0.1:{dashboard}{taken}. Termina tras 2 h sin órdenes, o con `kubectl workerpool stop --local`."
            ));
        }
        Ok(cluster)
    }
}

/// The commands that need no client; `None` for all others.
pub async fn run(command: &Command, local: &Local, out: &Out) -> Option<anyhow::Result<bool>> {
    let lang = out.lang;
    match command {
        Command::LocalCluster(settings) => {
            let told = Box::pin(local::run_supervisor(settings.clone())).await;
            Some(told.map(|()| true))
        }
        Command::Stop | Command::Serve { .. } if !local.wanted => Some(Err(anyhow!(tr!(
            lang,
            "this belongs to --local: add it",
            "esto va con --local: añádalo"
        )))),
        Command::Stop => Some(local::stop().await.map(|there| {
            out.info(&if there {
                tr!(
                    lang,
                    "The local cluster has ended.",
                    "El clúster local ha terminado."
                )
            } else {
                tr!(
                    lang,
                    "There is no local cluster.",
                    "No hay ningún clúster local."
                )
            });
            true
        })),
        Command::Serve { listen } => Some(Box::pin(serve(local, *listen, out)).await),
        _ => None,
    }
}

/// Runs the class's HTTP front in the foreground.
async fn serve(local: &Local, listen: std::net::SocketAddr, out: &Out) -> anyhow::Result<bool> {
    let lang = out.lang;
    let program = local::find_program("workerpool-worker")?;
    let record = local.ensure(out).await?.info;
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
    out.info(&tr!(
        lang,
        "The front serves on http://{listen}/api until Ctrl-C.",
        "El frente sirve en http://{listen}/api hasta Ctrl-C."
    ));
    // Ctrl-C reaches both; whoever ends this program alone ends the front with it.
    let front = front.kill_on_drop(true).spawn();
    let mut front =
        front.with_context(|| tr!(lang, "the front does not start", "el frente no arranca"))?;
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(telemetry::stop_on_signal(stop.clone()));
    tokio::select! {
        ended = front.wait() => Ok(ended?.success()),
        () = stop.cancelled() => Ok(true),
    }
}
