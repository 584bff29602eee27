//! Why the number is not another one: which limits forbid it, and the smallest change of the policy or of the facts that
//! would give it. Found by asking `decide` itself.

mod edits;

use api::timestamp;
use decide::{
    Decision, Memory, Millis, Observation, PoolSpec, Reason, Step, Time, decide, with_backlog,
};
use edits::edits;
use serde_json::{Value, json};

/// Looks into the future, each when the one before asks for it, and how far they go.
const LOOKS: u32 = 200;
const HORIZON: Millis = Millis::seconds(24 * 3600);
/// A backlog beyond which more tasks change nothing.
const MANY: i64 = 1 << 32;
/// How many fields a change of the policy may touch.
const FIELDS: usize = 3;

/// What stands between the number and another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterfactual {
    /// The number that is decided.
    pub decided: i32,
    /// The steps that forbid the other one, each with its label; empty where the numbers are the same.
    pub because: Vec<(String, String)>,
    /// The fewest fields that would give it now, with what to write there.
    pub change: Option<Vec<(String, String)>>,
    /// How many more tasks would give it now; below zero, how many fewer.
    pub tasks: Option<i64>,
    /// When it comes by itself, if everything stays as it is.
    pub soon: Option<Time>,
    /// Else how many more tasks would give it later, and when, if they stayed.
    pub work: Option<(i64, Time)>,
}

impl Counterfactual {
    /// The same for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self {
            decided,
            because,
            change,
            tasks,
            soon,
            work,
        } = self;
        let pairs = |all: &[(String, String)], key: &str, value: &str| -> Vec<Value> {
            all.iter().map(|(a, b)| json!({key: a, value: b})).collect()
        };
        json!({
            "decided": decided, "because": pairs(because, "name", "detail"),
            "change": change.as_ref().map(|change| pairs(change, "field", "value")), "tasks": tasks,
            "soon": soon.map(timestamp), "later": work.map(|(tasks, at)| json!({"tasks": tasks, "at": timestamp(at)})),
        })
    }
}

/// Why `wanted` is not what `pool` should have at `now`.
#[must_use]
pub fn why_not(
    pool: &PoolSpec,
    seen: &Observation,
    memory: &Memory,
    now: Time,
    wanted: i32,
) -> Counterfactual {
    let ask = |pool: &PoolSpec, seen: &Observation| decide(pool, seen, memory, now).replicas;
    let decision = decide(pool, seen, memory, now);
    let decided = decision.replicas;
    if decided == wanted {
        return Counterfactual {
            decided,
            because: Vec::new(),
            change: None,
            tasks: None,
            soon: None,
            work: None,
        };
    }
    let edits = edits(pool, seen, memory, now, wanted, wanted > decided);
    let change = (1..=FIELDS).find_map(|fields| {
        choose(edits.len(), fields).find_map(|chosen| {
            let mut other = pool.clone();
            for edit in &chosen {
                (edits[*edit].write)(&mut other);
            }
            let told = || {
                chosen
                    .iter()
                    .map(|edit| (edits[*edit].field.clone(), edits[*edit].value.clone()))
            };
            (ask(&other, seen) == wanted).then(|| told().collect())
        })
    });
    let because = forbids(pool, &decision, wanted);
    let tasks = fewest(seen, wanted > decided, |seen| {
        let number = ask(pool, seen);
        if wanted > decided {
            number >= wanted
        } else {
            number <= wanted
        }
    });
    let tasks = tasks
        .filter(|(_, seen)| ask(pool, seen) == wanted)
        .map(|(tasks, _)| tasks);
    let soon = |seen: &Observation| soon(pool, seen, memory, now, wanted);
    let work = (tasks.is_none() && soon(seen).is_none())
        .then(|| fewest(seen, wanted > decided, |seen| soon(seen).is_some()))
        .flatten();
    let work = work.and_then(|(tasks, with)| Some((tasks, soon(&with)?)));
    Counterfactual {
        decided,
        because,
        change,
        tasks,
        soon: soon(seen),
        work,
    }
}

/// The limits that keep the number from `wanted`; where they alone do not, what the rules answered and the size of a step.
fn forbids(pool: &PoolSpec, decision: &Decision, wanted: i32) -> Vec<(String, String)> {
    let up = wanted > decision.replicas;
    let short = |number: i32| if up { number < wanted } else { number > wanted };
    let words = |step: &Step| (messages::step_name(step), messages::step_detail(step));
    let trail = &decision.steps;
    let bound = |field: &str, number: i32| (field.to_owned(), number.to_string());
    if let Reason::Suspended(_) = decision.reason {
        return vec![("suspend".to_owned(), "true".to_owned())];
    }
    if let Some(pin) = trail
        .iter()
        .find(|step| matches!(step, Step::Pinned { .. }))
    {
        return vec![words(pin)];
    }
    let mut said = Vec::new();
    if !trail
        .iter()
        .any(|step| matches!(step, Step::Constrained { from, .. } if !short(*from)))
    {
        said.extend(rules(trail, up, short));
        // An answer of thresholds is one step away and no more.
        let first = pool.rules.first();
        let step = trail.iter().find_map(|step| match step {
            Step::Up {
                answer: Some(answer),
                ..
            } if up && short(*answer) => first.map(|set| bound("scaleUp.step", set.up.step)),
            Step::IdleTimer {
                answer: Some(answer),
                ..
            } if !up && short(*answer) => first
                .and_then(|set| set.down.as_ref())
                .map(|down| bound("scaleDown.step", down.step)),
            _ => None,
        });
        said.extend(step);
    }
    let limits = trail.iter().filter(|step| match step {
        Step::Constrained { to, .. } => short(*to),
        Step::NotWritten { .. } | Step::Fallback { .. } => true,
        _ => false,
    });
    said.extend(limits.map(words));
    if wanted > pool.max {
        said.push(bound("maxReplicas", pool.max));
    } else if wanted < pool.min {
        said.push(bound("minReplicas", pool.min));
    }
    said
}

/// What the rules answered: those that ask for a change, or where none does, all of them.
fn rules(trail: &[Step], up: bool, short: impl Fn(i32) -> bool) -> Vec<(String, String)> {
    let asks = trail.iter().any(|step| {
        matches!(
            step,
            Step::Up {
                answer: Some(_),
                ..
            }
        )
    });
    let counts = |step: &&Step| match step {
        Step::Up { answer, .. } => answer.is_some() || up && !asks,
        Step::Down { met, .. } => !up && !met,
        Step::IdleTimer { answer, .. } => !up && answer.is_none_or(&short),
        Step::Target { .. } | Step::MetricUnavailable { .. } => true,
        _ => false,
    };
    trail
        .iter()
        .filter(counts)
        .map(|step| (messages::step_name(step), messages::step_detail(step)))
        .collect()
}

/// Every choice of `k` of `n` things, in order.
fn choose(n: usize, k: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut next = (k <= n).then(|| (0..k).collect::<Vec<_>>());
    std::iter::from_fn(move || {
        let chosen = next.take()?;
        // The last that can still move does, and those behind it follow.
        if let Some(i) = (0..k).rev().find(|i| chosen[*i] < n - k + i) {
            let first = chosen[i] + 1;
            next = Some(
                chosen[..i]
                    .iter()
                    .copied()
                    .chain((0..k - i).map(|j| first + j))
                    .collect(),
            );
        }
        Some(chosen)
    })
}

/// The fewest tasks more, or fewer, with which it is `enough`, and the facts with them.
fn fewest(
    seen: &Observation,
    up: bool,
    enough: impl Fn(&Observation) -> bool,
) -> Option<(i64, Observation)> {
    let sign = if up { 1 } else { -1 };
    let with = |more: i64| Observation {
        queues: with_backlog(&seen.queues, sign * more),
        ..seen.clone()
    };
    let (mut less, mut most) = (0, MANY);
    if !enough(&with(most)) {
        return None;
    }
    while less + 1 < most {
        let middle = i64::midpoint(less, most);
        if enough(&with(middle)) {
            most = middle
        } else {
            less = middle
        }
    }
    Some((sign * most, with(most)))
}

/// When the number becomes `wanted` by itself, if the facts stay as they are and every decision is carried out.
fn soon(
    pool: &PoolSpec,
    seen: &Observation,
    memory: &Memory,
    now: Time,
    wanted: i32,
) -> Option<Time> {
    let (mut seen, mut memory, mut at) = (seen.clone(), memory.clone(), now);
    for _ in 0..LOOKS {
        let look = decide(pool, &seen, &memory, at);
        if look.replicas == wanted {
            return (at > now).then_some(at);
        }
        let moved = look.replicas != seen.replicas;
        (seen.replicas, memory) = (look.replicas, look.memory);
        at = if moved {
            at + Millis(1)
        } else {
            look.requeue_at?
        };
        if at - now > HORIZON {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::{Load, Metric, Pin, Rules, ScaleDown, ScaleUp};

    const NOW: Time = Time(1_000_000_000);

    fn class() -> PoolSpec {
        let (up, down) = (Millis::seconds(60), Millis::seconds(180));
        let up = ScaleUp {
            queue_length: Some(8),
            utilization: Some(80),
            cpu: Some(75),
            step: 2,
            cooldown: up,
        };
        let down = ScaleDown {
            queue_length: Some(2),
            utilization: Some(30),
            idle_for: Millis::seconds(300),
            step: 2,
            cooldown: down,
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

    fn seen(current: i32, ready: i64, busy: i64) -> Observation {
        let live = Metric::Known(i64::from(current));
        let (ready, busy) = (Metric::Known(ready), Metric::Known(busy));
        let load = Load {
            ready,
            busy,
            live,
            in_flight: busy,
            cpu_sum: Metric::Known(0),
            ..Load::UNSUPPORTED
        };
        Observation {
            replicas: current,
            queues: vec![load],
            unavailable_reason: None,
        }
    }

    fn said(pool: &PoolSpec, seen: &Observation, memory: &Memory, wanted: i32) -> String {
        let Counterfactual {
            because,
            change,
            tasks,
            soon,
            work,
            ..
        } = why_not(pool, seen, memory, NOW, wanted);
        let soon = soon.map(|at| (0, at)).or(work);
        let pairs = |all: Vec<(String, String)>| {
            all.into_iter()
                .map(|(a, b)| format!("{a} {b}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let change = change.map_or("-".to_owned(), pairs);
        format!(
            "{} | {change} | {tasks:?} | {:?}",
            pairs(because),
            soon.map(|(more, at)| (more, (at - NOW).0 / 1000))
        )
    }

    #[test]
    fn a_step_and_a_cooldown_forbid_more() {
        let up = Some(Time(NOW.0 - 14_000));
        let memory = Memory {
            desired: Some(5),
            last_up: up,
            last_change: up,
            ..Memory::default()
        };
        assert_eq!(
            said(&class(), &seen(5, 17, 5), &memory, 9),
            "scaleUp.queueLength 17 > 8 → 7, scaleUp.utilizationPercent 100 % > 80 % → 7, scaleUp.step 2, \
             scaleUp.cooldown 7 → 5 until 13:47:26 | scaleUp.step 4, scaleUp.cooldown 14s | None | Some((0, 106))"
        );
        assert_eq!(
            said(&class(), &seen(5, 17, 5), &memory, 7),
            "scaleUp.cooldown 7 → 5 until 13:47:26 | scaleUp.cooldown 14s | None | Some((0, 46))"
        );
    }

    #[test]
    fn too_little_waits_for_more() {
        assert_eq!(
            said(&class(), &seen(5, 4, 2), &Memory::default(), 7),
            "scaleUp.queueLength 4 ≤ 8, scaleUp.utilizationPercent 40 % ≤ 80 %, scaleUp.cpuPercent 0 % ≤ 75 % | scaleUp.queueLength 3 | Some(5) | None"
        );
    }

    #[test]
    fn the_idle_time_forbids_fewer_and_comes_to_an_end() {
        let memory = Memory {
            desired: Some(7),
            idle_since: Some(Time(NOW.0 - 100_000)),
            ..Memory::default()
        };
        assert_eq!(
            said(&class(), &seen(7, 0, 0), &memory, 5),
            "scaleDown.idleFor idle for 100s of 5m | scaleDown.idleFor 100s | None | Some((0, 200))"
        );
        assert_eq!(
            said(&class(), &seen(7, 0, 0), &memory, 3),
            "scaleDown.idleFor idle for 100s of 5m | scaleDown.step 4, scaleDown.idleFor 100s | None | Some((0, 380))"
        );
        let work = said(&class(), &seen(7, 5, 4), &Memory::default(), 5);
        assert!(work.starts_with("scaleDown.queueLength 5 ≥ 2, not met, scaleDown.utilizationPercent 57 % ≥ 30 %, not met |"), "{work}");
    }

    #[test]
    fn the_maximum_a_pin_and_a_suspension_are_named() {
        let all =
            |pool: &PoolSpec, wanted| said(pool, &seen(10, 40, 10), &Memory::default(), wanted);
        assert_eq!(
            all(&class(), 12),
            "scaleUp.queueLength 40 > 8 → 12, scaleUp.utilizationPercent 100 % > 80 % → 12, maxReplicas 10 | maxReplicas 12 | None | None"
        );
        let pinned = PoolSpec {
            pin: Some(Pin {
                replicas: 10,
                until: None,
            }),
            ..class()
        };
        let idle = said(&pinned, &seen(10, 0, 0), &Memory::default(), 8);
        assert_eq!(idle, "replicas 10 | replicas 8 | None | None");
        let suspended = PoolSpec {
            suspend: Some(decide::Suspend::default()),
            max: 20,
            ..class()
        };
        assert_eq!(
            all(&suspended, 12),
            "suspend true | suspend false | None | None"
        );
    }

    #[test]
    fn what_takes_two_steps_needs_work_that_stays() {
        let rest = why_not(&class(), &seen(3, 0, 0), &Memory::default(), NOW, 7);
        assert_eq!((rest.tasks, rest.soon), (None, None));
        assert_eq!(
            rest.work.map(|(tasks, at)| (tasks, (at - NOW).0 / 1000)),
            Some((9, 60))
        );
    }

    #[test]
    fn a_number_that_is_there_needs_nothing() {
        assert_eq!(
            said(&class(), &seen(5, 4, 2), &Memory::default(), 5),
            " | - | None | None"
        );
    }
}
