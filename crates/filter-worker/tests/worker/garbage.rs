//! Workers in both languages get the same garbage from one generator. Each element ends in one place, the workers survive
//! it, and they agree on what is a task.

use crate::process::{Harness, Language};
use crate::proxy::FaultProxy;
use redis::Commands;
use std::collections::BTreeSet;

const BODY: &str = r#"{"filters":[],"image":{"synthetic":{"width":8,"height":8}}}"#;
/// What a field can be instead of what it should be.
const VALUES: [&str; 27] = [
    "null",
    "true",
    "-1",
    "0",
    "1",
    "7.5",
    "1e3",
    "1e999",
    "-0",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1000000000000000000000000000000",
    "NaN",
    "Infinity",
    r#""""#,
    r#""x""#,
    r#""7""#,
    r#""\ud800""#,
    r#""\ud83d\ude00""#,
    r#""\u0000""#,
    r#""a\"b\\c""#,
    "\"ñ😀\"",
    "[]",
    "{}",
    "'x'",
];
/// What is no object with fields.
const NO_OBJECTS: [&[u8]; 15] = [
    b"",
    b" ",
    b"null",
    b"7",
    b"\"text\"",
    b"[]",
    b"[{\"id\":\"a\"}]",
    b"{",
    b"{}",
    b"{\"id\"}",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{\"id\":\"bom\",\"at\":1,\"body\":1}",
    b"{\"id\":\"\xff\",\"at\":1,\"body\":1}",
    b"{\"id\":\"a\",\"at\":1,\"body\":1} more",
    b"\x00\x01\x02\r\n$-1\r\n",
];

/// All elements, in an order that the seed decides.
fn garbage(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut elements: Vec<Vec<u8>> = NO_OBJECTS.iter().map(|it| it.to_vec()).collect();
    let deep = format!(r#"{{"id":"deep","at":1,"body":{}}}"#, "[".repeat(200_000));
    elements.push(deep.into_bytes());
    let long = format!(r#"{{"id":"{}","at":1,"body":{BODY}}}"#, "l".repeat(70_000));
    elements.push(long.into_bytes());
    for n in 0..400 {
        let mut fields = vec![
            ("id", format!("\"g{n}\"")),
            ("at", "1".to_owned()),
            ("attempt", "1".to_owned()),
            ("keep", "60000".to_owned()),
            ("body", BODY.to_owned()),
            ("extra", "1".to_owned()),
        ];
        // None, one or two fields are not what they should be, or absent.
        for _ in 0..rng.usize(..3) {
            let field = rng.usize(..fields.len());
            if rng.u8(..8) == 0 {
                fields.remove(field);
            } else if fields[field].0 != "extra" {
                VALUES[rng.usize(..VALUES.len())].clone_into(&mut fields[field].1);
            }
        }
        rng.shuffle(&mut fields);
        let fields = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"));
        let space = " ".repeat(rng.usize(..3));
        let text = fields.collect::<Vec<_>>().join(&format!(",{space}"));
        elements.push(format!("{space}{{{text}}}{space}").into_bytes());
    }
    let byte = |rng: &mut fastrand::Rng| rng.u8(..);
    for length in 1..40 {
        elements.push((0..length).map(|_| byte(&mut rng)).collect());
    }
    rng.shuffle(&mut elements);
    elements
}

/// How many of the elements a worker did, and the others, as they stand in the failed list.
fn work(language: Language, elements: &[Vec<u8>]) -> (Option<u64>, BTreeSet<Vec<u8>>) {
    let mut harness = Harness::new();
    let proxy = FaultProxy::to(harness.address());
    let mut worker = harness.start_behind(&proxy, language, "w");
    let mut push = redis::pipe();
    push.atomic().lpush(harness.keys.ready(), elements).hincr(
        harness.keys.stats(),
        "arrived",
        elements.len(),
    );
    push.exec(&mut harness.redis).unwrap();
    let end = harness.until("the end of the garbage", |snapshot| {
        snapshot.ready + snapshot.due + snapshot.claimed == 0
    });
    assert!(worker.is_running());
    let ids: Vec<_> = end.workers.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["w.1"], "{language:?} survives");
    let failed: Vec<Vec<u8>> = harness.redis.lrange(harness.keys.failed(), 0, -1).unwrap();
    let task = |entry: Vec<u8>| {
        let field = b",\"task\":";
        let start = entry.windows(field.len()).position(|it| it == field);
        entry[start.unwrap()..].to_vec()
    };
    (end.processed, failed.into_iter().map(task).collect())
}

#[test]
fn both_workers_survive_the_same_garbage_and_agree_on_it() {
    let seed =
        std::env::var("GARBAGE_SEED").map_or_else(|_| fastrand::u64(..), |it| it.parse().unwrap());
    let elements = garbage(seed);
    let (rust_done, rust_failed) = work(Language::Rust, &elements);
    let (python_done, python_failed) = work(Language::Python, &elements);
    let text = |it: &Vec<u8>| String::from_utf8_lossy(&it[..it.len().min(300)]).into_owned();
    let disputed: Vec<String> = rust_failed
        .symmetric_difference(&python_failed)
        .map(text)
        .collect();
    assert!(disputed.is_empty(), "GARBAGE_SEED={seed}: {disputed:#?}");
    assert_eq!(rust_done, python_done, "GARBAGE_SEED={seed}");
    assert!(rust_done > Some(50), "{rust_done:?} are tasks");
}
