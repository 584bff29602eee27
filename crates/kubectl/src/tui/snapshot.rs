//! One frame without a terminal: as text, as an SVG picture, or its data as JSON.

use super::app::{App, Opened};
use super::draw::draw;
use super::pools::Row;
use super::run::Sources;
use super::style::text;
use super::svg::svg;
use super::timeline::Moment;
use super::workers::{Activity, WorkerLine, WorkersPane};
use crate::commands::metrics::Panel;
use crate::text::lang::tr;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long the first metrics may take.
const TIMEOUT: Duration = Duration::from_secs(12);

/// The output format of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text, as in a terminal.
    Text,
    /// A picture.
    Svg,
    /// The data.
    Json,
}

/// Parses a size such as `80x24`.
pub fn size(text: &str) -> Result<(u16, u16), String> {
    let size = text
        .split_once('x')
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    size.filter(|(w, h)| (20..=500).contains(w) && (5..=300).contains(h))
        .ok_or_else(|| "such as 80x24".to_owned())
}

/// Waits for the first metrics and prints the frame; false if an open pool has no metrics.
pub async fn run(
    mut sources: Sources,
    mut app: App,
    size: Option<(u16, u16)>,
    format: Format,
) -> anyhow::Result<bool> {
    let end = Instant::now() + TIMEOUT;
    while !is_complete(&app) && timeout_at(end, sources.poll(&mut app)).await.is_ok() {}
    app.tick(sources.now());
    let has_metrics = app.moment().is_some_and(|moment| moment.metrics.is_some());
    let frame = |app: &App| render(app, size.unwrap_or_else(terminal_size));
    match format {
        Format::Text => app.out.data(&text(&frame(&app)))?,
        Format::Svg => app.out.data(svg(&frame(&app)).trim_end())?,
        Format::Json => app.out.json(&to_json(&app))?,
    }
    Ok(app.opened.is_none() || has_metrics)
}

/// Whether all data of the frame has arrived, or failed to.
fn is_complete(app: &App) -> bool {
    let has_result = |moment: &Moment| {
        (moment.metrics.is_some() || moment.unavailable_reason.is_some())
            && moment.replicas.is_some()
    };
    let opened = app.opened.as_ref();
    app.moment().is_none_or(has_result)
        && opened.is_none_or(|opened| opened.timeline.is_history_loaded())
        && (app.pools.synced || app.pools.watch_error.is_some())
}

/// Draws a frame into memory.
pub fn render(app: &App, (width, height): (u16, u16)) -> Buffer {
    match Terminal::new(TestBackend::new(width, height)) {
        Ok(mut terminal) => {
            // Drawing into memory cannot fail.
            let _ = terminal.draw(|frame| draw(frame, app));
            terminal.backend().buffer().clone()
        }
        Err(never) => match never {},
    }
}

/// `COLUMNS` and `LINES`, or the size of the terminal, or 80x24.
fn terminal_size() -> (u16, u16) {
    let variable = |name| std::env::var(name).ok()?.parse().ok();
    variable("COLUMNS")
        .zip(variable("LINES"))
        .or_else(|| ratatui::crossterm::terminal::size().ok())
        .unwrap_or((80, 24))
}

/// The data of the screen for programs; unknown values are `null`.
pub fn to_json(app: &App) -> Value {
    if let Some((opened, moment)) = app.shown_pool() {
        pool_json(app, opened, moment)
    } else {
        let pools: Vec<Value> = app.pools.shown(0).map(row_json).collect();
        json!({"at": app.at(), "pools": pools, "trouble": app.pools.watch_error})
    }
}

fn row_json(row: &Row) -> Value {
    json!({
        "namespace": &*row.key.namespace, "name": &*row.key.name,
        "rank": format!("{:?}", row.rank).to_lowercase(), "noWorkers": row.lacks_workers,
        "queue": row.cells[0], "busy": row.cells[1], "wait": row.cells[2],
        "workers": row.replicas, "desiredWorkers": row.desired,
        "minWorkers": row.bounds.0, "maxWorkers": row.bounds.1,
        "decision": row.decision, "current": row.current,
    })
}

fn pool_json(app: &App, opened: &Opened, moment: &Moment) -> Value {
    let at = app.at();
    let unread = tr!(app.out.lang, "cli-metrics-unread");
    let reason = moment.unavailable_reason.as_deref();
    let metrics = moment.metrics_at(at).ok_or(reason.unwrap_or(&unread));
    let metrics = Panel::new(&moment.pool, metrics, moment.replicas, at);
    let workers = WorkersPane::new(moment, at);
    let row = |worker| worker_json(worker, workers.is_removed_next(worker));
    let rows: Vec<Value> = workers.rows.iter().map(row).collect();
    let decision = moment.status().and_then(|status| status.decision.as_ref());
    json!({
        "at": at, "metrics": metrics, "workers": workers.known.then_some(rows),
        "decision": decision, "history": opened.timeline.changes(at),
    })
}

fn worker_json(worker: &WorkerLine, is_removed_next: bool) -> Value {
    let state = match worker.activity {
        Activity::Unknown => Value::Null,
        activity => json!(format!("{activity:?}").to_lowercase()),
    };
    json!({
        "name": worker.name, "state": state, "seconds": worker.since.map(|since| since.0 / 1000),
        "cpuPercent": worker.cpu, "tasks": worker.tasks, "removalOrder": worker.removal_order,
        "removedNext": is_removed_next,
    })
}
