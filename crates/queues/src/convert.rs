//! Converts a snapshot of the reference protocol into `decide`'s types.

use decide::victims::{self, Activity, DrainState, WorkerReport};
use decide::{Metric, QueueMetrics};
use protocol::snapshot::{Snapshot, State, Worker};

fn count(n: u64) -> Metric {
    Metric::Known(i64::try_from(n).unwrap_or(i64::MAX))
}

fn supported<T>(value: Option<T>, metric: impl Fn(T) -> Metric) -> Metric {
    value.map_or(Metric::Unsupported, metric)
}

/// The metrics of a queue. A draining worker claims no more tasks, so it counts as neither live nor busy; the tasks
/// that it holds are in flight.
pub fn queue_metrics(snapshot: &Snapshot) -> QueueMetrics {
    let live: Vec<&Worker> = snapshot
        .workers
        .iter()
        .filter(|worker| worker.state != Some(State::Draining))
        .collect();
    let busy = live
        .iter()
        .filter(|worker| worker.claimed > 0 || worker.state == Some(State::Busy))
        .count();
    let last = snapshot.recent.first();
    QueueMetrics {
        ready: count(snapshot.ready),
        due: count(snapshot.due),
        delayed: count(snapshot.due),
        in_flight: count(snapshot.claimed),
        // A worker claims a task when it begins it, and no queue can be paused.
        held: Metric::Known(0),
        held_delayed: Metric::Known(0),
        paused: Metric::Known(0),
        limit: Metric::Unsupported,
        live: count(live.len() as u64),
        busy: count(busy as u64),
        slots: count(live.iter().map(|worker| u64::from(worker.slots())).sum()),
        slots_in_use: count(live.iter().map(|worker| slots_in_use(worker)).sum()),
        cpu_sum: cpu_sum(&live),
        oldest_at: supported(oldest_at(snapshot), Metric::Known),
        arrived: supported(snapshot.arrived, count),
        processed: supported(snapshot.processed, count),
        // The counter begins with the first failure.
        failed: supported(snapshot.failed.or(snapshot.processed.map(|_| 0)), count),
        busy_millis: supported(snapshot.millis, count),
        recent_tasks: supported(last, |_| count(snapshot.recent.len() as u64)),
        recent_millis: supported(last, |_| {
            count(snapshot.recent.iter().copied().fold(0, u64::saturating_add))
        }),
    }
}

/// The first instant of 2000, in milliseconds since 1970: no task of a producer that counts milliseconds is older.
const YEAR_2000: i64 = 946_684_800_000;
/// A day in milliseconds: no clock of a producer is that far ahead.
const DAY: i64 = 86_400_000;

/// `at` where it can be an instant at the queue's `time`: what a producer writes in another unit is none.
pub(crate) fn instant(at: i64, time: i64) -> Option<i64> {
    let latest = time.saturating_add(DAY);
    (YEAR_2000..=latest).contains(&at).then_some(at)
}

/// When the next task was pushed. Where that is no instant, its age is not known.
fn oldest_at(snapshot: &Snapshot) -> Option<i64> {
    let at = snapshot.oldest_at?;
    instant(at, snapshot.time)
}

/// Whether the next task has a time of a producer that is no instant.
pub fn has_odd_time(snapshot: &Snapshot) -> bool {
    snapshot.oldest_at != oldest_at(snapshot)
}

/// How long a blocking claim that was waiting when its worker was asked to drain can still return a task, in
/// milliseconds (docs/worker-protocol.md).
const PENDING_CLAIM: i64 = 2_000;

/// A worker as the victim selection needs it, at `time` (milliseconds since 1970); `queue` is the queue's position in
/// its pool.
pub fn worker(worker: &Worker, time: i64, queue: usize) -> victims::Worker {
    let since = worker.since.unwrap_or(time);
    let attempted = worker.claim_at.is_some_and(|at| at > since);
    let drain = match worker.state {
        Some(State::Draining)
            if worker.claimed == 0
                && (attempted || time.saturating_sub(since) >= PENDING_CLAIM) =>
        {
            DrainState::Drained
        }
        Some(State::Draining) => DrainState::Requested,
        _ => DrainState::None,
    };
    let busy = worker.claimed > 0 || worker.state == Some(State::Busy);
    let activity = match worker.state {
        _ if worker.is_stalled(time) => Activity::Stalled,
        Some(State::Draining) => Activity::Draining,
        _ if busy => Activity::Busy,
        Some(State::Idle) => Activity::Idle,
        _ => Activity::Unknown,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a percentage; larger values saturate"
    )]
    let cpu = worker.cpu.map(|cpu| cpu.round() as i32);
    let since_millis = worker.since.map(|since| time.saturating_sub(since).max(0));
    let report = WorkerReport {
        activity,
        since_millis,
        cpu,
        tasks: worker.claimed,
        // It tells since when it is busy, with whichever task; its library gives back what it does not finish.
        task_millis: None,
    };
    let pod = worker.pod.clone().filter(|pod| !pod.is_empty());
    victims::Worker {
        queue,
        id: worker.id.clone(),
        pod,
        namespace: worker.namespace.clone(),
        slots: worker.slots(),
        busy,
        drain,
        since,
        report,
    }
}

/// How many of its slots run a task. One that says that it is busy runs at least one.
fn slots_in_use(worker: &Worker) -> u64 {
    let tasks = worker.claimed.max(worker.is_busy().into());
    tasks.min(worker.slots().into())
}

/// The mean CPU of the workers that report it, times the number of live workers: a worker that does not report it
/// does not change the mean.
fn cpu_sum(live: &[&Worker]) -> Metric {
    if live.is_empty() {
        return Metric::Known(0);
    }
    let (sum, reporting) = live
        .iter()
        .filter_map(|worker| worker.cpu)
        .fold((0.0, 0u32), |(sum, n), cpu| (sum + cpu, n + 1));
    if reporting == 0 {
        return Metric::Unsupported;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "percentages of a few workers"
    )]
    Metric::Known((sum / f64::from(reporting) * live.len() as f64).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(state: State, claimed: u64, cpu: Option<f64>) -> Worker {
        Worker {
            id: "w.1".into(),
            claimed,
            state: Some(state),
            cpu,
            ..Worker::default()
        }
    }

    #[rstest::rstest]
    #[case("it was asked just now", 0, 5_000, 5_000, DrainState::Requested)]
    #[case("a claim may still be waiting", 0, 4_500, 6_999, DrainState::Requested)]
    #[case("no claim can still be waiting", 0, 4_500, 7_000, DrainState::Drained)]
    #[case(
        "it has tried to claim since, and got nothing",
        0,
        5_001,
        5_002,
        DrainState::Drained
    )]
    #[case("it holds a task", 1, 5_001, 60_000, DrainState::Requested)]
    fn worker_is_drained_when_no_claim_can_be_waiting(
        #[case] case: &str,
        #[case] claimed: u64,
        #[case] claim_at: i64,
        #[case] time: i64,
        #[case] expected: DrainState,
    ) {
        let worker = Worker {
            since: Some(5_000),
            claim_at: Some(claim_at),
            ..worker(State::Draining, claimed, None)
        };
        assert_eq!(super::worker(&worker, time, 0).drain, expected, "{case}");
    }

    #[test]
    fn extreme_numbers_are_converted_too() {
        let metrics = queue_metrics(&Snapshot {
            recent: vec![u64::MAX; 20],
            ..Snapshot::default()
        });
        assert_eq!(metrics.recent_millis, Metric::Known(i64::MAX));
        for (since, time) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN)] {
            for state in [State::Idle, State::Draining] {
                let extreme = Worker {
                    since: Some(since),
                    claim_at: Some(since),
                    ..worker(state, 0, Some(f64::MAX))
                };
                let report = super::worker(&extreme, time, 0).report;
                assert_eq!(report.cpu, Some(i32::MAX));
            }
        }
    }

    #[test]
    fn no_failed_task_is_zero_and_an_absent_counter_is_not() {
        let processed = Snapshot {
            processed: Some(3),
            ..Snapshot::default()
        };
        assert_eq!(queue_metrics(&processed).failed, Metric::Known(0));
        let none = queue_metrics(&Snapshot::default());
        let unsupported = Metric::Unsupported;
        assert_eq!((none.failed, none.processed), (unsupported, unsupported));
    }

    #[test]
    fn unreported_worker_fields_are_unknown() {
        let silent = Worker {
            pod: Some(String::new()),
            ..Worker::default()
        };
        let silent = super::worker(&silent, 60_000, 0);
        assert_eq!((silent.report, silent.pod), (WorkerReport::default(), None));
        let stalled = Worker {
            since: Some(1_000),
            claim_at: Some(2_000),
            ..worker(State::Idle, 0, Some(3.6))
        };
        let WorkerReport {
            activity,
            since_millis,
            cpu,
            tasks,
            ..
        } = super::worker(&stalled, 60_000, 0).report;
        assert_eq!(
            (activity, since_millis, cpu, tasks),
            (Activity::Stalled, Some(59_000), Some(4), 0)
        );
    }

    #[test]
    fn draining_workers_are_in_flight_but_not_live() {
        let metrics = queue_metrics(&Snapshot {
            claimed: 2,
            workers: vec![
                worker(State::Busy, 1, Some(90.0)),
                worker(State::Idle, 0, None),
                worker(State::Draining, 1, Some(50.0)),
            ],
            ..Snapshot::default()
        });
        assert_eq!(
            (metrics.in_flight, metrics.live, metrics.busy),
            (Metric::Known(2), Metric::Known(2), Metric::Known(1))
        );
        assert_eq!(
            metrics.cpu_sum,
            Metric::Known(180),
            "the mean of the worker that reports it applies to both"
        );
    }

    #[test]
    fn slots_count_and_not_workers() {
        let with = |slots, claimed| Worker {
            slots,
            ..worker(State::Busy, claimed, None)
        };
        let metrics = queue_metrics(&Snapshot {
            workers: vec![with(Some(4), 3), with(Some(4), 0), with(None, 9)],
            ..Snapshot::default()
        });
        assert_eq!(
            (
                metrics.live,
                metrics.busy,
                metrics.slots,
                metrics.slots_in_use
            ),
            (
                Metric::Known(3),
                Metric::Known(3),
                Metric::Known(9),
                Metric::Known(5)
            )
        );
    }

    #[rstest::rstest]
    #[case("in seconds", 1_794_000_000, None)]
    #[case("in microseconds", 1_794_000_000_000_000, None)]
    #[case("the first of 2000", 946_684_800_000, Some(946_684_800_000))]
    #[case(
        "a producer whose clock is ahead",
        1_794_000_060_000,
        Some(1_794_000_060_000)
    )]
    #[case("a day ahead", 1_794_086_400_001, None)]
    fn the_time_of_a_producer_must_be_an_instant(
        #[case] case: &str,
        #[case] at: i64,
        #[case] expected: Option<i64>,
    ) {
        let snapshot = Snapshot {
            time: 1_794_000_000_000,
            oldest_at: Some(at),
            ..Snapshot::default()
        };
        let metric = queue_metrics(&snapshot).oldest_at;
        assert_eq!(metric.known(), expected, "{case}");
        assert_eq!(has_odd_time(&snapshot), expected.is_none(), "{case}");
    }
}
