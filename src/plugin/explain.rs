//! `explain`: why the number is what it is and what would change it next, from the operator's own trail.

use super::cluster::Cluster;
use super::line::{local_times, minutes};
use super::output::{Out, Paint};
use crate::api::{
    DecisionStatus, MetricStatus, MetricsStatus, NextStatus, WorkerPool, WorkerPoolStatus, time,
};
use crate::decide::Millis;
use anyhow::bail;
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;

/// Explains the pool `name`; false while no operator has decided on it as it is now.
pub async fn run(cluster: &Cluster, name: Option<&str>, json: bool) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let name = pool.name_any();
    let Some(status) = pool.status.clone().filter(|status| status.decision.is_some()) else {
        bail!(
            "{name}: no operator has decided on it yet; `kubectl workerpool check {name}` looks for what is missing"
        );
    };
    let seen = status.observed_generation >= pool.metadata.generation;
    let now = Timestamp::now();
    if json {
        let WorkerPoolStatus { decision, metrics, history, .. } = &status;
        let last = history.last();
        cluster.out.json(&json!({
            "pool": name, "namespace": pool.namespace(), "current": seen, "decision": decision, "metrics": metrics, "lastChange": last,
        }))?;
        return Ok(seen);
    }
    for line in lines(&pool, &status, now, &cluster.out) {
        cluster.out.data(&line)?;
    }
    if !seen {
        cluster.out.talk(&format!(
            "The spec has changed since, and no operator has seen it: kubectl workerpool check {name}"
        ));
    }
    Ok(seen)
}

/// The explanation, a line each.
fn lines(pool: &WorkerPool, status: &WorkerPoolStatus, now: Timestamp, out: &Out) -> Vec<String> {
    let Some(decision) = &status.decision else { return Vec::new() };
    let here = |text: &str| local_times(text, now, out.zone());
    let mut rows = Vec::new();
    if let Some(metrics) = &status.metrics {
        rows.push(("what it saw".to_owned(), saw(metrics, now)));
    }
    rows.extend(decision.trail.iter().map(|step| (step.step.clone(), here(&step.says))));
    if let Some(change) = status.history.last() {
        let ago = minutes(time(now) - time(change.at));
        rows.push(("last change".to_owned(), format!("{} → {}, {ago} ago", change.from, change.to)));
    }
    let to = decision.to;
    let next = decision.next.clone().unwrap_or_default();
    let max = pool.spec.max_replicas;
    let none_up = if to >= max { format!("none: maxReplicas is {max}") } else { "none".to_owned() };
    let clock = |at| out.clock(at);
    rows.push(("next up".to_owned(), next.up.map_or(none_up, |next| will(to, &next, now, clock))));
    let none_down =
        if to <= pool.spec.min_replicas { format!("none: minReplicas is {to}") } else { "none".to_owned() };
    rows.push(("next down".to_owned(), next.down.map_or(none_down, |next| will(to, &next, now, clock))));
    rows.extend(status.metrics.as_ref().and_then(drain).map(|drain| ("empty in".to_owned(), drain)));

    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let head = format!("{}: {}", pool.name_any(), head(decision, now, here));
    let blank = String::new();
    let rows = rows.into_iter().map(|(label, says)| {
        let gap = " ".repeat(width - label.chars().count());
        format!("  {}{gap}  {says}", out.paint(Paint::Dim, &label))
    });
    [head, blank].into_iter().chain(rows).collect()
}

fn head(decision: &DecisionStatus, now: Timestamp, here: impl Fn(&str) -> String) -> String {
    let DecisionStatus { reason, sentence, at, .. } = decision;
    format!("{}. {reason}, {} ago.", here(sentence), minutes(time(now) - time(*at)))
}

/// The facts; what could not be read says why.
fn saw(metrics: &MetricsStatus, now: Timestamp) -> String {
    let known = |metric: &MetricStatus, say: &dyn Fn(i64) -> String| metric.value.map(say);
    let busy = metrics.live.value.zip(metrics.busy.value);
    let mut parts: Vec<String> = [
        known(&metrics.ready, &|n| format!("{n} waiting")),
        busy.map(|(live, busy)| format!("{busy} of {live} workers busy")),
        known(&metrics.cpu_percent, &|n| format!("CPU {n} %")),
        known(&metrics.task_millis, &|millis| format!("a task takes {}", short(millis))),
        known(&metrics.oldest_at, &|at| {
            format!("the oldest has waited {}", minutes(Millis(time(now).0 - at)))
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(why) = metrics.ready.missing.as_ref().filter(|_| metrics.ready.value.is_none()) {
        parts.push(format!("unknown: {why}"));
    }
    parts.join(" · ")
}

/// `0.4s`, `8.1s`, `32s`
fn short(millis: i64) -> String {
    if millis < 10_000 {
        format!("{}.{}s", millis / 1000, millis / 100 % 10)
    } else {
        minutes(Millis(millis))
    }
}

/// A change that may come: what must be true, and when at the earliest.
fn will(from: i32, next: &NextStatus, now: Timestamp, clock: impl Fn(Timestamp) -> String) -> String {
    let NextStatus { to, at, tasks } = next;
    let needs = match tasks {
        0 => "if it stays as it is".to_owned(),
        1 => "if 1 more task waits".to_owned(),
        more if *more > 0 => format!("if {more} more tasks wait"),
        -1 => "if there is 1 task fewer from now on".to_owned(),
        fewer => format!("if there are {} fewer tasks from now on", -fewer),
    };
    let when = match at.filter(|at| *at > now) {
        Some(at) => format!(" in {} at the earliest ({})", minutes(time(at) - time(now)), clock(at)),
        None => " at once".to_owned(),
    };
    format!("{from} → {to}{when}, {needs}")
}

/// How long the queue takes to be empty, with the workers there are and with one and two more.
fn drain(metrics: &MetricsStatus) -> Option<String> {
    let (ready, live) = (metrics.ready.value.filter(|n| *n > 0)?, metrics.live.value.filter(|n| *n > 0)?);
    let mean = metrics.task_millis.value?;
    let with =
        |workers: i64| format!("{} with {workers}", minutes(Millis(mean.saturating_mul(ready) / workers)));
    Some(format!("about {} workers · {} · {}", with(live), with(live + 1), with(live + 2)))
}

#[cfg(test)]
mod tests {
    use super::super::output::Color;
    use super::*;
    use crate::api::{Wishes, timestamp};
    use crate::decide::{Fact, Load, Memory, Seen, Time, decide, outlook};

    /// The explanation of one look at the class's pool, as the operator would have written it.
    fn explained(ready: i64, live: i64, memory: &Memory) -> String {
        let pool: WorkerPool = serde_json::from_value(json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "filters"},
            "spec": {"scaleTargetRef": {"name": "w"}, "minReplicas": 3, "redis": {"address": "redis://r"}, "queues": [{"name": "tasks"}]},
        }))
        .expect("a pool");
        let mut wishes = Wishes::new(&pool).expect("it can work");
        let now = Time(1_700_000_000_000);
        let (busy, mean) = (Fact::Known(live.min(ready)), 8100);
        let (ready, live) = (Fact::Known(ready), Fact::Known(live));
        let load = Load { ready, live, busy, in_flight: busy, cpu_sum: Fact::Known(0), ..Load::NOT_TOLD };
        let seen = Seen { current: 5, queues: vec![load], missing: None };
        let decision = decide(wishes.at(now), &seen, memory, now);
        let next = |next: crate::decide::Next| NextStatus {
            to: next.to,
            at: next.at.map(timestamp),
            tasks: next.tasks,
        };
        let outlook = outlook(wishes.pool(), &seen, &decision, now);
        let metric = |fact: Fact| MetricStatus { value: fact.known(), missing: None };
        let status = WorkerPoolStatus {
            metrics: Some(MetricsStatus {
                ready: metric(load.ready),
                live: metric(load.live),
                busy: metric(load.busy),
                task_millis: metric(Fact::Known(mean)),
                ..MetricsStatus::default()
            }),
            decision: Some(DecisionStatus {
                reason: decision.why.reason().to_string(),
                sentence: decision.why.sentence(decision.from, decision.replicas),
                confidence: 1.0,
                at: timestamp(now),
                from: decision.from,
                to: decision.replicas,
                trail: decision
                    .trail
                    .iter()
                    .map(|step| crate::api::TrailStep { step: step.label(), says: step.says() })
                    .collect(),
                next: Some(crate::api::OutlookStatus {
                    up: outlook.up.map(next),
                    down: outlook.down.map(next),
                }),
            }),
            ..WorkerPoolStatus::default()
        };
        let out = Out::in_zone(Color::Never, jiff::tz::TimeZone::UTC);
        lines(&pool, &status, timestamp(now + Millis::seconds(4)), &out).join("\n")
    }

    #[test]
    fn a_burst_in_a_cooldown() {
        let up = Some(Time(1_700_000_000_000 - 14_000));
        let memory = Memory { desired: Some(5), last_up: up, last_change: up, ..Memory::default() };
        insta::assert_snapshot!(explained(17, 5, &memory));
    }

    #[test]
    fn at_rest() {
        insta::assert_snapshot!(explained(0, 5, &Memory::default()));
    }
}
