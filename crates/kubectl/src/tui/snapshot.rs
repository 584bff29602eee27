//! One frame without a terminal: as text, as a picture, or its facts as JSON.

use super::app::App;
use super::draw::draw;
use super::svg::svg;
use crate::commands::metrics::Panel;
use crate::tui::run::Sources;
use crate::tui::style::text;
use crate::tui::workers::{Activity, WorkersPane};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long the first facts may take.
const TIMEOUT: Duration = Duration::from_secs(12);

/// How a frame is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// As a terminal shows it.
    Text,
    /// A picture.
    Svg,
    /// The facts.
    Json,
}

/// `80x24`
pub fn size(text: &str) -> Result<(u16, u16), String> {
    let parts = text
        .split_once('x')
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parts
        .filter(|(w, h)| (20..=500).contains(w) && (5..=300).contains(h))
        .ok_or_else(|| "such as 80x24".to_owned())
}

/// Waits for the first facts and prints the frame; false where they cannot be read.
pub async fn run(
    mut ears: Sources,
    mut app: App,
    wanted: Option<(u16, u16)>,
    form: Form,
) -> anyhow::Result<bool> {
    let end = Instant::now() + TIMEOUT;
    while !is_complete(&app) && timeout_at(end, ears.poll(&mut app)).await.is_ok() {}
    app.tick(ears.now());
    let blind = app
        .opened
        .as_ref()
        .is_some_and(|_| app.moment().is_none_or(|moment| moment.facts.is_none()));
    let frame = |app: &App| frame(app, wanted.unwrap_or_else(room));
    match form {
        Form::Text => app.out.data(&text(&frame(&app)))?,
        Form::Svg => app.out.data(svg(&frame(&app)).trim_end())?,
        Form::Json => app.out.json(&to_json(&app))?,
    }
    Ok(!blind)
}

/// Whether there is all to be shown that there will be.
fn is_complete(app: &App) -> bool {
    let looked = app.moment().is_none_or(|moment| {
        (moment.facts.is_some() || moment.blind.is_some()) && moment.replicas.is_some()
    });
    let remembered = app
        .opened
        .as_ref()
        .is_none_or(|opened| opened.past.is_remembered());
    looked && remembered && (app.pools.whole || app.pools.trouble.is_some())
}

/// One frame of the screen.
#[must_use]
pub fn frame(app: &App, (width, height): (u16, u16)) -> Buffer {
    match Terminal::new(TestBackend::new(width, height)) {
        Ok(mut terminal) => {
            let _ = terminal.draw(|frame| draw(frame, app)); // drawing into memory cannot fail
            terminal.backend().buffer().clone()
        }
        Err(never) => match never {},
    }
}

fn room() -> (u16, u16) {
    let number = |name| std::env::var(name).ok()?.parse().ok();
    let told = number("COLUMNS").zip(number("LINES"));
    told.or_else(|| ratatui::crossterm::terminal::size().ok())
        .unwrap_or((80, 24))
}

/// All that the screen says, for programs; `null` is unknown.
#[must_use]
pub fn to_json(app: &App) -> Value {
    let at = app.at();
    let Some((opened, moment, _)) = app.title().filter(|_| !app.listing) else {
        let pools: Vec<Value> = app
            .pools
            .shown(0)
            .map(|row| {
                json!({
                    "namespace": &*row.key.namespace, "name": &*row.key.name,
                    "rank": format!("{:?}", row.rank).to_lowercase(), "nobodyWorks": row.nobody,
                    "queue": row.cells[0], "busy": row.cells[1], "wait": row.cells[2],
                    "workers": row.replicas, "desiredWorkers": row.desired,
                    "minWorkers": row.bounds.0, "maxWorkers": row.bounds.1,
                    "decision": row.decision, "current": row.seen,
                })
            })
            .collect();
        return json!({"at": at, "pools": pools, "trouble": app.pools.trouble});
    };
    let why = moment.blind.as_deref().unwrap_or("not looked yet");
    let panel = Panel::new(
        &moment.pool,
        moment.facts(at).ok_or(why),
        moment.replicas,
        at,
    );
    let staff = WorkersPane::new(moment, at);
    let workers: Vec<Value> = staff
        .rows
        .iter()
        .map(|member| {
            let state = match member.doing {
                Activity::Unknown => Value::Null,
                doing => json!(format!("{doing:?}").to_lowercase()),
            };
            json!({
                "name": member.name, "state": state, "seconds": member.since.map(|since| since.0 / 1000),
                "cpuPercent": member.cpu, "tasks": member.tasks, "goes": member.goes,
                "goesNext": member.goes.is_some_and(|n| n <= staff.step),
            })
        })
        .collect();
    let decision = moment.status().and_then(|status| status.decision.as_ref());
    json!({
        "at": at, "metrics": panel, "workers": staff.known.then_some(workers),
        "decision": decision, "history": opened.past.changes(at),
    })
}
