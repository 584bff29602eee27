//! The plan of one scale-down. It holds no position: at each event it compares what should be with what a look and a
//! list show, and asks for the difference. So a new process goes on where the one before it died, or takes back what
//! it finds.

use super::drain::{BEAT, Ground};
use super::event::Command;
use crate::decide::victims::{Drain, MARK, Order, Pod, Worker, choose};
use crate::decide::{Fact, Millis, QueueSeen, Time};
use crate::protocol::DRAIN;
use std::collections::{BTreeMap, BTreeSet};

/// How long something that was asked for may take to be seen before it is asked for again.
const AGAIN: Millis = Millis::seconds(1);
/// How long marks must have been seen before the scale is written, and twice as long again as it took to see them: the
/// controller that takes the pods hears of marks and of the number on two ways, and on a busy machine the later may come
/// first.
const SETTLE: Millis = Millis::seconds(1);
/// Who drains is asked anew so often: by itself it goes on after [`DRAIN`].
const RENEW: Millis = Millis(DRAIN.as_secs().cast_signed() * 1_000 / 3);
/// A list of pods that is older is made anew while a plan waits.
const STALE: Millis = Millis::seconds(5);

/// Pods, each to be marked or not.
type Marks = Vec<(String, bool)>;
/// Workers, each by its queue's number and its id.
type Ids = Vec<(usize, String)>;

/// What is under way with the pods of one pool.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Plan {
    pub(super) pods: Vec<Pod>,
    pub(super) listed_at: Option<Time>,
    listing: bool,
    /// Whether the list was asked for after our last write, and whether the one under way was.
    listed: bool,
    lists: bool,
    pub(super) workers: Vec<Worker>,
    pub(super) looked_at: Option<Time>,
    /// Whether the look came after our last write.
    looked: bool,
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
    written: bool,
    /// The lowest number that its controller may still go down to, whatever has been written since.
    lowest: Option<i32>,
    /// Since when it has seen the present number.
    observed_since: Option<Time>,
    /// Why the API server did not do what was asked, and until when it is left alone.
    trouble: Option<(String, Time)>,
}

impl Plan {
    /// A look found these workers.
    pub fn looked(&mut self, workers: Vec<Worker>, now: Time) {
        (self.workers, self.looked_at, self.looked) = (workers, Some(now), true);
    }

    pub fn listed(&mut self, pods: Result<Vec<Pod>, String>, now: Time) {
        self.listing = false;
        match pods {
            Ok(pods) => {
                (self.pods, self.listed_at, self.trouble) = (pods, Some(now), None);
                self.listed = self.lists;
            }
            Err(why) => {
                self.trouble = Some((format!("its pods cannot be listed: {why}"), now + STALE))
            }
        }
    }

    pub fn marked(&mut self, outcome: Result<(), String>, now: Time) {
        self.marking = false;
        self.wrote();
        if let Err(why) = outcome {
            self.marks.clear();
            self.trouble = Some((format!("its pods cannot be marked: {why}"), now + STALE));
        }
    }

    /// What a process before this one left is taken back; what it wrote last is not known.
    pub fn found() -> Self {
        Self {
            lowest: Some(0),
            ..Self::default()
        }
    }

    /// The scale was written.
    pub fn written(&mut self, from: i32, to: i32) {
        if to < from {
            (self.written, self.lowest) = (true, Some(self.lowest.unwrap_or(to).min(to)));
        }
        self.observed_since = None;
        self.wrote();
    }

    /// Whether the target's controller is about to take some of those that are there. It may go on with a lower number
    /// after a higher one is written: who is told to work again before it has seen that is taken with a task.
    fn takes(&mut self, staying: &[Pod], on: &Ground<'_>) -> bool {
        let there = i32::try_from(staying.len()).unwrap_or(i32::MAX);
        if there > on.target.desired && !self.rolls(on) {
            return true;
        }
        if self.lowest.is_some_and(|lowest| there > lowest) && !self.is_followed(on) {
            return true;
        }
        (self.written, self.lowest) = (false, None);
        false
    }

    /// Whether a list shows what the target's controller made of the present number.
    fn is_followed(&mut self, on: &Ground<'_>) -> bool {
        let since = self.observed_since.filter(|_| on.target.observed);
        self.observed_since = on.target.observed.then(|| since.unwrap_or(on.now));
        since.is_some_and(|since| self.listed_at.is_some_and(|at| at - since >= SETTLE))
    }

    /// What was listed and seen before is no proof any more.
    fn wrote(&mut self) {
        (self.listed, self.lists, self.looked) = (false, false, false);
    }

    /// Counts workers that drain and are still there as live: decisions while a plan runs are on what would be without
    /// it, or draining alone would make the others look busier.
    pub fn count(&self, queues: &mut [QueueSeen]) {
        let ours = |pod: &String| {
            self.victims.contains_key(pod)
                || self.listed_at.is_none()
                || self.pods.iter().any(|it| it.name == *pod && !it.leaving)
        };
        let drain = self
            .workers
            .iter()
            .filter(|worker| worker.drain != Drain::No && !self.written);
        for worker in drain.filter(|worker| worker.pod.as_ref().is_some_and(ours)) {
            let Some(queue) = queues.get_mut(worker.queue) else {
                continue;
            };
            if let (Fact::Known(sum), Fact::Known(live @ 1..)) = (queue.cpu_sum, queue.live) {
                queue.cpu_sum = Fact::Known(sum / live * (live + 1));
            }
            queue.live = queue.live.plus(Fact::Known(1));
            queue.busy = queue.busy.plus(Fact::Known(i64::from(worker.busy)));
        }
    }

    /// What is to be taken back when nobody looks any more: the marks, and the workers that drain.
    pub fn begun(self) -> (Marks, Ids) {
        if self.written {
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
            .filter(|worker| worker.drain != Drain::No)
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
    pub fn down(&mut self, on: &Ground<'_>, wish: i32, todo: &mut Vec<Command>) -> Option<String> {
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
        self.list_after(STALE, on, todo);
        let Some(at) = self.listed_at.filter(|_| self.listed) else {
            return Some(SURE.to_owned());
        };
        let Some(looked) = self.looked_at else {
            return Some(look(on, todo));
        };
        let staying = self.staying(on);
        let there = i32::try_from(staying.len()).unwrap_or(i32::MAX);
        if self.takes(&staying, on) {
            self.renew(&staying, on, todo);
            self.list_after(BEAT, on, todo);
            return Some("waiting for those that are on their way out".to_owned());
        }
        if there < on.target.desired && !self.is_followed(on) {
            self.list_after(BEAT, on, todo);
            return Some("waiting for those that are on their way in".to_owned());
        }
        if self.rolls(on) {
            self.release(on, todo);
            return Some(format!(
                "waiting for the rollout of {} to end",
                on.key.display()
            ));
        }
        let count = usize::try_from(there - wish).unwrap_or(0);
        self.choose(&staying, count, on);
        self.tell(&staying, on, todo);
        let awaited = self.awaited();
        let marked = self.mark(&staying, awaited.is_none(), on, todo);
        if awaited.is_some() {
            self.right_since = None;
            return awaited;
        }
        if !marked {
            self.right_since = None;
            self.list_after(Millis(0), on, todo);
            return Some(SURE.to_owned());
        }
        self.took = self.asked_at.take().map_or(self.took, |asked| now - asked);
        let settled = *self.right_since.get_or_insert(now) + SETTLE + self.took + self.took;
        if on.order == Order::Cost && !self.victims.is_empty() && now < settled {
            return Some(SURE.to_owned());
        }
        // What is written is decided on pods and workers of this very moment.
        if now - at >= AGAIN {
            self.list_after(Millis(0), on, todo);
            return Some(SURE.to_owned());
        }
        if !self.looked || now - looked >= AGAIN {
            return Some(look(on, todo));
        }
        None
    }

    /// Takes everything back; true once nothing is left.
    pub fn end(&mut self, on: &Ground<'_>, todo: &mut Vec<Command>) -> bool {
        if self.listed_at.is_none() || self.lowest.is_some() && !self.listed {
            self.list_after(Millis(0), on, todo);
            return false;
        }
        let staying = self.staying(on);
        if self.takes(&staying, on) {
            self.renew(&staying, on, todo);
            self.list_after(BEAT, on, todo);
            return false;
        }
        let clear = self.release(on, todo);
        if !self.listed {
            self.list_after(Millis(0), on, todo);
        }
        let heard = self.told.values().all(|(_, at)| on.now - *at >= AGAIN);
        let looked = self
            .looked_at
            .is_some_and(|at| self.told.values().all(|(_, told)| *told < at));
        clear && heard && looked && self.listed && !self.marking
    }

    /// Nobody is to go; true where a list and a look show it.
    fn release(&mut self, on: &Ground<'_>, todo: &mut Vec<Command>) -> bool {
        self.victims.clear();
        self.late.clear();
        let staying = self.staying(on);
        let clear = self.mark(&staying, false, on, todo);
        self.tell(&staying, on, todo) && clear
    }

    /// Pods that the target's controller counts.
    fn staying(&self, on: &Ground<'_>) -> Vec<Pod> {
        self.pods
            .iter()
            .filter(|pod| !pod.leaving && on.owns(pod))
            .cloned()
            .collect()
    }

    /// Costs are compared within one `ReplicaSet` only.
    fn rolls(&self, on: &Ground<'_>) -> bool {
        let mut owners = self
            .pods
            .iter()
            .filter(|pod| !pod.leaving && on.owns(pod))
            .map(|pod| &pod.owner);
        let first = owners.next();
        &*on.key.kind == "Deployment"
            && (owners.any(|owner| Some(owner) != first) || on.target.updated < on.target.replicas)
    }

    fn choose(&mut self, staying: &[Pod], count: usize, on: &Ground<'_>) {
        let idle = |pod: &String| {
            self.workers
                .iter()
                .all(|it| it.pod.as_ref() != Some(pod) || it.drain == Drain::Done)
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
        let chosen = choose(&pods, &self.workers, count, on.order, kept, late);
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
    fn tell(&mut self, staying: &[Pod], on: &Ground<'_>, todo: &mut Vec<Command>) -> bool {
        let (mut stop, mut go_on, mut seen) = (Vec::new(), Vec::new(), true);
        for worker in &self.workers {
            let Some(pod) = worker
                .pod
                .as_ref()
                .filter(|pod| staying.iter().any(|it| it.name == **pod))
            else {
                continue;
            };
            let (wanted, is) = (self.victims.contains_key(pod), worker.drain != Drain::No);
            let id = (worker.queue, worker.id.clone());
            let told = self
                .told
                .get(&id)
                .filter(|(_, at)| on.now - *at < AGAIN)
                .map(|(on, _)| *on);
            seen &= wanted == is;
            if wanted != told.unwrap_or(is) && (wanted || !self.is_marked(pod, staying, on)) {
                if wanted { &mut stop } else { &mut go_on }.push(id);
            } else if wanted && is && self.ends_soon(&id, on) {
                stop.push(id);
            }
        }
        self.ask(stop, true, on, todo);
        self.ask(go_on, false, on, todo);
        seen
    }

    /// Who drains goes on draining.
    fn renew(&mut self, staying: &[Pod], on: &Ground<'_>, todo: &mut Vec<Command>) {
        let here = |worker: &&Worker| {
            staying
                .iter()
                .any(|pod| worker.pod.as_ref() == Some(&pod.name))
        };
        let draining = self
            .workers
            .iter()
            .filter(|worker| worker.drain != Drain::No)
            .filter(here);
        let ids = draining.map(|worker| (worker.queue, worker.id.clone()));
        let ids = ids.filter(|id| self.ends_soon(id, on)).collect();
        self.ask(ids, true, on, todo);
    }

    fn ends_soon(&self, worker: &(usize, String), on: &Ground<'_>) -> bool {
        self.told
            .get(worker)
            .is_none_or(|(_, at)| on.now - *at >= RENEW)
    }

    fn ask(&mut self, workers: Ids, drain: bool, on: &Ground<'_>, todo: &mut Vec<Command>) {
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
    fn is_marked(&self, pod: &str, staying: &[Pod], on: &Ground<'_>) -> bool {
        let told = self
            .marks
            .get(pod)
            .filter(|_| !self.listed)
            .map(|(on, _)| *on);
        let marked =
            told.unwrap_or_else(|| staying.iter().any(|it| it.name == pod && it.cost == MARK));
        (marked || self.marking) && !self.is_troubled(on)
    }

    fn is_troubled(&self, on: &Ground<'_>) -> bool {
        self.trouble
            .as_ref()
            .is_some_and(|(_, until)| on.now < *until)
    }

    /// Who of the victims is not empty for good, in words.
    fn awaited(&self) -> Option<String> {
        let mut all: Vec<&Worker> = self
            .workers
            .iter()
            .filter(|it| it.drain != Drain::Done)
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
            [] => return Some(SURE.to_owned()),
            [one] => one.to_owned(),
            [one, other] => format!("{one} and {other}"),
            [one, ..] => format!("{one} and {} others", names.len() - 1),
        };
        Some(format!("waiting for {names} to finish"))
    }

    /// Marks the victims once they are `empty`, and takes the mark off all others; true where the list shows it.
    fn mark(
        &mut self,
        staying: &[Pod],
        empty: bool,
        on: &Ground<'_>,
        todo: &mut Vec<Command>,
    ) -> bool {
        let (mut marks, mut seen) = (Vec::new(), true);
        for pod in staying
            .iter()
            .filter(|_| on.order == Order::Cost && !self.marking)
        {
            let is = pod.cost == MARK;
            let wanted = self.victims.contains_key(&pod.name) && (empty || is);
            let told = self
                .marks
                .get(&pod.name)
                .filter(|(_, at)| on.now - *at < AGAIN)
                .map(|(on, _)| *on);
            seen &= wanted == is;
            if wanted != told.unwrap_or(is) {
                marks.push((pod.name.clone(), wanted));
            }
        }
        if !marks.is_empty() && !self.is_troubled(on) {
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
    fn list_after(&mut self, span: Millis, on: &Ground<'_>, todo: &mut Vec<Command>) {
        let due = !self.listed || self.listed_at.is_none_or(|at| on.now - at >= span);
        if due && !self.is_troubled(on) && !self.listing && !self.marking {
            (self.listing, self.lists) = (true, true);
            todo.push(Command::ListPods(
                on.pool.clone(),
                on.target.selector.clone(),
            ));
        }
    }
}

/// What is said while nobody in particular is awaited.
const SURE: &str = "making sure that those that will go hold no task";

fn look(on: &Ground<'_>, todo: &mut Vec<Command>) -> String {
    if let Some(address) = on.address {
        todo.push(Command::Look(address.clone(), on.pool.clone()));
    }
    SURE.to_owned()
}
