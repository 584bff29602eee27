//! The status of a pool: built after each reconcile, written only if a person would see a difference.

use super::conditions::conditions;
use super::display::display;
use crate::observe::RedisNotifications;
use api::{
    CauseStatus, Change, DecisionStatus, Display, Explanation, ForecastStatus, MemoryStatus,
    MetricStatus, MetricsStatus, NextChangeStatus, PodEnd, StepStatus, TimeMetricStatus,
    WorkerPoolStatus, timestamp,
};
use decide::{
    Forecast, Memory, Metric, Millis, NextChange, QueueMetrics, Reason, ReasonCode, Step, Time,
    Unavailable,
};
use jiff::Timestamp;
use messages::Encoded;
use queues::RedisMemory;

/// How many changes `status.history` keeps.
const HISTORY: usize = 50;
/// CPU use changes all the time; a change below this many percentage points does not count as a difference.
const CPU_STEP: i64 = 5;

/// Why the operator cannot tell which pods are busy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unguarded {
    /// The queue system does not report it.
    Unreported,
    /// Redis refuses the list of its clients, and says this.
    Refused(String),
    /// That list has no connection from the address of this pod.
    Unmatched(String),
}

/// A decision, or what prevented one.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why the replica count is what it is.
    pub reason: Reason,
    /// Why pods are removed although the operator cannot tell which are busy, if they are.
    pub unguarded: Option<Unguarded>,
    /// Replicas before.
    pub from: i32,
    /// Replicas after.
    pub to: i32,
    /// Share of the required metrics that were known, in percent.
    pub confidence: u8,
    /// Whether `to` has just been written.
    pub written: bool,
    /// The time from the Redis notification to the confirmed scale.
    pub latency: Option<Millis>,
}

impl Outcome {
    /// A decision that is not written. Without one, the target keeps its replicas and `confidence` is 0.
    pub fn new(reason: Reason, from: i32, to: i32, confidence: u8) -> Self {
        Self {
            reason,
            unguarded: None,
            from,
            to,
            confidence,
            written: false,
            latency: None,
        }
    }

    /// The code of the reason.
    pub fn code(&self) -> ReasonCode {
        self.reason.code()
    }

    /// The reason with its parameters, and the English message.
    pub fn explanation(&self) -> Explanation {
        let mut reason = Encoded::new(&self.reason);
        let mut insert = |name: &str, value: serde_json::Value| {
            reason.params.insert(name.to_owned(), value);
        };
        match &self.unguarded {
            Some(Unguarded::Unreported) => insert("unguarded", true.into()),
            Some(Unguarded::Refused(error)) => insert("refused", error.as_str().into()),
            Some(Unguarded::Unmatched(pod)) => insert("unmatched", pod.as_str().into()),
            None => {}
        }
        Explanation::of(reason, self.from, self.to)
    }
}

/// The data that a status is built from.
#[derive(Clone, Debug)]
pub struct StatusInput {
    /// The pool's `metadata.generation`.
    pub generation: Option<i64>,
    /// Kind and name of the target: `Deployment/filter-worker`.
    pub target: String,
    /// The target's `status.replicas`; `None` while the target does not exist.
    pub replicas: Option<i32>,
    /// The UID of the target that the memory is about.
    pub target_uid: Option<String>,
    /// The target's label selector.
    pub selector: String,
    /// The metrics of all queues together.
    pub total: QueueMetrics,
    /// Why a metric is unavailable, if any is.
    pub unavailable: Option<Unavailable>,
    /// Whether the credentials that the spec refers to are used, or why not; `None` if it refers to none.
    pub credentials: Option<Result<(), Unavailable>>,
    /// How Redis bounds its memory.
    pub memory: RedisMemory,
    /// Whether Redis notifies of changes.
    pub notifications: RedisNotifications,
    /// The longest that a task was seen to run, in milliseconds.
    pub longest_task: Option<i64>,
    /// Whether workers fetch tasks ahead, once that was seen.
    pub fetched_ahead: Option<bool>,
    /// What the end of a pod does to its task, where that is known.
    pub pod_end: Option<PodEnd>,
    /// Whether the spec asks for a shorter interval than the administrator allows.
    pub interval_raised: bool,
    /// The decision.
    pub outcome: Outcome,
}

/// The status after a reconcile, without its history. The decision's time and a small change of CPU use stay as they
/// were in `before`.
pub fn build_status(
    input: &StatusInput,
    memory: &Memory,
    before: &WorkerPoolStatus,
    now: Time,
) -> WorkerPoolStatus {
    let outcome = &input.outcome;
    let reason = outcome.code();
    let Explanation {
        params, message, ..
    } = outcome.explanation();
    let mut load = input.total;
    load.cpu_sum = smooth_cpu(&load, before);
    let unchanged = before.decision.as_ref().filter(|old| {
        !outcome.written
            && old.reason == reason.as_str()
            && (old.to == outcome.to || input.replicas.is_none())
    });
    let conditions = conditions(input, &message, &before.conditions, now);
    WorkerPoolStatus {
        observed_generation: input.generation,
        replicas: input.replicas,
        desired_replicas: input.replicas.map(|_| outcome.to),
        selector: (!input.selector.is_empty()).then(|| input.selector.clone()),
        metrics: Some(MetricsStatus {
            longest_task_millis: input.longest_task,
            ..metrics(&load, input.unavailable.as_ref(), now)
        }),
        decision: Some(DecisionStatus {
            reason: reason.to_string(),
            message,
            params,
            confidence: f64::from(outcome.confidence) / 100.0,
            at: unchanged.map_or_else(|| timestamp(now), |old| old.at),
            from: outcome.from,
            to: outcome.to,
            steps: Vec::new(),
            next: None,
        }),
        internal: Some(MemoryStatus {
            target_uid: input.target_uid.clone(),
            ..MemoryStatus::from(memory)
        }),
        history: Vec::new(),
        conditions,
        display: Some(display(&input.target, &load, now.0)),
    }
}

/// Appends the change that `outcome` made, and keeps the last 50.
pub fn append_history(history: &mut Vec<Change>, outcome: &Outcome, now: Time) {
    let Explanation {
        reason,
        params,
        message,
        ..
    } = outcome.explanation();
    history.push(Change {
        at: timestamp(now),
        from: outcome.from,
        to: outcome.to,
        reason,
        message,
        params,
        latency_millis: outcome
            .latency
            .and_then(|latency| i32::try_from(latency.0).ok()),
    });
    history.drain(..history.len().saturating_sub(HISTORY));
}

/// Adds the steps of the decision and the forecast to `status`. They are built only for a status that is written.
pub fn add_details(status: &mut WorkerPoolStatus, steps: &[Step], forecast: Forecast) {
    let Some(decision) = &mut status.decision else {
        return;
    };
    decision.steps = steps.iter().map(StepStatus::new).collect();
    let next = |next: NextChange| NextChangeStatus {
        to: next.to,
        at: next.at.map(timestamp),
        tasks: next.tasks,
    };
    decision.next = Some(ForecastStatus {
        up: forecast.up.map(next),
        down: forecast.down.map(next),
    });
}

/// Whether a person sees no difference between the two. Durations in the columns, the time of the poll, the steps and
/// the internal state alone make no difference; the history grows only with a decision.
pub fn is_visibly_equal(a: &WorkerPoolStatus, b: &WorkerPoolStatus) -> bool {
    a.observed_generation == b.observed_generation
        && (a.replicas, a.desired_replicas, &a.selector)
            == (b.replicas, b.desired_replicas, &b.selector)
        && decision(a) == decision(b)
        && a.conditions == b.conditions
        && metric_values(a) == metric_values(b)
        && columns(a) == columns(b)
}

// By reference: every reconcile compares, and a decision has many steps.
fn decision(status: &WorkerPoolStatus) -> Option<(&str, &str, f64, Timestamp, i32, i32)> {
    let DecisionStatus {
        reason,
        message,
        // The message has all of them.
        params: _,
        confidence,
        at,
        from,
        to,
        steps: _,
        next: _,
    } = status.decision.as_ref()?;
    Some((reason, message, *confidence, *at, *from, *to))
}

fn metric_values(status: &WorkerPoolStatus) -> Option<([&MetricStatus; 12], &TimeMetricStatus)> {
    let it = status.metrics.as_ref()?;
    let numbers = [
        &it.ready,
        &it.in_flight,
        &it.held,
        &it.delayed,
        &it.due,
        &it.paused,
        &it.live,
        &it.busy,
        &it.cpu_percent,
        &it.task_millis,
        &it.processed,
        &it.failed,
    ];
    Some((numbers, &it.oldest_task_time))
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

/// Keeps the CPU use of `before` unless it changed by at least [`CPU_STEP`].
fn smooth_cpu(load: &QueueMetrics, before: &WorkerPoolStatus) -> Metric {
    let old = before
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.cpu_percent.value);
    match (load.live.known(), old) {
        (Some(live @ 1..), Some(old)) => load.cpu_sum.map(|sum| {
            let changed = (sum / live).saturating_sub(old).saturating_abs() >= CPU_STEP;
            if changed {
                sum
            } else {
                old.saturating_mul(live)
            }
        }),
        _ => load.cpu_sum,
    }
}

fn metrics(load: &QueueMetrics, unavailable: Option<&Unavailable>, now: Time) -> MetricsStatus {
    let cause = unavailable.map(messages::cause);
    let metric = |metric: Metric| match metric {
        Metric::Known(value) | Metric::Estimated(value) => MetricStatus {
            value: Some(value),
            estimated: matches!(metric, Metric::Estimated(_)),
            unavailable: None,
        },
        Metric::Unavailable => MetricStatus {
            value: None,
            estimated: false,
            unavailable: Some(
                cause
                    .clone()
                    .unwrap_or_else(|| "could not be read".to_owned()),
            ),
        },
        Metric::Unsupported => MetricStatus {
            value: None,
            estimated: false,
            unavailable: Some(MetricStatus::UNSUPPORTED.to_owned()),
        },
    };
    MetricsStatus {
        at: Some(timestamp(now)),
        ready: metric(load.ready),
        in_flight: metric(load.in_flight),
        held: metric(load.held),
        delayed: metric(load.delayed),
        due: metric(load.due),
        paused: metric(load.paused),
        live: metric(load.live),
        busy: metric(load.busy),
        cpu_percent: metric(load.cpu_sum.per(load.live)),
        task_millis: metric(load.task_millis()),
        processed: metric(load.processed),
        failed: metric(load.failed),
        oldest_task_time: time_metric(load.oldest_at, metric(load.oldest_at).unavailable),
        cause: unavailable.map(|unavailable| {
            let Encoded { code, params } = Encoded::new(unavailable);
            CauseStatus { code, params }
        }),
        ..MetricsStatus::default()
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
