//! `metrics`: the class's panel as text.

use crate::cluster::Cluster;
use crate::cluster::facts::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, Style};
use api::{DecisionStatus, ScheduledSpec, WorkerPool};
use decide::{Memory, Observation, Reason, decide};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use std::time::Duration;

/// Everything on the panel; `null` is unknown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    pool: String,
    namespace: String,
    at: Timestamp,
    queue_length: Option<u64>,
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
    /// Why facts are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

/// One line of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The class's sign.
    pub sign: &'static str,
    /// What it is.
    pub label: String,
    /// `?` where it is unknown.
    pub value: String,
}

/// Which row is the oldest wait: below it what is to be done begins.
pub const OLDEST_ROW: usize = 6;

/// What to do, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// `SCALE UP`, `SCALE DOWN` or `STAY`: where the rules lead, though a cooldown may still be running.
    pub action: &'static str,
    /// One word of the closed list.
    pub reason: String,
    /// Why, in one sentence.
    pub sentence: String,
    /// `operator`, or `here` where no operator has said anything yet and this program applied the rules itself.
    pub by: &'static str,
}

/// Prints the panel of the pool `name`; false when Redis cannot be read.
pub async fn run(cluster: &Cluster, name: Option<&str>, json: bool) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let (target, target_name) = cluster.target(&pool);
    let scale = cluster
        .request("reading the target's scale", target.get_scale(&target_name))
        .await;
    let current = scale
        .ok()
        .and_then(|scale| scale.spec)
        .and_then(|spec| spec.replicas);
    let facts = async {
        RedisClient::new(cluster, &pool)
            .await?
            .poll(&pool.spec.queues)
            .await
    }
    .await;
    let facts = facts.map_err(|error| format!("{error:#}"));
    let panel = Panel::new(
        &pool,
        facts.as_ref().map_err(String::as_str),
        current,
        Timestamp::now(),
    );
    if json {
        cluster.out.json(&panel)?;
    } else {
        panel.print(&cluster.out)?;
    }
    Ok(panel.unknown.is_none())
}

impl Panel {
    /// What is known at `at`; without facts, why.
    #[must_use]
    pub fn new(
        pool: &WorkerPool,
        facts: Result<&QueueSummary, &str>,
        current: Option<i32>,
        at: Timestamp,
    ) -> Self {
        let (of, unknown) = match facts {
            Ok(facts) => (Some(facts), None),
            Err(why) => (None, Some(why.to_owned())),
        };
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
        let (recommendation, target_workers) = recommend(pool, of, current, at).unzip();
        Self {
            pool: pool.name_any(),
            namespace: pool.namespace().unwrap_or_default(),
            at,
            queue_length: of.map(|facts| facts.ready),
            active_workers: of.and_then(|facts| facts.live),
            busy_workers: of.and_then(|facts| facts.busy),
            utilization_percent: of.and_then(QueueSummary::utilization),
            avg_time_seconds: seconds(of.and_then(|facts| facts.mean)),
            success_rate_percent: of.and_then(QueueSummary::success),
            cpu_percent: of.and_then(|facts| facts.cpu),
            oldest_wait_seconds: seconds(of.and_then(|facts| facts.oldest)),
            recommendation,
            current_workers: current,
            target_workers: target_workers.flatten(),
            eta_seconds: seconds(of.and_then(QueueSummary::eta)),
            unknown,
        }
    }

    /// The lines of the panel, in the class's order.
    #[must_use]
    pub fn rows(&self, lang: Lang) -> Vec<Row> {
        // What is not there yet, such as the mean time of no task, is not unknown.
        let none = if self.unknown.is_some() { "?" } else { "-" };
        let percent =
            |share: Option<f64>| share.map_or(none.into(), |share| format!("{share:.0}%"));
        let span =
            |seconds: Option<f64>| seconds.map_or(none.into(), |seconds| span(lang, seconds));
        let number = |n: Option<u64>| n.map_or(none.into(), |n| n.to_string());
        let queue = number(self.queue_length);
        let (busy, share) = (number(self.busy_workers), percent(self.utilization_percent));
        let (sign, action) = match &self.recommendation {
            None => (
                "❔",
                tr!(lang, "? (nothing is known)", "? (no se sabe nada)"),
            ),
            Some(Recommendation { action, reason, .. }) => {
                let (sign, said) = match *action {
                    "SCALE UP" => ("🔺", tr!(lang, "SCALE UP", "SUBIR")),
                    "SCALE DOWN" => ("🔻", tr!(lang, "SCALE DOWN", "BAJAR")),
                    _ => ("⏸️", tr!(lang, "STAY", "MANTENER")),
                };
                (sign, format!("{said} ({reason})"))
            }
        };
        let target = self.target_workers.map_or("?".into(), |n| n.to_string());
        let queue = match self.queue_length {
            Some(1) => tr!(lang, "1 task", "1 tarea"),
            _ => tr!(lang, "{queue} tasks", "{queue} tareas"),
        };
        let row = |sign, label, value| Row { sign, label, value };
        vec![
            row(
                "📊",
                tr!(lang, "Queue Length", "Longitud de la cola"),
                queue,
            ),
            row(
                "👷",
                tr!(lang, "Active Workers", "Workers activos"),
                number(self.active_workers),
            ),
            row(
                "⚡",
                tr!(lang, "Busy Workers", "Workers ocupados"),
                format!("{busy} ({share})"),
            ),
            row(
                "⏱️",
                tr!(lang, "Avg Time", "Tiempo medio"),
                span(self.avg_time_seconds),
            ),
            row(
                "✅",
                tr!(lang, "Success Rate", "Tasa de éxito"),
                percent(self.success_rate_percent),
            ),
            row(
                "🖥️",
                tr!(lang, "CPU Usage", "Uso de CPU"),
                percent(self.cpu_percent),
            ),
            row(
                "⏳",
                tr!(lang, "Oldest Wait", "Espera más larga"),
                span(self.oldest_wait_seconds),
            ),
            row(sign, tr!(lang, "Recommendation", "Recomendación"), action),
            row(
                "🎯",
                tr!(lang, "Target Workers", "Workers objetivo"),
                target,
            ),
            row("📈", "ETA".to_owned(), span(self.eta_seconds)),
        ]
    }

    fn print(&self, out: &Out) -> std::io::Result<()> {
        let lang = out.lang;
        for (at, Row { sign, label, value }) in self.rows(lang).into_iter().enumerate() {
            // These signs are drawn wider than terminals count them.
            let gap = if sign.ends_with('\u{fe0f}') {
                "  "
            } else {
                " "
            };
            out.data(&format!("{sign}{gap}{label}: {value}"))?;
            if at == OLDEST_ROW
                && let Some(why) = &self.unknown
            {
                out.info(&out.styled(
                    Style::Dim,
                    &tr!(lang, "? is unknown: {why}", "? es desconocido: {why}"),
                ));
            }
            if let Some(Recommendation { sentence, by, .. }) = self
                .recommendation
                .as_ref()
                .filter(|_| at == OLDEST_ROW + 1)
            {
                let sentence = out.message(sentence, self.at);
                let by = if *by == "operator" {
                    String::new()
                } else {
                    tr!(
                        lang,
                        "; no operator has said anything, this is by the rules alone",
                        "; ningún operador ha dicho nada, esto es solo por las reglas"
                    )
                };
                out.data(&out.styled(Style::Dim, &format!("   {sentence}{by}")))?;
            }
        }
        Ok(())
    }
}

/// The operator's decision where it has seen the pool as it is, else what the rules say here.
fn recommend(
    pool: &WorkerPool,
    facts: Option<&QueueSummary>,
    current: Option<i32>,
    now: Timestamp,
) -> Option<(Recommendation, Option<i32>)> {
    let status = pool.status.clone().unwrap_or_default();
    let memory = status
        .internal
        .as_ref()
        .map(Memory::from)
        .unwrap_or_default();
    let here = current.zip(facts).zip(ScheduledSpec::new(pool).ok()).map(
        |((current, facts), mut wishes)| {
            let seen = Observation {
                replicas: current,
                queues: facts.queues.clone(),
                unavailable_reason: None,
            };
            decide(wishes.at(api::time(now)), &seen, &memory, api::time(now))
        },
    );
    let seen = status.observed_generation >= pool.metadata.generation;
    let said = status.decision.filter(|_| seen);
    let wants = here.as_ref().map(|decision| match decision.reason {
        Reason::ScaleUpCooldown { recommended, .. }
        | Reason::ScaleDownCooldown { recommended, .. }
        | Reason::IdleWait { recommended, .. }
        | Reason::RecentlyBusy { recommended, .. }
        | Reason::Dampened { recommended, .. }
        | Reason::Stabilized { recommended, .. }
        | Reason::RateLimited { recommended, .. } => recommended,
        _ => decision.replicas,
    });
    let action = match wants.zip(current) {
        Some((wants, current)) if wants > current => "SCALE UP",
        Some((wants, current)) if wants < current => "SCALE DOWN",
        _ => "STAY",
    };
    if let Some(DecisionStatus {
        reason,
        message: sentence,
        ..
    }) = said
    {
        // Nothing is wanted while the target is missing.
        return Some((
            Recommendation {
                action,
                reason,
                sentence,
                by: "operator",
            },
            status.desired_replicas,
        ));
    }
    let decision = here?;
    let (why, to) = (decision.reason, decision.replicas);
    let (reason, sentence) = (
        why.code().to_string(),
        messages::message(&why, decision.from, to),
    );
    Some((
        Recommendation {
            action,
            reason,
            sentence,
            by: "here",
        },
        Some(to),
    ))
}

/// A span as people say it: `0.4s`, `32s`, `2 minutes`.
fn span(lang: Lang, seconds: f64) -> String {
    let minutes = seconds / 60.0;
    match seconds {
        _ if seconds > 0.0 && seconds < 10.0 => format!("{seconds:.1}s"),
        _ if seconds < 119.5 => format!("{seconds:.0}s"),
        _ => tr!(lang, "{minutes:.0} minutes", "{minutes:.0} minutos"),
    }
}
