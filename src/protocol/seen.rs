//! What a look at a queue tells the decision.

use super::snapshot::{Snapshot, State, Worker};
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
        let live: Vec<&Worker> =
            seen.workers.iter().filter(|worker| worker.state != Some(State::Draining)).collect();
        let busy =
            live.iter().filter(|worker| worker.claimed > 0 || worker.state == Some(State::Busy)).count();
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

/// The mean of those that tell, times all: who does not tell neither raises nor lowers it.
fn cpu_sum(live: &[&Worker]) -> Fact {
    if live.is_empty() {
        return Fact::Known(0);
    }
    let (sum, tell) =
        live.iter().filter_map(|worker| worker.cpu).fold((0.0, 0u32), |(sum, n), cpu| (sum + cpu, n + 1));
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
        Worker { id: "w.1".into(), claimed, state: Some(state), cpu, ..Worker::default() }
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
        assert_eq!((seen.in_flight, seen.live, seen.busy), (Fact::Known(2), Fact::Known(2), Fact::Known(1)));
        assert_eq!(seen.cpu_sum, Fact::Known(180), "the one that tells stands for both");
    }

    #[test]
    fn a_counter_that_is_not_there_is_not_zero() {
        assert_eq!(QueueSeen::from(&Snapshot::default()).processed, Fact::NotTold);
    }
}
