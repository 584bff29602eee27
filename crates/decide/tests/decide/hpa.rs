//! HPA v2's behavior over time, as its documentation describes it.

use super::cells::{NOW, behavior, observe, tasks_per_worker};
use decide::{Memory, Metric, Millis, Observation, PoolSpec, QueueMetrics, decide};
use rstest::rstest;

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

#[rstest]
#[case::default_up_is_four_pods_and_then_doubles("hpa", 1, &[100], 15, &[5, 10, 20, 40, 80, 100, 100])]
#[case::scale_up_as_fast_as_possible("up 900%/60", 1, &[1000], 60, &[10, 100, 1000, 1000])]
#[case::one_pod_in_ten_minutes("up 1p/600", 1, &[100], 300, &[2, 2, 3, 3, 4])]
#[case::four_pods_or_ten_percent_a_minute("down w0 4p/60 10%/60", 80, &[10], 60, &[72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10])]
#[case::within_a_minute_only_once("down w0 4p/60 10%/60", 80, &[10], 15, &[72, 72, 72, 72, 64, 64, 64, 64, 57])]
#[case::ten_percent_but_never_more_than_five("down w0 10%/60 5p/60 min", 100, &[10], 60, &[95, 90, 85, 80, 75, 70, 65, 60, 55, 50, 45, 40, 36])]
#[case::down_disabled("down off", 10, &[20, 1, 1], 15, &[20, 20, 20])]
#[case::default_down_waits_for_five_minutes("hpa", 10, &[10, 2], 60, &[10, 10, 10, 10, 10, 2, 2])]
#[case::a_spike_restarts_the_window("hpa", 10, &[10, 2, 2, 10, 2], 60, &[10, 10, 10, 10, 10, 10, 10, 10, 2])]
#[case::down_by_steps_of_the_window("hpa", 10, &[10, 8, 6, 4, 2], 60, &[10, 10, 10, 10, 10, 8, 6, 4, 2])]
#[case::an_up_window_ignores_a_short_spike("up w60", 4, &[4, 9, 4, 4, 4], 15, &[4, 4, 4, 4, 4])]
#[case::an_up_window_follows_a_long_spike("up w60", 4, &[4, 8, 8, 8, 8, 8], 15, &[4, 4, 4, 4, 8, 8])]
#[case::each_policy_has_its_own_period("up 2p/10 5p/60 min", 1, &[100], 10, &[3, 5, 6, 6, 6, 6, 8, 10, 11])]
fn replicas_follow_the_behavior(
    #[case] behavior: &str,
    #[case] initial: i32,
    #[case] recommendations: &[i64],
    #[case] seconds_between: usize,
    #[case] expected: &[i32],
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
