//! Which queues a database holds, by the names of its keys and a look at some of them. It does no IO.

use crate::finder_keys::{CELERY_SEPARATOR, Look, looks, names};
use crate::reply::{is_shown, list, name, text};
use crate::{QueueOptions, QueueSystem};
use redis::{Cmd, Value, cmd};
use std::collections::{BTreeMap, BTreeSet};

/// The most streams whose groups are read.
const MAX_STREAMS: usize = 100;

/// A queue of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its system.
    pub system: QueueSystem,
    /// What identifies it there; an option is absent where it is the system's default.
    pub options: QueueOptions,
}

/// Finds the queues among the keys of a database. It asks two times: [`Self::commands`], and [`Self::more`].
#[derive(Debug)]
pub struct Finder {
    keys: BTreeSet<String>,
    looks: Vec<Look>,
    found: Vec<Found>,
    /// The lists and streams of no system that was recognized.
    lists: Vec<String>,
    streams: Vec<String>,
}

/// What the looks have shown.
#[derive(Default)]
struct Shown {
    /// The queues of Celery, with their prefix, and the separator of their database.
    celery: BTreeSet<(String, String)>,
    separator: Option<String>,
    /// The members of sets that are named as those of RQ, Sidekiq and Resque, by what stands before.
    names: BTreeMap<String, Vec<String>>,
    /// What stands before the lists with a job of Sidekiq.
    sidekiq: BTreeSet<String>,
    bullmq: BTreeSet<(String, String)>,
    laravel: BTreeSet<(String, String)>,
}

impl Finder {
    /// The most keys of a database that are worth reading.
    pub const MAX_KEYS: usize = 10_000;

    /// Of these keys.
    pub fn new(keys: impl IntoIterator<Item = String>) -> Self {
        let keys = keys.into_iter().filter(|key| !key.contains('\0'));
        let keys: BTreeSet<String> = keys.take(Self::MAX_KEYS).collect();
        Self {
            looks: looks(&keys),
            keys,
            found: Vec::new(),
            lists: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// The first reads.
    pub fn commands(&self) -> Vec<Cmd> {
        let types = self.keys.iter().map(|key| cmd("TYPE").arg(key).take());
        types.chain(self.looks.iter().map(Look::command)).collect()
    }

    /// Takes their replies, and returns what is to be read then.
    pub fn more(&mut self, replies: &[Value]) -> Vec<Cmd> {
        let (types, replies) = replies.split_at(self.keys.len().min(replies.len()));
        let mut shown = Shown::default();
        for (look, reply) in self.looks.iter().zip(replies) {
            shown.take(look, reply);
        }
        self.found = self.recognized(&shown);
        let owners = owners(&self.found, &shown);
        for (key, kind) in self.keys.iter().zip(types) {
            if owners.iter().any(|owner| key.starts_with(owner)) || is_internal(key) {
                continue;
            }
            match kind {
                Value::SimpleString(kind) if kind == "list" => self.lists.push(key.clone()),
                Value::SimpleString(kind) if kind == "stream" => self.streams.push(key.clone()),
                _ => {}
            }
        }
        self.streams.truncate(MAX_STREAMS);
        let groups = |key: &String| cmd("XINFO").arg("GROUPS").arg(key).take();
        self.streams.iter().map(groups).collect()
    }

    /// The queues, with the replies to [`Self::more`].
    pub fn finish(mut self, replies: &[Value]) -> Vec<Found> {
        let lists = std::mem::take(&mut self.lists);
        let lists = lists.iter().map(|key| found(QueueSystem::List, "", key));
        self.found.extend(lists);
        for (key, reply) in self.streams.iter().zip(replies) {
            for group in list(reply).into_iter().flatten().filter_map(group) {
                let mut stream = found(QueueSystem::Stream, "", key);
                stream.options.group = Some(group.to_owned());
                self.found.push(stream);
            }
        }
        self.found.retain(|found| is_nameable(&found.options));
        self.found
    }

    /// The queues of the systems that are recognized by more than the type of a key.
    fn recognized(&self, shown: &Shown) -> Vec<Found> {
        let mut all = Vec::new();
        for queue in names(&self.keys, "wp:{", "}:") {
            all.push(found(QueueSystem::WorkerPool, "", queue));
        }
        for (prefix, queue) in &shown.celery {
            all.push(self.celery(prefix, queue, shown));
        }
        for (prefix, members) in &shown.names {
            let rq = format!("{prefix}queue:");
            for member in members {
                if let Some(queue) = member.strip_prefix(&rq).filter(|_| !prefix.is_empty()) {
                    let prefix = prefix.strip_suffix(':').unwrap_or(prefix);
                    let default = if prefix == "rq" { "" } else { prefix };
                    all.push(found(QueueSystem::RQ, default, queue));
                } else if self.is_sidekiq(prefix, shown) {
                    all.push(found(QueueSystem::Sidekiq, prefix, member));
                }
            }
        }
        let of_bull = |system, (prefix, queue): &(String, String)| {
            let default = if prefix == "bull" { "" } else { prefix };
            found(system, default, queue)
        };
        let bullmq = shown.bullmq.iter();
        all.extend(bullmq.map(|queue| of_bull(QueueSystem::BullMQ, queue)));
        let bull = self.looks.iter().filter_map(|look| match look {
            Look::Bull { prefix, name } => Some((prefix.clone(), name.clone())),
            _ => None,
        });
        let bull: BTreeSet<_> = bull.filter(|queue| !shown.bullmq.contains(queue)).collect();
        all.extend(bull.iter().map(|queue| of_bull(QueueSystem::Bull, queue)));
        for (prefix, queue) in &shown.laravel {
            let default = if prefix == "laravel_database_" {
                ""
            } else {
                prefix
            };
            all.push(found(QueueSystem::Laravel, default, queue));
        }
        all
    }

    /// A queue of Celery, with the priorities that have a list now where they are not the default ones.
    fn celery(&self, prefix: &str, queue: &str, shown: &Shown) -> Found {
        let mut celery = found(QueueSystem::Celery, prefix, queue);
        let separator = shown.separator.as_deref().unwrap_or(CELERY_SEPARATOR);
        let lists = format!("{prefix}{queue}{separator}");
        let lists = self
            .keys
            .range(lists.clone()..)
            .map_while(|key| key.strip_prefix(&lists));
        let priorities: BTreeSet<i32> =
            lists.filter_map(|priority| priority.parse().ok()).collect();
        if priorities.iter().any(|it| ![3, 6, 9].contains(it)) {
            celery.options.priorities = [0].into_iter().chain(priorities).collect();
        }
        celery.options.separator.clone_from(&shown.separator);
        celery
    }

    /// Whether Sidekiq wrote what begins with `prefix`, and not Resque, whose keys are named alike.
    fn is_sidekiq(&self, prefix: &str, shown: &Shown) -> bool {
        let is_its_own = |key: &str| self.keys.contains(&format!("{prefix}{key}"));
        shown.sidekiq.contains(prefix) || is_its_own("processes") || is_its_own("schedule")
    }
}

impl Shown {
    fn take(&mut self, look: &Look, reply: &Value) {
        match look {
            Look::Binding { prefix, exchange } => {
                for member in scanned(reply) {
                    let separator = separator(member, exchange);
                    let queue = member.rsplit(separator).next().unwrap_or_default();
                    if queue.is_empty()
                        || queue.ends_with(".pidbox")
                        || queue.starts_with("celeryev")
                    {
                        continue;
                    }
                    if separator != CELERY_SEPARATOR {
                        self.separator = Some(separator.to_owned());
                    }
                    self.celery.insert((prefix.clone(), queue.to_owned()));
                }
            }
            Look::Queues { prefix } => {
                let members = scanned(reply).into_iter().map(str::to_owned).collect();
                self.names.insert(prefix.clone(), members);
            }
            Look::Job { prefix, .. } if has_fields(reply, ["jid", "class"]) => {
                self.sidekiq.insert(prefix.clone());
            }
            Look::Meta { prefix, name } => {
                let set = list(reply).is_ok_and(|values| values.iter().any(|it| *it != Value::Nil));
                if set {
                    self.bullmq.insert((prefix.clone(), name.clone()));
                }
            }
            Look::Laravel { prefix, name, key } => {
                if key.ends_with(":notify") || has_fields(reply, ["displayName", "job"]) {
                    self.laravel.insert((prefix.clone(), name.clone()));
                }
            }
            Look::Job { .. } | Look::Bull { .. } => {}
        }
    }
}

/// What all keys of the found systems begin with.
fn owners(all: &[Found], shown: &Shown) -> Vec<String> {
    let mut owners: Vec<String> = Vec::new();
    for Found { system, options } in all {
        let (prefix, name) = (options.key_prefix.as_deref(), &options.name);
        match system {
            QueueSystem::WorkerPool => owners.push(format!("wp:{{{name}}}:")),
            QueueSystem::Celery => owners.push(format!("{}{name}", prefix.unwrap_or_default())),
            QueueSystem::RQ => owners.push(format!("{}:", prefix.unwrap_or("rq"))),
            QueueSystem::BullMQ | QueueSystem::Bull => {
                owners.push(format!("{}:{name}:", prefix.unwrap_or("bull")));
            }
            QueueSystem::Sidekiq => owners.push(format!("{}queue:", prefix.unwrap_or_default())),
            _ => {}
        }
    }
    let laravel = shown.laravel.iter();
    owners.extend(laravel.map(|(prefix, _)| format!("{prefix}queues:")));
    owners
}

/// Whether a list or stream is no queue in any system: answers and signals.
fn is_internal(key: &str) -> bool {
    key.ends_with(".pidbox") || key.ends_with("-signals") || key.starts_with("celeryev")
}

fn found(system: QueueSystem, prefix: &str, queue: &str) -> Found {
    Found {
        system,
        options: QueueOptions {
            key_prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            ..QueueOptions::named(queue)
        },
    }
}

/// Whether a pool can name this queue, and a screen can show it.
fn is_nameable(options: &QueueOptions) -> bool {
    let texts = [
        Some(&options.name),
        options.key_prefix.as_ref(),
        options.group.as_ref(),
        options.separator.as_ref(),
    ];
    texts.into_iter().flatten().all(|text| is_shown(text))
}

/// The members in a reply to `SSCAN`.
fn scanned(reply: &Value) -> Vec<&str> {
    let Ok([_, members]) = list(reply) else {
        return Vec::new();
    };
    list(members)
        .into_iter()
        .flatten()
        .filter_map(name)
        .collect()
}

/// What stands between the parts of a binding: routing key, pattern and queue. A direct exchange has the name of its queue
/// and an empty pattern.
fn separator<'a>(member: &'a str, exchange: &str) -> &'a str {
    let between = member
        .strip_prefix(exchange)
        .and_then(|rest| rest.strip_suffix(exchange));
    let halves = between.and_then(|twice| twice.split_at_checked(twice.len() / 2));
    match halves {
        Some((one, other)) if one == other && !one.is_empty() => one,
        _ => CELERY_SEPARATOR,
    }
}

/// Whether a job, alone or the first of a list, is an object with these fields.
fn has_fields(reply: &Value, fields: [&str; 2]) -> bool {
    let job = match reply {
        Value::Array(jobs) => jobs.first().and_then(text),
        job => text(job),
    };
    let job: Option<serde_json::Value> = job.and_then(|job| serde_json::from_str(job).ok());
    job.is_some_and(|job| fields.iter().all(|field| !job[*field].is_null()))
}

/// The name of a group in a reply to `XINFO GROUPS`.
fn group(reply: &Value) -> Option<&str> {
    match reply {
        Value::Map(fields) => {
            let mut fields = fields.iter();
            fields.find_map(|(field, value)| (name(field) == Some("name")).then(|| name(value))?)
        }
        Value::Array(fields) => {
            let mut pairs = fields.chunks(2);
            pairs.find_map(|pair| {
                (name(pair.first()?) == Some("name")).then(|| name(pair.get(1)?))?
            })
        }
        _ => None,
    }
}
