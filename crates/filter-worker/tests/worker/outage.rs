//! Workers in both languages when Redis or the network fails.

use crate::process::{Harness, Language, Process, until, until_true};
use crate::proxy::FaultProxy;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use protocol::{Push, Task};
use redis::{Commands, cmd};
use rstest::rstest;
use serde_json::json;
use testkit::redis::RedisServer;

/// A registered worker behind a proxy.
fn start(language: Language) -> (Harness, FaultProxy, Process) {
    let mut harness = Harness::new();
    let proxy = FaultProxy::to(harness.address());
    let worker = harness.start_behind(&proxy, language, "w");
    harness.until("the worker", |snapshot| snapshot.workers.len() == 1);
    (harness, proxy, worker)
}

#[rstest]
#[case::rust(Language::Rust)]
#[case::python(Language::Python)]
fn a_worker_recovers_from_silent_connections(#[case] language: Language) {
    let (mut harness, proxy, _worker) = start(language);
    proxy.silence_connections();
    harness.push(["a".into()], 0);
    assert_eq!(harness.result("a")["id"], "a");
}

/// The limit of a worker is for silence, not for a whole transfer: 4 MB at 0.5 MB/s take longer than any reply may keep it
/// waiting.
#[rstest]
#[case::rust(Language::Rust)]
#[case::python(Language::Python)]
fn a_large_element_crosses_a_slow_line(#[case] language: Language) {
    let (mut harness, proxy, _worker) = start(language);
    proxy.limit_rate(500_000);
    let body = noise(1_000, 1_000);
    assert!(body.to_string().len() > 4_000_000);
    harness.push_body("large", body);
    assert_eq!(harness.result("large")["width"], 128);
    harness.push(["next".into()], 0);
    assert_eq!(harness.result("next")["id"], "next");
    assert_eq!(harness.snapshot().workers[0].id, "w.1");
    let attempts: bool = harness.redis.exists(harness.keys.attempts()).unwrap();
    assert!(!attempts, "it ran once");
}

#[rstest]
#[case::rust(Language::Rust)]
#[case::python(Language::Python)]
fn a_failover_loses_no_task_that_the_replica_has(#[case] language: Language) {
    let (mut harness, proxy, _worker) = start(language);
    let mut replica = RedisServer::start();
    replica.run(&format!("REPLICAOF 127.0.0.1 {}", harness.server.port()));
    harness.push((0..40).map(|n| n.to_string()), 50);
    // A producer does this if it must not lose a task in a failover.
    let replicated: u32 = cmd("WAIT")
        .arg(1)
        .arg(20_000)
        .query(&mut harness.redis)
        .unwrap();
    assert_eq!(replicated, 1);
    harness.until("some results", |snapshot| snapshot.processed >= Some(5));

    harness.server.stop();
    replica.run("REPLICAOF NO ONE");
    harness.redis = replica.connect();
    std::mem::swap(&mut harness.server, &mut replica);
    proxy.set_target(harness.address());
    // Each snapshot checks that the new server has all tasks. It may lack the last acknowledgements.
    let snapshot = harness.until("all results", |snapshot| snapshot.processed == Some(40));
    assert_eq!((snapshot.arrived, snapshot.failed), (Some(40), None));
}

#[rstest]
#[case::rust(Language::Rust)]
#[case::python(Language::Python)]
fn a_full_redis_refuses_tasks_and_workers_empty_it(#[case] language: Language) {
    let (mut harness, _proxy, worker) = start(language);
    worker.signal("STOP"); // until Redis is full
    let body =
        json!({"filters": [], "image": {"synthetic": {"width": 8, "height": 8}}, "delayMs": 0});
    let task = Task {
        id: "0".into(),
        ..Task::new(json!({"pad": "x".repeat(1_000_000), "task": body}))
    };
    harness.server.run("CONFIG SET maxmemory 20mb");
    // The script checks the memory once a second. Until then Redis itself refuses at the limit.
    until("a refusal", || {
        let push = protocol::push_if_room(&harness.keys, std::slice::from_ref(&task)).unwrap();
        match push.run_blocking(&mut harness.redis).unwrap() {
            Push::Refused(reason) if reason.contains("of 20971520: wait") => Some(()),
            Push::Refused(reason) => {
                assert!(reason.starts_with("OOM"), "{reason}");
                None
            }
            Push::Done => None,
        }
    });
    // Fill it up to the limit, with a producer that does not check.
    while cmd("LPUSH")
        .arg(harness.keys.ready())
        .arg("garbage".repeat(30_000))
        .exec(&mut harness.redis)
        .is_ok()
    {
        let _: () = harness
            .redis
            .hincr(harness.keys.stats(), "arrived", 1)
            .unwrap_or_default();
    }
    harness.server.run("CONFIG SET maxmemory 10mb"); // far above the limit
    worker.signal("CONT");
    until_true("the queue to be empty", || {
        let read = protocol::snapshot::command_in_full(&harness.keys);
        let snapshot = protocol::snapshot::parse(read.query(&mut harness.redis).unwrap());
        snapshot.is_ok_and(|it| it.ready == 0 && it.claimed == 0)
    });
}

#[rstest]
#[case::rust(Language::Rust)]
#[case::python(Language::Python)]
fn a_body_of_many_megabytes_is_processed(#[case] language: Language) {
    let (mut harness, _proxy, _worker) = start(language);
    let body = noise(3_000, 2_000);
    assert!(body.to_string().len() > 20_000_000);
    harness.push_body("large", body);
    assert_eq!(harness.result("large")["width"], 128);
    let snapshot = harness.until("the end", |snapshot| snapshot.claimed == 0);
    assert_eq!(snapshot.processed, Some(1));
}

/// The body of a task with a picture of noise, which no format compresses.
fn noise(width: u32, height: u32) -> serde_json::Value {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut image = image::RgbImage::new(width, height);
    fastrand::Rng::with_seed(1).fill(&mut image);
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    let file = BASE64_STANDARD.encode(file.into_inner());
    json!({"filters": ["thumbnail"], "image": {"base64": file}})
}
