//! A master behind Sentinels, with real processes: planned and forced failovers under load.

use crate::credentials::redis;
use crate::endpoint::{Endpoint, LONG, SHORT, ask, cause, run_command};
use crate::redis_cluster::rounds;
use crate::rotation::{connections, under_load};
use decide::Metric;
use queues::QueueSystem;
use redis::Commands;
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use testkit::sentinel::{MASTER, Sentinels};
use workerpool_operator::observe::PollResult;

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
    // Load on both servers: a replica refuses it, and the former master takes it.
    let loads = [0, 1].map(|index| {
        let client = sentinels.server(index).client();
        let mut connection = None;
        move || {
            connection = connection.take().or_else(|| client.get_connection().ok());
            let push = |it: &mut redis::Connection| it.lpush::<_, _, i64>("load", "x").is_ok();
            let is_pushed = connection.as_mut().is_some_and(push);
            connection = connection.take().filter(|_| is_pushed);
            std::thread::sleep(Duration::from_millis(if is_pushed { 1 } else { 20 }));
        }
    });
    let (mut planned, mut forced) = (vec![], vec![]);
    under_load(loads, async {
        for _ in 0..rounds() {
            planned.push(fail_over(&mut sentinels, &mut endpoint, |it| it.fail_over()).await);
            sentinels.wait_until_ready();
            let killed = sentinels.master();
            forced.push(fail_over(&mut sentinels, &mut endpoint, Sentinels::kill_master).await);
            sentinels.recover(killed);
        }
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
    run_command(sentinels.server(old), "CONFIG RESETSTAT");
    // The replica is the master by now; the old one does not know yet, and is still connected to.
    sentinels.fail_over();
    while sentinels.master() == old {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    endpoint.drain("b", "w.1", true);
    endpoint.until(|result| result.unavailable.is_none()).await;
    let stats: String = ask(sentinels.server(old), "INFO commandstats");
    assert!(!stats.contains("cmdstat_evalsha:"), "{stats}");
    sentinels.wait_until_ready();
}

/// Another server is the master now: a name may lead there, or Sentinels.
#[tokio::test]
async fn a_server_that_has_become_a_replica_is_left() {
    let (server, master) = (RedisServer::start(), RedisServer::start());
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    endpoint.until(|result| result.unavailable.is_none()).await;
    let tracking = || connections(&server, &[" resp=3 ", " flags=t"]);
    let before = tracking();
    let replicate = format!("REPLICAOF 127.0.0.1 {}", master.port());
    run_command(&server, &replicate);
    endpoint.drain("a", "w.1", true);
    let is_refused = |result: &PollResult| {
        let error = result.drain_refused.as_ref();
        error.is_some_and(|it| it.starts_with("READONLY"))
    };
    endpoint.until(is_refused).await;
    let another_connection = |result: &PollResult| {
        result.unavailable.is_none() && tracking().iter().any(|it| !before.contains(it))
    };
    endpoint.until(another_connection).await;

    run_command(&server, "CONFIG SET replica-serve-stale-data no");
    drop(master);
    let down = endpoint.until(|result| result.unavailable.is_some()).await;
    let down = cause(&down);
    assert!(down.contains("does not answer: MASTERDOWN"), "{down}");
}
