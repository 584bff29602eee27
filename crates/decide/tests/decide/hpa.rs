//! HPA v2's behaviour over time, as its documentation tells it: each sync is 15 s after the last.

use super::cells::{NOW, behavior};
use decide::{Load, Memory, Metric, Millis, Observation, PoolSpec, Rules, Target, decide};
use rstest::rstest;

/// A pool with one rule, tasksPerWorker 1, so that the number of tasks is the metric's answer.
fn pool(text: &str, min: i32, max: i32) -> PoolSpec {
    let target = Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    PoolSpec {
        min,
        max,
        rules,
        behavior: Some(behavior(text)),
        ..PoolSpec::default()
    }
}

/// The numbers after each sync, `every` seconds apart; the last answer is repeated until `syncs` are over.
fn play(pool: &PoolSpec, from: i32, answers: &[i64], every: i64, syncs: usize) -> Vec<i32> {
    let (mut current, mut memory, mut numbers) = (from, Memory::default(), Vec::new());
    for sync in 0..syncs {
        let tasks = answers
            .get(sync)
            .or(answers.last())
            .copied()
            .expect("an answer");
        let load = Load {
            ready: Metric::Known(tasks),
            ..Load::UNSUPPORTED
        };
        let seen = Observation {
            replicas: current,
            queues: vec![load],
            unavailable_reason: None,
        };
        let at = NOW + Millis::seconds(every * i64::try_from(sync).expect("few"));
        let decision = decide(pool, &seen, &memory, at);
        (current, memory) = (decision.replicas, decision.memory);
        numbers.push(current);
    }
    numbers
}

#[rstest]
#[case::the_default_up_is_four_pods_and_then_doubles("hpa", 1, &[100], 15, &[5, 10, 20, 40, 80, 100, 100])]
#[case::scale_up_as_fast_as_possible("up 900%/60", 1, &[1000], 60, &[10, 100, 1000, 1000])]
#[case::one_pod_in_ten_minutes("up 1p/600", 1, &[100], 300, &[2, 2, 3, 3, 4])]
#[case::four_pods_or_ten_percent_a_minute("down w0 4p/60 10%/60", 80, &[10], 60, &[72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10])]
#[case::within_a_minute_only_once("down w0 4p/60 10%/60", 80, &[10], 15, &[72, 72, 72, 72, 64, 64, 64, 64, 57])]
#[case::ten_percent_but_never_more_than_five("down w0 10%/60 5p/60 min", 100, &[10], 60, &[95, 90, 85, 80, 75, 70, 65, 60, 55, 50, 45, 40, 36])]
#[case::down_disabled("down off", 10, &[20, 1, 1], 15, &[20, 20, 20])]
#[case::the_default_down_waits_for_five_minutes("hpa", 10, &[10, 2], 60, &[10, 10, 10, 10, 10, 2, 2])]
#[case::a_spike_in_the_window_starts_it_anew("hpa", 10, &[10, 2, 2, 10, 2], 60, &[10, 10, 10, 10, 10, 10, 10, 10, 2])]
#[case::down_by_steps_of_the_window("hpa", 10, &[10, 8, 6, 4, 2], 60, &[10, 10, 10, 10, 10, 8, 6, 4, 2])]
#[case::an_up_window_ignores_a_short_spike("up w60", 4, &[4, 9, 4, 4, 4], 15, &[4, 4, 4, 4, 4])]
#[case::and_follows_a_long_one("up w60", 4, &[4, 8, 8, 8, 8, 8], 15, &[4, 4, 4, 4, 8, 8])]
#[case::the_rate_of_two_periods("up 2p/10 5p/60 min", 1, &[100], 10, &[3, 5, 6, 6, 6, 6, 8, 10, 11])]
fn a_progression(
    #[case] behavior: &str,
    #[case] from: i32,
    #[case] answers: &[i64],
    #[case] every: i64,
    #[case] expected: &[i32],
) {
    let numbers = play(
        &pool(behavior, 1, 1000),
        from,
        answers,
        every,
        expected.len(),
    );
    assert_eq!(numbers, expected);
}

#[test]
fn a_restart_shortens_no_window() {
    let pool = pool("hpa", 1, 100);
    let restarted = Memory::default().restored(10, NOW);
    let look = |memory: &Memory, seconds| {
        let load = Load {
            ready: Metric::Known(2),
            ..Load::UNSUPPORTED
        };
        let seen = Observation {
            replicas: 10,
            queues: vec![load],
            unavailable_reason: None,
        };
        decide(&pool, &seen, memory, NOW + Millis::seconds(seconds))
    };
    assert_eq!(
        look(&Memory::default(), 0).replicas,
        2,
        "without a past nothing holds it"
    );
    assert_eq!(
        look(&restarted, 0).replicas,
        10,
        "what the process before it saw may have been the present number"
    );
    assert_eq!(look(&restarted, 299).replicas, 10);
    assert_eq!(look(&restarted, 300).replicas, 2);
}
