//! Why a pool does not have another number of workers: which constraints prevent it, and the smallest change of the
//! policy or of the queue that would give it. Found by calling `decide` itself.

mod blockers;
mod edits;
mod search;

use api::{StepStatus, timestamp};
use blockers::blockers;
use decide::{Memory, Observation, PoolSpec, Time, decide};
use edits::{Edit, edits, from_zero_edit};
use search::{combinations, reached_at, smallest_backlog_change};
use serde_json::{Value, json};

/// The maximum number of fields that a change of the policy may touch.
const MAX_FIELDS: usize = 3;

/// What stands between the desired replicas and another number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterfactual {
    /// Desired replicas.
    pub decided: i32,
    /// The steps that prevent the other number; empty where the numbers are the same.
    pub because: Vec<StepStatus>,
    /// The fewest fields that would give the other number now, with their values.
    pub change: Option<Vec<(String, String)>>,
    /// How many more tasks would give it now; if negative, how many fewer.
    pub tasks: Option<i64>,
    /// When it is reached if nothing changes.
    pub soon: Option<Time>,
    /// Otherwise, how many more tasks would give it later, and when, if they stayed.
    pub later: Option<(i64, Time)>,
}

impl Counterfactual {
    /// The same as JSON.
    pub fn json(&self) -> Value {
        let change = self.change.as_ref().map(|change| -> Vec<Value> {
            change
                .iter()
                .map(|(field, value)| json!({"field": field, "value": value}))
                .collect()
        });
        json!({
            "decided": self.decided,
            "because": self.because,
            "change": change,
            "tasks": self.tasks,
            "soon": self.soon.map(timestamp),
            "later": self.later.map(|(tasks, at)| json!({"tasks": tasks, "at": timestamp(at)})),
        })
    }
}

/// Why `pool` does not have `wanted` replicas at `now`.
pub fn why_not(
    pool: &PoolSpec,
    observation: &Observation,
    memory: &Memory,
    now: Time,
    wanted: i32,
) -> Counterfactual {
    let decision = decide(pool, observation, memory, now);
    let decided = decision.replicas;
    if decided == wanted {
        return Counterfactual {
            decided,
            because: Vec::new(),
            change: None,
            tasks: None,
            soon: None,
            later: None,
        };
    }
    let up = wanted > decided;
    let replicas = |pool: &PoolSpec, observation: &Observation| {
        decide(pool, observation, memory, now).replicas
    };
    let mut edits = edits(pool, observation, memory, now, wanted, up);
    edits.extend(from_zero_edit(&decision.reason));
    let change = smallest_change(&edits, pool, |pool| replicas(pool, observation) == wanted);
    let tasks = smallest_backlog_change(observation, up, |observation| {
        let replicas = replicas(pool, observation);
        if up {
            replicas >= wanted
        } else {
            replicas <= wanted
        }
    })
    .filter(|(_, observation)| replicas(pool, observation) == wanted)
    .map(|(tasks, _)| tasks);
    let reached_at = |observation: &Observation| reached_at(pool, observation, memory, now, wanted);
    let soon = reached_at(observation);
    let later = if tasks.is_none() && soon.is_none() {
        smallest_backlog_change(observation, up, |observation| {
            reached_at(observation).is_some()
        })
        .and_then(|(tasks, observation)| Some((tasks, reached_at(&observation)?)))
    } else {
        None
    };
    Counterfactual {
        decided,
        because: blockers(pool, &decision, wanted),
        change,
        tasks,
        soon,
        later,
    }
}

/// The fewest of `edits` with which the pool `suffices`: their fields and values.
fn smallest_change(
    edits: &[Edit],
    pool: &PoolSpec,
    suffices: impl Fn(&PoolSpec) -> bool,
) -> Option<Vec<(String, String)>> {
    (1..=MAX_FIELDS)
        .flat_map(|fields| combinations(edits.len(), fields))
        .find(|combination| {
            let mut edited = pool.clone();
            for index in combination {
                (edits[*index].apply)(&mut edited);
            }
            suffices(&edited)
        })
        .map(|combination| {
            combination
                .into_iter()
                .map(|index| (edits[index].field.clone(), edits[index].value.clone()))
                .collect()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::{Metric, Millis, Pin, QueueMetrics, Rules, ScaleDown, ScaleUp};

    const NOW: Time = Time(1_000_000_000);

    fn demo_pool() -> PoolSpec {
        let up = ScaleUp {
            queue_length: Some(8),
            utilization: Some(80),
            cpu: Some(75),
            step: 2,
            cooldown: Millis::seconds(60),
        };
        let down = ScaleDown {
            queue_length: Some(2),
            utilization: Some(30),
            idle_for: Millis::seconds(300),
            step: 2,
            cooldown: Millis::seconds(180),
        };
        let rules = Rules {
            queues: vec![0],
            up,
            down: Some(down),
            ..Rules::default()
        };
        PoolSpec {
            min: 3,
            max: 10,
            rules: vec![rules],
            ..PoolSpec::default()
        }
    }

    fn observation(replicas: i32, ready: i64, busy: i64) -> Observation {
        let busy = Metric::Known(busy);
        let metrics = QueueMetrics {
            ready: Metric::Known(ready),
            busy,
            live: Metric::Known(i64::from(replicas)),
            in_flight: busy,
            cpu_sum: Metric::Known(0),
            ..QueueMetrics::UNSUPPORTED
        };
        Observation {
            replicas,
            queues: vec![metrics],
            unavailable: None,
        }
    }

    /// `blockers | change of the policy | more tasks | when, in seconds from now`
    fn explain(pool: &PoolSpec, observation: &Observation, memory: &Memory, wanted: i32) -> String {
        let found = why_not(pool, observation, memory, NOW, wanted);
        let pairs = |pairs: Vec<(String, String)>| {
            pairs
                .into_iter()
                .map(|(a, b)| format!("{a} {b}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let steps = found.because.into_iter();
        let because = pairs(steps.map(|step| (step.name, step.detail)).collect());
        let change = found.change.map_or("-".to_owned(), pairs);
        let tasks = found.tasks;
        let later = found.soon.map(|at| (0, at)).or(found.later);
        let later = later.map(|(more, at)| (more, (at - NOW).0 / 1000));
        format!("{because} | {change} | {tasks:?} | {later:?}")
    }

    #[test]
    fn step_and_cooldown_prevent_scale_up() {
        let up = Some(Time(NOW.0 - 14_000));
        let memory = Memory {
            desired: Some(5),
            last_up: up,
            last_change: up,
            ..Memory::default()
        };
        assert_eq!(
            explain(&demo_pool(), &observation(5, 17, 5), &memory, 9),
            "scaleUp.queueLength 17 > 8 → 7, scaleUp.utilizationPercent 100 % > 80 % → 7, scaleUp.step 2, \
             scaleUp.cooldown 7 → 5 until 13:47:26 | scaleUp.step 4, scaleUp.cooldown 14s | None | Some((0, 106))"
        );
        assert_eq!(
            explain(&demo_pool(), &observation(5, 17, 5), &memory, 7),
            "scaleUp.cooldown 7 → 5 until 13:47:26 | scaleUp.cooldown 14s | None | Some((0, 46))"
        );
    }

    #[test]
    fn short_queue_prevents_scale_up() {
        assert_eq!(
            explain(&demo_pool(), &observation(5, 4, 2), &Memory::default(), 7),
            "scaleUp.queueLength 4 ≤ 8, scaleUp.utilizationPercent 40 % ≤ 80 %, scaleUp.cpuPercent 0 % ≤ 75 % | scaleUp.queueLength 3 | Some(5) | None"
        );
    }

    #[test]
    fn idle_time_prevents_scale_down_until_it_ends() {
        let memory = Memory {
            desired: Some(7),
            idle_since: Some(Time(NOW.0 - 100_000)),
            ..Memory::default()
        };
        assert_eq!(
            explain(&demo_pool(), &observation(7, 0, 0), &memory, 5),
            "scaleDown.idleFor idle for 1 min 40 s of 5 min | scaleDown.idleFor 100s | None | Some((0, 200))"
        );
        assert_eq!(
            explain(&demo_pool(), &observation(7, 0, 0), &memory, 3),
            "scaleDown.idleFor idle for 1 min 40 s of 5 min | scaleDown.step 4, scaleDown.idleFor 100s | None | Some((0, 380))"
        );
        let busy = explain(&demo_pool(), &observation(7, 5, 4), &Memory::default(), 5);
        assert!(busy.starts_with("scaleDown.queueLength 5 ≥ 2, not met, scaleDown.utilizationPercent 57 % ≥ 30 %, not met |"), "{busy}");
    }

    #[test]
    fn maximum_pin_and_suspension_are_reported() {
        let explain_busy = |pool: &PoolSpec, wanted| {
            explain(pool, &observation(10, 40, 10), &Memory::default(), wanted)
        };
        assert_eq!(
            explain_busy(&demo_pool(), 12),
            "scaleUp.queueLength 40 > 8 → 12, scaleUp.utilizationPercent 100 % > 80 % → 12, maxReplicas 10 | maxReplicas 12 | None | None"
        );
        let pinned = PoolSpec {
            pin: Some(Pin {
                replicas: 10,
                until: None,
            }),
            ..demo_pool()
        };
        let idle = explain(&pinned, &observation(10, 0, 0), &Memory::default(), 8);
        assert_eq!(idle, "replicas 10 | replicas 8 | None | None");
        let suspended = PoolSpec {
            suspend: Some(decide::Suspend::default()),
            max: 20,
            ..demo_pool()
        };
        assert_eq!(
            explain_busy(&suspended, 12),
            "suspend true | suspend false | None | None"
        );
    }

    #[test]
    fn too_few_tasks_prevent_the_first_worker() {
        let asleep = PoolSpec {
            min: 0,
            from_zero: 5,
            ..demo_pool()
        };
        assert_eq!(
            explain(&asleep, &observation(0, 3, 0), &Memory::default(), 1),
            "scaleFromZero.queueLength 5 | scaleFromZero.queueLength 2 | Some(3) | None"
        );
    }

    #[test]
    fn a_queue_that_was_not_empty_for_long_prevents_a_targets_scale_down() {
        let rules = Rules {
            queues: vec![0],
            target: decide::Target {
                tasks_per_worker: Some(5),
                ..decide::Target::default()
            },
            empty_for: Some(Millis::seconds(300)),
            ..Rules::default()
        };
        let pool = PoolSpec {
            rules: vec![rules],
            ..demo_pool()
        };
        let memory = Memory {
            desired: Some(7),
            idle_since: Some(Time(NOW.0 - 100_000)),
            ..Memory::default()
        };
        let answer = explain(&pool, &observation(7, 0, 0), &memory, 3);
        assert!(answer.contains("| scaleDown.idleFor 100s |"), "{answer}");
    }

    #[test]
    fn two_steps_up_need_tasks_that_stay() {
        let found = why_not(
            &demo_pool(),
            &observation(3, 0, 0),
            &Memory::default(),
            NOW,
            7,
        );
        assert_eq!((found.tasks, found.soon), (None, None));
        assert_eq!(
            found.later.map(|(tasks, at)| (tasks, (at - NOW).0 / 1000)),
            Some((9, 60))
        );
    }

    #[test]
    fn nothing_prevents_the_decided_number() {
        assert_eq!(
            explain(&demo_pool(), &observation(5, 4, 2), &Memory::default(), 5),
            " | - | None | None"
        );
    }
}
