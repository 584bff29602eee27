//! The workers of a pool whose page is open. Nobody else's are kept, and nothing is read for a viewer: what the next
//! look finds is shown.

use super::plan::Plan;
use super::pool::PoolState;
use crate::decide::victims::{Doing, Order, Pod, Says, Worker, in_turn};
use crate::decide::{Fact, Time};
use crate::observe::target::Target;
use crate::web::{Member, Staff};

/// Rows of one page: who wants more of them has other tools.
const ROWS: usize = 200;

/// What the last look found, while somebody wants to know.
#[derive(Debug)]
pub(super) struct Kept {
    until: Time,
    look: Option<(Time, Vec<Worker>)>,
}

impl PoolState {
    /// A look that could be read found these workers.
    pub fn keep(&mut self, workers: &[Worker], now: Time) {
        self.kept.take_if(|kept| kept.until < now);
        if let Some(kept) = &mut self.kept {
            kept.look = Some((now, workers.to_vec()));
        }
    }

    /// Somebody asks: from now on they are kept, until two looks have come and nobody has asked again.
    pub fn open(&mut self, now: Time) {
        let look = self.kept.take().and_then(|kept| kept.look);
        self.kept = Some(Box::new(Kept {
            until: now + self.stale_after(),
            look,
        }));
    }

    /// Who works, as far as it is known without another look.
    pub fn staff(&self, target: Option<&Target>, now: Time) -> Staff {
        let (facts, plan) = (self.facts.as_ref(), self.plan.as_deref());
        let planned = plan.and_then(|plan| Some((plan.looked_at?, plan.workers.as_slice())));
        let kept = self.kept.as_ref().and_then(|kept| kept.look.as_ref());
        let newest = planned.or(kept.map(|(at, workers)| (*at, workers.as_slice())));
        let mut members = newest.map_or_else(Vec::new, |(looked, workers)| {
            let pods = plan.map_or_else(Vec::new, |plan| self.counted(plan, target, now));
            self.members(workers, looked, plan, &pods)
        });
        let more = members.len().saturating_sub(ROWS);
        members.truncate(ROWS);
        Staff {
            looked: newest.map(|(at, _)| at.0),
            missing: facts.and_then(|look| look.missing.clone()),
            told: facts
                .is_none_or(|look| look.queues.iter().any(|queue| queue.live != Fact::NotTold)),
            chosen: self.can_choose(),
            pods: target.map(|target| target.replicas),
            members,
            more,
        }
    }

    /// The pods of its target that a plan has listed, those on their way out included.
    fn counted(&self, plan: &Plan, target: Option<&Target>, now: Time) -> Vec<Pod> {
        let Some(ground) = target.and_then(|target| self.ground(target, now)) else {
            return Vec::new();
        };
        plan.pods
            .iter()
            .filter(|pod| pod.leaving || ground.owns(pod))
            .cloned()
            .collect()
    }

    fn members(
        &self,
        workers: &[Worker],
        looked: Time,
        plan: Option<&Plan>,
        pods: &[Pod],
    ) -> Vec<Member> {
        let chosen = |pod: &str| {
            plan.and_then(|plan| plan.victims.get(pod))
                .map(|since| since.0)
        };
        let late = |pod: &str| plan.is_some_and(|plan| plan.late.contains(pod));
        let order = Order::chosen(self.order(), self.named);
        let turn =
            order.map(|order| in_turn(pods, workers, order, |pod| chosen(pod).is_some(), late));
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
            let Says {
                doing,
                lasts,
                cpu,
                tasks,
            } = worker.says;
            let pod = worker.pod.as_deref();
            let listing = pods.iter().find(|it| Some(&*it.name) == pod);
            let state = match listing {
                Some(pod) if pod.leaving => Some("leaving"),
                None if listed && pod.is_some() => Some("podless"),
                _ => word(doing),
            };
            Member {
                name: pod.unwrap_or(&worker.id).to_owned(),
                state,
                since: lasts.map(|lasts| looked.0 - lasts),
                cpu,
                tasks: Some(tasks).filter(|_| doing != Doing::Unknown || tasks > 0),
                goes: pod.and_then(place),
                chosen: pod.and_then(chosen),
                late: pod.is_some_and(late),
            }
        };
        let mut all: Vec<Member> = workers.iter().map(row).collect();
        let alone = |pod: &&Pod| {
            !pod.leaving && workers.iter().all(|it| it.pod.as_ref() != Some(&pod.name))
        };
        all.extend(pods.iter().filter(alone).map(|pod| Member {
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
fn word(doing: Doing) -> Option<&'static str> {
    match doing {
        Doing::Busy => Some("busy"),
        Doing::Idle => Some("idle"),
        Doing::Draining => Some("draining"),
        Doing::Deaf => Some("deaf"),
        Doing::Unknown => None,
    }
}
