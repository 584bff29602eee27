//! The admission rules reject an invalid spec with a message that says what to write instead, and accept a valid one.

#![allow(
    clippy::expect_used,
    reason = "a test ends where its precondition fails"
)]

use api::{ScheduledSpec, WorkerPool, crd, crd_yaml};
use kube::core::cel::Validator;
use serde_json::{Value, json};

/// The messages of the rules that `patch`, merged into a valid spec, violates.
fn violations(patch: Value) -> Vec<String> {
    let mut object = json!({"spec": {
        "scaleTargetRef": {"name": "filter-worker"},
        "minReplicas": 1,
        "maxReplicas": 10,
        "interval": "2s",
        "redis": {"address": "redis://redis:6379/0"},
        "queues": [{"name": "tasks", "system": "WorkerPool"}],
        "onUnknown": {"action": "Hold"},
        "drain": {"timeout": "30s"},
    }});
    let Value::Object(fields) = patch else {
        panic!("a patch is an object");
    };
    for (field, value) in fields {
        object["spec"][field] = value;
    }
    let schema = serde_json::to_value(crd()).expect("the CRD serializes")
        ["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        .take();
    match Validator::new().validate(&schema, &object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.message).collect(),
    }
}

#[rstest::rstest]
#[case(json!({}))]
#[case(json!({"replicas": 10, "target": {"tasksPerWorker": 5}}))]
#[case(json!({"scaleUp": {"queueLength": 20}, "scaleDown": {"utilizationPercent": 10}}))]
#[case(json!({"target": {"maxWait": "10s"}, "scaleDown": {"queueLength": 20}}))]
#[case(json!({"queues": [{"name": "a", "system": "List", "scaleUp": {"queueLength": 9}}]}))]
#[case(json!({"schedules": [{"name": "a", "cron": "50 8 * * 5", "minReplicas": 10}]}))]
#[case(json!({"scaleUp": {"queueLength": 0}, "scaleDown": {"queueLength": 1}}))]
#[case(json!({"target": {"drainWithin": "1500ms", "maxWait": "1000ms"}}))]
#[case(json!({"interval": "100ms", "drain": {"timeout": "3000ms"}}))]
#[case(json!({"interval": "60m", "drain": {"timeout": "1h30m"}}))]
#[case(json!({"queues": [{"name": "a", "system": "WorkerPool", "scaleUp": {"queueLength": 2}}]}))]
#[case(json!({"queues": [{"name": "a", "system": "WorkerPool", "scaleDown": {"queueLength": 20}, "target": {"tasksPerWorker": 5}}]}))]
#[case(json!({"target": {"tasksPerWorker": 5}, "scaleDown": {"idleFor": "1m", "step": 2, "cooldown": "3m"}}))]
#[case(json!({"queues": [{"name": "a", "system": "List", "target": {"tasksPerWorker": 5}, "scaleDown": {"idleFor": "1m"}}]}))]
#[case(json!({"minReplicas": 0, "scaleFromZero": {"queueLength": 3}}))]
#[case(json!({"queues": [{"name": "a", "system": "Celery", "keyPrefix": "x-", "priorities": [0, 5], "separator": ":"}]}))]
#[case(json!({"queues": [{"name": "a", "system": "Celery"}], "scaleUp": {"utilizationPercent": 80}}))]
#[case(json!({"redis": {"address": "redis://a:1/", "database": 1, "tls": {}, "username": "u", "passwordFrom": {"secretKeyRef": {"name": "a", "key": "redis-password"}}}}))]
#[case(json!({"redis": {"addressFrom": {"secretKeyRef": {"name": "a", "key": "url"}}, "tls": {"caFrom": {"configMapKeyRef": {"name": "a", "key": "ca.crt"}}}}}))]
#[case(json!({"redis": {"sentinel": {"master": "mymaster", "addresses": ["a", "b.c:1", "[::1]:26379"]}, "database": 1}}))]
#[case(json!({"redis": {"cluster": {"addresses": ["a", "b.c:1", "[::1]:6379"]}}, "queues": [{"name": "a", "system": "WorkerPool"}, {"name": "b", "system": "List"}, {"name": "c", "system": "RQ", "keyPrefix": "a{b}"}]}))]
fn valid_specs_are_accepted(#[case] patch: Value) {
    assert_eq!(violations(patch), [] as [&str; 0]);
}

#[rstest::rstest]
#[case(
    json!({"minReplicas": 11}),
    "minReplicas 11 is above maxReplicas 10: lower minReplicas or raise maxReplicas"
)]
#[case(
    json!({"replicas": 11}),
    "replicas 11 is above maxReplicas 10: pin at most 10, or raise maxReplicas"
)]
#[case(
    json!({"scaleUp": {"queueLength": 2}, "scaleDown": {"queueLength": 5}}),
    "scaleUp.queueLength 2 must be greater than scaleDown.queueLength 5, otherwise the pool would flap. Defaults: 8 and 2."
)]
#[case(
    json!({"scaleDown": {"queueLength": 20}}),
    "scaleUp.queueLength 8 must be greater than scaleDown.queueLength 20, otherwise the pool would flap. Defaults: 8 and 2."
)]
#[case(
    json!({"scaleUp": {"utilizationPercent": 30}, "scaleDown": {"utilizationPercent": 30}}),
    "scaleUp.utilizationPercent 30 must be greater than scaleDown.utilizationPercent 30, otherwise the pool would flap. Defaults: 80 and 30."
)]
#[case(
    json!({"schedules": [{"name": "a", "cron": "50 8 * * 5", "minReplicas": 11}]}),
    "a schedule has minReplicas above maxReplicas 10: lower it, or raise maxReplicas"
)]
#[case(json!({"interval": "99ms"}), "interval must be at least 100ms")]
#[case(json!({"redis": {}}), "redis needs exactly one of address")]
#[case(
    json!({"redis": {"address": "redis://a", "sentinel": {"master": "m", "addresses": ["a"]}}}),
    "redis needs exactly one of address"
)]
#[case(
    json!({"redis": {"addressFrom": {"secretKeyRef": {"name": "a", "key": "url"}}, "database": 1}}),
    "redis.addressFrom is the whole address"
)]
#[case(json!({"redis": {"address": "redis://a/1", "database": 1}}), "redis.address has a database")]
#[case(json!({"redis": {"cluster": {"addresses": ["a"]}, "database": 0}}), "redis.database: a Redis Cluster")]
#[case(
    json!({"redis": {"cluster": {"addresses": ["a"]}, "address": "redis://a"}}),
    "redis needs exactly one of address"
)]
#[case(
    json!({"redis": {"cluster": {"addresses": ["a"]}}, "queues": [{"name": "a", "system": "Celery", "keyPrefix": "{a}"}]}),
    "a queue has keys in several slots"
)]
#[case(
    json!({"redis": {"cluster": {"addresses": ["a"]}}, "queues": [{"name": "a", "system": "BullMQ"}]}),
    "a queue has keys in several slots"
)]
#[case(
    json!({"redis": {"cluster": {"addresses": ["a"]}}, "queues": [{"name": "a", "system": "RQ", "keyPrefix": "{}{a}"}]}),
    "a queue has keys in several slots"
)]
#[case(json!({"redis": {"address": "redis://a", "username": "u"}}), "username needs passwordFrom")]
#[case(
    json!({"redis": {"sentinel": {"master": "m", "addresses": ["a"], "username": "u"}}}),
    "username needs passwordFrom"
)]
#[case(
    json!({"redis": {"address": "redis://a", "tls": {"keyFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}}}),
    "tls.certificateFrom and tls.keyFrom"
)]
#[case(
    json!({"redis": {"address": "redis://a", "tls": {"caFrom": {}}}}),
    "caFrom needs exactly one"
)]
#[case(json!({"scaleUp": {"step": 3}}), "scaleUp without a threshold")]
#[case(json!({"scaleDown": {"idleFor": "1m"}}), "scaleDown without a condition would")]
#[case(
    json!({"queues": [{"name": "a", "system": "List", "scaleDown": {"idleFor": "1m"}}]}),
    "scaleDown without a condition would"
)]
#[case(
    json!({"target": {"tasksPerWorker": 5}, "scaleDown": {"idleFor": "1m", "step": 3}}),
    "scaleDown without a condition has idleFor alone"
)]
#[case(json!({"target": {}}), "target is empty")]
#[case(json!({"target": {"maxWait": "999ms"}}), "target.maxWait must be at least 1s")]
#[case(json!({"target": {"drainWithin": "0s"}}), "target.drainWithin must be at least 1s")]
#[case(json!({"interval": "10h"}), "interval must be at most 1h")]
#[case(json!({"target": {"drainWithin": "0h999ms"}}), "target.drainWithin must be at least 1s")]
#[case(json!({"drain": {"timeout": "0m"}}), "drain.timeout must be at least 3s")]
#[case(json!({"drain": {"timeout": "500ms"}}), "drain.timeout must be at least 3s")]
#[case(
    json!({"queues": [{"name": "a", "system": "WorkerPool", "scaleUp": {"utilizationPercent": 20}, "scaleDown": {"utilizationPercent": 50}}]}),
    "a queue's scaleUp.utilizationPercent must be greater"
)]
#[case(
    json!({"queues": [{"name": "a", "system": "WorkerPool", "scaleUp": {"utilizationPercent": 20}}]}),
    "a queue's scaleUp.utilizationPercent must be greater"
)]
#[case(
    json!({"scaleUp": {"queueLength": 40}, "scaleDown": {"queueLength": 30},
        "queues": [{"name": "a", "system": "WorkerPool", "scaleUp": {"queueLength": 20}}]}),
    "a queue's scaleUp.queueLength must be greater"
)]
#[case(json!({"onUnknown": {"action": "Fallback"}}), "onUnknown.action Fallback needs")]
#[case(json!({"queues": [{"name": "a", "system": "List", "keyPrefix": "x:"}]}), "keyPrefix belongs to")]
#[case(json!({"queues": [{"name": "a", "system": "Stream", "group": "g", "priorities": [0, 1]}]}), "priorities belong to")]
#[case(json!({"queues": [{"name": "a", "system": "WorkerPool", "separator": ":"}]}), "separator belongs to")]
#[case(json!({"queues": [{"name": "a", "system": "List", "group": "g"}]}), "group names the consumer group")]
#[case(
    json!({"schedules": [{"name": "a", "cron": "50 8 * *", "minReplicas": 5}]}),
    "a schedule's cron has five fields"
)]
fn invalid_specs_are_rejected_with_advice(#[case] patch: Value, #[case] message: &str) {
    assert_one(&violations(patch), message);
}

#[rstest::rstest]
#[case(json!({"scaleUp": {"cpuPercent": 80}}), "scaleUp.utilizationPercent and cpuPercent need workers")]
#[case(json!({"scaleDown": {"utilizationPercent": 30}}), "scaleDown.utilizationPercent needs workers")]
#[case(json!({"target": {"maxWait": "10s"}}), "target.drainWithin and maxWait need a queue")]
fn lists_reject_rules_for_metrics_they_lack(#[case] rules: Value, #[case] message: &str) {
    let mut pool = rules.clone();
    pool["queues"] = json!([{"name": "jobs", "system": "List"}]);
    assert_one(&violations(pool), message);
    let mut queue = rules;
    queue["name"] = json!("jobs");
    queue["system"] = json!("List");
    let queues = json!([{"name": "tasks", "system": "WorkerPool"}, queue]);
    assert_one(
        &violations(json!({"queues": queues})),
        "this queue's system reports neither workers nor times",
    );
}

#[test]
fn a_group_belongs_to_a_stream() {
    let queues = |system: &str, group: Value| {
        let mut queue = json!({"name": "orders", "system": system});
        if !group.is_null() {
            queue["group"] = group;
        }
        violations(json!({"queues": [queue]}))
    };
    let message = "group names the consumer group of a queue of system Stream";
    assert_eq!(queues("Stream", json!("jobs")), Vec::<String>::new());
    assert_one(&queues("Stream", Value::Null), message);
    assert_one(&queues("List", json!("jobs")), message);
}

/// The API server rejects a CRD with such a rule if its message is computed.
#[test]
fn queues_of_one_name_differ_by_their_system() {
    let crd = serde_json::to_value(crd()).expect("the CRD serializes");
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let queues = &spec["properties"]["queues"];
    let keys = &queues["x-kubernetes-list-map-keys"];
    assert_eq!(*keys, json!(["name", "system"]));
    // The API server demands that each of the keys is required or has a default.
    let system = &queues["items"]["properties"]["system"];
    assert_eq!(system["default"], "WorkerPool");
    let pool = json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "a"},
        "spec": {
            "scaleTargetRef": {"name": "a"}, "redis": {"address": "redis://redis:6379/0"},
            "queues": [
                {"name": "default", "system": "List", "scaleUp": {"queueLength": 9}},
                {"name": "default", "scaleUp": {"queueLength": 9}},
                {"name": "mail", "scaleUp": {"queueLength": 9}},
            ],
        },
    });
    let pool: WorkerPool = serde_json::from_value(pool).expect("a pool");
    let spec = ScheduledSpec::new(&pool).expect("a valid pool");
    let rules = spec.pool().rules.iter();
    let names: Vec<_> = rules.filter_map(|rules| rules.queue.as_deref()).collect();
    assert_eq!(names, ["default (List)", "default (WorkerPool)", "mail"]);
}

#[test]
fn rules_have_no_line_breaks() {
    let crd = crd_yaml();
    assert!(!crd.contains("rule: |") && !crd.contains("messageExpression: |"));
}

fn assert_one(violations: &[String], message: &str) {
    let [violation] = violations else {
        panic!("expected one violation, got {violations:?}");
    };
    assert!(violation.contains(message), "{violation}");
}
