//! The open pool: metrics and charts above, and below them its workers, the steps of the decision and the history.

mod history;
mod metrics;
mod steps;
mod workers;

use super::app::{App, Pane};
use super::chart::{self, Scene};
use super::style::{below, columns};
use api::ScheduledSpec;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The least height of the upper half: the rows of the metrics.
const MIN_UPPER: u16 = 12;
/// The greatest height of the lower panes: the charts get the rest.
const MAX_LOWER: u16 = 13;

/// Draws the open pool.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(opened) = &app.opened else { return };
    let lower = (area.height * 9 / 20).min(MAX_LOWER);
    let upper = (area.height - lower)
        .max(MIN_UPPER)
        .min(area.height.saturating_sub(3));
    let metrics_width = metrics::width(app.out.lang);
    let metrics_area = Rect::new(area.x, area.y, metrics_width, upper);
    metrics::draw(buffer, metrics_area, app);
    let left = metrics_width + 1;
    let charts_area = Rect::new(area.x + left, area.y, area.width - left, upper);
    let (from, to) = app.window();
    let scene = Scene {
        timeline: &opened.timeline,
        spec: opened.spec.as_ref().map(ScheduledSpec::pool),
        from,
        to,
        cursor: app.frozen.map(|(at, _)| at),
        now: app.now,
        out: &app.out,
        ascii: app.settings.ascii,
    };
    chart::draw(buffer, charts_area, &scene);
    lower_panes(buffer, below(area, upper), app);
}

/// Draws the selected pane, or those that fit side by side.
fn lower_panes(buffer: &mut Buffer, area: Rect, app: &App) {
    let panes: &[fn(&mut Buffer, Rect, &App)] = match app.pane {
        Pane::All if area.width >= 130 => &[workers::draw, steps::draw, history::draw],
        Pane::All => &[workers::draw, steps::draw],
        Pane::Workers => &[workers::draw],
        Pane::Steps => &[steps::draw],
        Pane::History => &[history::draw],
    };
    let count = u16::try_from(panes.len()).unwrap_or(1);
    for (i, draw) in (0..).zip(panes) {
        let start = area.width * i / count;
        let end = area.width * (i + 1) / count;
        draw(buffer, columns(area, area.x + start, end - start), app);
    }
}
