//! A frame as an SVG picture in the colours of a dark terminal.

use super::style::visible_cells;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use ratatui::text::Span;
use std::fmt::Write;

/// The size of a cell in pixels: that of most monospaced fonts at 15 pixels.
const WIDTH: f64 = 9.0;
const HEIGHT: f64 = 18.0;
const FOREGROUND: &str = "#d8dee9";
const BACKGROUND: &str = "#14181f";

/// Draws the frame.
pub fn svg(buffer: &Buffer) -> String {
    let width = f64::from(buffer.area.width) * WIDTH;
    let height = f64::from(buffer.area.height) * HEIGHT;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"-8 -8 {w} {h}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"15\">\n<rect x=\"-8\" y=\"-8\" width=\"{w}\" height=\"{h}\" fill=\"{BACKGROUND}\"/>\n",
        w = width + 16.0,
        h = height + 16.0,
    );
    for (y, cells) in visible_cells(buffer).enumerate() {
        let top = f64::from(u16::try_from(y).unwrap_or(0)) * HEIGHT;
        for run in runs(cells) {
            run.draw(&mut out, top);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Adjacent cells of one style that are drawn as one element.
struct Run<'a> {
    column: u16,
    text: String,
    style: &'a Cell,
    width: usize,
}

/// Joins letters into runs. Fonts draw symbols in other widths than letters, so a symbol joins only its own repetitions.
fn runs(cells: Vec<(u16, &Cell)>) -> Vec<Run<'_>> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, cell) in cells {
        let symbol = cell.symbol();
        let width = Span::raw(symbol).width().max(1);
        let joins = |run: &Run| {
            same_style(run.style, cell)
                && width == 1
                && (is_text(symbol) && is_text(&run.text)
                    || run.text.ends_with(symbol) && !is_text(symbol))
        };
        match runs.last_mut() {
            Some(run) if joins(run) => {
                run.text.push_str(symbol);
                run.width += 1;
            }
            _ => runs.push(Run {
                column,
                text: symbol.to_owned(),
                style: cell,
                width,
            }),
        }
    }
    runs
}

fn same_style(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)
}

/// Whether a font draws all of it in the width of letters.
fn is_text(text: &str) -> bool {
    text.chars()
        .all(|symbol| symbol.is_ascii() || symbol.is_alphabetic())
}

impl Run<'_> {
    fn draw(&self, out: &mut String, top: f64) {
        let left = f64::from(self.column) * WIDTH;
        let width = f64::from(u32::try_from(self.width).unwrap_or(1)) * WIDTH;
        let reversed = self.style.modifier.contains(Modifier::REVERSED);
        let mut foreground = color(self.style.fg, FOREGROUND);
        let mut background = color(self.style.bg, BACKGROUND);
        if reversed {
            std::mem::swap(&mut foreground, &mut background);
        }
        if reversed || self.style.bg != Color::Reset {
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{background}\"/>"
            );
        }
        if self.text.trim().is_empty() {
            return;
        }
        let dim = self.attribute(Modifier::DIM, " opacity=\"0.6\"");
        // Fonts leave gaps between block characters, so they are drawn as rectangles.
        if let Some((from, share, opacity)) = self.text.chars().next().and_then(bar) {
            let y = top + HEIGHT * from;
            let height = HEIGHT * share;
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{foreground}\" fill-opacity=\"{opacity}\"{dim}/>"
            );
            return;
        }
        let bold = self.attribute(Modifier::BOLD, " font-weight=\"bold\"");
        // Some text fonts have a monochrome form of an emoji, which terminals do not show.
        let emoji = if self.width > 1 && !is_text(&self.text) {
            " font-family=\"Noto Color Emoji, Apple Color Emoji, Segoe UI Emoji\""
        } else {
            ""
        };
        let escaped = self
            .text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let _ = writeln!(
            out,
            "<text x=\"{left}\" y=\"{}\" fill=\"{foreground}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\"{bold}{dim}{emoji}>{escaped}</text>",
            top + HEIGHT * 0.75
        );
    }

    fn attribute(&self, modifier: Modifier, attribute: &'static str) -> &'static str {
        if self.style.modifier.contains(modifier) {
            attribute
        } else {
            ""
        }
    }
}

/// The top of a block character within its cell, its height (both as shares of the cell) and its opacity.
fn bar(symbol: char) -> Option<(f64, f64, f64)> {
    match symbol {
        '░' => Some((0.0, 1.0, 0.35)),
        '▒' => Some((0.15, 0.7, 0.55)),
        '━' => Some((0.42, 0.16, 1.0)),
        '─' => Some((0.47, 0.06, 0.8)),
        _ => {
            let eighths = "▁▂▃▄▅▆▇█".chars().position(|bar| bar == symbol)?;
            let part = f64::from(u32::try_from(eighths + 1).ok()?) / 8.0;
            Some((1.0 - part, part, 1.0))
        }
    }
}

fn color(color: Color, default: &'static str) -> &'static str {
    match color {
        Color::Red => "#ff6b6b",
        Color::Green => "#7bd88f",
        Color::Yellow => "#ffc857",
        Color::Cyan => "#5cc8e8",
        Color::LightBlue => "#82aaff",
        _ => default,
    }
}
