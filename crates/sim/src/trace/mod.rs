//! One line of a trace: the facts of an instant as JSON. Written by `record`, read by `simulate`; the same words both ways.

use decide::{Metric, QueueMetrics, Time};
use serde_json::{Map, Number, Value, json};

/// The facts of one look.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceLine {
    /// When they were read.
    pub at: Time,
    /// One for each queue of the pool.
    pub queues: Vec<QueueMetrics>,
    /// `spec.replicas` of the target; `None`: what was decided last.
    pub replicas: Option<i32>,
    /// Which facts could not be read, in words.
    pub missing: Option<String>,
}

/// Counts: the key, and where the fact lies.
type Count = (&'static str, fn(&mut QueueMetrics) -> &mut Metric);
const COUNTS: [Count; 9] = [
    ("ready", |seen| &mut seen.ready),
    ("due", |seen| &mut seen.due),
    ("inFlight", |seen| &mut seen.in_flight),
    ("live", |seen| &mut seen.live),
    ("busy", |seen| &mut seen.busy),
    ("arrived", |seen| &mut seen.arrived),
    ("completed", |seen| &mut seen.processed),
    ("failed", |seen| &mut seen.failed),
    ("busyMillis", |seen| &mut seen.busy_millis),
];
const KEYS: &str = "t, ready, due, inFlight, live, busy, cpu, arrived, completed, failed, busyMillis, oldest, replicas";
/// Tasks that one play may have.
const TASKS: usize = 5_000_000;

impl TraceLine {
    /// Reads a line for a pool with these queues.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn read(text: &str, names: &[&str]) -> Result<Self, String> {
        let mut map = object(text)?;
        let at = instant(&mut map)?;
        let replicas = match map.remove("replicas") {
            None => None,
            Some(value) => {
                Some(value.as_i64().and_then(|n| i32::try_from(n).ok()).filter(|n| *n >= 0).ok_or(
                    "replicas must be a whole number from 0; leave it out and what was decided last applies",
                )?)
            }
        };
        let mut missing = Vec::new();
        let queues = match (map.remove("queues"), names) {
            (None, [_]) => vec![queue(map, at, "", &mut missing)?],
            (None, _) => {
                let all = names
                    .iter()
                    .map(|name| format!("\"{name}\": {{…}}"))
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(format!(
                    "the pool has {} queues: write {{\"t\": …, \"queues\": {{{all}}}}}",
                    names.len()
                ));
            }
            (Some(Value::Object(mut queues)), _) => {
                if let Some(key) = map.keys().next() {
                    return Err(format!(
                        "{key} stands beside queues: write it inside the queue that it is of"
                    ));
                }
                let mut seen = Vec::new();
                for name in names {
                    seen.push(match queues.remove(*name) {
                        None => QueueMetrics::UNSUPPORTED,
                        Some(Value::Null) => {
                            missing.push(format!("queue {name}"));
                            QueueMetrics::UNAVAILABLE
                        }
                        Some(Value::Object(map)) => {
                            queue(map, at, &format!("{name}: "), &mut missing)?
                        }
                        Some(_) => {
                            return Err(format!(
                                "queue {name} must be an object of facts, or null"
                            ));
                        }
                    });
                }
                if let Some(other) = queues.keys().next() {
                    return Err(format!(
                        "the pool has no queue {other}: it has {}",
                        names.join(", ")
                    ));
                }
                seen
            }
            (Some(_), _) => {
                return Err("queues must be an object: {\"name\": {\"ready\": 3}}".to_owned());
            }
        };
        let missing =
            (!missing.is_empty()).then(|| format!("{} could not be read", missing.join(", ")));
        Ok(Self {
            at,
            queues,
            replicas,
            missing,
        })
    }

    /// The line that reads as `self` again.
    #[must_use]
    pub fn write(&self, names: &[&str]) -> String {
        let facts = match self.queues.as_slice() {
            [seen] => facts(*seen, self.at),
            all => {
                let queues = names
                    .iter()
                    .zip(all)
                    .map(|(name, seen)| (*name, facts(*seen, self.at)));
                let queues = queues.map(|(name, facts)| format!("{}:{{{facts}}}", json!(name)));
                format!("\"queues\":{{{}}}", queues.collect::<Vec<_>>().join(","))
            }
        };
        let replicas = self
            .replicas
            .map(|replicas| format!("\"replicas\":{replicas}"));
        let all = [
            Some(format!("\"t\":{}", seconds(self.at.0))),
            Some(facts).filter(|facts| !facts.is_empty()),
            replicas,
        ];
        format!(
            "{{{}}}",
            all.into_iter().flatten().collect::<Vec<_>>().join(",")
        )
    }
}

/// Every line of a trace. `t` must not go backwards.
///
/// # Errors
/// The number of the first line that cannot be read, and what to write instead.
pub fn trace(text: &str, names: &[&str]) -> Result<Vec<TraceLine>, String> {
    let mut all: Vec<TraceLine> = Vec::new();
    for (number, text) in lines(text) {
        let line =
            TraceLine::read(text, names).map_err(|error| format!("line {number}: {error}"))?;
        forward(number, all.last().map(|line| line.at), line.at)?;
        all.push(line);
    }
    if all.is_empty() {
        Err(
            "there is no line: write one for each look, such as {\"t\": 0, \"ready\": 3}"
                .to_owned(),
        )
    } else {
        Ok(all)
    }
}

/// When the play begins and when each task arrives, in microseconds, of lines such as `{"t": 12.5, "n": 3}`.
///
/// # Errors
/// The number of the first line that cannot be read, and what to write instead.
pub fn arrivals(text: &str) -> Result<(i64, Vec<i64>), String> {
    let (mut all, mut begin, mut last) = (Vec::new(), None, None);
    for (number, text) in lines(text) {
        let refuse = |what: &str| format!("line {number}: {what}");
        let mut map = object(text).map_err(|error| refuse(&error))?;
        let at = instant(&mut map).map_err(|error| refuse(&error))?;
        let tasks = map
            .remove("n")
            .as_ref()
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok());
        let tasks = tasks.ok_or_else(|| {
            refuse("n, how many tasks arrive at t, must be a whole number from 0")
        })?;
        if let Some(key) = map.keys().next() {
            return Err(refuse(&format!(
                "there is no {key}: a line of arrivals is {{\"t\": seconds, \"n\": tasks}}"
            )));
        }
        forward(number, last, at)?;
        if all.len().saturating_add(tasks) > TASKS {
            return Err(refuse(&format!(
                "more than {TASKS} tasks: play a part of them"
            )));
        }
        last = Some(at);
        begin = begin.or(last);
        all.extend(std::iter::repeat_n(at.0 * 1000, tasks));
    }
    let begin = begin.ok_or(
        "there is no line: write when how many tasks arrive, such as {\"t\": 0, \"n\": 3}",
    )?;
    Ok((begin.0 * 1000, all))
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(index, text)| (index + 1, text))
}

fn forward(number: usize, before: Option<Time>, at: Time) -> Result<(), String> {
    match before {
        Some(before) if at < before => Err(format!(
            "line {number}: t goes back from {} to {}: sort the lines by t",
            seconds(before.0),
            seconds(at.0)
        )),
        _ => Ok(()),
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("this is no object: write one such as {\"t\": 0, \"ready\": 3}".to_owned()),
        Err(error) => Err(format!(
            "this is no JSON ({error}): write one object a line, such as {{\"t\": 0, \"ready\": 3}}"
        )),
    }
}

fn instant(map: &mut Map<String, Value>) -> Result<Time, String> {
    let value = map
        .remove("t")
        .ok_or("t is missing: write when it was, in seconds from 0 or since 1970")?;
    let t = value.as_f64().filter(|t| (0.0..1e11).contains(t));
    t.map(|t| Time(millis(t)))
        .ok_or_else(|| format!("t is {value}: write seconds, from 0 or since 1970"))
}

/// The facts in `map`; absent is not told, null could not be read.
fn queue(
    mut map: Map<String, Value>,
    at: Time,
    of: &str,
    missing: &mut Vec<String>,
) -> Result<QueueMetrics, String> {
    let mut seen = QueueMetrics::UNSUPPORTED;
    let mut number = |key: &str, whole: bool| match map.remove(key) {
        None => Ok(None),
        Some(Value::Null) => {
            missing.push(format!("{of}{key}"));
            Ok(Some(None))
        }
        Some(value) => {
            let fine = value
                .as_f64()
                .filter(|n| (0.0..1e15).contains(n) && (!whole || n.fract() == 0.0));
            fine.map(|n| Some(Some(n))).ok_or_else(|| {
                let whole = if whole { "whole " } else { "" };
                format!(
                    "{of}{key} is {value}: write a {whole}number from 0, or null where it could not be read"
                )
            })
        }
    };
    let fact = |told: Option<Option<f64>>, scale: f64| match told {
        None => Metric::Unsupported,
        Some(None) => Metric::Unavailable,
        Some(Some(n)) => Metric::Known(millis(n * scale / 1000.0)),
    };
    for (key, place) in COUNTS {
        *place(&mut seen) = fact(number(key, true)?, 1.0);
    }
    // `cpu` is the mean over the live workers, `decide` takes the sum.
    let cpu = fact(number("cpu", false)?, 1000.0);
    seen.cpu_sum = match (cpu, seen.live) {
        (Metric::Known(_), Metric::Unavailable) => Metric::Unavailable,
        (Metric::Known(cpu), Metric::Known(live)) => Metric::Known((cpu * live + 500) / 1000),
        (Metric::Known(_), Metric::Unsupported) => Metric::Unsupported,
        (fact, _) => fact,
    };
    seen.oldest_at = match fact(number("oldest", false)?, 1000.0) {
        Metric::Known(age) => Metric::Known(at.0 - age),
        fact => fact,
    };
    match map.keys().next() {
        Some(key) => Err(format!(
            "there is no fact {of}{key}: a line may have {KEYS}"
        )),
        None => Ok(seen),
    }
}

/// The facts of a queue as they stand in a line, in the order of [`KEYS`].
#[expect(clippy::cast_precision_loss, reason = "percentages")]
fn facts(mut seen: QueueMetrics, at: Time) -> String {
    let value = |fact: Metric, number: &dyn Fn(i64) -> Value| match fact {
        Metric::Known(n) => Some(number(n)),
        Metric::Unavailable => Some(Value::Null),
        Metric::Unsupported => None,
    };
    let live = seen.live.known().unwrap_or(0).max(1);
    let cpu = value(seen.cpu_sum, &|sum| float(sum as f64 / live as f64));
    let oldest = value(seen.oldest_at, &|then| seconds((at.0 - then).max(0)));
    let counts = COUNTS.map(|(key, place)| (key, value(*place(&mut seen), &Value::from)));
    let all = counts.into_iter().chain([("cpu", cpu), ("oldest", oldest)]);
    let all = all.filter_map(|(key, value)| Some(format!("\"{key}\":{}", value?)));
    all.collect::<Vec<_>>().join(",")
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast that saturates, of numbers that were checked"
)]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// Milliseconds as seconds: whole ones without a point.
#[expect(clippy::cast_precision_loss, reason = "times far below 2^52")]
pub(super) fn seconds(millis: i64) -> Value {
    if millis % 1000 == 0 {
        json!(millis / 1000)
    } else {
        float(millis as f64 / 1000.0)
    }
}

fn float(n: f64) -> Value {
    Number::from_f64((n * 1000.0).round() / 1000.0).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_is_not_told_and_null_could_not_be_read() {
        let line = TraceLine::read(
            r#"{"t": 2.5, "ready": 3, "busy": null, "live": 4, "cpu": 50.5, "oldest": 1.5}"#,
            &["q"],
        );
        let line = line.expect("a line");
        let [seen] = line.queues.as_slice() else {
            panic!("one queue")
        };
        assert_eq!(
            (line.at, seen.ready, seen.busy, seen.in_flight),
            (
                Time(2500),
                Metric::Known(3),
                Metric::Unavailable,
                Metric::Unsupported
            )
        );
        assert_eq!(
            (seen.cpu_sum, seen.oldest_at),
            (Metric::Known(202), Metric::Known(1000))
        );
        assert_eq!(line.missing.as_deref(), Some("busy could not be read"));
    }

    #[test]
    fn what_is_written_reads_the_same() {
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
            let line = TraceLine::read(text, names).expect("a line");
            let again = TraceLine::read(&line.write(names), names).expect("a line");
            assert_eq!(line, again, "{}", line.write(names));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line_and_what_to_write() {
        for (text, said) in [
            ("{\"t\": 0}\n\nnonsense", "line 3: this is no JSON"),
            ("[1]", "line 1: this is no object"),
            ("{\"ready\": 1}", "line 1: t is missing: write when it was"),
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
                "line 1: there is no fact redy: a line may have t, ready",
            ),
            (
                "{\"t\": 0, \"replicas\": null}",
                "line 1: replicas must be a whole number from 0; leave it out",
            ),
            (
                "{\"t\": 0, \"queues\": {\"other\": {}}}",
                "line 1: the pool has no queue other: it has q",
            ),
            (
                "{\"t\": 0, \"queues\": {\"q\": 5}}",
                "line 1: queue q must be an object of facts, or null",
            ),
            (
                "{\"t\": 0, \"ready\": 1, \"queues\": {}}",
                "line 1: ready stands beside queues",
            ),
            ("", "there is no line: write one for each look"),
        ] {
            let error = trace(text, &["q"]).expect_err(text);
            assert!(error.starts_with(said), "{text}: {error}");
        }
        let error = trace("{\"t\": 0, \"ready\": 1}", &["a", "b"]).expect_err("two queues");
        assert_eq!(
            error,
            "line 1: the pool has 2 queues: write {\"t\": …, \"queues\": {\"a\": {…}, \"b\": {…}}}"
        );
    }

    #[test]
    fn looks_may_share_an_instant_and_lines_may_be_empty() {
        let lines = trace("{\"t\": 5}\n\n{\"t\": 5, \"ready\": 1}\n", &["q"]).expect("a trace");
        assert_eq!(
            lines.iter().map(|line| line.at).collect::<Vec<_>>(),
            [Time(5000), Time(5000)]
        );
    }

    #[test]
    fn arrivals_are_counted_or_refused() {
        assert_eq!(
            arrivals("{\"t\": 1, \"n\": 2}\n{\"t\": 1.5, \"n\": 1}"),
            Ok((1_000_000, vec![1_000_000, 1_000_000, 1_500_000]))
        );
        for (text, said) in [
            (
                "{\"t\": 1}",
                "line 1: n, how many tasks arrive at t, must be",
            ),
            (
                "{\"t\": 1, \"n\": 1}\n{\"t\": 0, \"n\": 1}",
                "line 2: t goes back",
            ),
            ("{\"t\": 1, \"n\": 1, \"m\": 2}", "line 1: there is no m"),
            (
                "{\"t\": 1, \"n\": 6000000}",
                "line 1: more than 5000000 tasks",
            ),
            ("", "there is no line"),
        ] {
            let error = arrivals(text).expect_err(text);
            assert!(error.starts_with(said), "{text}: {error}");
        }
    }
}
