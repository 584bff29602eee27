//! A queue of a pool that has long had no key: what is named alike, in this database and in the others.

use super::redis::RedisClient;
use super::search::{SEARCH_TIME, line, search};
use super::server::replies;
use crate::text::lang::{Lang, tr};
use api::{QueueSpec, WorkerPool, time};
use decide::foreign;
use jiff::Timestamp;
use queues::Found;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Value};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long the pool must have had no task.
const LONG: i64 = 10 * 60 * 1_000;
/// The time limit for everything.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// How many other databases are searched, and how many queues are named.
const MAX_DATABASES: usize = 16;
const MAX_NAMES: usize = 3;

/// Hints for the queues of `pool` that have no key and had no task for ten minutes, where the Redis holds something that
/// they may mean. What cannot be read gives no hint.
pub async fn hints(client: &RedisClient, pool: &WorkerPool, now: Timestamp) -> Vec<String> {
    if !has_long_been_empty(pool, now) {
        return Vec::new();
    }
    let found = timeout(TIMEOUT, find(client, pool)).await;
    found.ok().and_then(Result::ok).unwrap_or_default()
}

/// Whether the pool has had neither task nor worker for ten minutes: the status is written when its metrics change.
pub fn has_long_been_empty(pool: &WorkerPool, now: Timestamp) -> bool {
    let metrics = pool
        .status
        .as_ref()
        .and_then(|status| status.metrics.as_ref());
    metrics.is_some_and(|metrics| {
        let since = metrics.at.map(|at| time(now).0 - time(at).0);
        metrics.ready.value == Some(0)
            && metrics.live.value.is_none_or(|live| live == 0)
            && since.is_some_and(|since| since >= LONG)
    })
}

async fn find(client: &RedisClient, pool: &WorkerPool) -> anyhow::Result<Vec<String>> {
    let lang = client.lang();
    let mut redis = client.connect(AsyncConnectionConfig::new()).await?;
    let mut missing = Vec::new();
    for spec in &pool.spec.queues {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(spec.queue().wake_keys());
        if replies(&mut redis, &[exists], lang).await? == [Value::Int(0)] {
            missing.push(spec);
        }
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let end = Instant::now() + SEARCH_TIME;
    let database = client.database();
    let mut all = Vec::new();
    for number in databases(&mut redis, database, lang).await? {
        let select = redis::cmd("SELECT").arg(number).take();
        if number != database && replies(&mut redis, &[select], lang).await? != [Value::Okay] {
            continue;
        }
        let found = search(&mut redis, end, lang).await?.found;
        all.extend(found.into_iter().map(|found| (number, found)));
    }
    let hint = |spec: &QueueSpec| hint(spec, &all, database, lang);
    Ok(missing.into_iter().filter_map(hint).collect())
}

/// The databases that hold keys, first the pool's own.
async fn databases(
    redis: &mut MultiplexedConnection,
    own: i64,
    lang: Lang,
) -> anyhow::Result<Vec<i64>> {
    let info: Cmd = redis::cmd("INFO").arg("keyspace").take();
    let reply = replies(redis, &[info], lang).await?.pop();
    let text: String = redis::from_redis_value(reply.unwrap_or(Value::Nil)).unwrap_or_default();
    let numbers = text.lines().filter_map(|line| {
        let (number, _) = line.strip_prefix("db")?.split_once(':')?;
        number.parse::<i64>().ok()
    });
    let others = numbers.filter(|number| *number != own).take(MAX_DATABASES);
    Ok([own].into_iter().chain(others).collect())
}

/// What `spec` may mean among the queues that were found.
fn hint(spec: &QueueSpec, all: &[(i64, Found)], own: i64, lang: Lang) -> Option<String> {
    let mut near: Vec<(usize, String)> = all
        .iter()
        .filter_map(|(number, found)| {
            let distance = distance(&spec.name, &found.options.name)?;
            let queue = line(found);
            let text = if *number == own {
                queue
            } else {
                tr!(lang, "cli-missing-elsewhere", queue, number)
            };
            Some((distance, text))
        })
        .collect();
    near.sort();
    let near: Vec<String> = near
        .into_iter()
        .take(MAX_NAMES)
        .map(|(_, text)| text)
        .collect();
    let near = (!near.is_empty()).then(|| near.join(", "))?;
    let (name, system) = (foreign(&spec.name, 60), spec.system.name());
    Some(tr!(lang, "cli-missing-queue", name, system, near))
}

/// How far two names are apart; `None` where they have nothing in common. One that is a part of the other, between its
/// separators, is the same: the key `bull:reports:wait` is of the queue `reports`.
fn distance(wanted: &str, found: &str) -> Option<usize> {
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words
            .filter(|word| word.len() > 2)
            .map(str::to_lowercase)
            .collect()
    };
    let (wanted, found) = (wanted.to_lowercase(), found.to_lowercase());
    if wanted == found {
        return Some(0);
    }
    let is_part = |part: &str, whole: &str| words(whole).contains(part);
    if is_part(&wanted, &found) || is_part(&found, &wanted) {
        return Some(1);
    }
    let edits = edits(&wanted, &found);
    (edits <= 2 && wanted.chars().count() > 3).then_some(1 + edits)
}

/// How many characters must be changed, added or removed between two names.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(256).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, c) in one.chars().take(256).enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, d) in other.iter().enumerate() {
            let above = row[column + 1];
            let replaced = diagonal + usize::from(c != *d);
            row[column + 1] = replaced.min(above + 1).min(row[column] + 1);
            diagonal = above;
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_near_where_one_may_mean_the_other() {
        for (wanted, found, expected) in [
            ("reports", "reports", Some(0)),
            ("Reports", "reports", Some(0)),
            ("bull:reports:wait", "reports", Some(1)),
            ("reports", "app-reports", Some(1)),
            ("report", "reports", Some(2)),
            ("defualt", "default", Some(3)),
            ("reports", "mail", None),
            ("a", "b", None),
            ("rq:queue", "rq", None),
        ] {
            assert_eq!(distance(wanted, found), expected, "{wanted} {found}");
        }
    }
}
