//! The endpoint against a real Redis: notifications, polls, and each way in which Redis can be unavailable.

use api::Key;
use decide::Metric;
use decide::victims::DrainState;
use protocol::{Keys, Registration, Take, register, take};
use queues::{Queue, QueueOptions, QueueSystem, RedisMemory};
use redis::Commands;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use workerpool_operator::observe::endpoint::{Command, Mailbox, Network, mailbox, run};
use workerpool_operator::observe::{Address, Destinations, Epoch, PollNumber, PollResult, Redis};

pub const LONG: Duration = Duration::from_hours(1);
pub const SHORT: Duration = Duration::from_millis(100);

/// A running endpoint.
pub struct Endpoint {
    mailbox: Mailbox,
    results: UnboundedReceiver<PollResult>,
}

impl Endpoint {
    pub fn start(url: &str) -> Self {
        let address = Address::parse(url, "default", false).expect("an address");
        Self::of(address.into())
    }

    pub fn of(redis: Redis) -> Self {
        let (mailbox, commands) = mailbox();
        let (deliver, results) = unbounded_channel();
        tokio::spawn(run(
            Arc::new(Network::new(Destinations::new(vec![], None))),
            Arc::default(),
            redis,
            commands,
            move |polled| {
                for result in polled {
                    let _ = deliver.send(result);
                }
                std::future::ready(())
            },
        ));
        Self { mailbox, results }
    }

    pub fn watch(&self, pool: &str, system: QueueSystem, interval: Duration) {
        let queue = Queue::new(system, &QueueOptions::named("tasks"));
        self.watch_queue(pool, queue, interval);
    }

    pub fn watch_queue(&self, pool: &str, queue: Queue, interval: Duration) {
        let key = Key::new("default", pool);
        self.send(Command::Watch(key, Epoch(1), vec![queue], interval));
    }

    pub fn send(&self, command: Command) {
        self.mailbox.send(command);
    }

    /// The next result, whatever it is.
    pub async fn any(&mut self) -> PollResult {
        tokio::time::timeout(Duration::from_mins(1), self.results.recv())
            .await
            .expect("a poll in time")
            .expect("the endpoint runs")
    }

    /// The next result of a Redis that answered in time. On a busy machine even a healthy one may not.
    pub async fn next(&mut self) -> PollResult {
        loop {
            let result = self.any().await;
            if !is_slow(&result) {
                return result;
            }
        }
    }

    /// Drops the results that are there.
    pub fn skip(&mut self) {
        while self.results.try_recv().is_ok() {}
    }

    /// The first poll result that `matches`; those before it are skipped.
    pub async fn until(&mut self, matches: impl Fn(&PollResult) -> bool) -> PollResult {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let result = self.any().await;
            if matches(&result) {
                return result;
            }
            assert!(Instant::now() < deadline, "the last poll: {result:?}");
        }
    }
}

pub fn push(server: &RedisServer) {
    let _: i64 = server
        .connect()
        .lpush(
            "wp:{tasks}:ready",
            r#"{"id":"1","at":1700000000005,"body":{}}"#,
        )
        .expect("a push");
}

fn is_slow(result: &PollResult) -> bool {
    let cause = result.unavailable.as_ref().map(messages::cause);
    cause.is_some_and(|it| it.contains("no answer within") || it.contains("timed out"))
}

pub fn cause(result: &PollResult) -> String {
    messages::cause(result.unavailable.as_ref().expect("a cause"))
}

#[tokio::test]
async fn push_notifies_without_waiting_for_the_interval() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(0));
    for expected in 1..=3 {
        push(&server);
        let result = endpoint.next().await;
        assert_eq!(
            (result.queues[0].ready, result.notified_at.is_some()),
            (Metric::Known(expected), true)
        );
        assert_eq!(result.queues[0].oldest_at, Metric::Known(1_700_000_000_005));
    }
}

#[tokio::test]
async fn worker_drains_on_request_and_continues() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    let keys = Keys::new("tasks");
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    let registration = Registration {
        name: "w".into(),
        pod: "pod".into(),
        namespace: None,
        host: "h".into(),
        version: "1".into(),
    };
    let id = register(&keys, &registration, 1)
        .run_blocking(&mut server.connect())
        .expect("an id");
    endpoint.next().await;
    let request = |drain| {
        Command::Drain(
            Key::new("default", "a"),
            vec![(0, id.clone())],
            drain,
            PollNumber(1),
        )
    };
    endpoint.send(request(true));
    let requested = endpoint.next().await;
    let worker = requested.workers.first().expect("a worker");
    assert_eq!(
        (worker.pod.as_deref(), worker.busy, worker.drain),
        (Some("pod"), false, DrainState::Requested)
    );
    assert_eq!(requested.queues[0].live, Metric::Known(0));
    assert_eq!(requested.number, PollNumber(1), "it followed the request");
    // The worker learns of the request when it next claims a task.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let claim = take(&keys, &id, 0)
        .run_blocking(&mut server.connect())
        .expect("an answer");
    assert_eq!(
        claim,
        Take::Nothing {
            held: 0,
            drain: true
        }
    );
    endpoint.send(Command::Poll(Key::new("default", "a"), PollNumber(2)));
    assert_eq!(endpoint.next().await.workers[0].drain, DrainState::Drained);
    endpoint.send(request(false));
    let resumed = endpoint.next().await;
    assert_eq!(
        (resumed.workers[0].drain, resumed.queues[0].live),
        (DrainState::None, Metric::Known(1))
    );
}

#[tokio::test]
async fn a_refused_drain_is_reported_until_it_succeeds() {
    let server = RedisServer::start();
    let rights = |rights: &[&str]| {
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg("reader").arg(rights);
        command.exec(&mut server.connect()).expect("it is set");
    };
    rights(&["on", ">secret", "~*", "&*", "+@all", "-evalsha", "-eval"]);
    let url = server.url().replace("redis://", "redis://reader:secret@");
    let mut endpoint = Endpoint::start(&url);
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    assert_eq!(endpoint.next().await.drain_refused, None);
    let drain = || {
        Command::Drain(
            Key::new("default", "a"),
            vec![(0, "w.1".into())],
            true,
            PollNumber(1),
        )
    };
    endpoint.send(drain());
    let refused = endpoint.next().await.drain_refused.expect("an error");
    assert!(refused.contains("evalsha"), "{refused}");
    rights(&["+evalsha", "+eval"]);
    endpoint.send(drain());
    assert_eq!(endpoint.next().await.drain_refused, None);
}

/// With due tasks `decide` scales from zero: nothing else would make them ready.
#[tokio::test]
async fn a_task_between_two_attempts_is_due() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    let _: i64 = server
        .connect()
        .zadd("wp:{tasks}:delayed", r#"0:{"id":"1"}"#, i64::MAX)
        .expect("a delayed task");
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    let result = endpoint.next().await;
    assert_eq!(
        (result.queues[0].ready, result.queues[0].due),
        (Metric::Known(0), Metric::Known(1))
    );
}

#[tokio::test]
async fn heartbeats_do_not_notify_and_bursts_cost_few_polls() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    endpoint.next().await;
    let mut redis = server.connect();
    for _ in 0..100 {
        let _: () = redis
            .hset("wp:{tasks}:stats", "processed", 1)
            .expect("a counter");
        let _: () = redis
            .hset("wp:{tasks}:worker:w.1", "cpu", 1)
            .expect("a heartbeat");
    }
    let start = Instant::now();
    for _ in 0..3000 {
        push(&server);
    }
    let burst = start.elapsed();
    endpoint
        .until(|result| result.queues[0].ready == Metric::Known(3000))
        .await;
    let mut polls = 1;
    while endpoint.results.try_recv().is_ok() {
        polls += 1;
    }
    // At most one poll per 10 ms; the skipped ones came during the burst.
    assert!(polls < 10, "{polls} polls after a burst of {burst:?}");
}

#[tokio::test]
async fn flushed_data_and_flushed_scripts_are_noticed() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    endpoint.next().await;
    push(&server);
    endpoint
        .until(|result| result.queues[0].ready == Metric::Known(1))
        .await;
    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec(&mut server.connect())
        .expect("flush");
    redis::cmd("FLUSHALL")
        .exec(&mut server.connect())
        .expect("flush");
    endpoint
        .until(|result| result.queues[0].ready == Metric::Known(0))
        .await;
    push(&server);
    endpoint
        .until(|result| result.queues[0].ready == Metric::Known(1))
        .await;
}

#[tokio::test]
async fn wrong_key_type_makes_the_metric_unavailable() {
    let server = RedisServer::start();
    let _: () = server
        .connect()
        .set("wp:{tasks}:ready", "oops")
        .expect("a string");
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    let result = endpoint.next().await;
    assert_eq!(result.queues[0].ready, Metric::Unavailable);
    assert!(cause(&result).contains("wp:{tasks}:ready"));
}

#[tokio::test]
async fn metrics_are_unavailable_only_while_redis_is_down() {
    let mut server = RedisServer::start();
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    endpoint.next().await;
    server.stop();
    let unavailable = endpoint.until(|result| result.unavailable.is_some()).await;
    assert_eq!(
        unavailable.queues[0].ready,
        Metric::Unavailable,
        "at once, not at the next interval"
    );
    assert!(cause(&unavailable).contains("does not answer"));
    server.restart();
    endpoint
        .until(|result| result.queues[0].ready == Metric::Known(0))
        .await;
    push(&server);
    let result = endpoint
        .until(|result| result.queues[0].ready == Metric::Known(1))
        .await;
    assert!(
        result.notified_at.is_some(),
        "notifications work on the new connection too"
    );
}

#[tokio::test]
async fn unresponsive_redis_times_out_and_delays_no_other() {
    let paused_redis = RedisServer::start();
    let live_redis = RedisServer::start();
    let mut paused = Endpoint::start(&paused_redis.url());
    let mut live = Endpoint::start(&live_redis.url());
    paused.watch("a", QueueSystem::WorkerPool, SHORT);
    live.watch("b", QueueSystem::WorkerPool, SHORT);
    paused.next().await;
    live.next().await;
    paused_redis.pause();
    let unavailable = paused.until(|result| result.unavailable.is_some()).await;
    assert!(cause(&unavailable).contains("no answer within 1 s"));
    for _ in 0..10 {
        assert_eq!(live.next().await.unavailable, None);
    }
    paused_redis.resume();
    paused.until(|result| result.unavailable.is_none()).await;
}

#[tokio::test]
async fn polls_without_permission_for_client_tracking() {
    let server = RedisServer::start();
    let rules = [
        "ACL",
        "SETUSER",
        "poller",
        "on",
        ">secret",
        "~*",
        "+@all",
        "-client|tracking",
    ];
    redis::cmd(rules[0])
        .arg(&rules[1..])
        .exec(&mut server.connect())
        .expect("a user");
    let mut endpoint = Endpoint::start(&server.url().replace("redis://", "redis://poller:secret@"));
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    endpoint
        .until(|result| result.queues[0].ready == Metric::Known(0))
        .await;
    push(&server);
    let result = endpoint
        .until(|result| result.queues[0].ready == Metric::Known(1))
        .await;
    assert!(result.notified_at.is_none());
}

#[tokio::test]
async fn memory_limit_of_redis_is_reported() {
    let server = RedisServer::start();
    let set = |name: &str, value: &str| {
        redis::cmd("CONFIG")
            .arg(&["SET", name, value])
            .exec(&mut server.connect())
            .expect("a setting");
    };
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    endpoint
        .until(|result| result.memory == RedisMemory::Unbounded)
        .await;
    for (policy, expected) in [
        ("allkeys-lru", RedisMemory::Evicting("allkeys-lru".into())),
        ("noeviction", RedisMemory::Bounded),
    ] {
        set("maxmemory", "100mb");
        set("maxmemory-policy", policy);
        // A new connection reads it at once.
        redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
            .exec(&mut server.connect())
            .expect("killed");
        endpoint.until(|result| result.memory == expected).await;
    }
}

#[tokio::test]
async fn rejected_password_is_reported_and_not_printed() {
    let server = RedisServer::start();
    let mut endpoint =
        Endpoint::start(&server.url().replace("redis://", "redis://default:canary@"));
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "other"])
        .exec(&mut server.connect())
        .expect("a password");
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    let result = endpoint.until(|result| result.unavailable.is_some()).await;
    assert!(!cause(&result).contains("canary"));
}
