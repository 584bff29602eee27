//! The steps of the last decision, one per line.

use crate::text::lang::tr;
use crate::text::output::width;
use crate::tui::app::{App, Pane};
use crate::tui::style::{Role, below, line, pane_title, span, to_ascii};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the pane.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let title = tr!(app.out.lang, "cli-steps-pane");
    pane_title(buffer, area, &title);
    let area = below(area, 1);
    let Some(decision) = app
        .moment()
        .and_then(|moment| moment.status()?.decision.as_ref())
    else {
        return;
    };
    let is_narrow = area.width < 60;
    let steps: Vec<(String, String)> = decision
        .steps
        .iter()
        .map(|step| {
            let (name, detail) = app.out.step(step);
            let name = if is_narrow { abbreviate(&name) } else { name };
            (name, to_ascii(app.settings.ascii, detail))
        })
        .collect();
    let width = width(steps.iter().map(|(name, _)| name));
    let skip = if app.pane == Pane::Steps {
        app.scroll.min(steps.len().saturating_sub(1))
    } else {
        0
    };
    for (row, (name, detail)) in (0..area.height).zip(steps.into_iter().skip(skip)) {
        let name = format!("{name:width$} ");
        let spans = vec![span(Role::Dim, name), span(Role::Plain, detail)];
        line(buffer, area, row, spans);
    }
}

fn abbreviate(name: &str) -> String {
    name.replace("scaleUp.", "▲ ")
        .replace("scaleDown.", "▼ ")
        .replace("Percent", "")
        .replace("stabilizationWindowSeconds", "window")
        .replace("utilization", "util")
}
