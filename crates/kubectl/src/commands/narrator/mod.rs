//! News of one pool turned into the lines that people see. Pure: time is given, nothing is printed.

#[cfg(test)]
pub mod tests;

use crate::cluster::events::Update;
use crate::cluster::facts::QueueSummary;
use crate::text::class_format;
use crate::text::lang::{Lang, tr};
use api::{Change, ScheduledSpec, WorkerPool};
use decide::{Decision, Memory, Millis, Observation, PoolSpec, ReasonCode, decide};
use jiff::Timestamp;
use std::collections::VecDeque;

/// Queue lines are at least this far apart, so that people can read them.
const MIN_PAUSE: i64 = 2_000;
/// How long a change waits for the operator's word on it; then it was somebody else's.
const CHANGE_TIMEOUT: i64 = 3_000;
/// How long a change that is due may stay undone before nobody seems to be there to do it.
const MAX_PAUSE: i64 = 5_000;

/// One line, with what is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrated {
    /// When it happened.
    pub at: Timestamp,
    /// The class's words.
    pub text: String,
    /// One sentence more.
    pub aside: Option<String>,
    /// What kind of line it is.
    pub kind: Kind,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The queue and its workers.
    Queue,
    /// A change of the number of workers.
    Scaled {
        /// Before.
        from: i32,
        /// After.
        to: i32,
    },
    /// Something is wrong.
    Trouble,
}

/// What is known of the pool so far.
#[derive(Clone, Debug)]
pub struct Narrator {
    resource: WorkerPool,
    wishes: ScheduledSpec,
    replicas: Option<i32>,
    facts: Option<QueueSummary>,
    unreachable: Option<String>,
    changes: VecDeque<(Timestamp, i32, i32)>,
    told_change: Option<Timestamp>,
    troubles: VecDeque<String>,
    shown: Option<(Timestamp, String)>,
    moved: bool,
    begun: Option<Timestamp>,
    due_since: Option<i64>,
    said_nobody: bool,
    lang: Lang,
}

impl Narrator {
    /// Begins with the pool as it is.
    pub fn begin(resource: WorkerPool) -> Result<Self, api::InvalidSpec> {
        let wishes = ScheduledSpec::new(&resource)?;
        let told_change = newest(&resource).map(|change| change.at);
        Ok(Self {
            resource,
            wishes,
            replicas: None,
            facts: None,
            unreachable: None,
            changes: VecDeque::new(),
            told_change,
            troubles: VecDeque::new(),
            shown: None,
            moved: false,
            begun: None,
            due_since: None,
            said_nobody: false,
            lang: Lang::En,
        })
    }

    /// Tells it in another language.
    #[must_use]
    pub fn in_language(self, lang: Lang) -> Self {
        Self { lang, ..self }
    }

    /// Takes in one piece of news.
    pub fn apply(&mut self, news: Update, now: Timestamp) {
        self.begun.get_or_insert(now);
        match news {
            Update::Pool(resource) => {
                // A spec that an older CRD let pass and that cannot work leaves the last good one in place.
                if let Ok(wishes) = ScheduledSpec::new(&resource) {
                    self.wishes = wishes;
                }
                self.resource = *resource;
            }
            Update::Replicas(replicas) => {
                if let Some(before) = self
                    .replicas
                    .replace(replicas)
                    .filter(|before| *before != replicas)
                {
                    self.changes.push_back((now, before, replicas));
                    self.moved = true;
                }
            }
            Update::Facts(facts) => {
                self.moved |= !facts.is_empty();
                self.facts = Some(facts);
                self.unreachable = None;
            }
            Update::Unreachable(why) => self.unreachable = Some(why),
            Update::Trouble(what) => self.troubles.push_back(what),
            Update::Burst(_) => {} // what it brings is in the facts
        }
    }

    /// The lines that are due.
    pub fn lines(&mut self, now: Timestamp) -> Vec<Narrated> {
        let trouble = |at, text| Narrated {
            at,
            text: format!("⚠️  {text}"),
            aside: None,
            kind: Kind::Trouble,
        };
        let mut lines: Vec<Narrated> = self
            .troubles
            .drain(..)
            .map(|what| trouble(now, what))
            .collect();
        while let Some(change) = self.changes.front().copied() {
            let word = self.change_for(change);
            if word.is_none() && millis(now, change.0) < CHANGE_TIMEOUT {
                return lines; // what comes after it must wait, too
            }
            self.changes.pop_front();
            lines.push(self.scaled(change, word));
        }
        lines.extend(self.queue(now));
        lines.extend(self.nobody(now).map(|text| trouble(now, text)));
        lines
    }

    /// The target's replicas, once known.
    #[must_use]
    pub fn replicas(&self) -> Option<i32> {
        self.replicas
    }

    /// The facts, while Redis can be read.
    #[must_use]
    pub fn facts(&self) -> Option<&QueueSummary> {
        self.facts.as_ref().filter(|_| self.unreachable.is_none())
    }

    /// Why there are none.
    #[must_use]
    pub fn blind(&self) -> Option<&str> {
        self.unreachable.as_deref()
    }

    /// The pool's wishes.
    #[must_use]
    pub fn pool(&self) -> &PoolSpec {
        self.wishes.pool()
    }

    /// The number of workers to which the pool returns when there is nothing to do.
    #[must_use]
    pub fn rest(&self) -> i32 {
        let pool = self.pool();
        pool.pin.map_or(pool.min, |pin| pin.replicas)
    }

    /// Whether everything heard so far has been told.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let shown = self.shown.as_ref().map(|(_, text)| text);
        self.changes.is_empty()
            && shown.is_some()
            && shown == self.queue_line().map(|(text, _)| text).as_ref()
    }

    /// Whether anything has happened since the beginning, or since the last [`Self::burst`].
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.moved
    }

    /// A burst was pushed: what was seen before no longer says that the pool is at rest.
    pub fn burst(&mut self) {
        self.facts = None;
        self.moved = false;
    }

    /// Whether nothing is to be done and the workers are as few as they get.
    #[must_use]
    pub fn at_rest(&self) -> bool {
        let live = |facts: &QueueSummary| {
            facts
                .live
                .is_none_or(|live| i64::try_from(live).ok() == self.replicas.map(i64::from))
        };
        self.replicas == Some(self.rest())
            && self
                .facts()
                .is_some_and(|facts| facts.is_empty() && live(facts))
    }

    /// The operator's last word.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        Some(&self.resource.status.as_ref()?.decision.as_ref()?.message)
    }

    /// What the rules say of the present facts; the same function as the operator's.
    #[must_use]
    pub fn decision(&mut self, now: Timestamp) -> Option<Decision> {
        let seen = Observation {
            replicas: self.replicas?,
            queues: self.facts()?.queues.clone(),
            unavailable_reason: None,
        };
        let memory = self
            .resource
            .status
            .as_ref()
            .and_then(|status| status.internal.as_ref());
        let memory = memory.map(Memory::from).unwrap_or_default();
        Some(decide(
            self.wishes.at(api::time(now)),
            &seen,
            &memory,
            api::time(now),
        ))
    }

    /// The operator's entry for a change, where it has come.
    fn change_for(&self, (_, from, to): (Timestamp, i32, i32)) -> Option<Change> {
        let status = self.resource.status.as_ref()?;
        let fresh = |change: &&Change| self.told_change.is_none_or(|told| change.at > told);
        status
            .history
            .iter()
            .filter(fresh)
            .find(|change| (change.from, change.to) == (from, to))
            .cloned()
    }

    fn scaled(&mut self, (at, from, to): (Timestamp, i32, i32), word: Option<Change>) -> Narrated {
        let idle = word
            .as_ref()
            .filter(|change| change.reason == ReasonCode::Idle.as_str())
            .and_then(|change| {
                let memory = self.resource.status.as_ref()?.internal.as_ref()?;
                Some(Millis(millis(change.at, memory.idle_since?)))
            });
        let aside = match word {
            Some(change) => {
                self.told_change = Some(change.at);
                change.message
            }
            None => tr!(
                self.lang,
                "not the operator's doing: somebody else set this number",
                "no fue el operador: otro puso este número"
            ),
        };
        Narrated {
            at,
            text: class_format::scaling(from, to, idle),
            aside: Some(aside),
            kind: Kind::Scaled { from, to },
        }
    }

    /// The queue line as it would be now.
    fn queue_line(&self) -> Option<(String, Option<String>)> {
        let workers =
            |live: Option<u64>| live.or_else(|| self.replicas.and_then(|n| u64::try_from(n).ok()));
        match (self.blind(), &self.facts) {
            (Some(why), _) => Some((class_format::unreachable().to_owned(), Some(why.to_owned()))),
            (None, Some(facts)) => {
                let stable = self.moved && self.at_rest();
                Some((
                    class_format::queue(facts, workers(facts.live), self.pool(), stable),
                    None,
                ))
            }
            (None, None) => None,
        }
    }

    fn queue(&mut self, now: Timestamp) -> Option<Narrated> {
        let (text, aside) = self.queue_line()?;
        let due = self
            .shown
            .as_ref()
            .is_none_or(|(at, shown)| *shown != text && millis(now, *at) >= MIN_PAUSE);
        // The first line waits for the target, which may arrive a moment after Redis, or not exist.
        let complete = self.replicas.is_some()
            || self
                .begun
                .is_some_and(|begun| millis(now, begun) >= MIN_PAUSE);
        (due && complete).then(|| {
            self.shown = Some((now, text.clone()));
            Narrated {
                at: now,
                text,
                aside,
                kind: Kind::Queue,
            }
        })
    }

    /// Says once that a change is due and nobody makes it.
    fn nobody(&mut self, now: Timestamp) -> Option<String> {
        let due = self
            .decision(now)
            .filter(|decision| Some(decision.replicas) != self.replicas);
        let status = self.resource.status.as_ref();
        let seen = |status: &api::WorkerPoolStatus| {
            status.observed_generation >= self.resource.metadata.generation
        };
        let unseen = !status.is_some_and(seen);
        if due.is_none() && !unseen {
            self.due_since = None;
            return None;
        }
        let since = *self.due_since.get_or_insert(now.as_millisecond());
        if self.said_nobody || now.as_millisecond() - since < MAX_PAUSE {
            return None;
        }
        self.said_nobody = true;
        let last = status.and_then(|status| status.decision.as_ref());
        let (lang, asked) = (self.lang, due.map(|decision| decision.replicas));
        Some(match (asked, last) {
            (Some(asked), Some(last)) if !unseen => {
                let said = &last.message;
                tr!(
                    lang,
                    "The rules ask for {asked} workers and nobody has set them for 5 s. The operator's last word: {said}. `kubectl workerpool check` looks for it",
                    "Las reglas piden {asked} workers y nadie los pone desde hace 5 s. Lo último que dijo el operador: {said}. `kubectl workerpool check` lo busca"
                )
            }
            (Some(asked), _) => tr!(
                lang,
                "No operator answers: the rules ask for {asked} workers and nobody sets them. `kubectl workerpool check` looks for it; by hand: `kubectl workerpool scale {asked}`",
                "Ningún operador contesta: las reglas piden {asked} workers y nadie los pone. `kubectl workerpool check` lo busca; a mano: `kubectl workerpool scale {asked}`"
            ),
            (None, _) => tr!(
                lang,
                "No operator answers: it has not seen this WorkerPool as it is now. `kubectl workerpool check` looks for it",
                "Ningún operador contesta: no ha visto este WorkerPool como es ahora. `kubectl workerpool check` lo busca"
            ),
        })
    }
}

fn newest(resource: &WorkerPool) -> Option<&Change> {
    resource
        .status
        .as_ref()?
        .history
        .iter()
        .max_by_key(|change| change.at)
}

fn millis(later: Timestamp, earlier: Timestamp) -> i64 {
    (api::time(later) - api::time(earlier)).0
}
