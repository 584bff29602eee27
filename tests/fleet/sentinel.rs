//! A master behind Sentinels, with real processes: planned and forced failovers under load.

use crate::credentials::redis;
use crate::endpoint::{Endpoint, LONG, SHORT, cause};
use crate::rotation::StopOnDrop;
use api::Key;
use decide::Metric;
use queues::QueueSystem;
use redis::Commands;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use testkit::sentinel::{MASTER, Sentinels};
use workerpool_operator::observe::endpoint::Command;
use workerpool_operator::observe::{PollNumber, PollResult};

/// How often each kind of failover is tried.
fn rounds() -> usize {
    let rounds = std::env::var("FAILOVERS").ok();
    rounds.map_or(1, |it| it.parse().expect("FAILOVERS is a number"))
}

fn start(sentinels: &Sentinels, interval: Duration) -> Endpoint {
    // The first one is away for good.
    let mut addresses = vec!["127.0.0.1:1".to_owned()];
    addresses.extend(sentinels.addresses());
    let spec = json!({"sentinel": {"master": MASTER, "addresses": addresses}});
    let endpoint = Endpoint::of(redis(&spec, &[]));
    endpoint.watch("a", QueueSystem::List, interval);
    endpoint
}

fn ready(result: &PollResult) -> Option<i64> {
    result.queues[0].ready.known()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_is_read_and_notifies() {
    let sentinels = Sentinels::start();
    let mut endpoint = start(&sentinels, LONG);
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(0));
    let mut master = sentinels.server(sentinels.master()).connect();
    let _: i64 = master.lpush("tasks", "x").expect("a push");
    let notified = endpoint.next().await;
    assert_eq!(notified.queues[0].ready, Metric::Known(1));
    assert!(notified.notified_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_no_sentinel_knows_is_named() {
    let sentinels = Sentinels::start();
    let spec = json!({"sentinel": {"master": "other", "addresses": sentinels.addresses()}});
    let mut endpoint = Endpoint::of(redis(&spec, &[]));
    endpoint.watch("a", QueueSystem::List, LONG);
    let unknown = cause(&endpoint.next().await);
    assert!(
        unknown.ends_with("this Sentinel knows no master other"),
        "{unknown}"
    );
}

/// From the moment at which a Sentinel names another master, each reading is of that one, or is unknown.
async fn fail_over(
    sentinels: &mut Sentinels,
    endpoint: &mut Endpoint,
    begin: impl FnOnce(&mut Sentinels),
) -> [Duration; 2] {
    let old = sentinels.master();
    let began_at = Instant::now();
    begin(sentinels);
    while sentinels.master() == old {
        assert!(began_at.elapsed() < Duration::from_mins(1), "no failover");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let switched_at = Instant::now();
    // The former master accepts this for seconds: a reading of it would be zero.
    let former = sentinels.server(old).client().get_connection();
    let _ = former.and_then(|mut it| it.del::<_, i64>("tasks"));
    // What was on its way is from before.
    endpoint.skip();
    let mut new = sentinels
        .server(1 - old)
        .client()
        .get_connection()
        .expect("the master");
    let expected: i64 = loop {
        if let Ok(length) = new.lpush("tasks", vec!["x"; 1_000]) {
            break length;
        }
    };
    let fresh = endpoint.until(|result| {
        let ready = ready(result);
        assert!(
            ready.is_none_or(|ready| ready > 0),
            "{ready:?} is of the former master"
        );
        ready.is_some_and(|ready| ready >= expected)
    });
    fresh.await;
    [began_at.elapsed(), switched_at.elapsed()]
}

fn report(kind: &str, mut times: Vec<[Duration; 2]>) {
    for (index, since) in ["its begin", "Sentinel's switch"].iter().enumerate() {
        times.sort_by_key(|it| it[index]);
        let (median, last) = (times[times.len() / 2][index], times[times.len() - 1][index]);
        eprintln!(
            "{kind} failover, first fresh reading after {since}: p50 {median:?}, p99 {last:?}"
        );
    }
}

/// `FAILOVERS=10` tries as many of each kind.
#[tokio::test(flavor = "multi_thread")]
async fn failovers_under_load_lead_to_the_new_master() {
    let mut sentinels = Sentinels::start();
    let mut endpoint = start(&sentinels, SHORT);
    endpoint.until(|result| ready(result).is_some()).await;
    let master = sentinels.server(sentinels.master());
    let _: i64 = master.connect().lpush("tasks", "x").expect("a push");
    let stop = AtomicBool::new(false);
    let ports = [sentinels.server(0).client(), sentinels.server(1).client()];
    let (mut planned, mut forced) = (vec![], vec![]);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        // Load on both servers: a replica refuses it, and the former master takes it.
        for client in ports {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut connection) = client.get_connection() else {
                        std::thread::sleep(Duration::from_millis(20));
                        continue;
                    };
                    while !stop.load(Ordering::Relaxed)
                        && connection.lpush::<_, _, i64>("load", "x").is_ok()
                    {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        let run = async {
            for _ in 0..rounds() {
                planned.push(fail_over(&mut sentinels, &mut endpoint, |it| it.fail_over()).await);
                sentinels.wait_until_ready();
                let killed = sentinels.master();
                forced.push(fail_over(&mut sentinels, &mut endpoint, Sentinels::kill_master).await);
                sentinels.recover(killed);
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(run));
    });
    report("planned", planned);
    report("forced", forced);
}

#[tokio::test(flavor = "multi_thread")]
async fn drains_go_to_the_master_only() {
    let sentinels = Sentinels::start();
    let mut endpoint = start(&sentinels, LONG);
    endpoint.watch("b", QueueSystem::WorkerPool, LONG);
    endpoint.next().await;
    endpoint.next().await;
    let old = sentinels.master();
    let mut connection = sentinels.server(old).connect();
    let executed = |connection: &mut redis::Connection| -> String {
        redis::cmd("INFO")
            .arg("commandstats")
            .query(connection)
            .expect("INFO")
    };
    redis::cmd("CONFIG")
        .arg("RESETSTAT")
        .exec(&mut connection)
        .expect("RESETSTAT");
    // The replica is the master by now; the old one does not know yet, and is still connected to.
    sentinels.fail_over();
    while sentinels.master() == old {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let drain = vec![(0, "w.1".to_owned())];
    endpoint.send(Command::Drain(
        Key::new("default", "b"),
        drain,
        true,
        PollNumber(1),
    ));
    endpoint.until(|result| result.unavailable.is_none()).await;
    let stats = executed(&mut connection);
    assert!(!stats.contains("cmdstat_evalsha:"), "{stats}");
    sentinels.wait_until_ready();
}

fn replicate(server: &RedisServer, port: u16) {
    let mut command = redis::cmd("REPLICAOF");
    command.arg("127.0.0.1").arg(port);
    command.exec(&mut server.connect()).expect("a replica");
}

/// Another server is the master now: a name may lead there, or Sentinels.
#[tokio::test]
async fn a_server_that_has_become_a_replica_is_left() {
    let (server, master) = (RedisServer::start(), RedisServer::start());
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    endpoint.until(|result| result.unavailable.is_none()).await;
    let tracking = || -> Vec<u64> {
        let list: String = redis::cmd("CLIENT")
            .arg("LIST")
            .query(&mut server.connect())
            .expect("a list");
        let own = list
            .lines()
            .filter(|it| it.contains(" resp=3 ") || it.contains(" flags=t"));
        let number = |line: &str| line.split([' ', '=']).nth(1).and_then(|it| it.parse().ok());
        own.filter_map(number).collect()
    };
    let before = tracking();
    replicate(&server, master.port());
    let drain = || {
        Command::Drain(
            Key::new("default", "a"),
            vec![(0, "w.1".into())],
            true,
            PollNumber(1),
        )
    };
    endpoint.send(drain());
    let refused = endpoint
        .until(|result| {
            result
                .drain_refused
                .as_ref()
                .is_some_and(|it| it.starts_with("READONLY"))
        })
        .await;
    assert!(refused.drain_refused.is_some());
    let another_connection = |result: &PollResult| {
        result.unavailable.is_none() && tracking().iter().any(|it| !before.contains(it))
    };
    endpoint.until(another_connection).await;

    redis::cmd("CONFIG")
        .arg(&["SET", "replica-serve-stale-data", "no"])
        .exec(&mut server.connect())
        .expect("it is set");
    drop(master);
    let down = endpoint.until(|result| result.unavailable.is_some()).await;
    let down = cause(&down);
    assert!(down.contains("does not answer: MASTERDOWN"), "{down}");
}
