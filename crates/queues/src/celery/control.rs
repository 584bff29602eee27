//! Celery's remote control with Redis commands alone: a question is published to all workers, and each answers with an
//! element of a list. The anonymous exchange delivers to the list that the question names, so that no binding is left.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use redis::Cmd;
use serde_json::{Value, json};

/// What the workers are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// The tasks that it runs.
    Active,
    /// The tasks that it has fetched ahead and not begun.
    Reserved,
    /// The tasks that it keeps until their time has come.
    Scheduled,
    /// The queues that it takes tasks from.
    Queues,
    /// How many tasks it runs at once, and has begun since its start.
    Stats,
}

/// What changes with each task.
pub(super) const TASKS: [Question; 3] = [Question::Active, Question::Reserved, Question::Scheduled];
/// Everything.
pub(super) const ALL: [Question; 5] = [
    Question::Active,
    Question::Reserved,
    Question::Scheduled,
    Question::Queues,
    Question::Stats,
];

/// The longest answer that is read. An answer has the arguments of tasks, shortened.
const MAX_ANSWER: usize = 4 << 20;
/// The longest name of a worker, a queue or a routing key.
const MAX_NAME: usize = 256;
/// The most tasks of one worker that are read.
const MAX_TASKS: usize = 10_000;

impl Question {
    /// The name of the command in Celery.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reserved => "reserved",
            Self::Scheduled => "scheduled",
            Self::Queues => "active_queues",
            Self::Stats => "stats",
        }
    }

    /// Asks all workers that listen on `channel` to answer into the list `reply_to` with `ticket`, until `expires`
    /// (seconds since 1970).
    pub(super) fn ask(self, channel: &str, reply_to: &str, ticket: &str, expires: i64) -> Cmd {
        let arguments = match self {
            // The representation of a task's arguments, shortened, and not the arguments.
            Self::Active => json!({"safe": true}),
            _ => json!({}),
        };
        let body = json!({
            "method": self.method(), "arguments": arguments, "destination": null, "pattern": null, "matcher": null,
            "ticket": ticket, "reply_to": {"exchange": "", "routing_key": reply_to},
        });
        publish(channel, &body, ticket, expires)
    }
}

/// Has `worker` take tasks from `queue`, or take none. Whoever does so already changes nothing.
pub(super) fn consume(channel: &str, worker: &str, queue: &str, takes: bool, expires: i64) -> Cmd {
    let method = if takes {
        "add_consumer"
    } else {
        "cancel_consumer"
    };
    let body = json!({
        "method": method, "arguments": {"queue": queue}, "destination": [worker], "pattern": null, "matcher": null,
        "ticket": null, "reply_to": null,
    });
    publish(channel, &body, method, expires)
}

/// Sends a command to all who listen on `channel`.
fn publish(channel: &str, body: &Value, tag: &str, expires: i64) -> Cmd {
    let message = json!({
        "body": BASE64_STANDARD.encode(body.to_string()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1, "expires": expires},
        "properties": {
            "delivery_mode": 2, "priority": 0, "body_encoding": "base64", "delivery_tag": tag,
            "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
        },
    });
    redis::cmd("PUBLISH")
        .arg(channel)
        .arg(message.to_string())
        .take()
}

/// A task in the hands of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// The routing key that it was sent with.
    pub routing_key: String,
    /// When it is to begin, for a scheduled one, in milliseconds since 1970.
    pub eta: Option<i64>,
    /// When it began, for an active one, in milliseconds since 1970.
    pub began: Option<i64>,
}

/// A queue that a worker takes tasks from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConsumedQueue {
    pub name: String,
    pub routing_key: String,
}

/// What one worker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Tasks(Vec<Task>),
    Queues(Vec<ConsumedQueue>),
    Stats { slots: u32, begun: i64 },
}

/// One element of the list: the ticket of its question, the worker's name, and what it says.
pub(super) struct Reply {
    pub ticket: String,
    pub worker: String,
    answer: Value,
}

impl Reply {
    /// Reads an element of the list; `None` for anything else than a reply.
    pub(super) fn parse(element: &[u8]) -> Option<Self> {
        if element.len() > MAX_ANSWER {
            return None;
        }
        let message: Value = serde_json::from_slice(element).ok()?;
        let ticket = name(&message["headers"]["ticket"])?;
        let body = message["body"].as_str()?;
        let body: Value = serde_json::from_slice(&BASE64_STANDARD.decode(body).ok()?).ok()?;
        let Value::Object(workers) = body else {
            return None;
        };
        let (worker, answer) = workers.into_iter().next()?;
        (worker.len() <= MAX_NAME).then_some(Self {
            ticket,
            worker,
            answer,
        })
    }

    /// What it says to `question`; `None` where it is an error, or in another form.
    pub(super) fn answer(&self, question: Question) -> Option<Answer> {
        let list = || Some(self.answer.as_array()?.iter().take(MAX_TASKS));
        Some(match question {
            Question::Active | Question::Reserved => {
                Answer::Tasks(list()?.filter_map(|info| task(info, None)).collect())
            }
            Question::Scheduled => Answer::Tasks(
                list()?
                    .filter_map(|entry| task(&entry["request"], instant(&entry["eta"])))
                    .collect(),
            ),
            Question::Queues => Answer::Queues(
                list()?
                    .filter_map(|queue| {
                        Some(ConsumedQueue {
                            name: name(&queue["name"])?,
                            routing_key: name(&queue["routing_key"]).unwrap_or_default(),
                        })
                    })
                    .collect(),
            ),
            Question::Stats => {
                let slots = self.answer["pool"]["max-concurrency"].as_u64();
                let begun = self.answer["total"].as_object()?.values();
                let begun = begun.filter_map(Value::as_i64);
                Answer::Stats {
                    slots: slots.map_or(1, |slots| u32::try_from(slots).unwrap_or(u32::MAX).max(1)),
                    begun: begun.fold(0, i64::saturating_add),
                }
            }
        })
    }
}

fn name(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (text.len() <= MAX_NAME).then(|| text.to_owned())
}

fn task(info: &Value, eta: Option<i64>) -> Option<Task> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an instant; other values saturate"
    )]
    let began = info["time_start"].as_f64().map(|at| (at * 1000.0) as i64);
    info.is_object().then(|| Task {
        routing_key: name(&info["delivery_info"]["routing_key"]).unwrap_or_default(),
        eta,
        began,
    })
}

/// An instant as Python writes it, in milliseconds since 1970; without an offset it is in UTC.
pub(super) fn instant(value: &Value) -> Option<i64> {
    let text = value.as_str().filter(|text| text.len() < 64)?;
    let parsed = text.parse::<Timestamp>().ok();
    let parsed = parsed.or_else(|| format!("{text}Z").parse().ok())?;
    Some(parsed.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Option<Reply> {
        let message =
            json!({"body": BASE64_STANDARD.encode(body), "headers": {"ticket": "t-1-active"}});
        Reply::parse(message.to_string().as_bytes())
    }

    #[test]
    fn one_worker_is_asked_to_take_tasks_or_none_until_the_request_expires() {
        for (takes, method) in [(false, "cancel_consumer"), (true, "add_consumer")] {
            let command = consume("/0.celery.pidbox", "celery@a", "mail", takes, 1_795_180_060);
            let message = command
                .args_iter()
                .nth(2)
                .and_then(|argument| match argument {
                    redis::Arg::Simple(bytes) => serde_json::from_slice::<Value>(bytes).ok(),
                    _ => None,
                });
            let message = message.expect("a message");
            let body = BASE64_STANDARD.decode(message["body"].as_str().expect("a body"));
            let body: Value = serde_json::from_slice(&body.expect("base64")).expect("JSON");
            assert_eq!(message["headers"]["expires"], 1_795_180_060);
            assert_eq!(
                (&body["method"], &body["arguments"], &body["destination"]),
                (
                    &json!(method),
                    &json!({"queue": "mail"}),
                    &json!(["celery@a"])
                )
            );
        }
    }

    #[test]
    fn foreign_elements_are_no_replies() {
        for element in [
            "x",
            "",
            "[]",
            "{}",
            r#"{"body": "!", "headers": {"ticket": "t"}}"#,
        ] {
            assert!(Reply::parse(element.as_bytes()).is_none(), "{element}");
        }
        assert!(reply("[]").is_none());
        assert!(reply("{}").is_none());
        let error = reply(r#"{"celery@a": {"error": "no"}}"#).expect("a reply");
        assert_eq!(error.answer(Question::Active), None);
        let long = format!(r#"{{"{}": []}}"#, "x".repeat(257));
        assert!(reply(&long).is_none());
    }

    #[test]
    fn tasks_of_any_form_are_counted() {
        let body = r#"{"celery@a": [{"delivery_info": {"routing_key": "mail"}, "time_start": 1.5}, {}, 7]}"#;
        let reply = reply(body).expect("a reply");
        let task = |key: &str, began| Task {
            routing_key: key.to_owned(),
            eta: None,
            began,
        };
        let expected = vec![task("mail", Some(1_500)), task("", None)];
        assert_eq!((&*reply.ticket, &*reply.worker), ("t-1-active", "celery@a"));
        assert_eq!(
            reply.answer(Question::Active),
            Some(Answer::Tasks(expected))
        );
    }

    #[test]
    fn times_have_an_offset_or_are_in_utc() {
        for (text, expected) in [
            ("1970-01-01T00:00:01+00:00", Some(1_000)),
            ("1970-01-01T01:00:01.5+01:00", Some(1_500)),
            ("1970-01-01T00:00:01", Some(1_000)),
            ("soon", None),
        ] {
            assert_eq!(instant(&json!(text)), expected, "{text}");
        }
    }
}
