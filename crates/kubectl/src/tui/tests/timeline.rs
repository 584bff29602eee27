//! What the timeline keeps, and what its charts show.

use super::super::timeline::{Moment, Timeline};
use super::stage::worker;
use crate::cluster::events::Update;
use crate::cluster::operator_history::HistoryPoint;
use crate::cluster::queue_summary::QueueSummary;
use crate::commands::narrator::tests::{at, pool};
use crate::text::lang::Lang;

#[test]
fn missing_metrics_are_a_gap_and_not_zero() {
    let mut timeline = Timeline::new(&pool(), at(0));
    timeline.apply(Update::Replicas(3), at(0));
    timeline.apply(Update::Metrics(QueueSummary::of_counts(7, 3, 3)), at(1));
    timeline.apply(Update::Unreachable("Redis is gone".into()), at(4));
    timeline.apply(Update::Metrics(QueueSummary::of_counts(0, 0, 3)), at(6));
    // No poll follows: the last metrics are valid for 10 s.
    let columns = timeline.columns(at(-2), at(20), 11, at(20));
    let shown: Vec<_> = columns
        .iter()
        .map(|column| (column.ready, column.unavailable))
        .collect();
    let (none, unavailable) = ((None, false), (None, true));
    let (seven, zero) = ((Some(7), false), (Some(0), false));
    assert_eq!(shown[..4], [none, seven, seven, unavailable]);
    assert_eq!(shown[4..9], [zero; 5]);
    assert_eq!(shown[9..], [unavailable; 2]);
    // The target is known without metrics.
    assert_eq!(columns[3].desired, Some(3));
    let last = timeline.last().expect("a moment");
    assert!(last.metrics_at(at(15)).is_some() && last.metrics_at(at(16)).is_none());
}

#[test]
fn old_moments_keep_counts_but_not_worker_names() {
    let mut timeline = Timeline::new(&pool(), at(0));
    let workers = vec![worker("w", false); 1000];
    for second in 1..=200 {
        let metrics = QueueSummary {
            workers: workers.clone(),
            ..QueueSummary::of_counts(1, 1, 1000)
        };
        timeline.apply(Update::Metrics(metrics), at(second));
    }
    let metrics = |second| timeline.at(at(second))?.metrics.clone();
    for (second, expected) in [(1, 0), (140, 0), (141, 1000), (200, 1000)] {
        let named = metrics(second).map(|metrics| metrics.workers.len());
        assert_eq!(named, Some(expected), "{second}");
    }
    assert_eq!(metrics(1).and_then(|metrics| metrics.live), Some(1000));
}

#[test]
fn the_operators_history_comes_first() {
    let point = |from, to, ready, desired| HistoryPoint {
        at: at(from),
        until: at(to),
        summary: (ready > 0).then(|| QueueSummary::of_counts(ready, 3, 3)),
        desired: Some(desired),
        ..HistoryPoint::default()
    };
    let mut timeline = Timeline::new(&pool(), at(100));
    timeline.apply(Update::Metrics(QueueSummary::of_counts(1, 1, 5)), at(101));
    let history = vec![
        point(20, 40, 9, 3),
        point(40, 50, 0, 3),
        point(50, 98, 4, 5),
        point(100, 102, 1, 5), // after the timeline's begin, so it is left out
    ];
    timeline.add_history(history, Lang::EN);
    let columns = timeline.columns(at(0), at(120), 12, at(110));
    let ready: Vec<_> = columns.iter().map(|column| column.ready).collect();
    assert_eq!(ready[..6], [None, None, Some(9), Some(9), None, Some(4)]);
    assert_eq!(ready[9..11], [Some(4), Some(1)]);
    assert_eq!(timeline.begin(), Some(at(20)));
    let status = timeline.at(at(60)).and_then(Moment::status);
    assert_eq!(status.and_then(|status| status.desired_replicas), Some(5));
    let failed = timeline.at(at(45)).expect("a moment");
    assert!(failed.unavailable_reason.is_some());
}
