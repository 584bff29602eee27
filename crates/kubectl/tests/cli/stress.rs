//! `stress` and `failed` with a scripted API server and a real redis-server.

use redis::Commands;
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};
use testkit::api_server::ApiServer;
use testkit::redis::RedisServer;

struct World {
    redis: RedisServer,
    _api: ApiServer,
    home: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let redis = RedisServer::start();
        let pool = json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
            "metadata": {"name": "filters", "namespace": "default", "generation": 1, "resourceVersion": "1"},
            "spec": {
                "scaleTargetRef": {"name": "filter-worker"}, "minReplicas": 3, "maxReplicas": 10,
                "redis": {"address": redis.url()}, "queues": [{"name": "tasks"}],
            },
        });
        let list = json!({"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPoolList", "metadata": {}, "items": [pool]});
        let pools = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools";
        let api = ApiServer::start([("GET", pools, 200, list)]);
        let home = tempfile::tempdir().expect("a directory");
        std::fs::write(home.path().join("config"), api.kubeconfig()).expect("a kubeconfig");
        Self {
            redis,
            _api: api,
            home,
        }
    }

    fn run(&self, args: &[&str]) -> (bool, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"))
            .args(args)
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("LANG", "C")
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status.success(), text(stdout), text(stderr))
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
    let unread = redis::cmd("HSET")
        .arg(&["wp:{tasks}:unread", "99999999", "100000"])
        .take();
    unread
        .exec(&mut world.redis.connect())
        .expect("unread results");
    let (ok, _, stderr) = world.run(&["stress", "--tasks", "2500"]);
    let expected =
        "the queue refused the tasks after 0 of 2500: 100000 results wait to be read: collect them";
    assert!(!ok && stderr.contains(expected), "{stderr}");
    assert_eq!(world.ready().len(), 0);
}

#[test]
fn a_full_redis_is_named() {
    let world = World::new();
    let full = redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).take();
    full.exec(&mut world.redis.connect()).expect("a limit");
    let (ok, _, stderr) = world.run(&["stress"]);
    assert!(
        !ok && stderr.contains("OOM: its memory is full"),
        "{stderr}"
    );
}

#[test]
fn pictures_are_stored_once_and_named_by_tasks() {
    let world = World::new();
    let (ok, stdout, stderr) = world.run(&["stress"]);
    assert!(
        ok && stdout.contains("STRESS TEST TRIGGERED (25 tasks)"),
        "{stdout}{stderr}"
    );
    // The rules are the class's, which the spec leaves out.
    for expected in [
        "25 tasks of 23 s",
        "chosen from the rules of filters",
        "after  60 s  10 tasks wait",
    ] {
        assert!(stderr.contains(expected), "{stderr}");
    }
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
    let (ok, _, stderr) = world.run(&["stress", "--lang", "es", "--cpu"]);
    assert!(
        ok && stderr.contains("4 tareas de") && stderr.contains("CPU"),
        "{stderr}"
    );
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
    let file = world.home.path().join("photo.jpg");
    std::fs::write(&file, b"\xff\xd8\xff and more").expect("written");
    let (file, config) = (
        file.display().to_string(),
        world.home.path().join("config").display().to_string(),
    );
    let (ok, _, stderr) = world.run(&["stress", "--image", &file, &config]);
    assert!(
        !ok && stderr.contains("config: not a PNG, JPEG or WebP file"),
        "{stderr}"
    );
    let (ok, _, stderr) = world.run(&["stress", "--filter", "blur,vignette"]);
    assert!(
        !ok && stderr.contains("possible values: resize, blur"),
        "{stderr}"
    );
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
    let (ok, _, stderr) = world.run(&args);
    assert!(
        ok && stderr.contains("3 tasks of 2 s, I/O-bound."),
        "{stderr}"
    );
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
    let entry = |id: &str, error: &str| json!({"error": error, "attempts": 5, "at": 1_700_000_000_000_i64, "worker": "pod-1.7", "task": {"id": id}});
    // The task is the last field, as the protocol says.
    let text = |id: &str, error: &str| {
        let mut entry = entry(id, error);
        let task = entry["task"].take();
        entry.as_object_mut().expect("an object").remove("task");
        let head = entry.to_string();
        format!("{},\"task\":{task}}}", head.trim_end_matches('}'))
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
    let _: i64 = world
        .redis
        .connect()
        .hset("wp:{tasks}:stats", "failed_trimmed", 7)
        .expect("set");
    world
}

#[test]
fn failed_tasks_are_listed_in_one_line_each() {
    let world = with_failures();
    let (ok, stdout, stderr) = world.run(&["failed"]);
    assert!(ok, "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "FAILED               TRIES  WORKER   TASK  ERROR",
            "2023-11-14 22:13:20  5      pod-1.7  a     no image",
            "2023-11-14 22:13:20  5      pod-1.7  b     [2Jgone",
            "2023-11-14 22:13:20  5      pod-1.7  c     late",
        ]
    );
    assert!(stderr.contains("7 older ones were dropped"), "{stderr}");
    let (_, stdout, stderr) = world.run(&["failed", "--limit", "1", "--lang", "es"]);
    assert!(
        stdout.starts_with("FALLÓ") && stdout.lines().count() == 2,
        "{stdout}"
    );
    assert!(stderr.contains("1 de 3, la más nueva al final"), "{stderr}");
    let (_, stdout, _) = world.run(&["failed", "-o", "json"]);
    let list: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        (&list["total"], &list["trimmed"], &list["tasks"][1]["error"]),
        (&json!(3), &json!(7), &json!("[2Jgone"))
    );
}

#[test]
fn failed_tasks_wait_again_or_are_deleted() {
    let world = with_failures();
    let (ok, _, stderr) = world.run(&["failed", "--clear"]);
    assert!(
        !ok && stderr.contains("Delete 3 failed tasks of filters, for good?"),
        "{stderr}"
    );
    assert!(stderr.contains("add --yes"), "{stderr}");
    let (ok, stdout, stderr) = world.run(&["failed", "--retry", "--yes", "--id", "b", "x"]);
    assert_eq!(stdout, "filters: 1 failed task waits again\n");
    assert!(
        !ok && stderr.contains("1 was not on the failed list"),
        "{stderr}"
    );
    assert_eq!(world.ready(), [json!({"id": "b"})]);
    let (ok, stdout, _) = world.run(&["failed", "--clear", "-y", "--lang", "es"]);
    assert!(ok);
    assert_eq!(stdout, "filters: 2 tareas fallidas borradas\n");
    let (ok, stdout, _) = world.run(&["failed", "--list"]);
    assert!(ok);
    assert_eq!(stdout, "filters: no failed tasks\n");
    let (ok, stdout, _) = world.run(&["failed", "--retry"]);
    assert!(ok, "nothing to confirm");
    assert_eq!(stdout, "filters: 0 failed tasks wait again\n");
}
