//! What a look at a queue tells the decision.

use decide::victims;
use decide::victims::{Activity, DrainState, WorkerReport};
use decide::{Metric, QueueMetrics};
use protocol::snapshot::{Snapshot, State, Worker};

fn count(n: u64) -> Metric {
    Metric::Known(i64::try_from(n).unwrap_or(i64::MAX))
}

fn supported<T>(value: Option<T>, fact: impl Fn(T) -> Metric) -> Metric {
    value.map_or(Metric::Unsupported, fact)
}

/// A worker that drains takes no tasks any more, so that it is neither live nor busy here: what it holds is in flight.
pub fn queue_metrics(seen: &Snapshot) -> QueueMetrics {
    let live: Vec<&Worker> = seen
        .workers
        .iter()
        .filter(|worker| worker.state != Some(State::Draining))
        .collect();
    let busy = live
        .iter()
        .filter(|worker| worker.claimed > 0 || worker.state == Some(State::Busy))
        .count();
    QueueMetrics {
        ready: count(seen.ready),
        due: Metric::Unsupported,
        in_flight: count(seen.claimed),
        live: count(live.len() as u64),
        busy: count(busy as u64),
        cpu_sum: cpu_sum(&live),
        oldest_at: supported(seen.oldest_at, Metric::Known),
        arrived: supported(seen.arrived, count),
        processed: supported(seen.processed, count),
        failed: supported(seen.failed, count),
        busy_millis: supported(seen.millis, count),
    }
}

/// How long a claim that was waiting when its worker was told to drain may still bring a task (docs/worker-protocol.md).
const LAST_CLAIM: i64 = 2_000;

/// The same as those who choose who goes take it: seen at `time`, in queue number `queue` of its pool.
pub fn worker(worker: &Worker, time: i64, queue: usize) -> victims::Worker {
    let since = worker.since.unwrap_or(time);
    let attempted = worker.claim_at.is_some_and(|at| at > since);
    let drain = match worker.state {
        Some(State::Draining)
            if worker.claimed == 0 && (attempted || time - since >= LAST_CLAIM) =>
        {
            DrainState::Drained
        }
        Some(State::Draining) => DrainState::Requested,
        _ => DrainState::None,
    };
    let busy = worker.claimed > 0 || worker.state == Some(State::Busy);
    let doing = match worker.state {
        _ if worker.is_stalled(time) => Activity::Stalled,
        Some(State::Draining) => Activity::Draining,
        _ if busy => Activity::Busy,
        Some(State::Idle) => Activity::Idle,
        _ => Activity::Unknown,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a percentage; far beyond it the most there is"
    )]
    let cpu = worker.cpu.map(|cpu| cpu.round() as i32);
    let lasts = worker.since.map(|since| (time - since).max(0));
    let says = WorkerReport {
        activity: doing,
        since_millis: lasts,
        cpu,
        tasks: worker.claimed,
    };
    let pod = worker.pod.clone().filter(|pod| !pod.is_empty());
    victims::Worker {
        queue,
        id: worker.id.clone(),
        pod,
        busy,
        drain,
        since,
        report: says,
    }
}

/// The mean of those that tell, times all: who does not tell neither raises nor lowers it.
fn cpu_sum(live: &[&Worker]) -> Metric {
    if live.is_empty() {
        return Metric::Known(0);
    }
    let (sum, tell) = live
        .iter()
        .filter_map(|worker| worker.cpu)
        .fold((0.0, 0u32), |(sum, n), cpu| (sum + cpu, n + 1));
    if tell == 0 {
        return Metric::Unsupported;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "percentages of a few workers"
    )]
    Metric::Known((sum / f64::from(tell) * live.len() as f64).round() as i64)
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
    #[case("it was told this instant", 0, 5_000, 5_000, DrainState::Requested)]
    #[case("a claim may be waiting", 0, 4_500, 6_999, DrainState::Requested)]
    #[case("none can be waiting any more", 0, 4_500, 7_000, DrainState::Drained)]
    #[case(
        "it has tried since, and was refused",
        0,
        5_001,
        5_002,
        DrainState::Drained
    )]
    #[case("it holds a task", 1, 5_001, 60_000, DrainState::Requested)]
    fn a_worker_is_empty_for_good_when_no_claim_can_be_waiting(
        #[case] what: &str,
        #[case] claimed: u64,
        #[case] claim_at: i64,
        #[case] time: i64,
        #[case] wanted: DrainState,
    ) {
        let (since, claim_at) = (Some(5_000), Some(claim_at));
        let worker = Worker {
            since,
            claim_at,
            ..worker(State::Draining, claimed, None)
        };
        assert_eq!(super::worker(&worker, time, 0).drain, wanted, "{what}");
    }

    #[test]
    fn what_a_worker_does_not_say_is_unknown() {
        let silent = Worker {
            pod: Some(String::new()),
            ..Worker::default()
        };
        let silent = super::worker(&silent, 60_000, 0);
        assert_eq!((silent.report, silent.pod), (WorkerReport::default(), None));
        let deaf = Worker {
            since: Some(1_000),
            claim_at: Some(2_000),
            ..worker(State::Idle, 0, Some(3.6))
        };
        let WorkerReport {
            activity: doing,
            since_millis: lasts,
            cpu,
            tasks,
        } = super::worker(&deaf, 60_000, 0).report;
        assert_eq!(
            (doing, lasts, cpu, tasks),
            (Activity::Stalled, Some(59_000), Some(4), 0)
        );
    }

    #[test]
    fn draining_workers_are_in_flight_but_not_live() {
        let seen = queue_metrics(&Snapshot {
            claimed: 2,
            workers: vec![
                worker(State::Busy, 1, Some(90.0)),
                worker(State::Idle, 0, None),
                worker(State::Draining, 1, Some(50.0)),
            ],
            ..Snapshot::default()
        });
        assert_eq!(
            (seen.in_flight, seen.live, seen.busy),
            (Metric::Known(2), Metric::Known(2), Metric::Known(1))
        );
        assert_eq!(
            seen.cpu_sum,
            Metric::Known(180),
            "the one that tells stands for both"
        );
    }

    #[test]
    fn a_counter_that_is_not_there_is_not_zero() {
        assert_eq!(
            queue_metrics(&Snapshot::default()).processed,
            Metric::Unsupported
        );
    }
}
