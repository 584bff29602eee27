//! The lines of a trace: the metrics of one poll as JSON. `record` writes them, `simulate` reads them.

mod arrivals;
mod metrics;
mod syntax;

pub use arrivals::parse_arrivals;
pub(crate) use syntax::seconds;

use decide::Unavailable;
use decide::{QueueMetrics, Time};
use metrics::{parse_metrics, write_metrics};
use serde_json::{Map, Value, json};
use syntax::{check_order, numbered_lines, parse_object, take_time};

/// The metrics of one poll.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceLine {
    /// Time of the poll.
    pub at: Time,
    /// The metrics of each queue of the pool.
    pub queues: Vec<QueueMetrics>,
    /// `spec.replicas` of the target; `None`: the replicas of the previous decision.
    pub replicas: Option<i32>,
    /// Which metrics are unavailable.
    pub unavailable: Option<Unavailable>,
}

impl TraceLine {
    /// Parses a line for a pool with the queues `names`.
    ///
    /// # Errors
    /// What is wrong with the line, and what to write instead.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let mut fields = parse_object(text)?;
        let at = take_time(&mut fields)?;
        let replicas = fields
            .remove("replicas")
            .as_ref()
            .map(parse_replicas)
            .transpose()?;
        let mut unavailable = Vec::new();
        let queues = match (fields.remove("queues"), names) {
            (None, [_]) => vec![parse_metrics(fields, at, "", &mut unavailable)?],
            (None, _) => {
                let example = names
                    .iter()
                    .map(|name| format!("\"{name}\": {{…}}"))
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(format!(
                    "the pool has {} queues: write {{\"t\": …, \"queues\": {{{example}}}}}",
                    names.len()
                ));
            }
            (Some(Value::Object(queues)), _) => {
                if let Some(key) = fields.keys().next() {
                    return Err(format!(
                        "{key} stands beside queues: write it inside the queue that it belongs to"
                    ));
                }
                parse_queues(queues, names, at, &mut unavailable)?
            }
            (Some(_), _) => {
                return Err("queues must be an object: {\"name\": {\"ready\": 3}}".to_owned());
            }
        };
        let unavailable = (!unavailable.is_empty()).then(|| Unavailable::NotRecorded {
            metrics: unavailable.join(", "),
        });
        Ok(Self {
            at,
            queues,
            replicas,
            unavailable,
        })
    }

    /// Formats the line so that [`Self::parse`] returns `self` again.
    pub fn write(&self, names: &[&str]) -> String {
        let metrics = match self.queues.as_slice() {
            [queue] => write_metrics(*queue, self.at),
            queues => {
                let queues: Vec<String> = names
                    .iter()
                    .zip(queues)
                    .map(|(name, queue)| {
                        format!("{}:{{{}}}", json!(name), write_metrics(*queue, self.at))
                    })
                    .collect();
                format!("\"queues\":{{{}}}", queues.join(","))
            }
        };
        let fields = [
            Some(format!("\"t\":{}", seconds(self.at.0))),
            Some(metrics).filter(|metrics| !metrics.is_empty()),
            self.replicas
                .map(|replicas| format!("\"replicas\":{replicas}")),
        ];
        let fields: Vec<String> = fields.into_iter().flatten().collect();
        format!("{{{}}}", fields.join(","))
    }
}

/// Parses the lines of a trace. `t` must not decrease.
///
/// # Errors
/// The number of the first line that is invalid, and what to write instead.
pub fn parse_trace(text: &str, names: &[&str]) -> Result<Vec<TraceLine>, String> {
    let mut lines: Vec<TraceLine> = Vec::new();
    for (number, text) in numbered_lines(text) {
        let line =
            TraceLine::parse(text, names).map_err(|error| format!("line {number}: {error}"))?;
        check_order(number, lines.last().map(|line| line.at), line.at)?;
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(
            "the trace is empty: write a line for each poll, such as {\"t\": 0, \"ready\": 3}"
                .to_owned(),
        );
    }
    Ok(lines)
}

fn parse_replicas(value: &Value) -> Result<i32, String> {
    value
        .as_i64()
        .and_then(|n| i32::try_from(n).ok())
        .filter(|n| *n >= 0)
        .ok_or_else(|| {
            "replicas must be a whole number from 0; without it, those of the previous decision apply"
                .to_owned()
        })
}

fn parse_queues(
    mut queues: Map<String, Value>,
    names: &[&str],
    at: Time,
    unavailable: &mut Vec<String>,
) -> Result<Vec<QueueMetrics>, String> {
    let mut metrics = Vec::new();
    for name in names {
        metrics.push(match queues.remove(*name) {
            None => QueueMetrics::UNSUPPORTED,
            Some(Value::Null) => {
                unavailable.push(format!("queue {name}"));
                QueueMetrics::UNAVAILABLE
            }
            Some(Value::Object(fields)) => {
                parse_metrics(fields, at, &format!("{name}: "), unavailable)?
            }
            Some(_) => {
                return Err(format!(
                    "queue {name} must be an object of metrics, or null"
                ));
            }
        });
    }
    match queues.keys().next() {
        Some(other) => Err(format!(
            "the pool has no queue {other}: it has {}",
            names.join(", ")
        )),
        None => Ok(metrics),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::Metric;

    #[test]
    fn absent_is_unsupported_and_null_is_unavailable() {
        let line = TraceLine::parse(
            r#"{"t": 2.5, "ready": 3, "busy": null, "live": 4, "cpu": 50.5, "oldest": 1.5}"#,
            &["q"],
        );
        let line = line.expect("a line");
        let [queue] = line.queues.as_slice() else {
            panic!("one queue")
        };
        assert_eq!(
            (line.at, queue.ready, queue.busy, queue.in_flight),
            (
                Time(2500),
                Metric::Known(3),
                Metric::Unavailable,
                Metric::Unsupported
            )
        );
        assert_eq!(
            (queue.cpu_sum, queue.oldest_at),
            (Metric::Known(202), Metric::Known(1000))
        );
        assert_eq!(
            line.unavailable.as_ref().map(messages::cause).as_deref(),
            Some("busy could not be read")
        );
    }

    #[test]
    fn written_lines_parse_to_the_same() {
        for (text, names) in [
            (
                r#"{"t":1764000000.5,"arrived":9,"busy":1,"busyMillis":7,"completed":2,"cpu":12.5,"due":0,"failed":0,"inFlight":1,"live":2,"oldest":1.25,"ready":6,"replicas":2}"#,
                &["a"][..],
            ),
            (
                r#"{"t":3,"queues":{"a":{"ready":1},"b":{"live":null,"ready":null}},"replicas":0}"#,
                &["a", "b"],
            ),
        ] {
            let line = TraceLine::parse(text, names).expect("a line");
            let again = TraceLine::parse(&line.write(names), names).expect("a line");
            assert_eq!(line, again, "{}", line.write(names));
        }
    }

    #[test]
    fn invalid_lines_are_rejected_with_their_number() {
        for (text, expected) in [
            ("{\"t\": 0}\n\nnonsense", "line 3: not valid JSON"),
            ("[1]", "line 1: not an object"),
            ("{\"ready\": 1}", "line 1: t is missing: write the time"),
            ("{\"t\": \"now\"}", "line 1: t is \"now\": write seconds"),
            ("{\"t\": -1}", "line 1: t is -1: write seconds"),
            (
                "{\"t\": 5}\n{\"t\": 4.5}",
                "line 2: t goes back from 5 to 4.5: sort the lines by t",
            ),
            (
                "{\"t\": 0, \"ready\": -1}",
                "line 1: ready is -1: write a whole number from 0, or null",
            ),
            (
                "{\"t\": 0, \"ready\": 1.5}",
                "line 1: ready is 1.5: write a whole number",
            ),
            (
                "{\"t\": 0, \"redy\": 1}",
                "line 1: unknown field redy: a line may have t, ready",
            ),
            (
                "{\"t\": 0, \"replicas\": null}",
                "line 1: replicas must be a whole number from 0; without it",
            ),
            (
                "{\"t\": 0, \"queues\": {\"other\": {}}}",
                "line 1: the pool has no queue other: it has q",
            ),
            (
                "{\"t\": 0, \"queues\": {\"q\": 5}}",
                "line 1: queue q must be an object of metrics, or null",
            ),
            (
                "{\"t\": 0, \"ready\": 1, \"queues\": {}}",
                "line 1: ready stands beside queues",
            ),
            ("", "the trace is empty: write a line for each poll"),
        ] {
            let error = parse_trace(text, &["q"]).expect_err(text);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        let error = parse_trace("{\"t\": 0, \"ready\": 1}", &["a", "b"]).expect_err("two queues");
        assert_eq!(
            error,
            "line 1: the pool has 2 queues: write {\"t\": …, \"queues\": {\"a\": {…}, \"b\": {…}}}"
        );
    }

    #[test]
    fn times_may_repeat_and_lines_may_be_empty() {
        let lines =
            parse_trace("{\"t\": 5}\n\n{\"t\": 5, \"ready\": 1}\n", &["q"]).expect("a trace");
        assert_eq!(
            lines.iter().map(|line| line.at).collect::<Vec<_>>(),
            [Time(5000), Time(5000)]
        );
    }
}
