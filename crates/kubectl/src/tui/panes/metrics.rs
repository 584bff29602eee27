//! The metrics of the open pool: the rows of `metrics`, their age, and the legend of the charts.

use crate::cluster::queue_summary::QueueSummary;
use crate::commands::metrics::{OLDEST_ROW, Panel, Row};
use crate::text::lang::{Lang, tr};
use crate::tui::app::App;
use crate::tui::style::{Role, columns, divider, line, span, wrap};
use crate::tui::timeline::Moment;
use api::time;
use decide::Millis;
use jiff::Timestamp;
use messages::whole_span;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the pane.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(moment) = app.moment() else { return };
    let (lang, at) = (app.out.lang, app.at());
    let metrics = moment.metrics_at(at);
    let reason = moment.unavailable_reason.as_deref().unwrap_or("?");
    let panel = Panel::new(&moment.pool, metrics.ok_or(reason), moment.replicas, at);
    for (i, row) in panel.rows(lang).into_iter().enumerate() {
        // One row further down after the separator.
        let y = u16::try_from(i + usize::from(i > OLDEST_ROW)).unwrap_or(0);
        line(buffer, area, y, metric_line(row));
    }
    let separator = u16::try_from(OLDEST_ROW + 1).unwrap_or(0);
    divider(buffer, columns(area, area.x, area.width - 1), separator);

    let drain = metrics.map_or(Vec::new(), |metrics| drain_times(lang, metrics));
    let text_width = usize::from(area.width) - 1;
    let others = panel.others(lang);
    let others = others.map_or(Vec::new(), |others| wrap(&others, text_width));
    let details = others
        .into_iter()
        .chain(drain)
        .chain([String::new()])
        .chain(legend(lang))
        .map(|text| span(Role::Dim, text));
    let lines = freshness(moment, at, lang, text_width)
        .into_iter()
        .chain(details);
    for (row, text) in (separator + 4..area.height).zip(lines) {
        line(buffer, area, row, text);
    }
}

/// The width of the pane: its labels with the widest value, and the legend.
pub fn width(lang: Lang) -> u16 {
    /// The sign, the colon and a value such as `SCALE DOWN`.
    const BESIDE_LABEL: usize = 17;
    let labels = Panel::labels(lang);
    let labels = labels
        .iter()
        .map(|label| Span::raw(label).width() + BESIDE_LABEL);
    let legend = legend(lang);
    let legend = legend.iter().map(|line| Span::raw(line).width() + 1);
    let width = labels.chain(legend).max().unwrap_or(0);
    u16::try_from(width).unwrap_or(u16::MAX)
}

fn metric_line(Row { sign, label, value }: Row) -> Vec<Span<'static>> {
    let value = shorten(value);
    let role = match sign {
        _ if value == "?" || value.starts_with("? ") => Role::Bad,
        "🔺" => Role::Up,
        "🔻" => Role::Down,
        _ => Role::Bold,
    };
    let gap = " ".repeat(3_usize.saturating_sub(Span::raw(sign).width()));
    let label = format!("{sign}{gap}{label}: ");
    vec![span(Role::Plain, label), span(role, value)]
}

/// Removes a remark in brackets: the reason of an unavailable value and whole sentences are shown elsewhere.
fn shorten(value: String) -> String {
    match value.split_once(" (") {
        Some((start, remark))
            if start == "?" || remark.starts_with(|letter: char| letter.is_uppercase()) =>
        {
            start.to_owned()
        }
        _ => value,
    }
}

/// The age of the metrics, or why they are unavailable.
fn freshness(moment: &Moment, at: Timestamp, lang: Lang, width: usize) -> Vec<Span<'static>> {
    let age = whole_span(time(at) - time(moment.read_at()));
    let (role, text) = match &moment.unavailable_reason {
        Some(reason) => (Role::Bad, format!("? {reason}")),
        None => (Role::Dim, tr!(lang, "cli-metrics-pane-age", age)),
    };
    wrap(&text, width)
        .into_iter()
        .map(|text| span(role, text))
        .collect()
}

/// The meaning of the symbols in the charts.
fn legend(lang: Lang) -> [String; 2] {
    [
        tr!(lang, "cli-metrics-pane-workers"),
        tr!(lang, "cli-metrics-pane-marks"),
    ]
}

/// How long it takes to empty the queue with the live workers, and with one and two more.
fn drain_times(lang: Lang, metrics: &QueueSummary) -> Vec<String> {
    let known = metrics
        .mean
        .zip(metrics.live)
        .filter(|(_, live)| *live > 0 && metrics.ready > 0);
    let Some((mean, live)) = known else {
        return Vec::new();
    };
    let work = u64::try_from(mean.as_millis())
        .unwrap_or(u64::MAX)
        .saturating_mul(metrics.ready);
    let drain_time = |n: u64| {
        let span = whole_span(Millis(i64::try_from(work / n).unwrap_or(i64::MAX)));
        tr!(lang, "cli-metrics-pane-drain", span, n)
    };
    (live..live + 3).map(drain_time).collect()
}
