//! Each reader against a Redis whose texts are hostile: whatever it gives is bounded and can be shown on a screen.

use crate::recorded::{answer, bulk, bulks, error, line, question};
use crate::{Finder, Queue, QueueOptions, QueueSystem, Reading, describe_server_error};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use decide::Unavailable;
use redis::{Cmd, Value};
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What follows a name that is else harmless, so that the forms that readers recognize stay.
fn tails() -> Vec<String> {
    let mut tails: Vec<String> = [
        "\x1b[2J\x1b]0;owned\x07",
        "\r\nSET x 1\r\n",
        "\u{9b}31m\u{85}",
        "\u{202e}txt.exe\u{202c}",
        "\u{2066}a\u{2069}\u{200f}\u{61c}",
        "\u{200b}\u{feff}\u{ad}\u{2028}\u{2029}",
        "\u{e0069}\u{e0067}",
    ]
    .map(str::to_owned)
    .into();
    tails.push("x".repeat(300));
    tails.push("x".repeat(1_000_000));
    tails
}

/// Asserts that `text` can be shown, by rules of this test alone.
fn assert_shown(what: &str, text: &str) {
    assert!(text.chars().count() <= 256, "{what}: {}", text.len());
    let hidden = |c: &char| {
        let direction = ['\u{61c}', '\u{200e}', '\u{200f}'].contains(c);
        let direction = direction || ('\u{202a}'..='\u{202e}').contains(c);
        let invisible = "\u{ad}\u{200b}\u{feff}\u{2028}\u{2029}".contains(*c);
        let tag = ('\u{e0000}'..='\u{e007f}').contains(c);
        c.is_control() || direction || invisible || tag || ('\u{2066}'..='\u{2069}').contains(c)
    };
    let found: Vec<char> = text.chars().filter(hidden).collect();
    assert_eq!(found, Vec::<char>::new(), "{what}: {text:?}");
}

fn assert_unavailable_shown(what: &str, cause: &Unavailable) {
    match cause {
        Unavailable::QueueUnreadable { key, error } => {
            assert_shown(what, key);
            assert_shown(what, error);
        }
        other => assert_eq!(other, &Unavailable::NotReadYet),
    }
}

fn assert_reading_shown(what: &str, reading: &Result<Reading, Unavailable>) {
    let reading = match reading {
        Ok(reading) => reading,
        Err(cause) => return assert_unavailable_shown(what, cause),
    };
    if let Some(cause) = &reading.unavailable {
        assert_unavailable_shown(what, cause);
    }
    for worker in &reading.workers {
        let texts = [
            Some(&worker.id),
            worker.pod.as_ref(),
            worker.namespace.as_ref(),
        ];
        texts
            .into_iter()
            .flatten()
            .for_each(|text| assert_shown(what, text));
    }
}

/// A Redis in which every text is `name`, in the form that the reader of the command expects.
struct Hostile<'a> {
    name: &'a str,
    /// The questions that Celery's reader has asked, by their tickets.
    asked: RefCell<Vec<(String, String)>>,
}

impl Hostile<'_> {
    fn reply(&self, command: &Cmd, line: &str) -> Value {
        let name = self.name;
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "TIME" => bulks(&["1795180000", "123456"]),
            "EXISTS" | "SISMEMBER" => Value::Int(0),
            "LLEN" | "ZCARD" | "ZCOUNT" | "HLEN" | "RPUSH" | "EXPIRE" | "XLEN" => Value::Int(1),
            "SMEMBERS" if line.ends_with("processes") => Value::Set(vec![bulk(name)]),
            "SMEMBERS" => Value::Set(vec![bulk(&format!("rq:worker:{name}"))]),
            "LRANGE" if line.contains("pidbox") => self.answers(),
            "LRANGE" | "ZRANGE" | "ZRANGEBYSCORE" => bulks(&[name]),
            "HVALS" => bulks(&[r#"{"queue": "q"}"#]),
            "HMGET" => Value::Array(words[2..].iter().map(|field| self.field(field)).collect()),
            "MGET" => bulks(&vec![
                &*format!("{name}:0");
                command.args_iter().count() - 1
            ]),
            "CLIENT" if words[1] == "LIST" => bulk(&format!(
                "id=1 name=bull:{}:w:{name} cmd=blpop flags=b",
                BASE64_STANDARD.encode("q")
            )),
            "CLIENT" => bulk("id=1 db=0"),
            "EVALSHA_RO" => self.snapshot(),
            "XINFO" => Value::Array(vec![Value::Map(vec![
                (bulk("name"), bulk("g")),
                (bulk("pending"), bulk(name)),
            ])]),
            "PUBLISH" => {
                self.asked.borrow_mut().push(question(command));
                Value::Int(1)
            }
            _ => bulk(name),
        }
    }

    fn field(&self, field: &str) -> Value {
        match field {
            "state" => bulk("busy"),
            "status" => bulk("running"),
            "busy" => bulk("1"),
            "quiet" => bulk("false"),
            "info" => {
                bulk(&json!({"hostname": self.name, "concurrency": 2, "queues": ["q"]}).to_string())
            }
            "processes" => bulk(r#"{"redis:q": 2}"#),
            "hostname" | "master" => bulk(self.name),
            "queues" => bulk("q"),
            _ => Value::Nil,
        }
    }

    /// The reference protocol's reply.
    fn snapshot(&self) -> Value {
        let name = bulk(self.name);
        let reported = [name.clone(), bulk("busy")].into_iter();
        let reported = reported.chain(vec![Value::Nil; 4]).chain([name.clone()]);
        let worker = vec![name, Value::Int(1), Value::Array(reported.collect())];
        let number = |number| Value::Int(number);
        Value::Array(vec![
            number(1),
            number(1_795_180_000_123),
            number(1),
            Value::Nil,
            number(1),
            number(0),
            Value::Array(Vec::new()),
            number(0),
            number(0),
            Value::Array(vec![Value::Array(worker)]),
            number(0),
            number(0),
        ])
    }

    /// The answers of Celery's workers.
    fn answers(&self) -> Value {
        let answer = |(ticket, method): &(String, String)| {
            let answer = match method.as_str() {
                "active_queues" => json!([{"name": "q", "routing_key": "q"}]),
                "stats" => json!({"pool": {"max-concurrency": 4}, "total": {"a": 7}}),
                _ => json!([]),
            };
            let name = format!("celery@{}", self.name);
            let body = BASE64_STANDARD.encode(json!({name: answer}).to_string());
            bulk(&json!({"headers": {"ticket": ticket}, "body": body}).to_string())
        };
        Value::Array(self.asked.borrow().iter().map(answer).collect())
    }
}

fn open(system: QueueSystem) -> Queue {
    let options = QueueOptions {
        group: Some("g".to_owned()),
        ..QueueOptions::named("q")
    };
    Queue::new(system, &options)
}

#[test]
fn no_reader_gives_a_text_that_cannot_be_shown() {
    let mut named = BTreeSet::new();
    for tail in tails() {
        for name in [format!("pod{tail}"), tail] {
            for system in QueueSystem::ALL.iter().copied() {
                let queue = open(system);
                let redis = Hostile {
                    name: &name,
                    asked: RefCell::default(),
                };
                // Celery's workers are asked by the first poll, and answer before the second.
                for _ in 0..2 {
                    let reading = answer(&queue, |command, line| redis.reply(command, line));
                    assert_reading_shown(system.name(), &reading);
                    if reading.is_ok_and(|it| !it.workers.is_empty()) {
                        named.insert(system.name());
                    }
                }
            }
        }
    }
    let systems = ["BullMQ", "Bull", "Celery", "RQ", "Sidekiq", "WorkerPool"];
    assert_eq!(named, systems.into(), "each has given a hostile worker");
}

#[test]
fn no_error_has_a_text_of_the_server() {
    for tail in tails() {
        let line = tail.replace(['\r', '\n'], " ");
        let other_forms = [
            error(&format!("ERR unknown command '{line}'")),
            error(&format!(
                "NOPERM User {line} may not run the '{line}' command"
            )),
            error(&line),
            bulk(&tail),
            Value::Array(vec![bulk(&tail)]),
            Value::SimpleString(tail.clone()),
        ];
        for system in QueueSystem::ALL.iter().copied() {
            for form in &other_forms {
                let queue = open(system);
                let reading = answer(&queue, |_, _| form.clone());
                assert_reading_shown(system.name(), &reading);
                if tail.len() > 1_000 {
                    continue;
                }
                // Only one of the replies.
                let redis = Hostile {
                    name: "pod",
                    asked: RefCell::default(),
                };
                let mut count = 0;
                for broken in 0..20 {
                    count = 0;
                    let counter = RefCell::new(&mut count);
                    let reading = answer(&open(system), |command, line| {
                        let mut counter = counter.borrow_mut();
                        **counter += 1;
                        if **counter == broken {
                            form.clone()
                        } else {
                            redis.reply(command, line)
                        }
                    });
                    assert_reading_shown(system.name(), &reading);
                }
                assert!(count < 20, "more reads than were broken");
            }
        }
        assert_shown("error", &describe_server_error(&tail, Some(&tail)));
    }
}

/// What stands in a database of all systems whose queues have this name.
fn find(name: &str) -> Vec<crate::Found> {
    let keys = [
        format!("wp:{{{name}}}:ready"),
        "_kombu.binding.direct".to_owned(),
        format!("_kombu.binding.{name}"),
        "rq:queues".to_owned(),
        "queues".to_owned(),
        "processes".to_owned(),
        format!("bull:{name}:meta"),
        format!("{name}queues:mail"),
        format!("laravel_database_queues:{name}"),
        format!("laravel_database_queues:{name}:notify"),
        format!("list{name}"),
        format!("stream{name}"),
    ];
    let mut finder = Finder::new(keys);
    let reply = |command: &Cmd| {
        let line = line(command);
        match line.split(' ').next().unwrap_or_default() {
            "TYPE" if line.starts_with("TYPE stream") => Value::SimpleString("stream".into()),
            "TYPE" => Value::SimpleString("list".into()),
            "SSCAN" => {
                // A binding with a separator of its own, one of Celery, and members of a set.
                let members = [
                    format!("direct{name}{name}direct"),
                    format!("a\x06\x16\x06\x16{name}"),
                    format!("rq:queue:{name}"),
                    name.to_owned(),
                ];
                let members = members.iter().map(|it| bulk(it)).collect();
                Value::Array(vec![bulk("0"), Value::Array(members)])
            }
            "XINFO" => Value::Array(vec![Value::Map(vec![(bulk("name"), bulk(name))])]),
            "HMGET" => bulks(&["5", "5"]),
            _ => bulk(r#"{"jid": "1", "class": "A", "displayName": "A", "job": "B"}"#),
        }
    };
    let replies: Vec<Value> = finder.commands().iter().map(reply).collect();
    let replies: Vec<Value> = finder.more(&replies).iter().map(reply).collect();
    finder.finish(&replies)
}

#[test]
fn no_queue_is_found_whose_name_cannot_be_shown() {
    let found: BTreeSet<&str> = find("mail").iter().map(|it| it.system.name()).collect();
    for system in [
        "WorkerPool",
        "Celery",
        "RQ",
        "Sidekiq",
        "BullMQ",
        "Laravel",
        "List",
        "Stream",
    ] {
        assert!(found.contains(system), "{system}: {found:?}");
    }
    for tail in tails() {
        for name in [format!("mail{tail}"), tail] {
            for found in find(&name) {
                let options = &found.options;
                let texts = [
                    Some(&options.name),
                    options.group.as_ref(),
                    options.key_prefix.as_ref(),
                    options.separator.as_ref(),
                ];
                texts
                    .into_iter()
                    .flatten()
                    .for_each(|text| assert_shown(found.system.name(), text));
            }
        }
    }
}
