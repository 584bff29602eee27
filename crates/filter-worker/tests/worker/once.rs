//! A batch that is sent again because its answer was lost: the key makes it the same batch.

use crate::front::{Front, HOST, post_to};
use redis::Commands;
use serde_json::{Value, json};

fn batch(seed: u32) -> Value {
    let image = |n| json!({"synthetic": {"width": 8, "height": 8, "seed": n}});
    json!({"images": [image(1), image(seed)], "filters": ["blur"]})
}

fn key(key: &str) -> String {
    format!("{HOST}Idempotency-Key: {key}\r\n")
}

#[test]
fn one_key_queues_one_batch_however_often_sent() {
    let mut front = Front::start(&["--rate", "1000"]);
    let address = front.address;
    let senders: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(move || post_to(address, &key("a"), &batch(2))))
        .collect();
    let responses: Vec<_> = senders.into_iter().map(|it| it.join().unwrap()).collect();
    let urls = Front::urls(&responses[0]);
    assert!(responses.iter().all(|it| Front::urls(it) == urls));
    let replayed = responses
        .iter()
        .filter(|it| it.head.contains("idempotency-replayed: true"));
    assert_eq!((replayed.count(), front.harness.snapshot().ready), (7, 2));
    // The answer is the same after the tasks are done, too.
    let _worker = front.harness.start("w", &[]);
    assert_eq!(front.wait_for(&urls[1])["status"], "done");
    assert_eq!(Front::urls(&front.post_with(&key("a"), &batch(2))), urls);
    assert_ne!(Front::urls(&front.post_with(&key("b"), &batch(2))), urls);
    assert_ne!(Front::urls(&front.post_with(HOST, &batch(2))), urls);
    let ttl: i64 = front
        .harness
        .redis
        .pttl(front.harness.keys.batch("a"))
        .unwrap();
    assert!((1..=86_400_000).contains(&ttl), "{ttl}");
}

#[test]
fn a_key_belongs_to_one_batch() {
    let mut front = Front::start(&[]);
    assert_eq!(front.post_with(&key("a"), &batch(2)).status, 202);
    let other = front.post_with(&key("a"), &batch(3));
    other.assert_error(422, "another batch");
    let long = front.post_with(&key(&"k".repeat(129)), &batch(2));
    long.assert_error(400, "Idempotency-Key");
    assert_eq!(front.harness.snapshot().ready, 2);
}

#[test]
fn a_refused_batch_may_be_sent_again_with_its_key() {
    let mut front = Front::start(&[]);
    let pressure = front.harness.keys.pressure();
    let _: () = front.harness.redis.set(&pressure, "full").unwrap();
    assert_eq!(front.post_with(&key("a"), &batch(2)).status, 503);
    let _: () = front.harness.redis.del(&pressure).unwrap();
    let response = front.post_with(&key("a"), &batch(2));
    assert!(!response.head.contains("idempotency-replayed"));
    assert_eq!((response.status, front.harness.snapshot().ready), (202, 2));
}
