//! The cost of the protocol in Redis, compared with bare LPUSH + BLMOVE + LREM: tasks per second of the server's CPU
//! time. The variants run in turns within one run. Needs redis-server.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its measurements and panics on errors"
)]

use futures::FutureExt;
use futures::future::BoxFuture;
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
enum Variant {
    /// LPUSH, BLMOVE and LREM, each in its own round trip.
    Bare,
    /// The same, with LREM and the next BLMOVE in one round trip.
    BareInOneTrip,
    /// Bare, plus a result with an expiry: the work of the protocol without its guarantees.
    BareWithResult,
    /// As the worker does it: acknowledgement and next take in one round trip.
    Protocol,
    /// The same, pushed by the script that refuses when results or memory are full.
    PushIfRoom,
    /// The same as `Protocol`, without storing a result.
    WithoutResult,
}

const VARIANTS: [Variant; 6] = [
    Variant::Bare,
    Variant::BareInOneTrip,
    Variant::BareWithResult,
    Variant::Protocol,
    Variant::PushIfRoom,
    Variant::WithoutResult,
];

#[tokio::main]
async fn main() {
    let server = Arc::new(RedisServer::start());
    let mut costs: Vec<Vec<f64>> = vec![Vec::new(); VARIANTS.len()];
    for _ in 0..ROUNDS {
        for (variant, costs) in VARIANTS.iter().zip(&mut costs) {
            let mut connection = connect(&server).await;
            let () = redis::cmd("FLUSHALL")
                .query_async(&mut connection)
                .await
                .unwrap();
            costs.push(round(&server, *variant).await);
        }
    }
    let mut bare = 0.0;
    println!("{TASKS} tasks a round, {CLIENTS} clients, medians of {ROUNDS} rounds:");
    for (variant, costs) in VARIANTS.iter().zip(&mut costs) {
        costs.sort_by(f64::total_cmp);
        let per_core = 1.0 / costs[ROUNDS / 2];
        if matches!(variant, Variant::Bare) {
            bare = per_core;
        }
        println!(
            "{:15} {:5.1} µs of Redis per task   {per_core:7.0} tasks per second and core   {:3.0} % of bare",
            format!("{variant:?}"),
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

/// Pushes and processes all tasks; returns the server's CPU seconds per task.
async fn round(server: &Arc<RedisServer>, variant: Variant) -> f64 {
    let before = server.cpu();
    run_clients(server, |connection| push(connection, variant).boxed()).await;
    run_clients(server, |connection| work(connection, variant).boxed()).await;
    let used = server.cpu().checked_sub(before).unwrap();
    used.as_secs_f64() / f64::from(u32::try_from(TASKS).unwrap())
}

/// Runs all clients at once and waits for them.
async fn run_clients(
    server: &Arc<RedisServer>,
    client: impl Fn(MultiplexedConnection) -> BoxFuture<'static, ()>,
) {
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(client(connect(server).await));
    }
    clients.join_all().await;
}

fn task() -> Task<Value> {
    Task::new(
        json!({"filters": ["blur"], "image": {"synthetic": {"width": 256, "height": 256, "seed": 1}}}),
    )
}

async fn push(mut connection: MultiplexedConnection, variant: Variant) {
    let keys = Keys::new("bench");
    for _ in 0..TASKS / CLIENTS {
        let task = task();
        match variant {
            Variant::Bare | Variant::BareInOneTrip | Variant::BareWithResult => {
                let element = serde_json::to_vec(&task).unwrap();
                let () = connection.lpush(keys.ready(), element).await.unwrap();
            }
            Variant::Protocol | Variant::WithoutResult => {
                protocol::push(&keys, &[task])
                    .unwrap()
                    .exec_async(&mut connection)
                    .await
                    .unwrap();
            }
            Variant::PushIfRoom => {
                let call = protocol::push_within(&keys, &[task], u32::MAX, 80).unwrap();
                assert_eq!(call.run(&mut connection).await.unwrap(), Push::Done);
            }
        }
    }
}

async fn work(mut connection: MultiplexedConnection, variant: Variant) {
    let keys = Keys::new("bench");
    let worker = Registration {
        name: "w".into(),
        pod: "pod".into(),
        namespace: None,
        host: "host".into(),
        version: "1".into(),
    };
    let id = protocol::register(&keys, &worker, 1)
        .run(&mut connection)
        .await
        .unwrap();
    match variant {
        Variant::Bare => work_bare(&mut connection, &keys, &id, false).await,
        Variant::BareWithResult => work_bare(&mut connection, &keys, &id, true).await,
        Variant::BareInOneTrip => work_bare_in_one_trip(&mut connection, &keys, &id).await,
        Variant::Protocol | Variant::PushIfRoom => {
            work_by_protocol(&mut connection, &keys, &id, RESULT_TTL).await;
        }
        Variant::WithoutResult => {
            work_by_protocol(&mut connection, &keys, &id, Duration::ZERO).await;
        }
    }
}

fn blocking_move(keys: &Keys, id: &str) -> redis::Cmd {
    protocol::blocking_move(keys, id, Duration::from_millis(10))
}

async fn work_bare(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    id: &str,
    with_result: bool,
) {
    let claimed = keys.claimed(id);
    while let Some(element) = blocking_move(keys, id)
        .query_async::<Option<Vec<u8>>>(connection)
        .await
        .unwrap()
    {
        let mut finish: Pipeline = pipe();
        if with_result {
            let task = serde_json::from_slice::<Task>(&element).unwrap().id;
            finish
                .pset_ex(keys.result(&task), RESULT, 3_600_000)
                .ignore();
        }
        finish.lrem(&claimed, 1, element).ignore();
        let () = finish.query_async(connection).await.unwrap();
    }
}

async fn work_bare_in_one_trip(connection: &mut MultiplexedConnection, keys: &Keys, id: &str) {
    let claimed = keys.claimed(id);
    let mut next: Option<Vec<u8>> = blocking_move(keys, id)
        .query_async(connection)
        .await
        .unwrap();
    while let Some(element) = next {
        let mut both: Pipeline = pipe();
        both.lrem(&claimed, 1, element)
            .ignore()
            .add_command(blocking_move(keys, id));
        (next,) = both.query_async(connection).await.unwrap();
    }
}

async fn work_by_protocol(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    id: &str,
    result_ttl: Duration,
) {
    let mut next = protocol::take(keys, id, 0).run(connection).await.unwrap();
    while let Take::Task(element) = next {
        let completion = Completion {
            task: &serde_json::from_slice::<Task>(&element).unwrap().id,
            element: &element,
            result: RESULT,
            keep: result_ttl,
            took: Duration::from_millis(120),
        };
        (_, next) = protocol::ack_and_take(keys, id, completion, 0)
            .run(connection)
            .await
            .unwrap();
    }
}
