//! One pool as the operator knows it: what it wants, what was seen, what is under way.

use super::drain;
use super::event::{Command, Watched};
use super::plan::Plan;
use super::source::Source;
use super::staff::Kept;
use crate::api::{
    self, Change, Key, PIN_UNTIL, Refusal, SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY, Wishes,
    WorkerPool, WorkerPoolStatus,
};
use crate::decide::victims::{Drain, Order, are_named};
use crate::decide::{
    Decision, Fact, Load, Memory, Millis, Pool, QueueSeen, Reason, Seen, Time, Why, decide,
};
use crate::observe::target::{Target, TargetKey, Writer};
use crate::observe::{Address, Facts};
use crate::report::{Observed, Verdict};
use kube::ResourceExt;
use std::time::Instant;

/// A pool and all that is known of it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct PoolState {
    pub key: Key,
    pub uid: String,
    pub generation: Option<i64>,
    /// Seconds since 1970: of two pools with one target the older writes.
    pub created: i64,
    pub wishes: Result<Wishes, Refusal>,
    /// The annotations about pin and suspension: they change without a new generation.
    pub notes: [Option<String>; 4],
    pub api_version: String,
    pub target: TargetKey,
    pub source: Source,
    pub interval: api::Duration,
    pub memory: Memory,
    /// Whether `memory` has been told that this process begins with it.
    pub resumed: bool,
    /// The last look and when it was; `None` before the first.
    pub facts: Option<Look>,
    /// Whether all workers of the last look say which pod is theirs; `None` where there are no workers.
    pub named: Option<bool>,
    /// The way down, while one is prepared or taken back.
    pub plan: Option<Box<Plan>>,
    /// Who works, while its page is open.
    pub kept: Option<Box<Kept>>,
    /// Whether it was looked for what a process before this one may have left.
    pub swept: bool,
    pub drain_timeout: Millis,
    /// The scale that is being written.
    pub acting: Option<Acting>,
    /// Writes of the scale that failed one after the other, the last one's reason, and when to try again.
    pub failed: Option<(u32, String, Time)>,
    /// When we last set back what somebody else had written.
    pub asserted: Option<Time>,
    /// When time alone can change the decision.
    pub look_at: Option<Time>,
    /// Nothing is under way and nothing waits to be written: the same facts again need no second thought.
    pub calm: bool,
    /// The status that the API server has, as far as we know; its history is kept apart.
    pub status: WorkerPoolStatus,
    pub history: Vec<Change>,
    /// A status that differs from it, not yet written.
    pub unwritten: Option<Unwritten>,
    pub writing: bool,
    pub written_at: Option<Time>,
    /// The reason of the last event.
    pub noted: Option<String>,
    /// The instant under which the fleet will attend to this pool by itself.
    pub timer: Option<Time>,
}

#[derive(Clone, Debug)]
pub(super) struct Look {
    pub queues: Vec<QueueSeen>,
    pub missing: Option<String>,
    pub woken: Option<Instant>,
    pub at: Time,
}

/// A decision and the facts that it was taken on.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub decision: Decision,
    pub seen: Seen,
}

#[derive(Debug)]
pub(super) struct Acting {
    pub taken: Box<Taken>,
    pub verdict: Verdict,
}

#[derive(Debug)]
pub(super) struct Unwritten {
    /// Without the steps of the decision and what may come next.
    pub status: WorkerPoolStatus,
    /// The decision that it tells of, and when it was taken.
    pub taken: Option<(Box<Taken>, Time)>,
    /// A change of the number does not wait for the interval.
    pub urgent: bool,
}

/// What one look came to.
pub(super) enum Judged {
    /// Something is not known yet that soon will be.
    Wait,
    /// Something stands in the way of deciding.
    Trouble(Reason, String),
    Decided(Box<Taken>),
}

impl PoolState {
    pub fn new(object: &WorkerPool, in_cluster: bool) -> Self {
        let mut status = object.status.clone().unwrap_or_default();
        let history = std::mem::take(&mut status.history);
        let memory = status.memory.as_ref().map(Memory::from).unwrap_or_default();
        Self {
            key: Key::of(object),
            uid: object.uid().unwrap_or_default(),
            generation: object.metadata.generation,
            created: object.creation_timestamp().map_or(0, |at| at.0.as_second()),
            wishes: Wishes::new(object),
            notes: [PIN_UNTIL, SUSPEND_UNTIL, SUSPENDED_BY, SUSPEND_REASON]
                .map(|name| object.annotations().get(name).cloned()),
            api_version: object.spec.scale_target_ref.api_version.clone(),
            target: TargetKey::new(
                &object.spec.scale_target_ref,
                &object.namespace().unwrap_or_default(),
            ),
            source: Source::new(object, in_cluster),
            interval: api::Duration(api::interval(&object.spec)),
            memory,
            resumed: false,
            facts: None,
            named: None,
            plan: None,
            kept: None,
            swept: false,
            drain_timeout: object.spec.drain.timeout.0,
            acting: None,
            failed: None,
            asserted: None,
            look_at: None,
            calm: false,
            noted: status
                .decision
                .as_ref()
                .map(|decision| decision.reason.clone()),
            status,
            history,
            unwritten: None,
            writing: false,
            written_at: None,
            timer: None,
        }
    }

    /// Takes over a changed spec; what was seen and remembered stays. A new target is a new story.
    pub fn respec(&mut self, object: &WorkerPool, in_cluster: bool) {
        let fresh = Self::new(object, in_cluster);
        if fresh.target != self.target {
            self.memory = Memory::default();
            self.failed = None;
        }
        if fresh.source.queues != self.source.queues {
            self.memory.rates.clear();
        }
        self.generation = fresh.generation;
        self.wishes = fresh.wishes;
        self.notes = fresh.notes;
        self.api_version = fresh.api_version;
        self.target = fresh.target;
        self.interval = fresh.interval;
        self.drain_timeout = fresh.drain_timeout;
        let address = self
            .source
            .address
            .take()
            .filter(|_| self.source.secret == fresh.source.secret);
        let read_at = self
            .source
            .read_at
            .filter(|_| self.source.secret == fresh.source.secret);
        self.source = fresh.source;
        if self.source.secret.is_some() {
            (self.source.address, self.source.read_at) = (address, read_at);
        }
    }

    /// A number written by us is what we decided, even where the status that said so was never written; and then at
    /// least from its own time on the cooldowns run, or a crash between the two writes would shorten them.
    pub fn recall(&mut self, target: &Target, now: Time) {
        if !std::mem::replace(&mut self.resumed, true) && self.pool().is_some_and(Pool::is_watchful)
        {
            self.memory = std::mem::take(&mut self.memory).resumed(target.desired, now);
        }
        let Some(Writer { at, .. }) = target.writer.as_ref().filter(|writer| writer.is_us()) else {
            return;
        };
        self.memory.desired = Some(target.desired);
        // Field managers have times in whole seconds, rounded down.
        let Some(at) = at.filter(|at| self.memory.last_change.is_none_or(|last| last < *at)) else {
            return;
        };
        let end_of_second = Some((at + Millis(999)).min(now));
        self.memory.last_change = end_of_second;
        self.memory.last_up = end_of_second;
    }

    /// The kind of its target, which must be watched.
    pub fn watched(&self) -> Watched {
        Watched::Targets(self.api_version.clone(), self.target.kind.clone())
    }

    /// What the spec wants, where it can work.
    pub fn pool(&self) -> Option<&Pool> {
        self.wishes.as_ref().ok().map(Wishes::pool)
    }

    /// The decision on the last look.
    pub fn judge(&mut self, target: Option<&Target>, rival: Option<String>, now: Time) -> Judged {
        if let Err(refusal) = &self.wishes {
            return Judged::Trouble(Reason::InvalidSpec, refusal.to_string());
        }
        let Some(target) = target else {
            let name = self.target.display();
            let sentence = format!(
                "{name} does not exist in {}: create it, or mend scaleTargetRef",
                self.key.namespace
            );
            return Judged::Trouble(Reason::TargetMissing, sentence);
        };
        if let Some(rival) = rival {
            return Judged::Trouble(Reason::TargetConflict, rival);
        }
        let Some(seen) = self.seen(target, now) else {
            return Judged::Wait;
        };
        let drains = self.can_choose();
        let Ok(wishes) = &mut self.wishes else {
            return Judged::Wait;
        };
        wishes.drains(drains);
        let decision = decide(wishes.at(now), &seen, &self.memory, now);
        Judged::Decided(Box::new(Taken { decision, seen }))
    }

    /// What a decision at `now` is taken on; `None` before the first look.
    pub fn seen(&self, target: &Target, now: Time) -> Option<Seen> {
        let look = self.facts.as_ref()?;
        let stale = now - look.at > self.stale_after();
        let (queues, missing) = if stale {
            (
                vec![QueueSeen::MISSING; look.queues.len()],
                Some(format!("no look since {}", look.at)),
            )
        } else {
            (look.queues.clone(), look.missing.clone())
        };
        Some(Seen {
            current: target.desired,
            queues,
            missing,
        })
    }

    /// Takes in a look. True where it found what is known already and needs no second thought.
    pub fn take_in(&mut self, facts: Facts, now: Time) -> bool {
        let Facts {
            mut queues,
            workers,
            missing,
            woken,
            ..
        } = facts;
        if missing.is_none() {
            self.named = are_named(&workers);
            self.keep(&workers, now);
            // What a process before this one left: its last words tell of it, or workers that still drain.
            let left = !std::mem::replace(&mut self.swept, true)
                && (self.noted.as_deref() == Some(Reason::ScalingDown.as_str())
                    || workers.iter().any(|worker| worker.drain != Drain::No));
            if left {
                self.plan.get_or_insert_with(|| Box::new(Plan::found()));
            }
            if let Some(plan) = &mut self.plan {
                plan.looked(workers, now);
            }
        }
        if let Some(plan) = &self.plan {
            plan.count(&mut queues);
        }
        let known = self.calm
            && !self.pool().is_some_and(Pool::is_watchful)
            && self.look_at.is_none_or(|at| now < at)
            && self
                .facts
                .as_ref()
                .is_some_and(|old| old.queues == queues && old.missing == missing);
        self.facts = Some(Look {
            queues,
            missing,
            woken,
            at: now,
        });
        known
    }

    /// How the controller of its target chooses; `None` where nobody knows.
    pub fn order(&self) -> Option<Order> {
        Order::of(&self.target.group, &self.target.kind)
    }

    /// Whether it is known which pods are busy, and which of them would go.
    pub fn can_choose(&self) -> bool {
        Order::chosen(self.order(), self.named).is_some()
    }

    /// Whether a pod that is taken may be busy and nobody can know.
    pub fn is_unguarded(&self, seen: &Seen) -> bool {
        self.named.is_some() && !self.can_choose()
            || seen.queues.iter().any(|queue| queue.live == Fact::NotTold)
    }

    /// The answer to the reading of a Secret; answers what to do.
    pub fn address_read(
        &mut self,
        answer: Result<String, String>,
        in_cluster: bool,
        now: Time,
    ) -> Vec<Command> {
        let mut todo = Vec::new();
        self.source.read_at = Some(now);
        match answer {
            Ok(url) => {
                let address = Address::new(&url, &self.key.namespace, in_cluster);
                if self.source.address.as_ref() != Some(&address) {
                    drain::abandon(self, &mut todo);
                    let key = &self.key;
                    if let Some(old) = self.source.address.replace(address.clone()) {
                        todo.push(Command::Forget(old, key.clone()));
                    }
                    let queues = self.source.queues.clone();
                    todo.push(Command::Observe(
                        address,
                        key.clone(),
                        queues,
                        self.interval.to_std(),
                    ));
                }
            }
            // An address that was read once stays good until Redis itself refuses it.
            Err(why) if self.source.address.is_none() => {
                let queues = vec![QueueSeen::MISSING; self.source.queues.len()];
                self.facts = Some(Look {
                    queues,
                    missing: Some(why),
                    woken: None,
                    at: now,
                });
            }
            Err(_) => {}
        }
        todo
    }

    /// Facts older than this count as missing: two looks that did not come, each with its deadline.
    pub fn stale_after(&self) -> Millis {
        Millis(self.interval.0.0 * 2 + 5_000)
    }

    /// A decision in words.
    pub fn verdict(&self, decision: &Decision, target: Option<&Target>) -> Verdict {
        let Decision {
            from,
            replicas: to,
            why,
            confidence,
            ..
        } = decision;
        let sentence = match (why, target.and_then(|target| target.writer.as_ref())) {
            (Why::TargetChanged(found), Some(writer)) => format!(
                "{} set {} to {found}: set back to {to}; to choose the number yourself: kubectl workerpool scale {} {found}",
                writer.name,
                self.target.display(),
                self.key.name
            ),
            _ => why.sentence(*from, *to),
        };
        Verdict {
            reason: why.reason(),
            sentence,
            from: *from,
            to: *to,
            confidence: *confidence,
            written: false,
            reaction: None,
        }
    }

    pub fn observed(&self, target: Option<&Target>, verdict: Verdict) -> Observed {
        let (load, missing) = match &self.facts {
            Some(look) => (Load::sum(&look.queues), look.missing.clone()),
            None => (Load::MISSING, Some("not read yet".to_owned())),
        };
        Observed {
            generation: self.generation,
            target: self.target.display(),
            replicas: target.map(|target| target.replicas),
            selector: target
                .map(|target| target.selector.clone())
                .unwrap_or_default(),
            load,
            missing,
            verdict,
        }
    }
}
