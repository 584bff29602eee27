//! The two steps of a scale-down: the selected workers stop claiming tasks, and only once they hold none, their pods are
//! marked and the scale is written. A scale-down that is no longer needed is reverted.
//!
//! Level-triggered: each event compares the desired state with the last poll and the last list of pods, and emits the
//! missing commands. So a restart needs no saved progress: a new process continues what the previous one began, or
//! reverts what it finds.

mod advance;
mod clients;
mod context;
mod drains;
mod marks;
mod reductions;
mod registrations;

pub(super) use context::{ScaleDownContext, abandon, prepare, revert};

use super::event::Command;
use crate::observe::{ClientsReading, PollNumber};
use crate::report::Unguarded;
use clients::ReadList;
use decide::victims::{Pod, Worker};
use decide::{Metric, Millis, QueueMetrics, Time, Waiting};
use std::collections::{BTreeMap, BTreeSet};

/// The polling interval while a scale-down is under way.
pub(super) const POLL: Millis = Millis(500);
/// How long a request may take to become visible before it is sent again.
const RESEND_AFTER: Millis = Millis::seconds(1);
/// The pods are listed again when the list is older than this.
const LIST_MAX_AGE: Millis = Millis::seconds(5);

/// Pod names, each to be marked (`true`) or unmarked.
type Marks = Vec<(String, bool)>;
/// The index of a worker's queue, and the worker's ID.
type WorkerId = (usize, String);

/// The last request for one pod or worker.
#[derive(Debug)]
struct Request {
    /// Whether to mark or drain; `false` to undo that.
    enable: bool,
    sent_at: Time,
}

/// A failed request to the API server; no further one is sent before `retry_at`.
#[derive(Debug)]
struct Failure {
    /// What cannot be done.
    cause: Waiting,
    retry_at: Time,
}

/// What the target's controller may still act on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Written {
    #[default]
    Nothing,
    /// What a previous process wrote.
    Unknown,
    /// This is the lowest replica count that was written. The controller is about to delete the victims, even if a higher
    /// one has been written since.
    Lowest(i32),
}

/// The state of one pool's scale-down.
#[derive(Debug, Default)]
pub(super) struct ScaleDown {
    pub(super) pods: Vec<Pod>,
    pub(super) listed_at: Option<Time>,
    /// How many writes the last list shows: it was requested after so many.
    listed_after: u64,
    /// The same for the list that is pending.
    pending_list: Option<u64>,
    pub(super) workers: Vec<Worker>,
    pub(super) polled_at: Option<Time>,
    /// Why Redis refuses to drain workers, if it does.
    drain_refused: Option<String>,
    clients: Option<ReadList>,
    clients_asked_at: Option<Time>,
    /// The pods that take tasks without waiting for them: the list does not show when they are idle.
    polling: BTreeSet<String>,
    /// What was waited for when it was last known who is busy.
    waited_for: Option<Waiting>,
    /// Why the list of clients does not say who is busy.
    pub(super) blind: Option<Unguarded>,
    /// The last request that the last poll followed.
    polled: PollNumber,
    /// The last request for a poll after our last write, and when it was sent. Only what followed it is proof, and the
    /// proof is as old as the request.
    asked: Option<(PollNumber, Time)>,
    /// The last request to workers.
    drained: PollNumber,
    /// How many of our writes were answered. A list proves something only after the last one.
    writes: u64,
    /// The pods to remove, each with the time of its selection.
    pub(super) victims: BTreeMap<String, Time>,
    /// Pods that were victims and did not drain in time.
    pub(super) timed_out: BTreeSet<String>,
    drain_requests: BTreeMap<WorkerId, Request>,
    mark_requests: BTreeMap<String, Request>,
    mark_pending: bool,
    /// When the marks that no list has shown yet were requested.
    marks_sent_at: Option<Time>,
    /// How long the last marks took to appear in a list.
    mark_latency: Millis,
    /// Since when lists have shown the marks as they should be.
    marks_correct_since: Option<Time>,
    written: Written,
    /// Since when victims that cannot be drained have been waited for.
    busy_since: Option<Time>,
    /// Since when the controller has observed the current replica count.
    observed_since: Option<Time>,
    failure: Option<Failure>,
    /// What is to be done since the commands were last taken.
    commands: Vec<Command>,
}

impl ScaleDown {
    /// A scale-down that a previous process may have begun. What that process wrote last is not known.
    pub fn resumed() -> Self {
        Self {
            written: Written::Unknown,
            ..Self::default()
        }
    }

    /// Moves all instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        let requests = self.drain_requests.values_mut();
        let requests = requests.chain(self.mark_requests.values_mut());
        let instants = [
            &mut self.listed_at,
            &mut self.polled_at,
            &mut self.marks_sent_at,
            &mut self.marks_correct_since,
            &mut self.observed_since,
            &mut self.clients_asked_at,
            &mut self.busy_since,
        ];
        let asked = self.asked.iter_mut().map(|(_, at)| at);
        let instants = instants.into_iter().flatten();
        for at in instants
            .chain(asked)
            .chain(requests.map(|request| &mut request.sent_at))
            .chain(self.victims.values_mut())
            .chain(self.clients.iter_mut().map(|read| &mut read.at))
            .chain(self.failure.iter_mut().map(|failure| &mut failure.retry_at))
        {
            *at = *at + by;
        }
    }

    /// Whether the list of clients said who is busy.
    pub fn is_guarded_by_clients(&self) -> bool {
        self.clients.is_some() && self.blind.is_none()
    }

    pub fn on_poll(
        &mut self,
        workers: Vec<Worker>,
        drain_refused: Option<String>,
        clients: Option<ClientsReading>,
        number: PollNumber,
        now: Time,
    ) {
        if let Some(clients) = clients {
            self.on_clients(clients, now);
        }
        self.workers = workers;
        self.drain_refused = drain_refused;
        self.polled_at = Some(now);
        self.polled = number;
    }

    pub fn on_pods(&mut self, pods: Result<Vec<Pod>, String>, now: Time) {
        let requested_after = self.pending_list.take().unwrap_or_default();
        match pods {
            Ok(pods) => {
                self.pods = pods;
                self.listed_at = Some(now);
                self.failure = None;
                self.listed_after = requested_after;
            }
            Err(error) => self.set_failure(Waiting::PodsUnreadable { error }, now),
        }
    }

    pub fn on_marked(&mut self, outcome: Result<(), String>, now: Time) {
        self.mark_pending = false;
        self.on_written();
        if let Err(error) = outcome {
            self.mark_requests.clear();
            self.set_failure(Waiting::PodsUnmarkable { error }, now);
        }
    }

    /// The scale was written.
    pub fn on_scaled(&mut self, from: i32, to: i32) {
        if to < from {
            self.written = match self.written {
                Written::Nothing => Written::Lowest(to),
                Written::Unknown => Written::Lowest(0),
                Written::Lowest(lowest) => Written::Lowest(lowest.min(to)),
            };
        }
        self.observed_since = None;
        self.busy_since = None;
        self.on_written();
    }

    /// What was read before proves nothing any more.
    fn on_written(&mut self) {
        self.writes += 1;
        self.asked = None;
    }

    /// Whether a list is under way.
    pub fn lists_pods(&self) -> bool {
        self.pending_list.is_some()
    }

    /// Whether the last list was requested after our last write.
    fn list_is_current(&self) -> bool {
        self.listed_after == self.writes
    }

    /// Whether the controller is about to delete the victims.
    fn awaits_deletion(&self) -> bool {
        matches!(self.written, Written::Lowest(_))
    }

    fn set_failure(&mut self, cause: Waiting, now: Time) {
        let retry_at = now + LIST_MAX_AGE;
        self.failure = Some(Failure { cause, retry_at });
    }

    /// The last failure, while no further request may be sent.
    fn current_failure(&self, now: Time) -> Option<&Waiting> {
        let failure = self.failure.as_ref().filter(|it| now < it.retry_at)?;
        Some(&failure.cause)
    }

    /// Counts workers that drain and still exist as live. Decisions during a scale-down are about the state without it:
    /// otherwise draining alone would make the other workers look busier.
    pub fn count_drained(&self, queues: &mut [QueueMetrics]) {
        let is_ours = |pod: &String| {
            self.victims.contains_key(pod)
                || self.listed_at.is_none()
                || self
                    .pods
                    .iter()
                    .any(|listed| listed.name == *pod && !listed.terminating)
        };
        let is_drained_by_us = |worker: &Worker| {
            if worker.drain.is_final() {
                // It never works again. Where it is no victim any more, another one is needed for it.
                let pod = worker.pod.as_ref();
                return pod.is_some_and(|pod| self.victims.contains_key(pod));
            }
            let request = self.drain_requests.get(&(worker.queue, worker.id.clone()));
            worker.pod.as_ref().is_some_and(is_ours) || request.is_some_and(|it| it.enable)
        };
        let draining = self
            .workers
            .iter()
            .filter(|worker| worker.drain.is_requested() && !self.awaits_deletion());
        for worker in draining.filter(|worker| is_drained_by_us(worker)) {
            let Some(queue) = queues.get_mut(worker.queue) else {
                continue;
            };
            if let Some(live @ 1..) = queue.live.known() {
                queue.cpu_sum = queue.cpu_sum.map(|sum| sum.saturating_add(sum / live));
            }
            queue.live = queue.live.plus(Metric::Known(1));
            queue.busy = queue.busy.plus(Metric::Known(i64::from(worker.busy)));
            if queue.slots != Metric::Unsupported {
                let slots = i64::from(worker.slots);
                let tasks = i64::try_from(worker.report.tasks).unwrap_or(slots);
                let used = tasks.max(i64::from(worker.busy)).min(slots);
                queue.slots = queue.slots.plus(Metric::Known(slots));
                queue.slots_in_use = queue.slots_in_use.plus(Metric::Known(used));
            }
        }
    }

    /// Reverts the scale-down. Returns true once nothing is left of it.
    pub fn revert(&mut self, context: &ScaleDownContext<'_>) -> bool {
        if self.listed_at.is_none() || self.written != Written::Nothing && !self.list_is_current() {
            self.list_pods(context);
            return false;
        }
        let active = self.active_pods(context);
        if self.controller_is_deleting(&active, context) {
            self.renew_drains(&active, context);
            self.list_pods_if_older(POLL, context);
            return false;
        }
        let is_clear = self.release(context);
        if !self.list_is_current() {
            self.list_pods(context);
        }
        let requests_settled = self
            .drain_requests
            .values()
            .all(|request| context.now - request.sent_at >= RESEND_AFTER);
        let polled_since = self.polled_at.is_some() && self.polled >= self.drained;
        is_clear && requests_settled && polled_since && self.list_is_current() && !self.mark_pending
    }

    /// Releases all victims. Returns true if the last list and poll show that no pod is marked and no worker drains.
    fn release(&mut self, context: &ScaleDownContext<'_>) -> bool {
        self.victims.clear();
        self.timed_out.clear();
        let active = self.active_pods(context);
        let is_unmarked = self.mark_victims(&active, false, context);
        self.request_drains(&active, context) && is_unmarked
    }

    /// What to undo without another poll: the marks, and the workers that drain.
    fn undo(self) -> (Marks, Vec<WorkerId>) {
        if self.awaits_deletion() {
            return Default::default();
        }
        let is_victim = |worker: &&Worker| {
            worker
                .pod
                .as_ref()
                .is_some_and(|pod| self.victims.contains_key(pod))
        };
        let draining = self
            .workers
            .iter()
            .filter(|worker| worker.drain.is_requested())
            .filter(is_victim)
            .map(|worker| (worker.queue, worker.id.clone()));
        let requested = self
            .drain_requests
            .iter()
            .filter(|(_, request)| request.enable)
            .map(|(worker, _)| worker.clone());
        let workers: BTreeSet<WorkerId> = draining.chain(requested).collect();
        let marks = self
            .mark_requests
            .into_iter()
            .filter(|(_, request)| request.enable)
            .map(|(pod, _)| (pod, false));
        (marks.collect(), workers.into_iter().collect())
    }

    /// The pods that the target's controller counts.
    fn active_pods(&self, context: &ScaleDownContext<'_>) -> Vec<Pod> {
        self.pods
            .iter()
            .filter(|pod| !pod.terminating && context.owns(pod))
            .cloned()
            .collect()
    }

    /// Requests a list of the pods if the last one is older than `max_age` or was requested before our last write. Only
    /// one list is pending at a time, and none while marks are written.
    fn list_pods_if_older(&mut self, max_age: Millis, context: &ScaleDownContext<'_>) {
        let is_due =
            !self.list_is_current() || self.listed_at.is_none_or(|at| context.now - at >= max_age);
        let has_failed = self.current_failure(context.now).is_some();
        if is_due && !has_failed && self.pending_list.is_none() && !self.mark_pending {
            self.pending_list = Some(self.writes);
            self.commands.push(Command::ListPods(
                context.pool.clone(),
                context.target.selector.clone(),
            ));
        }
    }

    fn list_pods(&mut self, context: &ScaleDownContext<'_>) {
        self.list_pods_if_older(Millis(0), context);
    }
}
