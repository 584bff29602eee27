//! `probe`: what the operator reads of one queue, on any Redis that can be reached, without a pool.

use crate::cluster::server::{self, Server};
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, Style};
use anyhow::bail;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use decide::victims::Worker;
use decide::{Metric, QueueMetrics, Unavailable};
use jiff::Timestamp;
use queues::{Capabilities, Poll, Queue, QueueOption, QueueOptions, QueueSystem, Reading, Support};
use redis::aio::MultiplexedConnection;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait for what workers answer.
const ANSWER_TIME: Duration = Duration::from_millis(1_500);
/// How often to look for it.
const LOOK: Duration = Duration::from_millis(30);

/// The queue, and how to reach it.
#[derive(Clone, Debug, clap::Args)]
pub struct Probe {
    #[command(flatten)]
    server: Server,
    /// The queue system, such as Celery
    #[arg(long, value_name = "S", value_parser = systems(), ignore_case = true, hide_possible_values = true)]
    system: QueueSystem,
    /// The name of the queue; of a List or a Stream, its key
    #[arg(long, value_name = "Q")]
    queue: String,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    pub output: crate::args::OutputFormat,
}

/// What identifies a queue beside its name.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// What stands before each key
    #[arg(long, value_name = "P")]
    key_prefix: Option<String>,
    /// The priorities with a list of their own, such as 0,3,6,9
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(i32).range(0..=255))]
    priorities: Vec<i32>,
    /// What stands before a priority
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    /// The consumer group of a Stream
    #[arg(long, value_name = "G")]
    group: Option<String>,
}

/// Parses the name of a queue system.
pub fn systems() -> impl TypedValueParser<Value = QueueSystem> {
    let names = QueueSystem::ALL.iter().map(|system| system.name());
    let system = |name: String| {
        let is_it = |it: &&QueueSystem| it.name().eq_ignore_ascii_case(&name);
        let found = QueueSystem::ALL.iter().find(is_it);
        found.copied().ok_or("unknown")
    };
    PossibleValuesParser::new(names).try_map(system)
}

/// One value of the result.
enum Fact {
    Value { value: Json, exact: bool },
    Unsupported(String),
    Unavailable(String),
}

impl Fact {
    fn json(&self) -> Json {
        match self {
            Self::Value { value, exact } => json!({"value": value, "exact": exact}),
            Self::Unsupported(why) => json!({"unsupported": why}),
            Self::Unavailable(why) => json!({"unavailable": why}),
        }
    }
}

/// Reads the queue once and prints it; false where Redis does not give its metrics.
pub async fn run(args: &Probe, out: &Out) -> anyhow::Result<bool> {
    let queue = args.options.queue(args.system, &args.queue, out.lang)?;
    let mut redis = args.connect(&queue, out.lang).await?;
    let reading = read(&mut redis, &queue, out.lang).await?;
    let facts = facts(&reading, &args.system.capabilities(), out.lang);
    if args.output.is_json() {
        out.json(&to_json(&facts))?;
    } else {
        print(&facts, out)?;
    }
    Ok(reading.is_ok())
}

fn to_json(facts: &[(&'static str, Fact)]) -> Map<String, Json> {
    let facts = facts.iter();
    facts
        .map(|(name, fact)| ((*name).to_owned(), fact.json()))
        .collect()
}

impl Options {
    /// The queue to read, where its options are those of its system.
    pub fn queue(&self, system: QueueSystem, name: &str, lang: Lang) -> anyhow::Result<Queue> {
        let options = QueueOptions {
            name: name.to_owned(),
            group: self.group.clone(),
            key_prefix: self.key_prefix.clone(),
            priorities: self.priorities.clone(),
            separator: self.separator.clone(),
        };
        let flags = [
            (QueueOption::Group, "--group", options.group.is_some()),
            (
                QueueOption::KeyPrefix,
                "--key-prefix",
                options.key_prefix.is_some(),
            ),
            (
                QueueOption::Priorities,
                "--priorities",
                !options.priorities.is_empty(),
            ),
            (
                QueueOption::Separator,
                "--separator",
                options.separator.is_some(),
            ),
        ];
        let (mut flags, name) = (flags.into_iter(), system.name());
        if let Some((_, flag, _)) = flags.find(|(it, _, is_set)| *is_set && !system.has(*it)) {
            bail!(tr!(lang, "cli-probe-option", flag, system = name));
        }
        if system.has(QueueOption::Group) && options.group.is_none() {
            bail!(tr!(lang, "cli-probe-needs-group", system = name));
        }
        Ok(Queue::new(system, &options))
    }
}

impl Probe {
    async fn connect(&self, queue: &Queue, lang: Lang) -> anyhow::Result<MultiplexedConnection> {
        let key = queue.wake_keys().first().map_or("", String::as_str);
        let client = self.server.client(key, lang).await?;
        server::connect(&client, lang).await
    }
}

/// One reading as the operator makes it. Where workers are asked, it is repeated until they have answered.
async fn read(
    redis: &mut MultiplexedConnection,
    queue: &Queue,
    lang: Lang,
) -> anyhow::Result<Result<Reading, Unavailable>> {
    let end = Instant::now() + ANSWER_TIME;
    loop {
        let mut poll = Poll::new([(0, queue)]);
        let mut commands = poll.commands(true);
        while !commands.is_empty() {
            let replies = server::replies(redis, &commands, lang).await?;
            commands = poll.receive(replies);
        }
        let reading = poll.finish().next();
        let reading = reading.unwrap_or(Err(Unavailable::Unexplained));
        let waits = |reading: &Reading| reading.unavailable == Some(Unavailable::NotReadYet);
        if !reading.as_ref().is_ok_and(waits) || Instant::now() >= end {
            return Ok(reading);
        }
        sleep(LOOK).await;
    }
}

/// What is known of the queue, in the order in which it is shown.
fn facts(
    reading: &Result<Reading, Unavailable>,
    system: &Capabilities,
    lang: Lang,
) -> Vec<(&'static str, Fact)> {
    let (metrics, cause) = match reading {
        Ok(reading) => (reading.metrics, reading.unavailable.as_ref()),
        Err(cause) => (QueueMetrics::UNAVAILABLE, Some(cause)),
    };
    let cause = messages::cause(cause.unwrap_or(&Unavailable::Unexplained));
    let time = reading.as_ref().ok().and_then(|reading| reading.time);
    let now = time.unwrap_or_else(|| Timestamp::now().as_millisecond());
    let fact = |metric: Metric, support, otherwise: &str, show: &dyn Fn(i64) -> Json| match metric {
        Metric::Known(value) | Metric::Estimated(value) => Fact::Value {
            value: show(value),
            exact: matches!(metric, Metric::Known(_)),
        },
        Metric::Unavailable => Fact::Unavailable(cause.clone()),
        Metric::Unsupported => Fact::Unsupported(match support {
            Support::Unsupported(why) => why.to_owned(),
            _ => otherwise.to_owned(),
        }),
    };
    let none = tr!(lang, "cli-probe-none");
    let count = |metric, support| fact(metric, support, &none, &Json::from);
    let age = |at: i64| Json::from(seconds(now.saturating_sub(at)));
    let one_each = tr!(lang, "cli-probe-one-each");
    let no_task = tr!(lang, "cli-probe-no-task");
    let is_paused = |n: i64| json!(n > 0);
    let pods = |_| by_pod(reading.as_ref().map_or(&[], |reading| &reading.workers));
    let slots = fact(metrics.slots, system.workers, &one_each, &Json::from);
    let oldest = fact(metrics.oldest_at, system.oldest, &no_task, &age);
    let paused = fact(metrics.paused, system.paused, &none, &is_paused);
    let by_pod = fact(metrics.live, system.workers, &none, &pods);
    vec![
        ("ready", count(metrics.ready, system.ready)),
        ("held", count(metrics.held, system.held)),
        ("inFlight", count(metrics.in_flight, system.in_flight)),
        ("due", count(metrics.due, system.due)),
        ("delayed", count(metrics.delayed, system.delayed)),
        ("failed", count(metrics.failed, system.counters)),
        ("processed", count(metrics.processed, system.counters)),
        ("workers", count(metrics.live, system.workers)),
        ("busy", count(metrics.busy, system.workers)),
        ("slots", slots),
        ("oldestSeconds", oldest),
        ("paused", paused),
        ("workersByPod", by_pod),
    ]
}

/// How many workers each pod has.
fn by_pod(workers: &[Worker]) -> Json {
    let mut pods: BTreeMap<&str, u64> = BTreeMap::new();
    for pod in workers.iter().filter_map(|worker| worker.pod.as_deref()) {
        *pods.entry(pod).or_default() += 1;
    }
    json!(pods)
}

/// Milliseconds in seconds.
fn seconds(millis: i64) -> f64 {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).as_secs_f64()
}

fn print(facts: &[(&'static str, Fact)], out: &Out) -> anyhow::Result<()> {
    let lang = out.lang;
    for (name, fact) in facts {
        let text = match fact {
            Fact::Value { value, exact } => {
                let sign = if *exact { "" } else { "~" };
                match value {
                    Json::Object(pods) => {
                        let pods = pods.iter().map(|(pod, n)| format!("{pod} {n}"));
                        sign.to_owned() + &pods.collect::<Vec<_>>().join(", ")
                    }
                    value => format!("{sign}{value}"),
                }
            }
            Fact::Unsupported(why) => {
                out.styled(Style::Dim, &tr!(lang, "cli-probe-unsupported", why))
            }
            Fact::Unavailable(why) => {
                out.styled(Style::Bad, &tr!(lang, "cli-probe-unavailable", why))
            }
        };
        out.data(&format!("{name:<14}  {text}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(reading: &Result<Reading, Unavailable>) -> Json {
        let facts = facts(reading, &QueueSystem::Celery.capabilities(), Lang::EN);
        to_json(&facts).into()
    }

    #[test]
    fn each_value_says_how_good_it_is() {
        let reading = Reading {
            metrics: QueueMetrics {
                ready: Metric::Known(0),
                held: Metric::Estimated(7),
                oldest_at: Metric::Known(500),
                paused: Metric::Known(1),
                ..QueueMetrics::UNSUPPORTED
            },
            workers: Vec::new(),
            unavailable: None,
            time: Some(2_000),
            odd_time: false,
            dead: false,
            unread: false,
        };
        let json = json_of(&Ok(reading));
        assert_eq!(json["ready"], json!({"value": 0, "exact": true}));
        assert_eq!(json["held"], json!({"value": 7, "exact": false}));
        assert_eq!(json["oldestSeconds"], json!({"value": 1.5, "exact": true}));
        assert_eq!(json["paused"], json!({"value": true, "exact": true}));
        assert!(json["failed"]["unsupported"].is_string(), "{json}");
    }

    #[test]
    fn what_cannot_be_read_is_not_zero() {
        let json = json_of(&Err(Unavailable::NotReadYet));
        for (name, fact) in json.as_object().expect("an object") {
            assert!(fact["unavailable"].is_string(), "{name}: {fact}");
        }
    }
}
