//! `stress` and `failed` with a scripted API server and a real redis-server.

use crate::commands::{POOLS, list, pool, run};
use redis::Commands;
use serde_json::{Value, json};
use testkit::api_server::ApiServer;
use testkit::redis::RedisServer;

struct World {
    redis: RedisServer,
    api: ApiServer,
}

impl World {
    fn new() -> Self {
        let redis = RedisServer::start();
        let pools = list(&[pool("filters", &redis.url())]);
        let api = ApiServer::start([("GET", POOLS, 200, pools)]);
        Self { redis, api }
    }

    fn run(&self, args: &[&str]) -> String {
        run(args, Some(&self.api))
    }

    /// Asserts the exit code, and that the output has all of `expected`. Returns the output.
    #[track_caller]
    fn expect(&self, args: &[&str], exit: u8, expected: &[&str]) -> String {
        let output = self.run(args);
        let has_all = expected.iter().all(|it| output.contains(it));
        let is_exit = output.starts_with(&format!("exit {exit}\n"));
        assert!(is_exit && has_all, "not {exit} {expected:?}: {output}");
        output
    }

    /// The tasks on the ready list, the newest first.
    fn ready(&self) -> Vec<Value> {
        let elements: Vec<String> = self
            .redis
            .connect()
            .lrange("wp:{tasks}:ready", 0, -1)
            .expect("a list");
        let parse = |element: &String| serde_json::from_str(element).expect("a task");
        elements.iter().map(parse).collect()
    }
}

#[test]
fn full_queue_refuses_a_burst_with_the_reason() {
    let world = World::new();
    world.redis.run("HSET wp:{tasks}:unread 99999999 100000");
    let expected =
        "the queue refused the tasks after 0 of 2500: 100000 results wait to be read: collect them";
    world.expect(&["stress", "--tasks", "2500"], 1, &[expected]);
    assert_eq!(world.ready().len(), 0);
}

#[test]
fn a_full_redis_is_named() {
    let world = World::new();
    world.redis.run("CONFIG SET maxmemory 1");
    world.expect(&["stress"], 1, &["OOM: its memory is full"]);
}

#[test]
fn pictures_are_stored_once_and_named_by_tasks() {
    let world = World::new();
    // The rules are the class's, which the spec leaves out.
    let expected = [
        "STRESS TEST TRIGGERED (25 tasks)",
        "25 tasks of 23 s",
        "chosen from the rules of filters",
        "after  60 s  10 tasks wait",
    ];
    world.expect(&["stress"], 0, &expected);
    let mut redis = world.redis.connect();
    let pictures: Vec<String> = redis.keys("wp:{tasks}:picture:*").expect("keys");
    assert_eq!(pictures.len(), 4);
    for key in &pictures {
        let ttl: i64 = redis.ttl(key).expect("a key");
        assert!((86_000..=86_400).contains(&ttl), "{ttl}");
    }
    for task in world.ready() {
        let key = task["body"]["image"]["key"].as_str().expect("a key");
        assert!(pictures.iter().any(|picture| picture == key), "{task}");
    }
    let spanish = ["stress", "--lang", "es", "--cpu"];
    world.expect(&spanish, 0, &["4 tareas de", "CPU"]);
    assert_eq!(world.ready().len(), 29);
    assert!(
        world.ready()[..4]
            .iter()
            .all(|task| task["body"]["delayMs"] == 0 && task["body"]["workMs"].is_u64())
    );
    let pictures: Vec<String> = redis.keys("wp:{tasks}:picture:*").expect("keys");
    assert_eq!(pictures.len(), 4, "the same");
}

#[test]
fn own_files_and_filters_are_checked_before_a_push() {
    let world = World::new();
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, content).expect("written");
        file.display().to_string()
    };
    let (file, text) = (
        write("photo.jpg", b"\xff\xd8\xff and more"),
        write("text", b"text"),
    );
    let no_image = "text: not a PNG, JPEG or WebP file";
    world.expect(&["stress", "--image", &file, &text], 1, &[no_image]);
    let available = "possible values: resize, blur";
    world.expect(&["stress", "--filter", "blur,vignette"], 2, &[available]);
    assert_eq!(world.ready().len(), 0);
    let args = [
        "stress",
        "--tasks",
        "3",
        "--io",
        "--task-seconds",
        "2",
        "--filter",
        "edges,rotate",
        "--image",
        &file,
    ];
    world.expect(&args, 0, &["3 tasks of 2 s, I/O-bound."]);
    for task in world.ready() {
        let body = &task["body"];
        assert_eq!(
            (&body["filters"], &body["delayMs"], body.get("workMs")),
            (&json!(["edges", "rotate"]), &json!(2000), None)
        );
    }
}

/// A pool with failed tasks, one of them with a text that would change the terminal.
fn with_failures() -> World {
    let world = World::new();
    // The task is the last field, as the protocol says.
    let text = |id: &str, error: &str| {
        let head = json!({"error": error, "attempts": 5, "at": 1_700_000_000_000_i64, "worker": "pod-1.7"});
        let head = head.to_string();
        format!(
            "{},\"task\":{{\"id\":\"{id}\"}}}}",
            head.trim_end_matches('}')
        )
    };
    for (id, error) in [
        ("a", "no image"),
        ("b", "\u{1b}[2Jgone\n\u{7}\u{202e}"),
        ("c", "late"),
    ] {
        let _: i64 = world
            .redis
            .connect()
            .lpush("wp:{tasks}:failed", text(id, error))
            .expect("pushed");
    }
    world.redis.run("HSET wp:{tasks}:stats failed_trimmed 7");
    world
}

#[test]
fn failed_tasks_are_listed_in_one_line_each() {
    let world = with_failures();
    let output = world.expect(&["failed"], 0, &["7 older ones were dropped"]);
    let lines: Vec<&str> = output.lines().skip(1).take(5).collect();
    let expected = [
        "FAILED               TRIES  WORKER   TASK  ERROR",
        "2023-11-14 22:13:20  5      pod-1.7  a     no image",
        "2023-11-14 22:13:20  5      pod-1.7  b     [2Jgone",
        "2023-11-14 22:13:20  5      pod-1.7  c     late",
    ];
    assert_eq!(lines[..4], expected);
    assert!(lines[4].starts_with("! "), "{output}");
    let spanish = ["failed", "--limit", "1", "--lang", "es"];
    let newest = "1 de 3, la más nueva al final";
    let output = world.expect(&spanish, 0, &["\nFALLÓ", newest]);
    let lines = output.lines().filter(|line| !line.starts_with('!'));
    assert_eq!(lines.count(), 3, "{output}");
    let output = world.expect(&["failed", "-o", "json"], 0, &[]);
    let list: Value = serde_json::from_str(&output["exit 0\n".len()..]).expect("JSON");
    assert_eq!(
        (&list["total"], &list["trimmed"], &list["tasks"][1]["error"]),
        (&json!(3), &json!(7), &json!("[2Jgone"))
    );
}

#[test]
fn failed_tasks_wait_again_or_are_deleted() {
    let world = with_failures();
    let question = "Delete 3 failed tasks of filters, for good?";
    world.expect(&["failed", "--clear"], 1, &[question, "add --yes"]);
    let retry = ["failed", "--retry", "--yes", "--id", "b", "x"];
    let waits = "exit 1\nfilters: 1 failed task waits again\n! ";
    world.expect(&retry, 1, &[waits, "1 was not on the failed list"]);
    assert_eq!(world.ready(), [json!({"id": "b"})]);
    let without_errors = |args: &[&str]| -> String {
        let output = world.run(args);
        let lines = output.lines().filter(|line| !line.starts_with('!'));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        without_errors(&["failed", "--clear", "-y", "--lang", "es"]),
        "exit 0\nfilters: 2 tareas fallidas borradas"
    );
    assert_eq!(
        without_errors(&["failed", "--list"]),
        "exit 0\nfilters: no failed tasks"
    );
    assert_eq!(
        without_errors(&["failed", "--retry"]),
        "exit 0\nfilters: 0 failed tasks wait again",
        "nothing to confirm"
    );
}
