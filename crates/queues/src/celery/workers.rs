//! The workers of a Celery broker, as they answer one round of questions after the other.

use super::control::{self, ConsumedQueue, Question, Reply};
use super::host::{Change, Host};
use super::portion::Portion;
use super::round::Round;
use redis::{Cmd, Value};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The shortest time between two rounds, in milliseconds: a notification must not ask all workers again.
const BETWEEN_ROUNDS: i64 = 1_000;
/// How long an answer may take, in milliseconds: a worker of the solo pool answers only between its tasks. One that took
/// longer may take twice as long again.
const ANSWER_TIME: i64 = 900;
/// To how many rounds answers are taken: on a busy machine each may come after the next round has begun.
const ROUNDS: usize = 4;
/// How long it may take to read the answers, in milliseconds, where they are too many for one poll.
const READ_TIME: i64 = 30_000;
/// How often workers are asked what changes seldom, in milliseconds: these answers are long.
const BETWEEN_FULL_ROUNDS: i64 = 30_000;
/// How many seconds the list of the answers is kept after the last question: a worker may answer late.
const EXPIRY: i64 = 600;

/// The workers of one broker.
#[derive(Debug, Default)]
pub(super) struct Workers {
    number: u64,
    /// The last rounds, the newest last.
    rounds: VecDeque<Round>,
    asked_at: Option<i64>,
    full_at: Option<i64>,
    pub(super) portion: Portion,
    known: Option<Known>,
}

/// What the workers have answered.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Those that have answered, now or before.
    pub hosts: BTreeMap<String, Host>,
    /// How many listen and have never answered.
    pub strangers: usize,
}

impl Known {
    /// Takes all that `worker` has answered in `round`, unless it has answered a later one. Answers of several rounds are
    /// never mixed: a task could be missed that is begun between them.
    fn take(&mut self, round: &Round, worker: &str, now: i64) {
        let Some(answers) = round.answers.get(worker) else {
            return;
        };
        let before = self.hosts.get(worker);
        if before.is_some_and(|host| host.round >= round.number) {
            return;
        }
        self.strangers = self.strangers.saturating_sub(usize::from(before.is_none()));
        let mut host = before.cloned().unwrap_or_default();
        for (question, answer) in answers {
            host.take(*question, answer.clone(), now);
        }
        if round.is_full() {
            let active = i64::try_from(host.active.len()).unwrap_or(i64::MAX);
            host.processed = host.processed.saturating_sub(active).max(0);
        }
        host.drained = match host.drained {
            _ if !host.is_asked() || !round.is_full() => 0,
            // It may have answered this round at the same moment as the one before.
            1.. if round.asked_at < host.answered_at => host.drained,
            rounds => rounds.saturating_add(1),
        };
        (host.round, host.silent) = (round.number, false);
        (host.answered_at, host.took) = (now, now - round.asked_at);
        let unchanged = before.filter(|before| before.is_busy() == host.is_busy());
        host.since = host
            .began()
            .or(unchanged.map(|before| before.since))
            .unwrap_or(now);
        self.hosts.insert(worker.to_owned(), host);
    }

    /// Whether a worker has not answered.
    pub(super) fn is_partial(&self) -> bool {
        self.strangers > 0 || self.hosts.values().any(|host| host.silent)
    }

    /// Whether no worker is alive.
    pub(super) fn is_empty(&self) -> bool {
        self.strangers == 0 && self.hosts.is_empty()
    }
}

impl Workers {
    /// What the last round found; `None` before the first.
    pub(super) fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// Reads what is in the `list` of answers.
    pub(super) fn read(&mut self, list: &str) -> [Cmd; 4] {
        self.portion.read(list, EXPIRY)
    }

    /// Takes the elements of the list of answers, read at `now`.
    pub(super) fn receive(&mut self, elements: &Value, id: &str, now: i64) {
        let Value::Array(elements) = elements else {
            return;
        };
        self.portion.take(elements);
        for element in elements {
            let Value::BulkString(element) = element else {
                continue;
            };
            if let Some(reply) = Reply::parse(element) {
                self.take(&reply, id, now);
            }
        }
        // Answers that have not been read yet are not late.
        let time = if self.portion.has_more {
            READ_TIME
        } else {
            ANSWER_TIME
        };
        self.end_round(now, time);
    }

    /// Takes one reply to a question of one of the last rounds.
    fn take(&mut self, reply: &Reply, id: &str, now: i64) {
        let ticket = reply
            .ticket
            .strip_prefix(id)
            .and_then(|it| it.strip_prefix('-'));
        let Some((number, method)) = ticket.and_then(|it| it.split_once('-')) else {
            return;
        };
        let number = number.parse();
        let mut rounds = self.rounds.iter_mut();
        let Some(round) = rounds.find(|round| number == Ok(round.number)) else {
            return;
        };
        let mut questions = round.questions.iter().copied();
        let Some(question) = questions.find(|question| question.method() == method) else {
            return;
        };
        let Some(answer) = reply.answer(question) else {
            return;
        };
        let is_last = round.take(&reply.worker, question, answer);
        if let Some(known) = self.known.as_mut().filter(|_| is_last && round.ended) {
            known.take(round, &reply.worker, now);
        }
    }

    /// Ends the round where all have answered, or the others have had the `time` to.
    fn end_round(&mut self, now: i64, time: i64) {
        let Some(round) = self.rounds.back_mut().filter(|round| !round.ended) else {
            return;
        };
        let is_complete = round.is_complete();
        if !is_complete && now - round.asked_at < time {
            return;
        }
        round.ended = true;
        self.portion.end_round();
        let known = self.known.get_or_insert_default();
        let answered = round
            .answers
            .keys()
            .filter(|name| round.is_answered_by(name));
        answered.for_each(|name| known.take(round, name, now));
        // Who listens and does not answer is busy, and not dead.
        let answered = known.hosts.values();
        let answered = answered.filter(|host| host.round == round.number).count();
        let mut missing = round.listeners.saturating_sub(answered);
        let (number, rounds) = (round.number, &self.rounds);
        known.hosts.retain(|_, host| {
            if host.round == number {
                return true;
            }
            let lives = missing > 0;
            missing = missing.saturating_sub(1);
            // The first round that it has not answered.
            let asked = rounds.iter().find(|round| round.number > host.round);
            let late =
                asked.is_none_or(|round| now - round.asked_at >= ANSWER_TIME.max(2 * host.took));
            host.silent = late;
            lives
        });
        known.strangers = missing;
        if is_complete {
            self.rounds.clear();
        }
    }

    /// The questions of the next round, if it is time for one at `now`: answers go to the list `reply_to`, without its
    /// prefix.
    pub(super) fn ask(
        &mut self,
        channel: &str,
        reply_to: &str,
        id: &str,
        now: i64,
    ) -> Option<Vec<Cmd>> {
        let is_open = self.rounds.back().is_some_and(|round| !round.ended);
        if self.asked_at.is_some_and(|at| now - at < BETWEEN_ROUNDS) || is_open {
            return None;
        }
        let hosts = self.known.iter().flat_map(|known| known.hosts.values());
        let mut hosts = hosts.into_iter();
        let full = hosts.any(Host::owes_queues)
            || self
                .full_at
                .is_none_or(|at| now - at >= BETWEEN_FULL_ROUNDS);
        let questions: &'static [Question] = if full { &control::ALL } else { &control::TASKS };
        if full {
            self.full_at = Some(now);
        }
        self.asked_at = Some(now);
        self.number += 1;
        if self.rounds.len() == ROUNDS {
            self.rounds.pop_front();
        }
        self.rounds.push_back(Round {
            number: self.number,
            asked_at: now,
            questions,
            listeners: 0,
            ended: false,
            answers: HashMap::new(),
        });
        let questions = questions.iter().map(|question| {
            let ticket = ticket(id, self.number, *question);
            question.ask(channel, reply_to, &ticket, now / 1_000 + EXPIRY)
        });
        Some(questions.collect())
    }

    /// Takes the replies to the commands of [`Self::ask`]: how many listen. Without a listener the round is over.
    pub(super) fn asked(&mut self, replies: &[Value], now: i64) {
        let Some(round) = self.rounds.back_mut() else {
            return;
        };
        let published = replies.iter().filter_map(|reply| match reply {
            Value::Int(listeners) => usize::try_from(*listeners).ok(),
            _ => None,
        });
        round.listeners = published.max().unwrap_or(0);
        if round.listeners == 0 {
            self.end_round(now, ANSWER_TIME);
        }
    }

    /// Notes that `worker` is asked for a `change`. Returns its queues; they are `names` where
    /// it was drained before this process started. What it answered to questions before is out of date.
    pub(super) fn request(&mut self, worker: &str, names: &[&str], change: Change) -> Vec<String> {
        let hosts = self.known.as_mut().map(|known| &mut known.hosts);
        let Some(host) = hosts.and_then(|hosts| hosts.get_mut(worker)) else {
            return Vec::new();
        };
        self.rounds.clear();
        (self.asked_at, self.full_at) = (None, None);
        (host.drained, host.change) = (0, Some(change));
        if host.consumed.is_empty() {
            let named = |name: &&str| ConsumedQueue {
                name: (*name).to_owned(),
                routing_key: (*name).to_owned(),
            };
            host.consumed = names.iter().map(named).collect();
        }
        let queues = host.consumed.iter();
        queues.map(|queue| queue.name.clone()).collect()
    }

    /// Forgets what is known, where the workers cannot be asked.
    pub(super) fn forget(&mut self) {
        self.rounds.clear();
        self.known = None;
    }
}

/// What tells the answers to one question of one round from all others.
fn ticket(id: &str, round: u64, question: Question) -> String {
    format!("{id}-{round}-{}", question.method())
}

#[cfg(test)]
mod tests;
