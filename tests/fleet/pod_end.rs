//! The end of a pod that would interrupt a task is a condition, with the line that changes it.

use crate::gone::worker;
use crate::stage::{Stage, condition, condition_reason, load, pool_with, status, target};
use api::WorkerPool;
use serde_json::json;
use workerpool_operator::fleet::event::{Command, Event};
use workerpool_operator::observe::target::Target;

/// A pool for queues of `system` whose pods have a grace of 30 s.
fn stage(pool: &WorkerPool) -> Stage {
    let target = Target {
        grace: Some(30),
        ..target(3)
    };
    Stage::with(pool, Some(target))
}

fn pool(system: &str) -> WorkerPool {
    pool_with(
        &json!({"queues": [{"name": "tasks", "system": system}], "target": {"tasksPerWorker": 9}}),
    )
}

/// A worker says for how long its task has run.
fn poll(stage: &mut Stage, task_millis: Option<i64>) -> Vec<Command> {
    let mut busy = worker("p1");
    busy.report.task_millis = task_millis;
    let mut result = stage.result("a", load(0, 3, 1));
    result.workers = vec![busy];
    let mut commands = stage.send(Event::Metrics(vec![result]));
    commands.extend(stage.tick_after(2_000));
    commands
}

fn says(commands: &[Command]) -> Option<String> {
    condition_reason(commands, "TasksFinish")
}

#[test]
fn a_task_that_runs_longer_than_the_grace_is_reported_once_and_for_all() {
    let mut stage = stage(&pool("RQ"));
    let first = poll(&mut stage, Some(29_000));
    assert_eq!(says(&first).as_deref(), Some("True GraceSufficient"));
    let longer = poll(&mut stage, Some(31_000));
    assert_eq!(says(&longer).as_deref(), Some("False GraceTooShort"));
    let found = condition(&longer, "TasksFinish").expect("a condition");
    let line = r#"kubectl -n default patch deployment worker --type=merge -p '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":40}}}}'"#;
    assert!(found.message.ends_with(line), "{}", found.message);
    // It is not said again while the task goes on, nor forgotten once it has ended.
    assert_eq!(says(&poll(&mut stage, Some(33_000))), None);
    assert_eq!(says(&poll(&mut stage, None)), None);
    // Another operator knows it from the status.
    let restarted = WorkerPool {
        status: Some(stage.last_status.clone()),
        ..pool("RQ")
    };
    let mut stage = self::stage(&restarted);
    assert_eq!(says(&poll(&mut stage, None)), None, "as it was");
    let mut conditions = stage.pool(&WorkerPool {
        metadata: kube::core::ObjectMeta {
            generation: Some(2),
            ..restarted.metadata.clone()
        },
        ..restarted
    });
    conditions.extend(stage.tick_after(2_000));
    assert_eq!(says(&conditions).as_deref(), Some("False GraceTooShort"));
    // The line was followed.
    let mut followed = stage.target(Some(Target {
        grace: Some(40),
        version: 9,
        ..target(3)
    }));
    followed.extend(stage.tick_after(2_000));
    assert_eq!(says(&followed).as_deref(), Some("True GraceSufficient"));
}

#[test]
fn a_program_that_must_handle_sigterm_is_told_the_line() {
    let mut stage = stage(&pool("BullMQ"));
    let first = poll(&mut stage, None);
    assert_eq!(says(&first).as_deref(), Some("True HandlerNeeded"));
    let found = condition(&first, "TasksFinish").expect("a condition");
    let line = r#"process.on("SIGTERM", () => worker.close())"#;
    assert!(found.message.ends_with(line), "{}", found.message);
    assert_eq!(says(&poll(&mut stage, None)), None, "once");
}

#[test]
fn a_target_without_a_pod_template_has_no_such_condition() {
    let mut stage = Stage::with(&pool("RQ"), Some(target(3)));
    let first = poll(&mut stage, Some(31_000));
    assert!(status(&first).is_some() && says(&first).is_none());
}
