//! The operator's snapshot of a queue: exact values, and `None` or an error message for what cannot be read.

use crate::queue::Queue;
use proptest::prelude::*;
use protocol::snapshot::{self, Snapshot, State, command, command_in_full, is_unknown_script};
use protocol::{Keys, now_ms};
use redis::{Commands, Value};
use rstest::rstest;

#[test]
fn an_empty_queue_has_zeros_and_unknown_counters() {
    let mut queue = Queue::new();
    let snapshot = queue.snapshot();
    assert!(
        (snapshot.time - now_ms()).abs() < 5_000,
        "{}",
        snapshot.time
    );
    assert_eq!(
        snapshot,
        Snapshot {
            time: snapshot.time,
            ..Snapshot::default()
        }
    );
    assert_eq!(snapshot.oldest_age(), None);
}

#[test]
fn a_busy_queue_is_read_completely() {
    let mut queue = Queue::new();
    let [busy, idle, dead] = [
        queue.register("busy"),
        queue.register("idle"),
        queue.register("dead"),
    ];
    queue.push(&["a", "b", "c", "d", "e", "f"]);
    let done = queue.must_claim(&busy);
    queue.ack(&busy, &done);
    queue.must_claim(&busy);
    queue.must_claim(&dead);
    queue.must_claim(&dead);
    let invalid = queue.must_claim(&idle);
    queue.fail(&idle, &invalid, true);
    queue.expire_lease(&dead);

    let mut snapshot = queue.snapshot();
    snapshot.workers.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(
        (snapshot.ready, snapshot.claimed, snapshot.failed_listed),
        (1, 3, 1)
    );
    assert_eq!((snapshot.dead, snapshot.dead_claimed), (1, 2));
    let counters = (
        snapshot.arrived,
        snapshot.processed,
        snapshot.failed,
        snapshot.millis,
    );
    assert_eq!(counters, (Some(6), Some(1), Some(1), Some(40)));
    assert!(snapshot.oldest_age().unwrap().as_secs() < 5);
    let workers: Vec<_> = snapshot
        .workers
        .iter()
        .map(|it| (it.id.as_str(), it.state, it.claimed))
        .collect();
    assert_eq!(
        workers,
        [
            (busy.as_str(), Some(State::Busy), 1),
            (idle.as_str(), Some(State::Idle), 0)
        ]
    );
    let worker = &snapshot.workers[0];
    assert_eq!(
        (worker.pod.as_deref(), worker.cpu, worker.memory),
        (Some("pod-of-busy"), Some(0.0), Some(0))
    );
    assert_eq!(
        (worker.namespace.as_deref(), worker.slots()),
        (Some("team-a"), 4)
    );
    assert!((snapshot.time - worker.since.unwrap()) < 5_000 && worker.claim_at >= worker.since);
}

#[test]
fn the_short_command_works_once_the_script_is_loaded() {
    let mut queue = Queue::new();
    let [short, full] = [
        command(&Keys::new("tasks")),
        command_in_full(&Keys::new("tasks")),
    ];
    let mut run = |command: &redis::Cmd| {
        let mut pipeline = redis::pipe();
        pipeline.add_command(command.clone()).ignore_errors();
        pipeline
            .query::<Vec<redis::RedisResult<Value>>>(&mut queue.redis)
            .unwrap()
            .remove(0)
    };
    assert_eq!(run(&short).unwrap_err().code(), Some("NOSCRIPT"));
    assert!(snapshot::parse(run(&full).unwrap()).is_ok());
    assert!(snapshot::parse(run(&short).unwrap()).is_ok());
    assert!(!is_unknown_script(&Value::Nil));
}

#[rstest]
#[case::as_written(r#"{"id":"x","at":1234,"attempt":1,"body":{"at":9}}"#, Some(1234))]
#[case::spaced(r#"{ "id" : "x" , "at" : 1234 , "body" : 1 }"#, Some(1234))]
#[case::body_first(r#"{"body":{"at":9,"x":[{"at":8}]},"id":"x","at":1234}"#, Some(1234))]
#[case::only_in_the_body(r#"{"id":"x","body":{"at":9}}"#, None)]
#[case::inside_a_text(r#"{"id":"x","body":"\"at\":9"}"#, None)]
#[case::id_called_body(r#"{"id":"body","at":1234,"body":0}"#, Some(1234))]
#[case::text_for_a_number(r#"{"id":"x","at":"1234","body":0}"#, None)]
#[case::too_large(r#"{"id":"x","at":99999999999999999999,"body":0}"#, None)]
#[case::no_json("hello", None)]
#[case::empty("", None)]
fn the_oldest_task_time_is_read_without_the_body(#[case] element: &str, #[case] at: Option<i64>) {
    let mut queue = Queue::new();
    let _: () = queue.redis.rpush(queue.keys.ready(), element).unwrap();
    assert_eq!(queue.snapshot().oldest_at, at);
    let long = element.replace(
        r#""body":{"#,
        &format!(r#""body":{{"pad":"{}","#, "x".repeat(100_000)),
    );
    let _: () = queue.redis.rpush(queue.keys.ready(), long).unwrap();
    assert_eq!(queue.snapshot().oldest_at, at);
}

#[test]
fn a_producer_clock_ahead_gives_no_negative_age() {
    let snapshot = Snapshot {
        time: 1_000,
        oldest_at: Some(9_000),
        ..Snapshot::default()
    };
    assert_eq!(snapshot.oldest_age().unwrap().as_millis(), 0);
}

#[test]
fn the_error_names_a_key_of_the_wrong_type() {
    let keys = Keys::new("tasks");
    for key in [
        keys.ready(),
        keys.workers(),
        keys.stats(),
        keys.failed(),
        keys.claimed("w.1"),
    ] {
        let mut queue = Queue::new();
        queue.register("w");
        let _: () = redis::cmd("DEL").arg(&key).query(&mut queue.redis).unwrap();
        let _: () = queue.redis.set(&key, "text").unwrap();
        let message = queue.try_snapshot().unwrap_err();
        assert!(
            message.contains(&key) && message.contains("wrong kind"),
            "{message}"
        );
    }
}

#[test]
fn an_invalid_hash_value_is_unknown() {
    let mut queue = Queue::new();
    let [invalid, text, _] = [
        queue.register("invalid"),
        queue.register("text"),
        queue.register("valid"),
    ];
    let fields = [
        ("state", "asleep"),
        ("since", "yesterday"),
        ("cpu", "NaN"),
        ("memory", "-3"),
        ("claim_at", "1e99"),
    ];
    let _: () = queue
        .redis
        .hset_multiple(queue.keys.worker(&invalid), &fields)
        .unwrap();
    let _: () = queue
        .redis
        .set(queue.keys.worker(&text), "not a hash")
        .unwrap();
    let _: () = queue
        .redis
        .hset_multiple(
            queue.keys.stats(),
            &[("arrived", "many"), ("processed", "-1")],
        )
        .unwrap();
    let mut snapshot = queue.snapshot();
    snapshot.workers.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!((snapshot.arrived, snapshot.processed), (None, None));
    let [invalid, text, valid] = snapshot.workers.as_slice() else {
        panic!("{:?}", snapshot.workers)
    };
    assert_eq!(valid.state, Some(State::Idle));
    assert_eq!((invalid.state, invalid.since), (None, None));
    assert_eq!((invalid.cpu, invalid.memory), (None, None));
    assert_eq!(invalid.claim_at, None);
    assert_eq!(
        (text.state, text.pod.as_ref(), text.claimed),
        (None, None, 0)
    );
}

/// With no worker nothing else makes them ready, so they must count, and as ready once their pause is over.
#[test]
fn delayed_tasks_are_due_and_then_ready() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a", "b"]);
    let failed = queue.must_take(&worker);
    queue.fail(&worker, &failed, false);
    let during = queue.snapshot();
    assert_eq!((during.ready, during.due, during.claimed), (1, 1, 0));
    queue.end_pauses();
    let after = queue.snapshot();
    assert_eq!((after.ready, after.due, after.claimed), (2, 0, 0));
}

/// A worker of an older release, or a foreign one.
#[test]
fn a_worker_that_reports_neither_namespace_nor_slots_has_one_slot() {
    let mut queue = Queue::new();
    let old = queue.register("old");
    let key = queue.keys.worker(&old);
    let _: () = queue.redis.hdel(&key, &["namespace", "slots"]).unwrap();
    let worker = queue.snapshot().workers.remove(0);
    assert_eq!((worker.namespace.as_ref(), worker.slots()), (None, 1));
    for invalid in ["0", "-1", "many"] {
        let _: () = queue.redis.hset(&key, "slots", invalid).unwrap();
        assert_eq!(queue.snapshot().workers[0].slots(), 1, "{invalid}");
    }
}

#[test]
fn a_registry_that_is_too_large_is_refused() {
    let mut queue = Queue::new();
    let many: Vec<u32> = (0..=10_000).collect();
    let _: () = queue.redis.sadd(queue.keys.workers(), many).unwrap();
    assert!(queue.try_snapshot().unwrap_err().contains("10001 members"));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        Just(Value::Int(1)),
        any::<i64>().prop_map(Value::Int),
        any::<Vec<u8>>().prop_map(Value::BulkString),
        "[0-9]{1,25}".prop_map(Value::SimpleString),
        any::<f64>().prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
    ];
    leaf.prop_recursive(4, 64, 12, |inner| {
        prop::collection::vec(inner, 0..12).prop_map(Value::Array)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_reply_makes_the_parser_panic(reply in any_value(), rest in prop::collection::vec(any_value(), 0..12)) {
        let _ = snapshot::parse(reply);
        let _ = snapshot::parse(Value::Array([vec![Value::Int(1)], rest].concat()));
    }
}
