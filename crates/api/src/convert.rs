//! The bridge between the API and `decide`: spec → `Pool`. The only place that knows both, with `remember` for the memory.

use super::{
    OnUnknownAction, QueueSpec, ScaleDownSpec, ScaleUpSpec, Schedules, TargetSpec, WorkerPool,
    WorkerPoolSpec,
};
use decide::{
    Millis, Pin, PoolSpec, Rules, ScaleDown, ScaleUp, Suspend, Target, Time, UnknownAction,
};
use jiff::Timestamp;
use kube::ResourceExt;
use queues::QueueSystem;
use std::sync::Arc;

/// Until when `spec.replicas` pins the number: an instant, RFC 3339. Absent: until it is removed.
pub const PIN_UNTIL: &str = "workerpool.dev/pin-until";
/// Until when `spec.suspend` holds the number: an instant, RFC 3339. Absent: until it is removed.
pub const SUSPEND_UNTIL: &str = "workerpool.dev/suspend-until";
/// Who suspended the pool.
pub const SUSPENDED_BY: &str = "workerpool.dev/suspended-by";
/// What for.
pub const SUSPEND_REASON: &str = "workerpool.dev/suspend-reason";

/// The longest that a person's note may be, in characters: it becomes part of sentences.
const MAX_ANNOTATION: usize = 120;

/// Why a spec cannot work. Admission refuses the same; this is for what it cannot check, and for a file of a simulation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSpec(pub String);

/// What a pool wants, at any time.
#[derive(Clone, Debug)]
pub struct ScheduledSpec {
    spec: PoolSpec,
    schedules: Schedules,
    /// When the windows of the schedules are looked up anew.
    stale_at: Option<Time>,
}

impl ScheduledSpec {
    /// Reads `object`, with the class's values where it leaves rules out.
    pub fn new(object: &WorkerPool) -> Result<Self, InvalidSpec> {
        let schedules = Schedules::new(&object.spec.schedules)?;
        let mut pool = pool(&object.spec)?;
        if let Some(pin) = &mut pool.pin {
            pin.until = instant(object, PIN_UNTIL)?;
        }
        if let Some(suspend) = &mut pool.suspend {
            *suspend = Suspend {
                by: suspended_by(object),
                until: instant(object, SUSPEND_UNTIL)?,
            };
        }
        Ok(Self {
            spec: pool,
            schedules,
            stale_at: Some(Time(i64::MIN)),
        })
    }

    /// From now on those that go are waited for until they hold no task, or not.
    pub fn drains(&mut self, drains: bool) {
        self.spec.drains = drains;
    }

    /// The same with `change`, at any time.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut PoolSpec)) -> Self {
        let mut other = Self {
            stale_at: Some(Time(i64::MIN)),
            ..self.clone()
        };
        change(&mut other.spec);
        other
    }

    /// What it wants at `now`.
    pub fn at(&mut self, now: Time) -> &PoolSpec {
        if self.stale_at.is_some_and(|at| at <= now) {
            self.spec.schedules = self.schedules.windows(now);
            self.stale_at = self.spec.schedules.iter().map(|window| window.until).min();
        }
        &self.spec
    }

    /// The same, without a look at the calendar.
    #[must_use]
    pub fn pool(&self) -> &PoolSpec {
        &self.spec
    }
}

/// An annotation that holds an instant.
fn instant(object: &WorkerPool, name: &str) -> Result<Option<Time>, InvalidSpec> {
    let text = object.annotations().get(name);
    let parsed = text.map(|text| {
        text.parse::<Timestamp>().map(time).map_err(|_| {
            InvalidSpec(format!(
                "annotation {name} `{text}` is no time: write such as 2026-11-27T10:50:00Z, or remove it"
            ))
        })
    });
    parsed.transpose()
}

/// `by ana (exam)`, of what people wrote, on one line.
fn suspended_by(object: &WorkerPool) -> Option<Arc<str>> {
    let text = |name: &str| {
        let text = object
            .annotations()
            .get(name)?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        (!text.is_empty()).then(|| {
            text.chars()
                .filter(|sign| !sign.is_control())
                .take(MAX_ANNOTATION)
                .collect::<String>()
        })
    };
    match (text(SUSPENDED_BY), text(SUSPEND_REASON)) {
        (None, None) => None,
        (Some(by), None) => Some(format!("by {by}").into()),
        (None, Some(reason)) => Some(format!("({reason})").into()),
        (Some(by), Some(reason)) => Some(format!("by {by} ({reason})").into()),
    }
}

fn pool(spec: &WorkerPoolSpec) -> Result<PoolSpec, InvalidSpec> {
    let (min, max) = (spec.min_replicas, spec.max_replicas);
    let refuse = |text: String| Err(InvalidSpec(text));
    if min < 0 || min > max {
        return refuse(format!(
            "minReplicas {min} must lie between 0 and maxReplicas {max}: lower one or raise the other"
        ));
    }
    if let Some(pin) = spec.replicas
        && !(0..=max).contains(&pin)
    {
        return refuse(format!(
            "replicas {pin} must lie between 0 and maxReplicas {max}: pin less, or raise maxReplicas"
        ));
    }
    if let Some(schedule) = spec
        .schedules
        .iter()
        .find(|schedule| !(0..=max).contains(&schedule.min_replicas))
    {
        return refuse(format!(
            "schedule {}: minReplicas {} must lie between 0 and maxReplicas {max}: lower it, or raise maxReplicas",
            schedule.name, schedule.min_replicas
        ));
    }
    let unknown_action = match (spec.on_unknown.action, spec.on_unknown.replicas) {
        (OnUnknownAction::Hold, _) => UnknownAction::Hold,
        (OnUnknownAction::Fallback, Some(n)) => UnknownAction::Fallback(n),
        (OnUnknownAction::Fallback, None) => {
            return refuse("onUnknown.action Fallback needs onUnknown.replicas".to_owned());
        }
    };
    Ok(PoolSpec {
        min,
        max,
        pin: spec.replicas.map(|replicas| Pin {
            replicas,
            until: None,
        }),
        rules: rules(spec)?,
        behavior: spec
            .behavior
            .as_ref()
            .map(super::BehaviorSpec::filled)
            .transpose()?,
        schedules: Vec::new(),
        unknown_after: spec.on_unknown.after.0,
        unknown_action,
        suspend: spec.suspend.then(Suspend::default),
        dry_run: spec.dry_run,
        drains: false,
    })
}

/// One set for each queue that has rules of its own, and one for the sum of the others.
fn rules(spec: &WorkerPoolSpec) -> Result<Vec<Rules>, InvalidSpec> {
    if spec.queues.is_empty() {
        return Err(InvalidSpec(
            "queues is empty: name at least one queue".to_owned(),
        ));
    }
    let (alone, together): (Vec<_>, Vec<_>) = spec
        .queues
        .iter()
        .enumerate()
        .partition(|(_, queue)| queue.has_rules());
    let pools = (!together.is_empty()).then_some(RuleSet {
        queue: None,
        queues: together,
        up: spec.scale_up.as_ref(),
        down: spec.scale_down.as_ref(),
        target: spec.target.as_ref(),
        target_is_own: true,
    });
    let own = alone.into_iter().map(|(index, queue)| RuleSet {
        queue: Some(queue.name.as_str()),
        queues: vec![(index, queue)],
        up: queue.scale_up.as_ref().or(spec.scale_up.as_ref()),
        down: queue.scale_down.as_ref().or(spec.scale_down.as_ref()),
        target: queue.target.as_ref().or(spec.target.as_ref()),
        target_is_own: queue.target.is_some(),
    });
    pools.into_iter().chain(own).map(RuleSet::rules).collect()
}

/// What one set of rules is made of.
struct RuleSet<'a> {
    queue: Option<&'a str>,
    queues: Vec<(usize, &'a QueueSpec)>,
    up: Option<&'a ScaleUpSpec>,
    down: Option<&'a ScaleDownSpec>,
    target: Option<&'a TargetSpec>,
    /// Whether `target` was written for these queues.
    target_is_own: bool,
}

impl RuleSet<'_> {
    fn rules(self) -> Result<Rules, InvalidSpec> {
        let told = self
            .queues
            .iter()
            .any(|(_, queue)| queue.system != QueueSystem::List);
        let place = self
            .queue
            .map_or(String::new(), |queue| format!("queue {queue}: "));
        let refuse = |text: String| Err(InvalidSpec(format!("{place}{text}")));
        // Beside a target nothing is added that nobody wrote.
        let class = self.target.is_none();
        let up = self
            .up
            .cloned()
            .or_else(|| class.then(ScaleUpSpec::defaults));
        let down = self
            .down
            .cloned()
            .or_else(|| class.then(ScaleDownSpec::defaults));
        if let (Some(up), Some(down)) = (&up, &down)
            && let (Some(above), Some(below)) = (up.queue_length, down.queue_length)
            && above <= below
        {
            return refuse(format!(
                "scaleUp.queueLength {above} must be greater than scaleDown.queueLength {below}, or it would go up and down at once"
            ));
        }
        let target = self.target.cloned().unwrap_or_default();
        let timed = target.drain_within.or(target.max_wait).is_some();
        if !told && timed && self.target_is_own {
            return refuse(
                "target.drainWithin and maxWait need a queue that says how long tasks take and wait, and a List tells its length alone: use target.tasksPerWorker".to_owned(),
            );
        }
        let number = |n: Option<i32>| n.map(i64::from);
        Ok(Rules {
            queue: self.queue.map(Arc::from),
            queues: self.queues.iter().map(|(index, _)| *index).collect(),
            up: up.map_or_else(ScaleUp::default, |up| ScaleUp {
                queue_length: number(up.queue_length),
                utilization: number(up.utilization_percent).filter(|_| told),
                cpu: number(up.cpu_percent).filter(|_| told),
                step: up.step.max(1),
                cooldown: up.cooldown.0,
            }),
            down: down.map(|down| ScaleDown {
                queue_length: number(down.queue_length),
                utilization: number(down.utilization_percent).filter(|_| told),
                idle_for: down.idle_for.0,
                step: down.step.max(1),
                cooldown: down.cooldown.0,
            }),
            target: Target {
                tasks_per_worker: number(target.tasks_per_worker.map(|n| n.max(1))),
                drain_within: target
                    .drain_within
                    .map(|span| span.0.max(Millis::seconds(1)))
                    .filter(|_| told),
                max_wait: target
                    .max_wait
                    .map(|span| span.0.max(Millis::seconds(1)))
                    .filter(|_| told),
            },
        })
    }
}

/// An instant of `decide` as the API writes it.
#[must_use]
pub fn timestamp(at: Time) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or_default()
}

/// An instant of the API as `decide` counts it.
#[must_use]
pub fn time(at: Timestamp) -> Time {
    Time(at.as_millisecond())
}

/// How often the facts are read: at least every hour, at most every 100 ms.
#[must_use]
pub fn interval(spec: &WorkerPoolSpec) -> Millis {
    Millis(spec.interval.0.0.clamp(100, 3_600_000))
}
