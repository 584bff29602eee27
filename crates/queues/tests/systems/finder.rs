//! The finder recognizes the queues that real libraries made, by their keys.

use crate::stage::Stage;
use crate::{bullmq, laravel, rq, sidekiq};
use queues::{Finder, Found, Queue, QueueOptions, QueueSystem};
use redis::{Commands, Connection, Value};
use rstest::rstest;

/// What is found in the database of `redis`.
fn found(redis: &mut Connection) -> Vec<Found> {
    let mut ask = |commands: &[redis::Cmd]| -> Vec<Value> {
        let mut ask = |command: &redis::Cmd| command.query(redis);
        // An error of one command, such as one of another type, is its reply.
        commands
            .iter()
            .map(|it| ask(it).unwrap_or(Value::Nil))
            .collect()
    };
    let keys: Vec<String> = ask(&[redis::cmd("KEYS").arg("*").take()])
        .pop()
        .and_then(|keys| redis::from_redis_value(keys).ok())
        .unwrap();
    let mut finder = Finder::new(keys);
    let first = ask(&finder.commands());
    let more = finder.more(&first);
    finder.finish(&ask(&more))
}

/// Asserts that only these queues are found, and that each is read as its producer wrote it.
fn assert_found(stage: &Stage, system: QueueSystem, prefix: Option<&str>, queues: &[&str]) {
    let all = found(&mut stage.redis.connect());
    let mut names: Vec<&str> = all.iter().map(|it| it.options.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, queues, "{all:?}");
    for Found {
        system: of,
        options,
    } in &all
    {
        assert_eq!(
            (*of, options.key_prefix.as_deref()),
            (system, prefix),
            "{all:?}"
        );
        let metrics = stage.read(&Queue::new(*of, options)).metrics;
        let written = stage.written(&options.name);
        assert_eq!(
            metrics.ready.known(),
            Some(written.ready),
            "{}",
            options.name
        );
    }
}

#[rstest]
#[case(None)]
#[case(Some("{app}:rq"))]
fn queues_of_rq(#[case] prefix: Option<&str>) {
    let mut stage = rq::stage(prefix);
    stage.push("mail", &["a", "b"]);
    stage.push("video", &["x"]);
    stage.delay("mail", "later", 3_600);
    assert_found(&stage, QueueSystem::RQ, prefix, &["mail", "video"]);
    // A worker and the end of all jobs leave the queue's name.
    stage.start("pod-1", &["mail", "video"], &[]);
    stage.end(&["a", "b", "x"], "ok");
    assert_found(&stage, QueueSystem::RQ, prefix, &["mail", "video"]);
}

#[rstest]
fn queues_of_bullmq_and_bull(
    #[values("bullmq", "bullmq-5", "bull")] library: &str,
    #[values(None, Some("{app}"))] prefix: Option<&str>,
) {
    let mut stage = bullmq::stage(library, prefix);
    stage.push("mail ä", &["a", "b"]);
    stage.push("video", &["x"]);
    stage.delay("video", "later", 3_600);
    stage.start("pod-1", &["video"], &["1"]);
    stage.end(&["x"], "ok");
    let system = match library {
        "bull" => QueueSystem::Bull,
        _ => QueueSystem::BullMQ,
    };
    assert_found(&stage, system, prefix, &["mail ä", "video"]);
}

#[rstest]
#[case(None)]
#[case(Some("app"))]
#[ignore = "make queues"]
fn queues_of_sidekiq(#[case] namespace: Option<&str>) {
    let mut stage = sidekiq::stage(namespace);
    stage.push("mail", &["a", "b"]);
    stage.push("video", &["x"]);
    let prefix = namespace.map(|it| format!("{it}:"));
    let check = |stage: &Stage| {
        assert_found(
            stage,
            QueueSystem::Sidekiq,
            prefix.as_deref(),
            &["mail", "video"],
        );
    };
    check(&stage);
    stage.start("pod-1", &["mail", "video"], &[]);
    stage.end(&["a", "b", "x"], "ok");
    check(&stage);
}

#[test]
#[ignore = "make queues"]
fn queues_of_laravel() {
    let mut stage = laravel::stage("laravel_database_");
    stage.push("mail", &["a", "b"]);
    stage.delay("video", "later", 3_600);
    assert_found(&stage, QueueSystem::Laravel, None, &["mail", "video"]);
}

#[test]
fn other_lists_and_groups_are_found_and_what_is_no_queue_is_not() {
    let server = testkit::redis::RedisServer::start();
    let mut redis = server.connect();
    let mut pipe = redis::pipe();
    pipe.lpush("reports", "1")
        .lpush("resque:queue:mail", r#"{"class":"Mail","args":[]}"#);
    pipe.sadd("resque:queues", "mail")
        .sadd("queues", "any")
        .hset("bull:x:meta", "a", 1);
    pipe.set("session", 1)
        .zadd("scores", "a", 1)
        .lpush("bad\u{1}name", 1);
    pipe.lpush("0f.reply.celery.pidbox", 1);
    pipe.cmd("XGROUP")
        .arg(&["CREATE", "orders", "billing", "$", "MKSTREAM"]);
    pipe.cmd("XGROUP")
        .arg(&["CREATE", "orders", "mail", "$", "MKSTREAM"]);
    pipe.cmd("XADD").arg(&["log", "*", "a", "1"]);
    pipe.hset("wp:{tasks}:stats", "arrived", 1)
        .sadd("wp:{tasks}:workers", "a");
    let () = pipe.query(&mut redis).unwrap();
    let group = |group: &str| Found {
        system: QueueSystem::Stream,
        options: QueueOptions {
            group: Some(group.to_owned()),
            ..QueueOptions::named("orders")
        },
    };
    let plain = |system, name| Found {
        system,
        options: QueueOptions::named(name),
    };
    assert_eq!(
        found(&mut redis),
        [
            plain(QueueSystem::WorkerPool, "tasks"),
            plain(QueueSystem::List, "reports"),
            plain(QueueSystem::List, "resque:queue:mail"),
            group("billing"),
            group("mail"),
        ]
    );
    let keys: Vec<String> = (0..20_000).map(|n| format!("list-{n}")).collect();
    let _: () = redis.del("reports").unwrap();
    assert_eq!(Finder::new(keys).commands().len(), Finder::MAX_KEYS);
}
