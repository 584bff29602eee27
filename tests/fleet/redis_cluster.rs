//! Queues on a Redis Cluster of six real processes: slots that move and primaries that are lost, under load.

use crate::credentials::redis;
use crate::endpoint::{Endpoint, LONG, SHORT, cause, register_worker, run_command};
use crate::rotation::under_load;
use api::Key;
use decide::victims::DrainState;
use decide::{Metric, Unavailable};
use protocol::{Keys, take};
use queues::{Queue, QueueOptions, QueueSystem};
use redis::{Commands, Connection};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use testkit::redis_cluster::RedisCluster;
use workerpool_operator::observe::endpoint::{Command, Network};
use workerpool_operator::observe::{Destinations, Epoch, PollNumber, PollResult};

/// What each queue has before a failure: every replica has it, too.
const TASKS: i64 = 1_000;

/// How often each kind of failure is tried.
pub fn rounds() -> usize {
    let rounds = std::env::var("FAILOVERS").ok();
    rounds.map_or(1, |it| it.parse().expect("FAILOVERS is a number"))
}

fn endpoint(addresses: &[String]) -> Endpoint {
    // The first one is away for good.
    let mut seeds = vec!["127.0.0.1:1".to_owned()];
    seeds.extend_from_slice(addresses);
    Endpoint::of(redis(&json!({"cluster": {"addresses": seeds}}), &[]))
}

pub fn pool() -> Key {
    Key::new("default", "a")
}

/// A pool with these queues.
pub fn watch(endpoint: &Endpoint, system: QueueSystem, names: &[String], interval: Duration) {
    let queue = |name: &String| Queue::new(system, &QueueOptions::named(name));
    let queues = names.iter().map(queue).collect();
    endpoint.send(Command::Watch(pool(), Epoch(1), queues, interval));
}

/// One name for a queue on each primary.
pub fn names(cluster: &RedisCluster) -> Vec<String> {
    (0..3).map(|index| cluster.name(index)).collect()
}

pub fn ready(result: &PollResult) -> Vec<Option<i64>> {
    let queues = result.queues.iter();
    queues.map(|queue| queue.ready.known()).collect()
}

pub fn push(server: &RedisServer, key: &str, tasks: i64) -> i64 {
    let tasks = vec!["x"; usize::try_from(tasks).expect("a number")];
    server.connect().lpush(key, tasks).expect("a push")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_primary_is_read_and_notifies() {
    let cluster = RedisCluster::start();
    let names = names(&cluster);
    let mut endpoint = endpoint(&cluster.addresses());
    watch(&endpoint, QueueSystem::List, &names, LONG);
    assert_eq!(ready(&endpoint.next().await), [Some(0); 3]);
    let mut expected = [Some(0); 3];
    // Each twice: what was read is tracked again.
    for index in [2, 0, 1, 1, 2, 0] {
        expected[index] = Some(push(cluster.node(index), &names[index], 1));
        let notified = endpoint.next().await;
        assert_eq!(ready(&notified), expected);
        assert!(notified.notified_at.is_some());
        assert_eq!(notified.epoch, Epoch(1));
    }
    endpoint.poll("a", 5);
    endpoint
        .until(|result| result.number == PollNumber(5))
        .await;
}

/// A cluster of one node without slots, with these options, and its `spec.redis`.
pub fn one_node(options: &[&str]) -> (RedisServer, Value) {
    let bus = testkit::port::free_port().to_string();
    let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    let node = RedisServer::start_with(&[&cluster[..], options].concat());
    let address = format!("127.0.0.1:{}", node.port());
    (node, json!({"cluster": {"addresses": [address]}}))
}

/// The keys of a worker are where those of its queue are.
#[tokio::test(flavor = "multi_thread")]
async fn drains_and_rescues_go_to_the_primary_of_the_queue() {
    let cluster = RedisCluster::start();
    let names: Vec<String> = names(&cluster).into_iter().skip(1).collect();
    let mut endpoint = endpoint(&cluster.addresses());
    let ids = [0, 1].map(|index| {
        let (node, pod) = (cluster.node(index + 1), format!("pod-{index}"));
        register_worker(node, &names[index], &pod)
    });
    watch(&endpoint, QueueSystem::WorkerPool, &names, SHORT);
    endpoint
        .until(|result| result.workers.len() == 2 && result.unavailable.is_none())
        .await;
    let drain = vec![(1, ids[1].clone())];
    endpoint.send(Command::Drain(pool(), drain, true, PollNumber(1)));
    let drained = endpoint.until(|result| result.number == PollNumber(1));
    let drained = drained.await;
    let worker = |queue| {
        let mut workers = drained.workers.iter();
        workers.find(|it| it.queue == queue).expect("a worker")
    };
    assert_eq!(worker(0).drain, DrainState::None);
    assert_eq!(worker(1).drain, DrainState::Requested);
    assert_eq!(worker(1).pod.as_deref(), Some("pod-1"));

    // The worker of the first queue dies with a task.
    let (keys, redis) = (Keys::new(&names[0]), &mut cluster.node(1).connect());
    let task = r#"{"id":"1","body":{}}"#;
    let _: i64 = redis.lpush(keys.ready(), task).expect("a push");
    let taken = take(&keys, &ids[0], 0).run_blocking(redis);
    taken.expect("a task");
    let _: () = redis.del(keys.worker(&ids[0])).expect("its lease");
    endpoint.poll("a", 2);
    endpoint
        .until(|result| ready(result)[0] == Some(1) && result.workers.len() == 1)
        .await;
}

/// The client of one queue: it asks each node in turn, until one accepts the task.
struct Producer {
    key: String,
    node: usize,
    connection: Option<Connection>,
}

impl Producer {
    fn push(&mut self, clients: &[redis::Client]) {
        let client = &clients[self.node % clients.len()];
        let timeout = Duration::from_millis(200);
        let mut connection = self.connection.take().or_else(|| {
            let connection = client.get_connection_with_timeout(timeout).ok()?;
            connection.set_read_timeout(Some(timeout)).ok()?;
            Some(connection)
        });
        let pushed = connection
            .as_mut()
            .is_some_and(|it| it.lpush::<_, _, i64>(&self.key, "x").is_ok());
        if pushed {
            self.connection = connection;
        } else {
            self.node += 1;
        }
    }
}

/// Runs `failures` while each of these queues gets tasks.
fn with_producers(clients: &[redis::Client], names: &[String], failures: impl Future<Output = ()>) {
    let loads = names.iter().map(|name| {
        let mut producer = Producer {
            key: name.clone(),
            node: 0,
            connection: None,
        };
        move || {
            producer.push(clients);
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    under_load(loads, failures);
}

/// A cluster with some tasks in a queue on each primary, and the endpoint that reads them.
async fn start() -> (RedisCluster, Vec<String>, Endpoint) {
    let cluster = RedisCluster::start();
    let names = names(&cluster);
    for (index, name) in names.iter().enumerate() {
        push(cluster.node(index), name, TASKS);
    }
    cluster.wait_until_ready();
    let mut endpoint = endpoint(&cluster.addresses());
    watch(&endpoint, QueueSystem::List, &names, SHORT);
    let all = |result: &PollResult| ready(result).iter().all(|it| *it >= Some(TASKS));
    endpoint.until(all).await;
    (cluster, names, endpoint)
}

/// Waits until the queue at `failed` has so many tasks. No queue is ever read smaller than it is, and no other one is ever
/// unknown. Returns how long the queue was unknown.
async fn until_fresh(endpoint: &mut Endpoint, failed: usize, expected: i64) -> Duration {
    let (mut unknown, mut since) = (Duration::ZERO, None::<Instant>);
    loop {
        let result = endpoint.any().await;
        for (index, found) in ready(&result).into_iter().enumerate() {
            match found {
                Some(found) => assert!(found >= TASKS, "queue {index}: {found}"),
                None => assert_eq!(index, failed, "{result:?}"),
            }
        }
        let found = ready(&result)[failed];
        if found.is_none() {
            since.get_or_insert_with(Instant::now);
        } else if let Some(since) = since.take() {
            unknown += since.elapsed();
        }
        if found >= Some(expected) {
            return unknown;
        }
    }
}

fn report(kind: &str, unknown: &[Duration], mut times: Vec<Duration>) {
    times.sort();
    let (median, last) = (times[times.len() / 2], times[times.len() - 1]);
    eprintln!("{kind}: first fresh reading p50 {median:?}, max {last:?}; unknown {unknown:?}");
}

/// `FAILOVERS=5` tries as many.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_under_load_costs_one_poll() {
    let (cluster, names, mut endpoint) = start().await;
    let clients: Vec<_> = (0..6).map(|index| cluster.node(index).client()).collect();
    let (mut times, mut unknown) = (vec![], vec![]);
    with_producers(&clients, &names, async {
        for round in 0..rounds() {
            let to = (round + 1) % 3;
            cluster.move_slot(&names[0], to);
            let moved_at = Instant::now();
            let expected = push(cluster.node(to), &names[0], TASKS);
            unknown.push(until_fresh(&mut endpoint, 0, expected).await);
            times.push(moved_at.elapsed());
        }
    });
    report("a slot moves", &unknown, times);
    // Without the answer of the former node, the slots are read again after 30 s.
    let longest = unknown.iter().max().expect("a round");
    assert!(*longest < Duration::from_secs(20), "{unknown:?}");
}

/// `FAILOVERS=5` tries as many.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_lost_under_load_makes_no_other_queue_unknown() {
    let (mut cluster, names, mut endpoint) = start().await;
    let clients: Vec<_> = (0..6).map(|index| cluster.node(index).client()).collect();
    let (mut begun, mut switched, mut unknown) = (vec![], vec![], vec![]);
    with_producers(&clients, &names, async {
        for round in 0..rounds() {
            let failed = round % 3;
            let lost = cluster.find_owner(&names[failed]);
            let began_at = Instant::now();
            cluster.node_mut(lost).stop();
            let new = loop {
                if let Some(new) = cluster.owner(&names[failed]) {
                    break new;
                }
                let elapsed = began_at.elapsed();
                assert!(elapsed < Duration::from_mins(1), "no failover");
            };
            let switched_at = Instant::now();
            let expected = push(cluster.node(new), &names[failed], TASKS);
            unknown.push(until_fresh(&mut endpoint, failed, expected).await);
            begun.push(began_at.elapsed());
            switched.push(switched_at.elapsed());
            cluster.node_mut(lost).restart();
            cluster.wait_until_ready();
        }
    });
    report("a primary is lost, after its loss", &unknown, begun);
    report("after the replica is primary", &unknown, switched);
}

/// A stall is harder to tell from a slow answer than a closed connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_stalls_makes_no_other_queue_unknown() {
    let (cluster, names, mut endpoint) = start().await;
    let stalled = cluster.find_owner(&names[1]);
    cluster.node(stalled).pause();
    let expected = push(cluster.node(0), &names[0], TASKS);
    until_fresh(&mut endpoint, 0, expected).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    let new = loop {
        match cluster.owner(&names[1]) {
            Some(new) => break new,
            None => assert!(Instant::now() < deadline, "no failover"),
        }
    };
    let expected = push(cluster.node(new), &names[1], TASKS);
    until_fresh(&mut endpoint, 1, expected).await;
    cluster.node(stalled).resume();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_node_of_a_cluster_is_named() {
    let server = RedisServer::start();
    let mut endpoint = endpoint(&[format!("127.0.0.1:{}", server.port())]);
    watch(&endpoint, QueueSystem::List, &["a".to_owned()], LONG);
    let unknown = cause(&endpoint.next().await);
    assert!(
        unknown.ends_with("set redis.address in place of redis.cluster"),
        "{unknown}"
    );
}

/// Whatever address the nodes announce.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_leads_to_no_destination_that_is_not_allowed() {
    let (server, spec) = one_node(&["--cluster-announce-ip", "127.0.0.2"]);
    run_command(&server, "CLUSTER ADDSLOTSRANGE 0 16383");
    let allowed = vec!["127.0.0.1/32".parse().expect("a rule")];
    let network = Network::new(Destinations::new(allowed, None));
    let mut endpoint = Endpoint::over(network, redis(&spec, &[]));
    endpoint.watch("a", QueueSystem::List, LONG);
    let refused = endpoint.any().await.unavailable;
    assert!(
        matches!(&refused, Some(Unavailable::AddressNotAllowed { host, .. }) if host.starts_with("127.0.0.2")),
        "{refused:?}"
    );
}

/// A node alone has no slots yet; then it gets all but one queue's.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_whose_slot_no_node_has_is_unknown_until_one_has_it() {
    let (server, spec) = one_node(&["--cluster-require-full-coverage", "no"]);
    // The slots of these keys are 12182 and 5061.
    let names = ["foo".to_owned(), "bar".to_owned()];
    run_command(&server, "CLUSTER ADDSLOTSRANGE 0 6000");
    let mut endpoint = Endpoint::of(redis(&spec, &[]));
    watch(&endpoint, QueueSystem::List, &names, SHORT);
    let known = |result: &PollResult| ready(result)[1] == Some(0);
    let partly = endpoint.until(known).await;
    assert_eq!(partly.queues[0].ready, Metric::Unavailable);
    assert!(cause(&partly).ends_with("no node has slot 12182"));
    run_command(&server, "CLUSTER ADDSLOTSRANGE 6001 16383");
    endpoint.until(|result| ready(result) == [Some(0); 2]).await;
}
