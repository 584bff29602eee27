//! What the endpoint reads of other queue systems, on a real Redis.

use crate::endpoint::{Endpoint, LONG, ask, run_command};
use api::Key;
use decide::Metric;
use queues::{Queue, QueueOptions, QueueSystem};
use redis::Commands;
use testkit::redis::RedisServer;
use workerpool_operator::observe::endpoint::Command;

#[tokio::test]
async fn polls_a_plain_list_and_stops_after_unwatch() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::List, LONG);
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(0));
    let _: i64 = server
        .connect()
        .rpush("tasks", &["x", "y"])
        .expect("a push");
    let result = endpoint.next().await;
    assert_eq!(
        (result.queues[0].ready, result.queues[0].busy),
        (Metric::Known(2), Metric::Unsupported)
    );
    endpoint.send(Command::Unwatch(Key::new("default", "a")));
    endpoint.watch("b", QueueSystem::List, LONG);
    assert_eq!(&*endpoint.next().await.pool.name, "b");
    let _: i64 = server.connect().rpush("tasks", "z").expect("a push");
    assert_eq!(
        &*endpoint.next().await.pool.name,
        "b",
        "the unwatched pool is not polled"
    );
}

#[tokio::test]
async fn what_one_poll_leaves_unread_is_read_by_the_next_one_at_once() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::Celery, LONG);
    endpoint.next().await;
    let mut redis = server.connect();
    let lists: Vec<String> = redis.keys("*.reply.celery.pidbox").expect("keys");
    let [list] = &*lists else { panic!("{lists:?}") };
    let _: i64 = redis.lpush(list, vec!["x"; 5_000]).expect("answers");
    endpoint.poll("a", 1);
    loop {
        endpoint.next().await;
        if redis.llen(list) == Ok(1) {
            break;
        }
    }
}

/// Adds an entry to the stream `orders` and returns its ID.
fn add(server: &RedisServer) -> String {
    ask(server, "XADD orders * body x")
}

#[tokio::test]
async fn a_stream_reports_what_its_group_has_not_delivered() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    let options = QueueOptions {
        group: Some("jobs".to_owned()),
        ..QueueOptions::named("orders")
    };
    endpoint.watch_queue("a", Queue::new(QueueSystem::Stream, &options), LONG);
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(0));
    let entries = [add(&server), add(&server), add(&server)];
    run_command(&server, "XGROUP CREATE orders jobs 0");
    let claim = "XREADGROUP GROUP jobs pod-1 COUNT 1 STREAMS orders >";
    run_command(&server, claim);
    let fourth = add(&server);
    let result = endpoint
        .until(|result| result.queues[0].in_flight == Metric::Known(1))
        .await;
    let time = |id: &str| id.split_once('-').and_then(|(time, _)| time.parse().ok());
    assert_eq!(
        (result.queues[0].ready, result.notified_at.is_some()),
        (Metric::Known(3), true)
    );
    let oldest = time(&entries[1]).map(Metric::Known);
    assert_eq!(Some(result.queues[0].oldest_at), oldest);
    // Redis no longer knows the group's lag: it is counted, and never zero.
    run_command(&server, &format!("XDEL orders {}", entries[1]));
    let result = endpoint
        .until(|result| result.queues[0].ready == Metric::Known(2))
        .await;
    let oldest = time(&entries[2]).map(Metric::Known);
    assert_eq!(Some(result.queues[0].oldest_at), oldest);
    assert_ne!(time(&fourth), None);
}
