//! What the replies to a read mean, whichever system they are of. They are foreign: each has a bound, and what has not the
//! expected form is absent, never zero.

use crate::convert::instant;
use crate::error::describe_first_error;
use crate::queue::LOOK_AHEAD;
use decide::victims::{Activity, DrainState, Worker, WorkerReport};
use decide::{Metric, is_hidden};
use redis::Value;
use std::sync::{Mutex, PoisonError};

/// The most workers of a queue that are read.
pub(crate) const MAX_WORKERS: usize = 10_000;
/// The longest name of a worker, a host or a task that is kept.
const MAX_NAME: usize = 1_024;
/// How often the server's list of clients is read, in milliseconds: it is long where there are many.
const CLIENTS_INTERVAL: i64 = 10_000;

/// The first replies, of a fixed number. An error anywhere among them is the error of the queue: what could not be read is
/// not zero.
pub(crate) fn checked<const N: usize>(
    replies: &[Value],
) -> Result<(&[Value; N], &[Value]), String> {
    match describe_first_error(replies) {
        Some(error) => Err(error),
        None => replies
            .split_first_chunk()
            .ok_or_else(|| another_form("its reads")),
    }
}

/// The error of a reply that has not the expected form.
pub(crate) fn another_form(what: &str) -> String {
    format!("it answered {what} with another form")
}

/// A number, also one that is stored as text.
pub(crate) fn number(reply: &Value) -> Option<i64> {
    match reply {
        Value::Int(number) => Some(*number),
        _ => text(reply)?.parse().ok(),
    }
}

/// A length or count.
pub(crate) fn count(reply: &Value) -> Result<i64, String> {
    match reply {
        Value::Int(count) if *count >= 0 => Ok(*count),
        _ => Err(another_form("a count")),
    }
}

/// A text of any length.
pub(crate) fn text(reply: &Value) -> Option<&str> {
    match reply {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

/// A name; one that is too long or empty is none.
pub(crate) fn name(reply: &Value) -> Option<&str> {
    text(reply).filter(|name| (1..=MAX_NAME).contains(&name.len()))
}

/// The longest name that is shown, in characters: more than a pod's may have.
pub(crate) const MAX_SHOWN: usize = 256;

/// Whether a name can be shown as it is.
pub(crate) fn is_shown(name: &str) -> bool {
    (1..=MAX_SHOWN).contains(&name.chars().count()) && !name.contains(is_hidden)
}

/// The members of a list or set.
pub(crate) fn list(reply: &Value) -> Result<&[Value], String> {
    match reply {
        Value::Array(members) | Value::Set(members) => Ok(members),
        _ => Err(another_form("a list")),
    }
}

/// A fixed number of values, such as the fields of a hash.
pub(crate) fn fields<const N: usize>(reply: &Value) -> Result<&[Value; N], String> {
    let is_field = |field: &Value| matches!(field, Value::Nil) || text(field).is_some();
    match list(reply)?.as_array() {
        Some(fields) if fields.iter().all(is_field) => Ok(fields),
        _ => Err(another_form("fields")),
    }
}

/// The names in a list or set.
pub(crate) fn names(reply: &Value) -> Result<Vec<&str>, String> {
    let names = list(reply)?
        .iter()
        .map(|it| name(it).ok_or_else(|| another_form("a name")));
    names.collect()
}

/// The names in a set of workers.
pub(crate) fn workers(reply: &Value) -> Result<Vec<&str>, String> {
    let names = names(reply)?;
    if names.len() > MAX_WORKERS {
        return Err(format!("more than {MAX_WORKERS} workers are registered"));
    }
    Ok(names)
}

/// The server's time, in milliseconds since 1970, from the reply to `TIME`.
pub(crate) fn time(reply: &Value) -> Result<i64, String> {
    match fields(reply)?.each_ref().map(number) {
        [Some(seconds), Some(micros)] => {
            Ok(seconds.saturating_mul(1000).saturating_add(micros / 1000))
        }
        _ => Err(another_form("TIME")),
    }
}

/// Until when a delayed task counts as due at `time`.
pub(crate) fn soon(time: i64) -> i64 {
    time.saturating_add(LOOK_AHEAD)
}

/// When a task was queued: an instant at the server's `time`, in milliseconds since 1970.
pub(crate) fn queued_at(at: Option<i64>, time: i64) -> Metric {
    let at = at.and_then(|at| instant(at, time));
    at.map_or(Metric::Unsupported, Metric::Known)
}

/// For how long a task has run at the server's `time` that began then, in milliseconds.
pub(crate) fn running(began: Option<i64>, time: i64) -> Option<i64> {
    let began = began.and_then(|began| instant(began, time))?;
    Some(time.saturating_sub(began).max(0))
}

/// Milliseconds since 1970 of a time in seconds, or in milliseconds where it cannot be seconds.
pub(crate) fn millis(at: f64) -> Option<i64> {
    /// In seconds this is the year 5138.
    const FIRST_MILLIS: f64 = 1e11;
    let millis = if at < FIRST_MILLIS { at * 1000.0 } else { at };
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked")]
    (millis > 0.0).then_some(millis as i64)
}

/// Seconds with a fraction, as a score in Redis.
pub(crate) fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

/// A live worker that holds `tasks` tasks. What it does not report is unknown.
pub(crate) fn worker(queue: usize, id: &str, pod: Option<&str>, tasks: u64, time: i64) -> Worker {
    let busy = tasks > 0;
    Worker {
        queue,
        id: id.to_owned(),
        pod: pod.map(str::to_owned),
        namespace: None,
        slots: 1,
        busy,
        drain: DrainState::Unsupported,
        since: time,
        report: WorkerReport {
            activity: if busy { Activity::Busy } else { Activity::Idle },
            tasks,
            ..WorkerReport::default()
        },
    }
}

/// A number of things.
pub(crate) fn known(number: usize) -> Metric {
    Metric::Known(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What the server's list of clients said last.
#[derive(Debug)]
pub(crate) struct Clients<T>(Mutex<Option<(i64, Option<T>)>>);

impl<T: Clone> Clients<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether the list must be read at `time`.
    pub(crate) fn is_due(&self, time: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |at: i64| (0..CLIENTS_INTERVAL).contains(&time.saturating_sub(at));
        known.as_ref().is_none_or(|(at, _)| !is_fresh(*at))
    }

    /// What the list says; `None` where the user may not read it. `reply` is a new list, if one was read.
    pub(crate) fn update<'a>(
        &self,
        reply: Option<&'a Value>,
        time: i64,
        parse: impl FnOnce(&mut dyn Iterator<Item = Client<'a>>) -> T,
    ) -> Option<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reply) = reply {
            let lines = text(reply).map(str::lines);
            let clients = lines.map(|lines| parse(&mut lines.map(Client)));
            *known = Some((time, clients));
        }
        known.as_ref().and_then(|(_, clients)| clients.clone())
    }
}

/// A line of the reply to `CLIENT LIST`.
pub(crate) struct Client<'a>(&'a str);

impl<'a> Client<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        Self(line)
    }

    /// A field, such as `name`; empty where it is absent.
    pub(crate) fn field(&self, name: &str) -> &'a str {
        let mut fields = self.0.split(' ').filter_map(|it| it.split_once('='));
        fields
            .find(|(field, _)| *field == name)
            .map_or("", |it| it.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_form_is_absent() {
        let bytes = |text: &str| Value::BulkString(text.into());
        assert_eq!(number(&bytes("12")), Some(12));
        for reply in [bytes("x"), bytes(""), Value::Nil, Value::Array(Vec::new())] {
            assert_eq!((number(&reply), count(&reply).ok()), (None, None));
        }
        assert_eq!(name(&bytes(&"x".repeat(1_025))), None);
        assert!(time(&Value::Array(vec![bytes("1")])).is_err());
        let many = vec![bytes("worker"); MAX_WORKERS + 1];
        assert!(workers(&Value::Array(many)).is_err());
    }

    #[rstest::rstest]
    #[case("seconds", 1_794_000_000.25, Some(1_794_000_000_250))]
    #[case("milliseconds", 1_794_000_000_250.0, Some(1_794_000_000_250))]
    #[case("no time", -1.0, None)]
    #[case("no number", f64::NAN, None)]
    #[case("microseconds, which are no instant", 1.794e15, None)]
    fn times_are_in_seconds_or_milliseconds(
        #[case] case: &str,
        #[case] at: f64,
        #[case] expected: Option<i64>,
    ) {
        let metric = queued_at(millis(at), 1_794_000_001_000);
        assert_eq!(metric.known(), expected, "{case}");
    }

    #[test]
    fn the_list_of_clients_is_read_at_times_and_a_refusal_is_no_empty_list() {
        let clients = Clients::new();
        let count = |lines: &mut dyn Iterator<Item = Client<'_>>| {
            lines.filter(|client| client.field("name") == "a").count()
        };
        assert!(clients.is_due(50_000));
        let list = Value::BulkString("id=1 addr=10.0.0.1:5 name=a cmd=blpop\nid=2 name=b".into());
        assert_eq!(clients.update(Some(&list), 50_000, count), Some(1));
        assert!(!clients.is_due(59_999));
        assert_eq!(clients.update(None, 59_999, count), Some(1));
        assert!(clients.is_due(60_000) && clients.is_due(49_000));
        assert_eq!(clients.update(Some(&Value::Nil), 60_000, count), None);
        assert_eq!(clients.update(None, 60_001, count), None);
    }
}
