//! The workers of one moment: what each does and since when, and who would go next.

use crate::tui::timeline::Moment;
use api::time;
use decide::Millis;
pub use decide::victims::Activity;
use decide::victims::{VictimOrder, Worker, WorkerReport, all_name_their_pod, removal_order};
use jiff::Timestamp;
use protocol::snapshot;

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerLine {
    /// Its pod, or else its own name.
    pub name: String,
    /// What it does.
    pub doing: Activity,
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
pub struct WorkersPane {
    /// The workers.
    pub rows: Vec<WorkerLine>,
    /// How many the next step down takes.
    pub step: usize,
    /// Whether there are no others: a list, or a trace, does not name them.
    pub known: bool,
}

impl WorkersPane {
    /// The workers that were registered at `moment`, seen at `at`.
    #[must_use]
    pub fn new(moment: &Moment, at: Timestamp) -> Self {
        let Some(facts) = moment.facts(at) else {
            return Self::default();
        };
        let passed = (time(at) - time(moment.looked())).0.max(0);
        let seen = facts.workers_of_pods();
        let turn = turn(moment, &seen);
        let row = |(worker, (_, told)): (&Worker, &(usize, snapshot::Worker))| {
            let WorkerReport {
                activity: doing,
                since_millis: lasts,
                tasks,
                ..
            } = worker.report;
            let place = |pod| turn.iter().position(|name| name == pod);
            WorkerLine {
                name: worker.pod.clone().unwrap_or_else(|| worker.id.clone()),
                doing,
                since: lasts.map(|lasts| Millis(lasts + passed)),
                cpu: told.cpu,
                tasks,
                goes: worker.pod.as_ref().and_then(place).map(|n| n + 1),
            }
        };
        let mut rows: Vec<WorkerLine> = seen.iter().zip(&facts.workers).map(row).collect();
        rows.sort_by(|a, b| {
            ((a.doing != Activity::Draining), &a.name)
                .cmp(&((b.doing != Activity::Draining), &b.name))
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
    let order = VictimOrder::if_selectable(
        moment.pool.spec.scale_target_ref.order(),
        all_name_their_pod(workers),
    );
    order
        .map(|order| removal_order(&[], workers, order, |_| false, |_| false))
        .unwrap_or_default()
}
