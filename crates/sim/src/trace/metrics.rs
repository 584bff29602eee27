//! The metrics of one queue in a line of a trace.

use super::syntax::{float, millis, seconds};
use decide::{Metric, QueueMetrics, Time};
use serde_json::{Map, Value};

/// The JSON key of a count, and its field.
type Count = (&'static str, fn(&mut QueueMetrics) -> &mut Metric);
const COUNTS: [Count; 14] = [
    ("ready", |queue| &mut queue.ready),
    ("due", |queue| &mut queue.due),
    ("delayed", |queue| &mut queue.delayed),
    ("inFlight", |queue| &mut queue.in_flight),
    ("held", |queue| &mut queue.held),
    ("heldDelayed", |queue| &mut queue.held_delayed),
    ("paused", |queue| &mut queue.paused),
    ("limit", |queue| &mut queue.limit),
    ("live", |queue| &mut queue.live),
    ("busy", |queue| &mut queue.busy),
    ("arrived", |queue| &mut queue.arrived),
    ("completed", |queue| &mut queue.processed),
    ("failed", |queue| &mut queue.failed),
    ("busyMillis", |queue| &mut queue.busy_millis),
];
const KEYS: &str = "t, ready, due, delayed, inFlight, held, heldDelayed, paused, limit, live, busy, cpu, arrived, completed, failed, busyMillis, oldest, replicas";

/// Parses the metrics in `fields`: an absent one is unsupported, and null is unavailable, which adds it to
/// `unavailable`. `prefix` names the queue in messages.
pub fn parse_metrics(
    mut fields: Map<String, Value>,
    at: Time,
    prefix: &str,
    unavailable: &mut Vec<String>,
) -> Result<QueueMetrics, String> {
    let mut take = |key: &str, is_whole: bool, scale: f64| {
        let value = match fields.remove(key) {
            None => return Ok(Metric::Unsupported),
            Some(Value::Null) => {
                unavailable.push(format!("{prefix}{key}"));
                return Ok(Metric::Unavailable);
            }
            Some(value) => value,
        };
        value
            .as_f64()
            .filter(|n| (0.0..1e15).contains(n) && (!is_whole || n.fract() == 0.0))
            .map(|n| Metric::Known(millis(n * scale / 1000.0)))
            .ok_or_else(|| {
                let whole = if is_whole { "whole " } else { "" };
                format!(
                    "{prefix}{key} is {value}: write a {whole}number from 0, or null if it could not be read"
                )
            })
    };
    let mut metrics = QueueMetrics::UNSUPPORTED;
    for (key, field) in COUNTS {
        *field(&mut metrics) = take(key, true, 1.0)?;
    }
    // `cpu` is the mean over the live workers; `decide` takes the sum.
    metrics.cpu_sum = match (take("cpu", false, 1000.0)?, metrics.live) {
        (Metric::Known(cpu), live) => live.map(|live| (cpu * live + 500) / 1000),
        (cpu, _) => cpu,
    };
    metrics.oldest_at = take("oldest", false, 1000.0)?.map(|age| at.0 - age);
    match fields.keys().next() {
        Some(key) => Err(format!(
            "unknown field {prefix}{key}: a line may have {KEYS}"
        )),
        None => Ok(metrics),
    }
}

/// Formats the metrics of a queue, in the order of [`KEYS`].
#[expect(clippy::cast_precision_loss, reason = "percentages")]
pub fn write_metrics(mut metrics: QueueMetrics, at: Time) -> String {
    let value = |metric: Metric, format: &dyn Fn(i64) -> Value| match metric {
        Metric::Known(n) | Metric::Estimated(n) => Some(format(n)),
        Metric::Unavailable => Some(Value::Null),
        Metric::Unsupported => None,
    };
    let live = metrics.live.known().unwrap_or(0).max(1);
    let cpu = value(metrics.cpu_sum, &|sum| float(sum as f64 / live as f64));
    let oldest = value(metrics.oldest_at, &|then| seconds((at.0 - then).max(0)));
    let counts = COUNTS.map(|(key, field)| (key, value(*field(&mut metrics), &Value::from)));
    let fields: Vec<String> = counts
        .into_iter()
        .chain([("cpu", cpu), ("oldest", oldest)])
        .filter_map(|(key, value)| Some(format!("\"{key}\":{}", value?)))
        .collect();
    fields.join(",")
}
