//! `discover` prints pools that can be applied, and that read what the library wrote.

use crate::celery::Celery;
use api::{ScheduledSpec, WorkerPool};
use serde_json::{Value, json};
use std::process::Command;

fn discover(url: &str, options: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"))
        .args(["discover", "--redis", url])
        .args(options)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text)
}

/// The pools of a manifest, each as an API server would accept it.
fn pools(manifest: &str) -> Vec<WorkerPool> {
    let pool = |text: &str| {
        let object: Value = serde_saphyr::from_str(text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(api::unknown_field(&object), None, "{text}");
        let pool: WorkerPool = serde_json::from_value(object).unwrap_or_else(|_| panic!("{text}"));
        ScheduledSpec::new(&pool).unwrap_or_else(|error| panic!("{error}: {text}"));
        pool
    };
    manifest.split("\n---\n").map(pool).collect()
}

#[test]
fn a_pool_of_celery_is_found_with_prefix_priorities_and_separator() {
    let celery = Celery::start(&[("PREFIX", "app1-"), ("STEPS", "0,5"), ("SEPARATOR", ":")]);
    celery.send("celery", 1, &[]);
    celery.send("celery", 3, &["priority=5"]);
    celery.send("mail", 2, &[]);
    let url = celery.broker();
    let (success, manifest) = discover(&url, &[]);
    assert!(success, "{manifest}");
    assert!(
        manifest.starts_with("# This database holds Celery queues: celery, mail\n"),
        "{manifest}"
    );
    let pools = pools(&manifest);
    let [pool] = pools.as_slice() else {
        panic!("one pool: {manifest}")
    };
    assert_eq!(pool.spec.redis.address.as_deref(), Some(url.as_str()));
    for (queue, ready) in pool.spec.queues.iter().zip([4, 2]) {
        assert_eq!(queue.key_prefix.as_deref(), Some("app1-"));
        let mut options = vec!["--key-prefix", "app1-", "--separator", ":"];
        let priorities = queue.priorities.clone().unwrap_or_default();
        let priorities: Vec<String> = priorities.iter().map(ToString::to_string).collect();
        let priorities = priorities.join(",");
        if !priorities.is_empty() {
            options.extend(["--priorities", &priorities]);
        }
        celery.until(&queue.name, &options, &json!({"ready": ready}));
    }
    let (_, text) = discover(&url, &["-o", "json"]);
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["complete"], true);
    let first = json!({"name": "celery", "system": "Celery", "keyPrefix": "app1-", "priorities": [0, 5], "separator": ":"});
    assert_eq!(found["queues"][0], first);
}

#[test]
fn workers_of_celery_and_other_systems_in_one_database_are_told_apart() {
    let mut celery = Celery::start(&[]);
    celery.worker("pod-1", "celery,mail", &["-P", "threads", "-c", "1"]);
    celery.send("celery", 3, &[]);
    celery.send("video", 1, &["priority=9"]);
    celery.running(1);
    let mut pipe = redis::pipe();
    pipe.lpush("yes", 1).lpush("a\u{202e}b", 1);
    pipe.exec(&mut celery.connect(3)).unwrap();
    let (_, manifest) = discover(&celery.broker(), &[]);
    let names = |pool: WorkerPool| -> Vec<String> {
        let queues = pool.spec.queues.into_iter();
        queues.map(|queue| queue.name).collect()
    };
    let names: Vec<Vec<String>> = pools(&manifest).into_iter().map(names).collect();
    // A name that no screen can show is left out.
    assert_eq!(names, [vec!["yes"], vec!["celery", "mail", "video"]]);
    assert!(!manifest.contains('\u{202e}'), "{manifest}");
}

#[test]
fn a_password_is_not_printed_and_an_empty_database_is_said_to_be_empty() {
    let celery = Celery::start(&[]);
    let (success, nothing) = discover(&celery.broker(), &[]);
    assert_eq!((success, nothing.as_str()), (false, ""));
    let mut pipe = redis::pipe();
    pipe.lpush("reports", 1);
    pipe.cmd("ACL")
        .arg(&["SETUSER", "reader", "on", ">secret", "~*", "+@all"]);
    pipe.exec(&mut celery.connect(3)).unwrap();
    let url = celery.broker().replace("//", "//reader:secret@");
    let (success, manifest) = discover(&url, &[]);
    assert!(success && !manifest.contains("secret@"), "{manifest}");
    assert!(
        pools(&manifest)[0].spec.redis.address_from.is_some(),
        "{manifest}"
    );
}
