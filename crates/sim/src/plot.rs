//! A run as a picture: what waited, the workers, and each decision with its reason along one time axis. SVG by hand:
//! without a background and in colours that can be read on white and on black.

use super::table::{CALENDAR, clock};
use super::{Mark, Point, Run};
use decide::Time;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 118.0;
const RIGHT: f64 = 936.0;
const QUEUE: f64 = 116.0;
const WORKERS: f64 = 164.0;
const LANE: f64 = 17.0;
/// One colour a policy.
const COLOURS: [&str; 2] = ["#3b82f6", "#f97316"];

const STYLE: &str = "<style>\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#768390}\
.name{font-weight:600;font-size:14px}.head{font-weight:600}.small{font-size:11px}\
.grid{stroke:#768390;stroke-opacity:.22;fill:none}.area{stroke:none}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}\
</style>";

/// Time and a value onto the picture.
struct Frame {
    begin: i64,
    end: i64,
    top: f64,
    height: f64,
    most: f64,
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
impl Frame {
    fn x(&self, at: Time) -> f64 {
        let share = (at.0 - self.begin) as f64 / (self.end - self.begin).max(1) as f64;
        LEFT + share * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - value / self.most)
    }

    /// A stepped line through what is known; with `area` down to the ground.
    fn path(&self, points: &[Point], value: impl Fn(&Point) -> Option<i64>, area: bool) -> String {
        let (mut path, mut last) = (String::new(), None);
        let ground = self.y(0.0);
        let close = |path: &mut String, x: f64| {
            if area {
                let _ = write!(path, "V{ground:.1}H{x:.1}Z");
            }
        };
        let mut began = 0.0;
        for point in points {
            let x = self.x(point.at);
            match (value(point), last) {
                (Some(n), None) => {
                    began = x;
                    let _ = write!(path, "M{x:.1} {:.1}", self.y(n as f64));
                    last = Some(n);
                }
                (Some(n), Some(before)) if n != before => {
                    let _ = write!(path, "H{x:.1}V{:.1}", self.y(n as f64));
                    last = Some(n);
                }
                (None, Some(_)) => {
                    let _ = write!(path, "H{x:.1}");
                    close(&mut path, began);
                    last = None;
                }
                _ => {}
            }
        }
        if last.is_some() {
            let _ = write!(path, "H{:.1}", self.x(Time(self.end)));
            close(&mut path, began);
        }
        path
    }

    /// The panel's grid with its numbers, and its words above.
    fn panel(&self, svg: &mut String, head: &str, legend: &[(&str, &str, &str)]) {
        let step = round_step(self.most / 3.0);
        let mut value = 0.0;
        while value <= self.most {
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
        let _ = write!(svg, "<text class='head' x='{LEFT}' y='{y}'>{head}</text>");
        let mut x = RIGHT;
        for (words, colour, opacity) in legend.iter().rev() {
            x -= words.chars().count() as f64 * 6.3 + 6.0;
            let _ = write!(svg, "<text x='{x:.1}' y='{y}'>{}</text>", escaped(words));
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

/// The picture of one course, or of two of the same work.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "pixels")]
pub fn plot(courses: &[&Run]) -> String {
    let all = || courses.iter().flat_map(|course| &course.points);
    let begin = all().map(|point| point.at.0).min().unwrap_or(0);
    let end = all()
        .map(|point| point.at.0)
        .max()
        .unwrap_or(0)
        .max(begin + 1);
    let several = courses.len() > 1;
    let mut body = String::new();
    let mut top = 8.0;
    for (course, colour) in courses.iter().zip(COLOURS) {
        top += 18.0;
        title(&mut body, course, top, several.then_some(colour));
    }
    top += 40.0;
    let most = all().filter_map(|point| point.ready).max().unwrap_or(0);
    let queue = Frame {
        begin,
        end,
        top,
        height: QUEUE,
        most: ceiling(most as f64),
    };
    queue.panel(&mut body, "tasks that wait", &[]);
    top += QUEUE + 44.0;
    let most = all()
        .map(|point| point.live.unwrap_or(0).max(point.wanted.into()))
        .max()
        .unwrap_or(0);
    let workers = Frame {
        begin,
        end,
        top,
        height: WORKERS,
        most: ceiling(most as f64),
    };
    let states = [
        ("busy", COLOURS[0], ".5"),
        ("live", COLOURS[0], ".18"),
        ("wanted", COLOURS[1], "1"),
    ];
    let (head, legend) = if several {
        ("workers wanted", &[][..])
    } else {
        ("workers", &states[..])
    };
    workers.panel(&mut body, head, legend);
    for (course, colour) in courses.iter().zip(COLOURS) {
        let points = columns(&queue, &course.points);
        let (area, line) = (
            queue.path(&points, |point| point.ready, true),
            queue.path(&points, |point| point.ready, false),
        );
        let _ = write!(
            body,
            "<path class='area' fill='{colour}' fill-opacity='.22' d='{area}'/><path class='line' stroke='{colour}' d='{line}'/>"
        );
        let wanted = workers.path(&points, |point| Some(point.wanted.into()), false);
        if several {
            let _ = write!(body, "<path class='line' stroke='{colour}' d='{wanted}'/>");
        } else {
            let live = workers.path(&points, |point| point.live, true);
            let busy = workers.path(&points, |point| point.busy, true);
            let _ = write!(
                body,
                "<path class='area' fill='{colour}' fill-opacity='.18' d='{live}'/><path class='area' fill='{colour}' fill-opacity='.42' d='{busy}'/>\
                 <path class='line' stroke='{}' d='{wanted}'/>",
                COLOURS[1]
            );
            jumps(&mut body, &workers, &course.marks);
        }
    }
    top += WORKERS + 40.0;
    let _ = write!(
        body,
        "<text class='head' x='{LEFT}' y='{}'>decisions</text>",
        top - 10.0
    );
    for (course, colour) in courses.iter().zip(COLOURS) {
        top = lanes(&mut body, &workers, course, top, several.then_some(colour));
    }
    axis(&mut body, &workers, queue.top, top);
    let height = top + 30.0;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' role='img'>\n{STYLE}\n{}\n</svg>\n",
        body.replace("/><", "/>\n<")
    )
}

fn title(svg: &mut String, course: &Run, y: f64, colour: Option<&str>) {
    let colour = colour.map_or(String::new(), |colour| format!(" style='fill:{colour}'"));
    let _ = write!(
        svg,
        "<text class='name' x='16' y='{y}'{colour}>{}</text>",
        escaped(&course.name)
    );
    let said = match &course.summary {
        Some(summary) => format!(
            "{} tasks · 99 % waited at most {:.1} s · {:.2} % late · {:.2} worker-hours, {:.2} × the work · {} changes",
            summary.tasks,
            summary.wait_p99,
            summary.late_share * 100.0,
            summary.worker_hours,
            summary.factor(),
            summary.changes
        ),
        None => format!("{} changes", course.changes),
    };
    let _ = write!(
        svg,
        "<text x='{RIGHT}' y='{y}' text-anchor='end'>{said}</text>"
    );
}

/// One point for each pixel: the most that waited there, and the workers at its end.
fn columns(frame: &Frame, points: &[Point]) -> Vec<Point> {
    let mut all: Vec<Point> = Vec::new();
    for point in points {
        match all.last_mut() {
            Some(last) if frame.x(point.at).floor() <= frame.x(last.at).floor() => {
                *last = Point {
                    at: last.at,
                    ready: last.ready.max(point.ready),
                    ..*point
                };
            }
            _ => all.push(*point),
        }
    }
    all
}

/// The largest rises in numbers, where there is room for them; those that follow at once are one.
fn jumps(svg: &mut String, frame: &Frame, marks: &[Mark]) {
    let mut rises: Vec<(f64, i32, i32)> = Vec::new();
    for mark in marks {
        let x = frame.x(mark.at);
        match rises.last_mut() {
            Some((began, _, to))
                if mark.to > mark.from && mark.from == *to && x - *began < 20.0 =>
            {
                *to = mark.to;
            }
            _ => rises.push((x, mark.from, mark.to)),
        }
    }
    rises.retain(|(_, from, to)| to > from);
    rises.sort_by_key(|(_, from, to)| from - to);
    let mut taken: Vec<f64> = Vec::new();
    for (x, from, to) in rises {
        let x = x.clamp(LEFT + 26.0, RIGHT - 26.0);
        if taken.len() >= 8 || taken.iter().any(|other| (other - x).abs() < 64.0) {
            continue;
        }
        taken.push(x);
        let y = frame.y(to.into()) - 6.0;
        let _ = write!(
            svg,
            "<text class='small' x='{x:.1}' y='{y:.1}' text-anchor='middle'>{from} → {to}</text>"
        );
    }
}

/// A lane for each reason, a triangle for each change: up, or down.
fn lanes(svg: &mut String, frame: &Frame, course: &Run, mut top: f64, colour: Option<&str>) -> f64 {
    let mut reasons: Vec<&str> = Vec::new();
    for mark in &course.marks {
        if !reasons.contains(&mark.reason) {
            reasons.push(mark.reason);
        }
    }
    for reason in reasons {
        let middle = top + LANE / 2.0;
        let _ = write!(
            svg,
            "<path class='grid' d='M{LEFT} {middle:.1}H{RIGHT}'/><text class='small' x='{}' y='{:.1}' text-anchor='end'>{reason}</text>",
            LEFT - 8.0,
            middle + 4.0
        );
        for mark in course.marks.iter().filter(|mark| mark.reason == reason) {
            let (x, up) = (frame.x(mark.at), mark.to > mark.from);
            let (tip, foot) = if up {
                (middle - 5.0, middle + 3.5)
            } else {
                (middle + 5.0, middle - 3.5)
            };
            let colour = colour.unwrap_or(COLOURS[usize::from(up)]);
            let _ = writeln!(
                svg,
                "<path fill='{colour}' fill-opacity='.85' d='M{:.1} {foot:.1}h8L{x:.1} {tip:.1}Z'><title>{} {}</title></path>",
                x - 4.0,
                clock(mark.at),
                escaped(&mark.sentence)
            );
        }
        top += LANE;
    }
    top
}

/// Times below, and their lines through all panels.
#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn axis(svg: &mut String, frame: &Frame, from: f64, to: f64) {
    const STEPS: [i64; 17] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400,
    ];
    let span = (frame.end - frame.begin) / 1000;
    let days = (span / 10 / 86_400 + 1) * 86_400;
    let step = STEPS
        .into_iter()
        .find(|step| span / step <= 10)
        .unwrap_or(days);
    let mut at = (frame.begin + step * 1000 - 1).div_euclid(step * 1000) * step;
    while at * 1000 <= frame.end {
        let x = frame.x(Time(at * 1000));
        let words = match at {
            _ if frame.begin >= CALENDAR => Time(at * 1000).to_string(),
            _ if step < 60 => format!("{at} s"),
            _ if step < 3600 => format!("{} min", at / 60),
            _ => format!("{} h", at as f64 / 3600.0),
        };
        let _ = write!(
            svg,
            "<path class='grid' d='M{x:.1} {from:.1}V{to:.1}'/><text x='{x:.1}' y='{:.1}' text-anchor='middle'>{words}</text>",
            to + 18.0
        );
        at += step;
    }
}

/// The largest of 1, 2, 5, 10, 20 … that is not above `about`, but at least 1.
fn round_step(about: f64) -> f64 {
    let power = 10f64.powf(about.max(1.0).log10().floor());
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|n| n * power)
        .find(|step| *step <= about)
        .unwrap_or(1.0)
        .max(1.0)
}

/// A round number a little above `most`.
fn ceiling(most: f64) -> f64 {
    let step = round_step(most / 4.0);
    ((most * 1.04 / step).ceil() * step).max(step)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
}
