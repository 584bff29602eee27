//! Searches for the conditions under which a pool has another number of workers.

use decide::{LookAhead, Memory, Observation, PoolSpec, Time, fewest, with_backlog};

/// How many decisions into the future to look at.
const MAX_DECISIONS: usize = 200;
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
    let tasks = fewest(MAX_BACKLOG, |tasks| suffices(&changed_by(tasks)))?;
    Some((sign * tasks, changed_by(tasks)))
}

/// When the pool reaches `wanted` replicas, if the queue stays as it is and every decision is carried out.
pub fn reached_at(
    pool: &PoolSpec,
    observation: &Observation,
    memory: &Memory,
    now: Time,
    wanted: i32,
) -> Option<Time> {
    LookAhead::new(pool, observation.clone(), memory.clone(), now)
        .take(MAX_DECISIONS)
        .find(|(_, decision)| decision.replicas == wanted)
        .map(|(at, _)| at)
        .filter(|at| *at > now)
}
