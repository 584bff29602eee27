//! A consumer group of a Redis stream: what it has not delivered yet waits, what is not acknowledged is in flight.
//! The replies were recorded from Redis 7.0.

use crate::queue::{Parsed, QueueOptions, Reader, Reading, Reads, error_text};
use crate::reply::another_form;
use crate::system::{Capabilities, ClusterKeys, QueueOption, Support};
use decide::{Metric, QueueMetrics};
use redis::{Value, from_redis_value};
use std::collections::HashMap;
use std::time::Duration;

const CONSUMERS: Support = Support::Unsupported("consumers that have gone stay in their group");

const NO_DELAY: Support = Support::Unsupported("a stream has no delayed entries");

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Estimated(
        "exact; where Redis does not know a group's lag, it is counted up to 1,000",
    ),
    due: NO_DELAY,
    delayed: NO_DELAY,
    in_flight: Support::Exact,
    held: Support::Unsupported("entries in flight include those that a consumer has not begun"),
    paused: Support::Unsupported("a stream cannot be paused"),
    workers: CONSUMERS,
    cpu: CONSUMERS,
    oldest: Support::Estimated("by the entry's ID, where the server chose it"),
    counters: Support::Unsupported("a stream does not record how long entries take"),
    drain: CONSUMERS,
    idle: Support::Estimated("where consumers wait by XREADGROUP with BLOCK"),
    sigterm: Support::Unsupported("its program decides"),
    handler: None,
    grace: Duration::ZERO,
    registration: Duration::ZERO,
    cluster: ClusterKeys::OneSlot,
    options: &[QueueOption::Group],
};

/// Redis forgets a group's lag where an entry that it has not delivered is deleted. It is counted up to this number then:
/// a longer count would block Redis.
const MAX_COUNT: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Stream {
    key: String,
    reads: Reads,
    group: String,
}

pub(crate) fn open(options: &QueueOptions) -> Stream {
    Stream {
        reads: Reads {
            wake_keys: vec![options.name.clone()],
            tracked: vec![redis::cmd("XLEN").arg(&options.name).take()],
            first: vec![redis::cmd("XINFO").arg("GROUPS").arg(&options.name).take()],
        },
        key: options.name.clone(),
        group: options.group.clone().unwrap_or_default(),
    }
}

/// A group of the reply to `XINFO GROUPS`.
struct Group {
    pending: i64,
    last_delivered: String,
    /// Entries that are not delivered yet; `None` where Redis does not know.
    lag: Option<i64>,
}

impl Reader for Stream {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn parse(&self, replies: &mut [Value], _: usize) -> Result<Parsed, String> {
        let (first, second) = match &*replies {
            [first, second] => (first, Some(second)),
            [first] => (first, None),
            _ => (&Value::Nil, None),
        };
        let group = match first {
            // The key does not exist: nothing has been added, or the group is made with the first entry.
            Value::ServerError(error) if error.details() == Some("no such key") => {
                return Ok(done(0, 0, None));
            }
            Value::Array(groups) => self.group(groups)?,
            other => {
                let expected = "XINFO GROUPS did not return a list";
                return Err(error_text(std::slice::from_ref(other), expected));
            }
        };
        match (group, second) {
            // Without its group, no entry of the stream has been delivered.
            (None, None) => Ok(Parsed::More(self.reads.tracked.clone())),
            (None, Some(Value::Int(length))) => Ok(done(*length, 0, None)),
            (
                Some(Group {
                    pending,
                    lag: Some(0),
                    ..
                }),
                _,
            ) => Ok(done(0, pending, None)),
            (Some(group), None) => {
                let count = if group.lag.is_some() { 1 } else { MAX_COUNT };
                let after = format!("({}", group.last_delivered);
                Ok(Parsed::More(vec![
                    redis::cmd("XRANGE")
                        .arg(&self.key)
                        .arg(after)
                        .arg("+")
                        .arg("COUNT")
                        .arg(count)
                        .take(),
                ]))
            }
            (Some(group), Some(Value::Array(entries))) => {
                let counted = i64::try_from(entries.len()).unwrap_or(i64::MAX);
                let oldest = entries.first().and_then(entry_time);
                Ok(done(group.lag.unwrap_or(counted), group.pending, oldest))
            }
            (_, Some(other)) => {
                let expected = "XRANGE did not return a list";
                Err(error_text(std::slice::from_ref(other), expected))
            }
        }
    }
}

impl Stream {
    /// This queue's group in the reply to `XINFO GROUPS`.
    fn group(&self, groups: &[Value]) -> Result<Option<Group>, String> {
        // The library's error quotes the reply.
        let unreadable = |_: redis::ParsingError| another_form("XINFO GROUPS");
        for group in groups {
            let mut fields: HashMap<String, Value> =
                from_redis_value(group.clone()).map_err(unreadable)?;
            let mut take = |field| fields.remove(field).unwrap_or_default();
            let name: String = from_redis_value(take("name")).map_err(unreadable)?;
            if name == self.group {
                return Ok(Some(Group {
                    pending: from_redis_value(take("pending")).map_err(unreadable)?,
                    last_delivered: from_redis_value(take("last-delivered-id"))
                        .map_err(unreadable)?,
                    lag: from_redis_value(take("lag")).map_err(unreadable)?,
                }));
            }
        }
        Ok(None)
    }
}

/// When an entry was added: the first half of an ID that the server chose, in milliseconds since 1970.
fn entry_time(entry: &Value) -> Option<i64> {
    let Value::Array(entry) = entry else {
        return None;
    };
    let id: String = from_redis_value(entry.first()?.clone()).ok()?;
    id.split_once('-')?.0.parse().ok()
}

fn done(ready: i64, pending: i64, oldest_at: Option<i64>) -> Parsed {
    Parsed::Done(Reading::of(QueueMetrics {
        ready: Metric::Known(ready),
        in_flight: Metric::Known(pending),
        oldest_at: oldest_at.map_or(Metric::Unsupported, Metric::Known),
        ..QueueMetrics::UNSUPPORTED
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{bulk, line};
    use crate::{Queue, QueueSystem};

    /// `XINFO GROUPS` of a stream with another group and `jobs`.
    fn groups(pending: i64, last_delivered: &str, lag: Value) -> Value {
        let group = |name: &str, pending, last: &str, lag| {
            Value::Map(vec![
                (bulk("name"), bulk(name)),
                (bulk("consumers"), Value::Int(2)),
                (bulk("pending"), Value::Int(pending)),
                (bulk("last-delivered-id"), bulk(last)),
                (bulk("entries-read"), Value::Nil),
                (bulk("lag"), lag),
            ])
        };
        Value::Array(vec![
            group("audit", 9, "0-0", Value::Int(99)),
            group("jobs", pending, last_delivered, lag),
        ])
    }

    fn entries(ids: &[&str]) -> Value {
        let entry = |id: &&str| Value::Array(vec![bulk(id), Value::Array(Vec::new())]);
        Value::Array(ids.iter().map(entry).collect())
    }

    /// The command that a second read sends, or the metrics.
    fn parse(mut replies: Vec<Value>) -> Result<QueueMetrics, String> {
        let options = QueueOptions {
            group: Some("jobs".to_owned()),
            ..QueueOptions::named("orders")
        };
        match Queue::new(QueueSystem::Stream, &options).parse(&mut replies, 0) {
            Ok(Parsed::Done(reading)) => Ok(reading.metrics),
            Ok(Parsed::More(commands)) => Err(line(&commands[0])),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    fn metrics(ready: i64, in_flight: i64, oldest: Option<i64>) -> QueueMetrics {
        QueueMetrics {
            ready: Metric::Known(ready),
            in_flight: Metric::Known(in_flight),
            oldest_at: oldest.map_or(Metric::Unsupported, Metric::Known),
            ..QueueMetrics::UNSUPPORTED
        }
    }

    #[test]
    fn what_is_not_delivered_waits_and_the_oldest_is_read_after_it() {
        let read = || groups(3, "1700-0", Value::Int(5));
        let more = parse(vec![read()]).expect_err("a second read");
        assert_eq!(more, "XRANGE orders (1700-0 + COUNT 1");
        let oldest = entries(&["1800-2"]);
        assert_eq!(parse(vec![read(), oldest]), Ok(metrics(5, 3, Some(1800))));
        let all_delivered = groups(2, "1700-0", Value::Int(0));
        assert_eq!(parse(vec![all_delivered]), Ok(metrics(0, 2, None)));
    }

    #[test]
    fn an_unknown_lag_is_counted_and_not_zero() {
        let read = || groups(1, "1700-0", Value::Nil);
        let more = parse(vec![read()]).expect_err("a second read");
        assert_eq!(more, "XRANGE orders (1700-0 + COUNT 1000");
        let rest = entries(&["1800-0", "1801-0"]);
        assert_eq!(parse(vec![read(), rest]), Ok(metrics(2, 1, Some(1800))));
        assert_eq!(parse(vec![read(), entries(&[])]), Ok(metrics(0, 1, None)));
    }

    #[test]
    fn without_its_group_all_entries_wait() {
        let none = || Value::Array(Vec::new());
        assert_eq!(
            parse(vec![none()]).expect_err("a second read"),
            "XLEN orders"
        );
        assert_eq!(parse(vec![none(), Value::Int(4)]), Ok(metrics(4, 0, None)));
    }

    #[test]
    fn other_replies_are_unreadable_and_not_zero() {
        for reply in [Value::Nil, Value::Int(3), Value::Array(vec![Value::Int(1)])] {
            let error = parse(vec![reply.clone()]).expect_err("unreadable");
            assert!(error.contains("orders"), "{reply:?}: {error}");
        }
    }
}
