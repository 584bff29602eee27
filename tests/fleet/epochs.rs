//! Late answers, and targets that are created again: nothing of what was is taken for what is.

use crate::stage::{
    Stage, events, load, pool, pool_with, scales, status, target, target_key, watched_object,
};
use api::Key;
use decide::Millis;
use serde_json::json;
use workerpool_operator::act::Scaled;
use workerpool_operator::fleet::event::Event;
use workerpool_operator::observe::Values;
use workerpool_operator::observe::target::{Target, TargetKey};

fn created_again(replicas: i32) -> Target {
    Target {
        uid: "another".to_owned(),
        version: 50,
        ..target(replicas)
    }
}

#[test]
fn a_target_that_is_created_again_is_not_set_back() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    stage.scaled(5);
    stage.target(None);
    let created = stage.target(Some(created_again(4)));
    assert_eq!(scales(&created), [6], "no cooldown, no set back to 5");
    assert!(events(&created).iter().all(|it| !it.contains("set back")));
}

#[test]
fn a_target_that_is_created_again_while_no_operator_runs_is_known_as_another() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    let mut saved = pool("a", 1);
    saved.status = status(&stage.scaled(5)).cloned();
    let restart = |target| {
        let mut next = Stage::at(stage.now + Millis(1_000));
        next.pool(&saved);
        next.target(Some(target));
        next.synced();
        scales(&next.poll(load(25, 4, 4)))
    };
    assert_eq!(restart(target(4)), [5], "the same: set back");
    assert_eq!(restart(created_again(4)), [6], "another one");
}

#[test]
fn the_answer_to_a_scale_of_the_old_target_says_nothing_of_the_new() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(25, 3, 3));
    let late = stage.scaling("a");
    let mut moved = pool_with(&json!({"scaleTargetRef": {"name": "other"}}));
    moved.metadata.generation = Some(2);
    stage.pool(&moved);
    let other = TargetKey {
        object: Key::new("default", "other"),
        ..target_key()
    };
    let scaled = stage.send(Event::Target(other, Some(target(3))));
    assert_eq!(scales(&scaled), [5], "the new one, for reasons of its own");
    let done = Scaled {
        replicas: 9,
        version: 99,
    };
    let answered = stage.send(Event::Scaled(late, Ok(done), None));
    assert!(answered.is_empty(), "{answered:?}");
    let own = stage.scaled(5);
    assert_eq!(status(&own).map(|it| it.history.len()), Some(1));
}

#[test]
fn a_late_secret_does_not_bring_the_old_redis_back() {
    let secret =
        json!({"redis": {"addressFrom": {"secretKeyRef": {"name": "redis", "key": "url"}}}});
    let mut stage = Stage::new();
    let late = watched_object(stage.pool(&pool_with(&secret)));
    let mut moved = pool_with(&json!({}));
    moved.metadata.generation = Some(2);
    stage.pool(&moved);
    let values = Values::from([("url".to_owned(), b"redis://old:6379".to_vec())]);
    let answered = stage.send(Event::Object(late, Ok(values)));
    assert!(answered.is_empty(), "{answered:?}");
}

#[test]
fn a_late_poll_of_the_old_queues_decides_nothing() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.poll(load(0, 3, 0));
    let late = stage.result("a", load(25, 3, 3));
    let mut moved = pool_with(&json!({"queues": [{"name": "other"}]}));
    moved.metadata.generation = Some(2);
    stage.pool(&moved);
    let answered = stage.send(Event::Metrics(vec![late]));
    assert_eq!(scales(&answered), [0; 0]);
    assert_eq!(scales(&stage.poll(load(25, 3, 3))), [5]);
}
