//! Workers whose pod is gone. Their systems forget them late, some only after minutes; without their pod they are dead at
//! once: neither live nor busy. What they held stays in flight, which without a live worker is demand.

use super::Fleet;
use super::event::{Command, PoolRef};
use super::pool_state::PoolState;
use crate::observe::PollResult;
use crate::observe::target::{Target, TargetKey};
use decide::victims::Pod;
use decide::{Millis, Time};
use std::collections::BTreeSet;

/// The shortest time between two lists of the pods.
const BETWEEN_LISTS: Millis = Millis::seconds(5);

/// The pods that workers name and that do not exist. A pod of a Deployment never has the name of another one.
#[derive(Debug, Default)]
pub(super) struct GonePods {
    names: BTreeSet<String>,
    /// Those that workers named when the pods were asked for.
    in_question: BTreeSet<String>,
    pub asked_at: Option<Time>,
}

impl PoolState {
    /// Takes the workers out of `result` whose pod is gone. The pods are listed where workers name more than the target has.
    pub fn remove_gone(
        &mut self,
        result: &mut PollResult,
        target: &Target,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        let key = &self.identity.target;
        let named = result.workers.iter().filter(|worker| {
            let namespace = worker.namespace.as_deref();
            namespace.is_none_or(|namespace| namespace == &*self.key.namespace)
        });
        let named = named.filter_map(|worker| worker.pod.clone());
        let named: BTreeSet<String> = named.filter(|pod| is_pod_of(key, pod)).collect();
        let gone = &mut self.observed.gone;
        gone.names.retain(|pod| named.contains(pod));
        let live: BTreeSet<String> = named.difference(&gone.names).cloned().collect();
        let is_due = gone.asked_at.is_none_or(|at| now - at >= BETWEEN_LISTS);
        // A list that is under way may be older than what workers say now.
        let lists = self
            .intent
            .scale_down
            .as_ref()
            .is_some_and(|it| it.lists_pods());
        let count = i32::try_from(live.len()).unwrap_or(i32::MAX);
        if count > target.replicas && is_due && !lists {
            gone.asked_at = Some(now);
            gone.in_question = live;
            let selector = target.selector.clone();
            commands.push(Command::ListPods(self.as_scaled(), selector));
        }
        let names = &self.observed.gone.names;
        for worker in result.workers.extract_if(.., |it| {
            it.pod.as_ref().is_some_and(|pod| names.contains(pod))
        }) {
            if let Some(metrics) = result.queues.get_mut(worker.queue) {
                queues::remove_worker(metrics, &worker);
            }
            self.observed.registrations.forget(&worker);
        }
    }
}

impl Fleet {
    /// Notes which pods of a target exist.
    pub(super) fn on_pods_listed(
        &mut self,
        PoolRef { key, epoch }: &PoolRef,
        pods: &Result<Vec<Pod>, String>,
    ) {
        let pool = self.pools.get_mut(key);
        let pool = pool.filter(|pool| pool.intent.epoch == *epoch);
        let (Some(pool), Ok(pods)) = (pool, pods) else {
            return;
        };
        let gone = &mut pool.observed.gone;
        let before = gone.names.len();
        gone.names.append(&mut gone.in_question);
        for pod in pods {
            gone.names.remove(&pod.name);
        }
        if let (Some(redis), true) = (&pool.observed.source.redis, gone.names.len() > before) {
            let number = pool.observed.number.get();
            self.commands
                .push(Command::Poll(redis.clone(), key.clone(), number));
        }
    }
}

/// Whether a pod of this name is one of the target, by the names that its controllers give. Pods of a `StatefulSet` have the
/// names of earlier ones.
fn is_pod_of(target: &TargetKey, pod: &str) -> bool {
    let hashes = match &*target.kind {
        "Deployment" => 2,
        "ReplicaSet" => 1,
        _ => return false,
    };
    let rest = pod.strip_prefix(&*target.object.name);
    rest.and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|rest| rest.split('-').count() == hashes && rest.len() >= 5)
}
