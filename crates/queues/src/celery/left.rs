//! What workers that are gone have fetched and not finished. It stays in the hash `unacked` until a worker returns it to its
//! queue, and no worker can be asked about it.

use super::control::instant;
use crate::queue::LOOK_AHEAD;
use decide::Metric;
use redis::Value;

/// Fetched tasks without a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub in_flight: Metric,
    pub delayed: Metric,
    pub due: Metric,
}

impl Default for Left {
    fn default() -> Self {
        let none = Metric::Known(0);
        Self {
            in_flight: none,
            delayed: none,
            due: none,
        }
    }
}

impl Left {
    /// Of so many tasks, of which no sample was read.
    pub fn unread(unacked: i64) -> Self {
        Self {
            in_flight: match unacked {
                0 => Metric::Known(0),
                unacked => Metric::Estimated(unacked),
            },
            ..Self::default()
        }
    }

    /// What was fetched from `queue`, from a sample of all that was fetched.
    pub fn of(queue: &str, scan: &[Value], unacked: i64, now: i64) -> Self {
        let [_, Value::Array(fields)] = scan else {
            return Self::default();
        };
        let (mut seen, mut in_flight, mut delayed, mut due) = (0i64, 0i64, 0i64, 0i64);
        for value in fields.iter().skip(1).step_by(2) {
            seen += 1;
            let Some(eta) = fetched(queue, value) else {
                continue;
            };
            if eta > now {
                delayed += 1;
                due += i64::from(eta <= now.saturating_add(LOOK_AHEAD));
            } else {
                in_flight += 1;
            }
        }
        let all = seen >= unacked;
        let scaled = |count: i64| {
            if all {
                Metric::Known(count)
            } else {
                Metric::Estimated(count.saturating_mul(unacked).div_euclid(seen.max(1)))
            }
        };
        Self {
            in_flight: scaled(in_flight),
            delayed: scaled(delayed),
            due: scaled(due),
        }
    }
}

/// When the task in a field of `unacked` may begin, at once without an eta; `None` for one of another queue.
fn fetched(queue: &str, value: &Value) -> Option<i64> {
    let Value::BulkString(text) = value else {
        return None;
    };
    let entry: serde_json::Value = serde_json::from_slice(text).ok()?;
    let key = entry[2].as_str()?;
    (key == queue).then(|| instant(&entry[0]["headers"]["eta"]).unwrap_or(i64::MIN))
}

#[cfg(test)]
mod tests {
    use crate::recorded::{NOW, bulk, read};
    use crate::{Queue, QueueOptions, QueueSystem};
    use decide::Metric;
    use redis::Value;
    use serde_json::json;

    /// A task of `queue` with a countdown of so many seconds, in a field of `unacked` as kombu writes it.
    fn task(queue: &str, countdown: Option<i64>) -> [Value; 2] {
        let eta = countdown.map(|seconds| {
            let at = jiff::Timestamp::from_millisecond(NOW + seconds * 1_000);
            at.expect("an instant").to_string()
        });
        let entry = json!([{"body": "", "headers": {"task": "jobs.run", "eta": eta}}, "", queue]);
        [bulk("a tag"), bulk(&entry.to_string())]
    }

    #[test]
    fn what_comes_due_without_a_worker_is_known() {
        let tasks = [
            task("mail", None),
            task("mail", Some(-5)),
            task("mail", Some(10)),
            task("mail", Some(11)),
            task("other", None),
        ];
        for (unacked, exact) in [(5, true), (10, false)] {
            let scan = vec![bulk("0"), Value::Array(tasks.concat())];
            let replies = [
                ("HLEN unacked", Value::Int(unacked)),
                ("CLIENT INFO", bulk("id=1 addr=10.0.0.1:5 db=0")),
                ("HSCAN unacked 0 COUNT 100", Value::Array(scan)),
            ];
            let queue = Queue::new(QueueSystem::Celery, &QueueOptions::named("mail"));
            let metrics = read(&queue, &replies).expect("readable").metrics;
            let in_flight = if exact {
                Metric::Known(2)
            } else {
                Metric::Estimated(4)
            };
            let scale = if exact { 1 } else { 2 };
            assert_eq!(
                (metrics.in_flight, metrics.delayed, metrics.due),
                (
                    in_flight,
                    Metric::Estimated(2 * scale),
                    Metric::Estimated(scale)
                )
            );
        }
    }
}
