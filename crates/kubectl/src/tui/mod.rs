//! `interactive`: queue, workers and reasons of a pool on one screen, live or at any moment of the last hour.

mod app;
mod chart;
mod dialog;
mod draw;
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
mod tests;
mod timeline;
mod timers;
mod workers;

pub use draw::rank;
pub use pools::{Rank, Row};

use super::cluster::Cluster;
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

/// What is shown, and how.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct Interactive {
    /// The WorkerPool [default: the only one there is, else all]
    name: Option<String>,
    /// All pools of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Write nothing, whatever key is pressed
    #[arg(long, conflicts_with = "auto_scale")]
    readonly: bool,
    /// First leave the number to the rules: take away a pin and a pause
    #[arg(long)]
    auto_scale: bool,
    /// No emoji, and marks that every terminal has [default: where TERM is dumb or linux]
    #[arg(long)]
    ascii: bool,
    /// Print one frame and end
    #[arg(long)]
    snapshot: bool,
    /// Of a frame, such as 140x40 [default: COLUMNS and LINES, else the terminal's, else 80x24]
    #[arg(long, value_name = "WxH", value_parser = snapshot::size, requires = "snapshot")]
    size: Option<(u16, u16)>,
    /// Form of a frame: text, svg or json
    #[arg(short, long, value_enum, default_value_t = snapshot::Form::Text, value_name = "FORMAT", hide_possible_values = true, requires = "snapshot")]
    output: snapshot::Form,
    #[command(flatten)]
    pub play: ReplayArgs,
}

/// Shows the screen; of a frame false where the facts cannot be read.
pub async fn run(cluster: &Cluster, wanted: &Interactive) -> anyhow::Result<bool> {
    let out = &cluster.out;
    let look = look(out, wanted)?;
    let pool = match &wanted.name {
        None if wanted.all_namespaces => None,
        Some(name) => Some(cluster.pool(Some(name)).await?),
        None => cluster.only_pool().await?,
    };
    if let Some(pool) = pool.as_ref().filter(|_| wanted.auto_scale) {
        let name = pool.name_any();
        let free = json!({"spec": {"replicas": null, "suspend": false}});
        Box::pin(apply(
            cluster,
            &format!("leaving WorkerPool {name} to its rules"),
            &name,
            free,
        ))
        .await?;
    }
    let mut quiet = cluster.clone();
    quiet.out = out.captured();
    let namespace = if wanted.all_namespaces {
        "*"
    } else {
        &cluster.namespace
    };
    let place = format!("{}/{namespace}", cluster.context);
    let mut app = App::new(out.clone(), look, wanted.readonly, place, Timestamp::now());
    let mut ears = Sources::new(quiet.clone(), wanted.all_namespaces);
    if let Some(pool) = pool {
        ears.open(&mut app, &quiet, &pool);
    }
    if wanted.snapshot {
        return snapshot::run(ears, app, wanted.size, wanted.output).await;
    }
    Box::pin(run::run(ears, app)).await
}

/// The same of a trace, with no cluster: nothing can be written.
pub async fn replay(out: &Out, wanted: &Interactive) -> anyhow::Result<bool> {
    let look = look(out, wanted)?;
    let replay = Replay::open(&wanted.play, false)?;
    let mut app = App::new(out.clone(), look, true, "replay".to_owned(), replay.now());
    let ears = Sources::replaying(&mut app, replay);
    if wanted.snapshot {
        return snapshot::run(ears, app, wanted.size, wanted.output).await;
    }
    Box::pin(run::run(ears, app)).await
}

/// How it is drawn, if there is anything to draw on.
fn look(out: &Out, wanted: &Interactive) -> anyhow::Result<AppSettings> {
    let lang = out.lang;
    let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !(wanted.snapshot || terminal) {
        bail!(tr!(
            lang,
            "this is no terminal: `kubectl workerpool monitor` prints a line a change, `interactive --snapshot` one frame",
            "esto no es un terminal: `kubectl workerpool monitor` escribe una línea por cambio, `interactive --snapshot` una imagen"
        ));
    }
    let poor = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term == "linux");
    let svg = wanted.output == snapshot::Form::Svg;
    Ok(AppSettings {
        ascii: wanted.ascii || poor && !wanted.snapshot,
        color: svg || out.color(),
    })
}
