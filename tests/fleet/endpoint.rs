//! The endpoint against a real Redis: the push, the poll, and every way in which Redis can be away.

use crate::stage::{Stage, pool_with, scales, target};
use api::Key;
use decide::Metric;
use decide::victims::DrainState;
use protocol::{Keys, Registration, Take, register, take};
use queues::Queue;
use queues::QueueSystem;
use redis::Commands;
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use workerpool_operator::observe::endpoint::{Command, run};
use workerpool_operator::observe::{Address, PollResult};

const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(100);

struct Eye {
    commands: UnboundedSender<Command>,
    facts: UnboundedReceiver<PollResult>,
}

impl Eye {
    fn on(url: &str) -> Self {
        let (commands, inbox) = unbounded_channel();
        let (deliver, facts) = unbounded_channel();
        tokio::spawn(run(
            Address::new(url, "default", false),
            inbox,
            move |looks| {
                for look in looks {
                    let _ = deliver.send(look);
                }
            },
        ));
        Self { commands, facts }
    }

    fn watch(&self, pool: &str, system: QueueSystem, interval: Duration) {
        let queue = Queue::new("tasks", system);
        let key = Key::new("default", pool);
        self.commands
            .send(Command::Watch(key, vec![queue], interval))
            .expect("the endpoint runs");
    }

    async fn next(&mut self) -> PollResult {
        tokio::time::timeout(Duration::from_secs(10), self.facts.recv())
            .await
            .expect("a look")
            .expect("an endpoint")
    }

    /// The next look that is as wanted; those before it are passed over.
    async fn until(&mut self, wanted: impl Fn(&PollResult) -> bool) -> PollResult {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let facts = self.next().await;
            if wanted(&facts) {
                return facts;
            }
            assert!(Instant::now() < end, "the last look was {facts:?}");
        }
    }
}

fn push(server: &RedisServer) {
    let _: i64 = server
        .connect()
        .lpush("wp:{tasks}:ready", r#"{"id":"1","at":5,"body":{}}"#)
        .expect("a push");
}

#[tokio::test]
async fn a_push_is_heard_without_waiting_for_the_interval() {
    let server = RedisServer::start();
    let mut eye = Eye::on(&server.url());
    eye.watch("a", QueueSystem::WorkerPool, LONG);
    assert_eq!(eye.next().await.queues[0].ready, Metric::Known(0));
    for wanted in 1..=3 {
        push(&server);
        let look = eye.next().await;
        assert_eq!(
            (look.queues[0].ready, look.notified_at.is_some()),
            (Metric::Known(wanted), true)
        );
        assert_eq!(look.queues[0].oldest_at, Metric::Known(5));
    }
}

#[tokio::test]
async fn a_worker_that_is_told_to_drain_is_seen_to_do_so_and_to_go_on() {
    let server = RedisServer::start();
    let (mut eye, keys) = (Eye::on(&server.url()), Keys::new("tasks"));
    eye.watch("a", QueueSystem::WorkerPool, LONG);
    let said = Registration {
        name: "w".into(),
        pod: "pod".into(),
        host: "h".into(),
        version: "1".into(),
    };
    let id = register(&keys, &said)
        .run_blocking(&mut server.connect())
        .expect("an id");
    eye.next().await;
    let ask = |drain| Command::Drain(Key::new("default", "a"), vec![(0, id.clone())], drain);
    eye.commands.send(ask(true)).expect("the endpoint runs");
    let asked = eye.next().await;
    let worker = asked.workers.first().expect("a worker");
    assert_eq!(
        (worker.pod.as_deref(), worker.busy, worker.drain),
        (Some("pod"), false, DrainState::Requested)
    );
    assert_eq!(asked.queues[0].live, Metric::Known(0));
    // It tries to claim, and is told.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let taken = take(&keys, &id, 0)
        .run_blocking(&mut server.connect())
        .expect("an answer");
    assert_eq!(
        taken,
        Take::Nothing {
            held: 0,
            drain: true
        }
    );
    eye.commands
        .send(Command::Look(Key::new("default", "a")))
        .expect("the endpoint runs");
    assert_eq!(eye.next().await.workers[0].drain, DrainState::Drained);
    eye.commands.send(ask(false)).expect("the endpoint runs");
    let goes_on = eye.next().await;
    assert_eq!(
        (goes_on.workers[0].drain, goes_on.queues[0].live),
        (DrainState::None, Metric::Known(1))
    );
}

/// A worker that has taken a task and died; `others` live.
fn death(server: &RedisServer, others: bool) {
    let (mut redis, keys) = (server.connect(), Keys::new("tasks"));
    let mut worker = |name: &str| {
        let (name, host) = (name.to_owned(), "h".to_owned());
        let said = Registration {
            pod: name.clone(),
            name,
            host,
            version: "1".into(),
        };
        register(&keys, &said)
            .run_blocking(&mut redis)
            .expect("an id")
    };
    let dead = worker("dead");
    if others {
        worker("other");
    }
    push(server);
    take(&keys, &dead, 0)
        .run_blocking(&mut redis)
        .expect("a task");
    let _: () = redis.del(keys.worker(&dead)).expect("its lease");
}

#[tokio::test]
async fn what_the_last_worker_held_when_it_was_killed_is_ready_again_and_wakes_a_pool_of_none() {
    let server = RedisServer::start();
    let mut eye = Eye::on(&server.url());
    death(&server, false);
    // A worker that looked for the dead just before it died has the first turn.
    let _: () = server
        .connect()
        .pset_ex("wp:{tasks}:reaper", 1, 300)
        .expect("its turn");
    eye.watch("a", QueueSystem::WorkerPool, SHORT);
    let first = eye.next().await;
    assert_eq!(
        (first.queues[0].ready, first.queues[0].in_flight),
        (Metric::Known(0), Metric::Known(1))
    );
    let rescued = eye
        .until(|look| look.queues[0].ready == Metric::Known(1))
        .await;
    assert_eq!(
        (rescued.queues[0].in_flight, rescued.queues[0].live),
        (Metric::Known(0), Metric::Known(0))
    );
    let mut redis = server.connect();
    let (dead, attempts): (i64, i64) = redis::pipe()
        .scard("wp:{tasks}:workers")
        .hget("wp:{tasks}:attempts", "1")
        .query(&mut redis)
        .expect("an answer");
    assert_eq!((dead, attempts), (0, 1));
    let mut stage = Stage::with(&pool_with(&json!({"minReplicas": 0})), Some(target(0)));
    assert_eq!(scales(&stage.poll(rescued.queues[0])), [1]);
}

#[tokio::test]
async fn while_workers_look_for_the_dead_themselves_the_operator_leaves_it_to_them() {
    let server = RedisServer::start();
    let mut eye = Eye::on(&server.url());
    death(&server, true);
    let _: () = server
        .connect()
        .pset_ex("wp:{tasks}:reaper", 1, 450)
        .expect("a worker's turn");
    eye.watch("a", QueueSystem::WorkerPool, SHORT);
    for _ in 0..3 {
        assert_eq!(eye.next().await.queues[0].in_flight, Metric::Known(1));
    }
}

#[tokio::test]
async fn heartbeats_and_counters_wake_nobody_and_a_storm_is_a_few_reads() {
    let server = RedisServer::start();
    let mut eye = Eye::on(&server.url());
    eye.watch("a", QueueSystem::WorkerPool, LONG);
    eye.next().await;
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
    let storm = start.elapsed();
    eye.until(|look| look.queues[0].ready == Metric::Known(3000))
        .await;
    let mut looks = 1;
    while eye.facts.try_recv().is_ok() {
        looks += 1;
    }
    // One per 10 ms at most; those that were passed over came within the storm.
    assert!(looks < 10, "{looks} looks after a storm of {storm:?}");
}

#[tokio::test]
async fn an_emptied_redis_and_a_forgotten_script_are_noticed() {
    let server = RedisServer::start();
    let mut eye = Eye::on(&server.url());
    eye.watch("a", QueueSystem::WorkerPool, LONG);
    eye.next().await;
    push(&server);
    eye.until(|look| look.queues[0].ready == Metric::Known(1))
        .await;
    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec(&mut server.connect())
        .expect("flush");
    redis::cmd("FLUSHALL")
        .exec(&mut server.connect())
        .expect("flush");
    eye.until(|look| look.queues[0].ready == Metric::Known(0))
        .await;
    push(&server);
    eye.until(|look| look.queues[0].ready == Metric::Known(1))
        .await;
}

#[tokio::test]
async fn a_key_of_the_wrong_type_is_missing_and_named() {
    let server = RedisServer::start();
    let _: () = server
        .connect()
        .set("wp:{tasks}:ready", "oops")
        .expect("a string");
    let mut eye = Eye::on(&server.url());
    eye.watch("a", QueueSystem::WorkerPool, SHORT);
    let look = eye.next().await;
    assert_eq!(look.queues[0].ready, Metric::Unavailable);
    assert!(
        look.unavailable_reason
            .expect("a sentence")
            .contains("wp:{tasks}:ready")
    );
}

#[tokio::test]
async fn where_redis_is_away_the_facts_are_missing_and_when_it_is_back_they_are_there() {
    let mut server = RedisServer::start();
    let mut eye = Eye::on(&server.url());
    eye.watch("a", QueueSystem::WorkerPool, LONG);
    eye.next().await;
    server.stop();
    let gone = eye.until(|look| look.unavailable_reason.is_some()).await;
    assert_eq!(
        gone.queues[0].ready,
        Metric::Unavailable,
        "at once, not at the next poll"
    );
    assert!(
        gone.unavailable_reason
            .expect("a sentence")
            .contains("does not answer")
    );
    server.restart();
    eye.until(|look| look.queues[0].ready == Metric::Known(0))
        .await;
    push(&server);
    let look = eye
        .until(|look| look.queues[0].ready == Metric::Known(1))
        .await;
    assert!(
        look.notified_at.is_some(),
        "the push works on the new connection too"
    );
}

#[tokio::test]
async fn a_silent_redis_has_a_deadline_and_stalls_no_other() {
    let (silent, lively) = (RedisServer::start(), RedisServer::start());
    let (mut one, mut other) = (Eye::on(&silent.url()), Eye::on(&lively.url()));
    one.watch("a", QueueSystem::WorkerPool, SHORT);
    other.watch("b", QueueSystem::WorkerPool, SHORT);
    one.next().await;
    other.next().await;
    redis::cmd("CLIENT")
        .arg(&["PAUSE", "4000", "ALL"])
        .exec(&mut silent.connect())
        .expect("a pause");
    let start = Instant::now();
    let gone = one.until(|look| look.unavailable_reason.is_some()).await;
    assert!(
        gone.unavailable_reason
            .expect("a sentence")
            .contains("no answer within 1 s")
    );
    let (mut looks, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
    while start.elapsed() < Duration::from_secs(2) {
        other.next().await;
        (looks, longest, last) = (looks + 1, longest.max(last.elapsed()), Instant::now());
    }
    assert!(
        looks > 10,
        "{looks} looks, the longest wait was {longest:?}"
    );
    one.until(|look| look.unavailable_reason.is_none()).await;
}

#[tokio::test]
async fn without_the_right_to_track_the_poll_does_it() {
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
    let mut eye = Eye::on(&server.url().replace("redis://", "redis://poller:secret@"));
    eye.watch("a", QueueSystem::WorkerPool, SHORT);
    eye.until(|look| look.queues[0].ready == Metric::Known(0))
        .await;
    push(&server);
    let look = eye
        .until(|look| look.queues[0].ready == Metric::Known(1))
        .await;
    assert!(look.notified_at.is_none());
}

#[tokio::test]
async fn a_refused_password_is_said_and_not_shown() {
    let server = RedisServer::start();
    let mut eye = Eye::on(&server.url().replace("redis://", "redis://default:canary@"));
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "other"])
        .exec(&mut server.connect())
        .expect("a password");
    eye.watch("a", QueueSystem::WorkerPool, SHORT);
    let look = eye.until(|look| look.unavailable_reason.is_some()).await;
    assert!(
        look.unavailable_reason
            .is_some_and(|sentence| !sentence.contains("canary"))
    );
}

#[tokio::test]
async fn a_plain_list_and_a_pool_that_goes() {
    let server = RedisServer::start();
    let mut eye = Eye::on(&server.url());
    eye.watch("a", QueueSystem::List, LONG);
    assert_eq!(eye.next().await.queues[0].ready, Metric::Known(0));
    let _: i64 = server
        .connect()
        .rpush("tasks", &["x", "y"])
        .expect("a push");
    let look = eye.next().await;
    assert_eq!(
        (look.queues[0].ready, look.queues[0].busy),
        (Metric::Known(2), Metric::Unsupported)
    );
    eye.commands
        .send(Command::Forget(Key::new("default", "a")))
        .expect("the endpoint runs");
    eye.watch("b", QueueSystem::List, LONG);
    assert_eq!(&*eye.next().await.pool.name, "b");
    let _: i64 = server.connect().rpush("tasks", "z").expect("a push");
    assert_eq!(
        &*eye.next().await.pool.name,
        "b",
        "nobody looks for the pool that went"
    );
}
