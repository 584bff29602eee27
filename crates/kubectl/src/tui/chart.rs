//! Queue and workers over time, column by column: thresholds as lines, decisions as marks, gaps where nothing was known.

use crate::text::lang::tr;
use crate::text::output::Out;
use crate::tui::style::{Role, below, line, right, span};
use crate::tui::timeline::{Column, Timeline};
use crate::tui::timers::{Timers, Window};
use api::time;
use decide::PoolSpec;
use jiff::Timestamp;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// What the charts are drawn from.
pub struct Scene<'a> {
    /// What was seen.
    pub past: &'a Timeline,
    /// The rules whose thresholds are drawn.
    pub pool: Option<&'a PoolSpec>,
    /// Left edge.
    pub from: Timestamp,
    /// Right edge.
    pub to: Timestamp,
    /// The moment that is looked at, where it is not the present.
    pub cursor: Option<Timestamp>,
    /// The present.
    pub now: Timestamp,
    /// Words and clock.
    pub out: &'a Out,
    /// Without signs that not every terminal has.
    pub ascii: bool,
}

/// From this height on there is room for the lanes of the clocks.
const ROOMY: u16 = 18;
/// Columns for the numbers to the left, and for the names of lines to the right.
const LEFT: u16 = 8;
const RIGHT: u16 = 4;
/// Parts of a cell that a bar may fill.
const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

struct Plot {
    /// The cells of the plot alone.
    area: Rect,
    /// What the upper edge stands for.
    top: u64,
}

/// Draws both charts into `area`.
pub fn draw(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    if area.width < LEFT + RIGHT + 10 || area.height < 8 {
        return;
    }
    let lang = scene.out.lang;
    let width = area.width - LEFT - RIGHT;
    let columns = scene
        .past
        .columns(scene.from, scene.to, usize::from(width), scene.now);
    // Marks between the charts, clocks and time below them; the queue gets two fifths of the rest.
    let lanes = scene
        .pool
        .filter(|_| area.height >= ROOMY)
        .map(|pool| Timers::of(scene.past, pool, scene.now));
    let free = area.height - 2 - if lanes.is_some() { 3 } else { 0 };
    let high = (free * 2 / 5).max(3);
    let plot = |row: u16, height: u16, top: u64| Plot {
        area: Rect {
            x: area.x + LEFT,
            y: area.y + row,
            width,
            height,
        },
        top,
    };
    let whole = scene.pool.and_then(|pool| {
        pool.rules
            .iter()
            .find(|rules| rules.queue.is_none())
            .or(pool.rules.first())
    });
    let up = whole
        .and_then(|rules| rules.up.queue_length)
        .and_then(|limit| u64::try_from(limit).ok());
    let down = whole
        .and_then(|rules| rules.down.as_ref()?.queue_length)
        .and_then(|limit| u64::try_from(limit).ok());
    let most = columns
        .iter()
        .filter_map(|column| column.ready)
        .max()
        .unwrap_or(0);
    let queue = plot(0, high, most.max(up.unwrap_or(0) * 4 / 3).max(4));
    queue.axis(buffer, tr!(lang, "Queue", "Cola"));
    queue.level(buffer, up, ">", Role::Up);
    queue.level(buffer, down, "<", Role::Down);
    for (x, column) in columns.iter().enumerate() {
        queue.bar(buffer, x, column.ready, Role::Queue);
        queue.unknown(buffer, x, column);
    }
    queue.level_through(buffer, up);

    let marks = below(area, high);
    let bounds = scene.pool.map(|pool| (pool.min, pool.max));
    let wanted = columns
        .iter()
        .filter_map(|column| column.wanted)
        .filter_map(|n| u64::try_from(n).ok())
        .max();
    let peak = columns
        .iter()
        .filter_map(|column| column.live)
        .max()
        .max(wanted)
        .unwrap_or(0)
        .max(3);
    let max = bounds
        .and_then(|(_, max)| u64::try_from(max).ok())
        .filter(|max| *max <= peak * 4);
    let workers = plot(high + 1, free - high, peak.max(max.unwrap_or(0)));
    workers.axis(buffer, "Workers".to_owned());
    workers.level(buffer, max, "max", Role::Dim);
    workers.level(
        buffer,
        bounds.and_then(|(min, _)| u64::try_from(min).ok()),
        "min",
        Role::Dim,
    );
    for (x, column) in columns.iter().enumerate() {
        workers.staff(buffer, x, column);
        workers.unknown(buffer, x, column);
    }
    scene.changes(buffer, marks, &[&queue, &workers]);
    if let Some(lanes) = lanes {
        let cooldown = |sign| tr!(lang, "cool {sign}", "pausa {sign}");
        scene.lane(
            buffer,
            below(area, area.height - 4),
            &lanes.up,
            cooldown('▲'),
            Role::Up,
        );
        scene.lane(
            buffer,
            below(area, area.height - 3),
            &lanes.down,
            cooldown('▼'),
            Role::Down,
        );
        let calm = tr!(lang, "idle", "calma");
        scene.lane(
            buffer,
            below(area, area.height - 2),
            &lanes.idle,
            calm,
            Role::Good,
        );
    }
    scene.axis(buffer, below(area, area.height - 1));
    if let Some((at, x)) = scene
        .cursor
        .and_then(|at| Some((at, scene.column(at, width)?)))
    {
        let clock = format!(" {} ", scene.out.clock(at));
        let left = (area.x + LEFT + x).saturating_sub(5).min(area.right() - 10);
        let place = Rect {
            x: left,
            width: 10,
            ..below(area, area.height - 1)
        };
        line(buffer, place, 0, vec![span(Role::Chosen, clock)]);
        for plot in [&queue, &workers] {
            for y in plot.area.top()..plot.area.bottom() {
                if let Some(cell) = buffer.cell_mut((plot.area.x + x, y)) {
                    cell.set_style(Role::Chosen.style());
                }
            }
        }
    }
}

impl Plot {
    /// How many eighths of a row stand for `n`.
    fn eighths(&self, n: u64) -> u16 {
        let all = u64::from(self.area.height) * 8;
        let part = (n.min(self.top) * all + self.top / 2) / self.top.max(1);
        u16::try_from(if n > 0 { part.max(1) } else { 0 }).unwrap_or(0)
    }

    /// The row in which the level `n` lies, from the bottom.
    fn row(&self, n: u64) -> u16 {
        (self.eighths(n).saturating_sub(1) / 8).min(self.area.height - 1)
    }

    fn put(&self, buffer: &mut Buffer, x: usize, row: u16, symbol: &str, tone: Role) {
        let x = self.area.x + u16::try_from(x).unwrap_or(0);
        if let Some(cell) = buffer.cell_mut((x, self.area.bottom() - 1 - row)) {
            cell.reset();
            cell.set_symbol(symbol).set_style(tone.style());
        }
    }

    fn cell<'a>(&self, buffer: &'a mut Buffer, x: usize, row: u16) -> Option<&'a mut Cell> {
        let x = self.area.x + u16::try_from(x).unwrap_or(0);
        buffer.cell_mut((x, self.area.bottom() - 1 - row))
    }

    fn axis(&self, buffer: &mut Buffer, name: String) {
        let left = Rect {
            x: self.area.x - LEFT,
            width: LEFT - 1,
            ..self.area
        };
        line(buffer, left, 1, vec![span(Role::Bold, name)]);
        right(buffer, left, 0, vec![span(Role::Dim, short(self.top))]);
        right(
            buffer,
            left,
            self.area.height - 1,
            vec![span(Role::Dim, "0")],
        );
    }

    /// A line at `n` with its name to the right.
    fn level(&self, buffer: &mut Buffer, n: Option<u64>, name: &str, tone: Role) {
        let Some(n) = n.filter(|n| *n <= self.top && *n > 0) else {
            return;
        };
        let row = self.row(n);
        (0..usize::from(self.area.width)).for_each(|x| self.put(buffer, x, row, "╌", Role::Dim));
        let edge = Rect {
            x: self.area.right(),
            width: RIGHT,
            ..self.area
        };
        let name = if name.len() > 1 {
            name.to_owned()
        } else {
            format!("{name}{}", short(n))
        };
        line(
            buffer,
            edge,
            self.area.height - 1 - row,
            vec![span(tone, name)],
        );
    }

    /// The same line where bars cover it: it cuts through them.
    fn level_through(&self, buffer: &mut Buffer, n: Option<u64>) {
        let Some(row) = n.filter(|n| *n <= self.top && *n > 0).map(|n| self.row(n)) else {
            return;
        };
        for x in 0..usize::from(self.area.width) {
            if let Some(cell) = self
                .cell(buffer, x, row)
                .filter(|cell| cell.symbol() == "█")
            {
                cell.set_symbol("╌")
                    .set_style(Style::new().add_modifier(Modifier::REVERSED));
            }
        }
    }

    fn bar(&self, buffer: &mut Buffer, x: usize, n: Option<u64>, tone: Role) {
        let Some(n) = n else { return };
        let full = self.eighths(n);
        // Zero is a line at the bottom, so that it differs from what is unknown.
        let full = full.max(1);
        for row in 0..self.area.height {
            let part = full.saturating_sub(row * 8).min(8);
            if part > 0 {
                let tone = if n == 0 { Role::Dim } else { tone };
                self.put(buffer, x, row, EIGHTHS[usize::from(part)], tone);
            }
        }
    }

    /// Those that work, above them those that could, and how many are wanted.
    fn staff(&self, buffer: &mut Buffer, x: usize, column: &Column) {
        if let Some(live) = column.live {
            for row in 0..self.area.height {
                if self.eighths(live) >= row * 8 + 4 {
                    self.put(buffer, x, row, "░", Role::Good);
                }
            }
            self.bar(
                buffer,
                x,
                column.busy.filter(|busy| *busy > 0 || live == 0),
                Role::Good,
            );
        }
        let Some(wanted) = column.wanted.and_then(|n| u64::try_from(n).ok()) else {
            return;
        };
        let row = self.row(wanted);
        let full = column
            .busy
            .is_some_and(|busy| self.row(busy) == row && busy > 0);
        if !full || column.live.is_some_and(|live| live > wanted) {
            self.put(buffer, x, row, "━", Role::Bold);
        }
    }

    /// `?` at the bottom where somebody looked and could not see.
    fn unknown(&self, buffer: &mut Buffer, x: usize, column: &Column) {
        if column.blind && column.ready.is_none() {
            self.put(buffer, x, 0, "?", Role::Bad);
        }
    }
}

impl Scene<'_> {
    fn column(&self, at: Timestamp, width: u16) -> Option<u16> {
        let (from, to, at) = (time(self.from).0, time(self.to).0, time(at).0);
        let x = (at - from) * i64::from(width) / (to - from).max(1);
        u16::try_from(x)
            .ok()
            .filter(|x| at >= from && at <= to && *x <= width)
            .map(|x| x.min(width - 1))
    }

    /// The columns of which a part lies in one of `windows`.
    fn lane(&self, buffer: &mut Buffer, area: Rect, windows: &[Window], name: String, tone: Role) {
        let width = area.width - LEFT - RIGHT;
        right(
            buffer,
            Rect {
                width: LEFT - 1,
                ..area
            },
            0,
            vec![span(Role::Dim, name)],
        );
        let (from, to) = (time(self.from).0, time(self.to).0);
        let edge = |x: u16| from + (to - from) * i64::from(x) / i64::from(width);
        for x in 0..width {
            let shaded = windows
                .iter()
                .any(|(start, end)| *start < edge(x + 1) && edge(x) < *end);
            if shaded && let Some(cell) = buffer.cell_mut((area.x + LEFT + x, area.y)) {
                cell.set_symbol("▒").set_style(tone.style());
            }
        }
    }

    /// Each decision: a sign with its numbers between the charts, and a line through both.
    fn changes(&self, buffer: &mut Buffer, area: Rect, plots: &[&Plot]) {
        let width = area.width - LEFT - RIGHT;
        let all = self.past.changes(self.to);
        let seen: Vec<_> = all
            .iter()
            .filter_map(|change| Some((self.column(change.at, width)?, change)))
            .collect();
        for (i, (x, change)) in seen.iter().enumerate() {
            let (sign, tone) = if change.to > change.from {
                ("▲", Role::Up)
            } else {
                ("▼", Role::Down)
            };
            let room = seen.get(i + 1).map_or(width + RIGHT, |(next, _)| *next) - x;
            let arrow = if self.ascii { "->" } else { "→" };
            let long = format!("{sign}{}{arrow}{}", change.from, change.to);
            let words = [long, format!("{sign}{}", change.to), sign.to_owned()];
            let words = words
                .into_iter()
                .find(|words| words.chars().count() < usize::from(room.max(2)));
            let place = Rect {
                x: area.x + LEFT + x,
                width: room,
                ..area
            };
            line(
                buffer,
                place,
                0,
                vec![span(tone, words.unwrap_or_else(|| sign.to_owned()))],
            );
            for plot in plots {
                for row in 0..plot.area.height {
                    let free = plot.cell(buffer, usize::from(*x), row).is_some_and(|cell| {
                        matches!(cell.symbol(), " " | "╌")
                            && !cell.modifier.contains(Modifier::REVERSED)
                    });
                    if free {
                        plot.put(buffer, usize::from(*x), row, "┊", tone);
                    }
                }
            }
        }
    }

    /// The time of day below.
    fn axis(&self, buffer: &mut Buffer, area: Rect) {
        let width = area.width - LEFT - RIGHT;
        let (from, to) = (time(self.from).0, time(self.to).0);
        let wanted = i64::from(width / 12).max(1);
        let steps = [15, 30, 60, 120, 300, 600, 900, 1800, 3600].map(|seconds| seconds * 1000);
        let step = steps
            .into_iter()
            .find(|step| (to - from) / step <= wanted)
            .unwrap_or(3_600_000);
        let mut at = (from + step - 1) / step * step;
        while at <= to {
            let stamp = api::timestamp(decide::Time(at));
            let clock = self.out.clock(stamp);
            let words = if step % 60_000 == 0 {
                clock[..5].to_owned()
            } else {
                clock
            };
            if let Some(x) = self.column(stamp, width) {
                let x = (area.x + LEFT + x).saturating_sub(2).min(area.right() - 8);
                line(
                    buffer,
                    Rect {
                        x,
                        width: 8,
                        ..area
                    },
                    0,
                    vec![span(Role::Dim, words)],
                );
            }
            at += step;
        }
    }
}

/// At most three signs: `950`, `12k`, `3M`.
fn short(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}k", n / 1_000),
        _ => format!("{}M", n / 1_000_000),
    }
}
