//! News of one pool turned into the lines that people see. Pure: time is given, nothing is printed.

use super::facts::Facts;
use super::feed::News;
use super::line;
use crate::api::{self, Change, WorkerPool};
use crate::decide::{Decision, Memory, Millis, Pool, Reason, Seen, decide};
use jiff::Timestamp;
use std::collections::VecDeque;

/// Queue lines are at least this far apart, so that people can read them.
const PACE: i64 = 2_000;
/// How long a change waits for the operator's word on it; then it was somebody else's.
const WORD: i64 = 3_000;
/// How long a change that is due may stay undone before nobody seems to be there to do it.
const DUE: i64 = 5_000;

/// One line, with what is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
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
pub struct Story {
    resource: WorkerPool,
    pool: Pool,
    replicas: Option<i32>,
    facts: Option<Facts>,
    blind: Option<String>,
    changes: VecDeque<(Timestamp, i32, i32)>,
    told_change: Option<Timestamp>,
    troubles: VecDeque<String>,
    shown: Option<(Timestamp, String)>,
    moved: bool,
    due_since: Option<i64>,
    said_nobody: bool,
}

impl Story {
    /// Begins with the pool as it is.
    pub fn begin(resource: WorkerPool) -> Result<Self, api::Refusal> {
        let pool = api::pool(&resource.spec)?;
        let told_change = newest(&resource).map(|change| change.at);
        Ok(Self {
            resource,
            pool,
            replicas: None,
            facts: None,
            blind: None,
            changes: VecDeque::new(),
            told_change,
            troubles: VecDeque::new(),
            shown: None,
            moved: false,
            due_since: None,
            said_nobody: false,
        })
    }

    /// Takes in one piece of news.
    pub fn hear(&mut self, news: News, now: Timestamp) {
        match news {
            News::Pool(resource) => {
                // A spec that an older CRD let pass and that cannot work leaves the last good one in place.
                if let Ok(pool) = api::pool(&resource.spec) {
                    self.pool = pool;
                }
                self.resource = *resource;
            }
            News::Replicas(replicas) => {
                if let Some(before) = self.replicas.replace(replicas).filter(|before| *before != replicas) {
                    self.changes.push_back((now, before, replicas));
                    self.moved = true;
                }
            }
            News::Facts(facts) => {
                self.moved |= !facts.is_empty();
                self.facts = Some(facts);
                self.blind = None;
            }
            News::Blind(why) => self.blind = Some(why),
            News::Trouble(what) => self.troubles.push_back(what),
        }
    }

    /// The lines that are due.
    pub fn tell(&mut self, now: Timestamp) -> Vec<Line> {
        let trouble =
            |at, text| Line { at, text: format!("⚠️  {text}"), aside: None, kind: Kind::Trouble };
        let mut lines: Vec<Line> = self.troubles.drain(..).map(|what| trouble(now, what)).collect();
        while let Some(change) = self.changes.front().copied() {
            let word = self.word(change);
            if word.is_none() && millis(now, change.0) < WORD {
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
    pub fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref().filter(|_| self.blind.is_none())
    }

    /// Why there are none.
    #[must_use]
    pub fn blind(&self) -> Option<&str> {
        self.blind.as_deref()
    }

    /// The pool's wishes.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The number of workers to which the pool returns when there is nothing to do.
    #[must_use]
    pub fn rest(&self) -> i32 {
        self.pool.pin.unwrap_or(self.pool.min)
    }

    /// Whether everything heard so far has been told.
    #[must_use]
    pub fn is_told(&self) -> bool {
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
        let live = |facts: &Facts| {
            facts.live.is_none_or(|live| i64::try_from(live).ok() == self.replicas.map(i64::from))
        };
        self.replicas == Some(self.rest())
            && self.facts().is_some_and(|facts| facts.is_empty() && live(facts))
    }

    /// What the rules say of the present facts; the same function as the operator's.
    #[must_use]
    pub fn decision(&self, now: Timestamp) -> Option<Decision> {
        let seen = Seen { current: self.replicas?, load: self.facts()?.load(), missing: None };
        let memory = self.resource.status.as_ref().and_then(|status| status.memory.as_ref());
        Some(decide(&self.pool, &seen, &memory.map(Memory::from).unwrap_or_default(), api::time(now)))
    }

    /// The operator's entry for a change, where it has come.
    fn word(&self, (_, from, to): (Timestamp, i32, i32)) -> Option<Change> {
        let status = self.resource.status.as_ref()?;
        let fresh = |change: &&Change| self.told_change.is_none_or(|told| change.at > told);
        status.history.iter().filter(fresh).find(|change| (change.from, change.to) == (from, to)).cloned()
    }

    fn scaled(&mut self, (at, from, to): (Timestamp, i32, i32), word: Option<Change>) -> Line {
        let idle = word.as_ref().filter(|change| change.reason == Reason::Idle.as_str()).and_then(|change| {
            let memory = self.resource.status.as_ref()?.memory.as_ref()?;
            Some(Millis(millis(change.at, memory.idle_since?)))
        });
        let aside = match word {
            Some(change) => {
                self.told_change = Some(change.at);
                change.sentence
            }
            None => "not the operator's doing: somebody else set this number".into(),
        };
        Line { at, text: line::scaling(from, to, idle), aside: Some(aside), kind: Kind::Scaled { from, to } }
    }

    /// The queue line as it would be now.
    fn queue_line(&self) -> Option<(String, Option<String>)> {
        let workers = |live: Option<u64>| live.or_else(|| self.replicas.and_then(|n| u64::try_from(n).ok()));
        match (self.blind(), &self.facts) {
            (Some(why), _) => Some((line::blind(workers(None)), Some(why.to_owned()))),
            (None, Some(facts)) => {
                let stable = self.moved && self.at_rest();
                Some((line::queue(facts, workers(facts.live), &self.pool, stable), None))
            }
            (None, None) => None,
        }
    }

    fn queue(&mut self, now: Timestamp) -> Option<Line> {
        let (text, aside) = self.queue_line()?;
        let due = self.shown.as_ref().is_none_or(|(at, shown)| *shown != text && millis(now, *at) >= PACE);
        // The first line waits for the target, which may arrive a moment after Redis.
        (due && self.replicas.is_some()).then(|| {
            self.shown = Some((now, text.clone()));
            Line { at: now, text, aside, kind: Kind::Queue }
        })
    }

    /// Says once that a change is due and nobody makes it.
    fn nobody(&mut self, now: Timestamp) -> Option<String> {
        let due = self.decision(now).filter(|decision| Some(decision.replicas) != self.replicas);
        let status = self.resource.status.as_ref();
        let seen =
            |status: &api::WorkerPoolStatus| status.observed_generation >= self.resource.metadata.generation;
        let unseen = !status.is_some_and(seen);
        if due.is_none() && !unseen {
            self.due_since = None;
            return None;
        }
        let since = *self.due_since.get_or_insert(now.as_millisecond());
        if self.said_nobody || now.as_millisecond() - since < DUE {
            return None;
        }
        self.said_nobody = true;
        let last = status.and_then(|status| status.decision.as_ref());
        Some(match (due, last) {
            (Some(decision), Some(last)) if !unseen => format!(
                "The rules ask for {} workers and nobody has set them for 5 s. The operator's last word: {}. `kubectl workerpool check` looks for it",
                decision.replicas, last.sentence
            ),
            (Some(decision), _) => format!(
                "No operator answers: the rules ask for {} workers and nobody sets them. `kubectl workerpool check` looks for it; by hand: `kubectl workerpool scale {0}`",
                decision.replicas
            ),
            (None, _) => "No operator answers: it has not seen this WorkerPool as it is now. `kubectl workerpool check` looks for it".into(),
        })
    }
}

fn newest(resource: &WorkerPool) -> Option<&Change> {
    resource.status.as_ref()?.history.iter().max_by_key(|change| change.at)
}

fn millis(later: Timestamp, earlier: Timestamp) -> i64 {
    (api::time(later) - api::time(earlier)).0
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::api::{DecisionStatus, MemoryStatus, WorkerPoolStatus};

    /// An instant on the test's own axis.
    pub fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).expect("in range")
    }

    /// The class's pool.
    pub fn pool() -> WorkerPool {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
            "metadata": {"name": "filters", "generation": 1},
            "spec": {
                "scaleTargetRef": {"name": "filter-worker"}, "minReplicas": 3, "maxReplicas": 10,
                "redis": {"address": "redis://redis"}, "queues": [{"name": "tasks"}],
            },
        }))
        .expect("a pool")
    }

    /// The same once the operator has answered with these changes.
    fn answered(history: &[(i64, i32, i32, &str)]) -> News {
        let change = |&(second, from, to, reason): &(i64, i32, i32, &str)| Change {
            at: at(second),
            from,
            to,
            reason: reason.into(),
            sentence: format!("because {from} → {to}"),
        };
        let status = WorkerPoolStatus {
            observed_generation: Some(1),
            history: history.iter().map(change).collect(),
            memory: Some(MemoryStatus {
                desired: history.last().map(|change| change.2),
                last_up: history.last().map(|change| at(change.0)),
                last_change: history.last().map(|change| at(change.0)),
                idle_since: Some(at(100)),
                ..MemoryStatus::default()
            }),
            decision: Some(DecisionStatus {
                reason: "Steady".into(),
                sentence: "all is well".into(),
                confidence: 1.0,
                at: at(0),
                from: 3,
                to: 3,
            }),
            ..WorkerPoolStatus::default()
        };
        News::Pool(Box::new(WorkerPool { status: Some(status), ..pool() }))
    }

    fn facts(ready: u64, busy: u64, live: u64) -> News {
        News::Facts(Facts {
            ready,
            in_flight: Some(busy),
            live: Some(live),
            busy: Some(busy),
            ..Facts::default()
        })
    }

    /// Plays news at seconds and gives the lines, the asides after a bar.
    fn play(news: Vec<(i64, News)>) -> Vec<String> {
        let mut story = Story::begin(pool()).expect("a pool that works");
        let mut lines = Vec::new();
        let mut news = news.into_iter().peekable();
        let last = 400;
        for second in 0..last {
            while let Some((_, news)) = news.next_if(|(at, _)| *at == second) {
                story.hear(news, at(second));
            }
            for line in story.tell(at(second)) {
                let aside = line.aside.map_or(String::new(), |aside| format!(" | {aside}"));
                lines.push(format!("{} {}{aside}", line.at.as_second() - 1_000_000, line.text));
            }
        }
        lines
    }

    #[test]
    fn the_class_story() {
        let up = (16, 3, 5, "QueueTooLong");
        let down = (220, 5, 3, "Idle");
        let lines = play(vec![
            (0, answered(&[])),
            (0, News::Replicas(3)),
            (0, facts(0, 0, 3)),
            (15, facts(22, 3, 3)),
            (16, News::Replicas(5)),
            (16, answered(&[up])),
            (16, facts(22, 3, 3)),
            (17, facts(20, 5, 5)),
            (18, facts(20, 5, 5)),
            (70, facts(0, 0, 5)),
            (220, answered(&[up, down])),
            (220, News::Replicas(3)),
            (221, facts(0, 0, 3)),
        ]);
        assert_eq!(
            lines,
            [
                "0 🟢 Queue:0  | Workers:3 | Util:  0.0%",
                "15 🟡 Queue:22 | Workers:3 | Util:100.0%",
                "16 🔺 SCALING UP TO 5 WORKERS | because 3 → 5",
                "17 🟡 Queue:20 | Workers:5 | Util:100.0%",
                "70 🟢 Queue:0  | Workers:5 | Util:  0.0%",
                "220 🔻 SCALING DOWN TO 3 WORKERS (idle 2min) | because 5 → 3",
                "221 🟢 Queue:0  | Workers:3 | Util:  0.0% [STABLE]",
            ]
        );
    }

    #[test]
    fn a_change_without_a_word_of_the_operator_was_somebody_elses() {
        let lines = play(vec![
            (0, answered(&[])),
            (0, News::Replicas(3)),
            (0, facts(0, 0, 3)),
            (10, News::Replicas(4)),
            (11, News::Replicas(3)),
        ]);
        assert_eq!(
            lines[1],
            "10 🔺 SCALING UP TO 4 WORKERS | not the operator's doing: somebody else set this number"
        );
    }

    #[test]
    fn says_once_that_no_operator_answers() {
        let lines = play(vec![
            (0, News::Replicas(3)),
            (0, facts(25, 3, 3)),
            (50, facts(24, 3, 3)),
            (60, facts(25, 3, 3)),
        ]);
        let nobody: Vec<_> = lines.iter().filter(|line| line.contains("No operator answers")).collect();
        assert_eq!(nobody.len(), 1, "{lines:?}");
        assert!(nobody[0].starts_with("5 ") && nobody[0].contains("ask for 5 workers"), "{nobody:?}");
    }

    #[test]
    fn what_cannot_be_read_is_not_zero() {
        let lines = play(vec![
            (0, answered(&[])),
            (0, News::Replicas(3)),
            (0, facts(0, 0, 3)),
            (5, News::Blind("Redis redis:6379: connection refused".into())),
            (9, facts(0, 0, 3)),
        ]);
        assert_eq!(
            lines[1..],
            [
                "5 🔴 Queue:?  | Workers:3 | Util:     ? | Redis redis:6379: connection refused",
                "9 🟢 Queue:0  | Workers:3 | Util:  0.0%"
            ]
        );
    }
}
