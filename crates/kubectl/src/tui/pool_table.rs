//! The list of all pools, one row each. Only the rows on the screen are drawn.

use super::app::App;
use super::draw::{rank, replicas};
use super::pools::Row;
use super::style::{Role, below, line, pane_title, span, to_ascii, wrap};
use crate::text::lang::{Lang, tr};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// From this width on a row has room for its message.
const MIN_WIDTH_WITH_MESSAGE: u16 = 100;

/// Draws the rows around the cursor.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    let title = tr!(lang, "cli-pools-title");
    pane_title(buffer, area, &title);
    let header = columns(area.width, &column_names(lang), "");
    line(buffer, area, 1, span(Role::Dim, format!("  {header}")));
    let area = below(area, 2);
    if app.pools.shown(0).next().is_none() {
        let text = empty_text(app);
        for (row, text) in (0..).zip(wrap(&text, usize::from(area.width))) {
            line(buffer, area, row, span(Role::Bold, text));
        }
        return;
    }
    let cursor = app.pools.cursor();
    let height = usize::from(area.height).max(1);
    // The cursor stays in the middle, except near both ends.
    let skip = cursor.saturating_sub(height / 2);
    for (i, row) in app.pools.shown(skip).take(height).enumerate() {
        let y = u16::try_from(i).unwrap_or(0);
        line(buffer, area, y, pool_row(app, row, area.width));
        if skip + i == cursor {
            let selected = Rect::new(area.x, area.y + y, area.width, 1);
            buffer.set_style(selected, Role::Selected.style());
        }
    }
}

fn column_names(lang: Lang) -> [String; 6] {
    [
        tr!(lang, "cli-pools-head-pool"),
        tr!(lang, "cli-pools-head-queue"),
        tr!(lang, "cli-pools-head-busy"),
        tr!(lang, "cli-pools-head-workers"),
        tr!(lang, "cli-pools-head-wait"),
        tr!(lang, "cli-pools-head-why"),
    ]
}

/// Why there are no rows.
fn empty_text(app: &App) -> String {
    let lang = app.out.lang;
    if let Some(error) = &app.pools.watch_error {
        error.clone()
    } else if !app.pools.synced {
        tr!(lang, "cli-pools-waiting")
    } else if !app.pools.filter.is_empty() {
        tr!(lang, "cli-pools-no-match")
    } else {
        tr!(lang, "cli-pools-none")
    }
}

fn pool_row(app: &App, row: &Row, width: u16) -> Vec<Span<'static>> {
    let ascii = app.settings.ascii;
    let workers = to_ascii(ascii, replicas(row.replicas, row.desired));
    let [queue, busy, wait] = row.cells.clone();
    let reason = if row.lacks_workers {
        tr!(app.out.lang, "cli-pools-no-workers")
    } else {
        row.reason().to_owned()
    };
    // A pool within its thresholds shows only the reason: a thousand messages would hide the one that matters.
    let message = match &row.decision {
        Some(decision)
            if decision.reason != "WithinThresholds" && width >= MIN_WIDTH_WITH_MESSAGE =>
        {
            to_ascii(ascii, app.out.message(decision))
        }
        _ => String::new(),
    };
    let cells = [row.key.to_string(), queue, busy, workers, wait, reason];
    let (sign, role) = rank(row.rank);
    let cells = columns(width, &cells, &message);
    vec![span(role, sign), span(Role::Plain, format!(" {cells}"))]
}

/// The cells as columns; the first one takes three tenths of the width.
fn columns(width: u16, cells: &[String; 6], message: &str) -> String {
    let name_width = (usize::from(width) * 3 / 10).clamp(20, 44);
    let [pool, queue, busy, workers, wait, reason] = cells;
    let length = pool.chars().count();
    let pool: String = if length > name_width {
        let end = pool.chars().skip(length - name_width + 1);
        format!("…{}", end.collect::<String>())
    } else {
        pool.clone()
    };
    format!(
        "{pool:name_width$} {queue:>6} {busy:>7} {workers:>9} {wait:>6}  {reason:<15} {message}"
    )
}
