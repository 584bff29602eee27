//! Redis servers that lack a command, or refuse it: what can be read is read, and what cannot has a cause.

use crate::endpoint::{Endpoint, LONG, SHORT, ask, cause, run_command, url_of};
use decide::Metric;
use queues::{Queue, QueueOptions, QueueSystem};
use redis::Commands;
use std::collections::{BTreeMap, HashMap};
use testkit::redis::RedisServer;
use workerpool_operator::observe::{PollResult, RedisNotifications};

fn list(name: &str) -> Queue {
    Queue::new(QueueSystem::List, &QueueOptions::named(name))
}

fn ready(result: &PollResult) -> Metric {
    result.queues[0].ready
}

/// Reads a list at `url` until a change is seen.
async fn read_changing_list(server: &RedisServer, url: &str) -> PollResult {
    let mut endpoint = Endpoint::start(url);
    endpoint.watch_queue("a", list("tasks"), SHORT);
    assert_eq!(ready(&endpoint.next().await), Metric::Known(0));
    let _: i64 = server.connect().lpush("tasks", "x").expect("a push");
    endpoint
        .until(|result| ready(result) == Metric::Known(1))
        .await
}

async fn assert_polled_without_hello(server: &RedisServer, url: &str) {
    let result = read_changing_list(server, url).await;
    assert_eq!(result.notified_at, None);
    assert_eq!(result.notifications, RedisNotifications::NoResp3);
    assert_eq!(result.unavailable, None);
}

#[tokio::test]
async fn a_server_whose_hello_was_taken_away_is_polled() {
    let without_hello = ["--rename-command", "HELLO", ""];
    for name in ["", "redis62"] {
        let server = RedisServer::start_named(name, &without_hello);
        assert_polled_without_hello(&server, &server.url()).await;
        run_command(&server, "CONFIG SET requirepass secret");
        let mut endpoint = Endpoint::start(&url_of(&server, ":secret"));
        endpoint.watch_queue("a", list("tasks"), SHORT);
        assert_eq!(ready(&endpoint.next().await), Metric::Known(1));
        let mut endpoint = Endpoint::start(&url_of(&server, ":other"));
        endpoint.watch_queue("a", list("tasks"), SHORT);
        let refused = cause(&endpoint.next().await);
        assert!(refused.contains("WRONGPASS"), "{refused}");
    }
}

#[tokio::test]
async fn each_server_is_read_as_far_as_its_commands_reach() {
    for name in ["", "redis62", "redis8", "valkey9"] {
        let server = RedisServer::start_named(name, &[]);
        let mut endpoint = Endpoint::start(&server.url());
        endpoint.watch_queue("a", list("tasks"), LONG);
        let first = endpoint.next().await;
        assert_eq!(ready(&first), Metric::Known(0), "{name}");
        assert_eq!(first.notifications, RedisNotifications::Tracked, "{name}");
        let _: i64 = server.connect().lpush("tasks", "x").expect("a push");
        let notified = endpoint.next().await;
        assert_eq!(ready(&notified), Metric::Known(1), "{name}");
        assert!(notified.notified_at.is_some(), "{name}");

        let mut endpoint = Endpoint::start(&server.url());
        endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
        let read = endpoint.next().await;
        if name == "redis62" {
            assert_eq!(ready(&read), Metric::Unavailable);
            let cause = cause(&read);
            assert!(
                cause.contains("EVAL_RO, which Redis has since 7.0"),
                "{cause}"
            );
        } else {
            assert_eq!(ready(&read), Metric::Known(0), "{name}");
        }
    }
}

#[tokio::test]
async fn refused_caching_is_noticed_and_not_asked_for_again() {
    let server = RedisServer::start();
    let rights = "on >secret ~* +@all -client|caching";
    run_command(&server, &format!("ACL SETUSER poller {rights}"));
    let result = read_changing_list(&server, &url_of(&server, "poller:secret")).await;
    assert_eq!(result.notified_at, None);
    assert_eq!(result.notifications, RedisNotifications::Refused);
    let log: Vec<HashMap<String, redis::Value>> = ask(&server, "ACL LOG");
    let entry = |entry: &HashMap<_, _>| format!("{:?} {:?}", entry["object"], entry["count"]);
    let log: Vec<String> = log.iter().map(entry).collect();
    assert_eq!(log, ["bulk-string('\"client|caching\"') int(1)"]);
}

#[tokio::test]
async fn a_pool_whose_keys_may_not_be_tracked_takes_no_notification_from_another() {
    let server = RedisServer::start();
    let rights = "on >secret ~mine ~entries +@all -xlen";
    run_command(&server, &format!("ACL SETUSER reader {rights}"));
    run_command(&server, "XGROUP CREATE entries g $ MKSTREAM");
    let mut endpoint = Endpoint::start(&url_of(&server, "reader:secret"));
    let stream = QueueOptions {
        group: Some("g".to_owned()),
        ..QueueOptions::named("entries")
    };
    endpoint.watch_queue("mine", list("mine"), LONG);
    endpoint.watch_queue("other", list("other"), LONG);
    let stream = Queue::new(QueueSystem::Stream, &stream);
    endpoint.watch_queue("stream", stream, LONG);
    let mut polled = BTreeMap::new();
    while polled.len() < 3 {
        let result = endpoint.next().await;
        polled.insert(result.pool.name.to_string(), result);
    }
    assert_eq!(ready(&polled["mine"]), Metric::Known(0));
    assert_eq!(polled["mine"].notifications, RedisNotifications::Tracked);
    assert!(polled["other"].unavailable.is_some());
    // It can be read, and nothing would notify of a change.
    assert_eq!(ready(&polled["stream"]), Metric::Known(0));
    assert_eq!(polled["stream"].notifications, RedisNotifications::Refused);
    let _: i64 = server.connect().lpush("mine", "x").expect("a push");
    let notified = endpoint.until(|result| result.notified_at.is_some()).await;
    assert_eq!(ready(&notified), Metric::Known(1));
}
