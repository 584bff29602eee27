//! Shared by all drawing code: styles by role, text at a position, and fallbacks for terminals without colours or Unicode.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// What a text stands for. Each role also has a word or a symbol on the screen, so that nothing depends on colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Normal text.
    Plain,
    /// Secondary text.
    Dim,
    /// Emphasized text.
    Bold,
    /// Healthy; workers.
    Good,
    /// At a limit.
    Warn,
    /// A problem.
    Bad,
    /// Bars of the queue chart.
    Queue,
    /// Scaling up.
    Up,
    /// Scaling down.
    Down,
    /// The selected row or time.
    Selected,
}

impl Role {
    /// Uses only the sixteen colours that every terminal theme defines.
    pub fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Plain => style,
            Self::Dim => style.add_modifier(Modifier::DIM),
            Self::Bold => style.add_modifier(Modifier::BOLD),
            Self::Good => style.fg(Color::Green),
            Self::Warn => style.fg(Color::Yellow),
            Self::Bad => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            Self::Queue => style.fg(Color::Cyan),
            Self::Up => style.fg(Color::Yellow).add_modifier(Modifier::BOLD),
            Self::Down => style.fg(Color::LightBlue).add_modifier(Modifier::BOLD),
            Self::Selected => style.add_modifier(Modifier::REVERSED),
        }
    }
}

/// Text in the style of a role.
pub fn span(role: Role, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), role.style())
}

/// Writes a line at a row of `area` and cuts it with `…` where it is too long.
pub fn line(buffer: &mut Buffer, area: Rect, row: u16, text: impl Into<Line<'static>>) {
    let text = text.into();
    if row >= area.height || area.width == 0 {
        return;
    }
    let y = area.y + row;
    buffer.set_style(Rect::new(area.x, y, width(&text, area), 1), Style::reset());
    let end = buffer.set_line(area.x, y, &text, area.width).0;
    let last = end.clamp(area.x + 1, area.right()) - 1;
    if text.width() > usize::from(area.width)
        && let Some(cell) = buffer.cell_mut((last, y))
    {
        cell.set_symbol("…");
    }
}

/// Writes a line at the right end of a row of `area`.
pub fn line_right(buffer: &mut Buffer, area: Rect, row: u16, text: impl Into<Line<'static>>) {
    let text = text.into();
    let width = width(&text, area);
    let place = columns(area, area.right() - width, width);
    line(buffer, place, row, text);
}

/// The width of a text in `area`, which cuts it.
fn width(text: &Line, area: Rect) -> u16 {
    u16::try_from(text.width()).map_or(area.width, |width| width.min(area.width))
}

/// Writes a horizontal line at a row of `area`.
pub fn divider(buffer: &mut Buffer, area: Rect, row: u16) {
    let dashes = "─".repeat(usize::from(area.width));
    line(buffer, area, row, span(Role::Dim, dashes));
}

/// Writes the title line of a pane.
pub fn pane_title(buffer: &mut Buffer, area: Rect, text: &str) {
    divider(buffer, area, 0);
    let inner = columns(area, area.x + 1, area.width.saturating_sub(2));
    line(buffer, inner, 0, span(Role::Bold, format!(" {text} ")));
}

/// The part of `area` that begins at the column `x` of the screen.
pub fn columns(area: Rect, x: u16, width: u16) -> Rect {
    Rect { x, width, ..area }
}

/// The part of `area` below its first `rows` rows.
pub fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

/// Wraps a text between words into lines of at most `width` columns.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().filter(|line| {
            line.is_empty() || Span::raw(&**line).width() + 1 + Span::raw(word).width() <= width
        });
        match last {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Removes the colours; bold, dim and reversed stay.
pub fn remove_colors(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    }
}

/// Replaces emoji and symbols with ASCII characters; letters of any language stay.
pub fn replace_symbols(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let replacement = match cell.symbol() {
            "█" | "▓" => "#",
            "▒" => ":",
            "▁" | "▂" => "_",
            "▆" | "▇" => "%",
            "░" | "·" | "…" => ".",
            "▃" | "▄" | "▅" | "━" => "=",
            "─" | "╌" | "–" => "-",
            "│" | "┊" | "❚" => "|",
            "▲" | "↑" => "^",
            "▼" | "↓" => "v",
            "→" => ">",
            "←" => "<",
            "●" | "✓" => "*",
            "⚠" | "✖" => "!",
            "÷" => "/",
            symbol if symbol.is_ascii() || symbol.chars().all(char::is_alphabetic) => continue,
            symbol if Span::raw(symbol).width() > 1 => "  ",
            _ => "?",
        };
        cell.set_symbol(replacement);
    }
}

/// Replaces arrows and comparison signs with two ASCII characters each, where one would be misleading.
pub fn to_ascii(ascii: bool, text: String) -> String {
    if ascii {
        text.replace('→', "->")
            .replace('≤', "<=")
            .replace('≥', ">=")
    } else {
        text
    }
}

/// A frame as text, without trailing spaces.
pub fn text(buffer: &Buffer) -> String {
    let lines = visible_cells(buffer).map(|row| {
        let line: String = row
            .into_iter()
            .map(|(_, cell)| cell.symbol().to_owned())
            .collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The visible cells of each row with their columns: a wide symbol covers the cell after it.
pub fn visible_cells(buffer: &Buffer) -> impl Iterator<Item = Vec<(u16, &ratatui::buffer::Cell)>> {
    let area = buffer.area;
    (area.top()..area.bottom()).map(move |y| {
        let mut covered = 0;
        let cells = (area.left()..area.right()).filter_map(|x| Some((x, buffer.cell((x, y))?)));
        cells
            .filter(|(_, cell)| {
                let visible = covered == 0;
                let width = Span::raw(cell.symbol()).width().max(1);
                covered = if visible { width - 1 } else { covered - 1 };
                visible
            })
            .collect()
    })
}
