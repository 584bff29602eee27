//! The last lines: the keys or a notice, the message of the decision, and the next possible changes.

use super::app::{App, Mode};
use super::style::{Role, below, columns, divider, line, span, to_ascii, wrap};
use crate::commands::explain::next_changes;
use crate::text::lang::tr;
use crate::text::output::width;
use api::{DecisionStatus, time};
use messages::whole_span;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Lines of the message.
const MESSAGE_HEIGHT: u16 = 2;
/// Lines of the whole footer: the divider, the message and one line for each direction.
pub const HEIGHT: u16 = 3 + MESSAGE_HEIGHT;

/// The pool that the message is about.
struct Subject<'a> {
    name: &'a str,
    decision: Option<&'a DecisionStatus>,
    bounds: (i32, i32),
    /// Whether the decision is about the current generation of the spec.
    current: bool,
}

/// Draws the lines.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    divider(buffer, area, 0);
    let inner = columns(area, area.x + 1, area.width - 2);
    line(buffer, inner, 0, notice_or_keys(app, area.width < 110));
    if let Some(subject) = subject(app) {
        message(buffer, below(area, 1), app, &subject);
    }
}

/// The open pool, or the selected one of the list.
fn subject(app: &App) -> Option<Subject<'_>> {
    if app.show_pools {
        let row = app.pools.selected_row()?;
        return Some(Subject {
            name: &row.key.name,
            decision: row.decision.as_ref(),
            bounds: row.bounds,
            current: row.current,
        });
    }
    let (opened, moment) = app.shown_pool()?;
    let spec = &moment.pool.spec;
    let status = moment.status();
    Some(Subject {
        name: &opened.key.name,
        decision: status.and_then(|status| status.decision.as_ref()),
        bounds: (spec.min_replicas, spec.max_replicas),
        current: status
            .is_some_and(|status| status.observed_generation >= moment.pool.metadata.generation),
    })
}

/// A notice, the filter, or the most important keys.
fn notice_or_keys(app: &App, is_narrow: bool) -> Line<'static> {
    if let Some(notice) = app.notice() {
        let (role, sign) = if notice.is_error {
            (Role::Bad, "⚠")
        } else {
            (Role::Good, "✓")
        };
        span(role, format!(" {sign} {} ", notice.text)).into()
    } else if app.mode == Mode::Filter || !app.pools.filter.is_empty() && app.show_pools {
        let cursor = if app.mode == Mode::Filter { "█" } else { "" };
        let filter = format!("{}{cursor} ", app.pools.filter);
        span(Role::Bold, tr!(app.out.lang, "cli-screen-filter")) + span(Role::Plain, filter)
    } else {
        span(Role::Dim, key_hints(app, is_narrow)).into()
    }
}

fn key_hints(app: &App, is_narrow: bool) -> String {
    let lang = app.out.lang;
    let writes = if app.readonly {
        tr!(lang, "cli-footer-readonly")
    } else {
        tr!(lang, "cli-footer-writes")
    };
    let navigation = if app.show_pools {
        tr!(lang, "cli-footer-pools")
    } else if is_narrow {
        tr!(lang, "cli-footer-time-narrow")
    } else {
        tr!(lang, "cli-footer-time")
    };
    tr!(lang, "cli-footer-keys", navigation, writes)
}

/// The message of the decision, and below it the next possible changes.
fn message(buffer: &mut Buffer, area: Rect, app: &App, subject: &Subject) {
    let lang = app.out.lang;
    let name = subject.name;
    let Some(decision) = subject.decision else {
        let text = tr!(lang, "cli-footer-undecided", name);
        return line(buffer, area, 0, span(Role::Bad, text));
    };
    let ago = whole_span(time(app.at()) - time(decision.at));
    let age = tr!(lang, "cli-footer-ago", ago);
    let message = app.out.message(decision);
    let message = to_ascii(app.settings.ascii, message);
    let (role, outdated) = if subject.current {
        (Role::Bold, String::new())
    } else {
        (Role::Bad, tr!(lang, "cli-footer-spec-changed"))
    };
    let text = format!("{name}: {message} ({age}).{outdated}");
    let mut lines = wrap(&text, usize::from(area.width)).into_iter();
    let first = lines.next().unwrap_or_default();
    line(buffer, area, 0, span(role, first));
    // The second line gets the rest, which is cut where it does not fit.
    let rest = lines.collect::<Vec<_>>().join(" ");
    line(buffer, area, 1, span(role, rest));
    let area = below(area, MESSAGE_HEIGHT);
    forecast(buffer, area, app, decision, subject.bounds);
}

/// The next possible change in each direction. Decisions from the operator's history have no forecast.
fn forecast(
    buffer: &mut Buffer,
    area: Rect,
    app: &App,
    decision: &DecisionStatus,
    bounds: (i32, i32),
) {
    let Some(forecast) = &decision.next else {
        return;
    };
    let is_wide = area.width >= 100;
    let changes = next_changes(&app.out, decision, bounds, app.at(), is_wide);
    let width = width(changes.iter().map(|(label, _)| label));
    let directions = [
        ("▲", Role::Up, forecast.up.is_some()),
        ("▼", Role::Down, forecast.down.is_some()),
    ];
    for ((row, (label, text)), (sign, role, is_known)) in (0..).zip(changes).zip(directions) {
        // On a narrow screen the sign alone shows the direction.
        let label = if is_wide || !is_known {
            format!("{label:width$}  ")
        } else {
            String::new()
        };
        let spans = vec![
            span(role, format!("{sign} ")),
            span(Role::Dim, label),
            span(Role::Plain, to_ascii(app.settings.ascii, text)),
        ];
        line(buffer, area, row, spans);
    }
}
