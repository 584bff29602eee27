//! The dashboard's routes and its stream, over real HTTP and with the real fleet.
#![allow(clippy::expect_used, reason = "a test may panic")]

mod access;
mod feed;
mod one_pool;
mod sim_queue;

use feed::{Action, Feed, ask, pool};
use serde_json::{Value, json};
use sim_queue::Workload;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use workerpool_operator::dashboard::{self, Access, DashboardStore};

/// How long a test waits for an expected event.
const DEADLINE: Duration = Duration::from_mins(1);

struct Site {
    port: u16,
    actions: UnboundedSender<Action>,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// A site with two pools, `filters` and `mail`, without arriving tasks.
async fn site() -> Site {
    site_with(|feed| {
        for name in ["filters", "mail"] {
            feed.add(&pool(name, &json!({})), Workload::Quiet, 3_600_000, Some(3));
        }
    })
    .await
}

/// A site with the pools that `fill` adds, with a minute of history.
async fn site_with(fill: impl FnOnce(&mut Feed)) -> Site {
    site_for(Access::Everyone, fill).await
}

/// A site for those whom `access` lets in.
async fn site_for(access: Access, fill: impl FnOnce(&mut Feed)) -> Site {
    let store = Arc::new(DashboardStore::default());
    let mut feed = Feed::new(store.clone(), Duration::from_mins(1));
    fill(&mut feed);
    feed.begin(500);
    let (ask, inbox, _) = ask();
    let stop = CancellationToken::new();
    let router = dashboard::router(
        store,
        ask,
        dashboard::Hosts::default(),
        access,
        stop.clone(),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (actions, action_inbox) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(feed.run(inbox, action_inbox));
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let serve =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    Site {
        port,
        actions,
        stop,
        server: tokio::spawn(serve.into_future()),
    }
}

impl Site {
    /// The status line and headers in lower case, and a reader of the body.
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

    /// Asserts that a GET of each of these paths is answered with this status.
    async fn assert_statuses(&self, expected: &[(&str, u16)]) {
        for (path, status) in expected {
            let (head, _) = self.get(path, "").await;
            let line = format!("http/1.1 {status}");
            assert!(head.starts_with(&line), "{path}: {head}");
        }
    }

    fn act(&self, action: Action) {
        self.actions.send(action).expect("the feed runs");
    }

    async fn viewer(&self) -> Viewer {
        self.viewer_with("").await
    }

    /// A viewer that sends these headers.
    async fn viewer_with(&self, headers: &str) -> Viewer {
        let (head, reader) = self.open("/api/stream", headers).await;
        assert!(
            head.starts_with("http/1.1 200") && head.contains("text/event-stream"),
            "{head}"
        );
        Viewer(reader)
    }
}

struct Viewer(BufReader<TcpStream>);

impl Viewer {
    /// The next message that meets a condition.
    async fn next(&mut self, matches: impl Fn(&Value) -> bool) -> Value {
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
                    if matches(&message) {
                        return message;
                    }
                }
            }
        };
        tokio::time::timeout(DEADLINE, found)
            .await
            .expect("the message arrives in time")
    }
}

fn row<'a>(message: &'a Value, name: &str) -> Option<&'a Value> {
    message["pools"]
        .as_array()?
        .iter()
        .find(|pool| pool["name"] == name)
}

#[tokio::test]
async fn viewers_get_the_full_state_then_each_decision() {
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
        (&filters["sample"]["ready"], &filters["sample"]["live"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(filters["sparkline"].as_array().map(Vec::len), Some(60));

    site.act(Action::Push("filters".into(), 30));
    let decided = viewer
        .next(|message| row(message, "filters").is_some_and(|row| row["decision"]["to"] == 5))
        .await;
    let change = &row(&decided, "filters").expect("filters")["changes"][0];
    assert_eq!(
        (&change["reason"], &change["to"]),
        (&json!("QueueTooLong"), &json!(5))
    );
    assert!(row(&decided, "mail").is_none(), "nothing happened to mail");
    // The steps are long and only the pool's page needs them: it asks for them, the stream does not send them.
    assert!(row(&decided, "filters").expect("filters")["decision"]["steps"].is_null());
    let steps = site.json("/api/pools/shop/filters/steps").await;
    assert_eq!(steps[0]["name"], "scaleUp.queueLength", "{steps}");
}

#[tokio::test]
async fn a_pending_scale_is_sent_before_it_is_written() {
    let site = site_with(|feed| {
        feed.add(
            &pool("filters", &json!({})),
            Workload::Quiet,
            3_600_000,
            Some(3),
        );
        feed.holds_scales = true;
    })
    .await;
    let mut viewer = site.viewer().await;
    site.act(Action::Push("filters".into(), 30));
    let pending = viewer
        .next(|message| row(message, "filters").is_some_and(|row| row["pending"]["to"] == 5))
        .await;
    let decision = &row(&pending, "filters").expect("filters")["decision"];
    assert_ne!(decision["to"], 5, "{pending}");
}

#[tokio::test]
async fn unknown_is_null_and_never_zero() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    site.act(Action::Fail(
        "mail".into(),
        Some("connection refused".into()),
    ));
    let full = viewer.next(|message| message["full"] == true).await;
    let id = row(&full, "mail").expect("mail")["id"].clone();
    let sample_of = |message: &Value| {
        message["samples"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|sample| sample["id"] == id)
            .cloned()
    };
    let failed = viewer
        .next(|message| sample_of(message).is_some_and(|sample| sample["ready"].is_null()))
        .await;
    assert_eq!(sample_of(&failed).expect("a sample")["busy"], Value::Null);
    let pool = site.json("/api/pools/shop/mail").await;
    let ready = pool["samples"]["ready"].as_array().expect("a column");
    assert_eq!(
        (&ready[0], ready.last().expect("a sample")),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn deletions_are_sent_and_idle_streams_heartbeat() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    let full = viewer.next(|_| true).await;
    let id = row(&full, "mail").expect("mail")["id"].clone();
    site.act(Action::Delete("mail".into()));
    assert_eq!(
        viewer.next(|message| message["deleted"].is_array()).await["deleted"],
        json!([id])
    );
    viewer
        .next(|message| {
            message
                .as_object()
                .is_some_and(|message| message.len() == 1 && message.contains_key("now"))
        })
        .await;
    site.assert_statuses(&[("/api/pools/shop/mail", 404)]).await;
}

#[tokio::test]
async fn all_viewers_get_the_same_and_miss_nothing() {
    let site = site().await;
    let mut early = site.viewer().await;
    early.next(|message| message["full"] == true).await;
    site.act(Action::Push("filters".into(), 30));
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
    site.act(Action::Fail("filters".into(), Some("gone".into())));
    let unknown = |message: &Value| {
        row(message, "filters").is_some_and(|row| row["decision"]["reason"] == "Unknown")
    };
    let expected = early.next(unknown).await;
    for viewer in &mut many {
        assert_eq!(viewer.next(unknown).await, expected);
    }
}

#[tokio::test]
async fn what_if_replays_the_hour_with_other_rules() {
    let site = site().await;
    let ask = |query: &str| format!("/api/pools/shop/filters/what-if?{query}");
    let same = site.json(&ask("")).await;
    assert_eq!(same["simulated"]["peak"], 3, "{same}");
    let more = site.json(&ask("min=5&upCooldown=30")).await;
    assert_eq!(more["simulated"]["peak"], 5, "{more}");
    assert!(
        more["yaml"]
            .as_str()
            .is_some_and(|yaml| yaml.contains("minReplicas: 5") && yaml.contains("cooldown: 30s")),
        "{more}"
    );
    let last = |replay: &Value| {
        replay["desiredReplicas"]
            .as_array()
            .and_then(|all| all.last())
            .map(|step| step[1].clone())
    };
    assert_eq!((last(&same), last(&more)), (Some(json!(3)), Some(json!(5))));
    site.assert_statuses(&[
        (&ask("queueUp=many"), 400),
        (&ask("password=x"), 400),
        ("/api/pools/shop/absent/what-if", 404),
    ])
    .await;
}

#[tokio::test]
async fn shutdown_does_not_wait_for_viewers() {
    let site = site().await;
    let mut viewer = site.viewer().await;
    viewer.next(|_| true).await;
    site.stop.cancel();
    tokio::time::timeout(DEADLINE, site.server)
        .await
        .expect("it ends")
        .expect("no panic")
        .expect("no error");
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
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
async fn files_are_compressed_and_cached() {
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

/// The status of a GET of the pools with these headers.
async fn status_with(port: u16, headers: &[&str]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a connection");
    let headers = headers.join("\r\n");
    let request = format!("GET /api/pools HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut response = String::new();
    stream
        .read_to_string(&mut response)
        .await
        .expect("a response");
    response.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn other_names_and_pages_of_other_sites_are_refused() {
    let site = site().await;
    let status = async |headers: &[&str]| status_with(site.port, headers).await;
    assert_eq!(status(&["Host: localhost:8000"]).await, "200");
    assert_eq!(status(&["Host: workerpool-dashboard.ops.svc"]).await, "200");
    assert_eq!(status(&["Host: attacker.example"]).await, "403");
    let host = "Host: 127.0.0.1:8000";
    let (same, cross) = ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site");
    assert_eq!(status(&[host, same]).await, "200");
    assert_eq!(status(&[host, cross, "Sec-Fetch-Mode: cors"]).await, "403");
    assert_eq!(
        status(&[host, cross, "Sec-Fetch-Mode: navigate"]).await,
        "200"
    );
}
