//! `metrics`: the class's panel as text or JSON.

use crate::cluster::queue_summary::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::cluster::{Cluster, replicas_of};
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, Style};
use api::{Explanation, ScheduledSpec, WorkerPool};
use decide::{Memory, Metric, Observation, QueueMetrics, Reason, decide};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use std::time::Duration;

/// The values of the panel; `null` is unknown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    pool: String,
    namespace: String,
    at: Timestamp,
    queue_length: Option<u64>,
    /// `null` is unknown here, and a metric that no queue reports is "unsupported".
    held: Metric,
    due: Metric,
    delayed: Metric,
    paused: Metric,
    active_workers: Option<u64>,
    busy_workers: Option<u64>,
    utilization_percent: Option<f64>,
    avg_time_seconds: Option<f64>,
    success_rate_percent: Option<f64>,
    cpu_percent: Option<f64>,
    oldest_wait_seconds: Option<f64>,
    recommendation: Option<Recommendation>,
    current_workers: Option<i32>,
    target_workers: Option<i32>,
    eta_seconds: Option<f64>,
    /// Why the metrics are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

/// One line of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The class's emoji.
    pub sign: &'static str,
    /// The name of the value.
    pub label: String,
    /// The value, or `?` if it is unknown.
    pub value: String,
}

/// The index of the oldest wait, which is the last row before the recommendation.
pub const OLDEST_ROW: usize = 6;

/// The recommended action, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// `SCALE UP`, `SCALE DOWN` or `STAY`: the direction of the rules, even during a cooldown.
    pub action: &'static str,
    /// The reason code.
    pub reason: String,
    /// The message of the decision, in English.
    pub message: String,
    /// The decision for a reader.
    #[serde(skip)]
    pub explanation: Explanation,
    /// `operator`, or `here` if no operator has decided yet and this program applied the rules.
    pub by: &'static str,
}

/// Prints the panel of the pool `name`; false if Redis cannot be read.
pub async fn run(cluster: &Cluster, name: Option<&str>, json: bool) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let current = cluster.scale(&pool).await.ok().as_ref().map(replicas_of);
    let summary = match RedisClient::new(cluster, &pool).await {
        Ok(mut redis) => redis.poll(&pool.spec.queues).await,
        Err(error) => Err(error),
    };
    let summary = summary.map_err(|error| format!("{error:#}"));
    let summary = summary.as_ref().map_err(String::as_str);
    let panel = Panel::new(&pool, summary, current, Timestamp::now());
    if json {
        cluster.out.json(&panel)?;
    } else {
        panel.print(&cluster.out)?;
    }
    Ok(panel.unknown.is_none())
}

impl Panel {
    /// The panel at the time `at`, from the metrics or the reason why they are unknown.
    pub fn new(
        pool: &WorkerPool,
        summary: Result<&QueueSummary, &str>,
        current: Option<i32>,
        at: Timestamp,
    ) -> Self {
        let unknown = summary.err().map(str::to_owned);
        let known = summary.ok();
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
        let total = known.map_or(QueueMetrics::UNAVAILABLE, |summary| {
            QueueMetrics::sum(&summary.queues)
        });
        let (recommendation, target_workers) = recommend(pool, known, current, at).unzip();
        Self {
            pool: pool.name_any(),
            namespace: pool.namespace().unwrap_or_default(),
            at,
            queue_length: known.map(|summary| summary.ready),
            held: total.held,
            due: total.due,
            delayed: total.delayed,
            paused: total.paused,
            active_workers: known.and_then(|summary| summary.live),
            busy_workers: known.and_then(|summary| summary.busy),
            utilization_percent: known.and_then(QueueSummary::utilization),
            avg_time_seconds: seconds(known.and_then(|summary| summary.mean)),
            success_rate_percent: known.and_then(QueueSummary::success),
            cpu_percent: known.and_then(|summary| summary.cpu),
            oldest_wait_seconds: seconds(known.and_then(|summary| summary.oldest)),
            recommendation,
            current_workers: current,
            target_workers: target_workers.flatten(),
            eta_seconds: seconds(known.and_then(QueueSummary::eta)),
            unknown,
        }
    }

    /// The labels of the rows.
    pub fn labels(lang: Lang) -> [String; 10] {
        [
            tr!(lang, "cli-metrics-queue-length"),
            tr!(lang, "cli-metrics-active-workers"),
            tr!(lang, "cli-metrics-busy-workers"),
            tr!(lang, "cli-metrics-average-time"),
            tr!(lang, "cli-metrics-success-rate"),
            tr!(lang, "cli-metrics-cpu"),
            tr!(lang, "cli-metrics-oldest-wait"),
            tr!(lang, "cli-metrics-recommendation"),
            tr!(lang, "cli-metrics-target-workers"),
            tr!(lang, "cli-metrics-eta"),
        ]
    }

    /// The rows of the panel, in the class's order.
    pub fn rows(&self, lang: Lang) -> Vec<Row> {
        // A value that does not exist yet, such as the mean time of no task, is not unknown.
        let none = if self.unknown.is_some() { "?" } else { "-" };
        let percent = |n: Option<f64>| n.map_or(none.into(), |n| format!("{n:.0}%"));
        let span = |n: Option<f64>| n.map_or(none.into(), |seconds| span(lang, seconds));
        let number = |n: Option<u64>| n.map_or(none.into(), |n| n.to_string());
        let queue = number(self.queue_length);
        let queue = tr!(lang, "cli-metrics-queue", queue);
        let busy = number(self.busy_workers);
        let busy = format!("{busy} ({})", percent(self.utilization_percent));
        let (sign, action) = self.action(lang);
        let target = self.target_workers.map_or("?".into(), |n| n.to_string());
        let values = [
            ("📊", queue),
            ("👷", number(self.active_workers)),
            ("⚡", busy),
            ("⏱️", span(self.avg_time_seconds)),
            ("✅", percent(self.success_rate_percent)),
            ("🖥️", percent(self.cpu_percent)),
            ("⏳", span(self.oldest_wait_seconds)),
            (sign, action),
            ("🎯", target),
            ("📈", span(self.eta_seconds)),
        ];
        let row = |((sign, value), label)| Row { sign, label, value };
        let values = values.into_iter();
        values.zip(Self::labels(lang)).map(row).collect()
    }

    /// What beside the waiting tasks a queue may have; `None` where there is none of it. What no queue reports is a dash.
    pub fn others(&self, lang: Lang) -> Option<String> {
        let all = [self.held, self.due, self.delayed, self.paused];
        if !all.iter().any(|metric| metric.known() > Some(0)) {
            return None;
        }
        let [held, due, delayed, paused] = all.map(|metric| match metric {
            Metric::Known(n) | Metric::Estimated(n) => n.to_string(),
            Metric::Unavailable => "?".to_owned(),
            Metric::Unsupported => "–".to_owned(),
        });
        Some(tr!(lang, "cli-metrics-others", held, due, delayed, paused))
    }

    /// The emoji and the text of the recommendation.
    fn action(&self, lang: Lang) -> (&'static str, String) {
        let Some(Recommendation { action, reason, .. }) = &self.recommendation else {
            return ("❔", tr!(lang, "cli-metrics-nothing-known"));
        };
        let (sign, action) = match *action {
            "SCALE UP" => ("🔺", tr!(lang, "cli-metrics-up")),
            "SCALE DOWN" => ("🔻", tr!(lang, "cli-metrics-down")),
            _ => ("⏸️", tr!(lang, "cli-metrics-stay")),
        };
        (sign, format!("{action} ({reason})"))
    }

    fn print(&self, out: &Out) -> std::io::Result<()> {
        let lang = out.lang;
        for (at, Row { sign, label, value }) in self.rows(lang).into_iter().enumerate() {
            // Terminals draw these emoji wider than they count them.
            let gap = " ".repeat(1 + usize::from(sign.ends_with('\u{fe0f}')));
            out.data(&format!("{sign}{gap}{label}: {value}"))?;
            if let Some(others) = self.others(lang).filter(|_| at == 0) {
                out.data(&out.styled(Style::Dim, &format!("   {others}")))?;
            }
            if at == OLDEST_ROW
                && let Some(reason) = &self.unknown
            {
                out.info(&out.styled(Style::Dim, &tr!(lang, "cli-metrics-target-unknown", reason)));
            }
            if at == OLDEST_ROW + 1
                && let Some(recommendation) = &self.recommendation
            {
                let message = out.message(recommendation.explanation.clone());
                let by = match recommendation.by {
                    "operator" => String::new(),
                    _ => tr!(lang, "cli-metrics-by-rules"),
                };
                out.data(&out.styled(Style::Dim, &format!("   {message}{by}")))?;
            }
        }
        Ok(())
    }
}

/// The operator's decision if it has observed the latest spec, else the decision of the rules here.
fn recommend(
    pool: &WorkerPool,
    summary: Option<&QueueSummary>,
    current: Option<i32>,
    now: Timestamp,
) -> Option<(Recommendation, Option<i32>)> {
    let status = pool.status.clone().unwrap_or_default();
    let memory = status.internal.as_ref().map(Memory::from);
    let here = || {
        let observation = Observation {
            replicas: current?,
            queues: summary?.queues.clone(),
            unavailable: None,
        };
        let mut spec = ScheduledSpec::new(pool).ok()?;
        let (now, memory) = (api::time(now), memory.unwrap_or_default());
        Some(decide(spec.at(now), &observation, &memory, now))
    };
    let here = here();
    let observed = status.observed_generation >= pool.metadata.generation;
    let latest = status.decision.filter(|_| observed);
    let desired = here.as_ref().map(|decision| match decision.reason {
        Reason::CoolingDown { recommended, .. }
        | Reason::IdleWait { recommended, .. }
        | Reason::Stabilized { recommended, .. }
        | Reason::RateLimited { recommended, .. } => recommended,
        _ => decision.replicas,
    });
    let action = match desired.zip(current) {
        Some((desired, current)) if desired > current => "SCALE UP",
        Some((desired, current)) if desired < current => "SCALE DOWN",
        _ => "STAY",
    };
    let recommendation = |explanation: Explanation, by| Recommendation {
        action,
        reason: explanation.reason.clone(),
        message: explanation.message.clone(),
        explanation,
        by,
    };
    if let Some(decision) = &latest {
        let decided = recommendation(decision.into(), "operator");
        // There are no desired replicas while the target is missing.
        return Some((decided, status.desired_replicas));
    }
    let decision = here?;
    let here = recommendation(Explanation::new(&decision), "here");
    Some((here, Some(decision.replicas)))
}

/// A span as the class defines it for its panel: `0.4s`, `32s`, `2 minutes`. All else is [`messages::span`].
fn span(lang: Lang, seconds: f64) -> String {
    let minutes = seconds / 60.0;
    match seconds {
        _ if seconds > 0.0 && seconds < 10.0 => format!("{seconds:.1}s"),
        _ if seconds < 119.5 => format!("{seconds:.0}s"),
        _ => {
            let minutes = format!("{minutes:.0}");
            tr!(lang, "cli-metrics-minutes", minutes)
        }
    }
}
