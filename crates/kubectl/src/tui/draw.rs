//! The state drawn: where things stand, the line at the top, and the sentence with its countdown at the bottom.

use super::app::{App, Mode};
use super::pools::Rank;
use super::{dialog, panes};
use crate::commands::explain::next_changes;
use crate::text::class_format::minutes;
use crate::text::lang::tr;
use crate::tui::pool_table;
use crate::tui::style::{
    Role, below, line, right, span, to_ascii, without_colors, without_signs, wrap,
};
use api::{DecisionStatus, time};
use decide::Millis;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Below this nothing sensible fits.
const MIN_SIZE: (u16, u16) = (60, 20);

/// How many lines the sentence has.
const SENTENCE: u16 = 2;

/// Draws everything.
pub fn draw(frame: &mut Frame, app: &App) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        let (w, h) = MIN_SIZE;
        let words = tr!(
            app.out.lang,
            "{w}×{h} at least, please",
            "al menos {w}×{h}, por favor"
        );
        line(buffer, area, 0, vec![span(Role::Bold, words)]);
    } else {
        whole(buffer, area, app);
    }
    if !app.look.color {
        without_colors(buffer);
    }
    if app.look.ascii {
        without_signs(buffer);
    }
}

fn whole(buffer: &mut Buffer, area: Rect, app: &App) {
    let foot = 3 + SENTENCE;
    let body = Rect {
        y: area.y + 1,
        height: area.height - 1 - foot,
        ..area
    };
    header(buffer, area, app);
    let decision = if app.listing {
        pool_table::draw(buffer, body, app);
        let row = app.pools.chosen();
        row.map(|row| {
            (
                row.key.name.to_string(),
                row.decision.as_ref(),
                row.bounds,
                row.seen,
            )
        })
    } else {
        panes::draw(buffer, body, app);
        app.title().map(|(_, moment, name)| {
            let (spec, status) = (&moment.pool.spec, moment.status());
            let seen = status.is_some_and(|status| {
                status.observed_generation >= moment.pool.metadata.generation
            });
            let decision = status.and_then(|status| status.decision.as_ref());
            (name, decision, (spec.min_replicas, spec.max_replicas), seen)
        })
    };
    let foot = below(area, area.height - foot);
    divider(buffer, foot, app);
    if let Some((name, decision, bounds, seen)) = decision {
        footer(buffer, below(foot, 1), app, (&name, decision, bounds, seen));
    }
    dialog::draw(buffer, area, app);
}

/// Which pool, how many workers and why in one word; to the right whether this is now.
fn header(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    let clock = app.out.clock(app.at());
    let when = match app.frozen {
        Some((at, _)) if !app.listing => {
            let ago = minutes(time(app.now) - time(at));
            let words = tr!(
                lang,
                " ❚❚ {clock} ({ago} ago) ",
                " ❚❚ {clock} (hace {ago}) "
            );
            span(Role::Chosen, words)
        }
        _ => live(app),
    };
    let room = Rect {
        width: area
            .width
            .saturating_sub(u16::try_from(when.width()).unwrap_or(0) + 1),
        ..area
    };
    right(buffer, area, 0, vec![when]);
    let [trouble, limit, well] = app.pools.totals();
    let spans = if let Some((opened, moment, name)) = app.title().filter(|_| !app.listing) {
        let status = moment.status();
        let desired = status.and_then(|status| status.desired_replicas);
        let number = |n: Option<i32>| n.map_or("?".to_owned(), |n| n.to_string());
        let workers = if desired.is_none() || moment.replicas == desired {
            number(moment.replicas)
        } else {
            to_ascii(
                app.look.ascii,
                format!("{} → {}", number(moment.replicas), number(desired)),
            )
        };
        let (min, max) = (moment.pool.spec.min_replicas, moment.pool.spec.max_replicas);
        let bounds = if area.width < 100 {
            String::new()
        } else {
            format!(" ({min}–{max})")
        };
        let workers = format!("  {workers} workers{bounds}  ");
        let reason = status
            .and_then(|status| status.decision.as_ref())
            .map_or("?", |it| &*it.reason);
        let mut spans = vec![
            span(Role::Dim, format!("{}/", opened.key.namespace)),
            span(Role::Bold, name),
        ];
        spans.extend([span(Role::Plain, workers), span(Role::Bold, reason)]);
        if trouble > 0 {
            let words = tr!(
                lang,
                "  ⚠ {trouble} in trouble (b)",
                "  ⚠ {trouble} con problemas (b)"
            );
            spans.push(span(Role::Bad, words));
        }
        spans
    } else {
        let all = trouble + limit + well;
        vec![
            span(
                Role::Bold,
                if all == 1 {
                    "1 pool".to_owned()
                } else {
                    format!("{all} pools")
                },
            ),
            span(
                Role::Dim,
                if area.width < 100 {
                    "  ".to_owned()
                } else {
                    format!(" {}  ", app.place)
                },
            ),
            span(
                Role::Bad,
                tr!(
                    lang,
                    "⚠ {trouble} in trouble  ",
                    "⚠ {trouble} con problemas  "
                ),
            ),
            span(
                Role::Warn,
                tr!(lang, "▲ {limit} at a limit  ", "▲ {limit} en un límite  "),
            ),
            span(Role::Good, tr!(lang, "✓ {well} well", "✓ {well} bien")),
        ]
    };
    line(buffer, room, 0, spans);
}

/// Whether what is shown is the present, and if not since when.
fn live(app: &App) -> Span<'static> {
    let (lang, clock) = (app.out.lang, app.out.clock(app.now));
    let moment = app.moment().filter(|_| !app.listing);
    if app.listing && app.pools.trouble.is_some() {
        return span(
            Role::Bad,
            tr!(lang, "✖ not watched {clock}", "✖ sin seguimiento {clock}"),
        );
    }
    match moment.filter(|moment| moment.facts(app.now).is_none() && moment.looked() != moment.at) {
        _ if moment.is_some_and(|moment| moment.blind.is_some()) => span(
            Role::Bad,
            tr!(lang, "✖ no facts {clock}", "✖ sin datos {clock}"),
        ),
        Some(moment) => {
            let age = minutes(time(app.now) - time(moment.looked()));
            span(
                Role::Bad,
                tr!(
                    lang,
                    "✖ no look for {age} {clock}",
                    "✖ sin lectura desde hace {age} {clock}"
                ),
            )
        }
        None => span(Role::Good, tr!(lang, "● live {clock}", "● en vivo {clock}")),
    }
}

/// A line with the keys, or with what was said last.
fn divider(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    line(
        buffer,
        area,
        0,
        vec![span(Role::Dim, "─".repeat(usize::from(area.width)))],
    );
    let inner = Rect {
        x: area.x + 1,
        width: area.width - 2,
        height: 1,
        ..area
    };
    if let Some(notice) = app.notice() {
        let tone = if notice.bad { Role::Bad } else { Role::Good };
        let sign = if notice.bad { "⚠" } else { "✓" };
        return line(
            buffer,
            inner,
            0,
            vec![span(tone, format!(" {sign} {} ", notice.text))],
        );
    }
    if app.mode == Mode::Filter || !app.pools.filter.is_empty() && app.listing {
        let cursor = if app.mode == Mode::Filter { "█" } else { "" };
        let words = tr!(lang, " filter: ", " filtro: ");
        return line(
            buffer,
            inner,
            0,
            vec![
                span(Role::Bold, words),
                span(Role::Plain, format!("{}{cursor} ", app.pools.filter)),
            ],
        );
    }
    let writes = if app.readonly {
        tr!(lang, "read-only  ", "solo lectura  ")
    } else {
        tr!(
            lang,
            "s stress  n number  p pause  ",
            "s estrés  n número  p pausa  "
        )
    };
    let narrow = area.width < 110;
    let moves = if app.listing {
        tr!(
            lang,
            "↑↓ enter open  / filter  ",
            "↑↓ enter abrir  / filtrar  "
        )
    } else if narrow {
        tr!(lang, "←→ time  b pools  ", "←→ tiempo  b pools  ")
    } else {
        tr!(
            lang,
            "←→ time  [ ] decisions  space freeze  tab pane  b pools  ",
            "←→ tiempo  [ ] decisiones  espacio congelar  tab panel  b pools  "
        )
    };
    let words = tr!(
        lang,
        " {moves}{writes}? help  q quit ",
        " {moves}{writes}? ayuda  q salir "
    );
    line(buffer, inner, 0, vec![span(Role::Dim, words)]);
}

type Word<'a> = (&'a str, Option<&'a DecisionStatus>, (i32, i32), bool);

/// The sentence that counts, and what comes next and when: where the eye ends.
fn footer(buffer: &mut Buffer, area: Rect, app: &App, (name, decision, bounds, seen): Word) {
    let (lang, at) = (app.out.lang, app.at());
    let Some(decision) = decision else {
        let words = tr!(
            lang,
            "No operator has decided on it yet: kubectl workerpool check {name}",
            "Ningún operador ha decidido aún sobre él: kubectl workerpool check {name}"
        );
        return line(buffer, area, 0, vec![span(Role::Bad, words)]);
    };
    let ago = minutes(Millis((time(at) - time(decision.at)).0.max(0)));
    let (wide, ascii) = (area.width >= 100, app.look.ascii);
    let sentence = to_ascii(ascii, app.out.message(&decision.message, decision.at));
    let stale = if seen {
        String::new()
    } else {
        tr!(
            lang,
            " The spec has changed since, and no operator has seen it.",
            " El spec ha cambiado desde entonces y ningún operador lo ha visto."
        )
    };
    let said_ago = tr!(lang, "{ago} ago", "hace {ago}");
    let words = format!("{name}: {sentence} ({said_ago}).{stale}");
    let tone = if seen { Role::Bold } else { Role::Bad };
    let mut lines = wrap(&words, usize::from(area.width)).into_iter();
    let first = lines.next().unwrap_or_default();
    // What does not fit into the last line is cut with a sign.
    for (row, text) in [first, lines.collect::<Vec<_>>().join(" ")]
        .into_iter()
        .enumerate()
    {
        line(
            buffer,
            area,
            u16::try_from(row).unwrap_or(0),
            vec![span(tone, text)],
        );
    }
    // Of a moment that the operator remembers nobody knows what would have come next.
    let Some(ahead_of) = &decision.next else {
        return;
    };
    let known = [ahead_of.up.is_some(), ahead_of.down.is_some()];
    let next = next_changes(&app.out, decision, bounds, at, wide);
    let width = next
        .iter()
        .map(|(label, _)| label.chars().count())
        .max()
        .unwrap_or(0);
    for (((row, (label, says)), known), (sign, tone)) in (SENTENCE..)
        .zip(next)
        .zip(known)
        .zip([("▲", Role::Up), ("▼", Role::Down)])
    {
        // The sign says which way, where there is no room for words.
        let label = if wide || !known {
            format!("{label:width$}  ")
        } else {
            String::new()
        };
        let spans = [
            (tone, format!("{sign} ")),
            (Role::Dim, label),
            (Role::Plain, to_ascii(ascii, says)),
        ];
        line(
            buffer,
            area,
            row,
            spans.map(|(tone, text)| span(tone, text)).into(),
        );
    }
}

/// The sign and tone of a rank.
#[must_use]
pub fn rank(rank: Rank) -> (&'static str, Role) {
    match rank {
        Rank::Trouble => ("⚠", Role::Bad),
        Rank::Limit => ("▲", Role::Warn),
        Rank::Well => ("✓", Role::Good),
    }
}
