//! Who waits for work, by the list of clients of Redis: for workers without a registry, and for those whose registry is late.
//!
//! A pod from whose address nothing waits is busy. Where connections come from another address than the pods' own, by a
//! proxy, address translation or the network of the node, the list says nothing of any of them.

use super::{RESEND_AFTER, ScaleDown, ScaleDownContext};
use crate::fleet::event::Command;
use crate::observe::ClientsReading;
use crate::report::Unguarded;
use decide::victims::{DrainState, Pod, PodStage, Worker, WorkerReport};
use decide::{Millis, Time, Waiting};
use queues::{ConnectionList, Connections};
use std::collections::BTreeSet;

/// The list is read again when it is older.
const MAX_AGE: Millis = Millis::seconds(10);

/// A ready pod may be without a connection for so long: its program starts.
const CONNECTS: Millis = Millis::seconds(30);

/// The last list of clients.
#[derive(Debug)]
pub(super) struct ReadList {
    pub at: Time,
    list: Result<ConnectionList, String>,
}

impl ScaleDown {
    pub(super) fn on_clients(&mut self, reading: ClientsReading, now: Time) {
        let at = now + Millis(-reading.age.0);
        self.blind = reading.list.as_ref().err().cloned().map(Unguarded::Refused);
        self.clients = Some(ReadList {
            at,
            list: reading.list,
        });
    }

    /// Whether nothing says who is busy; the outcome says why. Then no pods are selected, as it is for other systems.
    pub(super) fn is_blind(&self, context: &ScaleDownContext<'_>) -> bool {
        self.blind.is_some() && !context.has_registry
    }

    /// Asks for the list of clients, if it is needed and not current. Returns that it is waited for.
    pub(super) fn read_clients(&mut self, context: &ScaleDownContext<'_>) -> Option<Waiting> {
        let now = context.now;
        let is_current = |read: &ReadList| now - read.at < MAX_AGE;
        if !context.lists_clients || self.clients.as_ref().is_some_and(is_current) {
            return None;
        }
        let is_asked = self
            .clients_asked_at
            .is_some_and(|at| now - at < RESEND_AFTER);
        if let (Some(redis), false) = (context.redis, is_asked) {
            self.clients_asked_at = Some(now);
            let pool = context.pool.key.clone();
            self.commands
                .push(Command::PollClients(redis.clone(), pool));
        }
        // Until its answer the message stays as it is.
        Some(self.waited_for.clone().unwrap_or(Waiting::Check))
    }

    /// Counts the workers of each pod that does not wait for work as busy, and a pod without a worker as one.
    pub(super) fn apply_clients(&mut self, active: &[Pod], context: &ScaleDownContext<'_>) {
        let read = self.clients.as_ref().filter(|_| context.lists_clients);
        let Some(ReadList { at, list: Ok(list) }) = read else {
            return;
        };
        let mut addresses = BTreeSet::new();
        let mut is_seen = |pod: &&Pod| {
            let own = pod.address.filter(|address| addresses.insert(*address));
            own.is_some_and(|address| list.of(address).is_some())
        };
        let is_starting = |pod: &&Pod| {
            let ready_for = pod.ready_since.map(|since| *at - since);
            ready_for.is_some_and(|time| time.0.abs() < CONNECTS.0)
        };
        let mut ready = active.iter().filter(|pod| pod.stage == PodStage::Ready);
        let unseen = ready.find(|pod| !is_seen(pod) && !is_starting(pod));
        self.blind = unseen.map(|pod| Unguarded::Unmatched(pod.name.clone()));
        if self.blind.is_some() {
            return;
        }
        self.polling.clear();
        let started = active.iter().filter(|pod| pod.stage >= PodStage::NotReady);
        for pod in started {
            let connections = pod.address.and_then(|address| list.of(address));
            let is_busy = |slots| !connections.is_some_and(|it| it.are_idle(slots));
            let mut workers = self.workers.iter_mut();
            let mut is_registered = false;
            for worker in workers
                .by_ref()
                .filter(|it| it.pod.as_ref() == Some(&pod.name))
            {
                is_registered = true;
                worker.busy |= !worker.drain.is_requested() && is_busy(worker.slots);
            }
            if !is_registered {
                self.workers.push(unregistered(pod, is_busy(1)));
            }
            if !context.has_registry && connections.is_some_and(Connections::are_polling) {
                self.polling.insert(pod.name.clone());
            }
        }
    }
}

/// The worker of a pod, of which no more is known than whether it waits for work.
fn unregistered(pod: &Pod, busy: bool) -> Worker {
    Worker {
        queue: 0,
        id: pod.name.clone(),
        pod: Some(pod.name.clone()),
        namespace: None,
        slots: 1,
        busy,
        drain: DrainState::Unsupported,
        since: 0,
        report: WorkerReport::default(),
    }
}
