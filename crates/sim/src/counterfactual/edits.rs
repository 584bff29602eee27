//! The fields of a policy that could change, each with the value nearest to the current one that could have an effect.

use decide::{
    Memory, Metric, Millis, Observation, Pin, PoolSpec, QueueMetrics, Reason, Rules, ScaleDown,
    Target, Time,
};
use std::fmt::Display;

/// A field of the policy and another value for it.
pub struct Edit {
    pub field: String,
    pub value: String,
    pub apply: Box<dyn Fn(&mut PoolSpec)>,
}

impl Edit {
    fn new(field: &str, value: impl Display, apply: impl Fn(&mut PoolSpec) + 'static) -> Self {
        Self {
            field: field.to_owned(),
            value: value.to_string(),
            apply: Box::new(apply),
        }
    }
}

/// The edits of `pool` that could give `wanted` replicas, the simplest first.
pub fn edits(
    pool: &PoolSpec,
    observation: &Observation,
    memory: &Memory,
    now: Time,
    wanted: i32,
    up: bool,
) -> Vec<Edit> {
    let mut all = pool_edits(pool, wanted, up);
    for (index, rules) in pool.rules.iter().enumerate() {
        let queue = rules.queue.as_ref();
        let mut edits = RuleEdits {
            all: &mut all,
            index,
            prefix: queue.map_or(String::new(), |queue| format!("queue {queue}: ")),
        };
        let inputs = RuleInputs::new(rules, observation, memory, now, wanted);
        target_edits(rules.target, &inputs, wanted, &mut edits);
        if up {
            scale_up_edits(rules, &inputs, &mut edits);
        } else {
            scale_down_edits(rules, &inputs, &mut edits);
        }
    }
    all.extend(behavior_edit(pool, up));
    all
}

/// The edits of the fields that belong to the whole pool.
fn pool_edits(pool: &PoolSpec, wanted: i32, up: bool) -> Vec<Edit> {
    let mut edits = Vec::new();
    if pool.suspend.is_some() {
        edits.push(Edit::new("suspend", false, |pool| pool.suspend = None));
    }
    if pool.dry_run {
        edits.push(Edit::new("dryRun", false, |pool| pool.dry_run = false));
    }
    if pool.pin.is_some() {
        edits.push(Edit::new("replicas", wanted, move |pool| {
            pool.pin = pool.pin.map(|pin| Pin {
                replicas: wanted,
                ..pin
            });
        }));
    }
    if up && wanted > pool.max {
        edits.push(Edit::new("maxReplicas", wanted, move |pool| {
            pool.max = wanted;
        }));
    }
    if !up && wanted < pool.min {
        edits.push(Edit::new("minReplicas", wanted, move |pool| {
            pool.min = wanted;
        }));
    }
    edits
}

/// The edit that lets the present tasks wake the pool, if they are too few.
pub fn from_zero_edit(reason: &Reason) -> Option<Edit> {
    let Reason::TooFewToStart { tasks, .. } = *reason else {
        return None;
    };
    let limit = tasks - 1;
    Some(Edit::new("scaleFromZero.queueLength", limit, move |pool| {
        pool.from_zero = limit;
    }))
}

/// The edit that removes the stabilization window, if there is one.
fn behavior_edit(pool: &PoolSpec, up: bool) -> Option<Edit> {
    let behavior = pool.behavior.as_ref()?;
    let (direction, window) = if up {
        ("scaleUp", behavior.up.window)
    } else {
        ("scaleDown", behavior.down.window)
    };
    let field = format!("behavior.{direction}.stabilizationWindowSeconds");
    (window > Millis(0)).then(|| {
        Edit::new(&field, 0, move |pool| {
            let Some(behavior) = &mut pool.behavior else {
                return;
            };
            let scaling = if up {
                &mut behavior.up
            } else {
                &mut behavior.down
            };
            scaling.window = Millis(0);
        })
    })
}

/// The inputs of one set of rules, in the units of its fields.
struct RuleInputs {
    ready: Option<i64>,
    /// Waiting tasks and tasks in flight.
    tasks: Option<i64>,
    utilization: Option<i64>,
    cpu: Option<i64>,
    /// The difference between the current and the other number of replicas.
    step: i32,
    since_up: Option<Millis>,
    since_change: Option<Millis>,
    idle: Millis,
}

impl RuleInputs {
    fn new(
        rules: &Rules,
        observation: &Observation,
        memory: &Memory,
        now: Time,
        wanted: i32,
    ) -> Self {
        let queues = rules
            .queues
            .iter()
            .filter_map(|queue| observation.queues.get(*queue));
        let load = QueueMetrics::sum(queues);
        let cpu = load.cpu_sum.known().zip(load.live.known());
        Self {
            ready: load.ready.known(),
            tasks: load.ready.plus(load.in_flight).known(),
            utilization: percent(load.busy, load.live),
            cpu: cpu.and_then(|(sum, live)| sum.checked_div(live)),
            step: wanted.abs_diff(observation.replicas).cast_signed(),
            since_up: memory.last_up.map(|at| now - at),
            since_change: memory.last_change.map(|at| now - at),
            idle: memory.idle_since.map_or(Millis(0), |at| now - at),
        }
    }
}

/// The edits of one set of rules.
struct RuleEdits<'a> {
    /// Those of the pool, to which they are added.
    all: &'a mut Vec<Edit>,
    /// The position of the rules in the pool.
    index: usize,
    /// What stands before the names of their fields.
    prefix: String,
}

impl RuleEdits<'_> {
    fn add(&mut self, field: &str, value: impl Display, apply: impl Fn(&mut Rules) + 'static) {
        let (index, field) = (self.index, format!("{}{field}", self.prefix));
        self.all.push(Edit::new(&field, value, move |pool| {
            pool.rules.get_mut(index).into_iter().for_each(&apply);
        }));
    }

    /// The same for a field of the `scaleDown` block.
    fn add_down(
        &mut self,
        field: &str,
        value: impl Display,
        apply: impl Fn(&mut ScaleDown) + 'static,
    ) {
        self.add(field, value, move |rules| {
            rules.down.iter_mut().for_each(&apply);
        });
    }
}

fn target_edits(target: Target, inputs: &RuleInputs, wanted: i32, edits: &mut RuleEdits) {
    if let (Some(_), Some(tasks)) = (target.tasks_per_worker, inputs.tasks) {
        let value = (tasks + i64::from(wanted) - 1) / i64::from(wanted.max(1));
        let value = value.max(1);
        edits.add("target.tasksPerWorker", value, move |rules| {
            rules.target.tasks_per_worker = Some(value);
        });
    }
    // Round values from seconds to half an hour.
    for seconds in [
        1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800,
    ] {
        let duration = Millis::seconds(seconds);
        if target.drain_within.is_some() {
            edits.add("target.drainWithin", duration, move |rules| {
                rules.target.drain_within = Some(duration);
            });
        }
        if target.max_wait.is_some() {
            edits.add("target.maxWait", duration, move |rules| {
                rules.target.max_wait = Some(duration);
            });
        }
    }
}

fn scale_up_edits(rules: &Rules, inputs: &RuleInputs, edits: &mut RuleEdits) {
    let step = inputs.step;
    if rules.up.step < step {
        edits.add("scaleUp.step", step, move |rules| rules.up.step = step);
    }
    if let Some(since) = inputs.since_up.filter(|it| *it < rules.up.cooldown) {
        let since = whole_seconds(since);
        edits.add("scaleUp.cooldown", since, move |rules| {
            rules.up.cooldown = since;
        });
    }
    // One less than a value is exceeded by it.
    let below = |value: Option<i64>| value.filter(|it| *it > 0).map(|it| it - 1);
    if let Some(limit) = below(inputs.ready) {
        edits.add("scaleUp.queueLength", limit, move |rules| {
            rules.up.queue_length = Some(limit);
        });
    }
    if let Some(limit) = below(inputs.utilization) {
        edits.add("scaleUp.utilizationPercent", limit, move |rules| {
            rules.up.utilization = Some(limit);
        });
    }
    if let Some(limit) = below(inputs.cpu) {
        edits.add("scaleUp.cpuPercent", limit, move |rules| {
            rules.up.cpu = Some(limit);
        });
    }
}

fn scale_down_edits(rules: &Rules, inputs: &RuleInputs, edits: &mut RuleEdits) {
    // A scale-up threshold that is exceeded must rise to the current value first.
    if let (Some(limit), Some(ready)) = (rules.up.queue_length, inputs.ready)
        && ready > limit
    {
        edits.add("scaleUp.queueLength", ready, move |rules| {
            rules.up.queue_length = Some(ready);
        });
    }
    if let (Some(limit), Some(busy)) = (rules.up.utilization, inputs.utilization)
        && busy > limit
    {
        edits.add("scaleUp.utilizationPercent", busy, move |rules| {
            rules.up.utilization = Some(busy);
        });
    }
    if let Some(down) = &rules.down {
        return down_rule_edits(down, inputs, edits);
    }
    // Of a target that waits until the queue has been empty for long enough.
    let idle = whole_seconds(inputs.idle);
    if rules.empty_for.is_none_or(|needed| idle < needed) {
        edits.add("scaleDown.idleFor", idle, move |rules| {
            rules.empty_for = Some(idle);
        });
    }
}

/// The edits of the `scaleDown` block.
fn down_rule_edits(down: &ScaleDown, inputs: &RuleInputs, edits: &mut RuleEdits) {
    let (step, idle) = (inputs.step, whole_seconds(inputs.idle));
    if down.step < step {
        edits.add_down("scaleDown.step", step, move |down| down.step = step);
    }
    if idle < down.idle_for {
        edits.add_down("scaleDown.idleFor", idle, move |down| down.idle_for = idle);
    }
    if let Some(since) = inputs.since_change.filter(|it| *it < down.cooldown) {
        let since = whole_seconds(since);
        edits.add_down("scaleDown.cooldown", since, move |down| {
            down.cooldown = since;
        });
    }
    if let (Some(limit), Some(ready)) = (down.queue_length, inputs.ready)
        && ready >= limit
    {
        let limit = ready + 1;
        edits.add_down("scaleDown.queueLength", limit, move |down| {
            down.queue_length = Some(limit);
        });
    }
    if let (Some(limit), Some(busy)) = (down.utilization, inputs.utilization)
        && busy >= limit
    {
        let limit = busy + 1;
        edits.add_down("scaleDown.utilizationPercent", limit, move |down| {
            down.utilization = Some(limit);
        });
    }
}

fn percent(part: Metric, whole: Metric) -> Option<i64> {
    let (part, whole) = part.known().zip(whole.known())?;
    (part * 100).checked_div(whole)
}

/// Rounds down to whole seconds.
fn whole_seconds(duration: Millis) -> Millis {
    Millis(duration.0 / 1000 * 1000)
}
