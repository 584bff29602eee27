//! The dashboard by itself, on played queues: `cargo run --example dashboard -- 127.0.0.1:8000 20`, 20 pools with an hour
//! behind them; `… 20 61 quiet`: nothing happens by itself. What is typed happens: `push filters 50`, `blind filters
//! connection refused`, `see filters`, `deafen filters`, `delete filters`. It prints each decision in the instant in which
//! it is taken.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for tests may fail loudly and talk"
)]

mod feed;
mod play;

use feed::{Deed, Feed, ask, pool};
use play::Day;
use serde_json::json;
use std::io::BufRead;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use workerpool_operator::dashboard;
use workerpool_operator::dashboard::DashboardStore;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, else_: u64| {
        arguments
            .get(at)
            .map_or(else_, |text| text.parse().expect("a number"))
    };
    let address = arguments.first().map_or("127.0.0.1:8000", String::as_str);
    let (pools, minutes) = (number(1, 20), number(2, 61));

    let board = Arc::new(DashboardStore::default());
    let mut feed = Feed::new(board.clone(), Duration::from_secs(minutes * 60));
    if arguments.get(3).is_some_and(|how| how == "quiet") {
        for i in 0..pools {
            feed.add(
                &pool(&format!("quiet-{i}"), &json!({})),
                Day::Quiet,
                4_000,
                Some(3),
            );
        }
    } else {
        fill(&mut feed, pools);
    }
    feed.begin(if pools > 50 { 1_000 } else { 200 });
    feed.decided = Box::new(|key, to| {
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        println!(
            "decided {} {to} {:.3}",
            key.name,
            now.as_secs_f64() * 1000.0
        );
    });

    let (ask, inbox, _events) = ask();
    let stop = CancellationToken::new();
    let router = dashboard::router(board, ask, stop.clone());
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .expect("a free port");
    println!(
        "listening {}",
        listener.local_addr().expect("an address").port()
    );
    let (send, deeds) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let deed = match words[..] {
                ["push", name, tasks] => {
                    Deed::Push(name.to_owned(), tasks.parse().expect("a number"))
                }
                ["blind", name, why] => Deed::Blind(name.to_owned(), Some(why.to_owned())),
                ["see", name] => Deed::Blind(name.to_owned(), None),
                ["deafen", name] => Deed::Deafen(name.to_owned()),
                ["delete", name] => Deed::Delete(name.to_owned()),
                _ => continue,
            };
            let _ = send.send(deed);
        }
        stop.cancel();
    });
    let playing = tokio::spawn(feed.run(inbox, deeds));
    axum::serve(listener, router).await.expect("a server");
    playing.await.expect("no panic");
}

/// One pool is the class's; of more, some are in trouble, some at their bounds, some pinned, and most are well.
fn fill(feed: &mut Feed, pools: u64) {
    feed.add(
        &pool("filters", &json!({})),
        Day::Bursts(25, 190),
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
        let rate = 20 + i64::try_from(i * 37 % 90).expect("few");
        let (spec, day, task, workers) = match i {
            2 => (json!({}), Day::Steady(60), 4_000, Some(4)),
            3 => (json!({"maxReplicas": 6}), Day::Steady(260), 4_000, Some(5)),
            4 => (json!({"replicas": 5}), Day::Steady(30), 4_000, Some(5)),
            5 => (json!({"suspend": true}), Day::Steady(90), 4_000, Some(4)),
            6 => (json!({}), Day::Quiet, 4_000, None),
            7 => (
                json!({"minReplicas": 0}),
                Day::Bursts(3, 600),
                4_000,
                Some(0),
            ),
            8 => (
                json!({
                    "queues": [{"name": "jobs", "system": "List"}],
                    "scaleUp": {"queueLength": 8, "step": 2, "cooldown": "20s"},
                    "scaleDown": {"queueLength": 2, "idleFor": "45s", "step": 2, "cooldown": "30s"},
                }),
                Day::List(60),
                4_000,
                Some(4),
            ),
            _ if i % 3 == 0 => (
                json!({}),
                Day::Bursts(12 + rate / 4, 120 + rate),
                6_000,
                Some(3),
            ),
            _ if i % 7 == 0 => (json!({}), Day::Quiet, 4_000, Some(3)),
            _ => (json!({}), Day::Steady(rate), 4_000, Some(3)),
        };
        feed.add(&pool(&name, &spec), day, task, workers);
    }
}
