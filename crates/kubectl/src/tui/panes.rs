//! One pool: the class's panel and the charts above, below them who works, how it was decided, and the history.

use super::app::{App, Pane};
use super::chart::{self, Scene};
use crate::cluster::queue_summary::QueueSummary;
use crate::commands::history::change_message;
use crate::commands::metrics::{OLDEST_ROW, Panel, Row};
use crate::text::class_format::minutes;
use crate::text::lang::{Lang, tr};
use crate::tui::style::{Role, below, line, right, span, title, to_ascii, wrap};
use crate::tui::workers::{Activity, WorkersPane};
use api::{Change, time};
use decide::Millis;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// What the panel needs at least.
const PANEL: u16 = 12;
/// What the panes below it need at most: more room is the charts'.
const LOWER: u16 = 13;

/// Draws the pool that is open.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let lower = (area.height * 9 / 20).min(LOWER);
    let upper = (area.height - lower)
        .max(PANEL)
        .min(area.height.saturating_sub(3));
    let wide = if app.out.lang == Lang::Es { 37 } else { 31 };
    let left = Rect {
        width: wide,
        height: upper,
        ..area
    };
    panel(buffer, left, app);
    let charts = Rect {
        x: area.x + wide + 1,
        width: area.width - wide - 1,
        height: upper,
        ..area
    };
    let Some(opened) = &app.opened else { return };
    let (from, to) = app.window();
    let scene = Scene {
        past: &opened.past,
        pool: opened.wishes.as_ref().map(api::ScheduledSpec::pool),
        from,
        to,
        cursor: app.frozen.map(|(at, _)| at),
        now: app.now,
        out: &app.out,
        ascii: app.look.ascii,
    };
    chart::draw(buffer, charts, &scene);
    let lower = below(area, upper);
    let all: &[fn(&mut Buffer, Rect, &App)] = match app.pane {
        Pane::All if area.width >= 130 => &[workers, trail, history],
        Pane::All => &[workers, trail],
        Pane::Workers => &[workers],
        Pane::Trail => &[trail],
        Pane::History => &[history],
    };
    let count = u16::try_from(all.len()).unwrap_or(1);
    for (i, draw) in (0..).zip(all) {
        let (start, end) = (lower.width * i / count, lower.width * (i + 1) / count);
        draw(
            buffer,
            Rect {
                x: lower.x + start,
                width: end - start,
                ..lower
            },
            app,
        );
    }
}

/// The class's panel: facts, what to do, and how old it is.
fn panel(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(moment) = app.moment() else { return };
    let (lang, at) = (app.out.lang, app.at());
    let why = moment.blind.as_deref().unwrap_or("?");
    let panel = Panel::new(
        &moment.pool,
        moment.facts(at).ok_or(why),
        moment.replicas,
        at,
    );
    let short = |value: String| match value.split_once(" (") {
        Some((word, rest))
            if word == "?" || rest.starts_with(|letter: char| letter.is_uppercase()) =>
        {
            word.to_owned()
        }
        _ => value,
    };
    let rows = panel.rows(lang).into_iter().enumerate();
    for (i, Row { sign, label, value }) in rows {
        let value = short(value);
        let tone = match sign {
            _ if value == "?" || value.starts_with("? ") => Role::Bad,
            "🔺" => Role::Up,
            "🔻" => Role::Down,
            _ => Role::Bold,
        };
        let row = u16::try_from(i + usize::from(i > OLDEST_ROW)).unwrap_or(0);
        let gap = " ".repeat(3_usize.saturating_sub(Span::raw(sign).width()));
        let spans = vec![
            span(Role::Plain, format!("{sign}{gap}")),
            span(Role::Plain, format!("{label}: ")),
            span(tone, value),
        ];
        line(buffer, area, row, spans);
    }
    let between = u16::try_from(OLDEST_ROW + 1).unwrap_or(0);
    line(
        buffer,
        area,
        between,
        vec![span(Role::Dim, "─".repeat(usize::from(area.width) - 1))],
    );
    let age = Millis((time(at) - time(moment.looked())).0.max(0));
    let age = minutes(Millis(age.0 / 1000 * 1000));
    let (tone, words) = match &moment.blind {
        Some(why) => (Role::Bad, format!("? {why}")),
        None => (Role::Dim, tr!(lang, "read {age} ago", "leído hace {age}")),
    };
    let words = wrap(&words, usize::from(area.width) - 1)
        .into_iter()
        .map(|text| span(tone, text));
    let empty = moment
        .facts(at)
        .map_or(Vec::new(), |facts| drained(lang, facts));
    let legend = [
        tr!(
            lang,
            "█ busy  ░ idle  ━ wanted",
            "█ ocupado  ░ libre  ━ deseado"
        ),
        tr!(
            lang,
            "▲▼ decision  ╌ limit  ? unknown",
            "▲▼ decisión  ╌ umbral  ? sin datos"
        ),
    ];
    let beside = empty
        .into_iter()
        .chain([String::new()])
        .chain(legend)
        .map(|text| span(Role::Dim, text));
    for (row, text) in (between + 4..area.height).zip(words.chain(beside)) {
        line(buffer, area, row, vec![text]);
    }
}

/// How long the queue takes to be empty with the workers there are, and with one and two more.
fn drained(lang: Lang, facts: &QueueSummary) -> Vec<String> {
    let known = facts
        .mean
        .zip(facts.live)
        .filter(|(_, live)| *live > 0 && facts.ready > 0);
    let Some((mean, live)) = known else {
        return Vec::new();
    };
    let millis = |workers: u64| {
        u64::try_from(mean.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_mul(facts.ready)
            / workers
    };
    let line = |n: u64| {
        let span = minutes(Millis(i64::try_from(millis(n)).unwrap_or(i64::MAX)));
        tr!(lang, "empty in {span} with {n}", "vacía en {span} con {n}")
    };
    (live..live + 3).map(line).collect()
}

/// Who works, on what state since when, and who goes next.
fn workers(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(moment) = app.moment() else { return };
    let (lang, at) = (app.out.lang, app.at());
    let staff = WorkersPane::new(moment, at);
    let there = staff.rows.len();
    let wanted = moment.replicas.map_or("?".to_owned(), |n| n.to_string());
    let name = match moment.facts(at) {
        None => "Workers: ?".to_owned(),
        Some(_) if !staff.known => {
            tr!(
                lang,
                "Workers: {wanted}, not told by name",
                "Workers: {wanted}, sin saber cuáles"
            )
        }
        Some(_) => {
            tr!(
                lang,
                "Workers: {there} of {wanted} registered",
                "Workers: {there} de {wanted} registrados"
            )
        }
    };
    title(buffer, area, &name);
    let area = below(
        Rect {
            width: area.width.saturating_sub(2),
            ..area
        },
        1,
    );
    let room = usize::from(area.height);
    let skip = if app.pane == Pane::Workers {
        app.scroll.min(there.saturating_sub(room))
    } else {
        0
    };
    let more = there.saturating_sub(skip + room);
    for (row, worker) in (0..area.height).zip(staff.rows.iter().skip(skip)) {
        if more > 0 && row + 1 == area.height {
            let more = more + 1;
            line(
                buffer,
                area,
                row,
                vec![span(Role::Dim, tr!(lang, "… {more} more", "… {more} más"))],
            );
            break;
        }
        let (sign, tone, word) = match worker.doing {
            Activity::Busy => ("█", Role::Good, tr!(lang, "busy", "ocupado")),
            Activity::Idle => ("░", Role::Dim, tr!(lang, "idle", "libre")),
            Activity::Draining => ("▼", Role::Down, tr!(lang, "draining", "drenando")),
            Activity::Stalled => ("⚠", Role::Bad, tr!(lang, "deaf", "sordo")),
            Activity::Unknown => ("?", Role::Bad, "?".to_owned()),
        };
        let since = worker.since.map_or(String::new(), minutes);
        let cpu = worker.cpu.map_or(String::new(), |cpu| format!("{cpu:.0}%"));
        let goes = match worker.goes {
            Some(n) if n <= staff.step => tr!(lang, "goes next", "se va"),
            Some(n) => format!("{n}."),
            None => String::new(),
        };
        let state = format!("{sign} {word:<8}{since:>7}{cpu:>5} ");
        let name = usize::from(area.width)
            .saturating_sub(state.chars().count() + 10)
            .max(5);
        let skip = worker.name.chars().count().saturating_sub(name);
        let short: String = worker.name.chars().skip(skip).collect();
        line(
            buffer,
            area,
            row,
            vec![span(tone, state), span(Role::Plain, short)],
        );
        let goes_tone = if worker.goes.is_some_and(|n| n <= staff.step) {
            Role::Down
        } else {
            Role::Dim
        };
        right(buffer, area, row, vec![span(goes_tone, goes)]);
    }
}

/// How the number came about, a step a line.
fn trail(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    title(
        buffer,
        area,
        &tr!(lang, "How it was decided", "Cómo se decidió"),
    );
    let area = below(area, 1);
    let Some(decision) = app
        .moment()
        .and_then(|moment| moment.status()?.decision.as_ref())
    else {
        return;
    };
    let narrow = area.width < 60;
    let label = |step: &str| {
        if narrow {
            let step = step
                .replace("scaleUp.", "▲ ")
                .replace("scaleDown.", "▼ ")
                .replace("Percent", "");
            step.replace("stabilizationWindowSeconds", "window")
                .replace("utilization", "util")
        } else {
            step.to_owned()
        }
    };
    let steps: Vec<_> = decision
        .steps
        .iter()
        .map(|step| {
            (
                label(&step.name),
                to_ascii(app.look.ascii, app.out.step(&step.detail, decision.at)),
            )
        })
        .collect();
    let width = steps
        .iter()
        .map(|(label, _)| label.chars().count())
        .max()
        .unwrap_or(0);
    let skip = if app.pane == Pane::Trail {
        app.scroll.min(steps.len().saturating_sub(1))
    } else {
        0
    };
    for (row, (label, says)) in (0..area.height).zip(steps.into_iter().skip(skip)) {
        let label = format!("{label:width$} ");
        line(
            buffer,
            area,
            row,
            vec![span(Role::Dim, label), span(Role::Plain, says)],
        );
    }
}

/// Half of the pushes that led to a change were answered within this, and the slowest one; in milliseconds.
fn reactions(changes: &[Change]) -> Option<(i32, i32)> {
    let mut all: Vec<i32> = changes
        .iter()
        .filter_map(|change| change.latency_millis)
        .collect();
    all.sort_unstable();
    Some((*all.get(all.len().saturating_sub(1) / 2)?, *all.last()?))
}

/// The changes, the newest first.
fn history(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    let changes = app
        .opened
        .as_ref()
        .map_or(&[][..], |opened| opened.past.changes(app.at()));
    let title_of = match reactions(changes) {
        Some((half, worst)) => tr!(
            lang,
            "History, push to patch {half} ms, at most {worst} ms",
            "Historial, de empuje a parche {half} ms, máx. {worst} ms"
        ),
        None => tr!(lang, "History", "Historial"),
    };
    title(buffer, area, &title_of);
    let area = below(area, 1);
    if app.opened.is_none() {
        return;
    }
    if changes.is_empty() {
        let none = tr!(
            lang,
            "The number has not changed yet.",
            "El número no ha cambiado todavía."
        );
        return line(buffer, area, 0, vec![span(Role::Dim, none)]);
    }
    let skip = if app.pane == Pane::History {
        app.scroll.min(changes.len() - 1)
    } else {
        0
    };
    for (row, change) in (0..area.height).zip(changes.iter().rev().skip(skip)) {
        let (sign, tone) = if change.to > change.from {
            ("▲", Role::Up)
        } else {
            ("▼", Role::Down)
        };
        let old = time(app.now) - time(change.at) > Millis::seconds(20 * 3600);
        let day = if old {
            change
                .at
                .to_zoned(app.out.zone().clone())
                .strftime("%m-%d ")
                .to_string()
        } else {
            String::new()
        };
        let spans = vec![
            span(Role::Dim, format!("{day}{} ", app.out.clock(change.at))),
            span(
                tone,
                to_ascii(
                    app.look.ascii,
                    format!("{sign} {} → {} ", change.from, change.to),
                ),
            ),
            span(
                Role::Plain,
                to_ascii(app.look.ascii, change_message(change, &app.out)),
            ),
        ];
        line(buffer, area, row, spans);
    }
}
