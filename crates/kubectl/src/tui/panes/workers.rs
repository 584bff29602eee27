//! The workers of the open pool: what each does, since when, and its place in the removal order.

use crate::text::class_format::dense;
use crate::text::lang::{Lang, tr};
use crate::tui::app::{App, Pane};
use crate::tui::style::{Role, below, columns, line, line_right, pane_title, span};
use crate::tui::workers::{Activity, WorkerLine, WorkersPane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns for the place in the removal order.
const ORDER_WIDTH: usize = 10;

/// Draws the pane.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(moment) = app.moment() else { return };
    let (lang, at) = (app.out.lang, app.at());
    let workers = WorkersPane::new(moment, at);
    let count = workers.rows.len();
    let replicas = moment.replicas.map_or("?".to_owned(), |n| n.to_string());
    let title = match moment.metrics_at(at) {
        None => tr!(lang, "cli-workers-pane-unknown"),
        Some(_) if !workers.known => tr!(lang, "cli-workers-pane-unreported", replicas),
        Some(_) => tr!(lang, "cli-workers-pane", count, replicas),
    };
    pane_title(buffer, area, &title);
    let area = below(columns(area, area.x, area.width.saturating_sub(2)), 1);
    let height = usize::from(area.height);
    let skip = if app.pane == Pane::Workers {
        app.scroll.min(count.saturating_sub(height))
    } else {
        0
    };
    let hidden = count.saturating_sub(skip + height);
    for (row, worker) in (0..area.height).zip(workers.rows.iter().skip(skip)) {
        if hidden > 0 && row + 1 == area.height {
            let more = hidden + 1;
            let text = tr!(lang, "cli-workers-pane-more", more);
            line(buffer, area, row, span(Role::Dim, text));
            break;
        }
        let next = workers.is_removed_next(worker);
        draw_worker(buffer, area, row, worker, next, lang);
    }
}

fn draw_worker(
    buffer: &mut Buffer,
    area: Rect,
    row: u16,
    worker: &WorkerLine,
    is_removed_next: bool,
    lang: Lang,
) {
    let (sign, role, activity) = match worker.activity {
        Activity::Busy => ("█", Role::Good, tr!(lang, "cli-workers-pane-busy")),
        Activity::Idle => ("░", Role::Dim, tr!(lang, "cli-workers-pane-idle")),
        Activity::Draining => ("▼", Role::Down, tr!(lang, "cli-workers-pane-draining")),
        Activity::Stalled => ("⚠", Role::Bad, tr!(lang, "cli-workers-pane-stalled")),
        Activity::Unknown => ("?", Role::Bad, "?".to_owned()),
    };
    let since = worker.since.map_or(String::new(), dense);
    let cpu = worker.cpu.map_or(String::new(), |cpu| format!("{cpu}%"));
    let state = format!("{sign} {activity:<8}{since:>7}{cpu:>5} ");
    // The end of a pod's name is what tells it from the others.
    let name_width = usize::from(area.width)
        .saturating_sub(state.chars().count() + ORDER_WIDTH)
        .max(5);
    let skip = worker.name.chars().count().saturating_sub(name_width);
    let name: String = worker.name.chars().skip(skip).collect();
    let spans = vec![span(role, state), span(Role::Plain, name)];
    line(buffer, area, row, spans);
    let (role, order) = match worker.removal_order {
        Some(_) if is_removed_next => (Role::Down, tr!(lang, "cli-workers-pane-next")),
        Some(n) => (Role::Dim, format!("{n}.")),
        None => (Role::Dim, String::new()),
    };
    line_right(buffer, area, row, span(role, order));
}
