//! A queue that has had no key for ten minutes: `check` and `explain` name what is near, and nothing fails.

use crate::check_cluster::{Cluster, finding};
use crate::check_redis::limited_redis;
use crate::commands::{POOLS, list, pool, run};
use serde_json::{Value, json};
use testkit::api_server::ApiServer;
use testkit::local::until;
use testkit::redis::RedisServer;

/// A pool of the list `reports`, with a status of `minutes` ago.
fn reports(redis: &RedisServer, minutes: i64) -> Value {
    let mut pool = pool("filters", &redis.url());
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    pool["spec"]["queues"] = json!([{"name": "reports", "system": "List"}]);
    pool["status"] = json!({
        "observedGeneration": 2,
        "metrics": {"at": at.to_string(), "ready": {"value": 0}},
        "decision": {
            "reason": "WithinThresholds", "message": "within thresholds: keeping 3 workers",
            "confidence": 1.0, "at": at.to_string(), "from": 3, "to": 3, "steps": [],
        },
    });
    pool
}

/// What `check` finds about the queue, and its exit code.
fn check(redis: &RedisServer, minutes: i64) -> (Value, String) {
    let cluster = Cluster::new(&redis.url()).with(POOLS, list(&[reports(redis, minutes)]));
    let output = cluster.check("kind-workerpool", &["-o", "json"], &[]);
    (
        finding(&output, "queue"),
        finding(&output, "pool")["status"].to_string(),
    )
}

fn explain(redis: &RedisServer, minutes: i64) -> String {
    let api = ApiServer::start([("GET", POOLS, 200, list(&[reports(redis, minutes)]))]);
    run(&["explain"], Some(&api))
}

/// Jobs of BullMQ in this database, and a list of a similar name in another one.
fn filled() -> RedisServer {
    let redis = limited_redis();
    let mut connection = redis.connect();
    let mut pipe = redis::pipe();
    pipe.hset("bull:reports:meta", "version", "bullmq:6.7.0");
    pipe.lpush("bull:reports:wait", 1);
    pipe.cmd("SELECT").arg(2).lpush("report", 1);
    let () = pipe.query(&mut connection).unwrap();
    redis
}

#[test]
fn near_names_and_other_databases_are_named_once_the_queue_was_empty_for_ten_minutes() {
    let redis = filled();
    let hint = "there has been no queue reports of system List for 10 minutes; this Redis holds \
                {name: reports, system: BullMQ}, {name: report, system: List} in database 2";
    // What takes longer than a person waits gives no hint, and a busy machine takes longer.
    let (found, pool) = until("a finding", || {
        Some(check(&redis, 11)).filter(|(found, _)| found["text"] == hint)
    });
    assert_eq!(
        (found["status"].as_str(), pool.as_str()),
        (Some("warning"), "\"ok\"")
    );
    let output = until("a hint", || {
        Some(explain(&redis, 11)).filter(|output| output.contains(hint))
    });
    assert!(output.starts_with("exit 0\n"), "{output}");
    // It may still come.
    assert_eq!(check(&redis, 9).0, Value::Null);
    assert!(!explain(&redis, 9).contains("reports"), "{output}");
}

#[test]
fn a_queue_that_exists_or_has_no_neighbour_gives_no_hint() {
    let redis = filled();
    redis.run("LPUSH reports 1");
    assert_eq!(check(&redis, 11).0, Value::Null);
    let other = limited_redis();
    other.run("LPUSH mail 1");
    assert_eq!(check(&other, 11).0, Value::Null);
}

#[test]
fn a_user_who_may_not_search_gets_no_hint_and_no_failure() {
    let redis = filled();
    redis.run("ACL SETUSER default -scan");
    let (found, pool) = check(&redis, 11);
    assert_eq!((found, pool.as_str()), (Value::Null, "\"ok\""));
    assert!(explain(&redis, 11).starts_with("exit 0\n"));
}
