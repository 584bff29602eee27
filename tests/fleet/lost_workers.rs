//! Workers whose lease has ended, and what the operator does with their tasks.

use crate::endpoint::{Endpoint, LONG, SHORT, ask, push, register_worker, run_command};
use crate::stage::{Stage, pool_with, scales, target};
use decide::Metric;
use protocol::{Keys, take};
use queues::QueueSystem;
use redis::Commands;
use serde_json::json;
use testkit::redis::RedisServer;

/// Registers a worker that claims a task and then loses its lease; with `others`, another worker is live.
pub fn lose_worker(server: &RedisServer, others: bool) {
    let mut redis = server.connect();
    let keys = Keys::new("tasks");
    let lost = register_worker(server, "tasks", "lost");
    if others {
        register_worker(server, "tasks", "other");
    }
    push(server);
    let taken = take(&keys, &lost, 0).run_blocking(&mut redis);
    taken.expect("a task");
    let _: () = redis.del(keys.worker(&lost)).expect("its lease");
}

/// A worker searches for lost workers.
fn a_worker_looks(server: &RedisServer) {
    let (seconds, micros): (i64, i64) = ask(server, "TIME");
    let now = seconds * 1000 + micros / 1000;
    run_command(server, &format!("SET wp:{{tasks}}:reaper {now}"));
}

#[tokio::test]
async fn last_killed_workers_tasks_scale_from_zero() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    lose_worker(&server, false);
    // A worker searched for lost workers just before it died, so the operator waits.
    a_worker_looks(&server);
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
    a_worker_looks(&server);
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    for _ in 0..3 {
        assert_eq!(endpoint.next().await.queues[0].in_flight, Metric::Known(1));
        a_worker_looks(&server);
        endpoint.poll("a", 1);
    }
}
