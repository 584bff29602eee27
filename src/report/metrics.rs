//! Prometheus metrics with closed label sets. Gauges are made from the pools that exist at the time of the scrape, so
//! that a deleted pool leaves none behind.

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

/// What one pool shows.
#[derive(Clone, Debug)]
pub struct PoolGauges {
    /// Which.
    pub pool: Key,
    /// The facts of its last look.
    pub total: QueueMetrics,
    /// When that was.
    pub age: Option<Duration>,
    /// How long the oldest ready task has waited.
    pub oldest_wait: Option<Duration>,
    /// Whether its facts could be read.
    pub up: bool,
    /// desired, current, min and max replicas.
    pub replicas: [(&'static str, Option<i32>); 4],
}

/// What is counted, whatever pools there are.
#[derive(Debug, Default)]
pub struct Metrics {
    decisions: Family<[(&'static str, String); 3], Counter>,
    status_writes: Counter,
    events: Counter,
    scale_writes: Family<[(&'static str, &'static str); 1], Counter>,
    reaction: Option<Histogram>,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        // 1 ms to 16 s.
        Self {
            reaction: Some(Histogram::new(exponential_buckets(0.001, 2.0, 15))),
            ..Self::default()
        }
    }

    /// A decision of `pool` became `reason`.
    pub fn decided(&self, pool: &Key, reason: ReasonCode) {
        let labels = [
            ("namespace", pool.namespace.to_string()),
            ("name", pool.name.to_string()),
            ("reason", reason.to_string()),
        ];
        self.decisions.get_or_create(&labels).inc();
    }

    /// A scale was written, or could not be; `reaction` is the time from Redis's push to the answered patch.
    pub fn scaled(&self, ok: bool, reaction: Option<Duration>) {
        self.scale_writes
            .get_or_create(&[("result", if ok { "ok" } else { "error" })])
            .inc();
        if let (Some(histogram), Some(reaction), true) = (&self.reaction, reaction, ok) {
            histogram.observe(reaction.as_secs_f64());
        }
    }

    /// A status was written.
    pub fn status_written(&self) {
        self.status_writes.inc();
    }

    /// An event was published.
    pub fn event_published(&self) {
        self.events.inc();
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn encode(&self, pools: Vec<PoolGauges>) -> String {
        let mut registry = Registry::with_prefix("workerpool");
        registry.register(
            "decisions",
            "Decisions that differ from the one before, by reason",
            self.decisions.clone(),
        );
        registry.register(
            "status_writes",
            "Statuses written",
            self.status_writes.clone(),
        );
        registry.register("events", "Events published", self.events.clone());
        registry.register(
            "scale_writes",
            "Scales written, by result",
            self.scale_writes.clone(),
        );
        if let Some(reaction) = &self.reaction {
            registry.register(
                "scale_latency_seconds",
                "From the push of Redis to the answered patch of the scale",
                reaction.clone(),
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

#[derive(Debug)]
struct Pools(Vec<PoolGauges>);

/// Namespace and name, and one more label for some.
type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Pools {
    fn family(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        values: impl Fn(&PoolGauges) -> Vec<(Option<(&'static str, &'static str)>, f64)>,
    ) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new(0.0);
        let mut family = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
        for pool in &self.0 {
            for (label, value) in values(pool) {
                let mut labels: Labels<'_> = vec![
                    ("namespace", &pool.pool.namespace),
                    ("name", &pool.pool.name),
                ];
                labels.extend(label);
                ConstGauge::new(value).encode(family.encode_family(&LabelSlice(&labels))?)?;
            }
        }
        Ok(())
    }

    fn metric(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        about: (&str, &str),
        which: impl Fn(&QueueMetrics) -> Metric,
    ) -> Result<(), std::fmt::Error> {
        self.family(encoder, about, |pool| {
            which(&pool.total)
                .known()
                .map(|n| (None, float(n)))
                .into_iter()
                .collect()
        })
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct LabelSlice<'a>(&'a [(&'static str, &'a str)]);

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
        self.metric(
            to,
            ("ready_tasks", "Tasks that wait and could be taken now"),
            |load| load.ready,
        )?;
        self.metric(
            to,
            ("in_flight_tasks", "Tasks that a worker holds"),
            |load| load.in_flight,
        )?;
        self.family(
            to,
            (
                "oldest_wait_seconds",
                "How long the oldest ready task has waited",
            ),
            |pool| {
                pool.oldest_wait
                    .map(|wait| (None, wait.as_secs_f64()))
                    .into_iter()
                    .collect()
            },
        )?;
        self.family(to, ("workers", "Workers with a lease, by state"), |pool| {
            let (Some(live), Some(busy)) = (pool.total.live.known(), pool.total.busy.known())
            else {
                return Vec::new();
            };
            vec![
                (Some(("state", "busy")), float(busy)),
                (Some(("state", "idle")), float(live - busy)),
            ]
        })?;
        self.family(
            to,
            ("replicas", "Replicas of the target, by kind"),
            |pool| {
                let known = pool
                    .replicas
                    .iter()
                    .filter_map(|(kind, n)| Some((Some(("kind", *kind)), f64::from((*n)?))));
                known.collect()
            },
        )?;
        self.family(
            to,
            ("metrics_age_seconds", "Age of the last look"),
            |pool| {
                pool.age
                    .map(|age| (None, age.as_secs_f64()))
                    .into_iter()
                    .collect()
            },
        )?;
        self.family(
            to,
            (
                "queue_up",
                "Whether the facts could be read at the last look",
            ),
            |pool| vec![(None, f64::from(u8::from(pool.up)))],
        )?;
        self.metric(
            to,
            (
                "task_conservation_gap",
                "Tasks arrived less those done, waiting, in flight and failed",
            ),
            gap,
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floats")]
fn float(n: i64) -> f64 {
    n as f64
}

/// `arrived − done − waiting − in flight − failed`: zero while no task is lost.
fn gap(load: &QueueMetrics) -> Metric {
    let all = [load.processed, load.ready, load.in_flight, load.failed];
    match (
        load.arrived,
        all.into_iter().fold(Metric::Unsupported, Metric::plus),
    ) {
        (Metric::Known(arrived), Metric::Known(sum)) => Metric::Known(arrived - sum),
        _ => Metric::Unsupported,
    }
}
