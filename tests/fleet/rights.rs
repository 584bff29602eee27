//! The least rights in Redis that docs/security.md names are enough, and the operator asks for nothing else.

use crate::endpoint::{Endpoint, SHORT, ask, run_command, url_of};
use crate::lost_workers::lose_worker;
use crate::redis_cluster::one_node;
use api::Key;
use decide::Metric;
use queues::QueueSystem;
use redis::Commands;
use serde_json::{Value, json};
use testkit::redis::RedisServer;
use testkit::root;
use testkit::sentinel::{MASTER, Sentinels};
use workerpool_operator::observe::endpoint::Command;
use workerpool_operator::observe::{PollNumber, PollResult};

/// The command of the page that makes a user for `system`, and with it that user in `server`.
fn make_user(server: &RedisServer, system: &str) {
    let page = std::fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let row = format!("| `{system}` | `");
    let rights = page.lines().find_map(|line| line.strip_prefix(&row));
    let rights = rights.and_then(|rest| rest.split('`').next());
    let rights = rights
        .expect("a row of the table")
        .replace("QUEUE", "tasks")
        .replace(r"\|", "|");
    add_rights(server, &format!("reset on >secret {rights}"));
}

/// What Redis has refused.
fn refused(server: &RedisServer) -> Vec<String> {
    let log: Vec<Vec<redis::Value>> = ask(server, "ACL LOG");
    log.iter().map(|entry| format!("{entry:?}")).collect()
}

/// The rights of the page that go beyond those of a system, behind this word.
fn more_rights(before: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let rest = page.split(before).nth(1).expect("the sentence");
    rest.split('`').nth(1).expect("the rights").to_owned()
}

fn add_rights(server: &RedisServer, rights: &str) {
    run_command(server, &format!("ACL SETUSER workerpool {rights}"));
}

/// An endpoint of a Redis of several servers, with the user and the password of the page.
fn endpoint_of(mut spec: Value) -> Endpoint {
    spec["username"] = "workerpool".into();
    spec["passwordFrom"] = password();
    let objects = [("redis", "password", b"secret".to_vec())];
    let endpoint = Endpoint::of(crate::credentials::redis(&spec, &objects));
    endpoint.watch("a", QueueSystem::List, SHORT);
    endpoint
}

fn password() -> Value {
    json!({"secretKeyRef": {"name": "redis", "key": "password"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_is_asked_for_and_for_its_role() {
    let sentinels = Sentinels::start();
    let master = sentinels.server(sentinels.master());
    make_user(master, "List");
    add_rights(master, &more_rights("Behind Sentinels, add "));
    for address in sentinels.addresses() {
        let client = redis::Client::open(format!("redis://{address}")).expect("an address");
        let mut connection = client.get_connection().expect("a Sentinel");
        let rights = more_rights("A user at the Sentinels needs ");
        let mut user = redis::cmd("ACL");
        user.arg(&["SETUSER", "workerpool", "on", ">secret"]);
        let user = user.arg(rights.split(' ').collect::<Vec<_>>());
        user.exec(&mut connection).expect("a user");
    }
    let mut endpoint = endpoint_of(json!({"sentinel": {
        "master": MASTER, "addresses": sentinels.addresses(), "username": "workerpool", "passwordFrom": password(),
    }}));
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(0));
    assert_eq!(refused(master), [""; 0]);
}

#[tokio::test]
async fn a_node_of_a_cluster_is_asked_for_the_slots() {
    let (node, spec) = one_node(&[]);
    run_command(&node, "CLUSTER ADDSLOTSRANGE 0 16383");
    make_user(&node, "List");
    add_rights(&node, &more_rights("On a Cluster, add "));
    let mut endpoint = endpoint_of(spec);
    endpoint
        .until(|result| result.queues[0].ready == Metric::Known(0))
        .await;
    assert_eq!(refused(&node), [""; 0]);
}

async fn endpoint(server: &RedisServer, system: QueueSystem) -> Endpoint {
    let mut endpoint = Endpoint::start(&url_of(server, "workerpool:secret"));
    endpoint.watch("a", system, SHORT);
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(0));
    endpoint
}

#[tokio::test]
async fn a_list_needs_its_length_and_its_notifications() {
    let server = RedisServer::start();
    make_user(&server, "List");
    let mut endpoint = endpoint(&server, QueueSystem::List).await;
    let _: i64 = server.connect().lpush("tasks", "x").expect("a push");
    let notified = endpoint.until(|result| result.notified_at.is_some()).await;
    assert_eq!(notified.queues[0].ready, Metric::Known(1));
    endpoint.send(Command::PollClients(Key::new("default", "a")));
    let read = endpoint.until(|result| result.clients.is_some()).await;
    let list = read.clients.expect("a reading").list;
    assert!(list.is_ok(), "{list:?}");
    assert_eq!(refused(&server), [""; 0]);
}

#[tokio::test]
async fn the_reference_protocol_is_read_drained_and_rescued() {
    let server = RedisServer::start();
    make_user(&server, "WorkerPool");
    let mut endpoint = endpoint(&server, QueueSystem::WorkerPool).await;
    lose_worker(&server, false);
    let is_rescued = |result: &PollResult| {
        (result.queues[0].ready, result.queues[0].in_flight) == (Metric::Known(1), Metric::Known(0))
            && result.queues[0].live == Metric::Known(0)
    };
    endpoint
        .until(|result| result.queues[0].in_flight == Metric::Known(1))
        .await;
    endpoint.until(is_rescued).await;
    endpoint.drain("a", "lost.1", true);
    assert_eq!(endpoint.next().await.drain_refused, None);
    assert_eq!(refused(&server), [""; 0]);
}

/// A user of Sidekiq or Celery with `rights` beside those that connect and notify.
fn user(server: &RedisServer, rights: &str) {
    let base = "reset on >secret +hello +ping +client|tracking +client|caching +info";
    add_rights(server, &format!("{base} {rights}"));
}

async fn drain(endpoint: &mut Endpoint, id: &str) -> PollResult {
    endpoint.drain("a", id, true);
    endpoint.until(|it| it.number == PollNumber(1)).await
}

#[tokio::test]
async fn without_the_right_to_signal_all_but_the_drain_of_sidekiq_works() {
    let server = RedisServer::start();
    let mut redis = server.connect();
    let info = r#"{"hostname":"p1","concurrency":5,"queues":["tasks"]}"#;
    let hash = [("info", info), ("busy", "0"), ("quiet", "false")];
    let _: () = redis.hset_multiple("p1", &hash).expect("a process");
    let _: i64 = redis.sadd("processes", "p1").expect("its name");
    let _: i64 = redis.lpush("queue:tasks", "{}").expect("a job");
    let reads = "%R~* +time +llen +lindex +smembers +sismember +zcard +zrangebyscore +hmget +hvals";
    user(&server, reads);
    let mut endpoint = Endpoint::start(&url_of(&server, "workerpool:secret"));
    endpoint.watch("a", QueueSystem::Sidekiq, SHORT);
    let read = endpoint.next().await;
    assert_eq!(
        (read.queues[0].ready, read.queues[0].live, read.unavailable),
        (Metric::Known(1), Metric::Estimated(1), None)
    );
    let refused = drain(&mut endpoint, "p1").await;
    assert_eq!(
        refused.drain_refused.as_deref(),
        Some("NOPERM: the user may not run lpush")
    );
    assert_eq!(refused.queues[0].live, Metric::Estimated(1));
    add_rights(&server, "~*-signals +lpush +expire");
    assert_eq!(drain(&mut endpoint, "p1").await.drain_refused, None);
    let signals: Vec<String> = redis.lrange("p1-signals", 0, -1).expect("signals");
    assert_eq!(signals, ["TSTP"]);
}

#[tokio::test]
async fn without_the_right_to_ask_the_waiting_tasks_of_celery_are_known() {
    let server = RedisServer::start();
    let _: i64 = server.connect().lpush("tasks", &["x", "y"]).expect("tasks");
    user(
        &server,
        "~tasks* ~unacked ~workerpool-*.reply.celery.pidbox +llen +hlen +hscan +time +client|info +lrange +rpush +expire +ltrim",
    );
    let mut endpoint = Endpoint::start(&url_of(&server, "workerpool:secret"));
    endpoint.watch("a", QueueSystem::Celery, SHORT);
    let read = endpoint.next().await;
    assert_eq!(
        (read.queues[0].ready, read.queues[0].live),
        (Metric::Known(2), Metric::Unavailable)
    );
    let cause = format!("{:?}", read.unavailable);
    assert!(cause.contains("may not run publish"), "{cause}");
    add_rights(&server, "+publish &/0.celery.pidbox");
    let read = endpoint.until(|it| it.unavailable.is_none()).await;
    assert_eq!(
        (read.queues[0].ready, read.queues[0].live),
        (Metric::Known(2), Metric::Known(0))
    );
}
