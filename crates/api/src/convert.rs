//! Converts a `WorkerPool` into `decide`'s `PoolSpec`. With `restore.rs`, the only code that knows both sides.

use super::{
    OnUnknownAction, QueueSpec, ScaleDownSpec, ScaleUpSpec, Schedules, TargetSpec, WorkerPool,
    WorkerPoolSpec,
};
use decide::{
    Millis, Pin, PoolSpec, Rules, ScaleDown, ScaleUp, Suspend, Target, Time, UnknownAction, Who,
};
use jiff::Timestamp;
use kube::ResourceExt;
use queues::QueueSystem;
use std::sync::Arc;

/// When the pin of `spec.replicas` ends (RFC 3339). Absent: when `spec.replicas` is removed.
pub const PIN_UNTIL: &str = "workerpool.dev/pin-until";
/// When `spec.suspend` ends (RFC 3339). Absent: when `spec.suspend` is removed.
pub const SUSPEND_UNTIL: &str = "workerpool.dev/suspend-until";
/// The person or program that suspended the pool.
pub const SUSPENDED_BY: &str = "workerpool.dev/suspended-by";
/// The reason for the suspension.
pub const SUSPEND_REASON: &str = "workerpool.dev/suspend-reason";

/// On an Event of a pool: what its note says, as JSON with `from`, `to` and `params`; the code is the Event's reason.
pub const EVENT_PARAMS: &str = "workerpool.dev/params";

/// Maximum length of an annotation in a message, in characters.
const MAX_ANNOTATION: usize = 120;

/// Why a spec is invalid. Admission rejects the same specs; this is for what it cannot check, and for files that are
/// read without an API server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSpec(pub String);

/// The resolved spec of a pool, with its schedules at any time.
#[derive(Clone, Debug)]
pub struct ScheduledSpec {
    spec: PoolSpec,
    schedules: Schedules,
    /// When the windows of the schedules must be computed again.
    stale_at: Option<Time>,
}

impl ScheduledSpec {
    /// Resolves `object`, with the defaults for absent rules.
    pub fn new(object: &WorkerPool) -> Result<Self, InvalidSpec> {
        if let Some(error) = &object.spec.unreadable {
            return Err(InvalidSpec(error.clone()));
        }
        let schedules = Schedules::new(&object.spec.schedules)?;
        let mut spec = pool_spec(&object.spec)?;
        if let Some(pin) = &mut spec.pin {
            pin.until = time_annotation(object, PIN_UNTIL)?;
        }
        if let Some(suspend) = &mut spec.suspend {
            *suspend = Suspend {
                who: who(object),
                until: time_annotation(object, SUSPEND_UNTIL)?,
            };
        }
        Ok(Self {
            spec,
            schedules,
            stale_at: Some(Time(i64::MIN)),
        })
    }

    /// Sets whether a scale-down waits until the selected workers are idle.
    pub fn set_drains(&mut self, drains: bool) {
        self.spec.drains = drains;
    }

    /// A copy with `change` applied.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut PoolSpec)) -> Self {
        let mut other = Self {
            stale_at: Some(Time(i64::MIN)),
            ..self.clone()
        };
        change(&mut other.spec);
        other
    }

    /// The spec with the schedule windows at `now`.
    pub fn at(&mut self, now: Time) -> &PoolSpec {
        if self.stale_at.is_some_and(|at| at <= now) {
            self.spec.schedules = self.schedules.windows(now);
            self.stale_at = self.spec.schedules.iter().map(|window| window.until).min();
        }
        &self.spec
    }

    /// The spec with the schedule windows of the last call of [`Self::at`].
    pub fn pool(&self) -> &PoolSpec {
        &self.spec
    }
}

/// The time in the annotation `name`.
fn time_annotation(object: &WorkerPool, name: &str) -> Result<Option<Time>, InvalidSpec> {
    let text = object.annotations().get(name);
    let parsed = text.map(|text| {
        text.parse::<Timestamp>().map(time).map_err(|_| {
            InvalidSpec(format!(
                "annotation {name} `{text}` is not a time: use RFC 3339, such as 2026-11-27T10:50:00Z, or remove it"
            ))
        })
    });
    parsed.transpose()
}

/// Who suspended the pool and why, from the annotations, each on one line.
fn who(object: &WorkerPool) -> Option<Who> {
    let text = |name: &str| {
        let text = object
            .annotations()
            .get(name)?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        (!text.is_empty()).then(|| {
            text.chars()
                .filter(|character| !character.is_control())
                .take(MAX_ANNOTATION)
                .collect::<String>()
                .into()
        })
    };
    let (by, note) = (text(SUSPENDED_BY), text(SUSPEND_REASON));
    (by.is_some() || note.is_some()).then_some(Who { by, note })
}

fn pool_spec(spec: &WorkerPoolSpec) -> Result<PoolSpec, InvalidSpec> {
    let (min, max) = (spec.min_replicas, spec.max_replicas);
    let invalid = |text: String| Err(InvalidSpec(text));
    if min < 0 || min > max {
        return invalid(format!(
            "minReplicas {min} must lie between 0 and maxReplicas {max}: lower one or raise the other"
        ));
    }
    if let Some(pin) = spec.replicas
        && !(0..=max).contains(&pin)
    {
        return invalid(format!(
            "replicas {pin} must lie between 0 and maxReplicas {max}: pin less, or raise maxReplicas"
        ));
    }
    if let Some(schedule) = spec
        .schedules
        .iter()
        .find(|schedule| !(0..=max).contains(&schedule.min_replicas))
    {
        return invalid(format!(
            "schedule {}: minReplicas {} must lie between 0 and maxReplicas {max}: lower it, or raise maxReplicas",
            schedule.name, schedule.min_replicas
        ));
    }
    let unknown_action = match (spec.on_unknown.action, spec.on_unknown.replicas) {
        (OnUnknownAction::Hold, _) => UnknownAction::Hold,
        (OnUnknownAction::Fallback, Some(n)) => UnknownAction::Fallback(n),
        (OnUnknownAction::Fallback, None) => {
            return invalid("onUnknown.action Fallback needs onUnknown.replicas".to_owned());
        }
    };
    Ok(PoolSpec {
        min,
        max,
        pin: spec.replicas.map(|replicas| Pin {
            replicas,
            until: None,
        }),
        from_zero: spec
            .scale_from_zero
            .as_ref()
            .map_or(0, |from_zero| from_zero.queue_length.into()),
        rules: rules(spec)?,
        behavior: spec
            .behavior
            .as_ref()
            .map(super::BehaviorSpec::resolve)
            .transpose()?,
        schedules: Vec::new(),
        unknown_after: spec.on_unknown.after.0,
        unknown_action,
        suspend: spec.suspend.then(Suspend::default),
        dry_run: spec.dry_run,
        drains: false,
    })
}

/// One set of rules for each queue that has its own, and one for the sum of the other queues.
fn rules(spec: &WorkerPoolSpec) -> Result<Vec<Rules>, InvalidSpec> {
    if spec.queues.is_empty() {
        return Err(InvalidSpec(
            "queues is empty: name at least one queue".to_owned(),
        ));
    }
    let (separate, summed): (Vec<_>, Vec<_>) = spec
        .queues
        .iter()
        .enumerate()
        .partition(|(_, queue)| queue.has_rules());
    let pool_rules = (!summed.is_empty()).then_some(RuleSet {
        queue: None,
        queues: summed,
        up: spec.scale_up.as_ref(),
        down: spec.scale_down.as_ref(),
        target: spec.target.as_ref(),
        target_is_explicit: true,
    });
    let queue_rules = separate.into_iter().map(|(index, queue)| RuleSet {
        queue: Some(queue.label(&spec.queues)),
        queues: vec![(index, queue)],
        up: queue.scale_up.as_ref().or(spec.scale_up.as_ref()),
        down: queue.scale_down.as_ref().or(spec.scale_down.as_ref()),
        target: queue.target.as_ref().or(spec.target.as_ref()),
        target_is_explicit: queue.target.is_some(),
    });
    pool_rules
        .into_iter()
        .chain(queue_rules)
        .map(RuleSet::rules)
        .collect()
}

/// The blocks of the API that make one set of rules.
struct RuleSet<'a> {
    queue: Option<String>,
    queues: Vec<(usize, &'a QueueSpec)>,
    up: Option<&'a ScaleUpSpec>,
    down: Option<&'a ScaleDownSpec>,
    target: Option<&'a TargetSpec>,
    /// Whether `target` was set for exactly these queues.
    target_is_explicit: bool,
}

impl RuleSet<'_> {
    /// Whether any queue's system has a property.
    fn any(&self, has: fn(QueueSystem) -> bool) -> bool {
        self.queues.iter().any(|(_, queue)| has(queue.system))
    }

    fn rules(self) -> Result<Rules, InvalidSpec> {
        let has_workers = self.any(QueueSystem::reports_workers);
        let has_times = self.any(QueueSystem::reports_times);
        // With a target, absent blocks have no defaults.
        let use_defaults = self.target.is_none();
        let up = self
            .up
            .cloned()
            .or_else(|| use_defaults.then(ScaleUpSpec::defaults));
        let down = self
            .down
            .cloned()
            .or_else(|| use_defaults.then(ScaleDownSpec::defaults));
        let target = self.target.cloned().unwrap_or_default();
        self.check(up.as_ref(), down.as_ref(), &target, has_times)
            .map_err(|message| {
                let queue = self.queue.as_ref().map(|queue| format!("queue {queue}: "));
                InvalidSpec(queue.unwrap_or_default() + &message)
            })?;
        let number = |n: Option<i32>| n.map(i64::from);
        let empty_for = down
            .as_ref()
            .filter(|down| !down.has_condition())
            .map(|down| down.idle_for.0);
        let down = down.filter(ScaleDownSpec::has_condition);
        Ok(Rules {
            queue: self.queue.as_deref().map(Arc::from),
            queues: self.queues.iter().map(|(index, _)| *index).collect(),
            up: up.map_or_else(ScaleUp::default, |up| ScaleUp {
                queue_length: number(up.queue_length),
                utilization: number(up.utilization_percent).filter(|_| has_workers),
                cpu: number(up.cpu_percent).filter(|_| has_workers),
                step: up.step.max(1),
                cooldown: up.cooldown.0,
            }),
            down: down.map(|down| ScaleDown {
                queue_length: number(down.queue_length),
                utilization: number(down.utilization_percent).filter(|_| has_workers),
                idle_for: down.idle_for.0,
                step: down.step.max(1),
                cooldown: down.cooldown.0,
            }),
            target: Target {
                tasks_per_worker: number(target.tasks_per_worker.map(|n| n.max(1))),
                drain_within: target
                    .drain_within
                    .map(|duration| duration.0.max(Millis::seconds(1)))
                    .filter(|_| has_times),
                max_wait: target
                    .max_wait
                    .map(|duration| duration.0.max(Millis::seconds(1)))
                    .filter(|_| has_times),
            },
            empty_for,
        })
    }

    /// The checks of admission that need the resolved rules.
    fn check(
        &self,
        up: Option<&ScaleUpSpec>,
        down: Option<&ScaleDownSpec>,
        target: &TargetSpec,
        has_times: bool,
    ) -> Result<(), String> {
        if down.is_some_and(|down| !down.has_condition()) && *target == TargetSpec::default() {
            return Err("scaleDown without a condition would remove workers at any time: set queueLength or utilizationPercent, or a target beside it".to_owned());
        }
        if let (Some(above), Some(below)) = (
            up.and_then(|up| up.queue_length),
            down.and_then(|down| down.queue_length),
        ) && above.saturating_add(1) < below
        {
            return Err(format!(
                "scaleUp.queueLength {above} must be greater than scaleDown.queueLength {below}, otherwise the pool would flap"
            ));
        }
        if let (Some(above), Some(below)) = (
            up.and_then(|up| up.utilization_percent),
            down.and_then(|down| down.utilization_percent),
        ) && above <= below
        {
            return Err(format!(
                "scaleUp.utilizationPercent {above} must be greater than scaleDown.utilizationPercent {below}, otherwise the pool would flap"
            ));
        }
        let is_timed = target.drain_within.or(target.max_wait).is_some();
        if !has_times && is_timed && self.target_is_explicit {
            return Err("target.drainWithin and maxWait need a queue that reports how long tasks run and wait, but a List reports only its length: use target.tasksPerWorker".to_owned());
        }
        Ok(())
    }
}

/// A time of `decide` as a timestamp of the API; 1970 if out of range.
pub fn timestamp(at: Time) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or_default()
}

/// A timestamp of the API as a time of `decide`.
pub fn time(at: Timestamp) -> Time {
    Time(at.as_millisecond())
}

/// How long a scale-down waits for a busy worker: no worker can stop claiming tasks in less than 3 s.
pub fn drain_timeout(spec: &WorkerPoolSpec) -> Millis {
    spec.drain.timeout.0.max(Millis::seconds(3))
}

/// The poll interval, limited to between 100 ms and 1 h.
pub fn interval(spec: &WorkerPoolSpec) -> Millis {
    Millis(spec.interval.0.0.clamp(100, 3_600_000))
}
