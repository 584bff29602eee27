//! Chooses the length of the tasks, and with `--cpu` their number, from the rules of a pool: a simulation of the burst
//! by the operator's own decision function finds the shortest tasks that show the rules at work.

use super::{Load, TASKS};
use crate::text::lang::tr;
use crate::text::output::Out;
use api::{Explanation, ScheduledSpec, WorkerPool};
use decide::{Memory, Millis, ReasonCode};
use jiff::Timestamp;
use kube::ResourceExt;
use sim::{Polling, Service, Telemetry, Workload, simulate};

/// The duration of a task, in seconds, where the rules give no reason for another.
const TASK_SECONDS: u32 = 18;
/// The longest task that is chosen, in seconds.
const MAX_SECONDS: u32 = 1800;
/// The most steps that are described.
const MAX_STEPS: usize = 20;
/// A plan must hold if tasks take this many percent of their time, and a worker this long to start.
const VARIANTS: [(u32, Millis); 3] = [
    (100, Millis::seconds(2)),
    (90, Millis::seconds(1)),
    (110, Millis::seconds(6)),
];
/// The worst rank of a length that shows both steps and no other.
const BOTH_STEPS: usize = 1;
/// After so many seconds of work a worker reports all of its CPU: it reports a mean of 15 s every 2 s.
const CPU_DELAY: i64 = 18;
/// The most tasks that are tried with `--cpu`.
const MAX_CPU_TASKS: u32 = 40;

/// A change of the number of workers in the simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// Seconds since the burst.
    at: i64,
    reason: ReasonCode,
    explanation: Explanation,
}

/// The burst that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The number of tasks.
    pub tasks: u32,
    /// The duration of each task, in seconds.
    pub task_seconds: u32,
    /// Whether the caller gave it.
    given: bool,
    load: Load,
    /// The changes to expect if the pool is at rest.
    steps: Vec<Step>,
}

/// Chooses what is not given.
pub fn choose(
    pool: &WorkerPool,
    load: Load,
    tasks: Option<u32>,
    task_seconds: Option<u32>,
) -> Result<Plan, api::InvalidSpec> {
    let mut burst = Rehearsal {
        spec: ScheduledSpec::new(pool)?,
        interval: api::interval(&pool.spec),
        load,
    };
    let chosen = match (task_seconds, load) {
        (Some(seconds), _) => Some((tasks.unwrap_or(TASKS), seconds)),
        (None, Load::Cpu) => burst.shows_cpu(tasks),
        (None, _) => None,
    };
    let (tasks, seconds) = chosen.unwrap_or_else(|| {
        let tasks = tasks.unwrap_or(TASKS);
        (tasks, burst.best_seconds(tasks).unwrap_or(TASK_SECONDS))
    });
    Ok(Plan {
        tasks,
        task_seconds: seconds,
        given: task_seconds.is_some(),
        load,
        steps: burst.run(tasks, seconds, VARIANTS[0]),
    })
}

impl Plan {
    /// What was not given, where no rules say which burst shows them.
    pub fn without_rules(load: Load, tasks: Option<u32>, task_seconds: Option<u32>) -> Self {
        Self {
            tasks: tasks.unwrap_or(TASKS),
            task_seconds: task_seconds.unwrap_or(TASK_SECONDS),
            given: true,
            load,
            steps: Vec::new(),
        }
    }

    /// The tasks, and whether they were chosen by the rules of the pool `name`.
    pub fn head(&self, out: &Out, name: &str) -> String {
        let lang = out.lang;
        let (tasks, seconds) = (self.tasks, self.task_seconds);
        let kind = match self.load {
            Load::Mix => tr!(lang, "cli-stress-mixed"),
            Load::Cpu => tr!(lang, "cli-stress-cpu"),
            Load::Io => tr!(lang, "cli-stress-io"),
        };
        if self.given {
            tr!(lang, "cli-stress-tasks", tasks, seconds, kind)
        } else {
            tr!(lang, "cli-stress-tasks-chosen", tasks, seconds, kind, name)
        }
    }

    /// What was chosen and why, and what to expect.
    pub fn describe(&self, out: &Out, pool: &WorkerPool) -> String {
        let (lang, head) = (out.lang, self.head(out, &pool.name_any()));
        if self.steps.is_empty() {
            return tr!(lang, "cli-stress-no-change", head);
        }
        let mut lines = vec![tr!(lang, "cli-stress-expected", head)];
        for step in &self.steps {
            let (at, message) = (step.at, out.message(step.explanation.clone()));
            lines.push(tr!(
                lang,
                "cli-stress-step",
                at = format!("{at:>3}"),
                message
            ));
        }
        let missing = self.load == Load::Cpu
            && !self
                .steps
                .iter()
                .any(|step| step.reason == ReasonCode::HighCPU);
        if missing {
            lines.push(tr!(lang, "cli-stress-cpu-rule"));
        }
        lines.join("\n")
    }
}

/// A burst that is only simulated.
struct Rehearsal {
    spec: ScheduledSpec,
    interval: Millis,
    load: Load,
}

impl Rehearsal {
    /// The steps up after a burst on an idle pool.
    fn run(&mut self, tasks: u32, seconds: u32, (percent, startup): (u32, Millis)) -> Vec<Step> {
        let pool = self.spec.pool();
        let workers = pool.pin.map_or(pool.min, |pin| pin.replicas);
        let start = Timestamp::now().as_microsecond();
        let workload = Workload {
            start,
            arrivals: vec![start; usize::try_from(tasks).unwrap_or(0)],
            service: Service {
                mean: f64::from(seconds) * f64::from(percent) / 100.0,
                cv: 0.0,
            },
            startup,
            seed: 1,
            workers,
            memory: Memory::default(),
            slo: Millis::seconds(60),
        };
        let telemetry = match self.load {
            Load::Cpu => Telemetry::WithCpu,
            Load::Mix | Load::Io => Telemetry::Everything,
        };
        let mut steps = Vec::new();
        let mut record = |poll: &sim::Poll<'_>| {
            let decision = poll.decision;
            if decision.replicas > decision.from && steps.len() < MAX_STEPS {
                steps.push(Step {
                    at: (poll.at.0 - start / 1000) / 1000,
                    reason: decision.reason.code(),
                    explanation: Explanation::new(decision),
                });
            }
        };
        let polling = Polling::Push(self.interval);
        // The error is that some tasks are never done, as with no worker: the steps until then are the answer.
        let _ = simulate(&mut self.spec, &workload, polling, telemetry, &mut record);
        steps
    }

    /// The length with which the class's burst tells the story: a larger one then adds more workers, and not the same
    /// ones faster. Where that burst is too small for the rules, the length for `tasks`.
    fn best_seconds(&mut self, tasks: u32) -> Option<u32> {
        let story = self.shows_steps(tasks.min(TASKS));
        match story {
            Some((rank, _)) if rank <= BOTH_STEPS => story,
            _ => self.shows_steps(tasks).or(story),
        }
        .map(|(_, seconds)| seconds)
    }

    /// The shortest tasks for the two steps, and how well they show them: both by the same rule (0) or not (1), more
    /// than two (2), one (3).
    fn shows_steps(&mut self, tasks: u32) -> Option<(usize, u32)> {
        // Without the rules no length is better than another, and with no worker no task would ever end.
        let pool = self.spec.pool();
        if pool.pin.is_some() || pool.suspend.is_some() {
            return None;
        }
        let rank = |steps: &[Step]| match steps {
            [] => None,
            [first, second] if first.reason == second.reason => Some(0),
            [_, _] => Some(BOTH_STEPS),
            [_, _, ..] => Some(2),
            [_] => Some(3),
        };
        let mut shortest = [None; 4];
        for seconds in lengths() {
            let [usual, others @ ..] = VARIANTS;
            let Some(found) = rank(&self.run(tasks, seconds, usual)) else {
                continue;
            };
            let mut holds = |variant| rank(&self.run(tasks, seconds, variant)) == Some(found);
            if shortest[found].is_none() && others.into_iter().all(&mut holds) {
                shortest[found] = Some(seconds);
            }
            if found == 0 && shortest[0].is_some() {
                break;
            }
        }
        let mut shortest = shortest.into_iter().enumerate();
        shortest.find_map(|(rank, seconds)| Some((rank, seconds?)))
    }

    /// The fewest and shortest tasks with which the rule for CPU is the first to be exceeded, while all of them run.
    fn shows_cpu(&mut self, tasks: Option<u32>) -> Option<(u32, u32)> {
        let rules = &self.spec.pool().rules;
        if rules.iter().all(|rules| rules.up.cpu.is_none()) {
            return None;
        }
        let shows = |steps: &[Step], seconds: u32| {
            let cpu = steps.iter().find(|step| step.reason == ReasonCode::HighCPU);
            cpu.is_some_and(|step| step.at + CPU_DELAY <= i64::from(seconds))
        };
        let all = |this: &mut Self, tasks: u32, seconds: u32| {
            VARIANTS
                .iter()
                .all(|&variant| shows(&this.run(tasks, seconds, variant), seconds))
        };
        let (fewest, most) = tasks.map_or((1, MAX_CPU_TASKS), |tasks| (tasks, tasks));
        // The longest tasks show it if any do.
        let tasks = (fewest..=most).find(|&tasks| all(self, tasks, MAX_SECONDS))?;
        let seconds = lengths().find(|&seconds| all(self, tasks, seconds))?;
        Some((tasks, seconds))
    }
}

/// The lengths to try, in seconds: each one at first, then rounder ones.
fn lengths() -> impl Iterator<Item = u32> {
    let minutes = (300..=MAX_SECONDS).step_by(300);
    (1..60).chain((60..300).step_by(10)).chain(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lang::Lang;
    use crate::text::output::Color;
    use serde_json::{Value, json};

    fn pool(rules: &Value) -> WorkerPool {
        let mut spec = json!({
            "scaleTargetRef": {"name": "w"}, "minReplicas": 3, "maxReplicas": 10,
            "redis": {"address": "redis://r"}, "queues": [{"name": "q"}],
        });
        for (field, value) in rules.as_object().expect("rules") {
            spec[field] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
            "metadata": {"name": "p"}, "spec": spec,
        }))
        .expect("a pool")
    }

    fn manifest(name: &str) -> WorkerPool {
        let path = testkit::root().join("manifests").join(name);
        serde_saphyr::from_str(&std::fs::read_to_string(path).expect("a file")).expect("a pool")
    }

    /// The chosen seconds, and the workers with the reasons of the steps up.
    fn story(pool: &WorkerPool, tasks: u32) -> (u32, String) {
        let plan = choose(pool, Load::Mix, Some(tasks), None).expect("valid rules");
        (plan.task_seconds, path(&plan))
    }

    fn path(plan: &Plan) -> String {
        let first = plan
            .steps
            .first()
            .map_or(-1, |step| step.explanation.from)
            .to_string();
        let steps = plan.steps.iter();
        steps.fold(first, |path, step| {
            format!(
                "{path} {}→ {}",
                if step.reason == ReasonCode::QueueTooLong {
                    ""
                } else {
                    step.reason.as_str()
                },
                step.explanation.to
            )
        })
    }

    #[test]
    fn presets_tell_three_five_seven() {
        for (name, cooldown) in [("demo.yaml", 20), ("class.yaml", 60), ("guide.yaml", 30)] {
            let pool = manifest(name);
            let (seconds, path) = story(&pool, 25);
            assert_eq!(path, "3 → 5 → 7", "{name}: tasks of {seconds} s");
            let plan = choose(&pool, Load::Mix, None, None).expect("valid");
            assert_eq!(plan.tasks, 25);
            assert!(
                plan.steps[1].at - plan.steps[0].at >= cooldown,
                "{name}: {plan:?}"
            );
            assert!(
                (cooldown / 3..cooldown).contains(&i64::from(seconds)),
                "{name}: {seconds} s"
            );
        }
        let path = story(&manifest("demo.yaml"), 50).1;
        assert!(
            path.starts_with("3 → 5 → 7 → 9"),
            "more tasks are more work: {path}"
        );
        assert_eq!(
            story(&manifest("demo.yaml"), 25).0,
            8,
            "as recorded in docs/demo.md"
        );
    }

    #[test]
    fn rules_of_ones_own_are_told_twice_too() {
        let up = |up: Value| pool(&json!({"scaleUp": up}));
        let small = json!({"minReplicas": 1, "maxReplicas": 3, "scaleUp": {"queueLength": 5, "step": 1, "cooldown": "10s"}});
        let zero =
            json!({"minReplicas": 0, "scaleUp": {"queueLength": 5, "step": 2, "cooldown": "30s"}});
        for (pool, tasks, expected) in [
            (
                up(json!({"queueLength": 8, "step": 2, "cooldown": "5m"})),
                25,
                "3 → 5 → 7",
            ),
            (
                up(json!({"queueLength": 20, "step": 3, "cooldown": "15s"})),
                50,
                "3 → 6 → 9",
            ),
            (
                up(json!({"utilizationPercent": 80, "step": 2, "cooldown": "20s"})),
                25,
                "3 WorkersBusy→ 5 WorkersBusy→ 7",
            ),
            (pool(&small), 25, "1 → 2 → 3"),
            (
                up(json!({"queueLength": 8, "step": 20, "cooldown": "20s"})),
                25,
                "3 → 10",
            ),
        ] {
            let (seconds, path) = story(&pool, tasks);
            assert_eq!(path, expected, "tasks of {seconds} s");
        }
        let plan = choose(&pool(&zero), Load::Mix, None, None).expect("valid");
        assert_eq!(plan.steps.len(), 2, "from no worker: {plan:?}");
    }

    #[test]
    fn rules_that_never_add_workers_are_said() {
        let pinned = pool(&json!({"replicas": 4}));
        let plan = choose(&pinned, Load::Mix, None, None).expect("valid");
        assert_eq!((plan.task_seconds, plan.steps.len()), (TASK_SECONDS, 0));
        let text = plan.describe(&Out::new(Color::Never, Lang::EN), &pinned);
        assert!(
            text.ends_with("By these rules the number of workers stays."),
            "{text}"
        );
    }

    #[test]
    fn cpu_bound_tasks_make_the_rule_for_cpu_first() {
        for name in ["demo.yaml", "class.yaml", "guide.yaml"] {
            let plan = choose(&manifest(name), Load::Cpu, None, None).expect("valid");
            assert_eq!(
                plan.tasks, 4,
                "4 of 5 workers: not more than 80 % busy, more than 75 % CPU"
            );
            assert_eq!(
                path(&plan),
                "3 WorkersBusy→ 5 HighCPU→ 7",
                "{name}: {plan:?}"
            );
            assert!(
                i64::from(plan.task_seconds) >= plan.steps[1].at + CPU_DELAY,
                "{plan:?}"
            );
        }
        let no_rule = pool(&json!({"scaleUp": {"queueLength": 8, "step": 2, "cooldown": "20s"}}));
        let plan = choose(&no_rule, Load::Cpu, None, None).expect("valid");
        assert_eq!((plan.tasks, path(&plan).as_str()), (25, "3 → 5 → 7"));
        let text = plan.describe(&Out::new(Color::Never, Lang::EN), &no_rule);
        assert!(text.contains("rule for CPU is not the first"), "{text}");
    }

    #[test]
    fn what_is_given_is_kept() {
        let plan = choose(&manifest("class.yaml"), Load::Cpu, Some(9), Some(2)).expect("valid");
        assert_eq!((plan.tasks, plan.task_seconds), (9, 2));
    }
}
