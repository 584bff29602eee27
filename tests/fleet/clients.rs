//! Scale-downs of workers without a drain: who waits for work is read from the list of clients of Redis.

use crate::cluster::Cluster;
use crate::endpoint::{Endpoint, SHORT, ask, run_command};
use crate::scale_down::ends_at;
use crate::stage::pool_with;
use api::{Key, WorkerPool};
use queues::QueueSystem;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use workerpool_operator::observe::endpoint::Command;

fn pinned(system: &str, replicas: i32) -> WorkerPool {
    pool_with(&json!({"replicas": replicas, "minReplicas": 0,
        "queues": [{"name": "tasks", "system": system}]}))
}

/// Seven workers that take tasks from a list, with no registry and a grace longer than their tasks.
fn seven() -> Cluster {
    let mut cluster = Cluster::new(vec![pinned("List", 7)], 7);
    (cluster.unregistered, cluster.grace, cluster.task) = (true, 30_000, 20_000);
    cluster.start();
    cluster.run(3_000);
    cluster
}

#[test]
fn idle_pods_are_removed_and_the_others_waited_for() {
    let mut cluster = seven();
    cluster.waiting = 4;
    cluster.run(1_000);
    cluster.set_pool(0, pinned("List", 4));
    cluster.run(10_000);
    assert_eq!(cluster.deleted, ["p04", "p05", "p06"]);
    cluster.set_pool(0, pinned("List", 3));
    cluster.run(5_000);
    cluster.assert_last_message("waiting for p00 to finish");
    ends_at(&mut cluster, 3);
    let pauses = cluster.lists.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        pauses.min().is_some_and(|least| least >= 10_000),
        "{:?}",
        cluster.lists
    );
    cluster.assert_no("drain");
}

#[test]
fn thirty_scale_downs_under_load_interrupt_nothing() {
    let mut late = 0;
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cluster = seven();
        cluster.task = random.i64(300..12_000);
        for _ in 0..5 {
            cluster.set_pool(0, pinned("List", 7));
            for _ in 0..20 {
                cluster.waiting += random.i64(0..5);
                cluster.run(random.i64(50..1_500));
            }
            cluster.set_pool(0, pinned("List", random.i32(1..7)));
            for _ in 0..20 {
                cluster.waiting += random.i64(0..5);
                cluster.run(random.i64(50..1_500));
                let ending = cluster.pods.values().filter(|pod| pod.gone_at.is_some());
                late += ending.filter(|pod| pod.busy_until.is_some()).count();
            }
        }
        // One that never waits is never removed.
        cluster.waiting = 0;
        cluster.set_pool(0, pinned("List", 1));
        ends_at(&mut cluster, 1);
    }
    assert!(late > 0, "some took a task after they were selected");
}

/// Seven workers of `system`, none of which is ever idle, whose pods have this grace in seconds. Laravel has no registry.
fn never_idle(system: &str, grace: i64) -> Cluster {
    let mut cluster = Cluster::new(vec![pinned(system, 7)], 7);
    (cluster.cannot_drain, cluster.tells_grace) = (true, true);
    cluster.unregistered = system == "Laravel";
    (cluster.grace, cluster.task) = (grace * 1_000, 20_000);
    cluster.waiting = 1_000_000;
    cluster.start();
    cluster.run(30_000);
    cluster.set_pool(0, pinned(system, 5));
    cluster
}

#[test]
fn workers_that_are_never_idle_are_removed_where_their_grace_is_longer_than_their_tasks() {
    let mut cluster = never_idle("RQ", 30);
    cluster.run(25_000);
    assert_eq!(cluster.desired, 7, "first an idle one is waited for");
    ends_at(&mut cluster, 5);
    assert_eq!(cluster.deleted.len(), 2);
}

#[rstest::rstest]
#[case::a_task_takes_longer("RQ", 19)]
#[case::a_task_takes_almost_as_long("RQ", 22)]
#[case::its_program_decides("BullMQ", 300)]
#[case::no_running_time_is_reported("Laravel", 300)]
fn otherwise_they_are_waited_for(#[case] system: &str, #[case] grace: i64) {
    let mut cluster = never_idle(system, grace);
    cluster.run(300_000);
    assert_eq!(cluster.desired, 7);
    assert_eq!(cluster.deleted, [""; 0]);
    // One that becomes idle is removed.
    cluster.waiting = 0;
    ends_at(&mut cluster, 5);
}

#[test]
fn a_registry_that_is_late_is_corrected() {
    let mut cluster = Cluster::new(vec![pinned("RQ", 3)], 3);
    cluster.cannot_drain = true;
    cluster.beat = 60_000;
    cluster.start();
    cluster.run(61_000);
    // Since they reported, two of them have begun a task.
    (cluster.waiting, cluster.task) = (2, 15_000);
    cluster.run(1_000);
    cluster.set_pool(0, pinned("RQ", 1));
    ends_at(&mut cluster, 1);
    assert_eq!(cluster.deleted.len(), 2);
}

#[test]
fn a_list_without_the_pods_addresses_is_not_believed() {
    let mut cluster = seven();
    (cluster.proxied, cluster.waiting) = (true, 4);
    cluster.run(1_000);
    cluster.set_pool(0, pinned("List", 5));
    cluster.run(5_000);
    assert_eq!(cluster.desired, 5, "as it is without the list");
    let said = "as Redis has no connection from the address of p00 (a proxy or NAT?)";
    cluster.assert_message(said);
    cluster.assert_no("mark");
}

#[test]
fn a_pod_that_starts_is_not_removed_and_casts_no_doubt_on_the_list() {
    let mut cluster = seven();
    cluster.waiting = 4;
    cluster.run(1_000);
    let now = cluster.now;
    let starting = cluster.pod("p06");
    (starting.registered, starting.ready_since) = (false, Some(now));
    cluster.set_pool(0, pinned("List", 6));
    cluster.run(10_000);
    assert_eq!(cluster.deleted, ["p04"]);
    let doubted = |cluster: &Cluster| {
        let mut messages = cluster.messages.iter();
        messages.any(|it| it.contains("no connection from the address of p06"))
    };
    assert!(!doubted(&cluster), "{:?}", cluster.messages);
    cluster.run(30_000);
    cluster.set_pool(0, pinned("List", 5));
    cluster.run(10_000);
    assert!(doubted(&cluster), "it should have connected by then");
}

#[test]
fn workers_that_never_wait_are_not_removed_and_named() {
    let mut cluster = seven();
    cluster.polling = true;
    cluster.set_pool(0, pinned("List", 5));
    cluster.run(1_000);
    let said = cluster.messages.len();
    cluster.run(60_000);
    assert_eq!(cluster.desired, 7);
    let named = "with LPOP it is never seen idle: use BLPOP";
    cluster.assert_last_message(named);
    // Its victims change at each timeout of the drain, and nothing else does.
    let later = &cluster.messages[said..];
    assert!(later.len() <= 3, "{later:?}");
}

#[test]
fn a_missing_right_is_named() {
    let mut cluster = seven();
    cluster.list_refused = Some("NOPERM: the user may not run client|list".to_owned());
    cluster.set_pool(0, pinned("List", 5));
    cluster.run(5_000);
    assert_eq!(cluster.desired, 5);
    let said = "unknown without CLIENT LIST (NOPERM: the user may not run client|list)";
    cluster.assert_message(said);
}

/// A connection from `address`, as a pod of its own has it, that has sent `line`.
async fn connection(server: &RedisServer, address: &str, line: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from: SocketAddr = format!("{address}:0").parse().expect("an address");
    socket.bind(from).expect("a loopback address");
    let to = server.url().replace("redis://", "");
    let to: SocketAddr = to.parse().expect("an address");
    let mut stream = socket.connect(to).await.expect("a connection");
    let line = format!("{line}\r\n");
    stream.write_all(line.as_bytes()).await.expect("sent");
    stream
}

/// How many clients wait in a command that blocks.
fn waiting(server: &RedisServer) -> usize {
    let list: String = ask(server, "CLIENT LIST");
    let lines = list.lines();
    lines.filter(|line| line.contains(" flags=b ")).count()
}

/// How often CLIENT LIST was called, as `INFO` says it.
fn calls(server: &RedisServer) -> String {
    let stats: String = ask(server, "INFO commandstats");
    let line = stats.lines().find(|line| line.contains("client|list"));
    let calls = line.and_then(|line| line.split(',').next());
    calls.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn redis_tells_who_waits_by_address() {
    let server = RedisServer::start();
    // Redis takes no other loopback address than 127.0.0.1 for one.
    run_command(&server, "CONFIG SET protected-mode no");
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::List, SHORT);
    let _idle = connection(&server, "127.0.0.2", "BRPOP tasks 0").await;
    let _moves = connection(&server, "127.0.0.3", "BLMOVE tasks held LEFT RIGHT 0").await;
    let busy = connection(&server, "127.0.0.4", "BRPOP other 0").await;
    let deadline = Instant::now() + Duration::from_mins(1);
    while waiting(&server) < 3 {
        assert!(Instant::now() < deadline, "three wait");
        tokio::task::yield_now().await;
    }
    run_command(&server, "LPUSH other x");
    busy.readable().await.expect("it got the task");
    endpoint.send(Command::PollClients(Key::new("default", "a")));
    let read = endpoint.until(|result| result.clients.is_some()).await;
    let list = read.clients.expect("a list").list.expect("readable");
    let idle = |address: &str| {
        let connections = list.of(address.parse().expect("an address"));
        connections.map(|it| it.are_idle(1))
    };
    let addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
    assert_eq!(
        addresses.map(idle),
        [Some(true), Some(true), Some(false), None]
    );
    // It is read once in 10 s.
    let before = calls(&server);
    endpoint.send(Command::PollClients(Key::new("default", "a")));
    let again = endpoint.until(|result| result.clients.is_some()).await;
    assert_eq!(again.clients.expect("a list").list.as_ref(), Ok(&list));
    assert_eq!(calls(&server), before);
}
