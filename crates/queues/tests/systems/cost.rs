//! What a poll costs: `cargo test -p queues --test systems cost -- --nocapture` prints the table.

use crate::fill;
use crate::stage::read;
use queues::{Poll, Queue, QueueOptions, QueueSystem};
use redis::{Connection, Value, cmd};
use std::time::Duration;
use testkit::redis::RedisServer;

/// The cost of one poll.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cost {
    round_trips: usize,
    commands: usize,
    /// Bytes of the replies.
    bytes: i64,
}

/// Polls once, as the operator does: each round trip is one pipeline.
fn poll(redis: &mut Connection, queue: &Queue) -> Cost {
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
        let before = sent(redis);
        let replies: Vec<Value> = pipeline.query(redis).unwrap();
        // The reply about the bytes before is one of them, too.
        cost.bytes += sent(redis) - before;
        commands = poll.receive(replies);
    }
    poll.finish().next().expect("one queue").expect("readable");
    cost
}

/// How many bytes the server has sent.
fn sent(redis: &mut Connection) -> i64 {
    let info: String = cmd("INFO").arg("stats").query(redis).unwrap();
    let line = info
        .lines()
        .find_map(|it| it.strip_prefix("total_net_output_bytes:"));
    line.unwrap().trim().parse().unwrap()
}

fn cpu(server: &RedisServer, redis: &mut Connection, queue: &Queue) -> Duration {
    let before = server.cpu();
    (0..20).for_each(|_| drop(read(redis, queue)));
    server.cpu().saturating_sub(before) / 20
}

#[test]
fn cost_grows_with_the_workers_and_not_with_the_queue() {
    let server = RedisServer::start();
    let url = format!("{}?protocol=resp3", server.url());
    let client = redis::Client::open(url).unwrap();
    let mut redis = client.get_connection().unwrap();
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
            let short = poll(&mut redis, &queue);
            fill::queue(&mut redis, system, workers, 100_000);
            let long = poll(
                &mut redis,
                &Queue::new(system, &QueueOptions::named("mail")),
            );
            assert_eq!(
                (short.round_trips, short.commands),
                (long.round_trips, long.commands)
            );
            // A longer number has more digits.
            assert!(
                (short.bytes - long.bytes).abs() < 200,
                "{system:?}: {short:?}, {long:?}"
            );
            assert!(
                long.commands <= 20 + 3 * workers && long.round_trips == 2,
                "{system:?}: {long:?}"
            );
            let cpu = cpu(&server, &mut redis, &queue);
            let Cost {
                round_trips,
                commands,
                bytes,
            } = long;
            println!(
                "| {} | {workers} | {round_trips} | {commands} | {} | {:.1} ms |",
                system.name(),
                bytes / 1_000,
                cpu.as_secs_f64() * 1_000.0
            );
        }
    }
}
