//! Workers whose lease has ended, and what the operator does with their tasks.

use crate::endpoint::{Endpoint, LONG, SHORT, push};
use crate::stage::{Stage, pool_with, scales, target};
use api::Key;
use decide::Metric;
use protocol::{Keys, Registration, register, take};
use queues::QueueSystem;
use redis::Commands;
use serde_json::json;
use testkit::redis::RedisServer;
use workerpool_operator::observe::PollNumber;
use workerpool_operator::observe::endpoint::Command;

/// Registers a worker that claims a task and then loses its lease; with `others`, another worker is live.
pub fn lose_worker(server: &RedisServer, others: bool) {
    let mut redis = server.connect();
    let keys = Keys::new("tasks");
    let mut worker = |name: &str| {
        let registration = Registration {
            pod: name.into(),
            name: name.into(),
            namespace: None,
            host: "h".into(),
            version: "1".into(),
        };
        register(&keys, &registration, 1)
            .run_blocking(&mut redis)
            .expect("an id")
    };
    let lost = worker("lost");
    if others {
        worker("other");
    }
    push(server);
    take(&keys, &lost, 0)
        .run_blocking(&mut redis)
        .expect("a task");
    let _: () = redis.del(keys.worker(&lost)).expect("its lease");
}

#[tokio::test]
async fn last_killed_workers_tasks_scale_from_zero() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    lose_worker(&server, false);
    // A worker searched for lost workers just before it died, so the operator waits.
    let mut redis = server.connect();
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut redis).expect("a time");
    let _: () = redis
        .set("wp:{tasks}:reaper", seconds * 1_000)
        .expect("when dead workers were looked up");
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    let first = endpoint.next().await;
    assert_eq!(
        (first.queues[0].ready, first.queues[0].in_flight),
        (Metric::Known(0), Metric::Known(1))
    );
    let rescued = endpoint
        .until(|result| result.queues[0].ready == Metric::Known(1))
        .await;
    assert_eq!(
        (rescued.queues[0].in_flight, rescued.queues[0].live),
        (Metric::Known(0), Metric::Known(0))
    );
    let mut redis = server.connect();
    let (workers, attempts): (i64, i64) = redis::pipe()
        .scard("wp:{tasks}:workers")
        .hget("wp:{tasks}:attempts", "1")
        .query(&mut redis)
        .expect("an answer");
    assert_eq!((workers, attempts), (0, 1));
    let mut stage = Stage::with(&pool_with(&json!({"minReplicas": 0})), Some(target(0)));
    assert_eq!(scales(&stage.poll(rescued.queues[0])), [1]);
}

#[tokio::test]
async fn operator_leaves_lost_workers_to_live_workers() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    lose_worker(&server, true);
    let mut redis = server.connect();
    let mut a_worker_looks = || {
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query(&mut redis).expect("the time");
        let now = seconds * 1000 + micros / 1000;
        let _: () = redis.set("wp:{tasks}:reaper", now).expect("it has looked");
    };
    a_worker_looks();
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    for _ in 0..3 {
        assert_eq!(endpoint.next().await.queues[0].in_flight, Metric::Known(1));
        a_worker_looks();
        endpoint.send(Command::Poll(Key::new("default", "a"), PollNumber(1)));
    }
}
