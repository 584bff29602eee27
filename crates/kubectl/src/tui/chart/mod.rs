//! Queue and workers over time, column by column: thresholds as lines, changes as marks, gaps where metrics are missing.

mod plot;

use super::style::{Role, below, columns, line, line_right, span};
use super::timeline::{Column, Timeline};
use super::timers::{Timers, Window};
use crate::text::lang::tr;
use crate::text::output::Out;
use api::time;
use decide::PoolSpec;
use jiff::Timestamp;
use plot::Plot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What the charts show.
pub struct Scene<'a> {
    /// The data.
    pub timeline: &'a Timeline,
    /// The rules whose thresholds are drawn.
    pub spec: Option<&'a PoolSpec>,
    /// Left edge.
    pub from: Timestamp,
    /// Right edge.
    pub to: Timestamp,
    /// The selected time, where it is not the present.
    pub cursor: Option<Timestamp>,
    /// The present.
    pub now: Timestamp,
    /// Language and time zone.
    pub out: &'a Out,
    /// Only ASCII characters.
    pub ascii: bool,
}

/// The timers are shown from this height on.
const MIN_HEIGHT_WITH_TIMERS: u16 = 18;
/// Columns for the numbers to the left of the plots, and for the names of lines to the right.
const LEFT: u16 = 8;
const RIGHT: u16 = 4;
/// The values of the time axis' steps in milliseconds.
const TIME_STEPS: [i64; 9] = [
    15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000,
];

/// Draws both charts into `area`.
pub fn draw(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    if area.width < LEFT + RIGHT + 10 || area.height < 8 {
        return;
    }
    let width = area.width - LEFT - RIGHT;
    let columns = scene
        .timeline
        .columns(scene.from, scene.to, usize::from(width), scene.now);
    let timers = scene
        .spec
        .filter(|_| area.height >= MIN_HEIGHT_WITH_TIMERS)
        .map(|spec| Timers::new(scene.timeline, spec, scene.now));
    // The changes are between the charts, timers and time below them; the queue gets two fifths of the rest.
    let plots_height = area.height - 2 - if timers.is_some() { 3 } else { 0 };
    let queue_height = (plots_height * 2 / 5).max(3);
    let plot_area = |row: u16, height| Rect::new(area.x + LEFT, area.y + row, width, height);
    let queue = scene.queue(buffer, plot_area(0, queue_height), &columns);
    let workers_area = plot_area(queue_height + 1, plots_height - queue_height);
    let workers = scene.workers(buffer, workers_area, &columns);
    scene.changes(buffer, below(area, queue_height), [&queue, &workers]);
    if let Some(timers) = timers {
        scene.timers(buffer, below(area, area.height - 4), &timers);
    }
    let time_axis = below(area, area.height - 1);
    scene.time_axis(buffer, time_axis);
    scene.cursor(buffer, time_axis, [&queue, &workers]);
}

impl Scene<'_> {
    fn queue(&self, buffer: &mut Buffer, area: Rect, columns: &[Column]) -> Plot {
        let rules = self.spec.and_then(|spec| {
            spec.rules
                .iter()
                .find(|rules| rules.queue.is_none())
                .or(spec.rules.first())
        });
        let threshold = |limit: Option<i64>| limit.and_then(|limit| u64::try_from(limit).ok());
        let up = threshold(rules.and_then(|rules| rules.up.queue_length));
        let down = threshold(rules.and_then(|rules| rules.down.as_ref()?.queue_length));
        let longest = columns.iter().filter_map(|column| column.ready).max();
        let max = longest.unwrap_or(0).max(up.unwrap_or(0) * 4 / 3).max(4);
        let plot = Plot { area, max };
        plot.axis(buffer, tr!(self.out.lang, "cli-chart-queue"));
        plot.level(buffer, up, ">", Role::Up);
        plot.level(buffer, down, "<", Role::Down);
        for (x, column) in columns.iter().enumerate() {
            plot.bar(buffer, x, column.ready, Role::Queue);
            plot.unavailable(buffer, x, column);
        }
        plot.level_over_bars(buffer, up);
        plot
    }

    fn workers(&self, buffer: &mut Buffer, area: Rect, columns: &[Column]) -> Plot {
        let live = columns.iter().filter_map(|column| column.live);
        let desired = columns
            .iter()
            .filter_map(|column| u64::try_from(column.desired?).ok());
        let peak = live.chain(desired).max().unwrap_or(0).max(3);
        let bound = |bound: Option<i32>| bound.and_then(|n| u64::try_from(n).ok());
        let min = bound(self.spec.map(|spec| spec.min));
        // A maximum far above the peak would flatten the bars.
        let max = bound(self.spec.map(|spec| spec.max)).filter(|max| *max <= peak * 4);
        let plot = Plot {
            area,
            max: peak.max(max.unwrap_or(0)),
        };
        plot.axis(buffer, "Workers".to_owned());
        plot.level(buffer, max, "max", Role::Dim);
        plot.level(buffer, min, "min", Role::Dim);
        for (x, column) in columns.iter().enumerate() {
            plot.workers(buffer, x, column);
            plot.unavailable(buffer, x, column);
        }
        plot
    }

    /// The column of a plot of this width in which `at` lies.
    fn column(&self, at: Timestamp, width: u16) -> Option<u16> {
        let (from, to, at) = (time(self.from).0, time(self.to).0, time(at).0);
        let x = (at - from) * i64::from(width) / (to - from).max(1);
        u16::try_from(x)
            .ok()
            .filter(|x| at >= from && at <= to && *x <= width)
            .map(|x| x.min(width - 1))
    }

    fn timers(&self, buffer: &mut Buffer, area: Rect, timers: &Timers) {
        let lang = self.out.lang;
        let cooldown = |sign| tr!(lang, "cli-chart-cooldown", sign);
        let idle = tr!(lang, "cli-chart-idle");
        for (row, windows, name, role) in [
            (0, &timers.up, cooldown('▲'), Role::Up),
            (1, &timers.down, cooldown('▼'), Role::Down),
            (2, &timers.idle, idle, Role::Good),
        ] {
            self.timer(buffer, below(area, row), windows, name, role);
        }
    }

    /// Fills the columns that overlap one of `windows`.
    fn timer(&self, buffer: &mut Buffer, area: Rect, windows: &[Window], name: String, role: Role) {
        let width = area.width - LEFT - RIGHT;
        let left = columns(area, area.x, LEFT - 1);
        line_right(buffer, left, 0, span(Role::Dim, name));
        let (from, to) = (time(self.from).0, time(self.to).0);
        let edge = |x: u16| from + (to - from) * i64::from(x) / i64::from(width);
        for x in 0..width {
            let overlaps = windows
                .iter()
                .any(|(start, end)| *start < edge(x + 1) && edge(x) < *end);
            if overlaps && let Some(cell) = buffer.cell_mut((area.x + LEFT + x, area.y)) {
                cell.set_symbol("▒").set_style(role.style());
            }
        }
    }

    /// Each change: its direction and replicas in `area`, as far as they fit, and a line through the plots.
    fn changes(&self, buffer: &mut Buffer, area: Rect, plots: [&Plot; 2]) {
        let width = area.width - LEFT - RIGHT;
        let changes: Vec<_> = self
            .timeline
            .changes(self.to)
            .iter()
            .filter_map(|change| Some((self.column(change.at, width)?, change)))
            .collect();
        for (i, (x, change)) in changes.iter().enumerate() {
            let (sign, role) = if change.to > change.from {
                ("▲", Role::Up)
            } else {
                ("▼", Role::Down)
            };
            let free = changes.get(i + 1).map_or(width + RIGHT, |(next, _)| *next) - x;
            let arrow = if self.ascii { "->" } else { "→" };
            let labels = [
                format!("{sign}{}{arrow}{}", change.from, change.to),
                format!("{sign}{}", change.to),
            ];
            let label = labels
                .into_iter()
                .find(|label| label.chars().count() < usize::from(free.max(2)))
                .unwrap_or_else(|| sign.to_owned());
            let label_area = columns(area, area.x + LEFT + x, free);
            line(buffer, label_area, 0, span(role, label));
            for plot in plots {
                plot.vertical_line(buffer, usize::from(*x), role);
            }
        }
    }

    fn time_axis(&self, buffer: &mut Buffer, area: Rect) {
        let width = area.width - LEFT - RIGHT;
        let (from, to) = (time(self.from).0, time(self.to).0);
        let most = i64::from(width / 12).max(1);
        let step = TIME_STEPS
            .into_iter()
            .find(|step| (to - from) / step <= most)
            .unwrap_or(3_600_000);
        let mut at = (from + step - 1) / step * step;
        while at <= to {
            let timestamp = api::timestamp(decide::Time(at));
            let clock = self.out.clock(timestamp);
            let label = if step % 60_000 == 0 {
                clock[..5].to_owned()
            } else {
                clock
            };
            if let Some(x) = self.column(timestamp, width) {
                let x = (area.x + LEFT + x).saturating_sub(2).min(area.right() - 8);
                line(buffer, columns(area, x, 8), 0, span(Role::Dim, label));
            }
            at += step;
        }
    }

    /// The selected time on the time axis, and its column in the plots.
    fn cursor(&self, buffer: &mut Buffer, area: Rect, plots: [&Plot; 2]) {
        let width = area.width - LEFT - RIGHT;
        let Some(at) = self.cursor else { return };
        let Some(x) = self.column(at, width) else {
            return;
        };
        let clock = format!(" {} ", self.out.clock(at));
        let left = (area.x + LEFT + x).saturating_sub(5).min(area.right() - 10);
        let label_area = columns(area, left, 10);
        line(buffer, label_area, 0, span(Role::Selected, clock));
        for plot in plots {
            let column = columns(plot.area, plot.area.x + x, 1);
            buffer.set_style(column, Role::Selected.style());
        }
    }
}
