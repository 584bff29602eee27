//! Draws the whole screen from the state of the app.

use super::app::App;
use super::pools::Rank;
use super::style::{Role, below, line, remove_colors, replace_symbols, span};
use super::{dialog, footer, header, panes, pool_table};
use crate::text::lang::tr;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The smallest width and height that the screen supports.
const MIN_SIZE: (u16, u16) = (60, 20);

/// Draws everything.
pub fn draw(frame: &mut Frame, app: &App) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        let (w, h) = MIN_SIZE;
        let text = tr!(app.out.lang, "cli-screen-too-small", w, h);
        line(buffer, area, 0, span(Role::Bold, text));
    } else {
        draw_screen(buffer, area, app);
    }
    if !app.settings.color {
        remove_colors(buffer);
    }
    if app.settings.ascii {
        replace_symbols(buffer);
    }
}

fn draw_screen(buffer: &mut Buffer, area: Rect, app: &App) {
    let body = Rect {
        y: area.y + 1,
        height: area.height - 1 - footer::HEIGHT,
        ..area
    };
    header::draw(buffer, area, app);
    if app.show_pools {
        pool_table::draw(buffer, body, app);
    } else {
        panes::draw(buffer, body, app);
    }
    footer::draw(buffer, below(area, area.height - footer::HEIGHT), app);
    dialog::draw(buffer, area, app);
}

/// The symbol and the role of a rank.
pub fn rank(rank: Rank) -> (&'static str, Role) {
    match rank {
        Rank::Trouble => ("⚠", Role::Bad),
        Rank::Limit => ("▲", Role::Warn),
        Rank::Healthy => ("✓", Role::Good),
    }
}

/// `5`, or `5 → 7` while the target is scaling.
pub fn replicas(current: Option<i32>, desired: Option<i32>) -> String {
    let number = |n: Option<i32>| n.map_or("?".to_owned(), |n| n.to_string());
    if desired.is_none() || current == desired {
        number(current)
    } else {
        format!("{} → {}", number(current), number(desired))
    }
}
