//! The changes of the replicas, the newest first.

use crate::commands::history::change_message;
use crate::text::lang::tr;
use crate::tui::app::{App, Pane};
use crate::tui::style::{Role, below, line, pane_title, span, to_ascii};
use api::{Change, time};
use decide::Millis;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Changes older than this are shown with their date.
const SAME_DAY: Millis = Millis::seconds(20 * 3600);

/// Draws the pane.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    let Some(opened) = &app.opened else { return };
    let changes = opened.timeline.changes(app.at());
    let title = match latencies(changes) {
        Some((median, max)) => tr!(lang, "cli-history-pane-latency", median, max),
        None => tr!(lang, "cli-history-pane"),
    };
    pane_title(buffer, area, &title);
    let area = below(area, 1);
    if changes.is_empty() {
        let none = tr!(lang, "cli-history-pane-empty");
        return line(buffer, area, 0, span(Role::Dim, none));
    }
    let skip = if app.pane == Pane::History {
        app.scroll.min(changes.len() - 1)
    } else {
        0
    };
    for (row, change) in (0..area.height).zip(changes.iter().rev().skip(skip)) {
        line(buffer, area, row, change_line(change, app));
    }
}

/// The median and the maximum of the scale latencies in milliseconds.
fn latencies(changes: &[Change]) -> Option<(i32, i32)> {
    let mut latencies: Vec<i32> = changes
        .iter()
        .filter_map(|change| change.latency_millis)
        .collect();
    latencies.sort_unstable();
    let median = latencies.get(latencies.len().saturating_sub(1) / 2)?;
    Some((*median, *latencies.last()?))
}

fn change_line(change: &Change, app: &App) -> Vec<Span<'static>> {
    let ascii = app.settings.ascii;
    let (sign, role) = if change.to > change.from {
        ("▲", Role::Up)
    } else {
        ("▼", Role::Down)
    };
    let date = if time(app.now) - time(change.at) > SAME_DAY {
        app.out.local(change.at).strftime("%m-%d ").to_string()
    } else {
        String::new()
    };
    let replicas = format!("{sign} {} → {} ", change.from, change.to);
    let message = change_message(change, &app.out);
    vec![
        span(Role::Dim, format!("{date}{} ", app.out.clock(change.at))),
        span(role, to_ascii(ascii, replicas)),
        span(Role::Plain, to_ascii(ascii, message)),
    ]
}
