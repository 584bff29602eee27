//! What `decide` measures of a queue: arrival rate, service time, and how long workers take to start.

use super::cells::{NOW, drain_within, observe, tasks_per_worker};
use decide::{Memory, Metric, Millis, QueueMetrics, Rates, Startup, Time, decide};

/// A queue with counters; `arrived` is `None` where the producers do not count.
fn counters(arrived: Option<i64>, processed: i64, millis: i64) -> QueueMetrics {
    QueueMetrics {
        ready: Metric::Known(0),
        in_flight: Metric::Known(0),
        live: Metric::Known(1),
        busy: Metric::Known(0),
        arrived: arrived.map_or(Metric::Unsupported, Metric::Known),
        processed: Metric::Known(processed),
        failed: Metric::Known(0),
        busy_millis: Metric::Known(millis),
        ..QueueMetrics::UNSUPPORTED
    }
}

/// The rates after observations, each at a number of seconds.
fn rates_after(observations: &[(i64, QueueMetrics)]) -> Rates {
    let mut rates = Rates::default();
    for (seconds, queue) in observations {
        rates.learn(queue, at(*seconds));
    }
    rates
}

fn at(seconds: i64) -> Time {
    NOW + Millis::seconds(seconds)
}

#[test]
fn arrival_rate() {
    // The first interval is a mean over at least 10 s: 20 in 10 s, (0·10 + 20) ÷ (10 + 10).
    // A first burst.
    check_arrival_rate(&[(0, 0), (10, 20)], 1_000_000);
    // A new measurement: (1·10 + 20) ÷ (10 + 10), with a time constant of its age.
    // Then steady.
    check_arrival_rate(&[(0, 0), (10, 20), (20, 40)], 1_500_000);
    // A rate that fell to nothing fades with the constant of low rates: 40 ÷ 1.5 s is less than 60 s, but its age is 20 s.
    // Then silence.
    check_arrival_rate(&[(0, 0), (10, 20), (20, 40), (40, 40)], 750_000);
    // A counter that was reset.
    check_arrival_rate(&[(0, 100), (10, 0)], 0);
    // And continues after the reset.
    check_arrival_rate(&[(0, 100), (10, 0), (20, 20)], 1_000_000);
    // Time alone changes it each second.
    check_arrival_rate(&[(0, 0), (10, 20), (10, 20)], 1_000_000);
}

#[track_caller]
fn check_arrival_rate(arrived: &[(i64, i64)], expected: i64) {
    let observations: Vec<_> = arrived
        .iter()
        .map(|(seconds, arrived)| (*seconds, counters(Some(*arrived), 0, 0)))
        .collect();
    assert_eq!(rates_after(&observations).arrival, expected);
}

#[test]
fn an_old_rate_has_its_own_time_constant() {
    let arrival_after = |arrival: i64, arrived: i64| {
        let mut rates = Rates {
            at: Some(NOW),
            since: Time(0),
            arrival,
            ..Rates::default()
        };
        rates.learn(&counters(Some(arrived), 0, 0), at(10));
        rates.arrival
    };
    assert_eq!(arrival_after(4_000_000, 40), 4_000_000, "a steady rate");
    assert_eq!(
        arrival_after(7_000_000, 0),
        6_000_000,
        "60 s at high rates: 7·60 ÷ 70"
    );
    assert_eq!(
        arrival_after(400_000, 0),
        363_636,
        "40 tasks: 100 s at 0.4 per second"
    );
    assert_eq!(arrival_after(10_000, 0), 9_677, "at most 300 s");
    assert_eq!(arrival_after(0, 31), 100_000, "and 300 s from nothing");
}

#[test]
fn uncounted_arrivals_are_present_and_ended_tasks() {
    let queue = |ready, in_flight, processed, failed| QueueMetrics {
        ready: Metric::Known(ready),
        in_flight: Metric::Known(in_flight),
        failed: Metric::Known(failed),
        ..counters(None, processed, 0)
    };
    let first = (0, queue(0, 0, 100, 10));
    let rates = rates_after(&[first, (10, queue(5, 5, 105, 15))]);
    assert_eq!((rates.arrived, rates.arrival), (130, 1_000_000));
    let unsupported = QueueMetrics {
        processed: Metric::Unsupported,
        ..queue(5, 5, 0, 0)
    };
    assert_eq!(
        rates_after(&[(0, unsupported)]).at,
        None,
        "a queue without counters has no rate"
    );
    let unavailable = QueueMetrics {
        ready: Metric::Unavailable,
        ..queue(0, 0, 100, 10)
    };
    assert_eq!(
        rates_after(&[first, (10, unavailable)]).at,
        Some(NOW),
        "an observation with unavailable counters is not recorded"
    );
}

/// Tasks completed and milliseconds spent on them, one second apart.
#[test]
fn service_time() {
    // Nothing yet.
    check_service_time(&[(0, 0)], 0, 0);
    // Time without tasks.
    check_service_time(&[(0, 500)], 0, 0);
    // Tasks without time.
    check_service_time(&[(10, 0), (11, 2_000)], 2_000_000, 1);
    // Tasks before the first observation.
    check_service_time(&[(10, 20_000)], 2_000_000, 10);
    // The first task.
    check_service_time(&[(0, 0), (1, 3_000)], 3_000_000, 1);
    // A plain mean at first.
    check_service_time(&[(0, 0), (1, 3_000), (2, 4_000)], 2_000_000, 2);
    // Several at once.
    check_service_time(&[(0, 0), (1, 3_000), (4, 6_000)], 1_500_000, 4);
    // One in twenty later.
    check_service_time(&[(100, 200_000), (101, 222_000)], 3_000_000, 19);
    // An outlier counts as twenty times the mean.
    check_service_time(&[(100, 200_000), (101, 500_000)], 3_900_000, 19);
    // A reset is not a sample.
    check_service_time(&[(100, 200_000), (1, 100)], 2_000_000, 19);
    // A smaller sum is not a sample.
    check_service_time(&[(100, 200_000), (101, 100)], 2_000_000, 19);
}

#[track_caller]
fn check_service_time(counts: &[(i64, i64)], micros: i64, samples: i64) {
    let observations: Vec<_> = (0..)
        .zip(counts)
        .map(|(seconds, (done, millis))| (seconds, counters(Some(0), *done, *millis)))
        .collect();
    let rates = rates_after(&observations);
    assert_eq!((rates.service, rates.samples), (micros, samples));
}

#[test]
fn startup_time_is_measured_at_each_scale_up() {
    let mut memory = Memory::default();
    let mut startup_after = |replicas: i32, tasks: i64, live: i64, seconds: i64| {
        let queue = QueueMetrics {
            ready: Metric::Known(tasks),
            live: Metric::Known(live),
            ..counters(Some(0), 0, 0)
        };
        let observation = observe(replicas, queue);
        memory = decide(&tasks_per_worker(1), &observation, &memory, at(seconds)).memory;
        memory.startup
    };
    assert_eq!(startup_after(1, 4, 1, 0).pending, Some((at(0), 4)));
    assert_eq!(startup_after(4, 4, 3, 5).mean, None, "one has not started");
    let started = startup_after(4, 4, 4, 8);
    assert_eq!((started.pending, started.mean), (None, Some(Millis(8_000))));
    assert_eq!(startup_after(4, 8, 4, 20).pending, Some((at(20), 8)));
    assert_eq!(
        startup_after(8, 8, 9, 24).mean,
        Some(Millis(7_000)),
        "(3 × 8 + 4) ÷ 4"
    );
    startup_after(8, 12, 8, 30);
    assert_eq!(
        startup_after(12, 12, 8, 630).pending,
        Some((at(30), 12)),
        "ten minutes may be a start"
    );
    let given_up = startup_after(12, 12, 12, 631);
    assert_eq!(
        (given_up.pending, given_up.mean),
        (None, Some(Millis(7_000))),
        "a crash loop is not measured"
    );
    startup_after(12, 16, 12, 700);
    assert_eq!(
        startup_after(16, 0, 12, 760).pending,
        None,
        "a scale-down ends the measurement"
    );
    startup_after(1, 5, 1, 1000);
    assert_eq!(startup_after(5, 5, 5, 1003).mean, Some(Millis(6_000)));
    assert_eq!(
        startup_after(5, 0, 5, 1100).pending,
        None,
        "a scale-down starts no measurement"
    );
}

#[test]
fn retention_follows_the_startup_time() {
    let retain_for = |mean: Option<i64>| {
        let startup = Startup {
            mean: mean.map(Millis::seconds),
            ..Startup::default()
        };
        (startup.span(), startup.retain_for())
    };
    assert_eq!(retain_for(None), (Millis::seconds(5), Millis::seconds(30)));
    assert_eq!(
        retain_for(Some(1)),
        (Millis::seconds(1), Millis::seconds(10))
    );
    assert_eq!(
        retain_for(Some(4)),
        (Millis::seconds(4), Millis::seconds(16))
    );
    assert_eq!(
        retain_for(Some(60)),
        (Millis::seconds(60), Millis::seconds(20))
    );
}

#[test]
fn a_start_in_the_future_began_now() {
    let startup = Startup {
        pending: Some((at(3600), 1)),
        mean: None,
    };
    let memory = Memory {
        startup,
        ..Memory::default()
    };
    let observation = observe(1, counters(Some(0), 0, 0));
    let memory = decide(&tasks_per_worker(1), &observation, &memory, NOW).memory;
    assert_eq!(memory.startup.mean, Some(Millis(0)));
}

#[test]
fn new_counts_apply_at_once_and_time_by_the_second() {
    let before = rates_after(&[(0, counters(Some(0), 0, 0)), (10, counters(Some(20), 0, 0))]);
    let after = |millis: i64, arrived: i64, processed: i64| {
        let mut rates = before;
        let queue = counters(Some(arrived), processed, processed * 2000);
        rates.learn(&queue, NOW + Millis(millis));
        rates
    };
    assert_eq!(before.arrival, 1_000_000);
    assert_eq!(after(10_999, 20, 0), before, "nothing was counted");
    assert_eq!(
        after(11_000, 20, 0).arrival,
        909_090,
        "a second fades it: 1·10 ÷ 11"
    );
    assert_eq!(after(10_500, 25, 0).arrival, 1_428_571, "(1·10 + 5) ÷ 10.5");
    assert_eq!(after(10_500, 20, 1).service, 2_000_000);
}

#[test]
fn counters_read_in_the_future_were_read_now() {
    let rates_since = |since: Time| {
        let rates = Rates {
            at: Some(at(3600)),
            since,
            arrival: 1_000_000,
            ..Rates::default()
        };
        let memory = Memory {
            rates: vec![rates],
            ..Memory::default()
        };
        let observation = observe(1, counters(Some(10), 0, 0));
        decide(&drain_within(30), &observation, &memory, NOW)
            .memory
            .rates[0]
    };
    assert_eq!(
        rates_since(Time(0)).arrival,
        1_166_666,
        "10 in no time, over 60 s"
    );
    assert_eq!(rates_since(at(3600)).since, NOW);
}

#[test]
fn counters_that_jump_by_all_of_their_range_measure_nothing_absurd() {
    let mut memory = Memory::default();
    let jumps = [0, i64::MAX, 0, i64::MAX, 0, i64::MAX - 17, 0, i64::MAX];
    for (processed, seconds) in jumps.into_iter().zip((0..).step_by(3)) {
        let queue = QueueMetrics {
            ready: Metric::Known(4),
            ..counters(None, processed, 0)
        };
        let decision = decide(&drain_within(30), &observe(1, queue), &memory, at(seconds));
        memory = decision.memory;
        let rates = memory.rates[0];
        assert!((0..=19).contains(&rates.samples), "{rates:?}");
        assert!(rates.arrival >= 0 && rates.service >= 0, "{rates:?}");
    }
}

#[test]
fn damaged_rates_of_a_status_are_repaired() {
    let damaged = Rates {
        at: Some(at(0)),
        samples: -i64::MAX,
        arrived: -3,
        arrival: -1,
        service: i64::MIN,
        ..Rates::default()
    };
    let memory = Memory {
        rates: vec![damaged],
        startup: Startup {
            pending: None,
            mean: Some(Millis(i64::MAX)),
        },
        ..Memory::default()
    };
    let queue = counters(Some(20), i64::MAX, 0);
    let memory = decide(&drain_within(30), &observe(1, queue), &memory, at(1)).memory;
    assert_eq!((memory.rates[0].samples, memory.rates[0].service), (19, 0));
    assert_eq!(memory.startup.mean, Some(Millis::seconds(600)));
}
