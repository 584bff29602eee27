//! Laravel's Redis queues, worked off by `queue:work` or by Horizon, which also registers its processes. The replies were
//! recorded from Laravel 8; Horizon's are those that its documentation and source name.

use crate::queue::{Parsed, QueueOptions, Reader, Reading, Reads};
use crate::reply::{
    Clients, another_form, checked, count, fields, known, millis, name, names, queued_at, soon,
    text, time,
};
use crate::system::{Capabilities, ClusterKeys, QueueOption, Support};
use decide::{Metric, QueueMetrics};
use redis::{Cmd, Value, cmd};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Exact,
    due: Support::Exact,
    delayed: Support::Exact,
    in_flight: Support::Estimated("exact; what a killed worker held counts until its retry_after"),
    held: Support::Exact,
    paused: Support::Unsupported("Laravel keeps pauses in its cache"),
    workers: Support::Estimated(
        "with Horizon, each pod and its processes; with queue:work, as long as one of its workers waits with block_for",
    ),
    cpu: Support::Unsupported("Laravel's workers do not report it"),
    oldest: Support::Estimated("reported by Laravel 13 and Horizon"),
    counters: Support::Unsupported("Laravel does not count jobs"),
    drain: Support::Unsupported("queue:work cannot be asked to take no more jobs"),
    idle: Support::Estimated("where workers wait with block_for"),
    sigterm: Support::Exact,
    handler: None,
    grace: Duration::ZERO,
    // As long as Horizon's masters.
    registration: Duration::from_secs(15),
    cluster: ClusterKeys::OneSlotByPrefix,
    options: &[QueueOption::KeyPrefix],
};

/// The most supervisors of Horizon that are read.
const MAX_SUPERVISORS: i64 = 1_000;

#[derive(Debug)]
pub(crate) struct Laravel {
    name: String,
    key: String,
    horizon: String,
    reads: Reads,
    /// How many workers wait for a job, once one has been seen waiting.
    idle: Clients<Option<usize>>,
}

/// What the first read says.
struct First<'a> {
    time: i64,
    ready: i64,
    oldest: Metric,
    delayed: i64,
    masters: Vec<&'a str>,
    supervisors: Vec<&'a str>,
}

/// The fields of a job that are read: when Laravel 13, or Horizon, has queued it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    created_at: Option<Time>,
    pushed_at: Option<Time>,
}

/// A time as a number, or as text with one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Number(f64),
    Text(String),
}

impl Time {
    fn millis(self) -> Option<i64> {
        millis(match self {
            Self::Number(at) => at,
            Self::Text(text) => text.parse().ok()?,
        })
    }
}

pub(crate) fn open(options: &QueueOptions) -> Laravel {
    let prefix = options.key_prefix.as_deref().unwrap_or("laravel_database_");
    let key = format!("{prefix}queues:{}", options.name);
    let length = cmd("LLEN").arg(&key).take();
    let horizon = horizon_prefix(prefix);
    let newest = |set: &str| {
        cmd("ZRANGE")
            .arg(format!("{horizon}{set}"))
            .arg(-MAX_SUPERVISORS)
            .arg(-1)
            .take()
    };
    Laravel {
        reads: Reads {
            wake_keys: vec![key.clone()],
            tracked: vec![length.clone()],
            first: vec![
                cmd("TIME"),
                length.clone(),
                cmd("LINDEX").arg(&key).arg(0).take(),
                cmd("ZCARD").arg(format!("{key}:delayed")).take(),
                newest("masters"),
                newest("supervisors"),
            ],
        },
        name: options.name.clone(),
        horizon,
        key,
        idle: Clients::new(),
    }
}

/// Horizon puts its own prefix in the place of the database's: both begin with the application's name.
pub(crate) fn horizon_prefix(database: &str) -> String {
    let default = || (database, "_");
    let (application, separator) = ["_", "-"]
        .into_iter()
        .find_map(|separator| {
            let end = format!("{separator}database{separator}");
            Some((database.strip_suffix(&end)?, separator))
        })
        .unwrap_or_else(default);
    format!("{application}{separator}horizon:")
}

impl Reader for Laravel {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn parse(&self, replies: &mut [Value], _: usize) -> Result<Parsed, String> {
        self.reads.in_two_rounds(
            replies,
            First::parse,
            |first| self.more(first),
            |first, second| self.reading(first, second),
        )
    }
}

impl<'a> First<'a> {
    fn parse(replies: &'a [Value]) -> Result<Self, String> {
        let ([now, ready, oldest, delayed, masters, supervisors], _) = checked(replies)?;
        let time = time(now)?;
        let job = text(oldest).and_then(|job| serde_json::from_str::<Job>(job).ok());
        let at = job.and_then(|job| job.created_at.or(job.pushed_at));
        Ok(Self {
            time,
            ready: count(ready)?,
            oldest: queued_at(at.and_then(Time::millis), time),
            delayed: count(delayed)?,
            masters: names(masters)?,
            supervisors: names(supervisors)?,
        })
    }
}

impl Laravel {
    fn more(&self, first: &First) -> Vec<Cmd> {
        let seconds = |millis: i64| millis.div_euclid(1000);
        let between = |set: &str, from: String, to: String| {
            cmd("ZCOUNT")
                .arg(format!("{}:{set}", self.key))
                .arg(from)
                .arg(to)
                .take()
        };
        let mut more = vec![
            // A job whose time has passed is taken for lost, and runs again.
            between(
                "reserved",
                format!("({}", seconds(first.time)),
                "+inf".to_owned(),
            ),
            between(
                "reserved",
                "-inf".to_owned(),
                seconds(first.time).to_string(),
            ),
            between(
                "delayed",
                "-inf".to_owned(),
                seconds(soon(first.time)).to_string(),
            ),
        ];
        let hash = |kind: &str, name: &str, fields: &[&str]| {
            cmd("HMGET")
                .arg(format!("{}{kind}:{name}", self.horizon))
                .arg(fields)
                .take()
        };
        more.extend(
            first
                .masters
                .iter()
                .map(|name| hash("master", name, &["status"])),
        );
        let fields = ["master", "status", "processes"];
        more.extend(
            first
                .supervisors
                .iter()
                .map(|name| hash("supervisor", name, &fields)),
        );
        if first.masters.is_empty() && self.idle.is_due(first.time) {
            more.push(cmd("CLIENT").arg("LIST").take());
        }
        more
    }

    fn reading(&self, first: &First, second: &[Value]) -> Result<Reading, String> {
        let hashes = first.masters.len() + first.supervisors.len();
        let (reads, clients) = second
            .split_at_checked(3 + hashes)
            .ok_or_else(|| another_form("its reads"))?;
        let ([reserved, lost, due], hashes) = checked(reads)?;
        let (reserved, lost, due) = (count(reserved)?, count(lost)?, count(due)?);
        let mut metrics = QueueMetrics {
            // Whichever worker asks next puts the lost ones back, before it takes one.
            ready: Metric::Known(first.ready.saturating_add(lost)),
            due: Metric::Known(due),
            delayed: Metric::Known(first.delayed),
            in_flight: Metric::Known(reserved),
            held: Metric::Known(0),
            oldest_at: first.oldest,
            ..QueueMetrics::UNSUPPORTED
        };
        if first.masters.is_empty() {
            self.workers(clients.first(), first.time, reserved, &mut metrics);
        } else {
            let pods = self.pods(first, hashes)?;
            metrics.live = known(pods.len());
            metrics.slots = Metric::Known(pods.values().sum());
            metrics.slots_in_use = Metric::Known(reserved);
        }
        Ok(Reading {
            time: Some(first.time),
            ..Reading::of(metrics)
        })
    }

    /// The masters of Horizon, one in each pod, and how many processes of each serve this queue.
    fn pods<'a>(
        &self,
        first: &First<'a>,
        hashes: &[Value],
    ) -> Result<BTreeMap<&'a str, i64>, String> {
        let (masters, supervisors) = hashes.split_at(first.masters.len());
        let mut live = BTreeSet::new();
        for (name, hash) in first.masters.iter().zip(masters) {
            let [status] = fields(hash)?;
            // A name outlives its hash.
            if text(status) == Some("running") {
                live.insert(*name);
            }
        }
        let mut pods = BTreeMap::new();
        for hash in supervisors {
            let [master, status, processes] = fields(hash)?;
            let Some(master) = name(master).and_then(|master| live.get(master)) else {
                continue;
            };
            let Some(processes) = text(processes).filter(|_| text(status) == Some("running"))
            else {
                continue;
            };
            let processes: BTreeMap<String, u32> =
                serde_json::from_str(processes).map_err(|_| another_form("a supervisor"))?;
            for (queues, count) in processes {
                // `redis:mail,default`: the connection, and its queues.
                let queues = queues.split_once(':').map_or("", |(_, queues)| queues);
                if queues.split(',').any(|queue| queue == self.name) {
                    *pods.entry(*master).or_default() += i64::from(count);
                }
            }
        }
        Ok(pods)
    }

    /// The workers of `queue:work`, where they block: those that wait, and those that hold a job.
    fn workers(&self, list: Option<&Value>, time: i64, reserved: i64, metrics: &mut QueueMetrics) {
        let idle = self.idle.update(list, time, |clients| {
            let waits = |client: &crate::reply::Client| {
                client.field("cmd") == "blpop" && client.field("flags").contains('b')
            };
            Some(clients.filter(waits).count()).filter(|count| *count > 0)
        });
        let Some(idle) = idle.flatten().and_then(|idle| i64::try_from(idle).ok()) else {
            return;
        };
        metrics.live = Metric::Estimated(idle.saturating_add(reserved));
        metrics.busy = Metric::Estimated(reserved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{assert_unknown_is_not_zero, bulk, bulks, read};
    use crate::{Queue, QueueSystem};

    fn queue() -> Queue {
        Queue::new(QueueSystem::Laravel, &QueueOptions::named("mail"))
    }

    /// Two pods of Horizon; one of them is paused. The hash of a third one has expired.
    fn horizon() -> Vec<(&'static str, Value)> {
        let supervisor = |master, status, processes| bulks(&[master, status, processes]);
        let fields = "master status processes";
        let hash = |name: &str| -> &'static str {
            format!("HMGET laravel_horizon:supervisor:{name} {fields}").leak()
        };
        vec![
            ("LLEN laravel_database_queues:mail", Value::Int(3)),
            (
                "LINDEX laravel_database_queues:mail 0",
                bulk(r#"{"uuid":"x","job":"Job","data":{},"pushedAt":"1795179990.5"}"#),
            ),
            ("ZCARD laravel_database_queues:mail:delayed", Value::Int(2)),
            (
                "ZCOUNT laravel_database_queues:mail:delayed -inf 1795180010",
                Value::Int(1),
            ),
            (
                "ZCOUNT laravel_database_queues:mail:reserved (1795180000 +inf",
                Value::Int(2),
            ),
            (
                "ZCOUNT laravel_database_queues:mail:reserved -inf 1795180000",
                Value::Int(4),
            ),
            (
                "ZRANGE laravel_horizon:masters -1000 -1",
                bulks(&["pod-1-aB3d", "pod-2-x9Yz", "pod-3-0000"]),
            ),
            (
                "ZRANGE laravel_horizon:supervisors -1000 -1",
                bulks(&["a", "b", "c"]),
            ),
            (
                "HMGET laravel_horizon:master:pod-1-aB3d status",
                bulks(&["running"]),
            ),
            (
                "HMGET laravel_horizon:master:pod-2-x9Yz status",
                bulks(&["paused"]),
            ),
            (
                hash("a"),
                supervisor(
                    "pod-1-aB3d",
                    "running",
                    r#"{"redis:mail":3,"redis:other":4,"redis:other,mail":1}"#,
                ),
            ),
            (
                hash("b"),
                supervisor("pod-2-x9Yz", "running", r#"{"redis:mail":3}"#),
            ),
            (
                hash("c"),
                supervisor("pod-3-0000", "running", r#"{"redis:mail":3}"#),
            ),
        ]
    }

    #[test]
    fn a_recorded_queue_of_horizon_is_read() {
        let metrics = read(&queue(), &horizon()).expect("readable").metrics;
        assert_eq!(
            metrics,
            QueueMetrics {
                ready: Metric::Known(7),
                due: Metric::Known(1),
                delayed: Metric::Known(2),
                in_flight: Metric::Known(2),
                held: Metric::Known(0),
                live: Metric::Known(1),
                slots: Metric::Known(4),
                slots_in_use: Metric::Known(2),
                oldest_at: Metric::Known(1_795_179_990_500),
                ..QueueMetrics::UNSUPPORTED
            }
        );
        assert_unknown_is_not_zero(queue, &horizon());
    }

    #[test]
    fn workers_of_queue_work_are_known_while_one_waits() {
        let clients = |flags| {
            bulk(&format!(
                "id=1 flags={flags} cmd=blpop\nid=2 flags=N cmd=eval\nid=3 flags=b cmd=wait\n"
            ))
        };
        let replies = |flags| {
            vec![
                (
                    "ZCOUNT laravel_database_queues:mail:reserved (1795180000 +inf",
                    Value::Int(2),
                ),
                ("CLIENT LIST", clients(flags)),
            ]
        };
        let metrics = |flags| read(&queue(), &replies(flags)).expect("readable").metrics;
        let waits = metrics("b");
        assert_eq!(
            (waits.live, waits.busy),
            (Metric::Estimated(3), Metric::Estimated(2))
        );
        assert_eq!(metrics("N").live, Metric::Unsupported);
        assert_unknown_is_not_zero(queue, &replies("b"));
    }

    #[test]
    fn horizon_has_the_name_of_its_application() {
        for (database, horizon) in [
            ("laravel_database_", "laravel_horizon:"),
            ("shop-database-", "shop-horizon:"),
            ("", "_horizon:"),
        ] {
            assert_eq!(horizon_prefix(database), horizon);
        }
    }
}
