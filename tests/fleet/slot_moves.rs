//! A slot of a Redis Cluster whose move takes long, or does not end: its keys are at two nodes, which answer `ASK` and
//! `TRYAGAIN`.

use crate::credentials::redis;
use crate::endpoint::{Endpoint, SHORT, cause};
use crate::redis_cluster::{names, pool, ready, watch};
use protocol::Keys;
use queues::QueueSystem;
use redis::Commands;
use serde_json::json;
use testkit::redis_cluster::RedisCluster;
use workerpool_operator::observe::endpoint::Command;
use workerpool_operator::observe::{PollNumber, PollResult};

/// What each queue has.
const TASKS: i64 = 3;

/// Three tasks in the queue `name`.
fn fill(redis: &mut redis::Connection, system: QueueSystem, name: &str) {
    let task = r#"{"id":"1","body":{}}"#;
    for _ in 0..TASKS {
        let pushed = match system {
            QueueSystem::Stream => {
                let mut add = redis::cmd("XADD");
                add.arg(name).arg("*").arg("task").arg(task).exec(redis)
            }
            QueueSystem::WorkerPool => redis.lpush(Keys::new(name).ready(), task),
            _ => redis.lpush(name, task),
        };
        pushed.expect("a push");
    }
}

/// The operator does not follow `ASK`: what is read of a part of the keys must not count.
#[rstest::rstest]
#[case::list(QueueSystem::List, "ASK")]
#[case::stream(QueueSystem::Stream, "ASK")]
#[case::all_keys(QueueSystem::WorkerPool, "ASK")]
#[case::some_keys(QueueSystem::WorkerPool, "TRYAGAIN")]
#[tokio::test(flavor = "multi_thread")]
async fn while_its_slot_moves_a_queue_is_unknown_and_no_other(
    #[case] system: QueueSystem,
    #[case] answer: &str,
) {
    let cluster = RedisCluster::start();
    let names = names(&cluster);
    for (index, name) in names.iter().enumerate() {
        fill(&mut cluster.node(index).connect(), system, name);
    }
    if answer == "TRYAGAIN" {
        let stays = Keys::new(&names[0]).failed();
        let failed: i64 = cluster.node(0).connect().lpush(stays, "task").unwrap();
        assert_eq!(failed, 1);
    }
    let spec = json!({"cluster": {"addresses": cluster.addresses()}});
    let mut endpoint = Endpoint::of(redis(&spec, &[]));
    watch(&endpoint, system, &names, SHORT);
    let all = [Some(TASKS); 3];
    endpoint.until(|result| ready(result) == all).await;

    // The request that the new node has to follow, too.
    let request = PollNumber(5);
    endpoint.send(Command::Poll(pool(), request));
    endpoint.until(|result| result.number == request).await;
    let from = cluster.begin_move(&names[0], 1);
    let moved = cluster.move_keys(&names[0], from, 1, 1);
    assert_eq!(moved, 1);
    let is_right = |result: &PollResult| {
        let others = &ready(result)[1..];
        assert_eq!(others, &all[1..], "{result:?}");
        let own = ready(result)[0];
        assert!(own.is_none_or(|own| own == TASKS), "{result:?}");
        own.is_some()
    };
    // However often it is polled.
    for _ in 0..5 {
        let unknown = endpoint.until(|result| !is_right(result)).await;
        let cause = cause(&unknown);
        assert!(cause.contains(answer), "{cause}");
    }
    while cluster.move_keys(&names[0], from, 1, 1) > 0 {}
    cluster.end_move(&names[0], from, 1);
    endpoint
        .until(|result| is_right(result) && result.number == request)
        .await;
}
