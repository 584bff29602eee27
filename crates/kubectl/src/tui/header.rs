//! The first line: the pool with its replicas and reason, or the totals of all pools; to the right the time that is shown.

use super::app::App;
use super::draw::replicas;
use super::style::{Role, columns, line, line_right, span, to_ascii};
use super::timeline::Moment;
use crate::text::lang::tr;
use api::{Key, time};
use messages::whole_span;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the line.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let shown_time = shown_time(app);
    let taken = u16::try_from(shown_time.width()).unwrap_or(0) + 1;
    let left = columns(area, area.x, area.width.saturating_sub(taken));
    line_right(buffer, area, 0, shown_time);
    let is_narrow = area.width < 100;
    let spans = match app.shown_pool() {
        Some((opened, moment)) => pool_summary(&opened.key, moment, app, is_narrow),
        None => totals(app, is_narrow),
    };
    line(buffer, left, 0, spans);
}

fn pool_summary(key: &Key, moment: &Moment, app: &App, is_narrow: bool) -> Vec<Span<'static>> {
    let (lang, status) = (app.out.lang, moment.status());
    let desired = status.and_then(|status| status.desired_replicas);
    let workers = to_ascii(app.settings.ascii, replicas(moment.replicas, desired));
    let bounds = if is_narrow {
        String::new()
    } else {
        let spec = &moment.pool.spec;
        format!(" ({}–{})", spec.min_replicas, spec.max_replicas)
    };
    let reason = status
        .and_then(|status| status.decision.as_ref())
        .map_or("?", |decision| &*decision.reason);
    let workers = tr!(lang, "cli-header-workers", workers, bounds);
    let mut spans = vec![
        span(Role::Dim, format!("{}/", key.namespace)),
        span(Role::Bold, &*key.name),
        span(Role::Plain, workers),
        span(Role::Bold, reason),
    ];
    let [trouble, ..] = app.pools.totals();
    if trouble > 0 {
        let text = tr!(lang, "cli-header-trouble-key", trouble);
        spans.push(span(Role::Bad, text));
    }
    spans
}

fn totals(app: &App, is_narrow: bool) -> Vec<Span<'static>> {
    let lang = app.out.lang;
    let [trouble, limit, healthy] = app.pools.totals();
    let count = tr!(lang, "cli-header-pools", count = trouble + limit + healthy);
    let scope = if is_narrow {
        "  ".to_owned()
    } else {
        format!(" {}  ", app.scope)
    };
    vec![
        span(Role::Bold, count),
        span(Role::Dim, scope),
        span(Role::Bad, tr!(lang, "cli-header-trouble", trouble)),
        span(Role::Warn, tr!(lang, "cli-header-limit", limit)),
        span(Role::Good, tr!(lang, "cli-header-healthy", healthy)),
    ]
}

/// The time that is shown, and whether it is frozen, live, or without data.
fn shown_time(app: &App) -> Span<'static> {
    let lang = app.out.lang;
    let clock = app.out.clock(app.now);
    let live = || span(Role::Good, tr!(lang, "cli-header-live", clock));
    if app.show_pools {
        if app.pools.watch_error.is_none() {
            return live();
        }
        return span(Role::Bad, tr!(lang, "cli-header-not-watched", clock));
    }
    if let Some((at, _)) = app.frozen {
        let frozen = app.out.clock(at);
        let ago = whole_span(time(app.now) - time(at));
        let text = tr!(lang, "cli-header-frozen", frozen, ago);
        return span(Role::Selected, text);
    }
    let Some(moment) = app.moment() else {
        return live();
    };
    if moment.unavailable_reason.is_some() {
        return span(Role::Bad, tr!(lang, "cli-header-no-metrics", clock));
    }
    if moment.metrics_at(app.now).is_some() || moment.read_at() == moment.at {
        return live();
    }
    let age = whole_span(time(app.now) - time(moment.read_at()));
    let text = tr!(lang, "cli-header-no-poll", age, clock);
    span(Role::Bad, text)
}
