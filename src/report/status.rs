//! The status: made anew from each look, written only when a person would see a difference.

use super::conditions::conditions;
use super::display::display;
use crate::api::{
    Change, DecisionStatus, Display, MemoryStatus, MetricStatus, MetricsStatus, NextStatus,
    OutlookStatus, TrailStep, WorkerPoolStatus, timestamp,
};
use crate::decide::{Fact, Load, Memory, Millis, Next, Outlook, Reason, Step, Time};
use jiff::Timestamp;

/// How many changes `status.history` keeps.
const HISTORY: usize = 50;
/// CPU use moves all the time; a person sees a difference from this many percentage points on.
const CPU_STEP: i64 = 5;

/// What was decided, or what stood in the way of deciding.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The word.
    pub reason: Reason,
    /// The sentence.
    pub sentence: String,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// Share of the needed facts that were known, in percent.
    pub confidence: u8,
    /// Whether `to` has just been written.
    pub written: bool,
    /// How long that took since the push that led to it.
    pub reaction: Option<Millis>,
}

impl Verdict {
    /// Nothing could be decided, and the number stays at `to`.
    #[must_use]
    pub fn stay(reason: Reason, sentence: String, to: i32) -> Self {
        Self {
            reason,
            sentence,
            from: to,
            to,
            confidence: 0,
            written: false,
            reaction: None,
        }
    }
}

/// All that a status is made of.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The generation of the spec.
    pub generation: Option<i64>,
    /// `Deployment/filter-worker`
    pub target: String,
    /// Pods of the target; `None` while it is missing.
    pub replicas: Option<i32>,
    /// The target's label selector.
    pub selector: String,
    /// The facts.
    pub load: Load,
    /// Why facts are missing.
    pub missing: Option<String>,
    /// The decision.
    pub verdict: Verdict,
}

/// The status after this look, without its history; instants and small noise stay as they were in `before`.
#[must_use]
pub fn next_status(
    observed: &Observed,
    memory: &Memory,
    before: &WorkerPoolStatus,
    now: Time,
) -> WorkerPoolStatus {
    let Verdict {
        reason,
        sentence,
        from,
        to,
        confidence,
        written,
        ..
    } = &observed.verdict;
    let mut load = observed.load;
    load.cpu_sum = calm_cpu(&load, before);
    let kept = before.decision.as_ref().filter(|old| {
        !written && old.reason == reason.as_str() && (old.to == *to || observed.replicas.is_none())
    });
    WorkerPoolStatus {
        observed_generation: observed.generation,
        replicas: observed.replicas,
        desired_replicas: observed.replicas.map(|_| *to),
        selector: (!observed.selector.is_empty()).then(|| observed.selector.clone()),
        metrics: Some(metrics(&load, observed.missing.as_deref(), now)),
        decision: Some(DecisionStatus {
            reason: reason.to_string(),
            sentence: sentence.clone(),
            confidence: f64::from(*confidence) / 100.0,
            at: kept.map_or_else(|| timestamp(now), |old| old.at),
            from: *from,
            to: *to,
            trail: Vec::new(),
            next: None,
        }),
        memory: Some(MemoryStatus::from(memory)),
        history: Vec::new(),
        conditions: conditions(observed, &before.conditions, now),
        display: Some(display(&observed.target, &load, now.0)),
    }
}

/// Appends the change that `verdict` made; the oldest goes when there are more than 50.
pub fn remember(history: &mut Vec<Change>, verdict: &Verdict, now: Time) {
    let Verdict {
        reason,
        sentence,
        from,
        to,
        reaction,
        ..
    } = verdict;
    history.push(Change {
        at: timestamp(now),
        from: *from,
        to: *to,
        reason: reason.to_string(),
        sentence: sentence.clone(),
        reaction_millis: reaction.and_then(|reaction| i32::try_from(reaction.0).ok()),
    });
    history.drain(..history.len().saturating_sub(HISTORY));
}

/// How the decision of `status` came about and what may come next, in words: made only for a status that is written.
pub fn explain(status: &mut WorkerPoolStatus, trail: &[Step], outlook: Outlook) {
    let Some(decision) = &mut status.decision else {
        return;
    };
    decision.trail = trail
        .iter()
        .map(|step| TrailStep {
            step: step.label(),
            says: step.says(),
        })
        .collect();
    let next = |next: Next| NextStatus {
        to: next.to,
        at: next.at.map(timestamp),
        tasks: next.tasks,
    };
    decision.next = Some(OutlookStatus {
        up: outlook.up.map(next),
        down: outlook.down.map(next),
    });
}

/// Whether a person who looks at either sees the same. Ages in the columns, the time of the look, the trail and the
/// memory go along with other changes and are none by themselves; the history grows only with a decision.
#[must_use]
pub fn same_to_a_person(a: &WorkerPoolStatus, b: &WorkerPoolStatus) -> bool {
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
        sentence,
        confidence,
        at,
        from,
        to,
        trail: _,
        next: _,
    } = status.decision.as_ref()?;
    Some((reason, sentence, *confidence, *at, *from, *to))
}

fn facts(status: &WorkerPoolStatus) -> Option<[&MetricStatus; 9]> {
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
        oldest_at,
        ..
    } = metrics;
    Some([
        ready,
        in_flight,
        live,
        busy,
        cpu_percent,
        task_millis,
        processed,
        failed,
        oldest_at,
    ])
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

fn calm_cpu(load: &Load, before: &WorkerPoolStatus) -> Fact {
    let old = before
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.cpu_percent.value);
    match (load.cpu_sum, load.live, old) {
        (Fact::Known(sum), Fact::Known(live), Some(old))
            if live > 0 && (sum / live - old).abs() < CPU_STEP =>
        {
            Fact::Known(old * live)
        }
        (fact, ..) => fact,
    }
}

fn metrics(load: &Load, missing: Option<&str>, now: Time) -> MetricsStatus {
    let metric = |fact: Fact| match fact {
        Fact::Known(value) => MetricStatus {
            value: Some(value),
            missing: None,
        },
        Fact::Missing => MetricStatus {
            value: None,
            missing: Some(missing.unwrap_or("could not be read").to_owned()),
        },
        Fact::NotTold => MetricStatus {
            value: None,
            missing: Some("the queue does not tell it".to_owned()),
        },
    };
    let mean = |sum: Fact, of: Fact| match (sum, of) {
        (Fact::Known(sum), Fact::Known(of)) => {
            sum.checked_div(of).map_or(Fact::NotTold, Fact::Known)
        }
        (Fact::Missing, _) | (_, Fact::Missing) => Fact::Missing,
        _ => Fact::NotTold,
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
        oldest_at: metric(load.oldest_at),
    }
}
