//! `interactive`: queue, workers and decisions of a pool on one screen, live or at any time of the last hour.

mod app;
mod chart;
mod dialog;
mod draw;
mod footer;
mod header;
mod keys;
mod panes;
mod pool_table;
mod pools;
mod prompt;
mod run;
mod snapshot;
mod style;
mod svg;
#[cfg(test)]
pub mod tests;
mod timeline;
mod timers;
mod workers;

pub use draw::rank;
pub use pools::{Rank, Row};

use crate::cluster::Cluster;
use crate::cluster::patch::apply;
use crate::cluster::replay::{Replay, ReplayArgs};
use crate::text::lang::tr;
use crate::text::output::Out;
use anyhow::bail;
use app::{App, AppSettings};
use jiff::Timestamp;
use kube::ResourceExt;
use run::Sources;
use serde_json::json;
use std::io::{self, IsTerminal};

/// The arguments of `interactive`.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct Interactive {
    /// The WorkerPool [default: the only one there is, else all]
    name: Option<String>,
    /// All pools of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Disable all keys that write
    #[arg(long, conflicts_with = "auto_scale")]
    readonly: bool,
    /// First remove a pin and a pause, so that the rules decide
    #[arg(long)]
    auto_scale: bool,
    /// Only ASCII characters, without emoji [default: where TERM is dumb or linux]
    #[arg(long)]
    ascii: bool,
    /// Print one frame and exit
    #[arg(long)]
    snapshot: bool,
    /// Size of the frame, such as 140x40 [default: COLUMNS and LINES, else the terminal's, else 80x24]
    #[arg(long, value_name = "WxH", value_parser = snapshot::size, requires = "snapshot")]
    size: Option<(u16, u16)>,
    /// Format of the frame: text, svg or json
    #[arg(short, long, value_enum, default_value_t = snapshot::Format::Text, value_name = "FORMAT", hide_possible_values = true, requires = "snapshot")]
    output: snapshot::Format,
    #[command(flatten)]
    pub play: ReplayArgs,
}

/// Shows the screen; with `--snapshot` false if the metrics cannot be read.
pub async fn run(cluster: &Cluster, args: &Interactive) -> anyhow::Result<bool> {
    let out = &cluster.out;
    let settings = settings(out, args)?;
    let pool = match &args.name {
        None if args.all_namespaces => None,
        Some(name) => Some(cluster.pool(Some(name)).await?),
        None => cluster.only_pool().await?,
    };
    if let Some(pool) = pool.as_ref().filter(|_| args.auto_scale) {
        let name = pool.name_any();
        let patch = json!({"spec": {"replicas": null, "suspend": false}});
        let doing = tr!(out.lang, "cli-doing-remove-pin", name);
        apply(cluster, &doing, &name, patch).await?;
    }
    // Nothing but the screen may write to the terminal.
    let mut quiet = cluster.clone();
    quiet.out = out.captured();
    let namespace = if args.all_namespaces {
        "*"
    } else {
        &cluster.namespace
    };
    let scope = format!("{}/{namespace}", cluster.context);
    let now = Timestamp::now();
    let mut app = App::new(out.clone(), settings, args.readonly, scope, now);
    let mut sources = Sources::new(quiet.clone(), args.all_namespaces);
    if let Some(pool) = pool {
        sources.open(&mut app, &quiet, &pool);
    }
    show(sources, app, args).await
}

/// Shows a replay, without a cluster and read-only.
pub async fn replay(out: &Out, args: &Interactive) -> anyhow::Result<bool> {
    let settings = settings(out, args)?;
    let replay = Replay::open(out, &args.play, false)?;
    let scope = "replay".to_owned();
    let mut app = App::new(out.clone(), settings, true, scope, replay.now());
    let sources = Sources::from_replay(&mut app, replay);
    show(sources, app, args).await
}

async fn show(sources: Sources, app: App, args: &Interactive) -> anyhow::Result<bool> {
    if args.snapshot {
        snapshot::run(sources, app, args.size, args.output).await
    } else {
        run::run(sources, app).await
    }
}

/// How to draw; an error if the screen needs a terminal and there is none.
fn settings(out: &Out, args: &Interactive) -> anyhow::Result<AppSettings> {
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !(args.snapshot || is_terminal) {
        bail!(tr!(out.lang, "cli-screen-no-terminal"));
    }
    let is_limited = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term == "linux");
    let is_svg = args.output == snapshot::Format::Svg;
    Ok(AppSettings {
        ascii: args.ascii || is_limited && !args.snapshot,
        color: is_svg || out.color(),
    })
}
