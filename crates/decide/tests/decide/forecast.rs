//! The forecast, with the exact instant and number of tasks.

use super::cells::{
    NOW, ago, behavior, default_thresholds, drain_within, observation, tasks_per_worker,
    threshold_spec,
};
use decide::{
    Decision, Forecast, Memory, Metric, Millis, NextChange, Observation, PoolSpec, Rates, Schedule,
    decide, forecast,
};

fn decide_and_forecast(
    spec: &PoolSpec,
    observation: &Observation,
    memory: &Memory,
) -> (Decision, Forecast) {
    let decision = decide(spec, observation, memory, NOW);
    let forecast = forecast(spec, observation, &decision, NOW);
    (decision, forecast)
}

#[expect(clippy::unnecessary_wraps, reason = "a forecast has two of these")]
fn next(to: i32, seconds: Option<i64>, tasks: i64) -> Option<NextChange> {
    Some(NextChange {
        to,
        at: seconds.map(|seconds| NOW + Millis::seconds(seconds)),
        tasks,
    })
}

/// 14 s after a scale-up, with the default thresholds.
#[test]
fn thresholds_have_exact_forecasts() {
    // In a cooldown.
    check_thresholds_have_exact_forecasts(5, 17, 5, next(7, Some(46), 0), next(3, Some(300), -21));
    // Three tasks more.
    check_thresholds_have_exact_forecasts(5, 6, 3, next(7, Some(46), 3), next(3, Some(300), -8));
    // Without load.
    check_thresholds_have_exact_forecasts(5, 0, 0, next(7, Some(46), 9), next(3, Some(300), 0));
    // At the minimum.
    check_thresholds_have_exact_forecasts(3, 0, 0, next(5, Some(46), 9), None);
    // At the maximum.
    check_thresholds_have_exact_forecasts(10, 17, 5, None, next(8, Some(300), -20));
    // One below the maximum.
    check_thresholds_have_exact_forecasts(9, 0, 0, next(10, Some(46), 9), next(7, Some(300), 0));
}

#[track_caller]
fn check_thresholds_have_exact_forecasts(
    replicas: i32,
    ready: i64,
    busy: i64,
    up: Option<NextChange>,
    down: Option<NextChange>,
) {
    let memory = Memory {
        desired: Some(replicas),
        last_up: Some(ago(14)),
        last_change: Some(ago(14)),
        ..Memory::default()
    };
    let observation = observation(replicas, ready, busy);
    let (_, forecast) = decide_and_forecast(&threshold_spec(), &observation, &memory);
    assert_eq!(forecast, Forecast { up, down });
}

#[test]
fn a_forecast_starts_from_the_decided_replicas() {
    let (decision, forecast) = decide_and_forecast(
        &threshold_spec(),
        &observation(3, 25, 3),
        &Memory::default(),
    );
    assert_eq!(decision.replicas, 5);
    assert_eq!(
        forecast.up,
        next(7, Some(60), 0),
        "a cooldown later, without more tasks"
    );
}

#[test]
fn a_target_needs_more_or_fewer_tasks() {
    let memory = Memory {
        last_change: Some(ago(60)),
        ..Memory::default()
    };
    let (_, forecast) = decide_and_forecast(&tasks_per_worker(5), &observation(4, 18, 0), &memory);
    assert_eq!(forecast.up, next(5, None, 3), "21 tasks, immediately");
    assert_eq!(forecast.down, next(3, None, -3), "15 tasks");
}

#[test]
fn a_forecast_waits_for_a_stabilization_window() {
    let spec = PoolSpec {
        behavior: Some(behavior("hpa")),
        ..tasks_per_worker(5)
    };
    let memory = Memory {
        recommendations: [(ago(100), 9)].into_iter().collect(),
        ..Memory::default()
    };
    let (_, forecast) = decide_and_forecast(&spec, &observation(9, 10, 0), &memory);
    assert_eq!(
        forecast.down,
        next(2, Some(200), 0),
        "when the recommendation of 9 is 300 s old"
    );
}

#[test]
fn a_forecast_ends_after_a_day() {
    let next_down = |idle_for: Millis| {
        let mut rules = default_thresholds();
        rules.down.as_mut().expect("conditions").idle_for = idle_for;
        let spec = PoolSpec {
            min: 3,
            rules: vec![rules],
            ..PoolSpec::default()
        };
        let (_, forecast) = decide_and_forecast(&spec, &observation(5, 0, 0), &Memory::default());
        forecast.down
    };
    let day = 24 * 3600;
    assert_eq!(next_down(Millis::seconds(day)), next(3, Some(day), 0));
    assert_eq!(next_down(Millis(day * 1000 + 1)), None);
}

#[test]
fn fewer_tasks_are_ready_ones_first_and_free_workers() {
    // A scale-down needs fewer than 2 ready tasks and less than 30 % of 10 workers busy.
    let (_, forecast) = decide_and_forecast(
        &threshold_spec(),
        &observation(10, 5, 4),
        &Memory::default(),
    );
    assert_eq!(
        forecast.down.map(|next| next.tasks),
        Some(-7),
        "5 ready tasks and 2 in flight"
    );
}

fn measured(rates: Rates) -> Memory {
    Memory {
        rates: vec![Rates {
            service: 2_000_000,
            samples: 19,
            ..rates
        }],
        ..Memory::default()
    }
}

#[test]
fn the_fewest_tasks_bring_the_earliest_change() {
    // 8 workers are enough for 100 tasks of 2 s. One task more needs a ninth, but a small scale-up has a cooldown.
    let spec = PoolSpec {
        max: 60,
        ..drain_within(30)
    };
    let memory = Memory {
        last_change: Some(ago(1)),
        ..measured(Rates::default())
    };
    let (_, forecast) = decide_and_forecast(&spec, &observation(8, 100, 8), &memory);
    assert_eq!(
        forecast.up,
        next(10, None, 13),
        "113 tasks need ten workers, immediately"
    );
}

#[test]
fn strides_grow_while_rates_fade() {
    let spec = PoolSpec {
        max: 60,
        ..drain_within(30)
    };
    let memory = Memory {
        busy: [(NOW, 6)].into_iter().collect(),
        ..measured(Rates {
            at: Some(NOW),
            arrival: 900,
            ..Rates::default()
        })
    };
    let mut observation = observation(6, 0, 0);
    observation.queues[0].arrived = Metric::Known(0);
    observation.queues[0].processed = Metric::Known(0);
    let (_, forecast) = decide_and_forecast(&spec, &observation, &memory);
    let at = forecast.down.and_then(|next| next.at).expect("a time");
    assert!(
        (30_000..38_000).contains(&(at - NOW).0),
        "six workers were busy until now, and the startup time is unknown: {at:?}"
    );
}

#[test]
fn the_instant_is_exact_where_no_rate_fades() {
    let spec = PoolSpec {
        schedules: vec![Schedule {
            name: "short".into(),
            min: 1,
            from: NOW + Millis(10_000),
            until: NOW + Millis(10_500),
        }],
        behavior: Some(behavior("hpa")),
        ..tasks_per_worker(5)
    };
    let memory = Memory {
        recommendations: [(ago(289), 9)].into_iter().collect(),
        rates: vec![Rates::default()],
        ..Memory::default()
    };
    let (_, forecast) = decide_and_forecast(&spec, &observation(9, 10, 0), &memory);
    assert_eq!(forecast.down, next(2, Some(11), 0));
}
