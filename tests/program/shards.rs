//! What is written while the Redis Cluster of a pool changes: nothing, where no task came or went.

use crate::Operator;
use crate::deployments::{Deployments, Status, Tasks, pool};
use redis::Commands;
use serde_json::{Value, json};
use testkit::local::until;
use testkit::redis_cluster::RedisCluster;

const NAME: &str = "shards";

/// How often a slot is moved and a primary is lost.
fn rounds() -> usize {
    let rounds = std::env::var("FAILOVERS").ok();
    rounds.map_or(1, |it| it.parse().expect("FAILOVERS is a number"))
}

/// A pool with these queues that follows its load at once, up and down: 5 tasks for each worker.
fn pool_of(cluster: &RedisCluster, queues: &[String]) -> Value {
    let queues: Vec<Value> = queues
        .iter()
        .map(|name| json!({"name": name, "system": "List"}))
        .collect();
    let at_once = json!({"stabilizationWindowSeconds": 0, "tolerance": "0",
        "policies": [{"type": "Pods", "value": 50, "periodSeconds": 1}]});
    let spec = json!({
        "minReplicas": 0, "maxReplicas": 50, "redis": {"cluster": {"addresses": cluster.addresses()}},
        "queues": queues, "target": {"tasksPerWorker": 5},
        "behavior": {"scaleUp": at_once, "scaleDown": at_once},
    });
    pool(NAME, spec)
}

/// `FAILOVERS=5` tries as many of each.
#[test]
fn moved_slots_and_lost_primaries_cause_no_scale() {
    let mut cluster = RedisCluster::start();
    let queues: Vec<String> = (0..3).map(|index| cluster.name(index)).collect();
    let push = |cluster: &RedisCluster, queue: usize, tasks: usize| {
        let owner = until("an owner", || cluster.owner(&queues[queue]));
        let mut redis = cluster.node(owner).connect();
        let _: i64 = redis.lpush(&queues[queue], vec!["x"; tasks]).unwrap();
    };
    for queue in 0..3 {
        push(&cluster, queue, 20);
    }
    cluster.wait_until_ready();
    let deployments = Deployments::start(vec![pool_of(&cluster, &queues)]);
    // No pod takes a task: there is no Redis at this port.
    deployments.create(NAME, Tasks::List, 1, 0);
    let _operator = Operator::start(&deployments.api);
    deployments.wait_for_operator();

    let mut expected = vec![0, 12];
    let until_written = |expected: &[i32]| {
        let what = format!("{expected:?}");
        let path = deployments.until(NAME, &what, |it| {
            let path: Vec<i32> = it.scales.iter().map(|it| it.1).collect();
            (path.len() >= expected.len()).then_some(path)
        });
        assert_eq!(path, expected);
    };
    until_written(&expected);
    // A worker more for five tasks more shows that the queue is read where it is by then.
    let mut push_and_wait = |cluster: &RedisCluster, queue| {
        push(cluster, queue, 5);
        expected.push(expected[expected.len() - 1] + 1);
        until_written(&expected);
    };
    for round in 0..rounds() {
        // Neither of these is ever lost.
        cluster.move_slot(&queues[0], [2, 0][round % 2]);
        push_and_wait(&cluster, 0);
        let lost = cluster.owner(&queues[1]).unwrap();
        cluster.node_mut(lost).stop();
        push_and_wait(&cluster, 1);
        cluster.node_mut(lost).restart();
        cluster.wait_until_ready();
    }
    let reasons = |it: &Status| Some(it.decisions.iter().map(|it| it["reason"].clone()).collect());
    let reasons: Vec<Value> = deployments.until(NAME, "the reasons", reasons);
    assert!(!reasons.contains(&json!("ScalingDown")), "{reasons:?}");
    eprintln!(
        "{0} slots moved and {0} primaries lost: no scale but those for new tasks, {expected:?}",
        rounds()
    );
}
