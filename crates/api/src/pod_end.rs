//! What the end of a pod does to the task that it runs: SIGTERM, its grace, SIGKILL.

use messages::Encoded;
use queues::QueueSystem;
use serde::Serialize;

/// What becomes of the tasks at the end of a pod, as far as it is known. It serializes as a code with parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", content = "params")]
pub enum PodEnd {
    /// No task is known that needs a longer grace.
    GraceSufficient,
    /// The same, where the program of the workers contains a line that no one can see from outside.
    HandlerNeeded {
        /// The queue system.
        system: &'static str,
        /// The line.
        line: &'static str,
    },
    /// A task ran longer than the grace, or the system itself needs more.
    GraceTooShort {
        /// `terminationGracePeriodSeconds` of the pod template.
        grace: i64,
        /// What it should be.
        needed: i64,
        /// The command that sets it.
        fix: String,
    },
}

/// How much longer than the longest task a grace should be, in seconds: a worker ends after its task.
const MARGIN: i64 = 5;

/// The grace that a task needs which ran so long, in seconds. It is rounded up, so that it seldom changes while a task
/// runs longer than all before.
pub fn grace_for(task_millis: i64) -> i64 {
    let seconds = task_millis.max(0) / 1_000 + 1 + MARGIN;
    let step = if seconds <= 60 { 10 } else { 60 };
    (seconds + step - 1) / step * step
}

impl PodEnd {
    /// What the end of a pod does whose template has this `grace`, where its workers serve queues of `systems` and a task
    /// was seen to run for `longest` milliseconds. `target` is namespace, kind and name of the object with the template.
    pub fn of(
        systems: impl Iterator<Item = QueueSystem>,
        target: (&str, &str, &str),
        grace: i64,
        longest: Option<i64>,
    ) -> Self {
        let systems: Vec<QueueSystem> = systems.collect();
        let own = systems.iter().map(|it| it.capabilities().grace.as_secs());
        let own = i64::try_from(own.max().unwrap_or(0)).unwrap_or(i64::MAX);
        let is_too_short = grace < own || longest.is_some_and(|longest| longest >= grace * 1_000);
        if is_too_short {
            let needed = longest.map_or(0, grace_for).max(own);
            let (namespace, kind, name) = target;
            let kind = kind.to_lowercase();
            return Self::GraceTooShort {
                grace,
                needed,
                fix: format!(
                    r#"kubectl -n {namespace} patch {kind} {name} --type=merge -p '{{"spec":{{"template":{{"spec":{{"terminationGracePeriodSeconds":{needed}}}}}}}}}'"#
                ),
            };
        }
        let mut handlers = systems.iter().filter_map(|system| {
            let line = system.capabilities().handler?;
            let system = system.name();
            Some(Self::HandlerNeeded { system, line })
        });
        handlers.next().unwrap_or(Self::GraceSufficient)
    }

    /// Its code and parameters, which the catalogue has as `condition-CODE`.
    pub fn encoded(&self) -> Encoded {
        // None of it is foreign text, and a command must be whole.
        let encoded = serde_json::to_value(self).and_then(serde_json::from_value);
        encoded.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn of(systems: &[QueueSystem], grace: i64, longest: Option<i64>) -> PodEnd {
        let systems = systems.iter().copied();
        PodEnd::of(systems, ("n", "Deployment", "mail"), grace, longest)
    }

    #[rstest]
    #[case(QueueSystem::RQ, 30, None, None)]
    #[case(QueueSystem::RQ, 30, Some(29_999), None)]
    #[case(QueueSystem::RQ, 30, Some(30_000), Some(40))]
    #[case(QueueSystem::Celery, 30, Some(95_000), Some(120))]
    #[case(QueueSystem::Celery, 0, Some(0), Some(10))]
    #[case(QueueSystem::Sidekiq, 30, None, None)]
    #[case(QueueSystem::Sidekiq, 29, None, Some(30))]
    #[case(QueueSystem::Sidekiq, 30, Some(50_000), Some(60))]
    #[case(QueueSystem::BullMQ, 30, Some(3_600_000), Some(3_660))]
    fn a_grace_is_compared_with_the_longest_task_and_the_system(
        #[case] system: QueueSystem,
        #[case] grace: i64,
        #[case] longest: Option<i64>,
        #[case] expected: Option<i64>,
    ) {
        let needed = match of(&[QueueSystem::List, system], grace, longest) {
            PodEnd::GraceTooShort { needed, .. } => Some(needed),
            _ => None,
        };
        assert_eq!(needed, expected);
    }

    #[test]
    fn a_program_that_must_handle_sigterm_is_asked_to() {
        let both = [QueueSystem::Celery, QueueSystem::BullMQ];
        let PodEnd::HandlerNeeded { system, line } = of(&both, 30, None) else {
            panic!("BullMQ ends at once");
        };
        assert_eq!(system, "BullMQ");
        assert!(line.contains("SIGTERM") && line.contains("worker.close()"));
        assert_eq!(of(&both[..1], 30, None), PodEnd::GraceSufficient);
    }

    #[test]
    fn while_a_task_runs_longer_the_grace_that_it_needs_changes_once_a_minute() {
        let graces = (0..600_000).step_by(1_000).map(grace_for);
        let mut graces: Vec<i64> = graces.collect();
        graces.dedup();
        assert_eq!(graces[..7], [10, 20, 30, 40, 50, 60, 120]);
        assert!(graces.len() < 17, "{graces:?}");
    }
}
