//! One plot of the charts: bars and lines in cells of the terminal.

use super::{LEFT, RIGHT};
use crate::tui::style::{Role, columns, line, line_right, span};
use crate::tui::timeline::Column;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// The symbols of a cell that is filled by so many eighths.
const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

pub struct Plot {
    /// The cells of the plot, without axis and labels.
    pub area: Rect,
    /// The value at the upper edge.
    pub max: u64,
}

impl Plot {
    /// The height of a value in eighths of a row.
    fn eighths(&self, n: u64) -> u16 {
        let all = u64::from(self.area.height) * 8;
        let part = (n.min(self.max) * all + self.max / 2) / self.max.max(1);
        u16::try_from(if n > 0 { part.max(1) } else { 0 }).unwrap_or(0)
    }

    /// The row of a value, from the bottom.
    fn row(&self, n: u64) -> u16 {
        (self.eighths(n).saturating_sub(1) / 8).min(self.area.height - 1)
    }

    /// The row of a threshold, if it lies in the plot.
    fn level_row(&self, n: Option<u64>) -> Option<u16> {
        n.filter(|n| *n <= self.max && *n > 0).map(|n| self.row(n))
    }

    fn cell<'a>(&self, buffer: &'a mut Buffer, x: usize, row: u16) -> Option<&'a mut Cell> {
        let x = self.area.x + u16::try_from(x).unwrap_or(0);
        buffer.cell_mut((x, self.area.bottom() - 1 - row))
    }

    fn set(&self, buffer: &mut Buffer, x: usize, row: u16, symbol: &str, role: Role) {
        if let Some(cell) = self.cell(buffer, x, row) {
            cell.reset();
            cell.set_symbol(symbol).set_style(role.style());
        }
    }

    /// The name and the range to the left of the plot.
    pub fn axis(&self, buffer: &mut Buffer, name: String) {
        let left = columns(self.area, self.area.x - LEFT, LEFT - 1);
        let bottom = self.area.height - 1;
        line(buffer, left, 1, span(Role::Bold, name));
        line_right(buffer, left, 0, span(Role::Dim, short(self.max)));
        line_right(buffer, left, bottom, span(Role::Dim, "0"));
    }

    /// A horizontal line at `n` with its name to the right; a sign as a name gets the value too.
    pub fn level(&self, buffer: &mut Buffer, n: Option<u64>, name: &str, role: Role) {
        let (Some(n), Some(row)) = (n, self.level_row(n)) else {
            return;
        };
        for x in 0..usize::from(self.area.width) {
            self.set(buffer, x, row, "╌", Role::Dim);
        }
        let right = columns(self.area, self.area.right(), RIGHT);
        let label = if name.len() > 1 {
            name.to_owned()
        } else {
            format!("{name}{}", short(n))
        };
        let from_top = self.area.height - 1 - row;
        line(buffer, right, from_top, span(role, label));
    }

    /// Draws the line at `n` again over the bars that cover it.
    pub fn level_over_bars(&self, buffer: &mut Buffer, n: Option<u64>) {
        let Some(row) = self.level_row(n) else {
            return;
        };
        for x in 0..usize::from(self.area.width) {
            let cell = self.cell(buffer, x, row);
            if let Some(cell) = cell.filter(|cell| cell.symbol() == "█") {
                cell.set_symbol("╌")
                    .set_style(Style::new().add_modifier(Modifier::REVERSED));
            }
        }
    }

    /// A bar; zero is a thin line at the bottom, to tell it from an unknown value.
    pub fn bar(&self, buffer: &mut Buffer, x: usize, n: Option<u64>, role: Role) {
        let Some(n) = n else { return };
        let role = if n == 0 { Role::Dim } else { role };
        let height = self.eighths(n).max(1);
        for row in 0..self.area.height {
            let part = height.saturating_sub(row * 8).min(8);
            if part > 0 {
                self.set(buffer, x, row, EIGHTHS[usize::from(part)], role);
            }
        }
    }

    /// Busy workers, above them the idle ones, and a line for the desired replicas.
    pub fn workers(&self, buffer: &mut Buffer, x: usize, column: &Column) {
        if let Some(live) = column.live {
            for row in 0..self.area.height {
                if self.eighths(live) >= row * 8 + 4 {
                    self.set(buffer, x, row, "░", Role::Good);
                }
            }
            let busy = column.busy.filter(|busy| *busy > 0 || live == 0);
            self.bar(buffer, x, busy, Role::Good);
        }
        let Some(desired) = column.desired.and_then(|n| u64::try_from(n).ok()) else {
            return;
        };
        let row = self.row(desired);
        let covers_busy = column
            .busy
            .is_some_and(|busy| self.row(busy) == row && busy > 0);
        if !covers_busy || column.live.is_some_and(|live| live > desired) {
            self.set(buffer, x, row, "━", Role::Bold);
        }
    }

    /// `?` at the bottom where metrics are missing.
    pub fn unavailable(&self, buffer: &mut Buffer, x: usize, column: &Column) {
        if column.unavailable && column.ready.is_none() {
            self.set(buffer, x, 0, "?", Role::Bad);
        }
    }

    /// A line through the empty cells of a column.
    pub fn vertical_line(&self, buffer: &mut Buffer, x: usize, role: Role) {
        for row in 0..self.area.height {
            let empty = self.cell(buffer, x, row).is_some_and(|cell| {
                matches!(cell.symbol(), " " | "╌") && !cell.modifier.contains(Modifier::REVERSED)
            });
            if empty {
                self.set(buffer, x, row, "┊", role);
            }
        }
    }
}

/// At most four characters: `950`, `12k`, `3M`.
fn short(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}k", n / 1_000),
        _ => format!("{}M", n / 1_000_000),
    }
}
