//! The failed list: its limits, and the scripts that read it, return tasks to the queue and delete them.

use crate::queue::Queue;
use protocol::{Ending, FAILED_BATCH, FailedList, clear_failed, list_failed, retry_failed};
use redis::Commands;
use serde_json::json;

/// Lets the tasks fail for good, in this order, at the worker `name`.
fn fail_all(queue: &mut Queue, name: &str, ids: &[&str]) -> String {
    let worker = queue.register(name);
    queue.push(ids);
    for _ in ids {
        let element = queue.must_claim(&worker);
        assert_eq!(queue.fail(&worker, &element, true), Ending::Failed(1));
    }
    worker
}

fn listed(queue: &mut Queue, limit: usize) -> (FailedList, Vec<String>) {
    let list = queue.run(&list_failed(&queue.keys, limit));
    let ids = list.tasks.iter().map(|task| task.id.clone()).collect();
    (list, ids)
}

#[test]
fn failed_tasks_say_when_and_where_they_failed() {
    let mut queue = Queue::new();
    let worker = fail_all(&mut queue, "w", &["a", "b", "c"]);
    let (list, ids) = listed(&mut queue, 2);
    assert_eq!((list.total, list.trimmed), (3, 0));
    assert_eq!(ids, ["c", "b"], "the newest first");
    let task = &list.tasks[0];
    assert_eq!(
        (task.error.as_str(), task.attempts),
        ("it \"broke\"", Some(1))
    );
    assert_eq!(task.worker, worker);
    assert!((0..10_000).contains(&(queue.time() - task.at.unwrap())));
}

#[test]
fn entries_of_an_older_release_can_be_read_and_retried() {
    let mut queue = Queue::new();
    let old = r#"{"error":"no, \"task\":","attempts":5,"task":{"id":"old","at":1,"body":{}}}"#;
    let garbage = r#"{"error":"not a task","attempts":1,"task":"\u00ffgarbage"}"#;
    let _: () = queue
        .redis
        .lpush(queue.keys.failed(), &[old, garbage])
        .unwrap();
    let (list, ids) = listed(&mut queue, 9);
    assert_eq!((ids[1].as_str(), list.tasks[1].at), ("old", None));
    assert_eq!(list.tasks[0].error, "not a task");
    assert_eq!(queue.run(&retry_failed(&queue.keys, &[], 9)), 2);
    assert_eq!(
        queue.list(&queue.keys.ready()),
        ["ÿgarbage", r#"{"id":"old","at":1,"body":{}}"#],
        "the exact elements"
    );
}

#[test]
fn a_retry_is_a_task_like_others_in_the_old_order() {
    let mut queue = Queue::new();
    let worker = fail_all(&mut queue, "w", &["a", "b", "c"]);
    queue.push(&["new"]);
    assert_eq!(
        queue.run(&retry_failed(&queue.keys, &["b".into(), "x".into()], 9)),
        1
    );
    assert_eq!(queue.ready_ids(), ["b", "new"]);
    assert!(
        !queue.exists(queue.keys.result("b")),
        "the error is not its result any more"
    );
    assert!(queue.exists(queue.keys.result("a")));
    assert_eq!(queue.run(&retry_failed(&queue.keys, &[], 9)), 2);
    assert_eq!(queue.ready_ids(), ["c", "a", "b", "new"]);
    assert_eq!(queue.stat("failed_bytes"), None, "nothing is listed");
    let unread: Vec<i64> = queue.redis.hvals(queue.keys.unread()).unwrap();
    assert_eq!(unread.iter().sum::<i64>(), 0, "no error waits to be read");
    for _ in 0..4 {
        let element = queue.must_claim(&worker);
        assert_eq!(queue.ack(&worker, &element), Ending::Done);
    }
    assert_eq!(
        (
            queue.stat("arrived"),
            queue.stat("processed"),
            queue.stat("failed")
        ),
        (Some(7), Some(4), Some(3)),
        "no counter went back"
    );
}

#[test]
fn clearing_deletes_what_was_chosen() {
    let mut queue = Queue::new();
    fail_all(&mut queue, "w", &["a", "b", "c", "d"]);
    assert_eq!(queue.run(&clear_failed(&queue.keys, &["c".into()], 9)), 1);
    assert_eq!(listed(&mut queue, 9).1, ["d", "b", "a"]);
    assert_eq!(queue.run(&clear_failed(&queue.keys, &[], 1)), 1);
    assert_eq!(listed(&mut queue, 9).1, ["d", "b"], "the oldest first");
    let bytes: usize = queue
        .list(&queue.keys.failed())
        .iter()
        .map(String::len)
        .sum();
    assert_eq!(queue.stat("failed_bytes"), Some(bytes as u64));
    assert_eq!(queue.run(&clear_failed(&queue.keys, &[], FAILED_BATCH)), 2);
    assert_eq!(queue.ready_ids(), [""; 0]);
}

#[test]
fn the_newest_tasks_are_kept_and_the_others_counted() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    let entries: Vec<String> = (0..9_999)
        .map(|n| json!({"error": "e", "attempts": 1, "task": {"id": n.to_string()}}).to_string())
        .collect();
    let _: () = queue.redis.lpush(queue.keys.failed(), entries).unwrap();
    queue.push(&["x", "y", "z"]);
    for _ in 0..3 {
        let element = queue.must_claim(&worker);
        queue.fail(&worker, &element, true);
    }
    let (list, ids) = listed(&mut queue, 3);
    assert_eq!((list.total, list.trimmed), (10_000, 2));
    assert_eq!(ids, ["z", "y", "x"]);
    let oldest: String = queue.redis.lindex(queue.keys.failed(), -1).unwrap();
    assert!(oldest.contains(r#"{"id":"2"}"#), "{oldest}");
}

#[test]
fn large_failed_tasks_fill_16_mib_and_not_redis() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    let mut fail = |id: usize, megabytes: usize| {
        let body = "x".repeat(megabytes << 20);
        let element = json!({"id": id.to_string(), "at": 1, "body": body}).to_string();
        let _: () = queue
            .redis
            .lpush(queue.keys.claimed(&worker), &element)
            .unwrap();
        assert_eq!(
            queue.fail(&worker, element.as_bytes(), true),
            Ending::Failed(1)
        );
        let list = queue.run(&list_failed(&queue.keys, 1));
        (list.total, list.trimmed)
    };
    for id in 0..15 {
        assert_eq!(fail(id, 1), (id as u64 + 1, 0));
    }
    assert_eq!(
        fail(15, 1),
        (15, 1),
        "the sixteenth with its head does not fit"
    );
    assert_eq!(fail(16, 20), (1, 16), "one is always kept");
    assert_eq!(fail(17, 1), (1, 17));
}

#[test]
fn a_long_error_is_cut_before_a_character() {
    let mut queue = Queue::new();
    let worker = queue.register("w");
    queue.push(&["a"]);
    let element = queue.must_claim(&worker);
    let error = format!("x{}", "ñ".repeat(5_000));
    queue.run(&protocol::fail(
        &queue.keys,
        &worker,
        &element,
        &error,
        true,
    ));
    let task = listed(&mut queue, 1).0.tasks.remove(0);
    assert!(
        task.error.len() < 2_010 && task.error.ends_with("ñ…"),
        "{}",
        task.error.len()
    );
    assert_eq!(queue.result("a")["error"], task.error);
}
