//! Searches a database for queues, within limits that no Redis notices.

use super::server::replies;
use crate::text::lang::Lang;
use queues::{Finder, Found, QueueOption, QueueOptions};
use redis::Value;
use redis::aio::MultiplexedConnection;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long keys are listed.
pub const SEARCH_TIME: Duration = Duration::from_secs(1);
/// About how many keys one `SCAN` returns.
const PAGE: usize = 1_000;

/// Words that YAML takes for something else.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// What a search found.
#[derive(Debug)]
pub struct Search {
    /// The queues, those of one system together.
    pub found: Vec<Found>,
    /// Whether all keys were seen.
    pub complete: bool,
}

/// Searches the database of `redis`; lists its keys no longer than until `end`.
pub async fn search(
    redis: &mut MultiplexedConnection,
    end: Instant,
    lang: Lang,
) -> anyhow::Result<Search> {
    let (keys, complete) = keys(redis, end, lang).await?;
    let mut finder = Finder::new(keys);
    let first = replies(redis, &finder.commands(), lang).await?;
    let more = finder.more(&first);
    let found = match more.as_slice() {
        [] => finder.finish(&[]),
        more => finder.finish(&replies(redis, more, lang).await?),
    };
    Ok(Search { found, complete })
}

/// The keys, and whether these are all.
async fn keys(
    redis: &mut MultiplexedConnection,
    end: Instant,
    lang: Lang,
) -> anyhow::Result<(BTreeSet<String>, bool)> {
    let mut keys = BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(&cursor).arg("COUNT").arg(PAGE);
        let reply = replies(redis, &[scan], lang).await?.pop();
        if let Some(Value::ServerError(error)) = &reply {
            let error = queues::describe_server_error(error.code(), error.details());
            anyhow::bail!("Redis: {error}");
        }
        let (next, page): (String, Vec<Vec<u8>>) =
            redis::from_redis_value(reply.unwrap_or(Value::Nil))?;
        // A key that is no text belongs to no queue that a pool could name.
        keys.extend(page.into_iter().flat_map(String::from_utf8));
        if next == "0" {
            return Ok((keys, true));
        }
        if keys.len() >= Finder::MAX_KEYS || Instant::now() >= end {
            return Ok((keys, false));
        }
        cursor = next;
    }
}

/// A queue as `spec.queues` has it.
pub fn spec(found: &Found) -> Json {
    let QueueOptions {
        name,
        group,
        key_prefix,
        priorities,
        separator,
    } = &found.options;
    let mut spec = Map::new();
    spec.insert("name".to_owned(), json!(name));
    spec.insert("system".to_owned(), json!(found.system));
    let priorities = (!priorities.is_empty()).then_some(priorities);
    let options = [
        (QueueOption::Group, json!(group)),
        (QueueOption::KeyPrefix, json!(key_prefix)),
        (QueueOption::Priorities, json!(priorities)),
        (QueueOption::Separator, json!(separator)),
    ];
    let given = options.into_iter().filter(|(_, value)| !value.is_null());
    spec.extend(given.map(|(option, value)| (option.name().to_owned(), value)));
    spec.into()
}

/// A queue as one line of YAML, such as `{name: mail, system: RQ}`.
pub fn line(found: &Found) -> String {
    let spec = spec(found);
    let fields = spec.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| format!("{name}: {}", yaml(value)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// A value as YAML: what is no plain word is quoted, and what no screen shows is escaped.
fn yaml(value: &Json) -> String {
    let plain = |text: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        text.chars().next().is_some_and(|c| c.is_ascii_alphabetic()) && text.chars().all(is_plain)
    };
    match value {
        Json::String(text)
            if plain(text) && !WORDS.contains(&text.to_ascii_lowercase().as_str()) =>
        {
            text.clone()
        }
        value => {
            let escaped = |c: char| match c {
                c if decide::is_hidden(c) => format!("\\u{:04x}", u32::from(c)),
                c => c.to_string(),
            };
            value.to_string().chars().map(escaped).collect()
        }
    }
}
