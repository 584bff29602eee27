//! Searches for the conditions under which a pool has another number of workers.

use decide::{Memory, Millis, Observation, PoolSpec, Time, decide, with_backlog};

/// How many decisions into the future to look at, each at the time that the previous one asks for.
const MAX_DECISIONS: u32 = 200;
/// How far into the future to look.
const HORIZON: Millis = Millis::seconds(24 * 3600);
/// A backlog beyond which more tasks change nothing.
const MAX_BACKLOG: i64 = 1 << 32;

/// All combinations of `k` of the indices `0..n`, in lexicographic order.
pub fn combinations(n: usize, k: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut next = (k <= n).then(|| (0..k).collect::<Vec<_>>());
    std::iter::from_fn(move || {
        let current = next.take()?;
        // Increment the last index that can still grow; those behind it follow it.
        if let Some(i) = (0..k).rev().find(|i| current[*i] < n - k + i) {
            let first = current[i] + 1;
            next = Some(
                current[..i]
                    .iter()
                    .copied()
                    .chain((0..k - i).map(|j| first + j))
                    .collect(),
            );
        }
        Some(current)
    })
}

/// The smallest number of tasks to add (`up`) or to remove with which the observation `suffices`, negative for
/// removed ones, and the observation with them.
pub fn smallest_backlog_change(
    observation: &Observation,
    up: bool,
    suffices: impl Fn(&Observation) -> bool,
) -> Option<(i64, Observation)> {
    let sign = if up { 1 } else { -1 };
    let changed_by = |tasks: i64| Observation {
        queues: with_backlog(&observation.queues, sign * tasks),
        ..observation.clone()
    };
    let mut too_few = 0;
    let mut enough = MAX_BACKLOG;
    if !suffices(&changed_by(enough)) {
        return None;
    }
    while too_few + 1 < enough {
        let middle = i64::midpoint(too_few, enough);
        if suffices(&changed_by(middle)) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some((sign * enough, changed_by(enough)))
}

/// When the pool reaches `wanted` replicas, if the queue stays as it is and every decision is carried out.
pub fn reached_at(
    pool: &PoolSpec,
    observation: &Observation,
    memory: &Memory,
    now: Time,
    wanted: i32,
) -> Option<Time> {
    let mut observation = observation.clone();
    let mut memory = memory.clone();
    let mut at = now;
    for _ in 0..MAX_DECISIONS {
        let decision = decide(pool, &observation, &memory, at);
        if decision.replicas == wanted {
            return (at > now).then_some(at);
        }
        at = if decision.replicas == observation.replicas {
            decision.requeue_at?
        } else {
            at + Millis(1)
        };
        if at - now > HORIZON {
            return None;
        }
        observation.replicas = decision.replicas;
        memory = decision.memory;
    }
    None
}
