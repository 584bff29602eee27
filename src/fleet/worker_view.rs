//! The workers of a pool whose page is open. The fleet keeps the workers of no other pool, and never polls for a viewer:
//! the page shows what the next poll finds.

use crate::dashboard::{WorkerRow, Workers};
use crate::fleet::observed::Observed;
use crate::fleet::pool_state::PoolState;
use crate::fleet::scale_down::ScaleDown;
use crate::observe::target::Target;
use decide::victims::{Activity, Pod, VictimOrder, Worker, WorkerReport, removal_order};
use decide::{Metric, Time};

/// The most rows for one page.
const MAX_ROWS: usize = 200;

/// The workers that the last poll found, kept while a page asks for them.
#[derive(Debug)]
pub(super) struct WorkerCache {
    expires_at: Time,
    last_poll: Option<(Time, Vec<Worker>)>,
}

impl Observed {
    /// Keeps the workers that a successful poll found, if a page asks for them.
    pub fn update_workers(&mut self, workers: &[Worker], now: Time) {
        self.worker_cache.take_if(|cache| cache.expires_at < now);
        if let Some(cache) = &mut self.worker_cache {
            cache.last_poll = Some((now, workers.to_vec()));
        }
    }

    /// Keeps the workers until then, unless it is called again.
    pub fn subscribe_workers(&mut self, expires_at: Time) {
        let last_poll = self.worker_cache.take().and_then(|cache| cache.last_poll);
        self.worker_cache = Some(Box::new(WorkerCache {
            expires_at,
            last_poll,
        }));
    }
}

impl PoolState {
    /// The workers, as far as they are known without another poll.
    pub fn workers(&self, target: Option<&Target>, now: Time) -> Workers {
        let observed = &self.observed;
        let metrics = observed.metrics.as_ref();
        let order = VictimOrder::if_selectable(self.victim_order(), observed.pods_known);
        let scale_down = self.intent.scale_down.as_deref();
        let newest = scale_down
            .and_then(|scale_down| Some((scale_down.polled_at?, scale_down.workers.as_slice())))
            .or_else(|| {
                let (at, workers) = observed.worker_cache.as_ref()?.last_poll.as_ref()?;
                Some((*at, workers.as_slice()))
            });
        let mut rows = newest.map_or_else(Vec::new, |(polled_at, workers)| {
            let pods = scale_down.map_or_else(Vec::new, |it| self.target_pods(it, target, now));
            Rows::new(workers, polled_at, scale_down, &pods, order).build()
        });
        let more = rows.len().saturating_sub(MAX_ROWS);
        rows.truncate(MAX_ROWS);
        Workers {
            read_at: newest.map(|(at, _)| at.0),
            unavailable: metrics
                .and_then(|metrics| metrics.unavailable.as_ref())
                .map(messages::Encoded::new),
            supported: metrics.is_none_or(|metrics| {
                metrics
                    .queues
                    .iter()
                    .any(|queue| queue.live != Metric::Unsupported)
            }),
            selectable: order.is_some(),
            pods: target.map(|target| target.replicas),
            rows,
            more,
        }
    }

    /// The pods of the target that a scale-down has listed, including terminating ones.
    fn target_pods(&self, scale_down: &ScaleDown, target: Option<&Target>, now: Time) -> Vec<Pod> {
        let Some(context) = target.and_then(|target| self.scale_down_context(target, now)) else {
            return Vec::new();
        };
        scale_down
            .pods
            .iter()
            .filter(|pod| pod.terminating || context.owns(pod))
            .cloned()
            .collect()
    }
}

/// The input for the rows of one pool.
struct Rows<'a> {
    workers: &'a [Worker],
    polled_at: Time,
    scale_down: Option<&'a ScaleDown>,
    pods: &'a [Pod],
    /// Pod names in the order of removal; empty if the operator cannot select victims.
    order: Vec<String>,
    /// Whether the pods were listed after the poll. An older list does not have the pods of new workers.
    list_is_newer: bool,
}

impl<'a> Rows<'a> {
    fn new(
        workers: &'a [Worker],
        polled_at: Time,
        scale_down: Option<&'a ScaleDown>,
        pods: &'a [Pod],
        order: Option<VictimOrder>,
    ) -> Self {
        let is_victim = |pod: &str| scale_down.is_some_and(|it| it.victims.contains_key(pod));
        let has_timed_out = |pod: &str| scale_down.is_some_and(|it| it.timed_out.contains(pod));
        let order =
            order.map(|order| removal_order(pods, workers, order, is_victim, has_timed_out));
        Self {
            workers,
            polled_at,
            scale_down,
            pods,
            order: order.unwrap_or_default(),
            list_is_newer: scale_down
                .and_then(|scale_down| scale_down.listed_at)
                .is_some_and(|at| at >= polled_at),
        }
    }

    /// All workers, and the pods without a worker, in the order of removal.
    fn build(&self) -> Vec<WorkerRow> {
        let is_unregistered = |pod: &&Pod| {
            !pod.terminating
                && self
                    .workers
                    .iter()
                    .all(|worker| worker.pod.as_ref() != Some(&pod.name))
        };
        let unregistered = self.pods.iter().filter(is_unregistered);
        let mut rows: Vec<WorkerRow> = self
            .workers
            .iter()
            .map(|worker| self.registered(worker))
            .chain(unregistered.map(|pod| WorkerRow {
                state: Some("unregistered"),
                ..self.row(&pod.name, Some(&pod.name))
            }))
            .collect();
        rows.sort_by_cached_key(|row| (row.removal_order.unwrap_or(usize::MAX), row.name.clone()));
        rows
    }

    fn registered(&self, worker: &Worker) -> WorkerRow {
        let WorkerReport {
            activity,
            since_millis,
            cpu,
            tasks,
            ..
        } = worker.report;
        let pod = worker.pod.as_deref();
        let listed = self.pods.iter().find(|listed| Some(&*listed.name) == pod);
        let state = match listed {
            Some(pod) if pod.terminating => Some("terminating"),
            None if self.list_is_newer && pod.is_some() => Some("podless"),
            _ => state(activity),
        };
        WorkerRow {
            state,
            since: since_millis.map(|millis| self.polled_at.0.saturating_sub(millis)),
            cpu,
            tasks: Some(tasks).filter(|_| activity != Activity::Unknown || tasks > 0),
            ..self.row(pod.unwrap_or(&worker.id), pod)
        }
    }

    /// A row with the data of its pod only.
    fn row(&self, name: &str, pod: Option<&str>) -> WorkerRow {
        let scale_down = self.scale_down.zip(pod);
        WorkerRow {
            name: name.to_owned(),
            state: None,
            since: None,
            cpu: None,
            tasks: None,
            removal_order: pod
                .and_then(|pod| self.order.iter().position(|name| name == pod))
                .map(|index| index + 1),
            selected_at: scale_down
                .and_then(|(scale_down, pod)| scale_down.victims.get(pod))
                .map(|since| since.0),
            timed_out: scale_down.is_some_and(|(it, pod)| it.timed_out.contains(pod)),
        }
    }
}

/// The name of an activity in the JSON.
fn state(activity: Activity) -> Option<&'static str> {
    match activity {
        Activity::Busy => Some("busy"),
        Activity::Idle => Some("idle"),
        Activity::Draining => Some("draining"),
        Activity::Stalled => Some("stalled"),
        Activity::Unknown => None,
    }
}
