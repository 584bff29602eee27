//! A row of a table in tests/cases: the arguments of `decide` and the expected decision.

use super::cells::{
    NOW, before, behavior, default_thresholds, metric, number, samples, second_queue, span,
};
use decide::{
    Memory, Metric, Observation, Pin, PoolSpec, QueueMetrics, Rates, Rules, ScaleUp, Schedule,
    Suspend, Target, Time, UnknownAction, Who,
};

/// A row of a table.
pub struct Row {
    pub spec: PoolSpec,
    pub observation: Observation,
    pub memory: Memory,
    pub expected: Expected,
}

/// What the decision must be, as far as the table has the column.
#[derive(Default)]
pub struct Expected {
    pub replicas: Option<i32>,
    pub reason: Option<String>,
    pub parameters: Option<String>,
    /// `Some(None)`: never.
    #[expect(clippy::option_option, reason = "no column, never, and when")]
    pub requeue_at: Option<Option<Time>>,
}

impl Row {
    pub fn read(columns: &[&str], cells: &[&str]) -> Self {
        let mut row = Columns::new(columns.contains(&"thresholds"));
        for (column, cell) in columns.iter().zip(cells) {
            let known = *column == "case"
                || cell.is_empty()
                || row.read_spec(column, cell)
                || row.read_rules(column, cell)
                || row.read_queue(column, cell)
                || row.read_memory(column, cell)
                || row.read_expected(column, cell);
            assert!(known, "unknown column `{column}`");
        }
        row.finish()
    }
}

/// The columns that have been read.
struct Columns {
    spec: PoolSpec,
    rules: Rules,
    replicas: i32,
    queue: QueueMetrics,
    /// The mean CPU use, as people state it.
    cpu: Metric,
    second_queue: Option<(Rules, QueueMetrics)>,
    /// Whether the same rules have another queue, which cannot be read.
    unreadable_queue: bool,
    memory: Memory,
    rates: Rates,
    expected: Expected,
    /// In a table with the column `thresholds`, busy workers are tasks in flight.
    busy_is_in_flight: bool,
}

impl Columns {
    fn new(busy_is_in_flight: bool) -> Self {
        Self {
            spec: PoolSpec {
                min: 3,
                ..PoolSpec::default()
            },
            rules: default_thresholds(),
            replicas: 3,
            queue: QueueMetrics {
                ready: Metric::Known(0),
                live: Metric::Known(3),
                busy: Metric::Known(0),
                ..QueueMetrics::UNSUPPORTED
            },
            cpu: Metric::Known(0),
            second_queue: None,
            unreadable_queue: false,
            memory: Memory::default(),
            rates: Rates {
                at: Some(NOW),
                since: Time(0),
                samples: 19,
                ..Rates::default()
            },
            expected: Expected::default(),
            busy_is_in_flight,
        }
    }

    fn read_spec(&mut self, column: &str, cell: &str) -> bool {
        let spec = &mut self.spec;
        match column {
            "min" => spec.min = number(cell),
            "max" => spec.max = number(cell),
            "from zero above" => spec.from_zero = number(cell),
            "pin" => {
                spec.pin = Some(Pin {
                    replicas: number(cell),
                    until: None,
                });
            }
            "pin ends in" => spec.pin.as_mut().expect("pin first").until = Some(NOW + span(cell)),
            "suspend" => spec.suspend = Some(Suspend::default()),
            "suspended by" => {
                spec.suspend.as_mut().expect("suspend first").who = Some(Who {
                    by: Some(cell.into()),
                    note: None,
                });
            }
            "suspend ends in" => {
                spec.suspend.as_mut().expect("suspend first").until = Some(NOW + span(cell));
            }
            "dryRun" => spec.dry_run = true,
            "fallback" => spec.unknown_action = UnknownAction::Fallback(number(cell)),
            "behavior" => spec.behavior = Some(behavior(cell)),
            "schedule" => {
                let parts: Vec<&str> = cell.split_whitespace().collect();
                let [name, min, from, until] = parts[..] else {
                    panic!("schedule `{cell}`")
                };
                spec.schedules.push(Schedule {
                    name: name.into(),
                    min: number(min),
                    from: NOW + span(from),
                    until: NOW + span(until),
                });
            }
            _ => return false,
        }
        true
    }

    fn read_rules(&mut self, column: &str, cell: &str) -> bool {
        let rules = &mut self.rules;
        match column {
            "step" => rules.up.step = number(cell),
            "no scaleDown" => rules.down = None,
            "thresholds" if cell == "none" => {
                *rules = Rules {
                    queues: vec![0],
                    ..Rules::default()
                };
            }
            "thresholds" if cell == "down" => rules.up = ScaleUp::default(),
            "tasksPerWorker" => rules.target.tasks_per_worker = Some(number(cell)),
            "drainWithin" => rules.target.drain_within = Some(span(cell)),
            "maxWait" => rules.target.max_wait = Some(span(cell)),
            "unreadable queue" => self.unreadable_queue = true,
            "empty for" => rules.empty_for = Some(span(cell)),
            "second queue" => self.second_queue = Some(second_queue(cell)),
            _ => return false,
        }
        true
    }

    fn read_queue(&mut self, column: &str, cell: &str) -> bool {
        let queue = &mut self.queue;
        match column {
            "replicas" => {
                self.replicas = number(cell);
                queue.live = Metric::Known(self.replicas.into());
            }
            "ready" => queue.ready = metric(cell),
            "due" => queue.due = metric(cell),
            "in flight" => queue.in_flight = metric(cell),
            "live" => queue.live = metric(cell),
            "busy" => {
                queue.busy = metric(cell);
                if queue.in_flight == Metric::Unsupported && self.busy_is_in_flight {
                    queue.in_flight = queue.busy;
                }
            }
            "slots" => queue.slots = metric(cell),
            "held" => queue.held = metric(cell),
            "held delayed" => queue.held_delayed = metric(cell),
            "paused" => queue.paused = metric(cell),
            "limit" => queue.limit = metric(cell),
            "slots in use" => queue.slots_in_use = metric(cell),
            "cpu" => self.cpu = metric(cell),
            "oldest task age" => queue.oldest_at = Metric::Known(before(cell).0),
            _ => return false,
        }
        true
    }

    fn read_memory(&mut self, column: &str, cell: &str) -> bool {
        let memory = &mut self.memory;
        match column {
            "arrivals/s" => self.rates.arrival = span(cell).0 * 1000,
            "service time" => self.rates.service = span(cell).0 * 1000,
            "startup time" => memory.startup.mean = Some(span(cell)),
            "last decision" => memory.desired = Some(number(cell)),
            "since scale-up" => memory.last_up = Some(before(cell)),
            "since change" => memory.last_change = Some(before(cell)),
            "idle for" => memory.idle_since = Some(before(cell)),
            "unavailable for" => memory.unknown_since = Some(before(cell)),
            "recommendations" => memory.recommendations = samples(cell).into_iter().collect(),
            "scale events" => memory.scale_events = samples(cell),
            "recently busy" => memory.busy = samples(cell).into_iter().collect(),
            _ => return false,
        }
        true
    }

    fn read_expected(&mut self, column: &str, cell: &str) -> bool {
        let expected = &mut self.expected;
        match column {
            "→" => expected.replicas = Some(number(cell)),
            "reason" => expected.reason = Some(cell.to_owned()),
            "parameters" => expected.parameters = Some(cell.to_owned()),
            "requeue in" if cell == "never" => expected.requeue_at = Some(None),
            "requeue in" => expected.requeue_at = Some(Some(NOW + span(cell))),
            _ => return false,
        }
        true
    }

    fn finish(mut self) -> Row {
        self.queue.cpu_sum = match (self.cpu, self.queue.live) {
            (Metric::Known(mean), Metric::Known(live)) => Metric::Known(mean * live),
            (cpu, _) => cpu,
        };
        let has_target = self.rules.target != Target::default();
        let mut queues = vec![self.queue];
        if self.unreadable_queue {
            queues.push(QueueMetrics::UNAVAILABLE);
            self.rules.queues.push(1);
        }
        self.spec.rules = vec![self.rules];
        if let Some((rules, queue)) = self.second_queue {
            self.spec.rules.push(rules);
            queues.push(queue);
        }
        if has_target {
            self.memory.rates = vec![self.rates; queues.len()];
        }
        Row {
            spec: self.spec,
            observation: Observation {
                replicas: self.replicas,
                queues,
                unavailable: None,
            },
            memory: self.memory,
            expected: self.expected,
        }
    }
}
