//! HPA v2's behavior over time, as its documentation describes it.

use super::cells::{NOW, behavior, observe, tasks_per_worker};
use decide::{Memory, Metric, Millis, Observation, PoolSpec, QueueMetrics, decide};

/// A pool with one rule, tasksPerWorker 1: the number of tasks is the recommendation.
fn spec(cell: &str, max: i32) -> PoolSpec {
    PoolSpec {
        max,
        behavior: Some(behavior(cell)),
        ..tasks_per_worker(1)
    }
}

fn observe_tasks(replicas: i32, tasks: i64) -> Observation {
    let queue = QueueMetrics {
        ready: Metric::Known(tasks),
        ..QueueMetrics::UNSUPPORTED
    };
    observe(replicas, queue)
}

#[test]
fn replicas_follow_the_behavior() {
    // Default up is four pods and then doubles.
    check_replicas_follow_the_behavior("hpa", 1, &[100], 15, &[5, 10, 20, 40, 80, 100, 100]);
    // Scale up as fast as possible.
    check_replicas_follow_the_behavior("up 900%/60", 1, &[1000], 60, &[10, 100, 1000, 1000]);
    // One pod in ten minutes.
    check_replicas_follow_the_behavior("up 1p/600", 1, &[100], 300, &[2, 2, 3, 3, 4]);
    // Four pods or ten percent a minute.
    check_replicas_follow_the_behavior(
        "down w0 4p/60 10%/60",
        80,
        &[10],
        60,
        &[72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10],
    );
    // Within a minute only once.
    check_replicas_follow_the_behavior(
        "down w0 4p/60 10%/60",
        80,
        &[10],
        15,
        &[72, 72, 72, 72, 64, 64, 64, 64, 57],
    );
    // Ten percent but never more than five.
    check_replicas_follow_the_behavior(
        "down w0 10%/60 5p/60 min",
        100,
        &[10],
        60,
        &[95, 90, 85, 80, 75, 70, 65, 60, 55, 50, 45, 40, 36],
    );
    // Down disabled.
    check_replicas_follow_the_behavior("down off", 10, &[20, 1, 1], 15, &[20, 20, 20]);
    // Default down waits for five minutes.
    check_replicas_follow_the_behavior("hpa", 10, &[10, 2], 60, &[10, 10, 10, 10, 10, 2, 2]);
    // A spike restarts the window.
    check_replicas_follow_the_behavior(
        "hpa",
        10,
        &[10, 2, 2, 10, 2],
        60,
        &[10, 10, 10, 10, 10, 10, 10, 10, 2],
    );
    // Down by steps of the window.
    check_replicas_follow_the_behavior(
        "hpa",
        10,
        &[10, 8, 6, 4, 2],
        60,
        &[10, 10, 10, 10, 10, 8, 6, 4, 2],
    );
    // An up window ignores a short spike.
    check_replicas_follow_the_behavior("up w60", 4, &[4, 9, 4, 4, 4], 15, &[4, 4, 4, 4, 4]);
    // An up window follows a long spike.
    check_replicas_follow_the_behavior("up w60", 4, &[4, 8, 8, 8, 8, 8], 15, &[4, 4, 4, 4, 8, 8]);
    // Each policy has its own period.
    check_replicas_follow_the_behavior(
        "up 2p/10 5p/60 min",
        1,
        &[100],
        10,
        &[3, 5, 6, 6, 6, 6, 8, 10, 11],
    );
}

#[track_caller]
fn check_replicas_follow_the_behavior(
    behavior: &str,
    initial: i32,
    recommendations: &[i64],
    seconds_between: usize,
    expected: &[i32],
) {
    let spec = spec(behavior, 1000);
    let mut replicas = initial;
    let mut memory = Memory::default();
    let mut progression = Vec::new();
    let last = recommendations.last().expect("a recommendation");
    let tasks = recommendations.iter().chain(std::iter::repeat(last));
    let seconds = (0..).step_by(seconds_between);
    for (tasks, seconds) in tasks.zip(seconds).take(expected.len()) {
        let observation = observe_tasks(replicas, *tasks);
        let decision = decide(&spec, &observation, &memory, NOW + Millis::seconds(seconds));
        replicas = decision.replicas;
        memory = decision.memory;
        progression.push(replicas);
    }
    assert_eq!(progression, expected);
}

#[test]
fn a_restart_shortens_no_window() {
    let spec = spec("hpa", 100);
    let restarted = Memory::default().restored(10, NOW);
    let replicas_after = |memory: &Memory, seconds| {
        let now = NOW + Millis::seconds(seconds);
        decide(&spec, &observe_tasks(10, 2), memory, now).replicas
    };
    assert_eq!(
        replicas_after(&Memory::default(), 0),
        2,
        "without a past there is no window"
    );
    assert_eq!(
        replicas_after(&restarted, 0),
        10,
        "the process before it may have recommended the present replicas"
    );
    assert_eq!(replicas_after(&restarted, 299), 10);
    assert_eq!(replicas_after(&restarted, 300), 2);
}
