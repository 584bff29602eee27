//! All pools, a row each: only what is on the screen is drawn.

use super::app::App;
use super::draw::rank;
use super::pools::Row;
use crate::text::lang::tr;
use crate::tui::style::{Role, below, line, span, title, to_ascii, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the rows around the cursor.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    title(
        buffer,
        area,
        &tr!(
            lang,
            "Pools, problems first",
            "Pools, primero los problemas"
        ),
    );
    let area = below(area, 1);
    let names = [
        tr!(lang, "POOL", "GRUPO"),
        tr!(lang, "QUEUE", "COLA"),
        tr!(lang, "BUSY", "OCUP."),
        tr!(lang, "WORKERS", "TRABAJ."),
        tr!(lang, "WAIT", "ESPERA"),
        tr!(lang, "WHY", "POR QUÉ"),
    ];
    let head = cells(area.width, "", &names, "");
    line(buffer, area, 0, vec![span(Role::Dim, head)]);
    let area = below(area, 1);
    if app.pools.shown(0).next().is_none() {
        let words = match (
            &app.pools.trouble,
            app.pools.whole,
            app.pools.filter.is_empty(),
        ) {
            (Some(trouble), ..) => trouble.clone(),
            (None, false, _) => tr!(
                lang,
                "waiting for the API server …",
                "esperando al servidor de API …"
            ),
            (None, true, false) => {
                tr!(
                    lang,
                    "No pool matches the filter.",
                    "Ningún pool coincide con el filtro."
                )
            }
            (None, true, true) => tr!(
                lang,
                "There is no WorkerPool yet. Make one with: kubectl apply -f manifests/demo.yaml",
                "Todavía no hay ningún WorkerPool. Cree uno con: kubectl apply -f manifests/demo.yaml"
            ),
        };
        for (row, text) in (0..).zip(wrap(&words, usize::from(area.width))) {
            line(buffer, area, row, vec![span(Role::Bold, text)]);
        }
        return;
    }
    let place = app.pools.place();
    let height = usize::from(area.height).max(1);
    // The cursor stays in the middle, but for both ends.
    let skip = place.saturating_sub(height / 2);
    for (at, row) in app.pools.shown(skip).take(height).enumerate() {
        let y = u16::try_from(at).unwrap_or(0);
        line(buffer, area, y, pool(app, row, area.width));
        if skip + at == place {
            buffer.set_style(
                Rect {
                    y: area.y + y,
                    height: 1,
                    ..area
                },
                Role::Chosen.style(),
            );
        }
    }
}

fn pool(app: &App, row: &Row, width: u16) -> Vec<Span<'static>> {
    let number = |n: Option<i32>| n.map_or("?".to_owned(), |n| n.to_string());
    let workers = match (row.replicas, row.desired) {
        (now, wanted) if now == wanted || wanted.is_none() => number(now),
        (now, wanted) => to_ascii(
            app.look.ascii,
            format!("{} → {}", number(now), number(wanted)),
        ),
    };
    let [queue, busy, wait] = row.cells.clone();
    let nobody = tr!(app.out.lang, "nobody works", "nadie trabaja");
    let reason = if row.nobody { &nobody } else { row.reason() };
    // That nothing happens is said in one word: a thousand sentences would hide the one that matters.
    let sentence = match &row.decision {
        Some(decision) if decision.reason != "WithinThresholds" && width >= 100 => to_ascii(
            app.look.ascii,
            app.out.message(&decision.message, decision.at),
        ),
        _ => String::new(),
    };
    let (sign, tone) = rank(row.rank);
    let all = cells(
        width,
        "",
        &[
            row.key.to_string(),
            queue,
            busy,
            workers,
            wait,
            reason.to_owned(),
        ],
        &sentence,
    );
    vec![
        span(tone, sign),
        span(Role::Plain, all.chars().skip(1).collect::<String>()),
    ]
}

/// The columns, the first as wide as there is room.
fn cells(width: u16, sign: &str, cells: &[String; 6], rest: &str) -> String {
    let name = (usize::from(width) * 3 / 10).clamp(20, 44);
    let [pool, queue, busy, workers, wait, why] = cells;
    let pool: String = if pool.chars().count() > name {
        let skip = pool.chars().count() - name + 1;
        format!("…{}", pool.chars().skip(skip).collect::<String>())
    } else {
        pool.clone()
    };
    format!("{sign:1} {pool:name$} {queue:>6} {busy:>7} {workers:>9} {wait:>6}  {why:<15} {rest}")
}
