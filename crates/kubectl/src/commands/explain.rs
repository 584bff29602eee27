//! `explain`: why the pool has this number of workers and what would change it next, from the steps of the operator's
//! decision.

use crate::cluster::Cluster;
use crate::cluster::missing_queue;
use crate::cluster::patch::wait_for_decision;
use crate::cluster::redis::RedisClient;
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, Style};
use anyhow::bail;
use api::{
    CauseStatus, DecisionStatus, MetricsStatus, NextChangeStatus, WorkerPool, WorkerPoolStatus,
    time,
};
use decide::Millis;
use jiff::Timestamp;
use kube::ResourceExt;
use messages::whole_span;
use serde_json::json;

/// Explains the pool `name`; false if no operator has observed the latest spec.
pub async fn run(cluster: &Cluster, name: Option<&str>, json: bool) -> anyhow::Result<bool> {
    let mut pool = cluster.pool(name).await?;
    // Right after a change of the spec, wait for the decision on it.
    if pool
        .status
        .as_ref()
        .is_some_and(|status| status.observed_generation < pool.metadata.generation)
        && wait_for_decision(cluster, &pool, &pool).await.is_ok()
    {
        pool = cluster.pool(Some(&pool.name_any())).await?;
    }
    let (name, lang) = (pool.name_any(), cluster.out.lang);
    let Some(status) = pool
        .status
        .clone()
        .filter(|status| status.decision.is_some())
    else {
        bail!(tr!(lang, "cli-explain-undecided", name));
    };
    let observed = status.observed_generation >= pool.metadata.generation;
    let now = Timestamp::now();
    let hints = hints(cluster, &pool, now).await;
    if json {
        let WorkerPoolStatus {
            decision,
            metrics,
            history,
            ..
        } = &status;
        let last = history.last();
        cluster.out.json(&json!({
            "pool": name, "namespace": pool.namespace(), "current": observed, "decision": decision, "metrics": metrics, "lastChange": last, "hints": hints,
        }))?;
        return Ok(observed);
    }
    for line in lines(&pool, &status, now, &cluster.out) {
        cluster.out.data(&line)?;
    }
    for hint in &hints {
        cluster
            .out
            .data(&format!("  {}", cluster.out.styled(Style::Warning, hint)))?;
    }
    if !observed {
        cluster.out.info(&tr!(lang, "cli-explain-unobserved", name));
    }
    Ok(observed)
}

/// What a queue that no one knows may mean; it needs Redis, and only where the pool has long been empty.
async fn hints(cluster: &Cluster, pool: &WorkerPool, now: Timestamp) -> Vec<String> {
    if !missing_queue::has_long_been_empty(pool, now) {
        return Vec::new();
    }
    match RedisClient::new(cluster, pool).await {
        Ok(client) => missing_queue::hints(&client, pool, now).await,
        Err(_) => Vec::new(),
    }
}

/// The lines of the explanation.
fn lines(pool: &WorkerPool, status: &WorkerPoolStatus, now: Timestamp, out: &Out) -> Vec<String> {
    let Some(decision) = &status.decision else {
        return Vec::new();
    };
    let lang = out.lang;
    let mut rows = Vec::new();
    if let Some(metrics) = &status.metrics {
        rows.push((
            tr!(lang, "cli-explain-metrics"),
            metrics_line(out, metrics, now),
        ));
    }
    rows.extend(decision.steps.iter().map(|step| out.step(step)));
    if let Some(change) = status.history.last() {
        let ago = whole_span(time(now) - time(change.at));
        let change = format!("{} → {}", change.from, change.to);
        rows.push((
            tr!(lang, "cli-explain-last-change"),
            tr!(lang, "cli-explain-change-ago", change, ago),
        ));
    }
    rows.extend(next_changes(
        out,
        decision,
        (pool.spec.min_replicas, pool.spec.max_replicas),
        now,
        true,
    ));
    let drain_time = status
        .metrics
        .as_ref()
        .and_then(|metrics| drain_time(lang, metrics));
    rows.extend(drain_time.map(|span| (tr!(lang, "cli-explain-empty-in"), span)));

    let head = format!("{}: {}", pool.name_any(), head(decision, now, out));
    [vec![head, String::new()], out.rows(&rows)].concat()
}

/// The next change in each direction, from the operator's forecast; with the time of day if `clock`.
pub fn next_changes(
    out: &Out,
    decision: &DecisionStatus,
    (min, max): (i32, i32),
    now: Timestamp,
    clock: bool,
) -> [(String, String); 2] {
    let (lang, to) = (out.lang, decision.to);
    let next = decision.next.clone().unwrap_or_default();
    let none = |bound: Option<String>| {
        let none = tr!(lang, "cli-explain-none");
        bound.map_or(none.clone(), |bound| format!("{none}: {bound}"))
    };
    let none_up = none((to >= max).then(|| tr!(lang, "cli-explain-at-max", max)));
    let none_down = none((to <= min).then(|| tr!(lang, "cli-explain-at-min", min)));
    let forecast = |next: Option<NextChangeStatus>, none| {
        next.map_or(none, |next| next_change(out, to, &next, now, clock))
    };
    [
        (tr!(lang, "cli-explain-next-up"), forecast(next.up, none_up)),
        (
            tr!(lang, "cli-explain-next-down"),
            forecast(next.down, none_down),
        ),
    ]
}

fn head(decision: &DecisionStatus, now: Timestamp, out: &Out) -> String {
    let DecisionStatus { reason, at, .. } = decision;
    let (message, ago) = (out.message(decision), whole_span(time(now) - time(*at)));
    tr!(out.lang, "cli-explain-suspended", message, reason, ago)
}

/// The metrics in one line, with the reason why one could not be read.
pub fn metrics_line(out: &Out, metrics: &MetricsStatus, now: Timestamp) -> String {
    let lang = out.lang;
    let (waiting, cpu) = (metrics.ready.value, metrics.cpu_percent.value);
    let held = metrics.held.value.filter(|n| *n > 0);
    let delayed = metrics.delayed.value.filter(|n| *n > 0);
    let busy = metrics.live.value.zip(metrics.busy.value);
    let mut parts: Vec<String> = [
        waiting.map(|n| tr!(lang, "cli-metrics-waiting", n)),
        held.map(|n| tr!(lang, "cli-metrics-held", n)),
        delayed.map(|n| tr!(lang, "cli-metrics-delayed", n)),
        busy.map(|(live, busy)| tr!(lang, "cli-metrics-busy", busy, live)),
        cpu.map(|n| format!("CPU {n} %")),
        metrics.task_millis.value.map(|millis| {
            let span = messages::span(Millis(millis));
            tr!(lang, "cli-metrics-task-takes", span)
        }),
        metrics.oldest_task_time.value.map(|at| {
            let waited = whole_span(time(now) - time(at));
            tr!(lang, "cli-metrics-oldest", waited)
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let (None, Some(english)) = (waiting, &metrics.ready.unavailable) {
        let cause = metrics.cause.as_ref().map(CauseStatus::encoded);
        let reason = cause.map_or_else(|| english.clone(), |cause| out.cause(&cause));
        parts.push(tr!(lang, "cli-metrics-unavailable", reason));
    }
    parts.join(" · ")
}

/// A forecast change: its condition, and the earliest time.
fn next_change(
    out: &Out,
    from: i32,
    next: &NextChangeStatus,
    now: Timestamp,
    clock: bool,
) -> String {
    let (NextChangeStatus { to, at, tasks }, lang) = (next, out.lang);
    let n = tasks.unsigned_abs();
    let needs = match tasks {
        0 => tr!(lang, "cli-explain-if-unchanged"),
        1.. => tr!(lang, "cli-explain-if-more", n),
        _ => tr!(lang, "cli-explain-if-fewer", n),
    };
    let when = match at.filter(|at| *at > now) {
        Some(at) => {
            // Rounded up: at the end of 1 s it can come, not before.
            let span = whole_span(Millis((time(at) - time(now)).0 + 999));
            let clock = clock.then(|| format!(" ({})", out.clock(at)));
            let clock = clock.unwrap_or_default();
            tr!(lang, "cli-explain-earliest", span, clock)
        }
        None => tr!(lang, "cli-explain-at-once"),
    };
    format!("{from} → {to} {when}, {needs}")
}

/// How long the queue takes to drain, with the live workers and with one and two more.
fn drain_time(lang: Lang, metrics: &MetricsStatus) -> Option<String> {
    let ready = metrics.ready.value.filter(|n| *n > 0)?;
    let live = metrics.live.value.filter(|n| *n > 0)?;
    let mean = metrics.task_millis.value?;
    let with = |workers: i64| {
        let span = whole_span(Millis(mean.saturating_mul(ready) / workers));
        tr!(lang, "cli-explain-drain-with", span, workers)
    };
    let [now, one_more, two_more] = [0, 1, 2].map(|more| with(live + more));
    Some(tr!(
        lang,
        "cli-explain-drain",
        now,
        live,
        one_more,
        two_more
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::narrator::tests::pool;
    use crate::tui::tests::stage::forecast_status;
    use api::{MetricStatus, ScheduledSpec, timestamp};
    use decide::{Memory, Metric, Observation, QueueMetrics, Time, decide};
    use jiff::tz::TimeZone;
    use messages::Params;

    /// The decision on the observation, as the operator writes it.
    fn decision_status(observation: &Observation, memory: &Memory, now: Time) -> DecisionStatus {
        let mut scheduled_spec = ScheduledSpec::new(&pool()).expect("a valid pool");
        let decision = decide(scheduled_spec.at(now), observation, memory, now);
        let forecast = forecast_status(scheduled_spec.pool(), observation, &decision, now);
        DecisionStatus {
            next: Some(forecast),
            ..DecisionStatus::new(&decision, timestamp(now))
        }
    }

    /// The explanation of a decision on the class's pool with these metrics.
    fn explained(lang: Lang, ready: i64, live: i64, memory: &Memory) -> String {
        let now = Time(1_700_000_000_000);
        let busy = Metric::Known(live.min(ready));
        let load = QueueMetrics {
            ready: Metric::Known(ready),
            live: Metric::Known(live),
            busy,
            in_flight: busy,
            cpu_sum: Metric::Known(0),
            ..QueueMetrics::UNSUPPORTED
        };
        let observation = Observation {
            replicas: 5,
            queues: vec![load],
            unavailable: None,
        };
        let metric = |metric: Metric| MetricStatus {
            value: metric.known(),
            ..MetricStatus::default()
        };
        let status = WorkerPoolStatus {
            metrics: Some(MetricsStatus {
                ready: metric(load.ready),
                live: metric(load.live),
                busy: metric(load.busy),
                task_millis: metric(Metric::Known(8100)),
                ..MetricsStatus::default()
            }),
            decision: Some(decision_status(&observation, memory, now)),
            ..WorkerPoolStatus::default()
        };
        let out = Out::plain(lang, TimeZone::UTC);
        lines(&pool(), &status, timestamp(now + Millis::seconds(4)), &out).join("\n")
    }

    #[test]
    fn burst_in_a_cooldown() {
        let up = Some(Time(1_700_000_000_000 - 14_000));
        let memory = Memory {
            desired: Some(5),
            last_up: up,
            last_change: up,
            ..Memory::default()
        };
        insta::assert_snapshot!(explained(Lang::EN, 17, 5, &memory));
        insta::assert_snapshot!(
            "in_spanish",
            explained(Lang::of("es").expect("Spanish"), 17, 5, &memory)
        );
    }

    #[test]
    fn at_rest() {
        insta::assert_snapshot!(explained(Lang::EN, 0, 5, &Memory::default()));
    }

    #[test]
    fn tasks_that_no_new_worker_gets_are_named() {
        let metric = |n: i64| MetricStatus {
            value: Some(n),
            ..MetricStatus::default()
        };
        let metrics = MetricsStatus {
            ready: metric(0),
            held: metric(7),
            delayed: metric(2),
            ..MetricsStatus::default()
        };
        let line = metrics_line(
            &Out::plain(Lang::EN, TimeZone::UTC),
            &metrics,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(line, "0 waiting · 7 fetched ahead by workers · 2 delayed");
    }

    #[test]
    fn unread_metrics_in_spanish() {
        let metrics = MetricsStatus {
            ready: MetricStatus {
                unavailable: Some("in English".to_owned()),
                ..MetricStatus::default()
            },
            cause: Some(CauseStatus {
                code: "RedisDown".to_owned(),
                params: Params::from_iter([
                    ("address".to_owned(), "redis://r".into()),
                    ("error".to_owned(), "timed out".into()),
                ]),
            }),
            ..MetricsStatus::default()
        };
        let out = Out::plain(Lang::of("es").expect("Spanish"), TimeZone::UTC);
        let line = metrics_line(&out, &metrics, Timestamp::UNIX_EPOCH);
        let expected = "desconocido: Redis en redis://r no responde: timed out";
        assert_eq!(line, expected);
    }
}
