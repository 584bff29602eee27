//! The workers of one moment: what each does and since when, and who would go next.

use super::past::Moment;
use crate::api::time;
use crate::decide::Millis;
use crate::decide::victims::{Drain, Order, Pod, Standing, Worker, choose};
use crate::protocol::snapshot::{self, State};
use jiff::Timestamp;

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Runs a task.
    Busy,
    /// Waits for one.
    Idle,
    /// Takes no more.
    Draining,
    /// It lives, could take tasks and does not.
    Deaf,
    /// It does not say.
    Unknown,
}

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its pod, or else its own name.
    pub name: String,
    /// What it does.
    pub doing: Doing,
    /// For how long.
    pub since: Option<Millis>,
    /// CPU in percent.
    pub cpu: Option<f64>,
    /// Tasks that it holds.
    pub tasks: u64,
    /// Its place in the order in which they go.
    pub goes: Option<usize>,
}

/// All of them, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Staff {
    /// The workers.
    pub rows: Vec<Member>,
    /// How many the next step down takes.
    pub step: usize,
    /// Whether there are no others: a list, or a trace, does not name them.
    pub known: bool,
}

impl Staff {
    /// The workers that were registered at `moment`, seen at `at`.
    #[must_use]
    pub fn new(moment: &Moment, at: Timestamp) -> Self {
        let Some(facts) = moment.facts(at) else { return Self::default() };
        let passed = (time(at) - time(moment.looked())).0.max(0);
        let clock = facts.time.unwrap_or_default();
        let order = order(moment, &facts.workers);
        let mut rows: Vec<Member> = facts
            .workers
            .iter()
            .map(|(_, worker)| Member {
                name: worker.pod.clone().unwrap_or_else(|| worker.id.clone()),
                doing: match worker.state {
                    _ if worker.is_deaf(clock) => Doing::Deaf,
                    Some(State::Draining) => Doing::Draining,
                    Some(State::Busy) => Doing::Busy,
                    _ if worker.claimed > 0 => Doing::Busy,
                    Some(State::Idle) => Doing::Idle,
                    None => Doing::Unknown,
                },
                since: worker.since.map(|since| Millis((clock - since).max(0) + passed)),
                cpu: worker.cpu,
                tasks: worker.claimed,
                goes: worker
                    .pod
                    .as_ref()
                    .and_then(|pod| order.iter().position(|name| name == pod))
                    .map(|n| n + 1),
            })
            .collect();
        rows.sort_by(|a, b| {
            ((a.doing != Doing::Draining), &a.name).cmp(&((b.doing != Doing::Draining), &b.name))
        });
        let decision = moment.status().and_then(|status| status.decision.as_ref());
        let down =
            decision.and_then(|decision| Some(decision.to - decision.next.as_ref()?.down.as_ref()?.to));
        let known = !rows.is_empty() || facts.live == Some(0);
        Self { known, rows, step: down.and_then(|n| usize::try_from(n).ok()).unwrap_or(0) }
    }
}

/// The pods in the order in which they would go, as far as the registry tells: each of them that registered is ready.
fn order(moment: &Moment, workers: &[(usize, snapshot::Worker)]) -> Vec<String> {
    let pods: Vec<Pod> = workers
        .iter()
        .filter_map(|(_, worker)| {
            let name = worker.pod.clone()?;
            Some(Pod { name, owner: String::new(), standing: Standing::Ready, leaving: false, cost: 0 })
        })
        .collect();
    let seen: Vec<Worker> = workers
        .iter()
        .map(|(queue, worker)| Worker {
            queue: *queue,
            id: worker.id.clone(),
            pod: worker.pod.clone(),
            busy: worker.claimed > 0 || worker.state == Some(State::Busy),
            drain: match worker.state {
                Some(State::Draining) if worker.claimed == 0 => Drain::Done,
                Some(State::Draining) => Drain::Asked,
                _ => Drain::No,
            },
            since: worker.since.unwrap_or_default(),
        })
        .collect();
    let order = match moment.pool.spec.scale_target_ref.kind.as_str() {
        "StatefulSet" => Order::Ordinal,
        _ => Order::Cost,
    };
    let pods: Vec<&Pod> = pods.iter().collect();
    choose(&pods, &seen, pods.len(), order, |_| false, |_| false)
}
