//! A run, or two side by side, as text.

use super::{Run, Summary};
use decide::Time;
use std::fmt::Write;

/// From this on (2001) an instant is one of the calendar; before, `t` began at 0.
pub(super) const CALENDAR: i64 = 1_000_000_000_000;

/// An instant as people read it: a time of day in UTC, or what has passed since 0.
#[must_use]
pub(super) fn clock(at: Time) -> String {
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

/// Every change of one run, and what it came to.
#[must_use]
pub fn table(course: &Run) -> String {
    let head = ["T", "QUEUE", "WORKERS", "DECISION", "WHY"].map(str::to_owned);
    let rows = course.marks.iter().map(|mark| {
        let queue = mark.ready.map_or("?".to_owned(), |ready| ready.to_string());
        [
            clock(mark.at),
            queue,
            format!("{} → {}", mark.from, mark.to),
            mark.reason.to_owned(),
            mark.sentence.clone(),
        ]
    });
    let mut text = aligned(std::iter::once(head).chain(rows));
    if course.marks.is_empty() {
        "the number of workers never changes\n".clone_into(&mut text);
    }
    if course.changes > course.marks.len() {
        let _ = writeln!(text, "… and {} more", course.changes - course.marks.len());
    }
    if let Some(summary) = &course.summary {
        text.push('\n');
        text += &aligned(figures(summary).map(|(what, value)| [what.to_owned(), value]));
    }
    text
}

/// Two runs of the same work, figure by figure.
#[must_use]
pub fn compare(one: &Run, other: &Run) -> String {
    let head = [String::new(), one.name.clone(), other.name.clone()];
    let most = |course: &Run| {
        course
            .points
            .iter()
            .map(|point| point.wanted)
            .max()
            .unwrap_or(0)
            .to_string()
    };
    let mut rows = vec![
        head,
        [
            "changes".to_owned(),
            one.changes.to_string(),
            other.changes.to_string(),
        ],
        ["most workers".to_owned(), most(one), most(other)],
    ];
    if let (Some(a), Some(b)) = (&one.summary, &other.summary) {
        let both = figures(a)
            .into_iter()
            .zip(figures(b))
            .filter(|((what, _), _)| *what != "changes");
        rows.extend(both.map(|((what, a), (_, b))| [what.to_owned(), a, b]));
    }
    let mut reasons: Vec<&str> = one
        .marks
        .iter()
        .chain(&other.marks)
        .map(|mark| mark.reason)
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    let count = |course: &Run, reason: &str| {
        course
            .marks
            .iter()
            .filter(|mark| mark.reason == reason)
            .count()
            .to_string()
    };
    rows.extend(
        reasons
            .into_iter()
            .map(|reason| [reason.to_owned(), count(one, reason), count(other, reason)]),
    );
    aligned(rows)
}

fn figures(summary: &Summary) -> [(&'static str, String); 8] {
    [
        ("tasks", summary.tasks.to_string()),
        ("half waited at most", format!("{:.1} s", summary.wait_p50)),
        ("99 % waited at most", format!("{:.1} s", summary.wait_p99)),
        ("the longest wait", format!("{:.1} s", summary.wait_max)),
        ("late", format!("{:.2} %", summary.late_share * 100.0)),
        ("worker-hours", format!("{:.2}", summary.worker_hours)),
        ("× busy hours", format!("{:.2}", summary.factor())),
        ("changes", summary.changes.to_string()),
    ]
}

/// Columns as wide as they need to be, the last one as it is.
fn aligned<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
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
