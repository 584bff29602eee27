//! The worker as a process: tasks, signals, outages and subcommands.

use crate::process::{Harness, Language, Process, until_true};
use protocol::snapshot::State;
use redis::Commands;
use rstest::rstest;
use serde_json::{Value, json};
use std::io::Cursor;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn an_image_comes_back_filtered() {
    let mut harness = Harness::new();
    let mut png = Cursor::new(Vec::new());
    image::RgbImage::new(60, 40)
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    harness.store("picture", png.into_inner());
    let _worker = harness.start("w", &[]);
    harness.push_body(
        "a",
        json!({"filters": ["blur", "resize", "rotate"], "image": {"key": "picture"}}),
    );
    let result = harness.result("a");
    assert_eq!(
        (&result["width"], &result["height"]),
        (&json!(20), &json!(30))
    );
    assert_eq!(
        (&result["id"], &result["worker"]),
        (&json!("a"), &json!("w.1"))
    );
    assert_eq!(result["checksum"].as_str().unwrap().len(), 16);
    assert!(harness.snapshot().millis.is_some());
}

#[test]
fn an_invalid_task_fails_at_once_with_a_reason() {
    let mut harness = Harness::new();
    let _worker = harness.start("w", &[]);
    let image = json!({"synthetic": {"width": 8, "height": 8}});
    harness.push_body("filter", json!({"filters": ["vignette"], "image": image}));
    harness.push_body(
        "size",
        json!({"filters": [], "image": {"synthetic": {"width": 90_000, "height": 8}}}),
    );
    harness.push_body("body", json!({"filter": "blur"}));
    for (id, reason) in [
        ("filter", "available: resize, blur"),
        ("size", "90000 x 8"),
        ("body", "not a valid image task"),
    ] {
        let result = harness.result(id);
        assert!(
            result["error"].as_str().unwrap().contains(reason),
            "{result}"
        );
        assert_eq!(result["attempts"], 1);
    }
    let _: () = harness
        .redis
        .lpush(harness.keys.ready(), "garbage")
        .unwrap();
    let _: () = harness
        .redis
        .hincr(harness.keys.stats(), "arrived", 1)
        .unwrap();
    harness.until("the garbage to fail too", |snapshot| {
        snapshot.failed == Some(4) && snapshot.failed_listed == 4
    });
}

#[test]
fn a_transient_failure_is_retried_behind_the_others() {
    let mut harness = Harness::new();
    harness.push_body(
        "early",
        json!({"filters": [], "image": {"key": "not there"}}),
    );
    harness.push(["next".into()], 0);
    let _worker = harness.start("w", &[]);
    assert_eq!(harness.result("early")["attempts"], 5);
    assert!(harness.result("next").get("error").is_none());
}

#[test]
fn concurrency_limits_the_running_tasks() {
    let mut harness = Harness::new();
    let _worker = harness.start("w", &["--concurrency", "3"]);
    harness.push((0..5).map(|n| n.to_string()), 1_500);
    let snapshot = harness.until("three running tasks", |snapshot| snapshot.claimed == 3);
    assert_eq!(snapshot.ready, 2);
    harness.until("all results", |snapshot| {
        assert!(snapshot.claimed <= 3, "{snapshot:?}");
        snapshot.processed == Some(5)
    });
}

#[test]
fn sigterm_finishes_the_task_and_takes_no_other() {
    let mut harness = Harness::new();
    let mut worker = harness.start("w", &[]);
    harness.push(["a".into()], 5_000);
    harness.until("the claim", |snapshot| snapshot.claimed == 1);
    worker.signal("TERM");
    harness.until("the draining state", |snapshot| {
        snapshot
            .workers
            .iter()
            .any(|it| it.state == Some(State::Draining))
    });
    harness.push(["b".into()], 0);
    assert!(worker.wait().success());
    let snapshot = harness.snapshot();
    assert_eq!(
        (snapshot.processed, snapshot.ready, snapshot.claimed),
        (Some(1), 1, 0)
    );
    assert_eq!(
        (snapshot.workers.len(), snapshot.dead),
        (0, 0),
        "it is deregistered"
    );
}

#[test]
fn an_idle_worker_stops_at_once() {
    let mut harness = Harness::new();
    // A worker that waited for its grace would not end in time.
    let grace = Duration::from_hours(1);
    let mut worker = harness.start_with_grace(Language::Rust, "w", grace);
    harness.until("the worker", |snapshot| snapshot.workers.len() == 1);
    worker.signal("TERM");
    assert!(worker.wait().success());
}

#[rstest]
#[case::rust(Language::Rust)]
#[case::python(Language::Python)]
fn a_task_longer_than_the_grace_is_handed_back(#[case] language: Language) {
    let mut harness = Harness::new();
    let mut worker = harness.start_with_grace(language, "w", Duration::from_millis(200));
    harness.push(["a".into(), "b".into()], 60_000);
    harness.until("the claim", |snapshot| snapshot.claimed == 1);
    worker.signal("TERM");
    assert!(worker.wait().success());
    let snapshot = harness.snapshot();
    assert_eq!(
        (snapshot.ready, snapshot.claimed, snapshot.workers.len()),
        (2, 0, 0)
    );
    let next: String = harness.redis.lindex(harness.keys.ready(), -1).unwrap();
    assert!(next.contains("\"id\":\"a\""), "it is next");
    assert!(
        !harness
            .redis
            .exists::<_, bool>(harness.keys.attempts())
            .unwrap(),
        "no attempt is counted"
    );
}

#[test]
fn a_worker_paused_past_its_lease_gets_a_new_id() {
    let mut harness = Harness::new();
    let paused = harness.start("paused", &[]);
    harness.push(["a".into()], 3_000);
    harness.until("the claim", |snapshot| snapshot.claimed == 1);
    paused.signal("STOP");
    let mut other = harness.start("other", &[]);
    assert_eq!(harness.result("a")["worker"], "other.2");
    other.kill();
    paused.signal("CONT");
    harness.push(["b".into()], 0);
    assert_eq!(harness.result("b")["worker"], "paused.3");
    let snapshot = harness.until("both acknowledgements", |snapshot| snapshot.claimed == 0);
    assert_eq!(
        (snapshot.processed, snapshot.failed),
        (Some(2), None),
        "the late acknowledgement changed nothing"
    );
}

#[test]
fn a_worker_registers_in_an_emptied_redis() {
    let mut harness = Harness::new();
    let _worker = harness.start("w", &[]);
    harness.until("the worker", |snapshot| snapshot.workers.len() == 1);
    harness.server.stop();
    assert!(
        !harness.output("w", &["submit"]).status.success(),
        "Redis is down"
    );
    harness.server.restart();
    harness.redis = harness.server.connect();
    harness.push(["a".into()], 0);
    assert_eq!(harness.result("a")["worker"], "w.1");
}

#[test]
fn a_task_is_acknowledged_after_a_redis_outage() {
    let mut harness = Harness::new();
    let _worker = harness.start("w", &[]);
    harness.push(["a".into()], 500);
    harness.until("the claim", |snapshot| snapshot.claimed == 1);
    // A server that does not reply: to the worker it looks like one that is down.
    let _: () = redis::cmd("CLIENT")
        .arg("PAUSE")
        .arg(4_000)
        .arg("ALL")
        .query(&mut harness.redis)
        .unwrap();
    let paused = Instant::now();
    assert_eq!(harness.result("a")["id"], "a");
    assert!(paused.elapsed() > Duration::from_secs(3));
    assert_eq!(harness.snapshot().processed, Some(1));
}

#[test]
fn a_claim_with_a_lost_reply_is_recovered() {
    let mut harness = Harness::new();
    let _worker = harness.start("w", &[]);
    harness.until("the worker", |snapshot| snapshot.workers.len() == 1);
    // This is the effect of a BLMOVE whose connection breaks before the reply: the worker has the task and does not know.
    let mut push = redis::pipe();
    let body = json!({"filters": [], "image": {"synthetic": {"width": 8, "height": 8}}});
    let element = json!({"id": "a", "at": 1, "body": body}).to_string();
    push.atomic()
        .lpush(harness.keys.claimed("w.1"), element)
        .hincr(harness.keys.stats(), "arrived", 1);
    push.exec(&mut harness.redis).unwrap();
    assert_eq!(harness.result("a")["worker"], "w.1");
    // Then all its connections close, while it blocks on one.
    harness.close_connections();
    harness.push(["b".into()], 0);
    assert_eq!(
        harness.result("b")["worker"],
        "w.1",
        "the lease outlives the connections"
    );
}

#[test]
fn a_ready_key_of_the_wrong_type_is_tolerated() {
    let mut harness = Harness::new();
    let _: () = harness
        .redis
        .set(harness.keys.ready(), "not a list")
        .unwrap();
    let _worker = harness.start("w", &[]);
    until_true("the worker", || {
        let workers = harness.keys.workers();
        harness.redis.sismember(workers, "w.1").unwrap()
    });
    let claim_at = |harness: &mut Harness| {
        harness
            .redis
            .hget::<_, _, i64>(harness.keys.worker("w.1"), "claim_at")
            .unwrap()
    };
    let before = claim_at(&mut harness);
    until_true("more attempts", || claim_at(&mut harness) > before + 1_000);
    let _: () = harness.redis.del(harness.keys.ready()).unwrap();
    harness.push(["a".into()], 0);
    assert_eq!(harness.result("a")["worker"], "w.1", "the lease was kept");
}

#[test]
fn submit_exits_1_on_failure_and_on_timeout() {
    let harness = Harness::new();
    let timeout = harness.output("s", &["submit", "--wait", "--timeout", "100ms"]);
    assert_eq!(
        (timeout.status.code(), timeout.stdout.as_slice()),
        (Some(1), &b""[..])
    );
    let _worker = harness.start("w", &[]);
    let success = harness.output(
        "s",
        &[
            "submit",
            "--wait",
            "--count",
            "3",
            "--filters",
            "blur,edges",
        ],
    );
    assert!(success.status.success());
    let lines: Vec<Value> = String::from_utf8(success.stdout)
        .unwrap()
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|it| it["width"] == 256), "{lines:?}");
    let failure = harness.output("s", &["submit", "--wait", "--filters", "vignette"]);
    assert_eq!(failure.status.code(), Some(1));
    assert!(
        String::from_utf8(failure.stdout)
            .unwrap()
            .contains("unknown filter")
    );
    let ids = harness.output("s", &["submit", "--count", "2"]);
    assert_eq!(String::from_utf8(ids.stdout).unwrap().lines().count(), 2);
}

/// Two workers of one machine, without an option for the health file: the heartbeats of one do not hide the other's end.
#[test]
fn each_worker_has_a_health_file_of_its_own() {
    let harness = Harness::new();
    let folder = tempfile::tempdir().unwrap();
    let command = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_workerpool-worker"));
        command
            .args(args)
            .env("TMPDIR", folder.path())
            .env("REDIS_URL", harness.server.url());
        command
    };
    let probe = |args: &[&str]| {
        let output = command(args).arg("health").output().unwrap();
        let log = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), log.into_owned())
    };
    let mut a = Process::start(command(&["--name", "a"]).stderr(Stdio::null()));
    until_true("the only worker", || probe(&[]).0);
    let mut b = Process::start(command(&["--name", "b/b"]).stderr(Stdio::null()));
    until_true("b", || probe(&["--name", "b/b"]).0);
    let (healthy, log) = probe(&[]);
    assert!(!healthy && log.contains("several workers"), "{log}");
    b.kill();
    until_true("the end of b's health", || !probe(&["--name", "b/b"]).0);
    assert!(probe(&["--name", "a"]).0);
    a.signal("TERM");
    assert!(a.wait().success());
    assert!(!probe(&["--name", "a"]).0, "it has removed its file");
}

#[test]
fn the_probe_succeeds_only_for_a_live_worker() {
    let mut harness = Harness::new();
    let healthy = |harness: &Harness| harness.output("w", &["health"]).status.success();
    assert!(!healthy(&harness));
    let worker = harness.start("w", &[]);
    until_true("a healthy idle worker", || healthy(&harness));
    harness.push(["a".into()], 60_000);
    harness.until("the claim", |snapshot| snapshot.claimed == 1);
    assert!(healthy(&harness));
    harness.server.stop();
    assert!(
        healthy(&harness),
        "restarting the worker would not fix Redis"
    );
    drop(worker);
}
