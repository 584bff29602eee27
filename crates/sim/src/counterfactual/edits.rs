//! The fields of a policy that could change, each with the value nearest to the current one that could have an effect.

use decide::{
    Memory, Metric, Millis, Observation, Pin, PoolSpec, QueueMetrics, Reason, Rules, ScaleDown,
    Target, Time,
};

/// A field of the policy and another value for it.
pub struct Edit {
    pub field: String,
    pub value: String,
    pub apply: Box<dyn Fn(&mut PoolSpec)>,
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
    let mut edits = pool_edits(pool, wanted, up);
    for (index, rules) in pool.rules.iter().enumerate() {
        let prefix = rules
            .queue
            .as_ref()
            .map_or(String::new(), |queue| format!("queue {queue}: "));
        let inputs = RuleInputs::new(rules, observation, memory, now, wanted);
        let mut add = |field: &str, value: String, apply: Box<dyn Fn(&mut Rules)>| {
            edits.push(Edit {
                field: format!("{prefix}{field}"),
                value,
                apply: Box::new(move |pool| {
                    pool.rules.get_mut(index).into_iter().for_each(&apply);
                }),
            });
        };
        target_edits(rules.target, &inputs, wanted, &mut add);
        if up {
            scale_up_edits(rules, &inputs, &mut add);
        } else {
            scale_down_edits(rules, &inputs, &mut add);
        }
    }
    edits.extend(behavior_edit(pool, up));
    edits
}

/// The edits of the fields that belong to the whole pool.
fn pool_edits(pool: &PoolSpec, wanted: i32, up: bool) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut add = |field: &str, value: String, apply: Box<dyn Fn(&mut PoolSpec)>| {
        edits.push(Edit {
            field: field.to_owned(),
            value,
            apply,
        });
    };
    if pool.suspend.is_some() {
        add(
            "suspend",
            "false".to_owned(),
            Box::new(|pool| pool.suspend = None),
        );
    }
    if pool.dry_run {
        add(
            "dryRun",
            "false".to_owned(),
            Box::new(|pool| pool.dry_run = false),
        );
    }
    if pool.pin.is_some() {
        add(
            "replicas",
            wanted.to_string(),
            Box::new(move |pool| {
                pool.pin = pool.pin.map(|pin| Pin {
                    replicas: wanted,
                    ..pin
                });
            }),
        );
    }
    if up && wanted > pool.max {
        add(
            "maxReplicas",
            wanted.to_string(),
            Box::new(move |pool| pool.max = wanted),
        );
    }
    if !up && wanted < pool.min {
        add(
            "minReplicas",
            wanted.to_string(),
            Box::new(move |pool| pool.min = wanted),
        );
    }
    edits
}

/// The edit that lets the present tasks wake the pool, if they are too few.
pub fn from_zero_edit(reason: &Reason) -> Option<Edit> {
    let Reason::TooFewToStart { tasks, .. } = *reason else {
        return None;
    };
    Some(Edit {
        field: "scaleFromZero.queueLength".to_owned(),
        value: (tasks - 1).to_string(),
        apply: Box::new(move |pool| pool.from_zero = tasks - 1),
    })
}

/// The edit that removes the stabilization window, if there is one.
fn behavior_edit(pool: &PoolSpec, up: bool) -> Option<Edit> {
    let behavior = pool.behavior.as_ref()?;
    let (direction, window) = if up {
        ("scaleUp", behavior.up.window)
    } else {
        ("scaleDown", behavior.down.window)
    };
    (window > Millis(0)).then(|| Edit {
        field: format!("behavior.{direction}.stabilizationWindowSeconds"),
        value: "0".to_owned(),
        apply: Box::new(move |pool| {
            let Some(behavior) = &mut pool.behavior else {
                return;
            };
            let scaling = if up {
                &mut behavior.up
            } else {
                &mut behavior.down
            };
            scaling.window = Millis(0);
        }),
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

/// Adds an edit of a field with a value.
type Add<'a> = &'a mut dyn FnMut(&str, String, Box<dyn Fn(&mut Rules)>);

fn target_edits(target: Target, inputs: &RuleInputs, wanted: i32, add: Add<'_>) {
    if let (Some(_), Some(tasks)) = (target.tasks_per_worker, inputs.tasks) {
        let value = (tasks + i64::from(wanted) - 1) / i64::from(wanted.max(1));
        add(
            "target.tasksPerWorker",
            value.to_string(),
            Box::new(move |rules| rules.target.tasks_per_worker = Some(value.max(1))),
        );
    }
    // Round values from seconds to half an hour.
    for seconds in [
        1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800,
    ] {
        let duration = Millis::seconds(seconds);
        if target.drain_within.is_some() {
            add(
                "target.drainWithin",
                duration.to_string(),
                Box::new(move |rules| rules.target.drain_within = Some(duration)),
            );
        }
        if target.max_wait.is_some() {
            add(
                "target.maxWait",
                duration.to_string(),
                Box::new(move |rules| rules.target.max_wait = Some(duration)),
            );
        }
    }
}

fn scale_up_edits(rules: &Rules, inputs: &RuleInputs, add: Add<'_>) {
    let step = inputs.step;
    if rules.up.step < step {
        add(
            "scaleUp.step",
            step.to_string(),
            Box::new(move |rules| rules.up.step = step),
        );
    }
    if let Some(since) = inputs
        .since_up
        .filter(|since| *since < rules.up.cooldown)
        .map(whole_seconds)
    {
        add(
            "scaleUp.cooldown",
            since.to_string(),
            Box::new(move |rules| rules.up.cooldown = since),
        );
    }
    if let Some(limit) = inputs
        .ready
        .filter(|ready| *ready > 0)
        .map(|ready| ready - 1)
    {
        add(
            "scaleUp.queueLength",
            limit.to_string(),
            Box::new(move |rules| rules.up.queue_length = Some(limit)),
        );
    }
    if let Some(limit) = inputs
        .utilization
        .filter(|busy| *busy > 0)
        .map(|busy| busy - 1)
    {
        add(
            "scaleUp.utilizationPercent",
            limit.to_string(),
            Box::new(move |rules| rules.up.utilization = Some(limit)),
        );
    }
    if let Some(limit) = inputs.cpu.filter(|cpu| *cpu > 0).map(|cpu| cpu - 1) {
        add(
            "scaleUp.cpuPercent",
            limit.to_string(),
            Box::new(move |rules| rules.up.cpu = Some(limit)),
        );
    }
}

fn scale_down_edits(rules: &Rules, inputs: &RuleInputs, add: Add<'_>) {
    // A scale-up threshold that is exceeded must rise to the current value first.
    if let (Some(limit), Some(ready)) = (rules.up.queue_length, inputs.ready)
        && ready > limit
    {
        add(
            "scaleUp.queueLength",
            ready.to_string(),
            Box::new(move |rules| rules.up.queue_length = Some(ready)),
        );
    }
    if let (Some(limit), Some(busy)) = (rules.up.utilization, inputs.utilization)
        && busy > limit
    {
        add(
            "scaleUp.utilizationPercent",
            busy.to_string(),
            Box::new(move |rules| rules.up.utilization = Some(busy)),
        );
    }
    if let Some(down) = &rules.down {
        return down_rule_edits(down, inputs, add);
    }
    // Of a target that waits until the queue has been empty for long enough.
    let idle = whole_seconds(inputs.idle);
    if rules.empty_for.is_none_or(|needed| idle < needed) {
        add(
            "scaleDown.idleFor",
            idle.to_string(),
            Box::new(move |rules| rules.empty_for = Some(idle)),
        );
    }
}

/// The edits of the `scaleDown` block.
fn down_rule_edits(down: &ScaleDown, inputs: &RuleInputs, add: Add<'_>) {
    let mut add = |field: &str, value: String, apply: Box<dyn Fn(&mut ScaleDown)>| {
        add(
            field,
            value,
            Box::new(move |rules| rules.down.iter_mut().for_each(&apply)),
        );
    };
    let (step, idle) = (inputs.step, whole_seconds(inputs.idle));
    if down.step < step {
        add(
            "scaleDown.step",
            step.to_string(),
            Box::new(move |down| down.step = step),
        );
    }
    if idle < down.idle_for {
        add(
            "scaleDown.idleFor",
            idle.to_string(),
            Box::new(move |down| down.idle_for = idle),
        );
    }
    if let Some(since) = inputs
        .since_change
        .filter(|since| *since < down.cooldown)
        .map(whole_seconds)
    {
        add(
            "scaleDown.cooldown",
            since.to_string(),
            Box::new(move |down| down.cooldown = since),
        );
    }
    if let (Some(limit), Some(ready)) = (down.queue_length, inputs.ready)
        && ready >= limit
    {
        add(
            "scaleDown.queueLength",
            (ready + 1).to_string(),
            Box::new(move |down| down.queue_length = Some(ready + 1)),
        );
    }
    if let (Some(limit), Some(busy)) = (down.utilization, inputs.utilization)
        && busy >= limit
    {
        add(
            "scaleDown.utilizationPercent",
            (busy + 1).to_string(),
            Box::new(move |down| down.utilization = Some(busy + 1)),
        );
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
