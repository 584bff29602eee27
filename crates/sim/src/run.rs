//! What happened over time, in bounded space: what a table or a plot is made of.

use super::{Moment, Summary, TraceLine};
use decide::{Decision, QueueMetrics, Time};

/// A stretch of time: the most that waited in it, and the workers at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Its first look.
    pub at: Time,
    /// Tasks that waited; `None` where nobody knows.
    pub ready: Option<i64>,
    /// Workers that held a task.
    pub busy: Option<i64>,
    /// Workers that could take one.
    pub live: Option<i64>,
    /// Workers wanted.
    pub wanted: i32,
}

/// A change of the number of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Time,
    /// Tasks that waited then.
    pub ready: Option<i64>,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in one sentence.
    pub sentence: String,
}

/// One run of one policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// What to call it.
    pub name: String,
    /// The stretches, the first one first.
    pub points: Vec<Point>,
    /// The changes, as many as a reader bears.
    pub marks: Vec<Mark>,
    /// How many there were.
    pub changes: usize,
    /// What it came to, where a queue was played.
    pub summary: Option<Summary>,
    /// Length of a stretch in milliseconds.
    stretch: i64,
}

/// Stretches kept: more than a plot has pixels. When there are more, each two become one.
const POINTS: usize = 2000;
const MARKS: usize = 2000;

impl Run {
    /// An empty one.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stretch: 1,
            ..Self::default()
        }
    }

    /// Takes in a look of a replay.
    pub fn line(&mut self, line: &TraceLine, decision: &Decision) {
        let load = QueueMetrics::sum(&line.queues);
        let (ready, busy, live) = (load.ready.known(), load.busy.known(), load.live.known());
        self.add(
            Point {
                at: line.at,
                ready,
                busy,
                live,
                wanted: decision.replicas,
            },
            decision,
        );
    }

    /// Takes in a look of a play.
    pub fn moment(&mut self, moment: &Moment<'_>) {
        let count = |n: usize| i64::try_from(n).ok();
        let (ready, busy, live) = (count(moment.ready), count(moment.busy), count(moment.live));
        let wanted = moment.decision.replicas;
        self.add(
            Point {
                at: moment.at,
                ready,
                busy,
                live,
                wanted,
            },
            moment.decision,
        );
    }

    fn add(&mut self, point: Point, decision: &Decision) {
        self.push(point);
        if self.points.len() > POINTS {
            self.stretch *= 2;
            for point in std::mem::take(&mut self.points) {
                self.push(point);
            }
        }
        let Decision {
            from,
            replicas: to,
            reason: why,
            ..
        } = decision;
        if from == to {
            return;
        }
        self.changes += 1;
        if self.marks.len() < MARKS {
            let (reason, sentence) = (why.code().as_str(), messages::message(why, *from, *to));
            self.marks.push(Mark {
                at: point.at,
                ready: point.ready,
                from: *from,
                to: *to,
                reason,
                sentence,
            });
        }
    }

    fn push(&mut self, point: Point) {
        match self.points.last_mut() {
            Some(last)
                if last.at.0.div_euclid(self.stretch) == point.at.0.div_euclid(self.stretch) =>
            {
                *last = Point {
                    at: last.at,
                    ready: last.ready.max(point.ready),
                    ..point
                };
            }
            _ => self.points.push(point),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_keeps_the_peak_and_the_end() {
        let mut course = Run::new("x");
        for i in 0..100_000i32 {
            let ready = Some(if i == 4321 { 999 } else { 1 });
            course.push(Point {
                at: Time(i64::from(i) * 10),
                ready,
                wanted: i,
                ..Point::default()
            });
            if course.points.len() > POINTS {
                course.stretch *= 2;
                for point in std::mem::take(&mut course.points) {
                    course.push(point);
                }
            }
        }
        assert!(
            (POINTS / 2..=POINTS).contains(&course.points.len()),
            "{}",
            course.points.len()
        );
        assert_eq!(
            course
                .points
                .iter()
                .filter(|point| point.ready == Some(999))
                .count(),
            1
        );
        assert_eq!(course.points.last().map(|point| point.wanted), Some(99_999));
    }
}
