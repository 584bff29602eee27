//! The workers of a pool whose page is open. Nobody else's are kept, and nothing is read for a viewer: what the next
//! look finds is shown.

use crate::dashboard::{WorkerRow, Workers};
use crate::fleet::pool_state::PoolState;
use crate::fleet::scale_down::ScaleDown;
use crate::observe::target::Target;
use decide::victims::{Activity, Pod, VictimOrder, Worker, WorkerReport, removal_order};
use decide::{Metric, Time};

/// Rows of one page: who wants more of them has other tools.
const MAX_ROWS: usize = 200;

/// What the last look found, while somebody wants to know.
#[derive(Debug)]
pub(super) struct WorkerCache {
    until: Time,
    look: Option<(Time, Vec<Worker>)>,
}

impl PoolState {
    /// A look that could be read found these workers.
    pub fn update_workers(&mut self, workers: &[Worker], now: Time) {
        self.worker_cache.take_if(|kept| kept.until < now);
        if let Some(kept) = &mut self.worker_cache {
            kept.look = Some((now, workers.to_vec()));
        }
    }

    /// Somebody asks: from now on they are kept, until two looks have come and nobody has asked again.
    pub fn subscribe_workers(&mut self, now: Time) {
        let look = self.worker_cache.take().and_then(|kept| kept.look);
        self.worker_cache = Some(Box::new(WorkerCache {
            until: now + self.stale_after(),
            look,
        }));
    }

    /// Who works, as far as it is known without another look.
    pub fn workers(&self, target: Option<&Target>, now: Time) -> Workers {
        let (facts, plan) = (self.metrics.as_ref(), self.scale_down.as_deref());
        let planned = plan.and_then(|plan| Some((plan.looked_at?, plan.workers.as_slice())));
        let kept = self
            .worker_cache
            .as_ref()
            .and_then(|kept| kept.look.as_ref());
        let newest = planned.or(kept.map(|(at, workers)| (*at, workers.as_slice())));
        let mut members = newest.map_or_else(Vec::new, |(looked, workers)| {
            let pods = plan.map_or_else(Vec::new, |plan| self.pods(plan, target, now));
            self.rows(workers, looked, plan, &pods)
        });
        let more = members.len().saturating_sub(MAX_ROWS);
        members.truncate(MAX_ROWS);
        Workers {
            looked: newest.map(|(at, _)| at.0),
            missing: facts.and_then(|look| look.unavailable_reason.clone()),
            told: facts.is_none_or(|look| {
                look.queues
                    .iter()
                    .any(|queue| queue.live != Metric::Unsupported)
            }),
            chosen: self.can_select_victims(),
            pods: target.map(|target| target.replicas),
            rows: members,
            more,
        }
    }

    /// The pods of its target that a plan has listed, those on their way out included.
    fn pods(&self, plan: &ScaleDown, target: Option<&Target>, now: Time) -> Vec<Pod> {
        let Some(ground) = target.and_then(|target| self.scale_down_context(target, now)) else {
            return Vec::new();
        };
        plan.pods
            .iter()
            .filter(|pod| pod.terminating || ground.owns(pod))
            .cloned()
            .collect()
    }

    fn rows(
        &self,
        workers: &[Worker],
        looked: Time,
        plan: Option<&ScaleDown>,
        pods: &[Pod],
    ) -> Vec<WorkerRow> {
        let chosen = |pod: &str| {
            plan.and_then(|plan| plan.victims.get(pod))
                .map(|since| since.0)
        };
        let late = |pod: &str| plan.is_some_and(|plan| plan.late.contains(pod));
        let order = VictimOrder::if_selectable(self.victim_order(), self.pods_known);
        let turn = order
            .map(|order| removal_order(pods, workers, order, |pod| chosen(pod).is_some(), late));
        let place = |pod: &str| {
            turn.iter()
                .flatten()
                .position(|name| name == pod)
                .map(|n| n + 1)
        };
        // A list of pods that is older than the look does not know whom the look found since.
        let listed = plan
            .and_then(|plan| plan.listed_at)
            .is_some_and(|at| at >= looked);
        let row = |worker: &Worker| {
            let WorkerReport {
                activity: doing,
                since_millis: lasts,
                cpu,
                tasks,
            } = worker.report;
            let pod = worker.pod.as_deref();
            let listing = pods.iter().find(|it| Some(&*it.name) == pod);
            let state = match listing {
                Some(pod) if pod.terminating => Some("leaving"),
                None if listed && pod.is_some() => Some("podless"),
                _ => word(doing),
            };
            WorkerRow {
                name: pod.unwrap_or(&worker.id).to_owned(),
                state,
                since: lasts.map(|lasts| looked.0 - lasts),
                cpu,
                tasks: Some(tasks).filter(|_| doing != Activity::Unknown || tasks > 0),
                goes: pod.and_then(place),
                chosen: pod.and_then(chosen),
                late: pod.is_some_and(late),
            }
        };
        let mut all: Vec<WorkerRow> = workers.iter().map(row).collect();
        let alone = |pod: &&Pod| {
            !pod.terminating && workers.iter().all(|it| it.pod.as_ref() != Some(&pod.name))
        };
        all.extend(pods.iter().filter(alone).map(|pod| WorkerRow {
            name: pod.name.clone(),
            state: Some("unregistered"),
            since: None,
            cpu: None,
            tasks: None,
            goes: place(&pod.name),
            chosen: chosen(&pod.name),
            late: late(&pod.name),
        }));
        all.sort_by_cached_key(|member| (member.goes.unwrap_or(usize::MAX), member.name.clone()));
        all
    }
}

/// As the page knows it.
fn word(doing: Activity) -> Option<&'static str> {
    match doing {
        Activity::Busy => Some("busy"),
        Activity::Idle => Some("idle"),
        Activity::Draining => Some("draining"),
        Activity::Stalled => Some("deaf"),
        Activity::Unknown => None,
    }
}
