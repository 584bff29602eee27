//! What a look at a queue tells the decision.

use super::snapshot::{Snapshot, State, Worker};
use crate::decide::victims::{self, Doing, Drain, Says};
use crate::decide::{Fact, QueueSeen};

fn count(n: u64) -> Fact {
    Fact::Known(i64::try_from(n).unwrap_or(i64::MAX))
}

fn told<T>(value: Option<T>, fact: impl Fn(T) -> Fact) -> Fact {
    value.map_or(Fact::NotTold, fact)
}

/// A worker that drains takes no tasks any more, so that it is neither live nor busy here: what it holds is in flight.
impl From<&Snapshot> for QueueSeen {
    fn from(seen: &Snapshot) -> Self {
        let live: Vec<&Worker> = seen
            .workers
            .iter()
            .filter(|worker| worker.state != Some(State::Draining))
            .collect();
        let busy = live
            .iter()
            .filter(|worker| worker.claimed > 0 || worker.state == Some(State::Busy))
            .count();
        Self {
            ready: count(seen.ready),
            due: Fact::NotTold,
            in_flight: count(seen.claimed),
            live: count(live.len() as u64),
            busy: count(busy as u64),
            cpu_sum: cpu_sum(&live),
            oldest_at: told(seen.oldest_at, Fact::Known),
            arrived: told(seen.arrived, count),
            processed: told(seen.processed, count),
            failed: told(seen.failed, count),
            busy_millis: told(seen.millis, count),
        }
    }
}

/// How long a claim that was waiting when its worker was told to drain may still bring a task (docs/worker-protocol.md).
const LAST_CLAIM: i64 = 2_000;

impl Worker {
    /// The same as those who choose who goes take it: seen at `time`, in queue number `queue` of its pool.
    #[must_use]
    pub fn seen(&self, time: i64, queue: usize) -> victims::Worker {
        let since = self.since.unwrap_or(time);
        let attempted = self.claim_at.is_some_and(|at| at > since);
        let drain = match self.state {
            Some(State::Draining)
                if self.claimed == 0 && (attempted || time - since >= LAST_CLAIM) =>
            {
                Drain::Done
            }
            Some(State::Draining) => Drain::Asked,
            _ => Drain::No,
        };
        let busy = self.claimed > 0 || self.state == Some(State::Busy);
        let doing = match self.state {
            _ if self.is_deaf(time) => Doing::Deaf,
            Some(State::Draining) => Doing::Draining,
            _ if busy => Doing::Busy,
            Some(State::Idle) => Doing::Idle,
            _ => Doing::Unknown,
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a percentage; far beyond it the most there is"
        )]
        let cpu = self.cpu.map(|cpu| cpu.round() as i32);
        let lasts = self.since.map(|since| (time - since).max(0));
        let says = Says {
            doing,
            lasts,
            cpu,
            tasks: self.claimed,
        };
        let pod = self.pod.clone().filter(|pod| !pod.is_empty());
        victims::Worker {
            queue,
            id: self.id.clone(),
            pod,
            busy,
            drain,
            since,
            says,
        }
    }
}

/// The mean of those that tell, times all: who does not tell neither raises nor lowers it.
fn cpu_sum(live: &[&Worker]) -> Fact {
    if live.is_empty() {
        return Fact::Known(0);
    }
    let (sum, tell) = live
        .iter()
        .filter_map(|worker| worker.cpu)
        .fold((0.0, 0u32), |(sum, n), cpu| (sum + cpu, n + 1));
    if tell == 0 {
        return Fact::NotTold;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "percentages of a few workers"
    )]
    Fact::Known((sum / f64::from(tell) * live.len() as f64).round() as i64)
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
    #[case("it was told this instant", 0, 5_000, 5_000, Drain::Asked)]
    #[case("a claim may be waiting", 0, 4_500, 6_999, Drain::Asked)]
    #[case("none can be waiting any more", 0, 4_500, 7_000, Drain::Done)]
    #[case("it has tried since, and was refused", 0, 5_001, 5_002, Drain::Done)]
    #[case("it holds a task", 1, 5_001, 60_000, Drain::Asked)]
    fn a_worker_is_empty_for_good_when_no_claim_can_be_waiting(
        #[case] what: &str,
        #[case] claimed: u64,
        #[case] claim_at: i64,
        #[case] time: i64,
        #[case] wanted: Drain,
    ) {
        let (since, claim_at) = (Some(5_000), Some(claim_at));
        let worker = Worker {
            since,
            claim_at,
            ..worker(State::Draining, claimed, None)
        };
        assert_eq!(worker.seen(time, 0).drain, wanted, "{what}");
    }

    #[test]
    fn what_a_worker_does_not_say_is_unknown() {
        let silent = Worker {
            pod: Some(String::new()),
            ..Worker::default()
        }
        .seen(60_000, 0);
        assert_eq!((silent.says, silent.pod), (Says::default(), None));
        let deaf = Worker {
            since: Some(1_000),
            claim_at: Some(2_000),
            ..worker(State::Idle, 0, Some(3.6))
        };
        let Says {
            doing,
            lasts,
            cpu,
            tasks,
        } = deaf.seen(60_000, 0).says;
        assert_eq!(
            (doing, lasts, cpu, tasks),
            (Doing::Deaf, Some(59_000), Some(4), 0)
        );
    }

    #[test]
    fn draining_workers_are_in_flight_but_not_live() {
        let seen = QueueSeen::from(&Snapshot {
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
            (Fact::Known(2), Fact::Known(2), Fact::Known(1))
        );
        assert_eq!(
            seen.cpu_sum,
            Fact::Known(180),
            "the one that tells stands for both"
        );
    }

    #[test]
    fn a_counter_that_is_not_there_is_not_zero() {
        assert_eq!(
            QueueSeen::from(&Snapshot::default()).processed,
            Fact::NotTold
        );
    }
}
