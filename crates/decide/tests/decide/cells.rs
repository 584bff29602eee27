//! Cells of the tables in tests/cases: a pool, a look and a memory from one row. What a cell means is in tests/cases/README.md.

use decide::{
    Behavior, Load, Memory, Metric, Millis, Observation, Pin, Policy, PolicyKind, PoolSpec, Rates,
    Rules, ScaleDown, ScaleUp, Scaling, Schedule, Select, Suspend, Target, Time, UnknownAction,
    Window,
};

pub const NOW: Time = Time(1_000_000_000);

/// The class's rules on queue 0.
pub fn class() -> Rules {
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

/// A look at one queue, with as many live workers as `current`.
pub fn seen(current: i32, ready: i64, busy: i64) -> Observation {
    let known = Metric::Known;
    let load = Load {
        ready: known(ready),
        in_flight: known(busy),
        live: known(current.into()),
        busy: known(busy),
        cpu_sum: known(0),
        ..Load::UNSUPPORTED
    };
    Observation {
        replicas: current,
        queues: vec![load],
        unavailable_reason: None,
    }
}

/// HPA's behavior where it says nothing.
pub fn hpa() -> Behavior {
    let policy = |kind, value| Policy {
        kind,
        value,
        period: Millis::seconds(15),
    };
    let side = |window, policies| Scaling {
        window: Millis::seconds(window),
        select: Select::Max,
        policies,
        tolerance: 100_000,
    };
    let percent = policy(PolicyKind::Percent, 100);
    Behavior {
        up: side(0, vec![policy(PolicyKind::Pods, 4), percent]),
        down: side(300, vec![percent]),
    }
}

/// `hpa`, or what differs from it: `up 4p/60 10%/30 min w120 t50; down off`.
pub fn behavior(cell: &str) -> Behavior {
    let mut both = hpa();
    for side in cell
        .split(';')
        .map(str::trim)
        .filter(|side| *side != "hpa" && !side.is_empty())
    {
        let (name, words) = side.split_once(' ').expect("up or down, and words");
        let scaling = if name == "up" {
            &mut both.up
        } else {
            &mut both.down
        };
        let mut policies = Vec::new();
        for word in words.split_whitespace() {
            let number = |text: &str| {
                text.parse::<i64>()
                    .unwrap_or_else(|_| panic!("{word} in {cell}"))
            };
            match word {
                "min" => scaling.select = Select::Min,
                "off" => scaling.select = Select::Disabled,
                _ if word.starts_with('w') => scaling.window = Millis::seconds(number(&word[1..])),
                _ if word.starts_with('t') => scaling.tolerance = number(&word[1..]) * 1000,
                _ => {
                    let (value, period) = word.split_once('/').expect("a policy such as 4p/60");
                    let (kind, value) = match value.strip_suffix('%') {
                        Some(value) => (PolicyKind::Percent, value),
                        None => (PolicyKind::Pods, value.strip_suffix('p').expect("p or %")),
                    };
                    let value = i32::try_from(number(value)).expect("small");
                    policies.push(Policy {
                        kind,
                        value,
                        period: Millis::seconds(number(period)),
                    });
                }
            }
        }
        if !policies.is_empty() {
            scaling.policies = policies;
        }
    }
    both
}

pub fn fact(cell: &str) -> Metric {
    match cell {
        "?" => Metric::Unavailable,
        "-" => Metric::Unsupported,
        number => Metric::Known(
            number
                .parse()
                .unwrap_or_else(|_| panic!("`{number}` is no fact")),
        ),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "whole milliseconds in the tables"
)]
pub fn span(cell: &str) -> Millis {
    Millis(
        (cell
            .parse::<f64>()
            .unwrap_or_else(|_| panic!("`{cell}` is no time"))
            * 1000.0) as i64,
    )
}

pub fn ago(cell: &str) -> Time {
    Time(NOW.0 - span(cell).0)
}

/// `10@60 -4@30`: numbers, each so many seconds ago.
fn past(cell: &str) -> Vec<(Time, i32)> {
    let one = |word: &str| {
        let (number, seconds) = word.split_once('@').expect("a number such as 10@60");
        (ago(seconds), number.parse().expect("a number"))
    };
    cell.split_whitespace().map(one).collect()
}

/// A queue with rules of its own: `emails ready=12 perWorker=2`.
fn own(cell: &str, index: usize) -> (Rules, Load) {
    let mut words = cell.split_whitespace();
    let mut rules = Rules {
        queue: words.next().map(Into::into),
        queues: vec![index],
        ..Rules::default()
    };
    let mut load = Load {
        live: Metric::Known(0),
        busy: Metric::Known(0),
        in_flight: Metric::Known(0),
        ..Load::UNSUPPORTED
    };
    for word in words {
        let (name, value) = word.split_once('=').expect("name=value");
        let number = || value.parse::<i64>().expect("a number");
        match name {
            "ready" => load.ready = fact(value),
            "perWorker" => rules.target.tasks_per_worker = Some(number()),
            "up" => rules.up.queue_length = Some(number()),
            "step" => rules.up.step = i32::try_from(number()).expect("small"),
            "cooldown" => rules.up.cooldown = span(value),
            "idleFor" => rules.down.as_mut().expect("down first").idle_for = span(value),
            "rest" => rules.down.as_mut().expect("down first").cooldown = span(value),
            "down" => {
                rules.down = Some(ScaleDown {
                    queue_length: Some(number()),
                    step: 1,
                    ..ScaleDown::default()
                });
            }
            other => panic!("unknown word `{other}` in {cell}"),
        }
    }
    (rules, load)
}

/// A row of a table.
pub struct Row {
    pub pool: PoolSpec,
    pub seen: Observation,
    pub memory: Memory,
    pub to: i32,
    pub reason: Option<String>,
    pub sentence: Option<String>,
    /// `Some(None)`: never.
    #[expect(clippy::option_option, reason = "not asked, never, and when")]
    pub again: Option<Option<Time>>,
}

impl Row {
    pub fn read(file: &str, head: &[&str], cells: &[&str]) -> Self {
        let mut rules = class();
        let mut pool = PoolSpec {
            min: 3,
            ..PoolSpec::default()
        };
        let mut memory = Memory::default();
        let mut load = Load {
            ready: Metric::Known(0),
            ..Load::UNSUPPORTED
        };
        let (mut current, mut live, mut busy, mut cpu) =
            (3, Metric::Known(3), Metric::Known(0), Metric::Known(0));
        let mut rates = Rates {
            at: Some(NOW),
            since: Time(0),
            samples: 19,
            ..Rates::default()
        };
        let (mut to, mut reason, mut sentence, mut again, mut other) =
            (None, None, None, None, Vec::new());
        for (name, cell) in head.iter().zip(cells) {
            let number = || {
                cell.parse::<i32>()
                    .unwrap_or_else(|_| panic!("{file}: `{cell}` in {name} is no number"))
            };
            match *name {
                "case" => {}
                _ if cell.is_empty() => {}
                "min" => pool.min = number(),
                "max" => pool.max = number(),
                "pin" => {
                    pool.pin = Some(Pin {
                        replicas: number(),
                        until: None,
                    })
                }
                "pin ends in" => {
                    pool.pin = pool.pin.map(|pin| Pin {
                        until: Some(NOW + span(cell)),
                        ..pin
                    });
                }
                "step" => rules.up.step = number(),
                "suspend" => pool.suspend = Some(Suspend::default()),
                "suspended by" => {
                    pool.suspend = Some(Suspend {
                        by: Some((*cell).into()),
                        until: None,
                    })
                }
                "suspend ends in" => {
                    pool.suspend = pool.suspend.map(|suspend| Suspend {
                        until: Some(NOW + span(cell)),
                        ..suspend
                    });
                }
                "dry run" => pool.dry_run = true,
                "fallback" => pool.unknown_action = UnknownAction::Fallback(number()),
                "no down" => rules.down = None,
                "thresholds" if *cell == "none" => {
                    rules = Rules {
                        queues: vec![0],
                        ..Rules::default()
                    };
                }
                "thresholds" if *cell == "down" => rules.up = ScaleUp::default(),
                "per worker" => rules.target.tasks_per_worker = Some(number().into()),
                "drain within" => rules.target.drain_within = Some(span(cell)),
                "max wait" => rules.target.max_wait = Some(span(cell)),
                "behavior" => pool.behavior = Some(behavior(cell)),
                "schedule" => {
                    let words: Vec<&str> = cell.split_whitespace().collect();
                    let [name, min, from, until] = words[..] else {
                        panic!("{file}: schedule `{cell}`")
                    };
                    let at = |seconds: &str| NOW + span(seconds);
                    pool.schedules.push(Schedule {
                        name: name.into(),
                        min: min.parse().expect("a number"),
                        from: at(from),
                        until: at(until),
                    });
                }
                "own queue" => other.push(own(cell, other.len() + 1)),
                "now" => {
                    current = number();
                    live = Metric::Known(current.into());
                }
                "ready" => load.ready = fact(cell),
                "due" => load.due = fact(cell),
                "in flight" => load.in_flight = fact(cell),
                "live" => live = fact(cell),
                "busy" => {
                    busy = fact(cell);
                    if load.in_flight == Metric::Unsupported && head.contains(&"thresholds") {
                        load.in_flight = busy;
                    }
                }
                "cpu" => cpu = fact(cell),
                "oldest for" => load.oldest_at = Metric::Known(NOW.0 - span(cell).0),
                "a second" => rates.arrival = span(cell).0 * 1000,
                "task takes" => rates.service = span(cell).0 * 1000,
                "starts in" => memory.startup.mean = Some(span(cell)),
                "ours" => memory.desired = Some(number()),
                "up ago" => memory.last_up = Some(ago(cell)),
                "changed ago" => memory.last_change = Some(ago(cell)),
                "idle for" => memory.idle_since = Some(ago(cell)),
                "blind for" => memory.unknown_since = Some(ago(cell)),
                "recommended" => {
                    memory.recommendations = past(cell).into_iter().collect::<Window>()
                }
                "changed by" => memory.scale_events = past(cell),
                "busy before" => memory.busy = past(cell).into_iter().collect::<Window>(),
                "→" => to = Some(number()),
                "reason" => reason = Some((*cell).to_owned()),
                "message" => sentence = Some((*cell).to_owned()),
                "look again in" if *cell == "never" => again = Some(None),
                "look again in" => again = Some(Some(NOW + span(cell))),
                other => panic!("{file}: unknown column `{other}`"),
            }
        }
        (load.live, load.busy) = (live, busy);
        // The tables give the mean, as people do.
        load.cpu_sum = match (cpu, live) {
            (Metric::Known(mean), Metric::Known(live)) => Metric::Known(mean * live),
            (fact, _) => fact,
        };
        if rules.target != Target::default() {
            memory.rates = vec![rates; 1 + other.len()];
        }
        let (more, loads): (Vec<Rules>, Vec<Load>) = other.into_iter().unzip();
        pool.rules = [vec![rules], more].concat();
        let seen = Observation {
            replicas: current,
            queues: [vec![load], loads].concat(),
            unavailable_reason: None,
        };
        let to = to.unwrap_or_else(|| panic!("{file}: no column →"));
        Self {
            pool,
            seen,
            memory,
            to,
            reason,
            sentence,
            again,
        }
    }
}
