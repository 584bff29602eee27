//! What `decide` measures of a queue: arrival rate, service time, and how long workers take to start.

use super::cells::NOW;
use decide::{
    Load, Memory, Metric, Millis, Observation, PoolSpec, Rates, Rules, Target, Time, decide,
};
use rstest::rstest;

/// A look at counters; `None` is not told.
fn counters(arrived: Option<i64>, processed: i64, millis: i64) -> Load {
    Load {
        ready: Metric::Known(0),
        in_flight: Metric::Known(0),
        live: Metric::Known(1),
        busy: Metric::Known(0),
        arrived: arrived.map_or(Metric::Unsupported, Metric::Known),
        processed: Metric::Known(processed),
        failed: Metric::Known(0),
        busy_millis: Metric::Known(millis),
        ..Load::UNSUPPORTED
    }
}

fn learned(looks: &[(i64, Load)]) -> Rates {
    let mut rates = Rates::default();
    for (seconds, load) in looks {
        rates.learn(load, NOW + Millis::seconds(*seconds));
    }
    rates
}

#[rstest]
// The first interval is a mean over at least 10 s: 20 in 10 s, (0·10 + 20) ÷ (10 + 10).
#[case::a_first_burst(&[(0, 0), (10, 20)], 1_000_000)]
// Young: (1·10 + 20) ÷ (10 + 10), with a time constant of its age.
#[case::then_steady(&[(0, 0), (10, 20), (20, 40)], 1_500_000)]
// A rate that came down to nothing fades with the constant of low rates: 40 ÷ 1.5 s is less than 60 s, but its age is 20 s.
#[case::then_silence(&[(0, 0), (10, 20), (20, 40), (40, 40)], 750_000)]
#[case::a_counter_that_fell(&[(0, 100), (10, 0)], 0)]
#[case::and_goes_on_from_there(&[(0, 100), (10, 0), (20, 20)], 1_000_000)]
#[case::time_alone_moves_it_by_the_second(&[(0, 0), (10, 20), (10, 20)], 1_000_000)]
fn arrivals(#[case] looks: &[(i64, i64)], #[case] expected: i64) {
    let looks: Vec<_> = looks
        .iter()
        .map(|(at, arrived)| (*at, counters(Some(*arrived), 0, 0)))
        .collect();
    assert_eq!(learned(&looks).arrival, expected);
}

#[test]
fn an_old_rate_has_its_own_time_constant() {
    let old = |arrival| Rates {
        at: Some(NOW),
        since: Time(0),
        arrival,
        ..Rates::default()
    };
    let after = |mut rates: Rates, came: i64| {
        rates.learn(&counters(Some(came), 0, 0), NOW + Millis::seconds(10));
        rates.arrival
    };
    assert_eq!(after(old(4_000_000), 40), 4_000_000, "steady stays");
    assert_eq!(
        after(old(7_000_000), 0),
        6_000_000,
        "60 s at high rates: 7·60 ÷ 70"
    );
    assert_eq!(
        after(old(400_000), 0),
        363_636,
        "40 tasks: 100 s at 0.4 a second"
    );
    assert_eq!(after(old(10_000), 0), 9_677, "at most 300 s");
    assert_eq!(after(old(0), 31), 100_000, "and 300 s from nothing");
}

#[test]
fn arrivals_nobody_counts_are_what_there_is_and_what_there_was() {
    let load = |ready, in_flight, processed, failed| Load {
        ready: Metric::Known(ready),
        in_flight: Metric::Known(in_flight),
        failed: Metric::Known(failed),
        ..counters(None, processed, 0)
    };
    let rates = learned(&[(0, load(0, 0, 100, 10)), (10, load(5, 5, 105, 15))]);
    assert_eq!((rates.arrived, rates.arrival), (130, 1_000_000));
    let untold = Load {
        processed: Metric::Unsupported,
        ..load(5, 5, 0, 0)
    };
    assert_eq!(
        learned(&[(0, untold)]).at,
        None,
        "a queue without counters has no rate"
    );
    let unread = Load {
        ready: Metric::Unavailable,
        ..load(0, 0, 100, 10)
    };
    assert_eq!(
        learned(&[(0, load(0, 0, 100, 10)), (10, unread)]).at,
        Some(NOW),
        "an unread look teaches nothing"
    );
}

#[rstest]
#[case::nothing_yet(&[(0, 0)], 0, 0)]
#[case::time_without_tasks(&[(0, 500)], 0, 0)]
#[case::tasks_without_time(&[(10, 0), (11, 2_000)], 2_000_000, 1)]
#[case::what_was_before(&[(10, 20_000)], 2_000_000, 10)]
#[case::the_first(&[(0, 0), (1, 3_000)], 3_000_000, 1)]
#[case::a_plain_mean_at_first(&[(0, 0), (1, 3_000), (2, 4_000)], 2_000_000, 2)]
#[case::several_at_once(&[(0, 0), (1, 3_000), (4, 6_000)], 1_500_000, 4)]
#[case::one_in_twenty_later(&[(100, 200_000), (101, 222_000)], 3_000_000, 19)]
#[case::no_sample_counts_more_than_twenty_times(&[(100, 200_000), (101, 500_000)], 3_900_000, 19)]
#[case::a_reset_is_no_sample(&[(100, 200_000), (1, 100)], 2_000_000, 19)]
#[case::nor_is_a_falling_sum(&[(100, 200_000), (101, 100)], 2_000_000, 19)]
fn service_times(#[case] looks: &[(i64, i64)], #[case] micros: i64, #[case] samples: i64) {
    let seconds = (0..).step_by(1);
    let looks: Vec<_> = looks
        .iter()
        .zip(seconds)
        .map(|((done, millis), at)| (at, counters(Some(0), *done, *millis)))
        .collect();
    let rates = learned(&looks);
    assert_eq!((rates.service, rates.samples), (micros, samples));
}

#[test]
fn the_time_a_start_takes_is_measured_at_each_rise() {
    let target = Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    let pool = PoolSpec {
        max: 20,
        rules,
        ..PoolSpec::default()
    };
    let mut memory = Memory::default();
    let mut look = |current: i32, tasks: i64, live: i64, seconds: i64| {
        let load = Load {
            ready: Metric::Known(tasks),
            live: Metric::Known(live),
            ..counters(Some(0), 0, 0)
        };
        let seen = Observation {
            replicas: current,
            queues: vec![load],
            unavailable_reason: None,
        };
        memory = decide(&pool, &seen, &memory, NOW + Millis::seconds(seconds)).memory;
        memory.startup
    };
    let at = |seconds| NOW + Millis::seconds(seconds);
    assert_eq!(look(1, 4, 1, 0).pending, Some((at(0), 4)));
    assert_eq!(look(4, 4, 3, 5).mean, None, "one is missing");
    let started = look(4, 4, 4, 8);
    assert_eq!((started.pending, started.mean), (None, Some(Millis(8_000))));
    assert_eq!(look(4, 8, 4, 20).pending, Some((at(20), 8)));
    assert_eq!(
        look(8, 8, 9, 24).mean,
        Some(Millis(7_000)),
        "(3 × 8 + 4) ÷ 4"
    );
    look(8, 12, 8, 30);
    assert_eq!(
        look(12, 12, 8, 630).pending,
        Some((at(30), 12)),
        "ten minutes are a start yet"
    );
    let given_up = look(12, 12, 12, 631);
    assert_eq!(
        (given_up.pending, given_up.mean),
        (None, Some(Millis(7_000))),
        "a crash loop is none"
    );
    look(12, 16, 12, 700);
    assert_eq!(look(16, 0, 12, 760).pending, None, "a fall ends it");
    look(1, 5, 1, 1000);
    assert_eq!(look(5, 5, 5, 1003).mean, Some(Millis(6_000)));
    assert_eq!(look(5, 0, 5, 1100).pending, None, "and begins none");
}

#[test]
fn what_is_kept_follows_the_start() {
    let keep = |seconds: Option<i64>| {
        let startup = decide::Startup {
            mean: seconds.map(Millis::seconds),
            ..Default::default()
        };
        (startup.span(), startup.retain_for())
    };
    assert_eq!(keep(None), (Millis::seconds(5), Millis::seconds(30)));
    assert_eq!(keep(Some(1)), (Millis::seconds(1), Millis::seconds(10)));
    assert_eq!(keep(Some(4)), (Millis::seconds(4), Millis::seconds(16)));
    assert_eq!(keep(Some(60)), (Millis::seconds(60), Millis::seconds(20)));
}

#[test]
fn a_start_that_lies_in_the_future_began_now() {
    let target = Target {
        tasks_per_worker: Some(1),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    let pool = PoolSpec {
        max: 20,
        rules,
        ..PoolSpec::default()
    };
    let startup = decide::Startup {
        pending: Some((NOW + Millis::seconds(3600), 1)),
        mean: None,
    };
    let seen = Observation {
        replicas: 1,
        queues: vec![counters(Some(0), 0, 0)],
        unavailable_reason: None,
    };
    let memory = decide(
        &pool,
        &seen,
        &Memory {
            startup,
            ..Memory::default()
        },
        NOW,
    )
    .memory;
    assert_eq!(
        memory.startup.mean,
        Some(Millis(0)),
        "the clock was set back"
    );
}

#[test]
fn what_is_counted_counts_at_once_and_time_alone_by_the_second() {
    let look = |rates: &Rates, millis: i64, arrived: i64, processed: i64| {
        let mut rates = *rates;
        rates.learn(
            &counters(Some(arrived), processed, processed * 2000),
            NOW + Millis(millis),
        );
        rates
    };
    let known = learned(&[(0, counters(Some(0), 0, 0)), (10, counters(Some(20), 0, 0))]);
    assert_eq!(known.arrival, 1_000_000);
    assert_eq!(look(&known, 10_999, 20, 0), known, "nothing was counted");
    assert_eq!(
        look(&known, 11_000, 20, 0).arrival,
        909_090,
        "a second fades it: 1·10 ÷ 11"
    );
    assert_eq!(
        look(&known, 10_500, 25, 0).arrival,
        1_428_571,
        "(1·10 + 5) ÷ 10.5"
    );
    assert_eq!(look(&known, 10_500, 20, 1).service, 2_000_000);
}

#[test]
fn counters_that_were_read_in_the_future_were_read_now() {
    let target = Target {
        drain_within: Some(Millis::seconds(30)),
        ..Target::default()
    };
    let rules = vec![Rules {
        queues: vec![0],
        target,
        ..Rules::default()
    }];
    let pool = PoolSpec {
        max: 20,
        rules,
        ..PoolSpec::default()
    };
    let later = NOW + Millis::seconds(3600);
    let rates = Rates {
        at: Some(later),
        since: Time(0),
        arrival: 1_000_000,
        ..Rates::default()
    };
    let seen = Observation {
        replicas: 1,
        queues: vec![counters(Some(10), 0, 0)],
        unavailable_reason: None,
    };
    let memory = decide(
        &pool,
        &seen,
        &Memory {
            rates: vec![rates],
            ..Memory::default()
        },
        NOW,
    )
    .memory;
    assert_eq!(
        memory.rates[0].arrival, 1_166_666,
        "10 in no time, over 60 s"
    );
    let rates = Rates {
        at: Some(later),
        since: later,
        arrival: 1_000_000,
        ..Rates::default()
    };
    let memory = decide(
        &pool,
        &seen,
        &Memory {
            rates: vec![rates],
            ..Memory::default()
        },
        NOW,
    )
    .memory;
    assert_eq!(memory.rates[0].since, NOW);
}
