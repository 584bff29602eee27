//! One run, or two side by side, as text.

use crate::{Run, Summary};
use decide::Time;
use messages::{Catalogue, Params};
use std::fmt::Write;

/// Times from here on (2001) are calendar times; earlier ones count from 0.
pub(crate) const CALENDAR: i64 = 1_000_000_000_000;

/// Formats a time: the time of day in UTC, or the time since 0.
pub(crate) fn clock(at: Time) -> String {
    if at.0 >= CALENDAR {
        return at.to_string();
    }
    let (seconds, tenths) = (at.0 / 1000, at.0 % 1000 / 100);
    match seconds / 3600 {
        0 => format!("{}:{:02}.{tenths}", seconds / 60, seconds % 60),
        hours => format!(
            "{hours}:{:02}:{:02}.{tenths}",
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// The changes of a run and its summary, with the texts of `catalogue`.
pub fn table(run: &Run, catalogue: &Catalogue) -> String {
    let word = |key| word(catalogue, key);
    let header = [
        "T".to_owned(),
        word("queue"),
        word("workers"),
        word("decision"),
        word("why"),
    ];
    let rows = run.changes.iter().map(|change| {
        let queue = change
            .ready
            .map_or("?".to_owned(), |ready| ready.to_string());
        [
            clock(change.at),
            queue,
            format!("{} → {}", change.from, change.to),
            change.reason.to_owned(),
            change.explanation.text(catalogue),
        ]
    });
    let mut text = align(std::iter::once(header).chain(rows));
    if run.changes.is_empty() {
        text = word("no-change") + "\n";
    }
    if run.change_count > run.changes.len() {
        let more = run.change_count - run.changes.len();
        let params = Params::from_iter([("changes".to_owned(), more.into())]);
        let more = catalogue.text("sim-more", &params).unwrap_or_default();
        let _ = writeln!(text, "{more}");
    }
    if let Some(summary) = &run.summary {
        text.push('\n');
        text += &align(figures(summary).map(|(label, value)| [word(label), value]));
    }
    text
}

/// The figures of two runs of the same work, side by side, with the texts of `catalogue`.
pub fn compare(one: &Run, other: &Run, catalogue: &Catalogue) -> String {
    let word = |key| word(catalogue, key);
    let header = [String::new(), one.name.clone(), other.name.clone()];
    let max_workers = |run: &Run| {
        run.points
            .iter()
            .map(|point| point.desired)
            .max()
            .unwrap_or(0)
            .to_string()
    };
    let mut rows = vec![
        header,
        [
            word("changes"),
            one.change_count.to_string(),
            other.change_count.to_string(),
        ],
        [word("most-workers"), max_workers(one), max_workers(other)],
    ];
    if let (Some(a), Some(b)) = (&one.summary, &other.summary) {
        let both = figures(a)
            .into_iter()
            .zip(figures(b))
            .filter(|((label, _), _)| *label != "changes");
        rows.extend(both.map(|((label, a), (_, b))| [word(label), a, b]));
    }
    let mut reasons: Vec<&str> = one
        .changes
        .iter()
        .chain(&other.changes)
        .map(|change| change.reason)
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    let count = |run: &Run, reason: &str| {
        run.changes
            .iter()
            .filter(|change| change.reason == reason)
            .count()
            .to_string()
    };
    rows.extend(
        reasons
            .into_iter()
            .map(|reason| [reason.to_owned(), count(one, reason), count(other, reason)]),
    );
    align(rows)
}

/// The text `sim-KEY`.
fn word(catalogue: &Catalogue, key: &str) -> String {
    let text = catalogue.text(&format!("sim-{key}"), &Params::new());
    text.unwrap_or_else(|| key.to_owned())
}

/// The key of each figure, and its value.
fn figures(summary: &Summary) -> [(&'static str, String); 8] {
    [
        ("tasks", summary.tasks.to_string()),
        ("wait-p50", format!("{:.1} s", summary.wait_p50)),
        ("wait-p99", format!("{:.1} s", summary.wait_p99)),
        ("wait-max", format!("{:.1} s", summary.wait_max)),
        ("late", format!("{:.2} %", summary.late_share * 100.0)),
        ("worker-hours", format!("{:.2}", summary.worker_hours)),
        ("busy-hours", format!("{:.2}", summary.factor())),
        ("changes", summary.changes.to_string()),
    ]
}

/// Aligns the columns, without trailing spaces.
fn align<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("   ").trim_end();
        text.push('\n');
    }
    text
}
