//! A scripted Redis for the tests of the systems: replies that were recorded, by the commands that they answer.

use crate::{Poll, Queue, Reading};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use decide::{Metric, Unavailable};
use redis::{Arg, Cmd, Value, parse_redis_value};

/// 20 November 2026, in milliseconds since 1970: the time of the scripted server.
pub(crate) const NOW: i64 = 1_795_180_000_123;

pub(crate) fn bulk(text: &str) -> Value {
    Value::BulkString(text.into())
}

/// A list of texts; an empty one is absent.
pub(crate) fn bulks(texts: &[&str]) -> Value {
    let value = |text: &&str| {
        if text.is_empty() {
            Value::Nil
        } else {
            bulk(text)
        }
    };
    Value::Array(texts.iter().map(value).collect())
}

/// An error, such as `NOPERM no right`.
pub(crate) fn error(text: &str) -> Value {
    parse_redis_value(format!("-{text}\r\n").as_bytes()).expect("an error")
}

/// The words of a command.
pub(crate) fn line(command: &Cmd) -> String {
    let words = command.args_iter().map(|word| match word {
        Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What an empty Redis answers.
fn empty(command: &Cmd, line: &str) -> Value {
    match line.split(' ').next().unwrap_or_default() {
        "TIME" => bulks(&["1795180000", "123456"]),
        "LLEN" | "ZCARD" | "ZCOUNT" | "EXISTS" | "SISMEMBER" => Value::Int(0),
        "SMEMBERS" => Value::Set(Vec::new()),
        "LRANGE" | "HVALS" | "ZRANGE" | "ZRANGEBYSCORE" => Value::Array(Vec::new()),
        "HMGET" => Value::Array(vec![Value::Nil; command.args_iter().count() - 2]),
        "MGET" => Value::Array(vec![Value::Nil; command.args_iter().count() - 1]),
        _ => Value::Nil,
    }
}

/// Reads `queue` from a Redis that is empty but for `replies`, each with its command.
pub(crate) fn read(queue: &Queue, replies: &[(&str, Value)]) -> Result<Reading, Unavailable> {
    answer(queue, |command, line| recorded(replies, command, line))
}

fn recorded(replies: &[(&str, Value)], command: &Cmd, line: &str) -> Value {
    let reply = replies.iter().find(|(command, _)| *command == line);
    reply.map_or_else(|| empty(command, line), |(_, reply)| reply.clone())
}

/// The same for all queues of a pool, in one poll.
pub(crate) fn read_pool(
    queues: &[Queue],
    replies: &[(&str, Value)],
) -> Vec<Result<Reading, Unavailable>> {
    answer_pool(queues, |command, line| recorded(replies, command, line))
}

pub(crate) fn answer(
    queue: &Queue,
    reply: impl Fn(&Cmd, &str) -> Value,
) -> Result<Reading, Unavailable> {
    let readings = answer_pool(std::slice::from_ref(queue), reply);
    readings.into_iter().next().expect("one queue")
}

fn answer_pool(
    queues: &[Queue],
    reply: impl Fn(&Cmd, &str) -> Value,
) -> Vec<Result<Reading, Unavailable>> {
    let mut poll = Poll::new(queues.iter().enumerate());
    let mut commands = poll.commands(false);
    while !commands.is_empty() {
        let replies = commands.iter().map(|it| reply(it, &line(it)));
        commands = poll.receive(replies.collect());
    }
    poll.finish().collect()
}

/// Asserts that no read whose reply is an error, absent or of another form makes a smaller number: the queue is unreadable, or
/// the metric is unsupported, or the reply was not needed. `open` opens the queue, which has not been read yet.
pub(crate) fn assert_unknown_is_not_zero(open: impl Fn() -> Queue, replies: &[(&str, Value)]) {
    let known = read(&open(), replies).expect("readable").metrics;
    let lines = std::cell::RefCell::new(Vec::new());
    let all = |command: &Cmd, line: &str| {
        lines.borrow_mut().push(line.to_owned());
        recorded(replies, command, line)
    };
    answer(&open(), all).expect("readable");
    for broken in lines.borrow().iter() {
        let refused = error("NOPERM User reader has no permissions to run the 'x' command");
        let nested = Value::Array(vec![Value::Array(vec![Value::Nil; 3]); 3]);
        for other in [refused, nested, Value::Int(-7), Value::Array(Vec::new())] {
            let is_error = matches!(other, Value::ServerError(_));
            let reading = answer(&open(), |command, line| {
                if line == broken {
                    other.clone()
                } else {
                    recorded(replies, command, line)
                }
            });
            let Ok(reading) = reading else { continue };
            let metrics = reading.metrics;
            assert!(
                !is_error || broken == "CLIENT LIST",
                "{broken} was refused: {metrics:?}"
            );
            for (metric, before) in [(metrics.busy, known.busy), (metrics.live, known.live)] {
                let is_less = metric.known().is_some() && metric.known() < before.known();
                // An empty list is a true answer to a read of a list.
                let is_answer = other == Value::Array(Vec::new());
                assert!(
                    !is_less || is_answer,
                    "{broken}, {other:?}: {metric:?} < {before:?}"
                );
            }
            assert_ne!(metrics.ready, Metric::Unavailable);
        }
    }
}

/// The ticket and the method of a question to Celery's workers.
pub(crate) fn question(command: &Cmd) -> (String, String) {
    let Some(Arg::Simple(message)) = command.args_iter().nth(2) else {
        panic!("no message");
    };
    let message: serde_json::Value = serde_json::from_slice(message).expect("JSON");
    let body = BASE64_STANDARD.decode(message["body"].as_str().expect("a body"));
    let body: serde_json::Value = serde_json::from_slice(&body.expect("base64")).expect("JSON");
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    (text("ticket"), text("method"))
}
