//! What happens to workers of both languages when Redis or the way to it does something unpleasant.

use crate::process::{Kind, Yard};
use crate::wire::Wire;
use protocol::{Push, Task};
use redis::{Commands, cmd};
use rstest::rstest;
use serde_json::{Value, json};
use std::net::SocketAddr;
use testkit::redis::RedisServer;

/// One worker on a wire, registered.
fn one(kind: Kind) -> (Yard, Wire, crate::process::Process) {
    let mut yard = Yard::new();
    let wire = Wire::to(yard.address());
    let worker = yard.worker_on(&wire, kind, "w");
    yard.until("the worker", |seen| seen.workers.len() == 1);
    (yard, wire, worker)
}

#[rstest]
#[case::rust(Kind::Rust)]
#[case::python(Kind::Python)]
fn a_worker_whose_connections_have_gone_silent_is_not_deaf_for_long(#[case] kind: Kind) {
    let (mut yard, wire, _worker) = one(kind);
    wire.go_silent();
    yard.push(["a".into()], 0);
    assert_eq!(yard.result("a")["id"], "a");
}

#[rstest]
#[case::rust(Kind::Rust)]
#[case::python(Kind::Python)]
fn a_failover_in_the_middle_loses_nothing_that_the_replica_had(#[case] kind: Kind) {
    let (mut yard, wire, _worker) = one(kind);
    let mut replica = RedisServer::start();
    let mut other = replica.connect();
    let address: SocketAddr = yard.address();
    cmd("REPLICAOF")
        .arg(address.ip().to_string())
        .arg(address.port())
        .exec(&mut other)
        .unwrap();
    yard.push((0..40).map(|n| n.to_string()), 50);
    // What a producer does that wants more than Redis promises by itself.
    assert_eq!(
        cmd("WAIT")
            .arg(1)
            .arg(20_000)
            .query::<u32>(&mut yard.redis)
            .unwrap(),
        1
    );
    yard.until("some to be done", |seen| seen.processed >= Some(5));

    yard.server.stop();
    cmd("REPLICAOF")
        .arg("NO")
        .arg("ONE")
        .exec(&mut other)
        .unwrap();
    wire.turn_to(
        replica
            .url()
            .trim_start_matches("redis://")
            .parse()
            .unwrap(),
    );
    yard.redis = other;
    std::mem::swap(&mut yard.server, &mut replica);
    // Each look checks that the new server has all of them somewhere; the last acknowledgements may have been lost.
    let seen = yard.until("all to be done", |seen| seen.processed == Some(40));
    assert_eq!((seen.arrived, seen.failed), (Some(40), None));
}

#[rstest]
#[case::rust(Kind::Rust)]
#[case::python(Kind::Python)]
fn a_full_redis_refuses_producers_and_is_emptied_by_workers(#[case] kind: Kind) {
    let (mut yard, _wire, worker) = one(kind);
    worker.signal("STOP"); // until Redis is full
    let body =
        json!({"filters": [], "image": {"synthetic": {"width": 8, "height": 8}}, "delayMs": 0});
    let pad = "x".repeat(1_000_000);
    let task = |id: usize| Task {
        id: id.to_string(),
        ..Task::new(json!({"pad": pad, "task": body}))
    };
    let push = |yard: &mut Yard, id| {
        let call = protocol::push_if_room(&yard.keys, &[task(id)]).unwrap();
        call.run_blocking(&mut yard.redis).unwrap()
    };
    cmd("CONFIG")
        .arg(&["SET", "maxmemory", "20mb"])
        .exec(&mut yard.redis)
        .unwrap();
    // The look at the memory is a second old at most: until then Redis itself refuses what is past the brim.
    crate::process::until("a refusal", || match push(&mut yard, 0) {
        Push::Refused(why) if why.contains("of 20971520: wait") => Some(()),
        Push::Refused(why) => {
            assert!(why.starts_with("OOM"), "{why}");
            None
        }
        Push::Done => None,
    });
    // And past that to the brim, with what asks nobody.
    while cmd("LPUSH")
        .arg(yard.keys.ready())
        .arg("garbage".repeat(30_000))
        .exec(&mut yard.redis)
        .is_ok()
    {
        let _: () = yard
            .redis
            .hincr(yard.keys.stats(), "arrived", 1)
            .unwrap_or_default();
    }
    cmd("CONFIG")
        .arg(&["SET", "maxmemory", "10mb"])
        .exec(&mut yard.redis)
        .unwrap(); // and well past it
    worker.signal("CONT");
    let emptied = |seen: &protocol::Snapshot| seen.ready == 0 && seen.claimed == 0;
    crate::process::until("the queue to be empty", || {
        let answer = protocol::snapshot::command_in_full(&yard.keys)
            .query(&mut yard.redis)
            .unwrap();
        protocol::snapshot::parse(answer).ok().filter(emptied)
    });
}

#[rstest]
#[case::rust(Kind::Rust)]
#[case::python(Kind::Python)]
fn a_body_of_many_megabytes_is_worked_on(#[case] kind: Kind) {
    let (mut yard, _wire, _worker) = one(kind);
    let mut file = std::io::Cursor::new(Vec::new());
    let mut picture = image::RgbImage::new(3_000, 2_000);
    fastrand::Rng::with_seed(1).fill(&mut picture); // noise, which no format makes smaller
    picture
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    let file = {
        use base64::Engine;
        base64::prelude::BASE64_STANDARD.encode(file.into_inner())
    };
    assert!(file.len() > 20_000_000);
    let body = json!({"filters": ["thumbnail"], "image": {"base64": file}});
    let tasks = [Task::<Value> {
        id: "large".into(),
        ..Task::new(body)
    }];
    protocol::push(&yard.keys, &tasks)
        .unwrap()
        .exec(&mut yard.redis)
        .unwrap();
    assert_eq!(yard.result("large")["width"], 128);
    assert_eq!(
        yard.until("the end", |seen| seen.claimed == 0).processed,
        Some(1)
    );
}
