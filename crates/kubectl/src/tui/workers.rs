//! The workers at one moment: what each does, since when, and in which order they would be removed.

use super::timeline::Moment;
use api::time;
use decide::Millis;
pub use decide::victims::Activity;
use decide::victims::{VictimOrder, Worker, all_name_their_pod, removal_order};
use jiff::Timestamp;

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerLine {
    /// Its pod, or its own name where it has none.
    pub name: String,
    /// What it does.
    pub activity: Activity,
    /// For how long.
    pub since: Option<Millis>,
    /// CPU in percent.
    pub cpu: Option<i32>,
    /// Tasks that it holds.
    pub tasks: u64,
    /// Its place in the removal order, from 1.
    pub removal_order: Option<usize>,
}

/// All workers, the draining ones first, then by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkersPane {
    /// The workers.
    pub rows: Vec<WorkerLine>,
    /// How many of them the next scale-down removes.
    pub next_scale_down: usize,
    /// Whether these are all workers: lists and traces do not report them.
    pub known: bool,
}

impl WorkersPane {
    /// The workers that were registered at `moment`, as of `at`.
    pub fn new(moment: &Moment, at: Timestamp) -> Self {
        let Some(metrics) = moment.metrics_at(at) else {
            return Self::default();
        };
        let age = (time(at) - time(moment.read_at())).0.max(0);
        let workers = &metrics.workers;
        let order = pods_in_removal_order(moment, workers);
        let place = |pod: &String| order.iter().position(|name| name == pod);
        let mut rows: Vec<WorkerLine> = workers
            .iter()
            .map(|worker| WorkerLine {
                name: worker.pod.clone().unwrap_or_else(|| worker.id.clone()),
                activity: worker.report.activity,
                since: worker.report.since_millis.map(|span| Millis(span + age)),
                cpu: worker.report.cpu,
                tasks: worker.report.tasks,
                removal_order: worker.pod.as_ref().and_then(place).map(|n| n + 1),
            })
            .collect();
        rows.sort_by(|a, b| {
            ((a.activity != Activity::Draining), &a.name)
                .cmp(&((b.activity != Activity::Draining), &b.name))
        });
        let decision = moment.status().and_then(|status| status.decision.as_ref());
        let next_scale_down = decision
            .and_then(|decision| Some(decision.to - decision.next.as_ref()?.down.as_ref()?.to))
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(0);
        let known = !rows.is_empty() || metrics.live == Some(0);
        Self {
            rows,
            next_scale_down,
            known,
        }
    }

    /// Whether the next scale-down removes this worker.
    pub fn is_removed_next(&self, worker: &WorkerLine) -> bool {
        worker
            .removal_order
            .is_some_and(|n| n <= self.next_scale_down)
    }
}

/// The pods in removal order. The registry does not report readiness, so every registered pod counts as ready.
fn pods_in_removal_order(moment: &Moment, workers: &[Worker]) -> Vec<String> {
    let order = VictimOrder::if_selectable(
        moment.pool.spec.scale_target_ref.order(),
        all_name_their_pod(workers),
    );
    order
        .map(|order| removal_order(&[], workers, order, |_| false, |_| false))
        .unwrap_or_default()
}
