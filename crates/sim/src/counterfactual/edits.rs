//! What of a policy could be written differently, each field with the value nearest to the present one that could matter.

use decide::{
    Load, Memory, Metric, Millis, Observation, Pin, PoolSpec, Rules, ScaleDown, Target, Time,
};

/// A field that could be written differently.
pub(super) struct Edit {
    pub field: String,
    pub value: String,
    pub write: Box<dyn Fn(&mut PoolSpec)>,
}

/// The fields of `pool` that could bring `wanted`, the plainest first.
pub(super) fn edits(
    pool: &PoolSpec,
    seen: &Observation,
    memory: &Memory,
    now: Time,
    wanted: i32,
    up: bool,
) -> Vec<Edit> {
    let mut all: Vec<Edit> = Vec::new();
    let mut add = |field: String, value: String, write: Box<dyn Fn(&mut PoolSpec)>| {
        all.push(Edit {
            field,
            value,
            write,
        });
    };
    if pool.suspend.is_some() {
        add(
            "suspend".into(),
            "false".into(),
            Box::new(|pool| pool.suspend = None),
        );
    }
    if pool.dry_run {
        add(
            "dryRun".into(),
            "false".into(),
            Box::new(|pool| pool.dry_run = false),
        );
    }
    if pool.pin.is_some() {
        add(
            "replicas".into(),
            format!("{wanted}"),
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
            "maxReplicas".into(),
            wanted.to_string(),
            Box::new(move |pool| pool.max = wanted),
        );
    }
    if !up && wanted < pool.min {
        add(
            "minReplicas".into(),
            wanted.to_string(),
            Box::new(move |pool| pool.min = wanted),
        );
    }
    for (index, set) in pool.rules.iter().enumerate() {
        let prefix = set
            .queue
            .as_ref()
            .map_or(String::new(), |queue| format!("queue {queue}: "));
        let queues = || {
            set.queues
                .iter()
                .filter_map(|queue| seen.queues.get(*queue))
        };
        let load = Load::sum(queues());
        let facts = Facts {
            ready: load.ready.known(),
            tasks: load.ready.plus(load.in_flight).known(),
            busy: percent(load.busy, load.live),
            cpu: load
                .cpu_sum
                .known()
                .zip(load.live.known())
                .and_then(|(sum, live)| sum.checked_div(live)),
            step: wanted.abs_diff(seen.replicas).cast_signed(),
            since_up: memory.last_up.map(|at| now - at),
            since_change: memory.last_change.map(|at| now - at),
            idle: memory.idle_since.map_or(Millis(0), |at| now - at),
        };
        let mut set_add = |field: &str, value: String, write: Box<dyn Fn(&mut Rules)>| {
            add(
                format!("{prefix}{field}"),
                value,
                Box::new(move |pool| pool.rules.get_mut(index).into_iter().for_each(&write)),
            );
        };
        targets(set.target, &facts, wanted, &mut set_add);
        if up {
            more(set, &facts, &mut set_add)
        } else {
            fewer(set, &facts, &mut set_add)
        }
    }
    if let Some(behavior) = &pool.behavior {
        let (field, window) = if up {
            ("scaleUp", behavior.up.window)
        } else {
            ("scaleDown", behavior.down.window)
        };
        if window > Millis(0) {
            add(
                format!("behavior.{field}.stabilizationWindowSeconds"),
                "0".into(),
                Box::new(move |pool| {
                    let Some(behavior) = &mut pool.behavior else {
                        return;
                    };
                    if up {
                        behavior.up.window = Millis(0)
                    } else {
                        behavior.down.window = Millis(0)
                    }
                }),
            );
        }
    }
    all
}

/// What one set of rules looks at, in the units of its fields.
struct Facts {
    ready: Option<i64>,
    tasks: Option<i64>,
    busy: Option<i64>,
    cpu: Option<i64>,
    step: i32,
    since_up: Option<Millis>,
    since_change: Option<Millis>,
    idle: Millis,
}

type Add<'a> = &'a mut dyn FnMut(&str, String, Box<dyn Fn(&mut Rules)>);

fn targets(target: Target, facts: &Facts, wanted: i32, add: Add<'_>) {
    if let (Some(_), Some(tasks)) = (target.tasks_per_worker, facts.tasks) {
        let value = (tasks + i64::from(wanted) - 1) / i64::from(wanted.max(1));
        add(
            "target.tasksPerWorker",
            value.to_string(),
            Box::new(move |set| set.target.tasks_per_worker = Some(value.max(1))),
        );
    }
    // Seconds to minutes, in steps that people would write.
    for seconds in [
        1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800,
    ] {
        let span = Millis::seconds(seconds);
        if target.drain_within.is_some() {
            add(
                "target.drainWithin",
                span.to_string(),
                Box::new(move |set| set.target.drain_within = Some(span)),
            );
        }
        if target.max_wait.is_some() {
            add(
                "target.maxWait",
                span.to_string(),
                Box::new(move |set| set.target.max_wait = Some(span)),
            );
        }
    }
}

fn more(set: &Rules, facts: &Facts, add: Add<'_>) {
    let step = facts.step;
    if set.up.step < step {
        add(
            "scaleUp.step",
            step.to_string(),
            Box::new(move |set| set.up.step = step),
        );
    }
    if let Some(since) = facts
        .since_up
        .filter(|since| *since < set.up.cooldown)
        .map(whole)
    {
        add(
            "scaleUp.cooldown",
            since.to_string(),
            Box::new(move |set| set.up.cooldown = since),
        );
    }
    if let Some(limit) = facts
        .ready
        .filter(|ready| *ready > 0)
        .map(|ready| ready - 1)
    {
        add(
            "scaleUp.queueLength",
            limit.to_string(),
            Box::new(move |set| set.up.queue_length = Some(limit)),
        );
    }
    if let Some(limit) = facts.busy.filter(|busy| *busy > 0).map(|busy| busy - 1) {
        add(
            "scaleUp.utilizationPercent",
            limit.to_string(),
            Box::new(move |set| set.up.utilization = Some(limit)),
        );
    }
    if let Some(limit) = facts.cpu.filter(|cpu| *cpu > 0).map(|cpu| cpu - 1) {
        add(
            "scaleUp.cpuPercent",
            limit.to_string(),
            Box::new(move |set| set.up.cpu = Some(limit)),
        );
    }
}

fn fewer(set: &Rules, facts: &Facts, add: Add<'_>) {
    // A threshold that still asks for more must be above its fact.
    if let (Some(limit), Some(ready)) = (set.up.queue_length, facts.ready)
        && ready > limit
    {
        add(
            "scaleUp.queueLength",
            ready.to_string(),
            Box::new(move |set| set.up.queue_length = Some(ready)),
        );
    }
    if let (Some(limit), Some(busy)) = (set.up.utilization, facts.busy)
        && busy > limit
    {
        add(
            "scaleUp.utilizationPercent",
            busy.to_string(),
            Box::new(move |set| set.up.utilization = Some(busy)),
        );
    }
    let Some(down) = &set.down else { return };
    let mut add = |field: &str, value: String, write: Box<dyn Fn(&mut ScaleDown)>| {
        add(
            field,
            value,
            Box::new(move |set| set.down.iter_mut().for_each(&write)),
        );
    };
    let (step, idle) = (facts.step, whole(facts.idle));
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
    if let Some(since) = facts
        .since_change
        .filter(|since| *since < down.cooldown)
        .map(whole)
    {
        add(
            "scaleDown.cooldown",
            since.to_string(),
            Box::new(move |down| down.cooldown = since),
        );
    }
    if let (Some(limit), Some(ready)) = (down.queue_length, facts.ready)
        && ready >= limit
    {
        add(
            "scaleDown.queueLength",
            (ready + 1).to_string(),
            Box::new(move |down| down.queue_length = Some(ready + 1)),
        );
    }
    if let (Some(limit), Some(busy)) = (down.utilization, facts.busy)
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

/// Whole seconds, rounded down, as people write them.
fn whole(span: Millis) -> Millis {
    Millis(span.0 / 1000 * 1000)
}
