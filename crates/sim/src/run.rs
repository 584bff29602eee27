//! What happened over time, in bounded space: the data of a table or a plot.

use crate::{Poll, Summary, TraceLine};
use api::Explanation;
use decide::{Decision, QueueMetrics, Time};

/// An interval of a run: the longest queue in it, and the workers at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Time of its first poll.
    pub at: Time,
    /// Waiting tasks; `None` where unknown.
    pub ready: Option<i64>,
    /// Workers that hold a task.
    pub busy: Option<i64>,
    /// Workers that can take a task.
    pub live: Option<i64>,
    /// Desired replicas.
    pub desired: i32,
}

/// A change of the number of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Time of the decision.
    pub at: Time,
    /// Waiting tasks at that time; `None` where unknown.
    pub ready: Option<i64>,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// Reason code.
    pub reason: &'static str,
    /// Why.
    pub explanation: Explanation,
}

/// One run of one policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Title of the run.
    pub name: String,
    /// Intervals, the earliest first.
    pub points: Vec<Point>,
    /// The first changes, at most 2000.
    pub changes: Vec<Change>,
    /// The number of all changes.
    pub change_count: usize,
    /// Figures of the whole run, if it is a simulation.
    pub summary: Option<Summary>,
    /// Length of an interval in milliseconds.
    interval: i64,
}

/// The maximum number of intervals, more than a plot has pixels. Beyond it, every two become one.
const MAX_POINTS: usize = 2000;
const MAX_CHANGES: usize = 2000;

impl Run {
    /// An empty run.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            interval: 1,
            ..Self::default()
        }
    }

    /// Adds the decision on a line of a trace.
    pub fn record_line(&mut self, line: &TraceLine, decision: &Decision) {
        let load = QueueMetrics::sum(&line.queues);
        let point = Point {
            at: line.at,
            ready: load.ready.known(),
            busy: load.busy.known(),
            live: load.live.known(),
            desired: decision.replicas,
        };
        self.record(point, decision);
    }

    /// Adds the decision on a poll of a simulation.
    pub fn record_poll(&mut self, poll: &Poll<'_>) {
        let count = |n: usize| i64::try_from(n).ok();
        let point = Point {
            at: poll.at,
            ready: count(poll.ready),
            busy: count(poll.busy),
            live: count(poll.live),
            desired: poll.decision.replicas,
        };
        self.record(point, poll.decision);
    }

    fn record(&mut self, point: Point, decision: &Decision) {
        self.add_point(point);
        let (from, to) = (decision.from, decision.replicas);
        if from == to {
            return;
        }
        self.change_count += 1;
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(Change {
                at: point.at,
                ready: point.ready,
                from,
                to,
                reason: decision.reason.code().as_str(),
                explanation: Explanation::new(decision),
            });
        }
    }

    fn add_point(&mut self, point: Point) {
        self.merge_point(point);
        if self.points.len() > MAX_POINTS {
            self.interval *= 2;
            for point in std::mem::take(&mut self.points) {
                self.merge_point(point);
            }
        }
    }

    /// Adds a point, or merges it into the last one if it lies in the same interval.
    fn merge_point(&mut self, point: Point) {
        let index = |at: Time| at.0.div_euclid(self.interval);
        match self.points.last_mut() {
            Some(last) if index(last.at) == index(point.at) => {
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
    fn run_is_bounded_and_keeps_peak_and_end() {
        let mut run = Run::new("x");
        for i in 0..100_000i32 {
            run.add_point(Point {
                at: Time(i64::from(i) * 10),
                ready: Some(if i == 4321 { 999 } else { 1 }),
                desired: i,
                ..Point::default()
            });
        }
        let points = &run.points;
        assert!(
            (MAX_POINTS / 2..=MAX_POINTS).contains(&points.len()),
            "{}",
            points.len()
        );
        let peaks = points.iter().filter(|point| point.ready == Some(999));
        assert_eq!(peaks.count(), 1);
        assert_eq!(points.last().map(|point| point.desired), Some(99_999));
    }
}
