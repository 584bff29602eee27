//! Prometheus metrics with closed label sets. Gauges are computed at the scrape from the pools that exist, and the counters
//! of a deleted pool end, so that it leaves no series behind.

use api::Key;
use decide::{Metric, QueueMetrics, ReasonCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

/// The values of one pool's gauges.
#[derive(Clone, Debug)]
pub struct PoolGauges {
    /// The pool.
    pub pool: Key,
    /// The metrics of all its queues together, from the last poll.
    pub total: QueueMetrics,
    /// The time since that poll.
    pub age: Option<Duration>,
    /// How long the oldest ready task has waited.
    pub oldest_wait: Option<Duration>,
    /// Whether the last poll could read all metrics.
    pub up: bool,
    /// Replica counts by kind: desired, current, min and max.
    pub replicas: [(&'static str, Option<i32>); 4],
}

/// The counters and the histogram of the operator.
#[derive(Debug, Default)]
pub struct Metrics {
    decisions: Family<[(&'static str, String); 3], Counter>,
    status_writes: Counter,
    events: Counter,
    scale_writes: Family<[(&'static str, &'static str); 1], Counter>,
    scale_latency: Option<Histogram>,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        // 1 ms to 16 s.
        Self {
            scale_latency: Some(Histogram::new(exponential_buckets(0.001, 2.0, 15))),
            ..Self::default()
        }
    }

    /// Counts a new decision of `pool`, by `reason`.
    pub fn record_decision(&self, pool: &Key, reason: ReasonCode) {
        self.decisions.get_or_create(&labels(pool, reason)).inc();
    }

    /// Ends the series of a deleted pool.
    pub fn forget(&self, pool: &Key) {
        for reason in ReasonCode::ALL {
            self.decisions.remove(&labels(pool, *reason));
        }
    }

    /// Counts a scale patch; `latency` is the time from the Redis notification to the API server's response.
    pub fn record_scale(&self, ok: bool, latency: Option<Duration>) {
        self.scale_writes
            .get_or_create(&[("result", if ok { "ok" } else { "error" })])
            .inc();
        if let (Some(histogram), Some(latency), true) = (&self.scale_latency, latency, ok) {
            histogram.observe(latency.as_secs_f64());
        }
    }

    /// Counts a status patch.
    pub fn record_status_write(&self) {
        self.status_writes.inc();
    }

    /// Counts a published event.
    pub fn record_event(&self) {
        self.events.inc();
    }

    /// All metrics and the gauges of `pools`, in the `OpenMetrics` text format.
    pub fn encode(&self, pools: Vec<PoolGauges>) -> String {
        let mut registry = Registry::with_prefix("workerpool");
        registry.register(
            "decisions",
            "Decisions that differ from the previous one, by reason",
            self.decisions.clone(),
        );
        registry.register(
            "status_writes",
            "Status patches sent",
            self.status_writes.clone(),
        );
        registry.register("events", "Kubernetes events published", self.events.clone());
        registry.register(
            "scale_writes",
            "Scale patches sent, by result",
            self.scale_writes.clone(),
        );
        if let Some(latency) = &self.scale_latency {
            registry.register(
                "scale_latency_seconds",
                "Seconds from the Redis notification to the API server's response to the scale patch",
                latency.clone(),
            );
        }
        registry.register_collector(Box::new(Pools(pools)));
        let mut text = String::new();
        match text::encode(&mut text, &registry) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n"),
        }
    }
}

fn labels(pool: &Key, reason: ReasonCode) -> [(&'static str, String); 3] {
    [
        ("namespace", pool.namespace.to_string()),
        ("name", pool.name.to_string()),
        ("reason", reason.to_string()),
    ]
}

/// Writes the gauges of the pools.
#[derive(Debug)]
struct Pools(Vec<PoolGauges>);

type Label = (&'static str, &'static str);

impl Pools {
    /// A gauge with one sample per pool, or none where `value` is absent.
    fn gauge(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&PoolGauges) -> Option<f64>,
    ) -> Result<(), std::fmt::Error> {
        self.family(encoder, name, help, |pool| {
            value(pool).map(|value| (None, value)).into_iter().collect()
        })
    }

    /// A gauge with any number of samples per pool, which differ in one label.
    fn family(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        samples: impl Fn(&PoolGauges) -> Vec<(Option<Label>, f64)>,
    ) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new(0.0);
        let mut family = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
        for pool in &self.0 {
            for (label, value) in samples(pool) {
                let Key { namespace, name } = &pool.pool;
                let mut labels: Vec<(&str, &str)> = vec![("namespace", namespace), ("name", name)];
                labels.extend(label);
                ConstGauge::new(value).encode(family.encode_family(&LabelSlice(&labels))?)?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct LabelSlice<'a>(&'a [(&'a str, &'a str)]);

impl EncodeLabelSet for LabelSlice<'_> {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let to = &mut encoder;
        let help = "Tasks that are ready for a worker to claim";
        self.gauge(to, "ready_tasks", help, |pool| count(pool.total.ready))?;
        let help = "Tasks that workers hold";
        self.gauge(to, "in_flight_tasks", help, |pool| {
            count(pool.total.in_flight)
        })?;
        let help = "Tasks that workers have fetched ahead and not begun";
        self.gauge(to, "held_tasks", help, |pool| count(pool.total.held))?;
        let help = "Tasks that become ready later";
        self.gauge(to, "delayed_tasks", help, |pool| count(pool.total.delayed))?;
        let help = "Delayed tasks that become ready within 10 s";
        self.gauge(to, "due_tasks", help, |pool| count(pool.total.due))?;
        let help = "Queues of the pool that are paused";
        self.gauge(to, "paused_queues", help, |pool| count(pool.total.paused))?;
        let help = "Seconds that the oldest ready task has waited";
        self.gauge(to, "oldest_wait_seconds", help, |pool| {
            pool.oldest_wait.map(|wait| wait.as_secs_f64())
        })?;
        let help = "Workers with a valid lease, by state";
        self.family(to, "workers", help, worker_samples)?;
        let help = "Replicas of the target, by kind";
        self.family(to, "replicas", help, replica_samples)?;
        let help = "Seconds since the last poll of the pool's queues";
        self.gauge(to, "metrics_age_seconds", help, |pool| {
            pool.age.map(|age| age.as_secs_f64())
        })?;
        let help = "Whether the last poll could read all metrics (1) or not (0)";
        self.gauge(to, "queue_up", help, |pool| {
            Some(f64::from(u8::from(pool.up)))
        })?;
        let help = "Tasks arrived minus those processed, ready, due, in flight and failed";
        self.gauge(to, "task_conservation_gap", help, |pool| {
            count(conservation_gap(&pool.total))
        })
    }
}

fn worker_samples(pool: &PoolGauges) -> Vec<(Option<Label>, f64)> {
    let (Some(live), Some(busy)) = (pool.total.live.known(), pool.total.busy.known()) else {
        return Vec::new();
    };
    vec![
        (Some(("state", "busy")), float(busy)),
        (Some(("state", "idle")), float(live - busy)),
    ]
}

fn replica_samples(pool: &PoolGauges) -> Vec<(Option<Label>, f64)> {
    let known = pool
        .replicas
        .iter()
        .filter_map(|(kind, n)| Some((Some(("kind", *kind)), f64::from((*n)?))));
    known.collect()
}

fn count(metric: Metric) -> Option<f64> {
    metric.known().map(float)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floats")]
fn float(n: i64) -> f64 {
    n as f64
}

/// `arrived − processed − ready − due − in flight − failed`: zero while no task is lost.
fn conservation_gap(load: &QueueMetrics) -> Metric {
    let accounted = [
        load.processed,
        load.ready,
        load.due,
        load.in_flight,
        load.failed,
    ];
    match (
        load.arrived,
        accounted
            .into_iter()
            .fold(Metric::Unsupported, Metric::plus),
    ) {
        (Metric::Known(arrived), Metric::Known(sum)) => Metric::Known(arrived - sum),
        // An estimate says nothing about a lost task.
        _ => Metric::Unsupported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_pool_leaves_no_series_behind() {
        let metrics = Metrics::new();
        let (kept, deleted) = (Key::new("n", "kept"), Key::new("n", "deleted"));
        for reason in ReasonCode::ALL {
            metrics.record_decision(&kept, *reason);
            metrics.record_decision(&deleted, *reason);
        }
        metrics.forget(&deleted);
        let text = metrics.encode(vec![]);
        assert!(
            text.contains("name=\"kept\"") && !text.contains("deleted"),
            "{text}"
        );
    }

    #[test]
    fn a_task_between_two_attempts_is_not_lost() {
        let load = QueueMetrics {
            arrived: Metric::Known(10),
            processed: Metric::Known(4),
            ready: Metric::Known(1),
            due: Metric::Known(3),
            in_flight: Metric::Known(2),
            failed: Metric::Known(0),
            ..QueueMetrics::UNSUPPORTED
        };
        assert_eq!(conservation_gap(&load), Metric::Known(0));
        let without_delays = QueueMetrics {
            due: Metric::Unsupported,
            ..load
        };
        assert_eq!(conservation_gap(&without_delays), Metric::Known(3));
    }
}
