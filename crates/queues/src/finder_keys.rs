//! What the names of a database's keys make likely, and the command that makes it sure.

use redis::{Cmd, cmd};
use std::collections::BTreeSet;

/// Celery's `sep`, unless its configuration has another one.
pub(crate) const CELERY_SEPARATOR: &str = "\u{6}\u{16}";
/// How many keys of a kind are looked at.
const MAX_LOOKS: usize = 200;
/// How many jobs are read: each has its body.
const MAX_JOBS: usize = 50;

/// A key that a system may have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The queues of an exchange of Celery.
    Binding { prefix: String, exchange: String },
    /// The names of all queues: of RQ, of Sidekiq, or of Resque.
    Queues { prefix: String },
    /// A list that may have a job of Sidekiq.
    Job { prefix: String, queue: String },
    /// What BullMQ writes down about a queue.
    Meta { prefix: String, name: String },
    /// The counter of Bull and BullMQ.
    Bull { prefix: String, name: String },
    /// A queue of Laravel.
    Laravel {
        prefix: String,
        name: String,
        key: String,
    },
}

impl Look {
    pub(crate) fn command(&self) -> Cmd {
        let scan = |key: String| cmd("SSCAN").arg(key).arg(0).arg("COUNT").arg(1_000).take();
        let first = |key: &str| cmd("LINDEX").arg(key).arg(0).take();
        match self {
            Self::Binding { prefix, exchange } => scan(format!("{prefix}{BINDING}{exchange}")),
            Self::Queues { prefix } => scan(format!("{prefix}queues")),
            Self::Job { prefix, queue } => first(&format!("{prefix}queue:{queue}")),
            Self::Meta { prefix, name } => cmd("HMGET")
                .arg(format!("{prefix}:{name}:meta"))
                .arg("version")
                .arg("opts.maxLenEvents")
                .take(),
            Self::Bull { prefix, name } => cmd("EXISTS").arg(format!("{prefix}:{name}:id")).take(),
            Self::Laravel { key, .. }
                if key.ends_with(":reserved") || key.ends_with(":delayed") =>
            {
                cmd("ZRANGE").arg(key).arg(0).arg(0).take()
            }
            Self::Laravel { key, .. } => first(key),
        }
    }
}

const BINDING: &str = "_kombu.binding.";
/// What stands behind the name of a queue of Bull.
const BULL: [&str; 7] = [
    "wait",
    "active",
    "delayed",
    "completed",
    "failed",
    "paused",
    "stalled-check",
];

/// Everything that is worth a look among these keys.
pub(crate) fn looks(keys: &BTreeSet<String>) -> Vec<Look> {
    let each = |max: usize, look: &dyn Fn(&str) -> Option<Look>| {
        let looks = keys.iter().filter_map(|key| look(key));
        looks.take(max).collect::<Vec<_>>()
    };
    let bull = |key: &str| {
        let (prefix, name) = bull_queue(key, "id")?;
        let exists = |kind: &&str| keys.contains(&format!("{prefix}:{name}:{kind}"));
        BULL.iter()
            .any(exists)
            .then_some(Look::Bull { prefix, name })
    };
    let mut jobs = each(usize::MAX, &job);
    jobs.dedup_by(|one, other| matches!((one, other), (Look::Job { prefix: a, .. }, Look::Job { prefix: b, .. }) if a == b));
    jobs.truncate(MAX_JOBS);
    [
        each(MAX_LOOKS, &binding),
        each(MAX_LOOKS, &queues),
        jobs,
        each(MAX_LOOKS, &meta),
        each(MAX_LOOKS, &bull),
        each(MAX_JOBS, &laravel),
    ]
    .concat()
}

fn binding(key: &str) -> Option<Look> {
    let (prefix, exchange) = key.split_once(BINDING)?;
    let (prefix, exchange) = (prefix.to_owned(), exchange.to_owned());
    Some(Look::Binding { prefix, exchange })
}

fn queues(key: &str) -> Option<Look> {
    let prefix = key
        .strip_suffix("queues")
        .filter(|prefix| is_prefix(prefix))?;
    Some(Look::Queues {
        prefix: prefix.to_owned(),
    })
}

fn job(key: &str) -> Option<Look> {
    let (prefix, queue) = key
        .split_once("queue:")
        .filter(|(prefix, _)| is_prefix(prefix))?;
    let (prefix, queue) = (prefix.to_owned(), queue.to_owned());
    Some(Look::Job { prefix, queue })
}

fn meta(key: &str) -> Option<Look> {
    let (prefix, name) = bull_queue(key, "meta")?;
    Some(Look::Meta { prefix, name })
}

fn laravel(key: &str) -> Option<Look> {
    let (prefix, name) = key
        .split_once("queues:")
        .filter(|(prefix, _)| is_prefix(prefix))?;
    let suffixes = [":notify", ":reserved", ":delayed"];
    let bare = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    Some(Look::Laravel {
        prefix: prefix.to_owned(),
        name: bare.unwrap_or(name).to_owned(),
        key: key.to_owned(),
    })
}

/// Whether a name can begin behind this.
fn is_prefix(text: &str) -> bool {
    text.chars()
        .next_back()
        .is_none_or(|last| !last.is_alphanumeric())
}

/// The prefix and the queue of a key `PREFIX:QUEUE:kind`. With the default prefix a name may have colons.
fn bull_queue(key: &str, kind: &str) -> Option<(String, String)> {
    let queue = key.strip_suffix(kind)?.strip_suffix(':')?;
    let split = match queue.strip_prefix("bull:") {
        Some(name) => Some(("bull", name)),
        None => queue.rsplit_once(':'),
    };
    let (prefix, name) = split.filter(|(prefix, name)| !prefix.is_empty() && !name.is_empty())?;
    Some((prefix.to_owned(), name.to_owned()))
}

/// What stands between `start` and `end` in the keys that begin with `start`, each once.
pub(crate) fn names<'a>(keys: &'a BTreeSet<String>, start: &str, end: &str) -> BTreeSet<&'a str> {
    let keys = keys.range(start.to_owned()..);
    let keys = keys.map_while(|key| key.strip_prefix(start));
    keys.filter_map(|rest| rest.split_once(end))
        .map(|(name, _)| name)
        .collect()
}
