//! What all drawing shares: tones by meaning, text at a place, and what terminals without colours or signs get.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// A tone by its meaning. Each goes with a word or a sign: nothing is said by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As it is.
    Plain,
    /// Beside what counts.
    Dim,
    /// What counts.
    Bold,
    /// All is well; workers that work.
    Good,
    /// At a limit.
    Warn,
    /// Wrong.
    Bad,
    /// The queue.
    Queue,
    /// More workers.
    Up,
    /// Fewer workers.
    Down,
    /// The line under the cursor.
    Chosen,
}

impl Role {
    /// In the sixteen colours that every theme has.
    #[must_use]
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
            Self::Chosen => style.add_modifier(Modifier::REVERSED),
        }
    }
}

/// Text in a tone.
#[must_use]
pub fn span(tone: Role, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), tone.style())
}

/// Writes a line at a row of `area`, cut with `…` where it is too long.
pub fn line(buffer: &mut Buffer, area: Rect, row: u16, spans: Vec<Span<'static>>) {
    let line = Line::from(spans);
    if row >= area.height || area.width == 0 {
        return;
    }
    let cut = line.width() > usize::from(area.width);
    let width = u16::try_from(line.width())
        .unwrap_or(u16::MAX)
        .min(area.width);
    buffer.set_style(
        Rect {
            y: area.y + row,
            height: 1,
            width,
            ..area
        },
        Style::reset(),
    );
    let end = buffer.set_line(area.x, area.y + row, &line, area.width).0;
    if cut
        && let Some(cell) = buffer.cell_mut((end.clamp(area.x + 1, area.right()) - 1, area.y + row))
    {
        cell.set_symbol("…");
    }
}

/// The same at the right end.
pub fn right(buffer: &mut Buffer, area: Rect, row: u16, spans: Vec<Span<'static>>) {
    let width = u16::try_from(spans.iter().map(Span::width).sum::<usize>())
        .unwrap_or(u16::MAX)
        .min(area.width);
    line(
        buffer,
        Rect {
            x: area.right() - width,
            width,
            ..area
        },
        row,
        spans,
    );
}

/// A title over a pane, with a line to its end.
pub fn title(buffer: &mut Buffer, area: Rect, text: &str) {
    line(
        buffer,
        area,
        0,
        vec![span(Role::Dim, "─".repeat(usize::from(area.width)))],
    );
    let inner = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    line(
        buffer,
        inner,
        0,
        vec![span(Role::Bold, format!(" {text} "))],
    );
}

/// What is left of `area` below so many rows.
#[must_use]
pub fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

/// Breaks a text into lines of at most `width`, between words.
#[must_use]
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

/// No colours: bold, dim and reversed stay.
pub fn without_colors(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    }
}

/// No emoji, and marks that every terminal has; letters of a language stay.
pub fn without_signs(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let plain = match cell.symbol() {
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
        cell.set_symbol(plain);
    }
}

/// Two signs where one would say something else.
#[must_use]
pub fn to_ascii(ascii: bool, text: String) -> String {
    if ascii {
        text.replace('→', "->")
            .replace('≤', "<=")
            .replace('≥', ">=")
    } else {
        text
    }
}

/// A frame as text, without what stands to the right of it.
#[must_use]
pub fn text(buffer: &Buffer) -> String {
    let lines = rows(buffer).map(|row| {
        let line: String = row
            .into_iter()
            .map(|(_, cell)| cell.symbol().to_owned())
            .collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The cells of each row that show something: a wide sign covers the one after it.
pub fn rows(buffer: &Buffer) -> impl Iterator<Item = Vec<(u16, &ratatui::buffer::Cell)>> {
    let area = buffer.area;
    (area.top()..area.bottom()).map(move |y| {
        let mut covered = 0;
        let cells = (area.left()..area.right()).filter_map(|x| Some((x, buffer.cell((x, y))?)));
        cells
            .filter(|(_, cell)| {
                let shown = covered == 0;
                let width = Span::raw(cell.symbol()).width().max(1);
                covered = if shown { width - 1 } else { covered - 1 };
                shown
            })
            .collect()
    })
}
