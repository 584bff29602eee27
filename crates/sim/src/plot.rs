//! A run as an SVG picture: waiting tasks, workers, and each decision with its reason along one time axis. It has no
//! background and uses colours that are readable on white and on black.

use crate::table::{CALENDAR, clock};
use crate::{Change, Point, Run};
use decide::Time;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 118.0;
const RIGHT: f64 = 936.0;
const QUEUE_HEIGHT: f64 = 116.0;
const WORKERS_HEIGHT: f64 = 164.0;
const LANE_HEIGHT: f64 = 17.0;
/// One colour per policy.
const COLOURS: [&str; 2] = ["#3b82f6", "#f97316"];

const STYLE: &str = "<style>\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#768390}\
.name{font-weight:600;font-size:14px}.head{font-weight:600}.small{font-size:11px}\
.grid{stroke:#768390;stroke-opacity:.22;fill:none}.area{stroke:none}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}\
</style>";

/// A panel: maps a time and a value to a position in the picture.
struct Panel {
    start: i64,
    end: i64,
    top: f64,
    height: f64,
    max: f64,
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
impl Panel {
    fn x(&self, at: Time) -> f64 {
        let share = (at.0 - self.start) as f64 / (self.end - self.start).max(1) as f64;
        LEFT + share * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - value / self.max)
    }

    /// A stepped line through the known values; with `area`, closed at the baseline.
    fn path(&self, points: &[Point], value: impl Fn(&Point) -> Option<i64>, area: bool) -> String {
        let mut path = String::new();
        let mut previous = None;
        let mut area_start = 0.0;
        let baseline = self.y(0.0);
        let close = |path: &mut String, x: f64| {
            if area {
                let _ = write!(path, "V{baseline:.1}H{x:.1}Z");
            }
        };
        for point in points {
            let x = self.x(point.at);
            match (value(point), previous) {
                (Some(n), None) => {
                    area_start = x;
                    let _ = write!(path, "M{x:.1} {:.1}", self.y(n as f64));
                    previous = Some(n);
                }
                (Some(n), Some(before)) if n != before => {
                    let _ = write!(path, "H{x:.1}V{:.1}", self.y(n as f64));
                    previous = Some(n);
                }
                (None, Some(_)) => {
                    let _ = write!(path, "H{x:.1}");
                    close(&mut path, area_start);
                    previous = None;
                }
                _ => {}
            }
        }
        if previous.is_some() {
            let _ = write!(path, "H{:.1}", self.x(Time(self.end)));
            close(&mut path, area_start);
        }
        path
    }

    /// Draws the grid with its labels, and the title and the legend above it.
    fn draw_frame(&self, svg: &mut String, title: &str, legend: &[(&str, &str, &str)]) {
        let step = round_step(self.max / 3.0);
        let mut value = 0.0;
        while value <= self.max {
            let y = self.y(value);
            let _ = write!(
                svg,
                "<path class='grid' d='M{LEFT} {y:.1}H{RIGHT}'/><text x='{}' y='{:.1}' text-anchor='end'>{value}</text>",
                LEFT - 8.0,
                y + 4.0
            );
            value += step;
        }
        let y = self.top - 10.0;
        let _ = write!(svg, "<text class='head' x='{LEFT}' y='{y}'>{title}</text>");
        let mut x = RIGHT;
        for (label, colour, opacity) in legend.iter().rev() {
            x -= label.chars().count() as f64 * 6.3 + 6.0;
            let _ = write!(svg, "<text x='{x:.1}' y='{y}'>{}</text>", escape(label));
            x -= 18.0;
            let _ = write!(
                svg,
                "<rect x='{x:.1}' y='{:.1}' width='12' height='8' rx='2' fill='{colour}' fill-opacity='{opacity}'/>",
                y - 8.0
            );
            x -= 14.0;
        }
    }
}

/// The picture of one run, or of two runs of the same work.
pub fn plot(runs: &[&Run]) -> String {
    let is_comparison = runs.len() > 1;
    let run_colour = |colour| is_comparison.then_some(colour);
    let mut svg = String::new();
    let mut top = 8.0;
    for (run, colour) in runs.iter().zip(COLOURS) {
        top += 18.0;
        title(&mut svg, run, top, run_colour(colour));
    }
    top += 40.0;
    let (queue, workers) = panels(runs, top);
    queue.draw_frame(&mut svg, "waiting tasks", &[]);
    if is_comparison {
        workers.draw_frame(&mut svg, "desired workers", &[]);
    } else {
        let legend = [
            ("busy", COLOURS[0], ".5"),
            ("live", COLOURS[0], ".18"),
            ("desired", COLOURS[1], "1"),
        ];
        workers.draw_frame(&mut svg, "workers", &legend);
    }
    for (run, colour) in runs.iter().zip(COLOURS) {
        let points = one_point_per_pixel(&queue, &run.points);
        draw_queue(&mut svg, &queue, &points, colour);
        if is_comparison {
            draw_line(&mut svg, &workers, &points, colour);
        } else {
            draw_workers(&mut svg, &workers, &points);
            draw_jumps(&mut svg, &workers, &run.changes);
        }
    }
    top = workers.top + WORKERS_HEIGHT + 40.0;
    let _ = write!(
        svg,
        "<text class='head' x='{LEFT}' y='{}'>decisions</text>",
        top - 10.0
    );
    for (run, colour) in runs.iter().zip(COLOURS) {
        top = draw_lanes(&mut svg, &workers, run, top, run_colour(colour));
    }
    draw_time_axis(&mut svg, &workers, queue.top, top);
    let height = top + 30.0;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' role='img'>\n{STYLE}\n{}\n</svg>\n",
        svg.replace("/><", "/>\n<")
    )
}

/// The panels of the queue, from `top` on, and of the workers below it.
#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn panels(runs: &[&Run], top: f64) -> (Panel, Panel) {
    let points = || runs.iter().flat_map(|run| &run.points);
    let start = points().map(|point| point.at.0).min().unwrap_or(0);
    let end = points().map(|point| point.at.0).max().unwrap_or(0);
    let end = end.max(start + 1);
    let max_ready = points().filter_map(|point| point.ready).max().unwrap_or(0);
    let max_workers = points()
        .map(|point| point.live.unwrap_or(0).max(point.desired.into()))
        .max()
        .unwrap_or(0);
    let queue = Panel {
        start,
        end,
        top,
        height: QUEUE_HEIGHT,
        max: ceiling(max_ready as f64),
    };
    let workers = Panel {
        start,
        end,
        top: top + QUEUE_HEIGHT + 44.0,
        height: WORKERS_HEIGHT,
        max: ceiling(max_workers as f64),
    };
    (queue, workers)
}

fn draw_queue(svg: &mut String, panel: &Panel, points: &[Point], colour: &str) {
    let area = panel.path(points, |point| point.ready, true);
    let line = panel.path(points, |point| point.ready, false);
    let _ = write!(
        svg,
        "<path class='area' fill='{colour}' fill-opacity='.22' d='{area}'/><path class='line' stroke='{colour}' d='{line}'/>"
    );
}

/// Draws the desired workers as a line.
fn draw_line(svg: &mut String, panel: &Panel, points: &[Point], colour: &str) {
    let desired = panel.path(points, |point| Some(point.desired.into()), false);
    let _ = write!(svg, "<path class='line' stroke='{colour}' d='{desired}'/>");
}

/// Draws the live and the busy workers as areas, and the desired ones as a line.
fn draw_workers(svg: &mut String, panel: &Panel, points: &[Point]) {
    let live = panel.path(points, |point| point.live, true);
    let busy = panel.path(points, |point| point.busy, true);
    let colour = COLOURS[0];
    let _ = write!(
        svg,
        "<path class='area' fill='{colour}' fill-opacity='.18' d='{live}'/><path class='area' fill='{colour}' fill-opacity='.42' d='{busy}'/>"
    );
    draw_line(svg, panel, points, COLOURS[1]);
}

fn title(svg: &mut String, run: &Run, y: f64, colour: Option<&str>) {
    let colour = colour.map_or(String::new(), |colour| format!(" style='fill:{colour}'"));
    let _ = write!(
        svg,
        "<text class='name' x='16' y='{y}'{colour}>{}</text>",
        escape(&run.name)
    );
    let figures = match &run.summary {
        Some(summary) => format!(
            "{} tasks · 99 % waited at most {:.1} s · {:.2} % late · {:.2} worker-hours, {:.2} × the work · {} changes",
            summary.tasks,
            summary.wait_p99,
            summary.late_share * 100.0,
            summary.worker_hours,
            summary.factor(),
            summary.changes
        ),
        None => format!("{} changes", run.change_count),
    };
    let _ = write!(
        svg,
        "<text x='{RIGHT}' y='{y}' text-anchor='end'>{figures}</text>"
    );
}

/// Merges the points of each pixel: the longest queue there, and the workers at its end.
fn one_point_per_pixel(panel: &Panel, points: &[Point]) -> Vec<Point> {
    let mut merged: Vec<Point> = Vec::new();
    for point in points {
        match merged.last_mut() {
            Some(last) if panel.x(point.at).floor() <= panel.x(last.at).floor() => {
                *last = Point {
                    at: last.at,
                    ready: last.ready.max(point.ready),
                    ..*point
                };
            }
            _ => merged.push(*point),
        }
    }
    merged
}

/// Labels the largest rises with their numbers where there is room; rises that follow each other closely become one.
fn draw_jumps(svg: &mut String, panel: &Panel, changes: &[Change]) {
    let mut rises: Vec<(f64, i32, i32)> = Vec::new();
    for change in changes {
        let x = panel.x(change.at);
        match rises.last_mut() {
            Some((start, _, to))
                if change.to > change.from && change.from == *to && x - *start < 20.0 =>
            {
                *to = change.to;
            }
            _ => rises.push((x, change.from, change.to)),
        }
    }
    rises.retain(|(_, from, to)| to > from);
    rises.sort_by_key(|(_, from, to)| from - to);
    let mut occupied: Vec<f64> = Vec::new();
    for (x, from, to) in rises {
        let x = x.clamp(LEFT + 26.0, RIGHT - 26.0);
        if occupied.len() >= 8 || occupied.iter().any(|other| (other - x).abs() < 64.0) {
            continue;
        }
        occupied.push(x);
        let y = panel.y(to.into()) - 6.0;
        let _ = write!(
            svg,
            "<text class='small' x='{x:.1}' y='{y:.1}' text-anchor='middle'>{from} → {to}</text>"
        );
    }
}

/// Draws a lane for each reason with a triangle for each change, pointing up or down. Returns the bottom of the lanes.
fn draw_lanes(
    svg: &mut String,
    panel: &Panel,
    run: &Run,
    mut top: f64,
    colour: Option<&str>,
) -> f64 {
    let mut reasons: Vec<&str> = Vec::new();
    for change in &run.changes {
        if !reasons.contains(&change.reason) {
            reasons.push(change.reason);
        }
    }
    for reason in reasons {
        let middle = top + LANE_HEIGHT / 2.0;
        let _ = write!(
            svg,
            "<path class='grid' d='M{LEFT} {middle:.1}H{RIGHT}'/><text class='small' x='{}' y='{:.1}' text-anchor='end'>{reason}</text>",
            LEFT - 8.0,
            middle + 4.0
        );
        for change in run.changes.iter().filter(|change| change.reason == reason) {
            let x = panel.x(change.at);
            let is_up = change.to > change.from;
            let (tip, base) = if is_up {
                (middle - 5.0, middle + 3.5)
            } else {
                (middle + 5.0, middle - 3.5)
            };
            let colour = colour.unwrap_or(COLOURS[usize::from(is_up)]);
            let _ = writeln!(
                svg,
                "<path fill='{colour}' fill-opacity='.85' d='M{:.1} {base:.1}h8L{x:.1} {tip:.1}Z'><title>{} {}</title></path>",
                x - 4.0,
                clock(change.at),
                escape(&change.explanation.message)
            );
        }
        top += LANE_HEIGHT;
    }
    top
}

/// Draws the times below the panels, and a line through all panels for each.
#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn draw_time_axis(svg: &mut String, panel: &Panel, from: f64, to: f64) {
    const STEPS: [i64; 17] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400,
    ];
    let span = (panel.end - panel.start) / 1000;
    let days = (span / 10 / 86_400 + 1) * 86_400;
    let step = STEPS
        .into_iter()
        .find(|step| span / step <= 10)
        .unwrap_or(days);
    let mut at = (panel.start + step * 1000 - 1).div_euclid(step * 1000) * step;
    while at * 1000 <= panel.end {
        let x = panel.x(Time(at * 1000));
        let label = match at {
            _ if panel.start >= CALENDAR => Time(at * 1000).to_string(),
            _ if step < 60 => format!("{at} s"),
            _ if step < 3600 => format!("{} min", at / 60),
            _ => format!("{} h", at as f64 / 3600.0),
        };
        let _ = write!(
            svg,
            "<path class='grid' d='M{x:.1} {from:.1}V{to:.1}'/><text x='{x:.1}' y='{:.1}' text-anchor='middle'>{label}</text>",
            to + 18.0
        );
        at += step;
    }
}

/// The largest of 1, 2, 5, 10, 20 … that is at most `limit`, and at least 1.
fn round_step(limit: f64) -> f64 {
    let power = 10f64.powf(limit.max(1.0).log10().floor());
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|n| n * power)
        .find(|step| *step <= limit)
        .unwrap_or(1.0)
        .max(1.0)
}

/// A round number slightly above `max`.
fn ceiling(max: f64) -> f64 {
    let step = round_step(max / 4.0);
    ((max * 1.04 / step).ceil() * step).max(step)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
}
