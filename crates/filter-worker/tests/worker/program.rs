//! The worker as a process: its work, its signals, its outages, its subcommands.

use crate::process::{Yard, until};
use protocol::Task;
use protocol::snapshot::State;
use redis::Commands;
use serde_json::{Value, json};
use std::io::Cursor;
use std::time::{Duration, Instant};

fn push_body(yard: &mut Yard, id: &str, body: Value) {
    let task = Task {
        id: id.into(),
        ..Task::new(body)
    };
    protocol::push(&yard.keys, &[task])
        .unwrap()
        .exec(&mut yard.redis)
        .unwrap();
}

#[test]
fn an_image_comes_back_filtered() {
    let mut yard = Yard::new();
    let mut png = Cursor::new(Vec::new());
    image::RgbImage::new(60, 40)
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let _: () = yard.redis.set("picture", png.into_inner()).unwrap();
    let _worker = yard.worker("w", &[]);
    push_body(
        &mut yard,
        "a",
        json!({"filters": ["blur", "resize", "rotate"], "image": {"key": "picture"}}),
    );
    let result = yard.result("a");
    assert_eq!(
        (&result["width"], &result["height"]),
        (&json!(20), &json!(30))
    );
    assert_eq!(
        (&result["id"], &result["worker"]),
        (&json!("a"), &json!("w.1"))
    );
    assert_eq!(result["checksum"].as_str().unwrap().len(), 16);
    assert!(yard.look().millis.is_some());
}

#[test]
fn a_task_that_cannot_succeed_fails_at_once_and_says_why() {
    let mut yard = Yard::new();
    let _worker = yard.worker("w", &[]);
    let image = json!({"synthetic": {"width": 8, "height": 8}});
    push_body(
        &mut yard,
        "filter",
        json!({"filters": ["vignette"], "image": image}),
    );
    push_body(
        &mut yard,
        "size",
        json!({"filters": [], "image": {"synthetic": {"width": 90_000, "height": 8}}}),
    );
    push_body(&mut yard, "body", json!({"filter": "blur"}));
    for (id, reason) in [
        ("filter", "there are: resize, blur"),
        ("size", "90000 x 8"),
        ("body", "no image task"),
    ] {
        let result = yard.result(id);
        assert!(
            result["error"].as_str().unwrap().contains(reason),
            "{result}"
        );
        assert_eq!(result["attempts"], 1);
    }
    let _: () = yard.redis.lpush(yard.keys.ready(), "garbage").unwrap();
    let _: () = yard.redis.hincr(yard.keys.stats(), "arrived", 1).unwrap();
    yard.until("the garbage to fail too", |seen| {
        seen.failed == Some(4) && seen.failed_listed == 4
    });
}

#[test]
fn a_task_that_might_succeed_is_tried_five_times_behind_the_others() {
    let mut yard = Yard::new();
    push_body(
        &mut yard,
        "early",
        json!({"filters": [], "image": {"key": "not there"}}),
    );
    yard.push(["next".into()], 0);
    let _worker = yard.worker("w", &[]);
    assert_eq!(yard.result("early")["attempts"], 5);
    assert!(yard.result("next").get("error").is_none());
}

#[test]
fn concurrency_runs_so_many_at_once() {
    let mut yard = Yard::new();
    let _worker = yard.worker("w", &["--concurrency", "3"]);
    yard.push((0..5).map(|n| n.to_string()), 1_500);
    let seen = yard.until("three at once", |seen| seen.claimed == 3);
    assert_eq!(seen.ready, 2);
    yard.until("all to be done", |seen| {
        assert!(seen.claimed <= 3, "{seen:?}");
        seen.processed == Some(5)
    });
}

#[test]
fn sigterm_lets_the_task_finish_and_takes_no_other() {
    let mut yard = Yard::new();
    let mut worker = yard.worker("w", &[]);
    yard.push(["a".into()], 1_500);
    yard.until("the claim", |seen| seen.claimed == 1);
    worker.signal("TERM");
    yard.until("the drain to show", |seen| {
        seen.workers
            .iter()
            .any(|it| it.state == Some(State::Draining))
    });
    yard.push(["b".into()], 0);
    assert!(worker.wait().success());
    let seen = yard.look();
    assert_eq!((seen.processed, seen.ready, seen.claimed), (Some(1), 1, 0));
    assert_eq!(
        (seen.workers.len(), seen.dead),
        (0, 0),
        "it has left the registry"
    );
}

#[test]
fn an_idle_worker_ends_at_once() {
    let mut yard = Yard::new();
    let mut worker = yard.worker("w", &[]);
    yard.until("the worker", |seen| seen.workers.len() == 1);
    let asked = Instant::now();
    worker.signal("TERM");
    assert!(worker.wait().success());
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
}

#[test]
fn what_cannot_finish_within_the_grace_is_handed_back() {
    let mut yard = Yard::new();
    let mut worker = yard.worker("w", &["--grace", "200ms"]);
    yard.push(["a".into(), "b".into()], 60_000);
    yard.until("the claim", |seen| seen.claimed == 1);
    worker.signal("TERM");
    assert!(worker.wait().success());
    let seen = yard.look();
    assert_eq!((seen.ready, seen.claimed, seen.workers.len()), (2, 0, 0));
    let next: String = yard.redis.lindex(yard.keys.ready(), -1).unwrap();
    assert!(next.contains("\"id\":\"a\""), "it is the next out");
    assert!(
        !yard.redis.exists::<_, bool>(yard.keys.attempts()).unwrap(),
        "and has lost no attempt"
    );
}

#[test]
fn a_worker_paused_past_its_lease_is_refused_and_goes_on_under_a_new_generation() {
    let mut yard = Yard::new();
    let sleeper = yard.worker("sleeper", &[]);
    yard.push(["a".into()], 1_000);
    yard.until("the claim", |seen| seen.claimed == 1);
    sleeper.signal("STOP");
    let mut other = yard.worker("other", &[]);
    assert_eq!(yard.result("a")["worker"], "other.2");
    other.kill();
    sleeper.signal("CONT");
    yard.push(["b".into()], 0);
    assert_eq!(yard.result("b")["worker"], "sleeper.3");
    let seen = yard.until("both to be counted", |seen| seen.claimed == 0);
    assert_eq!(
        (seen.processed, seen.failed),
        (Some(2), None),
        "the late answer changed nothing"
    );
}

#[test]
fn an_emptied_redis_is_joined_anew() {
    let mut yard = Yard::new();
    let _worker = yard.worker("w", &[]);
    yard.until("the worker", |seen| seen.workers.len() == 1);
    yard.server.stop();
    assert!(
        !yard.run("w", &["submit"]).status.success(),
        "nobody to submit to"
    );
    yard.server.restart();
    yard.redis = yard.server.connect();
    yard.push(["a".into()], 0);
    assert_eq!(yard.result("a")["worker"], "w.1");
}

#[test]
fn a_task_that_ends_while_redis_is_away_is_acknowledged_later() {
    let mut yard = Yard::new();
    let _worker = yard.worker("w", &[]);
    yard.push(["a".into()], 500);
    yard.until("the claim", |seen| seen.claimed == 1);
    // A server that answers nobody: the worker cannot tell it from one that is gone.
    let _: () = redis::cmd("CLIENT")
        .arg("PAUSE")
        .arg(4_000)
        .arg("ALL")
        .query(&mut yard.redis)
        .unwrap();
    let paused = Instant::now();
    assert_eq!(yard.result("a")["id"], "a");
    assert!(paused.elapsed() > Duration::from_secs(3));
    assert_eq!(yard.look().processed, Some(1));
}

#[test]
fn a_claim_whose_answer_was_lost_is_taken_up() {
    let mut yard = Yard::new();
    let _worker = yard.worker("w", &[]);
    yard.until("the worker", |seen| seen.workers.len() == 1);
    // What a BLMOVE does whose connection breaks before its answer: the task is the worker's, who does not know.
    let mut push = redis::pipe();
    let body = json!({"filters": [], "image": {"synthetic": {"width": 8, "height": 8}}});
    let element = json!({"id": "a", "at": 1, "body": body}).to_string();
    push.atomic()
        .lpush(yard.keys.claimed("w.1"), element)
        .hincr(yard.keys.stats(), "arrived", 1);
    push.exec(&mut yard.redis).unwrap();
    assert_eq!(yard.result("a")["worker"], "w.1");
    // And all its connections at once, while it waits in one.
    let _: () = redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query(&mut yard.redis)
        .unwrap();
    yard.push(["b".into()], 0);
    assert_eq!(
        yard.result("b")["worker"],
        "w.1",
        "its lease outlives its connections"
    );
}

#[test]
fn a_ready_key_of_another_type_is_waited_out() {
    let mut yard = Yard::new();
    let _: () = yard.redis.set(yard.keys.ready(), "no list").unwrap();
    let _worker = yard.worker("w", &[]);
    until("the worker", || {
        yard.redis
            .sismember::<_, _, bool>(yard.keys.workers(), "w.1")
            .unwrap()
            .then_some(())
    });
    let claim_at = |yard: &mut Yard| {
        yard.redis
            .hget::<_, _, i64>(yard.keys.worker("w.1"), "claim_at")
            .unwrap()
    };
    let before = claim_at(&mut yard);
    until("more attempts", || {
        (claim_at(&mut yard) > before + 1_000).then_some(())
    });
    let _: () = yard.redis.del(yard.keys.ready()).unwrap();
    yard.push(["a".into()], 0);
    assert_eq!(
        yard.result("a")["worker"],
        "w.1",
        "and it has kept its lease"
    );
}

#[test]
fn submit_waits_and_tells_success_from_failure_and_timeout() {
    let yard = Yard::new();
    let timeout = yard.run("s", &["submit", "--wait", "--timeout", "100ms"]);
    assert_eq!(
        (timeout.status.code(), timeout.stdout.as_slice()),
        (Some(1), &b""[..])
    );
    let _worker = yard.worker("w", &[]);
    let good = yard.run(
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
    assert!(good.status.success());
    let lines: Vec<Value> = String::from_utf8(good.stdout)
        .unwrap()
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|it| it["width"] == 256), "{lines:?}");
    let bad = yard.run("s", &["submit", "--wait", "--filters", "vignette"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        String::from_utf8(bad.stdout)
            .unwrap()
            .contains("there is no filter")
    );
    let ids = yard.run("s", &["submit", "--count", "2"]);
    assert_eq!(String::from_utf8(ids.stdout).unwrap().lines().count(), 2);
}

#[test]
fn the_probe_finds_the_worker_idle_or_busy_and_misses_one_that_is_not_there() {
    let mut yard = Yard::new();
    let healthy = |yard: &Yard| yard.run("w", &["health"]).status.success();
    assert!(!healthy(&yard));
    let worker = yard.worker("w", &[]);
    until("health when idle", || healthy(&yard).then_some(()));
    yard.push(["a".into()], 60_000);
    yard.until("the claim", |seen| seen.claimed == 1);
    assert!(healthy(&yard));
    yard.server.stop();
    assert!(
        healthy(&yard),
        "a restart of the worker would not bring Redis back"
    );
    drop(worker);
}
