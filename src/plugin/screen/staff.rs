//! The workers of one moment: what each does and since when, and who would go next.

use super::past::Moment;
use crate::api::time;
use crate::decide::Millis;
pub use crate::decide::victims::Doing;
use crate::decide::victims::{Order, Says, Worker, are_named, in_turn};
use crate::protocol::snapshot;
use jiff::Timestamp;

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
        let Some(facts) = moment.facts(at) else {
            return Self::default();
        };
        let passed = (time(at) - time(moment.looked())).0.max(0);
        let seen = facts.staff();
        let turn = turn(moment, &seen);
        let row = |(worker, (_, told)): (&Worker, &(usize, snapshot::Worker))| {
            let Says {
                doing,
                lasts,
                tasks,
                ..
            } = worker.says;
            let place = |pod| turn.iter().position(|name| name == pod);
            Member {
                name: worker.pod.clone().unwrap_or_else(|| worker.id.clone()),
                doing,
                since: lasts.map(|lasts| Millis(lasts + passed)),
                cpu: told.cpu,
                tasks,
                goes: worker.pod.as_ref().and_then(place).map(|n| n + 1),
            }
        };
        let mut rows: Vec<Member> = seen.iter().zip(&facts.workers).map(row).collect();
        rows.sort_by(|a, b| {
            ((a.doing != Doing::Draining), &a.name).cmp(&((b.doing != Doing::Draining), &b.name))
        });
        let decision = moment.status().and_then(|status| status.decision.as_ref());
        let down = decision
            .and_then(|decision| Some(decision.to - decision.next.as_ref()?.down.as_ref()?.to));
        let known = !rows.is_empty() || facts.live == Some(0);
        Self {
            known,
            rows,
            step: down.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        }
    }
}

/// The pods in the order in which they would go, as far as the registry tells: each of them that registered is ready.
fn turn(moment: &Moment, workers: &[Worker]) -> Vec<String> {
    let order = Order::chosen(
        moment.pool.spec.scale_target_ref.order(),
        are_named(workers),
    );
    order
        .map(|order| in_turn(&[], workers, order, |_| false, |_| false))
        .unwrap_or_default()
}
