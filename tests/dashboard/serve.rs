//! The dashboard alone, on simulated queues. `cargo run --example dashboard -- 127.0.0.1:8000 20` serves 20 pools with an
//! hour of history; with the arguments `… 20 61 quiet` no tasks arrive. It reads commands from standard input: `push
//! filters 50`, `fail filters connection refused`, `recover filters`, `stall filters`, `delete filters`. It prints each
//! decision at the moment it is made.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for tests may panic and print"
)]

mod feed;
mod sim_queue;

use feed::{Action, Feed, ask, pool};
use serde_json::json;
use sim_queue::Workload;
use std::io::BufRead;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use workerpool_operator::dashboard::{self, Access, DashboardStore};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| {
        arguments
            .get(index)
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let address = arguments.first().map_or("127.0.0.1:8000", String::as_str);
    let (pools, minutes) = (number(1, 20), number(2, 61));

    let store = Arc::new(DashboardStore::default());
    let mut feed = Feed::new(store.clone(), Duration::from_secs(minutes * 60));
    if arguments.get(3).is_some_and(|mode| mode == "quiet") {
        for i in 0..pools {
            feed.add(
                &pool(&format!("quiet-{i}"), &json!({})),
                Workload::Quiet,
                4_000,
                Some(3),
            );
        }
    } else {
        fill(&mut feed, pools);
    }
    feed.begin(if pools > 50 { 1_000 } else { 200 });
    feed.on_scale = Box::new(|key, to| {
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        println!(
            "decided {} {to} {:.3}",
            key.name,
            now.as_secs_f64() * 1000.0
        );
    });

    let (ask, inbox, _events) = ask();
    let stop = CancellationToken::new();
    let router = dashboard::router(
        store,
        ask,
        dashboard::Hosts::default(),
        Access::Everyone,
        stop.clone(),
    );
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .expect("a free port");
    println!(
        "listening {}",
        listener.local_addr().expect("an address").port()
    );
    let actions = read_actions(stop);
    let feed = tokio::spawn(feed.run(inbox, actions));
    axum::serve(listener, router).await.expect("a server");
    feed.await.expect("no panic");
}

/// Reads actions from standard input; its end stops the program.
fn read_actions(stop: CancellationToken) -> tokio::sync::mpsc::UnboundedReceiver<Action> {
    let (send, actions) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let command: Vec<&str> = line.splitn(3, ' ').collect();
            let action = match command[..] {
                ["push", name, tasks] => {
                    Action::Push(name.to_owned(), tasks.parse().expect("a number"))
                }
                ["fail", name, error] => Action::Fail(name.to_owned(), Some(error.to_owned())),
                ["recover", name] => Action::Fail(name.to_owned(), None),
                ["stall", name] => Action::Stall(name.to_owned()),
                ["delete", name] => Action::Delete(name.to_owned()),
                _ => continue,
            };
            let _ = send.send(action);
        }
        stop.cancel();
    });
    actions
}

/// The first pool has the defaults. Of the others some have problems, some are at their bounds, some are pinned, and most
/// are healthy.
fn fill(feed: &mut Feed, pools: u64) {
    feed.add(
        &pool("filters", &json!({})),
        Workload::Bursts(25, 190),
        8_000,
        Some(3),
    );
    let names = [
        "mail",
        "reports",
        "thumbnails",
        "invoices",
        "search-index",
        "webhooks",
        "exports",
        "video",
    ];
    for i in 1..pools {
        let name = match names.get(usize::try_from(i - 1).expect("few")) {
            Some(name) => (*name).to_owned(),
            None => format!("{}-{i}", names[usize::try_from(i % 8).expect("few")]),
        };
        let (spec, workload, task, workers) = example(i);
        feed.add(&pool(&name, &spec), workload, task, workers);
    }
}

/// The spec of pool `i`, its workload, the milliseconds per task, and its workers.
fn example(i: u64) -> (serde_json::Value, Workload, i64, Option<i32>) {
    let rate = 20 + i64::try_from(i * 37 % 90).expect("few");
    match i {
        2 => (json!({}), Workload::Steady(60), 4_000, Some(4)),
        3 => (
            json!({"maxReplicas": 6}),
            Workload::Steady(260),
            4_000,
            Some(5),
        ),
        4 => (json!({"replicas": 5}), Workload::Steady(30), 4_000, Some(5)),
        5 => (
            json!({"suspend": true}),
            Workload::Steady(90),
            4_000,
            Some(4),
        ),
        6 => (json!({}), Workload::Quiet, 4_000, None),
        7 => (
            json!({"minReplicas": 0}),
            Workload::Bursts(3, 600),
            4_000,
            Some(0),
        ),
        8 => (
            json!({
                "queues": [{"name": "jobs", "system": "List"}],
                "scaleUp": {"queueLength": 8, "step": 2, "cooldown": "20s"},
                "scaleDown": {"queueLength": 2, "idleFor": "45s", "step": 2, "cooldown": "30s"},
            }),
            Workload::List(60),
            4_000,
            Some(4),
        ),
        _ if i.is_multiple_of(3) => (
            json!({}),
            Workload::Bursts(12 + rate / 4, 120 + rate),
            6_000,
            Some(3),
        ),
        _ if i.is_multiple_of(7) => (json!({}), Workload::Quiet, 4_000, Some(3)),
        _ => (json!({}), Workload::Steady(rate), 4_000, Some(3)),
    }
}
