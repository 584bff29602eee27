//! Workers that answer as they are scripted, at these times.

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

/// The answers of one that takes tasks from no queue and has none.
fn idle(number: u64) -> Vec<Value> {
    let mut idle = answers("w@a", number, 0);
    idle[3] = drained_answer(number);
    idle
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
