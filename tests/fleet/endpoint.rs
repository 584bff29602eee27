//! The endpoint against a real Redis: notifications, polls, and each way in which Redis can be unavailable.

use api::Key;
use decide::Metric;
use decide::victims::DrainState;
use protocol::{Keys, Registration, Take, register, take};
use queues::{Queue, QueueOptions, QueueSystem, RedisMemory};
use redis::{Commands, FromRedisValue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use workerpool_operator::observe::endpoint::{Command, Dial, Mailbox, Network, mailbox, run};
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
        Self::over(Network::new(Destinations::new(vec![], None)), redis)
    }

    /// The endpoint of `redis` over this network.
    pub fn over(network: impl Dial + 'static, redis: Redis) -> Self {
        let (mailbox, commands) = mailbox();
        let (sender, results) = unbounded_channel();
        let deliver = move |polled: Vec<PollResult>| {
            for result in polled {
                let _ = sender.send(result);
            }
            std::future::ready(())
        };
        let network = Arc::new(network);
        tokio::spawn(run(network, Arc::default(), redis, commands, deliver));
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

    pub fn poll(&self, pool: &str, number: u64) {
        let number = PollNumber(number);
        self.send(Command::Poll(Key::new("default", pool), number));
    }

    /// Asks the worker `id` of the pool's first queue to drain, or to continue, as request number 1.
    pub fn drain(&self, pool: &str, id: &str, drain: bool) {
        let (pool, workers) = (Key::new("default", pool), vec![(0, id.to_owned())]);
        self.send(Command::Drain(pool, workers, drain, PollNumber(1)));
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

/// The answer of the server to a command, whose words have no spaces.
pub fn ask<T: FromRedisValue>(server: &RedisServer, command: &str) -> T {
    let mut words = command.split(' ');
    let mut query = redis::cmd(words.next().expect("a name"));
    let answer = query.arg(words.collect::<Vec<_>>());
    let answer = answer.query(&mut server.connect());
    answer.unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// The same, whatever it answers.
pub fn run_command(server: &RedisServer, command: &str) {
    ask::<redis::Value>(server, command);
}

/// The address of the server with this user and password.
pub fn url_of(server: &RedisServer, login: &str) -> String {
    let scheme_and_login = format!("redis://{login}@");
    server.url().replace("redis://", &scheme_and_login)
}

pub fn push(server: &RedisServer) {
    let task = r#"{"id":"1","at":1700000000005,"body":{}}"#;
    let mut redis = server.connect();
    let _: i64 = redis.lpush("wp:{tasks}:ready", task).expect("a push");
}

/// Registers a worker of the queue `name`, whose name is that of its pod. Returns its ID.
pub fn register_worker(server: &RedisServer, name: &str, pod: &str) -> String {
    let registration = Registration {
        name: pod.into(),
        pod: pod.into(),
        namespace: None,
        host: "h".into(),
        version: "1".into(),
    };
    let registered = register(&Keys::new(name), &registration, 1);
    let registered = registered.run_blocking(&mut server.connect());
    registered.expect("an id")
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
    let id = register_worker(&server, "tasks", "pod");
    endpoint.next().await;
    endpoint.drain("a", &id, true);
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
    endpoint.poll("a", 2);
    assert_eq!(endpoint.next().await.workers[0].drain, DrainState::Drained);
    endpoint.drain("a", &id, false);
    let resumed = endpoint.next().await;
    assert_eq!(
        (resumed.workers[0].drain, resumed.queues[0].live),
        (DrainState::None, Metric::Known(1))
    );
}

#[tokio::test]
async fn a_refused_drain_is_reported_until_it_succeeds() {
    let server = RedisServer::start();
    let rights = "on >secret ~* &* +@all -evalsha -eval";
    run_command(&server, &format!("ACL SETUSER reader {rights}"));
    let mut endpoint = Endpoint::start(&url_of(&server, "reader:secret"));
    endpoint.watch("a", QueueSystem::WorkerPool, LONG);
    assert_eq!(endpoint.next().await.drain_refused, None);
    endpoint.drain("a", "w.1", true);
    let refused = endpoint.next().await.drain_refused.expect("an error");
    assert!(refused.contains("evalsha"), "{refused}");
    run_command(&server, "ACL SETUSER reader +evalsha +eval");
    endpoint.drain("a", "w.1", true);
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
    run_command(&server, "SCRIPT FLUSH");
    run_command(&server, "FLUSHALL");
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
    let rights = "on >secret ~* +@all -client|tracking";
    run_command(&server, &format!("ACL SETUSER poller {rights}"));
    let mut endpoint = Endpoint::start(&url_of(&server, "poller:secret"));
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
    let mut endpoint = Endpoint::start(&server.url());
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    endpoint
        .until(|result| result.memory == RedisMemory::Unbounded)
        .await;
    for (policy, expected) in [
        ("allkeys-lru", RedisMemory::Evicting("allkeys-lru".into())),
        ("noeviction", RedisMemory::Bounded),
    ] {
        let settings = format!("maxmemory 100mb maxmemory-policy {policy}");
        run_command(&server, &format!("CONFIG SET {settings}"));
        // A new connection reads it at once.
        run_command(&server, "CLIENT KILL TYPE normal SKIPME yes");
        endpoint.until(|result| result.memory == expected).await;
    }
}

#[tokio::test]
async fn rejected_password_is_reported_and_not_printed() {
    let server = RedisServer::start();
    let mut endpoint = Endpoint::start(&url_of(&server, "default:canary"));
    run_command(&server, "CONFIG SET requirepass other");
    endpoint.watch("a", QueueSystem::WorkerPool, SHORT);
    let result = endpoint.until(|result| result.unavailable.is_some()).await;
    assert!(!cause(&result).contains("canary"));
}
