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
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use decide::victims::DrainState;
    use serde_json::json;

    const NONE: Change = Change {
        takes: false,
        until: 60_000,
    };
    const AGAIN: Change = Change {
        takes: true,
        until: 60_000,
    };

    /// The answers of `worker` to each question of the round `number`, with `active` tasks.
    fn answers(worker: &str, number: u64, active: usize) -> Vec<Value> {
        let tasks = vec![json!({"delivery_info": {"routing_key": "mail"}}); active];
        let answer = |question: Question| match question {
            Question::Active => json!(tasks),
            Question::Queues => json!([{"name": "letters", "routing_key": "mail"}]),
            Question::Stats => json!({"pool": {"max-concurrency": 4}, "total": {"a": 7}}),
            _ => json!([]),
        };
        let reply = |question| reply(worker, number, question, &answer(question));
        control::ALL.map(reply).into()
    }

    fn reply(worker: &str, number: u64, question: Question, answer: &serde_json::Value) -> Value {
        let message = json!({
            "headers": {"ticket": ticket("id", number, question)},
            "body": BASE64_STANDARD.encode(json!({worker: answer}).to_string()),
        });
        Value::BulkString(message.to_string().into_bytes())
    }

    /// The answer of a worker that takes tasks from no queue.
    fn drained_answer(number: u64) -> Value {
        reply("w@a", number, Question::Queues, &json!([]))
    }

    /// Asks at `now`, with so many that listen, and takes the answers 10 ms later.
    fn round(workers: &mut Workers, now: i64, listeners: i64, answers: Vec<Value>) -> bool {
        let Some(commands) = workers.ask("c", "r", "id", now) else {
            return false;
        };
        workers.asked(&vec![Value::Int(listeners); commands.len()], now);
        workers.receive(&Value::Array(answers), "id", now + 10);
        true
    }

    fn busy(workers: &Workers) -> Vec<(&str, bool)> {
        let known = workers.known().expect("a round has ended");
        let hosts = known.hosts.iter();
        hosts
            .map(|(name, host)| (name.as_str(), host.is_busy()))
            .collect()
    }

    #[test]
    fn a_worker_that_listens_and_does_not_answer_is_busy_and_not_dead() {
        let mut workers = Workers::default();
        let both = [answers("w@a", 1, 0), answers("w@b", 1, 1)].concat();
        assert!(round(&mut workers, 0, 2, both));
        assert_eq!(busy(&workers), [("w@a", false), ("w@b", true)]);
        assert!(!round(&mut workers, 999, 2, Vec::new()), "too soon");
        // One of two answers: the other has the time to do so.
        assert!(round(&mut workers, 1_000, 2, answers("w@b", 2, 0)));
        assert_eq!(busy(&workers), [("w@a", false), ("w@b", true)]);
        workers.receive(&Value::Array(Vec::new()), "id", 1_000 + ANSWER_TIME);
        assert_eq!(busy(&workers), [("w@a", true), ("w@b", false)]);
        // One of one answers: the other is dead.
        assert!(round(&mut workers, 3_000, 1, answers("w@b", 3, 0)));
        assert_eq!(busy(&workers), [("w@b", false)]);
        assert!(round(&mut workers, 5_000, 0, Vec::new()));
        assert!(workers.known().is_some_and(Known::is_empty));
    }

    #[test]
    fn a_worker_that_answers_late_each_time_is_known() {
        let mut workers = Workers::default();
        let read = |workers: &mut Workers, now, answers| {
            workers.receive(&Value::Array(answers), "id", now);
        };
        assert!(round(&mut workers, 0, 1, Vec::new()));
        read(&mut workers, 900, Vec::new());
        assert_eq!(workers.known().map(|known| known.strangers), Some(1));
        for number in 1..5 {
            let asked_at = i64::try_from(number).unwrap() * 1_000;
            assert!(round(&mut workers, asked_at, 1, Vec::new()));
            read(&mut workers, asked_at + 500, answers("w@a", number, 0));
            read(&mut workers, asked_at + 900, Vec::new());
            assert_eq!(busy(&workers), [("w@a", false)], "round {number}");
            assert_eq!(workers.known().map(|known| known.strangers), Some(0));
        }
        // Twice as late as ever is silent.
        for asked_at in [5_000, 6_000, 7_000] {
            assert!(round(&mut workers, asked_at, 1, Vec::new()));
            read(&mut workers, asked_at + 900, Vec::new());
        }
        assert_eq!(busy(&workers), [("w@a", true)]);
    }

    #[test]
    fn half_of_a_change_is_not_taken_for_the_workers_queues() {
        let says = |number, queues: &[&str]| {
            let queue = |name: &&str| json!({"name": name, "routing_key": name});
            let mut all = answers("w@a", number, 0);
            let queues: Vec<_> = queues.iter().map(queue).collect();
            all[3] = reply("w@a", number, Question::Queues, &json!(queues));
            all
        };
        let of_mail = |workers: &Workers| workers.known().unwrap().hosts["w@a"].is_of("mail");
        let mut workers = Workers::default();
        assert!(round(&mut workers, 0, 1, says(1, &["mail", "video"])));
        assert_eq!(workers.request("w@a", &[], NONE), ["mail", "video"]);
        // Each of these is asked for the queues again a second later.
        let path: [&[&str]; 3] = [&["video"], &[], &[]];
        for (number, queues) in (2..).zip(path) {
            let now = i64::try_from(number).unwrap() * 1_000;
            assert!(round(&mut workers, now, 1, says(number, queues)));
            assert!(of_mail(&workers), "{queues:?}");
        }
        let drain = |workers: &Workers| workers.known().unwrap().hosts["w@a"].drain();
        assert_eq!(drain(&workers), DrainState::Drained);
        assert_eq!(workers.request("w@a", &[], AGAIN), ["mail", "video"]);
        assert!(round(&mut workers, 5_000, 1, says(5, &["video"])));
        assert!(of_mail(&workers), "it has taken back one of two");
        // It may have been started with other queues since.
        assert!(round(&mut workers, 60_000, 1, says(6, &["video"])));
        assert!(!of_mail(&workers));
    }

    #[test]
    fn two_answers_at_one_moment_are_one() {
        let idle = |number| {
            let mut idle = answers("w@a", number, 0);
            idle[3] = drained_answer(number);
            idle
        };
        let mut workers = Workers::default();
        assert!(round(&mut workers, 0, 1, answers("w@a", 1, 0)));
        workers.request("w@a", &[], NONE);
        assert!(round(&mut workers, 1_000, 1, Vec::new()));
        workers.receive(&Value::Array(Vec::new()), "id", 1_900);
        assert!(round(&mut workers, 2_000, 1, [idle(2), idle(3)].concat()));
        let drain = |workers: &Workers| workers.known().unwrap().hosts["w@a"].drain();
        assert_eq!(drain(&workers), DrainState::Requested);
        assert!(round(&mut workers, 3_000, 1, idle(4)));
        assert_eq!(drain(&workers), DrainState::Drained);
    }

    #[test]
    fn workers_say_what_they_take_after_each_request() {
        let mut workers = Workers::default();
        assert!(round(&mut workers, 0, 1, answers("w@a", 1, 0)));
        workers.request("w@a", &[], NONE);
        assert!(round(&mut workers, 20, 1, Vec::new()));
        workers.receive(&Value::Array(Vec::new()), "id", 1_000);
        let questions = workers.ask("c", "r", "id", 1_020);
        let count = questions.map(|questions| questions.len());
        assert_eq!(count, Some(control::ALL.len()), "it has not answered");
    }

    #[test]
    fn answers_of_another_round_and_foreign_elements_are_none() {
        let mut workers = Workers::default();
        assert!(round(&mut workers, 0, 1, answers("w@a", 7, 0)));
        assert!(workers.known().is_none());
        workers.receive(
            &Value::Array(vec![Value::Nil, Value::Okay]),
            "id",
            ANSWER_TIME,
        );
        let known = workers.known().expect("a round has ended");
        assert_eq!((known.hosts.len(), known.strangers), (0, 1));
        assert!(known.is_partial());
    }

    #[test]
    fn a_drained_worker_is_known_by_its_own_answers_and_only_by_new_ones() {
        let drain = |workers: &Workers| {
            let host = &workers.known().expect("a round has ended").hosts["w@a"];
            (host.drain(), host.is_of("letters"), host.is_of("other"))
        };
        let idle = |number| {
            let mut idle = answers("w@a", number, 0);
            idle[3] = drained_answer(number);
            idle
        };
        let mut workers = Workers::default();
        assert!(round(&mut workers, 0, 1, answers("w@a", 1, 0)));
        assert_eq!(drain(&workers), (DrainState::None, true, false));
        // The answers to what was asked before the request are late.
        assert!(round(&mut workers, 2_000, 1, Vec::new()));
        assert_eq!(workers.request("w@a", &["other"], NONE), ["letters"]);
        workers.receive(&Value::Array(idle(2)), "id", 2_020);
        assert_eq!(drain(&workers).0, DrainState::None);
        assert!(round(&mut workers, 2_030, 1, idle(3)), "asked at once");
        assert_eq!(drain(&workers), (DrainState::Requested, true, false));
        assert!(round(&mut workers, 3_030, 1, idle(4)));
        assert_eq!(drain(&workers).0, DrainState::Drained);
        // It is asked to resume, and does so in the next round.
        assert_eq!(workers.request("w@a", &["other"], AGAIN), ["letters"]);
        assert_eq!(drain(&workers).0, DrainState::Requested);
        assert!(round(&mut workers, 3_040, 1, answers("w@a", 5, 0)));
        assert_eq!(drain(&workers).0, DrainState::None);
        // Another process knows nothing of its queues.
        let mut workers = Workers::default();
        assert!(round(&mut workers, 0, 1, idle(1)));
        assert_eq!(drain(&workers), (DrainState::Requested, true, true));
        assert_eq!(
            workers.request("w@a", &["letters", "b"], AGAIN),
            ["letters", "b"]
        );
        assert_eq!(drain(&workers), (DrainState::Requested, true, false));
        // One that holds a task is not drained.
        for number in 2..5 {
            let mut busy = answers("w@a", number, 1);
            busy[3] = drained_answer(number);
            assert!(round(
                &mut workers,
                i64::try_from(number).unwrap() * 1_000,
                1,
                busy
            ));
        }
        assert_eq!(drain(&workers).0, DrainState::Requested);
    }

    #[test]
    fn a_task_is_of_the_queue_with_its_routing_key() {
        let mut workers = Workers::default();
        assert!(round(&mut workers, 0, 1, answers("w@a", 1, 2)));
        let known = workers.known().expect("a round has ended");
        let host = &known.hosts["w@a"];
        let task = &host.active[0];
        assert!(host.consumes("letters") && !host.consumes("mail"));
        assert!(host.has_from("letters", task) && !host.has_from("mail", task));
        assert_eq!(
            (host.slots, host.processed),
            (4, 5),
            "two of seven still run"
        );
    }
}
