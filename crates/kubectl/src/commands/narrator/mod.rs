//! Turns the updates of one pool into output lines. Pure: the time is an argument, and nothing is printed.

#[cfg(test)]
pub mod tests;

use crate::cluster::events::Update;
use crate::cluster::queue_summary::QueueSummary;
use crate::text::class_format;
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use api::{Change, DecisionStatus, Explanation, ScheduledSpec, WorkerPool};
use decide::{Decision, Memory, Millis, Observation, PoolSpec, ReasonCode, decide};
use jiff::Timestamp;
use std::collections::VecDeque;

/// The minimum time between two queue lines, in milliseconds, so that users can read them.
const MIN_PAUSE: i64 = 2_000;
/// How long a change waits for the operator's history entry, in milliseconds; without one, another client made it.
const CHANGE_TIMEOUT: i64 = 3_000;
/// The same while the operator's last decision is about other replicas: on a busy machine its status is late.
const LATE_CHANGE_TIMEOUT: i64 = 10_000;
/// How long a queue line with more or fewer workers waits for the line of the change that explains it, in milliseconds.
/// A drained worker leaves the metrics before the operator lowers the replicas, and each has its own connection. Without
/// a change workers have died or come by another way.
const EXPLANATION_TIMEOUT: i64 = 10_000;
/// How long a due change may be pending, in milliseconds, before a warning that no operator seems to make it.
const OPERATOR_TIMEOUT: i64 = 5_000;

/// One output line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub at: Timestamp,
    /// The text, in the class's format.
    pub text: String,
    /// A message that explains the text.
    pub note: Option<Note>,
    /// The kind of line.
    pub kind: LineKind,
}

/// What explains a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The operator's reason.
    Reason(Explanation),
    /// A text in the reader's language, or foreign.
    Text(String),
}

impl Note {
    /// The note in the language of the output.
    pub fn text(&self, out: &Out) -> String {
        match self {
            Self::Reason(explanation) => out.message(explanation.clone()),
            Self::Text(text) => text.clone(),
        }
    }

    /// The note as the operator wrote it.
    pub fn english(&self) -> &str {
        match self {
            Self::Reason(explanation) => &explanation.message,
            Self::Text(text) => text,
        }
    }
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// The queue and its workers.
    Queue,
    /// A change of the replicas.
    Scaled {
        /// The replicas before.
        from: i32,
        /// The replicas after.
        to: i32,
    },
    /// A warning.
    Warning,
}

/// An observed change of the target's replicas.
#[derive(Clone, Copy, Debug)]
struct ReplicaChange {
    at: Timestamp,
    from: i32,
    to: i32,
}

/// The state of the pool so far, and which of it was printed.
#[derive(Clone, Debug)]
pub struct Narrator {
    pool: WorkerPool,
    scheduled_spec: ScheduledSpec,
    replicas: Option<i32>,
    summary: Option<QueueSummary>,
    unreachable: Option<String>,
    /// Changes that are not printed yet.
    changes: VecDeque<ReplicaChange>,
    /// The time of the last history entry that was printed.
    last_entry: Option<Timestamp>,
    warnings: VecDeque<String>,
    /// The last queue line, and when it was printed.
    last_queue_line: Option<(Timestamp, String)>,
    /// The workers in it.
    printed_workers: Option<u64>,
    /// The replicas at the start or after the last change that was printed.
    printed_replicas: Option<i32>,
    unexplained_since: Option<i64>,
    active: bool,
    started: Option<Timestamp>,
    due_since: Option<i64>,
    operator_warned: bool,
    out: Out,
}

impl Narrator {
    /// Starts with the current pool; the texts have the language and the time zone of `out`.
    pub fn begin(pool: WorkerPool, out: &Out) -> Result<Self, api::InvalidSpec> {
        let scheduled_spec = ScheduledSpec::new(&pool)?;
        let history = pool.status.iter().flat_map(|status| &status.history);
        let last_entry = history.map(|change| change.at).max();
        Ok(Self {
            pool,
            scheduled_spec,
            replicas: None,
            summary: None,
            unreachable: None,
            changes: VecDeque::new(),
            last_entry,
            warnings: VecDeque::new(),
            last_queue_line: None,
            printed_workers: None,
            printed_replicas: None,
            unexplained_since: None,
            active: false,
            started: None,
            due_since: None,
            operator_warned: false,
            out: out.clone(),
        })
    }

    /// Applies an update.
    pub fn apply(&mut self, update: Update, now: Timestamp) {
        self.started.get_or_insert(now);
        match update {
            Update::Pool(pool) => {
                // An older CRD may have admitted an invalid spec; then the last valid one stays.
                if let Ok(scheduled_spec) = ScheduledSpec::new(&pool) {
                    self.scheduled_spec = scheduled_spec;
                }
                self.pool = *pool;
            }
            Update::Replicas(replicas) => {
                self.printed_replicas.get_or_insert(replicas);
                let before = self.replicas.replace(replicas);
                if let Some(from) = before.filter(|before| *before != replicas) {
                    let (at, to) = (now, replicas);
                    self.changes.push_back(ReplicaChange { at, from, to });
                    self.active = true;
                }
            }
            Update::Metrics(summary) => {
                self.active |= !summary.is_empty();
                self.summary = Some(summary);
                self.unreachable = None;
            }
            Update::Unreachable(error) => self.unreachable = Some(error),
            Update::Warning(warning) => self.warnings.push_back(warning),
            Update::Burst(_) => {} // its tasks are in the metrics
        }
    }

    /// Takes the lines that are due.
    pub fn lines(&mut self, now: Timestamp) -> Vec<Line> {
        let warning = |at, text| Line {
            at,
            text: format!("⚠️  {text}"),
            note: None,
            kind: LineKind::Warning,
        };
        let warnings = self.warnings.drain(..);
        let mut lines: Vec<Line> = warnings.map(|text| warning(now, text)).collect();
        while let Some(change) = self.changes.front().copied() {
            let entry = self.history_entry(change);
            if entry.is_none() && millis(now, change.at) < self.timeout_of(change) {
                return lines; // later lines must wait, too
            }
            self.changes.pop_front();
            self.printed_replicas = Some(change.to);
            lines.push(self.change_line(change, entry));
        }
        lines.extend(self.queue_line_if_due(now));
        lines.extend(self.missing_operator(now).map(|text| warning(now, text)));
        lines
    }

    /// The target's replicas, once known.
    pub fn replicas(&self) -> Option<i32> {
        self.replicas
    }

    /// The metrics, while Redis can be read.
    pub fn summary(&self) -> Option<&QueueSummary> {
        self.summary.as_ref().filter(|_| self.unreachable.is_none())
    }

    /// Why the metrics cannot be read.
    pub fn unreachable(&self) -> Option<&str> {
        self.unreachable.as_deref()
    }

    /// The resolved spec of the pool.
    pub fn spec(&self) -> &PoolSpec {
        self.scheduled_spec.pool()
    }

    /// The replicas to which the pool returns when it is idle.
    pub fn idle_replicas(&self) -> i32 {
        let spec = self.spec();
        spec.pin.map_or(spec.min, |pin| pin.replicas)
    }

    /// Whether all updates so far were printed.
    pub fn is_settled(&self) -> bool {
        let printed = self.last_queue_line.as_ref().map(|(_, text)| text);
        self.changes.is_empty()
            && printed.is_some()
            && printed == self.queue_line().map(|(text, _)| text).as_ref()
    }

    /// Whether there was a task or a change since the start, or since the last [`Self::on_burst`].
    pub fn was_active(&self) -> bool {
        self.active
    }

    /// Forgets the metrics from before a burst, which no longer show that the pool is at rest.
    pub fn on_burst(&mut self) {
        self.summary = None;
        self.active = false;
    }

    /// Whether the queue is empty and the pool has its idle replicas, all of them registered.
    pub fn is_at_rest(&self) -> bool {
        let all_live = |summary: &QueueSummary| {
            summary
                .live
                .is_none_or(|live| i64::try_from(live).ok() == self.replicas.map(i64::from))
        };
        self.replicas == Some(self.idle_replicas())
            && self
                .summary()
                .is_some_and(|summary| summary.is_empty() && all_live(summary))
    }

    /// The operator's latest decision.
    pub fn decision_status(&self) -> Option<&DecisionStatus> {
        self.pool.status.as_ref()?.decision.as_ref()
    }

    /// The decision of the rules on the current metrics, by the operator's own function.
    fn decision(&mut self, now: Timestamp) -> Option<Decision> {
        let observation = Observation {
            replicas: self.replicas?,
            queues: self.summary()?.queues.clone(),
            unavailable: None,
        };
        let status = self.pool.status.as_ref();
        let memory = status.and_then(|status| status.internal.as_ref());
        let memory = memory.map(Memory::from).unwrap_or_default();
        let now = api::time(now);
        let spec = self.scheduled_spec.at(now);
        Some(decide(spec, &observation, &memory, now))
    }

    /// The operator's history entry for a change, if it is there yet.
    fn history_entry(&self, change: ReplicaChange) -> Option<Change> {
        let is_entry = |entry: &&Change| {
            let is_new = self.last_entry.is_none_or(|last| entry.at > last);
            is_new && (entry.from, entry.to) == (change.from, change.to)
        };
        let history = &self.pool.status.as_ref()?.history;
        history.iter().find(is_entry).cloned()
    }

    fn timeout_of(&self, change: ReplicaChange) -> i64 {
        let decided = self.decision_status();
        if decided.is_none_or(|it| it.from == change.to) {
            CHANGE_TIMEOUT
        } else {
            LATE_CHANGE_TIMEOUT
        }
    }

    fn change_line(&mut self, change: ReplicaChange, entry: Option<Change>) -> Line {
        let ReplicaChange { at, from, to } = change;
        let idle = entry
            .as_ref()
            .filter(|entry| entry.reason == ReasonCode::Idle.as_str())
            .and_then(|entry| {
                let memory = self.pool.status.as_ref()?.internal.as_ref()?;
                Some(Millis(millis(entry.at, memory.idle_since?)))
            });
        let note = match entry {
            Some(entry) => {
                self.last_entry = Some(entry.at);
                Note::Reason((&entry).into())
            }
            None => Note::Text(tr!(self.out.lang, "cli-narrator-other-client")),
        };
        Line {
            at,
            text: class_format::scaling(from, to, idle),
            note: Some(note),
            kind: LineKind::Scaled { from, to },
        }
    }

    /// The queue line of the current state, and its note.
    fn queue_line(&self) -> Option<(String, Option<Note>)> {
        match (self.unreachable(), &self.summary) {
            (Some(error), _) => Some((
                class_format::unreachable().to_owned(),
                Some(Note::Text(error.to_owned())),
            )),
            (None, Some(summary)) => {
                let stable = self.active && self.is_at_rest();
                Some((
                    class_format::queue(summary, self.workers(), self.spec(), stable),
                    None,
                ))
            }
            (None, None) => None,
        }
    }

    /// The live workers, or the replicas if the queue does not report workers; `None` while the metrics are unknown.
    fn workers(&self) -> Option<u64> {
        let replicas = || self.replicas.and_then(|n| u64::try_from(n).ok());
        self.summary()?.live.or_else(replicas)
    }

    /// Whether more or fewer workers than in the last line must wait for the line of the change.
    fn waits_for_change(&mut self, now: Timestamp) -> bool {
        let replicas = self.printed_replicas.and_then(|n| u64::try_from(n).ok());
        let (Some(before), Some(workers), Some(replicas)) =
            (self.printed_workers, self.workers(), replicas)
        else {
            return false;
        };
        let fewer = workers < before && workers < replicas;
        let more = workers > before && workers > replicas;
        if !(fewer || more) {
            self.unexplained_since = None;
            return false;
        }
        let since = *self.unexplained_since.get_or_insert(now.as_millisecond());
        now.as_millisecond() - since < EXPLANATION_TIMEOUT
    }

    fn queue_line_if_due(&mut self, now: Timestamp) -> Option<Line> {
        let (text, note) = self.queue_line()?;
        let due = self
            .last_queue_line
            .as_ref()
            .is_none_or(|(at, last)| *last != text && millis(now, *at) >= MIN_PAUSE);
        // The first line waits for the target, which may arrive a moment after the metrics, or not exist.
        let complete = self.replicas.is_some()
            || self
                .started
                .is_some_and(|started| millis(now, started) >= MIN_PAUSE);
        (due && complete && !self.waits_for_change(now)).then(|| {
            self.last_queue_line = Some((now, text.clone()));
            self.printed_workers = self.workers().or(self.printed_workers);
            self.unexplained_since = None;
            Line {
                at: now,
                text,
                note,
                kind: LineKind::Queue,
            }
        })
    }

    /// Warns once if a change is due, or the spec is new, and no operator acts on it.
    fn missing_operator(&mut self, now: Timestamp) -> Option<String> {
        let desired = self
            .decision(now)
            .map(|decision| decision.replicas)
            .filter(|desired| Some(*desired) != self.replicas);
        let status = self.pool.status.as_ref();
        let observed = status
            .is_some_and(|status| status.observed_generation >= self.pool.metadata.generation);
        if desired.is_none() && observed {
            self.due_since = None;
            return None;
        }
        let since = *self.due_since.get_or_insert(now.as_millisecond());
        if self.operator_warned || now.as_millisecond() - since < OPERATOR_TIMEOUT {
            return None;
        }
        self.operator_warned = true;
        let message = self.decision_status().filter(|_| observed);
        let message = message.map(|decision| self.out.message(decision));
        Some(operator_warning(self.out.lang, desired, message))
    }
}

/// The warning that no operator sets the `desired` replicas; with its latest message, if it observed the spec.
fn operator_warning(lang: Lang, desired: Option<i32>, message: Option<String>) -> String {
    match (desired, message) {
        (Some(desired), Some(message)) => tr!(lang, "cli-narrator-stuck", desired, message),
        (Some(desired), None) => tr!(lang, "cli-narrator-no-operator", desired),
        (None, _) => tr!(lang, "cli-narrator-unobserved"),
    }
}

/// The milliseconds between two times.
fn millis(later: Timestamp, earlier: Timestamp) -> i64 {
    (api::time(later) - api::time(earlier)).0
}
