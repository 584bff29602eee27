//! The plan of one scale-down. It holds no position: at each event it compares what should be with what a look and a
//! list show, and asks for the difference. So a new process goes on where the one before it died, or takes back what
//! it finds.

use super::drain::{POLL, ScaleDownContext};
use super::event::Command;
use decide::victims::{DELETE_FIRST, DrainState, Pod, VictimOrder, Worker, select_victims};
use decide::{Metric, Millis, QueueMetrics, Time};
use protocol::DRAIN;
use std::collections::{BTreeMap, BTreeSet};

/// How long something that was asked for may take to be seen before it is asked for again.
const RESEND_AFTER: Millis = Millis::seconds(1);
/// How long marks must have been seen before the scale is written, and twice as long again as it took to see them: the
/// controller that takes the pods hears of marks and of the number on two ways, and on a busy machine the later may come
/// first.
const MARK_SETTLE: Millis = Millis::seconds(1);
/// Who drains is asked anew so often: by itself it goes on after [`DRAIN`].
const RENEW_DRAIN: Millis = Millis(DRAIN.as_secs().cast_signed() * 1_000 / 3);
/// A list of pods that is older is made anew while a plan waits.
const LIST_MAX_AGE: Millis = Millis::seconds(5);

/// Pods, each to be marked or not.
type Marks = Vec<(String, bool)>;
/// Workers, each by its queue's number and its id.
type Ids = Vec<(usize, String)>;

/// What is under way with the pods of one pool.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct ScaleDown {
    pub(super) pods: Vec<Pod>,
    pub(super) listed_at: Option<Time>,
    listing: bool,
    /// Whether the list was asked for after our last write, and whether the one under way was.
    on_pods: bool,
    lists: bool,
    pub(super) workers: Vec<Worker>,
    pub(super) looked_at: Option<Time>,
    /// Whether the look came after our last write.
    on_workers: bool,
    /// Those that will go, each with since when it has been chosen.
    pub(super) victims: BTreeMap<String, Time>,
    pub(super) late: BTreeSet<String>,
    /// What workers were told last, and when.
    told: BTreeMap<(usize, String), (bool, Time)>,
    /// What pods were marked with last, and when.
    marks: BTreeMap<String, (bool, Time)>,
    marking: bool,
    /// When marks were asked for that no list has shown yet, and how long the last ones took to be shown.
    asked_at: Option<Time>,
    took: Millis,
    /// Since when lists show the marks as they should be.
    right_since: Option<Time>,
    /// The scale is written, and the target's controller is about to take the victims.
    on_scaled: bool,
    /// The lowest number that its controller may still go down to, whatever has been written since.
    lowest: Option<i32>,
    /// Since when it has seen the present number.
    observed_since: Option<Time>,
    /// Why the API server did not do what was asked, and until when it is left alone.
    trouble: Option<(String, Time)>,
}

impl ScaleDown {
    /// A look found these workers.
    pub fn looked(&mut self, workers: Vec<Worker>, now: Time) {
        (self.workers, self.looked_at, self.on_workers) = (workers, Some(now), true);
    }

    pub fn listed(&mut self, pods: Result<Vec<Pod>, String>, now: Time) {
        self.listing = false;
        match pods {
            Ok(pods) => {
                (self.pods, self.listed_at, self.trouble) = (pods, Some(now), None);
                self.on_pods = self.lists;
            }
            Err(why) => {
                self.trouble = Some((format!("cannot list pods: {why}"), now + LIST_MAX_AGE))
            }
        }
    }

    pub fn on_marked(&mut self, outcome: Result<(), String>, now: Time) {
        self.marking = false;
        self.on_write();
        if let Err(why) = outcome {
            self.marks.clear();
            self.trouble = Some((format!("cannot mark pods: {why}"), now + LIST_MAX_AGE));
        }
    }

    /// What a process before this one left is taken back; what it wrote last is not known.
    pub fn resumed() -> Self {
        Self {
            lowest: Some(0),
            ..Self::default()
        }
    }

    /// The scale was written.
    pub fn written(&mut self, from: i32, to: i32) {
        if to < from {
            (self.on_scaled, self.lowest) = (true, Some(self.lowest.unwrap_or(to).min(to)));
        }
        self.observed_since = None;
        self.on_write();
    }

    /// Whether the target's controller is about to take some of those that are there. It may go on with a lower number
    /// after a higher one is written: who is told to work again before it has seen that is taken with a task.
    fn controller_is_deleting(&mut self, staying: &[Pod], on: &ScaleDownContext<'_>) -> bool {
        let there = i32::try_from(staying.len()).unwrap_or(i32::MAX);
        if there > on.target.desired && !self.is_rolling_out(on) {
            return true;
        }
        if self.lowest.is_some_and(|lowest| there > lowest) && !self.controller_has_followed(on) {
            return true;
        }
        (self.on_scaled, self.lowest) = (false, None);
        false
    }

    /// Whether a list shows what the target's controller made of the present number.
    fn controller_has_followed(&mut self, on: &ScaleDownContext<'_>) -> bool {
        let since = self.observed_since.filter(|_| on.target.observed);
        self.observed_since = on.target.observed.then(|| since.unwrap_or(on.now));
        since.is_some_and(|since| self.listed_at.is_some_and(|at| at - since >= MARK_SETTLE))
    }

    /// What was listed and seen before is no proof any more.
    fn on_write(&mut self) {
        (self.on_pods, self.lists, self.on_workers) = (false, false, false);
    }

    /// Counts workers that drain and are still there as live: decisions while a plan runs are on what would be without
    /// it, or draining alone would make the others look busier.
    pub fn count_drained(&self, queues: &mut [QueueMetrics]) {
        let ours = |pod: &String| {
            self.victims.contains_key(pod)
                || self.listed_at.is_none()
                || self
                    .pods
                    .iter()
                    .any(|it| it.name == *pod && !it.terminating)
        };
        let drain = self
            .workers
            .iter()
            .filter(|worker| worker.drain != DrainState::None && !self.on_scaled);
        for worker in drain.filter(|worker| worker.pod.as_ref().is_some_and(ours)) {
            let Some(queue) = queues.get_mut(worker.queue) else {
                continue;
            };
            if let (Metric::Known(sum), Metric::Known(live @ 1..)) = (queue.cpu_sum, queue.live) {
                queue.cpu_sum = Metric::Known(sum / live * (live + 1));
            }
            queue.live = queue.live.plus(Metric::Known(1));
            queue.busy = queue.busy.plus(Metric::Known(i64::from(worker.busy)));
        }
    }

    /// What is to be taken back when nobody looks any more: the marks, and the workers that drain.
    pub fn undo(self) -> (Marks, Ids) {
        if self.on_scaled {
            return Default::default();
        }
        let marked = self
            .marks
            .into_iter()
            .filter(|(_, (on, _))| *on)
            .map(|(pod, _)| (pod, false));
        let victim = |worker: &&Worker| {
            worker
                .pod
                .as_ref()
                .is_some_and(|it| self.victims.contains_key(it))
        };
        let draining = self
            .workers
            .iter()
            .filter(|worker| worker.drain != DrainState::None)
            .filter(victim);
        let asked = self
            .told
            .into_iter()
            .filter(|(_, (on, _))| *on)
            .map(|(worker, _)| worker);
        let all: BTreeSet<_> = draining
            .map(|worker| (worker.queue, worker.id.clone()))
            .chain(asked)
            .collect();
        (marked.collect(), all.into_iter().collect())
    }

    /// The way down to `wish`; what is awaited, or `None` when the scale may be written.
    pub fn down(
        &mut self,
        on: &ScaleDownContext<'_>,
        wish: i32,
        todo: &mut Vec<Command>,
    ) -> Option<String> {
        let now = on.now;
        if let Some(why) = self
            .trouble
            .as_ref()
            .filter(|(_, until)| now < *until)
            .map(|(why, _)| why.clone())
        {
            // Nobody stays away from work for as long as a person may take.
            self.release(on, todo);
            return Some(why);
        }
        self.list_after(LIST_MAX_AGE, on, todo);
        let Some(at) = self.listed_at.filter(|_| self.on_pods) else {
            return Some(CHECKING.to_owned());
        };
        let Some(looked) = self.looked_at else {
            return Some(poll_workers(on, todo));
        };
        let staying = self.staying(on);
        let there = i32::try_from(staying.len()).unwrap_or(i32::MAX);
        if self.controller_is_deleting(&staying, on) {
            self.renew(&staying, on, todo);
            self.list_after(POLL, on, todo);
            return Some("waiting for pods to terminate".to_owned());
        }
        if there < on.target.desired && !self.controller_has_followed(on) {
            self.list_after(POLL, on, todo);
            return Some("waiting for pods to start".to_owned());
        }
        if self.is_rolling_out(on) {
            self.release(on, todo);
            return Some(format!(
                "waiting for the rollout of {} to end",
                on.key.display()
            ));
        }
        let count = usize::try_from(there - wish).unwrap_or(0);
        self.select(&staying, count, on);
        self.request_drains(&staying, on, todo);
        let awaited = self.waiting_message();
        let marked = self.mark_victims(&staying, awaited.is_none(), on, todo);
        if awaited.is_some() {
            self.right_since = None;
            return awaited;
        }
        if !marked {
            self.right_since = None;
            self.list_after(Millis(0), on, todo);
            return Some(CHECKING.to_owned());
        }
        self.took = self.asked_at.take().map_or(self.took, |asked| now - asked);
        let settled = *self.right_since.get_or_insert(now) + MARK_SETTLE + self.took + self.took;
        if on.order == VictimOrder::Cost && !self.victims.is_empty() && now < settled {
            return Some(CHECKING.to_owned());
        }
        // What is written is decided on pods and workers of this very moment.
        if now - at >= RESEND_AFTER {
            self.list_after(Millis(0), on, todo);
            return Some(CHECKING.to_owned());
        }
        if !self.on_workers || now - looked >= RESEND_AFTER {
            return Some(poll_workers(on, todo));
        }
        None
    }

    /// Takes everything back; true once nothing is left.
    pub fn end(&mut self, on: &ScaleDownContext<'_>, todo: &mut Vec<Command>) -> bool {
        if self.listed_at.is_none() || self.lowest.is_some() && !self.on_pods {
            self.list_after(Millis(0), on, todo);
            return false;
        }
        let staying = self.staying(on);
        if self.controller_is_deleting(&staying, on) {
            self.renew(&staying, on, todo);
            self.list_after(POLL, on, todo);
            return false;
        }
        let clear = self.release(on, todo);
        if !self.on_pods {
            self.list_after(Millis(0), on, todo);
        }
        let heard = self
            .told
            .values()
            .all(|(_, at)| on.now - *at >= RESEND_AFTER);
        let looked = self
            .looked_at
            .is_some_and(|at| self.told.values().all(|(_, told)| *told < at));
        clear && heard && looked && self.on_pods && !self.marking
    }

    /// Nobody is to go; true where a list and a look show it.
    fn release(&mut self, on: &ScaleDownContext<'_>, todo: &mut Vec<Command>) -> bool {
        self.victims.clear();
        self.late.clear();
        let staying = self.staying(on);
        let clear = self.mark_victims(&staying, false, on, todo);
        self.request_drains(&staying, on, todo) && clear
    }

    /// Pods that the target's controller counts.
    fn staying(&self, on: &ScaleDownContext<'_>) -> Vec<Pod> {
        self.pods
            .iter()
            .filter(|pod| !pod.terminating && on.owns(pod))
            .cloned()
            .collect()
    }

    /// Costs are compared within one `ReplicaSet` only.
    fn is_rolling_out(&self, on: &ScaleDownContext<'_>) -> bool {
        let mut owners = self
            .pods
            .iter()
            .filter(|pod| !pod.terminating && on.owns(pod))
            .map(|pod| &pod.owner);
        let first = owners.next();
        &*on.key.kind == "Deployment"
            && (owners.any(|owner| Some(owner) != first) || on.target.updated < on.target.replicas)
    }

    fn select(&mut self, staying: &[Pod], count: usize, on: &ScaleDownContext<'_>) {
        let idle = |pod: &String| {
            self.workers
                .iter()
                .all(|it| it.pod.as_ref() != Some(pod) || it.drain == DrainState::Drained)
        };
        let late = |(pod, since): &(&String, &Time)| on.now - **since >= on.timeout && !idle(pod);
        let late: Vec<String> = self
            .victims
            .iter()
            .filter(late)
            .map(|(pod, _)| pod.clone())
            .collect();
        for pod in late {
            self.victims.remove(&pod);
            self.late.insert(pod);
        }
        let pods: Vec<&Pod> = staying.iter().collect();
        let kept = |pod: &str| self.victims.contains_key(pod);
        let late = |pod: &str| self.late.contains(pod);
        let chosen = select_victims(&pods, &self.workers, count, on.order, kept, late);
        let since = |pod: &String| self.victims.get(pod).copied().unwrap_or(on.now);
        let chosen: BTreeMap<String, Time> = chosen
            .into_iter()
            .map(|pod| (pod.clone(), since(&pod)))
            .collect();
        // Who is chosen again though late begins anew.
        self.late.retain(|pod| !chosen.contains_key(pod));
        self.victims = chosen;
    }

    /// Tells the workers of victims to take no more, and all others to go on; true where the look shows it.
    fn request_drains(
        &mut self,
        staying: &[Pod],
        on: &ScaleDownContext<'_>,
        todo: &mut Vec<Command>,
    ) -> bool {
        let (mut stop, mut go_on, mut seen) = (Vec::new(), Vec::new(), true);
        for worker in &self.workers {
            let Some(pod) = worker
                .pod
                .as_ref()
                .filter(|pod| staying.iter().any(|it| it.name == **pod))
            else {
                continue;
            };
            let (wanted, is) = (
                self.victims.contains_key(pod),
                worker.drain != DrainState::None,
            );
            let id = (worker.queue, worker.id.clone());
            let told = self
                .told
                .get(&id)
                .filter(|(_, at)| on.now - *at < RESEND_AFTER)
                .map(|(on, _)| *on);
            seen &= wanted == is;
            if wanted != told.unwrap_or(is) && (wanted || !self.is_marked(pod, staying, on)) {
                if wanted { &mut stop } else { &mut go_on }.push(id);
            } else if wanted && is && self.ends_soon(&id, on) {
                stop.push(id);
            }
        }
        self.send_drains(stop, true, on, todo);
        self.send_drains(go_on, false, on, todo);
        seen
    }

    /// Who drains goes on draining.
    fn renew(&mut self, staying: &[Pod], on: &ScaleDownContext<'_>, todo: &mut Vec<Command>) {
        let here = |worker: &&Worker| {
            staying
                .iter()
                .any(|pod| worker.pod.as_ref() == Some(&pod.name))
        };
        let draining = self
            .workers
            .iter()
            .filter(|worker| worker.drain != DrainState::None)
            .filter(here);
        let ids = draining.map(|worker| (worker.queue, worker.id.clone()));
        let ids = ids.filter(|id| self.ends_soon(id, on)).collect();
        self.send_drains(ids, true, on, todo);
    }

    fn ends_soon(&self, worker: &(usize, String), on: &ScaleDownContext<'_>) -> bool {
        self.told
            .get(worker)
            .is_none_or(|(_, at)| on.now - *at >= RENEW_DRAIN)
    }

    fn send_drains(
        &mut self,
        workers: Ids,
        drain: bool,
        on: &ScaleDownContext<'_>,
        todo: &mut Vec<Command>,
    ) {
        self.told
            .extend(workers.iter().map(|id| (id.clone(), (drain, on.now))));
        if let (Some(address), false) = (on.address, workers.is_empty()) {
            todo.push(Command::Drain(
                address.clone(),
                on.pool.clone(),
                workers,
                drain,
            ));
        }
    }

    /// Whether `pod` may bear the mark. Nobody is told to go on before it is taken away: of who drains a new process
    /// hears at its first look, of a mark it does not.
    fn is_marked(&self, pod: &str, staying: &[Pod], on: &ScaleDownContext<'_>) -> bool {
        let told = self
            .marks
            .get(pod)
            .filter(|_| !self.on_pods)
            .map(|(on, _)| *on);
        let marked = told.unwrap_or_else(|| {
            staying
                .iter()
                .any(|it| it.name == pod && it.cost == DELETE_FIRST)
        });
        (marked || self.marking) && !self.is_failing(on)
    }

    fn is_failing(&self, on: &ScaleDownContext<'_>) -> bool {
        self.trouble
            .as_ref()
            .is_some_and(|(_, until)| on.now < *until)
    }

    /// Who of the victims is not empty for good, in words.
    fn waiting_message(&self) -> Option<String> {
        let mut all: Vec<&Worker> = self
            .workers
            .iter()
            .filter(|it| it.drain != DrainState::Drained)
            .collect();
        all.retain(|worker| {
            worker
                .pod
                .as_ref()
                .is_some_and(|pod| self.victims.contains_key(pod))
        });
        let busy = all
            .iter()
            .filter(|worker| worker.busy)
            .filter_map(|worker| worker.pod.as_deref());
        let names: Vec<&str> = busy.collect::<BTreeSet<_>>().into_iter().collect();
        let names = match names[..] {
            [] if all.is_empty() => return None,
            [] => return Some(CHECKING.to_owned()),
            [one] => one.to_owned(),
            [one, other] => format!("{one} and {other}"),
            [one, ..] => format!("{one} and {} others", names.len() - 1),
        };
        Some(format!("waiting for {names} to finish"))
    }

    /// Marks the victims once they are `empty`, and takes the mark off all others; true where the list shows it.
    fn mark_victims(
        &mut self,
        staying: &[Pod],
        empty: bool,
        on: &ScaleDownContext<'_>,
        todo: &mut Vec<Command>,
    ) -> bool {
        let (mut marks, mut seen) = (Vec::new(), true);
        for pod in staying
            .iter()
            .filter(|_| on.order == VictimOrder::Cost && !self.marking)
        {
            let is = pod.cost == DELETE_FIRST;
            let wanted = self.victims.contains_key(&pod.name) && (empty || is);
            let told = self
                .marks
                .get(&pod.name)
                .filter(|(_, at)| on.now - *at < RESEND_AFTER)
                .map(|(on, _)| *on);
            seen &= wanted == is;
            if wanted != told.unwrap_or(is) {
                marks.push((pod.name.clone(), wanted));
            }
        }
        if !marks.is_empty() && !self.is_failing(on) {
            self.marks.extend(
                marks
                    .iter()
                    .map(|(pod, mark)| (pod.clone(), (*mark, on.now))),
            );
            (self.marking, self.asked_at) = (true, Some(on.now));
            todo.push(Command::Mark(on.pool.clone(), marks));
        }
        seen && !self.marking
    }

    /// Lists the pods, unless that is under way, or was done within `span`, or a write must come first.
    fn list_after(&mut self, span: Millis, on: &ScaleDownContext<'_>, todo: &mut Vec<Command>) {
        let due = !self.on_pods || self.listed_at.is_none_or(|at| on.now - at >= span);
        if due && !self.is_failing(on) && !self.listing && !self.marking {
            (self.listing, self.lists) = (true, true);
            todo.push(Command::ListPods(
                on.pool.clone(),
                on.target.selector.clone(),
            ));
        }
    }
}

/// What is said while nobody in particular is awaited.
const CHECKING: &str = "checking that the workers to be removed are idle";

fn poll_workers(on: &ScaleDownContext<'_>, todo: &mut Vec<Command>) -> String {
    if let Some(address) = on.address {
        todo.push(Command::Poll(address.clone(), on.pool.clone()));
    }
    CHECKING.to_owned()
}
