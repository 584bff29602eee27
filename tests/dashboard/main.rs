//! The dashboard's routes and its stream, over real HTTP and with the real fleet.
#![allow(clippy::expect_used, reason = "a test may fail loudly and talk")]

mod feed;
mod one_pool;
mod play;

use feed::{Deed, Feed, ask, pool};
use play::Day;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use workerpool_operator::dashboard;
use workerpool_operator::dashboard::DashboardStore;

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(10);

struct Site {
    port: u16,
    deeds: UnboundedSender<Deed>,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Two pools, `filters` and `mail`, of which nothing happens by itself.
async fn site() -> Site {
    site_of(|feed| {
        for name in ["filters", "mail"] {
            feed.add(&pool(name, &json!({})), Day::Quiet, 3_600_000, Some(3));
        }
    })
    .await
}

/// The pools that `fill` puts there, with a minute behind them.
async fn site_of(fill: impl FnOnce(&mut Feed)) -> Site {
    let board = Arc::new(DashboardStore::default());
    let mut feed = Feed::new(board.clone(), Duration::from_mins(1));
    fill(&mut feed);
    feed.begin(500);
    let ((ask, inbox, _), stop) = (ask(), CancellationToken::new());
    let router = dashboard::router(board, ask, stop.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (deeds, inbox_of_deeds) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(feed.run(inbox, inbox_of_deeds));
    let serve =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    Site {
        port,
        deeds,
        stop,
        server: tokio::spawn(serve.into_future()),
    }
}

impl Site {
    /// Status line with headers in lower case, and the body as it comes.
    async fn open(&self, path: &str, headers: &str) -> (String, BufReader<TcpStream>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("a connection");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let (mut reader, mut head) = (BufReader::new(stream), String::new());
        while !head.ends_with("\r\n\r\n") {
            let read = tokio::time::timeout(DEADLINE, reader.read_line(&mut head)).await;
            assert_ne!(
                read.expect("an answer in time").expect("a line"),
                0,
                "{head}"
            );
        }
        (head.to_lowercase(), reader)
    }

    async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        let (head, mut reader) = self.open(path, headers).await;
        let mut body = Vec::new();
        tokio::time::timeout(DEADLINE, reader.read_to_end(&mut body))
            .await
            .expect("in time")
            .expect("a body");
        (head, body)
    }

    async fn json(&self, path: &str) -> Value {
        let (head, body) = self.get(path, "").await;
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {head}"))
    }

    async fn viewer(&self) -> Viewer {
        let (head, reader) = self.open("/api/stream", "").await;
        assert!(
            head.starts_with("http/1.1 200") && head.contains("text/event-stream"),
            "{head}"
        );
        Viewer(reader)
    }
}

struct Viewer(BufReader<TcpStream>);

impl Viewer {
    /// The next message that `wanted` takes.
    async fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let mut line = String::new();
                assert_ne!(
                    self.0.read_line(&mut line).await.expect("a line"),
                    0,
                    "the stream ended"
                );
                if let Some(data) = line.strip_prefix("data: ") {
                    let message = serde_json::from_str(data).expect("JSON");
                    if wanted(&message) {
                        return message;
                    }
                }
            }
        };
        tokio::time::timeout(DEADLINE, found)
            .await
            .expect("what is awaited comes in time")
    }
}

fn row<'a>(message: &'a Value, name: &str) -> Option<&'a Value> {
    message["pools"]
        .as_array()?
        .iter()
        .find(|pool| pool["name"] == name)
}

#[tokio::test]
async fn a_viewer_hears_the_full_state_first_and_then_each_decision() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    let full = viewer.next(|_| true).await;
    let filters = row(&full, "filters").expect("filters");
    assert_eq!(
        (&full["full"], full["pools"].as_array().map(Vec::len)),
        (&json!(true), Some(2))
    );
    assert_eq!(
        (&filters["bounds"], &filters["rules"]["queueUp"]),
        (&json!([3, 10]), &json!(8))
    );
    assert_eq!(
        (&filters["facts"][0], &filters["facts"][2]),
        (&json!(0), &json!(3))
    );
    assert_eq!(filters["spark"].as_array().map(Vec::len), Some(60));

    site.deeds
        .send(Deed::Push("filters".into(), 30))
        .expect("played");
    let decided = viewer
        .next(|message| row(message, "filters").is_some_and(|row| row["decision"]["to"] == 5))
        .await;
    let change = &row(&decided, "filters").expect("filters")["changes"][0];
    assert_eq!(
        (&change["reason"], &change["to"]),
        (&json!("QueueTooLong"), &json!(5))
    );
    assert!(row(&decided, "mail").is_none(), "nothing happened to mail");
    // The trail is long and for one page: it is asked for and not told to all.
    assert!(row(&decided, "filters").expect("filters")["decision"]["steps"].is_null());
    let trail = site.json("/api/pools/shop/filters/steps").await;
    assert_eq!(trail[0]["name"], "scaleUp.queueLength", "{trail}");
}

#[tokio::test]
async fn what_is_being_written_is_said_before_it_is_written() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    site.deeds
        .send(Deed::Push("filters".into(), 30))
        .expect("played");
    let said = |message: &Value| row(message, "filters").is_some_and(|row| row["pending"][0] == 5);
    let early = viewer
        .next(|message| {
            said(message) || row(message, "filters").is_some_and(|row| row["decision"]["to"] == 5)
        })
        .await;
    assert!(said(&early), "{early}");
}

#[tokio::test]
async fn unknown_is_null_and_never_zero() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    site.deeds
        .send(Deed::Blind(
            "mail".into(),
            Some("connection refused".into()),
        ))
        .expect("played");
    let id = row(
        &viewer.next(|message| message["full"] == true).await,
        "mail",
    )
    .expect("mail")["id"]
        .clone();
    let of = |message: &Value| {
        message["facts"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|facts| facts[0] == id)
            .cloned()
    };
    let blind = viewer
        .next(|message| of(message).is_some_and(|facts| facts[1][0].is_null()))
        .await;
    assert_eq!(of(&blind).expect("facts")[1][3], Value::Null);
    let pool = site.json("/api/pools/shop/mail").await;
    let trace = pool["trace"].as_array().expect("a trace");
    assert_eq!(
        (&trace[0][1][0], &trace.last().expect("an end")[1][0]),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn a_deleted_pool_leaves_the_screen_and_a_quiet_stream_still_beats() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    let full = viewer.next(|_| true).await;
    let id = row(&full, "mail").expect("mail")["id"].clone();
    site.deeds
        .send(Deed::Delete("mail".into()))
        .expect("played");
    assert_eq!(
        viewer.next(|message| message["gone"].is_array()).await["gone"],
        json!([id])
    );
    viewer
        .next(|message| {
            message
                .as_object()
                .is_some_and(|message| message.len() == 1 && message.contains_key("now"))
        })
        .await;
    assert!(
        site.get("/api/pools/shop/mail", "")
            .await
            .0
            .starts_with("http/1.1 404")
    );
}

#[tokio::test]
async fn all_viewers_hear_the_same_words_and_late_ones_miss_nothing() {
    let site = site().await;
    let mut early = site.viewer().await;
    early.next(|message| message["full"] == true).await;
    site.deeds
        .send(Deed::Push("filters".into(), 30))
        .expect("played");
    let decided =
        |message: &Value| row(message, "filters").is_some_and(|row| row["decision"]["to"] == 5);
    early.next(decided).await;
    let mut many = Vec::new();
    for _ in 0..20 {
        many.push(site.viewer().await);
    }
    for viewer in &mut many {
        assert_eq!(viewer.next(|_| true).await["full"], true);
    }
    site.deeds
        .send(Deed::Blind("filters".into(), Some("gone".into())))
        .expect("played");
    let unknown = |message: &Value| {
        row(message, "filters").is_some_and(|row| row["decision"]["reason"] == "Unknown")
    };
    let heard = early.next(unknown).await;
    for viewer in &mut many {
        assert_eq!(viewer.next(unknown).await, heard);
    }
}

#[tokio::test]
async fn the_hour_is_decided_on_again_by_other_rules() {
    let site = site().await;
    let ask = |query: &str| format!("/api/pools/shop/filters/what-if?{query}");
    let same = site.json(&ask("")).await;
    assert_eq!(same["would"]["most"], 3, "{same}");
    let more = site.json(&ask("min=5&upCooldown=30")).await;
    assert_eq!(more["would"]["most"], 5, "{more}");
    assert!(
        more["yaml"]
            .as_str()
            .is_some_and(|yaml| yaml.contains("minReplicas: 5") && yaml.contains("cooldown: 30s")),
        "{more}"
    );
    let last = |replay: &Value| {
        replay["wanted"]
            .as_array()
            .and_then(|all| all.last())
            .map(|step| step[1].clone())
    };
    assert_eq!((last(&same), last(&more)), (Some(json!(3)), Some(json!(5))));
    for (path, refusal) in [
        (ask("queueUp=many"), "400"),
        (ask("password=x"), "400"),
        ("/api/pools/shop/nobody/what-if".to_owned(), "404"),
    ] {
        let (head, _) = site.get(&path, "").await;
        assert!(
            head.starts_with(&format!("http/1.1 {refusal}")),
            "{path}: {head}"
        );
    }
}

#[tokio::test]
async fn the_operator_ends_though_somebody_still_looks() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    viewer.next(|_| true).await;
    site.stop.cancel();
    tokio::time::timeout(DEADLINE, site.server)
        .await
        .expect("it ends")
        .expect("no panic")
        .expect("well");
}

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let site = site().await;
    for path in ["/", "/api/pools", "/api/stream", "/nowhere"] {
        let (head, _) = site.open(path, "").await;
        assert!(
            head.contains("content-security-policy: default-src 'none'; script-src 'self'"),
            "{path}: {head}"
        );
        assert!(
            head.contains("x-content-type-options: nosniff"),
            "{path}: {head}"
        );
        assert!(
            !head.contains("access-control-allow-origin"),
            "{path}: {head}"
        );
    }
    assert_eq!(
        site.json("/api/pools").await.as_array().map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn files_come_compressed_and_once() {
    let site = site().await;
    let (head, page) = site.get("/", "").await;
    let page = String::from_utf8(page).expect("text");
    assert!(head.contains("text/html; charset=utf-8"), "{head}");
    let Some(script) = page
        .split("src=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
    else {
        assert!(page.contains("make web"), "{page}");
        return;
    };
    let (head, body) = site.get(script, "accept-encoding: br, gzip\r\n").await;
    assert!(
        head.contains("content-encoding: gzip") && body.starts_with(&[0x1f, 0x8b]),
        "{head}"
    );
    assert!(head.contains("immutable"), "{head}");
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag");
    let (head, body) = site.get(script, &format!("if-none-match: {tag}\r\n")).await;
    assert!(
        head.starts_with("http/1.1 304") && body.is_empty(),
        "{head}"
    );
    let (head, plain) = site.get(script, "").await;
    assert!(
        !head.contains("content-encoding") && plain.len() > body.len(),
        "{head}"
    );
}
