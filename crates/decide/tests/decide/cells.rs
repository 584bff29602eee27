//! Cells of the tables in tests/cases, and samples that other tests share. tests/cases/README.md describes the columns.

use decide::{
    Behavior, Metric, Millis, Observation, Policy, PolicyKind, PoolSpec, QueueMetrics, Rules,
    ScaleDown, ScaleUp, Scaling, Select, Target, Time,
};

pub const NOW: Time = Time(1_000_000_000);

/// The default thresholds of the API, on queue 0.
pub fn default_thresholds() -> Rules {
    Rules {
        queues: vec![0],
        up: ScaleUp {
            queue_length: Some(8),
            utilization: Some(80),
            cpu: Some(75),
            step: 2,
            cooldown: Millis::seconds(60),
        },
        down: Some(ScaleDown {
            queue_length: Some(2),
            utilization: Some(30),
            idle_for: Millis::seconds(300),
            step: 2,
            cooldown: Millis::seconds(180),
        }),
        ..Rules::default()
    }
}

/// At least 3 replicas, with the default thresholds.
pub fn threshold_spec() -> PoolSpec {
    PoolSpec {
        min: 3,
        rules: vec![default_thresholds()],
        ..PoolSpec::default()
    }
}

/// 1 to 20 replicas, with a target on queue 0.
pub fn target_spec(target: Target) -> PoolSpec {
    PoolSpec {
        max: 20,
        rules: vec![Rules {
            queues: vec![0],
            target,
            ..Rules::default()
        }],
        ..PoolSpec::default()
    }
}

pub fn tasks_per_worker(tasks: i64) -> PoolSpec {
    target_spec(Target {
        tasks_per_worker: Some(tasks),
        ..Target::default()
    })
}

pub fn drain_within(seconds: i64) -> PoolSpec {
    target_spec(Target {
        drain_within: Some(Millis::seconds(seconds)),
        ..Target::default()
    })
}

/// An observation of one queue.
pub fn observe(replicas: i32, queue: QueueMetrics) -> Observation {
    Observation {
        replicas,
        queues: vec![queue],
        unavailable: None,
    }
}

/// An observation of one queue with as many live workers as `replicas`.
pub fn observation(replicas: i32, ready: i64, busy: i64) -> Observation {
    let queue = QueueMetrics {
        ready: Metric::Known(ready),
        in_flight: Metric::Known(busy),
        live: Metric::Known(replicas.into()),
        busy: Metric::Known(busy),
        cpu_sum: Metric::Known(0),
        ..QueueMetrics::UNSUPPORTED
    };
    observe(replicas, queue)
}

/// The instant `seconds` before now.
pub fn ago(seconds: i64) -> Time {
    Time(NOW.0 - seconds * 1000)
}

/// HPA's default behavior.
fn hpa() -> Behavior {
    let policy = |kind, value| Policy {
        kind,
        value,
        period: Millis::seconds(15),
    };
    let scaling = |window, policies| Scaling {
        window: Millis::seconds(window),
        select: Select::Max,
        policies,
        tolerance: 100_000,
    };
    let percent = policy(PolicyKind::Percent, 100);
    Behavior {
        up: scaling(0, vec![policy(PolicyKind::Pods, 4), percent]),
        down: scaling(300, vec![percent]),
    }
}

/// `hpa`, or what differs from it: `up 4p/60 10%/30 min w120 t50; down off`.
pub fn behavior(cell: &str) -> Behavior {
    let mut behavior = hpa();
    let directions = cell.split(';').map(str::trim);
    for direction in directions.filter(|text| *text != "hpa" && !text.is_empty()) {
        let (name, settings) = direction.split_once(' ').expect("up or down, and settings");
        let scaling = if name == "up" {
            &mut behavior.up
        } else {
            &mut behavior.down
        };
        let mut policies = Vec::new();
        for setting in settings.split_whitespace() {
            if setting == "min" {
                scaling.select = Select::Min;
            } else if setting == "off" {
                scaling.select = Select::Disabled;
            } else if let Some(seconds) = setting.strip_prefix('w') {
                scaling.window = Millis::seconds(number(seconds));
            } else if let Some(thousandths) = setting.strip_prefix('t') {
                scaling.tolerance = number::<i64>(thousandths) * 1000;
            } else {
                policies.push(policy(setting));
            }
        }
        if !policies.is_empty() {
            scaling.policies = policies;
        }
    }
    behavior
}

/// `4p/60` or `10%/30`.
fn policy(cell: &str) -> Policy {
    let (value, period) = cell.split_once('/').expect("a policy such as 4p/60");
    let (kind, value) = match value.strip_suffix('%') {
        Some(value) => (PolicyKind::Percent, value),
        None => (PolicyKind::Pods, value.strip_suffix('p').expect("p or %")),
    };
    Policy {
        kind,
        value: number(value),
        period: Millis::seconds(number(period)),
    }
}

pub fn number<T: std::str::FromStr>(cell: &str) -> T {
    cell.parse()
        .unwrap_or_else(|_| panic!("`{cell}` is not a number"))
}

/// A number, `?` for unavailable or `-` for unsupported.
pub fn metric(cell: &str) -> Metric {
    match cell {
        "?" => Metric::Unavailable,
        "-" => Metric::Unsupported,
        value => Metric::Known(number(value)),
    }
}

/// Seconds, with up to three decimals.
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole milliseconds in the tables"
)]
pub fn span(cell: &str) -> Millis {
    Millis((number::<f64>(cell) * 1000.0) as i64)
}

/// The instant that many seconds before now.
pub fn before(cell: &str) -> Time {
    Time(NOW.0 - span(cell).0)
}

/// `10@60 -4@30`: values, each with how many seconds ago.
pub fn samples(cell: &str) -> Vec<(Time, i32)> {
    let sample = |text: &str| {
        let (value, seconds) = text.split_once('@').expect("a sample such as 10@60");
        (before(seconds), number(value))
    };
    cell.split_whitespace().map(sample).collect()
}

/// A queue with rules of its own: `emails ready=12 tasksPerWorker=2`.
pub fn second_queue(cell: &str) -> (Rules, QueueMetrics) {
    let mut settings = cell.split_whitespace();
    let mut rules = Rules {
        queue: settings.next().map(Into::into),
        queues: vec![1],
        ..Rules::default()
    };
    let mut queue = QueueMetrics {
        live: Metric::Known(0),
        busy: Metric::Known(0),
        in_flight: Metric::Known(0),
        ..QueueMetrics::UNSUPPORTED
    };
    for setting in settings {
        let (name, value) = setting.split_once('=').expect("name=value");
        match name {
            "ready" => queue.ready = metric(value),
            "tasksPerWorker" => rules.target.tasks_per_worker = Some(number(value)),
            "up" => rules.up.queue_length = Some(number(value)),
            "step" => rules.up.step = number(value),
            "cooldown" => rules.up.cooldown = span(value),
            "down" => {
                rules.down = Some(ScaleDown {
                    queue_length: Some(number(value)),
                    step: 1,
                    ..ScaleDown::default()
                });
            }
            "idleFor" => rules.down.as_mut().expect("down first").idle_for = span(value),
            "downCooldown" => rules.down.as_mut().expect("down first").cooldown = span(value),
            other => panic!("unknown setting `{other}` in {cell}"),
        }
    }
    (rules, queue)
}
