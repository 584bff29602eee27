//! From zero, by what each queue system reports: a task that comes due and what a killed worker left start a worker, and a
//! paused queue starts none.

use crate::stage::{Stage, decisions, pool_with, scales, target};
use decide::{Metric, QueueMetrics};
use queues::{Capabilities, QueueSystem, Support};
use serde_json::json;

/// The capability rows of all systems, and a pool of each with no replica.
fn systems() -> impl Iterator<Item = (&'static str, Capabilities, Stage)> {
    QueueSystem::ALL.iter().map(|system| {
        let mut queue = json!({"name": "tasks", "system": system.name()});
        if *system == QueueSystem::Stream {
            queue["group"] = "jobs".into();
        }
        let pool = pool_with(
            &json!({"minReplicas": 0, "queues": [queue], "target": {"tasksPerWorker": 5}}),
        );
        let stage = Stage::with(&pool, Some(target(0)));
        (system.name(), system.capabilities(), stage)
    })
}

/// What a queue without a task and without a worker reports.
fn empty(system: &Capabilities) -> QueueMetrics {
    let zero = |support| match support {
        Support::Exact => Metric::Known(0),
        Support::Estimated(_) => Metric::Estimated(0),
        Support::Unsupported(_) => Metric::Unsupported,
    };
    QueueMetrics {
        ready: zero(system.ready),
        due: zero(system.due),
        delayed: zero(system.delayed),
        in_flight: zero(system.in_flight),
        held: zero(system.held),
        paused: zero(system.paused),
        live: zero(system.workers),
        busy: zero(system.workers),
        ..QueueMetrics::UNSUPPORTED
    }
}

fn one(metric: Metric) -> Metric {
    metric.map(|_| 1)
}

#[test]
fn a_task_that_comes_due_starts_a_worker() {
    for (name, system, mut stage) in systems().filter(|(_, it, _)| it.due.is_supported()) {
        let empty = empty(&system);
        let delayed = one(empty.delayed);
        let later = QueueMetrics { delayed, ..empty };
        assert_eq!(scales(&stage.poll(later)), [0; 0], "{name}");
        let due = one(empty.due);
        let soon = stage.poll(QueueMetrics { due, ..later });
        assert_eq!(scales(&soon), [1], "{name}");
    }
}

#[test]
fn what_a_killed_worker_left_is_rescued() {
    let mut count = 0;
    for (name, system, mut stage) in systems().filter(|(_, it, _)| it.in_flight.is_supported()) {
        let empty = empty(&system);
        assert_eq!(scales(&stage.poll(empty)), [0; 0], "{name}");
        let in_flight = one(empty.in_flight);
        let left = stage.poll(QueueMetrics { in_flight, ..empty });
        assert_eq!(scales(&left), [1], "{name}");
        count += 1;
    }
    assert_eq!(count, QueueSystem::ALL.len() - 1, "all but a plain list");
}

#[test]
fn a_paused_queue_stays_asleep() {
    for (name, system, mut stage) in systems().filter(|(_, it, _)| it.paused.is_supported()) {
        let waiting = QueueMetrics {
            ready: Metric::Known(4),
            due: Metric::Known(1),
            in_flight: one(empty(&system).in_flight),
            ..empty(&system)
        };
        let paused = one(waiting.paused);
        let mut asleep = stage.poll(QueueMetrics { paused, ..waiting });
        asleep.extend(stage.tick_after(5_000));
        assert_eq!(scales(&asleep), [0; 0], "{name}");
        assert_eq!(decisions(&asleep), ["QueuePaused"], "{name}");
        assert_ne!(scales(&stage.poll(waiting)), [0; 0], "{name} resumes");
    }
}
