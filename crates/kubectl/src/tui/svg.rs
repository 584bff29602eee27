//! A frame as SVG: the same cells in the colours of a dark terminal.

use crate::tui::style::rows;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use ratatui::text::Span;
use std::fmt::Write;

/// A cell's size: what most monospaced fonts have at 15 pixels.
const WIDTH: f64 = 9.0;
const HEIGHT: f64 = 18.0;
const INK: &str = "#d8dee9";
const PAPER: &str = "#14181f";

/// The frame as a picture.
#[must_use]
pub fn svg(buffer: &Buffer) -> String {
    let (width, height) = (
        f64::from(buffer.area.width) * WIDTH,
        f64::from(buffer.area.height) * HEIGHT,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"-8 -8 {w} {h}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"15\">\n<rect x=\"-8\" y=\"-8\" width=\"{w}\" height=\"{h}\" fill=\"{PAPER}\"/>\n",
        w = width + 16.0,
        h = height + 16.0,
    );
    for (y, row) in rows(buffer).enumerate() {
        let top = f64::from(u16::try_from(y).unwrap_or(0)) * HEIGHT;
        let mut run: Option<(u16, String, &Cell, usize)> = None;
        for (x, cell) in row {
            let symbol = cell.symbol();
            let wide = Span::raw(symbol).width().max(1);
            match &mut run {
                // Signs stand alone, or with their like: no font has them as wide as its letters.
                Some((_, text, first, cells))
                    if same(first, cell)
                        && wide == 1
                        && (plain(symbol) && plain(text)
                            || text.ends_with(symbol) && !plain(symbol)) =>
                {
                    text.push_str(symbol);
                    *cells += 1;
                }
                _ => {
                    if let Some(run) = run.take() {
                        draw(&mut out, top, &run);
                    }
                    run = Some((x, symbol.to_owned(), cell, wide));
                }
            }
        }
        if let Some(run) = run {
            draw(&mut out, top, &run);
        }
    }
    out.push_str("</svg>\n");
    out
}

fn same(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)
}

/// Letters, which a font draws as one run.
fn plain(text: &str) -> bool {
    text.chars()
        .all(|sign| sign.is_ascii() || sign.is_alphabetic())
}

fn draw(out: &mut String, top: f64, (x, text, cell, cells): &(u16, String, &Cell, usize)) {
    let left = f64::from(*x) * WIDTH;
    let width = f64::from(u32::try_from(*cells).unwrap_or(1)) * WIDTH;
    let dim = if cell.modifier.contains(Modifier::DIM) {
        " opacity=\"0.6\""
    } else {
        ""
    };
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let (mut ink, mut paper) = (color(cell.fg, INK), color(cell.bg, PAPER));
    if reversed {
        std::mem::swap(&mut ink, &mut paper);
    }
    if reversed || cell.bg != Color::Reset {
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{paper}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    // Bars are drawn, since fonts leave gaps between them.
    if let Some((from, share, opacity)) = text.chars().next().and_then(bar) {
        let (y, height) = (top + HEIGHT * from, HEIGHT * share);
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{ink}\" fill-opacity=\"{opacity}\"{dim}/>"
        );
        return;
    }
    let bold = if cell.modifier.contains(Modifier::BOLD) {
        " font-weight=\"bold\""
    } else {
        ""
    };
    // Some fonts have a plain form of a sign, which is not what terminals show.
    let emoji = if *cells > 1 && !plain(text) {
        " font-family=\"Noto Color Emoji, Apple Color Emoji, Segoe UI Emoji\""
    } else {
        ""
    };
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{}\" fill=\"{ink}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\"{bold}{dim}{emoji}>{escaped}</text>",
        top + HEIGHT * 0.75
    );
}

/// Where a bar begins in its cell, how much of it it fills, and how strongly.
fn bar(sign: char) -> Option<(f64, f64, f64)> {
    match sign {
        '░' => Some((0.0, 1.0, 0.35)),
        '▒' => Some((0.15, 0.7, 0.55)),
        '━' => Some((0.42, 0.16, 1.0)),
        '─' => Some((0.47, 0.06, 0.8)),
        _ => {
            let eighths = "▁▂▃▄▅▆▇█".chars().position(|bar| bar == sign)?;
            let part = f64::from(u32::try_from(eighths + 1).ok()?) / 8.0;
            Some((1.0 - part, part, 1.0))
        }
    }
}

fn color(color: Color, otherwise: &'static str) -> &'static str {
    match color {
        Color::Red => "#ff6b6b",
        Color::Green => "#7bd88f",
        Color::Yellow => "#ffc857",
        Color::Cyan => "#5cc8e8",
        Color::LightBlue => "#82aaff",
        _ => otherwise,
    }
}
