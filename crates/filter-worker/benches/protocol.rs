//! What the protocol costs Redis beside bare LPUSH + BLMOVE + LREM: tasks for each second of the server's CPU, in turns
//! in one run. Needs redis-server.

use protocol::{Completion, Keys, Push, RESULT_TTL, Registration, Take, Task};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Pipeline, pipe};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::redis::RedisServer;

const TASKS: usize = 40_000;
const ROUNDS: usize = 5;
const CLIENTS: usize = 10;
const RESULT: &[u8] = br#"{"checksum":"0123456789abcdef","height":256,"id":"0123456789abcdef0123456789abcdef","millis":120,"width":256,"worker":"filter-worker-5d8f7c.12"}"#;

#[derive(Clone, Copy, Debug)]
enum How {
    /// LPUSH, BLMOVE and LREM, each a trip of its own.
    Bare,
    /// The same, LREM and the next BLMOVE in one trip.
    BareInOneTrip,
    /// Bare, and the result set with an end: the same work as the protocol's without its promises.
    BareWithResult,
    /// As the worker does it: acknowledgement and next take in one trip.
    Protocol,
    /// And pushed by the script that refuses when results or memory are full.
    PushIfRoom,
    /// And without a result kept.
    WithoutResult,
}

#[tokio::main]
async fn main() {
    let server = Arc::new(RedisServer::start());
    let ways = [
        How::Bare,
        How::BareInOneTrip,
        How::BareWithResult,
        How::Protocol,
        How::PushIfRoom,
        How::WithoutResult,
    ];
    let mut costs: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for (way, costs) in ways.iter().zip(&mut costs) {
            let mut connection = connect(&server).await;
            let () = redis::cmd("FLUSHALL")
                .query_async(&mut connection)
                .await
                .unwrap();
            costs.push(round(&server, *way).await);
        }
    }
    let mut bare = 0.0;
    println!("{TASKS} tasks a round, {CLIENTS} clients, medians of {ROUNDS} rounds:");
    for (way, costs) in ways.iter().zip(&mut costs) {
        costs.sort_by(f64::total_cmp);
        let per_core = 1.0 / costs[ROUNDS / 2];
        bare = if matches!(way, How::Bare) {
            per_core
        } else {
            bare
        };
        println!(
            "{:15} {:5.1} µs of Redis a task   {per_core:7.0} tasks a second and core   {:3.0} % of bare",
            format!("{way:?}"),
            costs[ROUNDS / 2] * 1e6,
            100.0 * per_core / bare
        );
    }
}

async fn connect(server: &RedisServer) -> MultiplexedConnection {
    server
        .client()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}

/// Seconds of the server's CPU for each task, pushed one at a time and worked on by all clients at once.
async fn round(server: &Arc<RedisServer>, how: How) -> f64 {
    let before = server.cpu();
    let clients = |work: fn(MultiplexedConnection, How) -> _| {
        let server = Arc::clone(server);
        async move {
            let mut all = tokio::task::JoinSet::new();
            for _ in 0..CLIENTS {
                all.spawn(work(connect(&server).await, how));
            }
            all.join_all().await;
        }
    };
    clients(|connection, how| {
        Box::pin(push(connection, how)) as futures::future::BoxFuture<'static, ()>
    })
    .await;
    clients(|connection, how| {
        Box::pin(work(connection, how)) as futures::future::BoxFuture<'static, ()>
    })
    .await;
    server.cpu().checked_sub(before).unwrap().as_secs_f64()
        / f64::from(u32::try_from(TASKS).unwrap())
}

fn task() -> Task<Value> {
    Task::new(
        json!({"filters": ["blur"], "image": {"synthetic": {"width": 256, "height": 256, "seed": 1}}}),
    )
}

async fn push(mut connection: MultiplexedConnection, how: How) {
    let keys = Keys::new("bench");
    for _ in 0..TASKS / CLIENTS {
        let task = task();
        match how {
            How::Bare | How::BareInOneTrip | How::BareWithResult => {
                let element = serde_json::to_vec(&task).unwrap();
                let () = connection.lpush(keys.ready(), element).await.unwrap();
            }
            How::Protocol | How::WithoutResult => {
                protocol::push(&keys, &[task])
                    .unwrap()
                    .exec_async(&mut connection)
                    .await
                    .unwrap();
            }
            How::PushIfRoom => {
                let call = protocol::push_within(&keys, &[task], u32::MAX, 80).unwrap();
                assert_eq!(call.run(&mut connection).await.unwrap(), Push::Done);
            }
        }
    }
}

async fn work(mut connection: MultiplexedConnection, how: How) {
    let keys = Keys::new("bench");
    let worker = Registration {
        name: "w".into(),
        pod: "pod".into(),
        host: "host".into(),
        version: "1".into(),
    };
    let id = protocol::register(&keys, &worker)
        .run(&mut connection)
        .await
        .unwrap();
    let wait = || protocol::blocking_move(&keys, &id, Duration::from_millis(10));
    let claimed = keys.claimed(&id);
    match how {
        How::Bare => {
            while let Some(element) = wait()
                .query_async::<Option<Vec<u8>>>(&mut connection)
                .await
                .unwrap()
            {
                let () = connection.lrem(&claimed, 1, element).await.unwrap();
            }
        }
        How::BareWithResult => {
            while let Some(element) = wait()
                .query_async::<Option<Vec<u8>>>(&mut connection)
                .await
                .unwrap()
            {
                let task = serde_json::from_slice::<Task>(&element).unwrap().id;
                let mut both: Pipeline = pipe();
                both.lrem(&claimed, 1, element)
                    .ignore()
                    .pset_ex(keys.result(&task), RESULT, 3_600_000)
                    .ignore();
                let () = both.query_async(&mut connection).await.unwrap();
            }
        }
        How::BareInOneTrip => {
            let mut next = wait()
                .query_async::<Option<Vec<u8>>>(&mut connection)
                .await
                .unwrap();
            while let Some(element) = next {
                let mut both: Pipeline = pipe();
                both.lrem(&claimed, 1, element).ignore().add_command(wait());
                (next,) = both.query_async(&mut connection).await.unwrap();
            }
        }
        How::Protocol | How::PushIfRoom | How::WithoutResult => {
            let keep = if matches!(how, How::WithoutResult) {
                Duration::ZERO
            } else {
                RESULT_TTL
            };
            let mut next = protocol::take(&keys, &id, 0)
                .run(&mut connection)
                .await
                .unwrap();
            while let Take::Task(element) = next {
                let task = serde_json::from_slice::<Task>(&element).unwrap().id;
                let took = Duration::from_millis(120);
                let done = Completion {
                    task: &task,
                    element: &element,
                    result: RESULT,
                    keep,
                    took,
                };
                next = protocol::ack_and_take(&keys, &id, done, 0)
                    .run(&mut connection)
                    .await
                    .unwrap()
                    .1;
            }
        }
    }
}
