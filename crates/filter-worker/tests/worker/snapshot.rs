//! The operator's look: exact where all is well, and a sentence or a `None` where it is not.

use crate::protocol::Queue;
use proptest::prelude::*;
use protocol::snapshot;
use protocol::snapshot::{Snapshot, State, command, command_in_full, is_unknown_script};
use protocol::{Keys, now_ms};
use redis::{Commands, Value};
use rstest::rstest;

fn look(queue: &mut Queue) -> Result<Snapshot, String> {
    snapshot::parse(
        command_in_full(&queue.keys)
            .query(&mut queue.redis)
            .unwrap(),
    )
}

#[test]
fn an_empty_queue_has_zeros_where_it_knows_and_none_where_it_does_not() {
    let mut queue = Queue::new();
    let seen = look(&mut queue).unwrap();
    assert!((seen.time - now_ms()).abs() < 5_000, "{}", seen.time);
    assert_eq!(
        seen,
        Snapshot {
            time: seen.time,
            ..Snapshot::default()
        }
    );
    assert_eq!(seen.oldest_age(), None);
}

#[test]
fn a_queue_at_work_is_seen_whole() {
    let mut queue = Queue::new();
    let [busy, idle, dead] = [
        queue.worker("busy"),
        queue.worker("idle"),
        queue.worker("dead"),
    ];
    queue.push(&["a", "b", "c", "d", "e", "f"]);
    let done = queue.must_claim(&busy);
    queue.ack(&busy, &done);
    queue.must_claim(&busy);
    queue.must_claim(&dead);
    queue.must_claim(&dead);
    let hopeless = queue.must_claim(&idle);
    queue.fail(&idle, &hopeless, true);
    queue.lose_lease(&dead);

    let mut seen = look(&mut queue).unwrap();
    seen.workers.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!((seen.ready, seen.claimed, seen.failed_listed), (1, 3, 1));
    assert_eq!((seen.dead, seen.dead_claimed), (1, 2));
    let counters = (seen.arrived, seen.processed, seen.failed, seen.millis);
    assert_eq!(counters, (Some(6), Some(1), Some(1), Some(40)));
    assert!(seen.oldest_age().unwrap().as_secs() < 5);
    let workers: Vec<_> = seen
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
    let worker = &seen.workers[0];
    assert_eq!(
        (worker.pod.as_deref(), worker.cpu, worker.memory),
        (Some("pod-of-busy"), Some(0.0), Some(0))
    );
    assert!((seen.time - worker.since.unwrap()) < 5_000 && worker.claim_at >= worker.since);
}

#[test]
fn the_short_command_works_once_the_server_knows_the_script() {
    let mut queue = Queue::new();
    let [short, full] = [
        command(&Keys::new("tasks")),
        command_in_full(&Keys::new("tasks")),
    ];
    let mut ask = |command: &redis::Cmd| {
        let mut pipeline = redis::pipe();
        pipeline.add_command(command.clone()).ignore_errors();
        pipeline
            .query::<Vec<redis::RedisResult<Value>>>(&mut queue.redis)
            .unwrap()
            .remove(0)
    };
    assert_eq!(ask(&short).unwrap_err().code(), Some("NOSCRIPT"));
    assert!(snapshot::parse(ask(&full).unwrap()).is_ok());
    assert!(snapshot::parse(ask(&short).unwrap()).is_ok());
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
fn the_oldest_is_read_without_the_body(#[case] element: &str, #[case] at: Option<i64>) {
    let mut queue = Queue::new();
    let _: () = queue.redis.rpush(queue.keys.ready(), element).unwrap();
    assert_eq!(look(&mut queue).unwrap().oldest_at, at);
    let long = element.replace(
        r#""body":{"#,
        &format!(r#""body":{{"pad":"{}","#, "x".repeat(100_000)),
    );
    let _: () = queue.redis.rpush(queue.keys.ready(), long).unwrap();
    assert_eq!(look(&mut queue).unwrap().oldest_at, at);
}

#[test]
fn a_producers_clock_ahead_of_the_server_makes_no_negative_age() {
    let seen = Snapshot {
        time: 1_000,
        oldest_at: Some(9_000),
        ..Snapshot::default()
    };
    assert_eq!(seen.oldest_age().unwrap().as_millis(), 0);
}

#[test]
fn a_key_of_the_wrong_type_is_named() {
    let keys = Keys::new("tasks");
    for key in [
        keys.ready(),
        keys.workers(),
        keys.stats(),
        keys.failed(),
        keys.claimed("w.1"),
    ] {
        let mut queue = Queue::new();
        queue.worker("w");
        let _: () = redis::cmd("DEL").arg(&key).query(&mut queue.redis).unwrap();
        let _: () = queue.redis.set(&key, "text").unwrap();
        let sentence = look(&mut queue).unwrap_err();
        assert!(
            sentence.contains(&key) && sentence.contains("wrong kind"),
            "{sentence}"
        );
    }
}

#[test]
fn nonsense_in_a_hash_is_unknown_and_spoils_nothing_else() {
    let mut queue = Queue::new();
    let [liar, odd, _] = [
        queue.worker("liar"),
        queue.worker("odd"),
        queue.worker("fine"),
    ];
    let lies = [
        ("state", "asleep"),
        ("since", "yesterday"),
        ("cpu", "NaN"),
        ("memory", "-3"),
        ("claim_at", "1e99"),
    ];
    let _: () = queue
        .redis
        .hset_multiple(queue.keys.worker(&liar), &lies)
        .unwrap();
    let _: () = queue.redis.set(queue.keys.worker(&odd), "no hash").unwrap();
    let _: () = queue
        .redis
        .hset_multiple(
            queue.keys.stats(),
            &[("arrived", "many"), ("processed", "-1")],
        )
        .unwrap();
    let mut seen = look(&mut queue).unwrap();
    seen.workers.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!((seen.arrived, seen.processed), (None, None));
    let [fine, liar, odd] = seen.workers.as_slice() else {
        panic!("{:?}", seen.workers)
    };
    assert_eq!(fine.state, Some(State::Idle));
    assert_eq!(
        (liar.state, liar.since, liar.cpu, liar.memory, liar.claim_at),
        (None, None, None, None, None)
    );
    assert_eq!((odd.state, odd.pod.as_ref(), odd.claimed), (None, None, 0));
}

#[test]
fn a_set_too_large_to_be_a_registry_is_refused() {
    let mut queue = Queue::new();
    let many: Vec<u32> = (0..=10_000).collect();
    let _: () = queue.redis.sadd(queue.keys.workers(), many).unwrap();
    assert!(look(&mut queue).unwrap_err().contains("10001 members"));
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
    fn no_answer_makes_it_panic(answer in any_value(), rest in prop::collection::vec(any_value(), 0..12)) {
        let _ = snapshot::parse(answer);
        let _ = snapshot::parse(Value::Array([vec![Value::Int(1)], rest].concat()));
    }
}
