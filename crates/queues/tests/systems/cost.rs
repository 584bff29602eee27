//! What a poll costs: `cargo test --workspace --test systems cost -- --nocapture` prints the table.
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use crate::celery_workers::Workers;
use crate::fill;
use crate::stage::read;
use decide::{Metric, QueueMetrics};
use queues::{Poll, Queue, QueueOptions, QueueSystem};
use redis::{Commands, Connection, Value};
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use testkit::wait::{until, until_true};

/// The cost of one poll.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cost {
    round_trips: usize,
    commands: usize,
    /// Bytes of the replies.
    bytes: usize,
}

/// What the operator accepts of a Redis in one poll: beyond that it closes the connection.
const ACCEPTED: usize = 16 << 20;

/// Polls once, as the operator does: each round trip is one pipeline. `None` where the replies are too large.
fn poll(redis: &mut Connection, queue: &Queue) -> Option<(Cost, QueueMetrics)> {
    let mut poll = Poll::new([(0, queue)]);
    let mut commands = poll.commands(true);
    let mut cost = Cost::default();
    while !commands.is_empty() {
        let mut pipeline = redis::pipe();
        for command in &commands {
            pipeline.add_command(command.clone());
        }
        cost.round_trips += 1;
        cost.commands += commands.len();
        let replies: Vec<Value> = pipeline.query(redis).unwrap();
        cost.bytes += replies.iter().map(size).sum::<usize>();
        if cost.bytes > ACCEPTED {
            return None;
        }
        commands = poll.receive(replies);
    }
    let reading = poll.finish().next().expect("one queue");
    Some((cost, reading.expect("readable").metrics))
}

/// How many bytes the server sends for a reply.
fn size(reply: &Value) -> usize {
    let line = |number: usize| format!("*{number}\r\n").len();
    match reply {
        Value::Int(number) => format!(":{number}\r\n").len(),
        Value::BulkString(text) => line(text.len()) + text.len() + 2,
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.len() + 3,
        Value::Array(parts) | Value::Set(parts) => {
            line(parts.len()) + parts.iter().map(size).sum::<usize>()
        }
        _ => "_\r\n".len(),
    }
}

fn connect(server: &RedisServer) -> Connection {
    let url = format!("{}?protocol=resp3", server.url());
    let client = redis::Client::open(url).unwrap();
    client.get_connection().unwrap()
}

fn print(system: &str, workers: usize, cost: &Cost, cpu: Duration) {
    let Cost {
        round_trips,
        commands,
        bytes,
    } = cost;
    println!(
        "| {system} | {workers} | {round_trips} | {commands} | {} | {:.1} ms |",
        bytes.div_ceil(1_000),
        cpu.as_secs_f64() * 1_000.0
    );
}

fn cpu(server: &RedisServer, redis: &mut Connection, queue: &Queue) -> Duration {
    let before = server.cpu();
    (0..20).for_each(|_| drop(read(redis, queue)));
    server.cpu().saturating_sub(before) / 20
}

#[test]
fn cost_grows_with_the_workers_and_not_with_the_queue() {
    let server = RedisServer::start();
    let mut redis = connect(&server);
    println!(
        "| system | workers | round trips | commands | KB | Redis CPU |\n|---|---|---|---|---|---|"
    );
    for system in [
        QueueSystem::RQ,
        QueueSystem::BullMQ,
        QueueSystem::Sidekiq,
        QueueSystem::Laravel,
    ] {
        for workers in [10, 100, 1_000] {
            let queue = fill::queue(&mut redis, system, workers, 10);
            let (short, _) = poll(&mut redis, &queue).unwrap();
            fill::queue(&mut redis, system, workers, 100_000);
            let fresh = Queue::new(system, &QueueOptions::named("mail"));
            let (long, _) = poll(&mut redis, &fresh).unwrap();
            assert_eq!(
                (short.round_trips, short.commands),
                (long.round_trips, long.commands)
            );
            // A longer name of a job has more digits.
            assert!(
                short.bytes.abs_diff(long.bytes) < 200,
                "{system:?}: {short:?}, {long:?}"
            );
            assert!(
                long.commands <= 20 + 3 * workers && long.round_trips == 2,
                "{system:?}: {long:?}"
            );
            print(
                system.name(),
                workers,
                &long,
                cpu(&server, &mut redis, &queue),
            );
        }
    }
}

/// A queue of Celery that is polled once all workers have answered: a poll asks them, and the next one reads the answers.
struct Rounds {
    server: RedisServer,
    redis: Connection,
    workers: Workers,
    queue: Queue,
    /// How many questions the last poll asked, and all have.
    asked: usize,
    all: usize,
    at: Instant,
}

impl Rounds {
    fn start(workers: usize, held: usize) -> Self {
        let server = RedisServer::start();
        let mut rounds = Self {
            redis: connect(&server),
            workers: Workers::start(&server, workers, held),
            queue: Queue::new(QueueSystem::Celery, &QueueOptions::named("mail")),
            server,
            asked: 0,
            all: 0,
            at: Instant::now(),
        };
        rounds.next();
        rounds
    }

    /// The cost of the polls that read all answers, of which the last one asks again; what they found, and what the server
    /// used until all have answered.
    fn next(&mut self) -> (Cost, QueueMetrics, Duration) {
        let cpu = self.server.cpu();
        until_true("a second since the last poll", || {
            self.at.elapsed() >= Duration::from_secs(1)
        });
        let mut all = Cost::default();
        let metrics = until("a poll that asks", || {
            let (cost, metrics) = poll(&mut self.redis, &self.queue).unwrap();
            all.round_trips += cost.round_trips;
            all.commands += cost.commands;
            all.bytes += cost.bytes;
            // Eleven commands come before the questions.
            self.asked = cost.commands - 11;
            (self.asked > 0).then_some(metrics)
        });
        self.at = Instant::now();
        self.all += self.asked;
        until_true("the answers of all workers", || {
            self.workers.answered() == self.all
        });
        (all, metrics, self.server.cpu().saturating_sub(cpu))
    }

    /// The same for one that asks and reads what is asked every second.
    fn short(&mut self) -> (Cost, QueueMetrics, Duration) {
        loop {
            let read = self.asked;
            let next = self.next();
            if (read, self.asked) == (3, 3) {
                return next;
            }
        }
    }
}

#[test]
fn cost_of_celery_grows_with_the_workers_and_not_with_the_queue() {
    for workers in [10, 100, 1_000] {
        let mut rounds = Rounds::start(workers, 0);
        let (full, metrics, _) = rounds.next();
        let known = Metric::Known(workers.try_into().unwrap());
        assert_eq!(
            (metrics.live, metrics.busy, metrics.in_flight),
            (known, known, known)
        );
        let (few, ..) = rounds.short();
        let _: i64 = rounds.redis.lpush("mail", vec!["x"; 100_000]).unwrap();
        let (many, metrics, mut cpu) = rounds.short();
        assert_eq!(
            (metrics.ready, metrics.live),
            (Metric::Known(100_000), known)
        );
        for cost in [&few, &many] {
            assert_eq!((cost.round_trips, cost.commands), (2, 14));
        }
        // A later round has a number with more digits.
        assert!(few.bytes.abs_diff(many.bytes) < 10 * workers + 200);
        for _ in 1..5 {
            cpu += rounds.short().2;
        }
        print("Celery", workers, &many, cpu / 5);
        println!("{} KB every 30 s", full.bytes.div_ceil(1_000));
    }
}

#[test]
#[ignore = "make queues"]
fn more_answers_than_a_poll_may_cost_are_read_in_portions() {
    // As with 64 processes each, and Celery's default of four tasks for each of them.
    let (workers, held) = (200, 256);
    let mut rounds = Rounds::start(workers, held);
    let all = Metric::Known((workers * held).try_into().unwrap());
    until("all tasks that were fetched ahead", || {
        let (_, metrics) = poll(&mut rounds.redis, &rounds.queue)?;
        (metrics.held == all).then_some(())
    });
}
