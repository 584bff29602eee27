//! The status: made anew from each look, written only when a person would see a difference.

use super::conditions::conditions;
use super::display::display;
use api::{
    Change, DecisionStatus, Display, ForecastStatus, MemoryStatus, MetricStatus, MetricsStatus,
    NextChangeStatus, StepStatus, TimeMetricStatus, WorkerPoolStatus, timestamp,
};
use decide::{Forecast, Load, Memory, Metric, Millis, NextChange, ReasonCode, Step, Time};
use jiff::Timestamp;

/// How many changes `status.history` keeps.
const HISTORY: usize = 50;
/// CPU use moves all the time; a person sees a difference from this many percentage points on.
const CPU_STEP: i64 = 5;

/// What was decided, or what stood in the way of deciding.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The word.
    pub reason: ReasonCode,
    /// The sentence.
    pub message: String,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// Share of the needed facts that were known, in percent.
    pub confidence: u8,
    /// Whether `to` has just been written.
    pub written: bool,
    /// How long that took since the push that led to it.
    pub latency: Option<Millis>,
}

impl Outcome {
    /// Nothing could be decided, and the number stays at `to`.
    #[must_use]
    pub fn blocked(reason: ReasonCode, sentence: String, to: i32) -> Self {
        Self {
            reason,
            message: sentence,
            from: to,
            to,
            confidence: 0,
            written: false,
            latency: None,
        }
    }
}

/// All that a status is made of.
#[derive(Clone, Debug)]
pub struct StatusInput {
    /// The generation of the spec.
    pub generation: Option<i64>,
    /// `Deployment/filter-worker`
    pub target: String,
    /// Pods of the target; `None` while it is missing.
    pub replicas: Option<i32>,
    /// The target's label selector.
    pub selector: String,
    /// The facts.
    pub total: Load,
    /// Why facts are missing.
    pub unavailable_reason: Option<String>,
    /// The decision.
    pub outcome: Outcome,
}

/// The status after this look, without its history; instants and small noise stay as they were in `before`.
#[must_use]
pub fn build_status(
    observed: &StatusInput,
    memory: &Memory,
    before: &WorkerPoolStatus,
    now: Time,
) -> WorkerPoolStatus {
    let Outcome {
        reason,
        message: sentence,
        from,
        to,
        confidence,
        written,
        ..
    } = &observed.outcome;
    let mut load = observed.total;
    load.cpu_sum = calm_cpu(&load, before);
    let kept = before.decision.as_ref().filter(|old| {
        !written && old.reason == reason.as_str() && (old.to == *to || observed.replicas.is_none())
    });
    WorkerPoolStatus {
        observed_generation: observed.generation,
        replicas: observed.replicas,
        desired_replicas: observed.replicas.map(|_| *to),
        selector: (!observed.selector.is_empty()).then(|| observed.selector.clone()),
        metrics: Some(metrics(&load, observed.unavailable_reason.as_deref(), now)),
        decision: Some(DecisionStatus {
            reason: reason.to_string(),
            message: sentence.clone(),
            confidence: f64::from(*confidence) / 100.0,
            at: kept.map_or_else(|| timestamp(now), |old| old.at),
            from: *from,
            to: *to,
            steps: Vec::new(),
            next: None,
        }),
        internal: Some(MemoryStatus::from(memory)),
        history: Vec::new(),
        conditions: conditions(observed, &before.conditions, now),
        display: Some(display(&observed.target, &load, now.0)),
    }
}

/// Appends the change that `verdict` made; the oldest goes when there are more than 50.
pub fn append_history(history: &mut Vec<Change>, verdict: &Outcome, now: Time) {
    let Outcome {
        reason,
        message: sentence,
        from,
        to,
        latency: reaction,
        ..
    } = verdict;
    history.push(Change {
        at: timestamp(now),
        from: *from,
        to: *to,
        reason: reason.to_string(),
        message: sentence.clone(),
        latency_millis: reaction.and_then(|reaction| i32::try_from(reaction.0).ok()),
    });
    history.drain(..history.len().saturating_sub(HISTORY));
}

/// How the decision of `status` came about and what may come next, in words: made only for a status that is written.
pub fn add_details(status: &mut WorkerPoolStatus, trail: &[Step], outlook: Forecast) {
    let Some(decision) = &mut status.decision else {
        return;
    };
    decision.steps = trail
        .iter()
        .map(|step| StepStatus {
            name: messages::step_name(step),
            detail: messages::step_detail(step),
        })
        .collect();
    let next = |next: NextChange| NextChangeStatus {
        to: next.to,
        at: next.at.map(timestamp),
        tasks: next.tasks,
    };
    decision.next = Some(ForecastStatus {
        up: outlook.up.map(next),
        down: outlook.down.map(next),
    });
}

/// Whether a person who looks at either sees the same. Ages in the columns, the time of the look, the trail and the
/// memory go along with other changes and are none by themselves; the history grows only with a decision.
#[must_use]
pub fn is_visibly_equal(a: &WorkerPoolStatus, b: &WorkerPoolStatus) -> bool {
    a.observed_generation == b.observed_generation
        && (a.replicas, a.desired_replicas, &a.selector)
            == (b.replicas, b.desired_replicas, &b.selector)
        && told(a) == told(b)
        && a.conditions == b.conditions
        && facts(a) == facts(b)
        && columns(a) == columns(b)
}

// By reference: this is asked at every look, and a decision's trail is long.
fn told(status: &WorkerPoolStatus) -> Option<(&str, &str, f64, Timestamp, i32, i32)> {
    let DecisionStatus {
        reason,
        message: sentence,
        confidence,
        at,
        from,
        to,
        steps: _,
        next: _,
    } = status.decision.as_ref()?;
    Some((reason, sentence, *confidence, *at, *from, *to))
}

fn facts(status: &WorkerPoolStatus) -> Option<([&MetricStatus; 8], &TimeMetricStatus)> {
    let metrics = status.metrics.as_ref()?;
    let MetricsStatus {
        at: _,
        ready,
        in_flight,
        live,
        busy,
        cpu_percent,
        ..
    } = metrics;
    let MetricsStatus {
        task_millis,
        processed,
        failed,
        oldest_task_time,
        ..
    } = metrics;
    let numbers = [
        ready,
        in_flight,
        live,
        busy,
        cpu_percent,
        task_millis,
        processed,
        failed,
    ];
    Some((numbers, oldest_task_time))
}

fn columns(status: &WorkerPoolStatus) -> Option<[&str; 6]> {
    let Display {
        target,
        queue,
        busy,
        util,
        wait: _,
        cpu,
        success,
        eta: _,
    } = status.display.as_ref()?;
    Some([target, queue, busy, util, cpu, success])
}

fn calm_cpu(load: &Load, before: &WorkerPoolStatus) -> Metric {
    let old = before
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.cpu_percent.value);
    match (load.cpu_sum, load.live, old) {
        (Metric::Known(sum), Metric::Known(live), Some(old))
            if live > 0 && (sum / live - old).abs() < CPU_STEP =>
        {
            Metric::Known(old * live)
        }
        (fact, ..) => fact,
    }
}

/// `millis` since 1970 as a timestamp; `unavailable` is the reason if they are unknown.
fn time_metric(millis: Metric, unavailable: Option<String>) -> TimeMetricStatus {
    let value = millis
        .known()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok());
    TimeMetricStatus {
        value,
        unavailable: unavailable.or_else(|| {
            value
                .is_none()
                .then(|| "the task has no valid time".to_owned())
        }),
    }
}

fn metrics(load: &Load, missing: Option<&str>, now: Time) -> MetricsStatus {
    let metric = |fact: Metric| match fact {
        Metric::Known(value) => MetricStatus {
            value: Some(value),
            unavailable: None,
        },
        Metric::Unavailable => MetricStatus {
            value: None,
            unavailable: Some(missing.unwrap_or("could not be read").to_owned()),
        },
        Metric::Unsupported => MetricStatus {
            value: None,
            unavailable: Some("the queue does not report it".to_owned()),
        },
    };
    let mean = |sum: Metric, of: Metric| match (sum, of) {
        (Metric::Known(sum), Metric::Known(of)) => sum
            .checked_div(of)
            .map_or(Metric::Unsupported, Metric::Known),
        (Metric::Unavailable, _) | (_, Metric::Unavailable) => Metric::Unavailable,
        _ => Metric::Unsupported,
    };
    MetricsStatus {
        at: Some(timestamp(now)),
        ready: metric(load.ready),
        in_flight: metric(load.in_flight),
        live: metric(load.live),
        busy: metric(load.busy),
        cpu_percent: metric(mean(load.cpu_sum, load.live)),
        task_millis: metric(mean(load.busy_millis, load.processed)),
        processed: metric(load.processed),
        failed: metric(load.failed),
        oldest_task_time: time_metric(load.oldest_at, metric(load.oldest_at).unavailable),
    }
}
