//! Workers whose pod is gone are neither live nor busy, however long their system remembers them.

use crate::stage::{Stage, load, polls, pool_with, status, target};
use decide::victims::{Activity, DrainState, Pod, PodStage, Worker, WorkerReport};
use serde_json::json;
use workerpool_operator::fleet::event::{Command, Event, PoolRef};

pub fn worker(pod: &str) -> Worker {
    Worker {
        queue: 0,
        id: pod.to_owned(),
        pod: Some(pod.to_owned()),
        namespace: None,
        slots: 1,
        busy: true,
        drain: DrainState::Unsupported,
        since: 0,
        report: WorkerReport {
            activity: Activity::Busy,
            tasks: 1,
            ..WorkerReport::default()
        },
    }
}

fn pod(name: &str, terminating: bool) -> Pod {
    Pod {
        name: name.to_owned(),
        owner: "ReplicaSet/worker-5d4f".to_owned(),
        stage: PodStage::Ready,
        ready_since: None,
        terminating,
        cost: 0,
        address: None,
    }
}

/// A pool of RQ with two pods, which scales nothing.
fn stage() -> Stage {
    let spec =
        json!({"minReplicas": 1, "suspend": true, "queues": [{"name": "tasks", "system": "RQ"}]});
    Stage::with(&pool_with(&spec), Some(target(2)))
}

/// A poll that finds busy workers of `pods`.
fn poll(stage: &mut Stage, pods: &[&str]) -> Vec<Command> {
    stage.advance(2_000);
    let count = i64::try_from(pods.len()).expect("a few");
    let mut result = stage.result("a", load(0, count, count));
    result.workers = pods.iter().map(|pod| worker(pod)).collect();
    stage.send(Event::Metrics(vec![result]))
}

fn list(commands: &[Command]) -> Option<PoolRef> {
    commands.iter().find_map(|command| match command {
        Command::ListPods(pool, _) => Some(pool.clone()),
        _ => None,
    })
}

fn workers(stage: &mut Stage, commands: &[Command]) -> (Option<i64>, Option<i64>, Option<i64>) {
    let written = status(commands).cloned();
    stage.write_statuses();
    let status = written.unwrap_or_else(|| stage.last_status.clone());
    let metrics = status.metrics.expect("metrics");
    (
        metrics.live.value,
        metrics.busy.value,
        metrics.in_flight.value,
    )
}

const KILLED: &str = "worker-5d4f-aaaaa";
const OTHERS: [&str; 2] = ["worker-5d4f-bbbbb", "worker-5d4f-ccccc"];

#[test]
fn a_worker_without_its_pod_is_dead_at_once() {
    let mut stage = stage();
    assert_eq!(list(&poll(&mut stage, &OTHERS)), None, "as many as pods");
    let all = [KILLED, OTHERS[0], OTHERS[1]];
    let commands = poll(&mut stage, &all);
    let pool = list(&commands).expect("the pods are asked for");
    let pods = OTHERS.iter().map(|name| pod(name, false)).collect();
    let commands = stage.send(Event::Pods(pool, Ok(pods)));
    assert!(polls(&commands), "at once");
    let commands = poll(&mut stage, &all);
    assert_eq!(list(&commands), None, "once is enough");
    assert_eq!(workers(&mut stage, &commands), (Some(2), Some(2), Some(3)));
}

#[test]
fn a_worker_in_a_pod_that_ends_lives_and_pods_of_others_are_not_looked_at() {
    let mut stage = stage();
    let all = [KILLED, OTHERS[0], OTHERS[1]];
    let commands = poll(&mut stage, &all);
    let pool = list(&commands).expect("the pods are asked for");
    let pods = all.iter().map(|name| pod(name, *name == KILLED)).collect();
    stage.send(Event::Pods(pool, Ok(pods)));
    let commands = poll(&mut stage, &all);
    assert_eq!(list(&commands), None, "not yet again");
    assert_eq!(workers(&mut stage, &commands), (Some(3), Some(3), Some(3)));
    stage.advance(5_000);
    assert!(list(&poll(&mut stage, &all)).is_some(), "5 s later");
    let foreign = [
        "other-5d4f-aaaaa",
        "worker-x-5d4f-aaaaa",
        "worker-0",
        "host",
    ];
    let mut stage = self::stage();
    assert_eq!(list(&poll(&mut stage, &foreign)), None);
}
