//! Specs that admission must reject, each with a message that says what to write instead.

use serde_json::{Value, json};

/// A name, a change that makes a valid spec invalid, and a part of the error message.
const CASES: &[(&str, &str, &str)] = &[
    (
        "min above max",
        r#"{"minReplicas": 9, "maxReplicas": 3}"#,
        "minReplicas 9 is above maxReplicas 3: lower minReplicas or raise maxReplicas",
    ),
    (
        "pin above max",
        r#"{"replicas": 11}"#,
        "replicas 11 is above maxReplicas 10: pin at most 10, or raise maxReplicas",
    ),
    (
        "thresholds that overlap",
        r#"{"scaleUp": {"queueLength": 2}, "scaleDown": {"queueLength": 5}}"#,
        "scaleUp.queueLength 2 must be greater than scaleDown.queueLength 5, otherwise the pool would flap. Defaults: 8 and 2.",
    ),
    (
        "a threshold that overlaps the default",
        r#"{"scaleDown": {"queueLength": 20}}"#,
        "scaleUp.queueLength 8 must be greater than scaleDown.queueLength 20",
    ),
    (
        "utilizations that overlap",
        r#"{"scaleUp": {"utilizationPercent": 30}, "scaleDown": {"utilizationPercent": 30}}"#,
        "scaleUp.utilizationPercent 30 must be greater than scaleDown.utilizationPercent 30",
    ),
    (
        "no threshold",
        r#"{"scaleUp": {"step": 3}}"#,
        "scaleUp without a threshold would never add a worker",
    ),
    (
        "no condition",
        r#"{"scaleDown": {"idleFor": "5m"}}"#,
        "scaleDown without a condition would remove workers at any time",
    ),
    (
        "two addresses",
        r#"{"redis": {"address": "redis://a:1", "addressFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}}"#,
        "redis needs exactly one of address",
    ),
    (
        "no address",
        r#"{"redis": {}}"#,
        "redis needs exactly one of address",
    ),
    (
        "utilization of a list",
        r#"{"queues": [{"name": "jobs", "system": "List"}], "scaleUp": {"utilizationPercent": 80}}"#,
        "need workers that report their state, which no queue of this pool has: use queueLength",
    ),
    (
        "idle share of a list",
        r#"{"queues": [{"name": "jobs", "system": "List"}], "scaleDown": {"utilizationPercent": 30}}"#,
        "scaleDown.utilizationPercent needs workers that report their state",
    ),
    (
        "a fallback without a number",
        r#"{"onUnknown": {"action": "Fallback"}}"#,
        "onUnknown.action Fallback needs onUnknown.replicas",
    ),
    (
        "an interval that never rests",
        r#"{"interval": "5ms"}"#,
        "interval must be at least 100ms",
    ),
    (
        "a duration in days",
        r#"{"interval": "1d"}"#,
        "spec.interval in body should match",
    ),
    (
        "the same queue twice",
        r#"{"queues": [{"name": "tasks"}, {"name": "tasks"}]}"#,
        "Duplicate value",
    ),
    (
        "no queue",
        r#"{"queues": []}"#,
        "spec.queues in body should have at least 1 items",
    ),
    (
        "an unknown system",
        r#"{"queues": [{"name": "tasks", "system": "Kafka"}]}"#,
        "supported values: \"WorkerPool\", \"List\"",
    ),
    (
        "a web address",
        r#"{"redis": {"address": "http://redis"}}"#,
        "spec.redis.address in body should match",
    ),
    (
        "a field that does not exist",
        r#"{"maxReplica": 7}"#,
        "unknown field \"spec.maxReplica\"",
    ),
    (
        "a negative minimum",
        r#"{"minReplicas": -1}"#,
        "spec.minReplicas in body should be greater than or equal to 0",
    ),
];

/// Asserts that each case is rejected with its message. `apply` returns whether it accepted an object, and its error.
pub fn assert_rejected(apply: impl Fn(&str) -> (bool, String)) {
    for (case, change, expected) in CASES {
        let mut spec = json!({
            "scaleTargetRef": {"name": "other"}, "maxReplicas": 10,
            "redis": {"address": "redis://redis:6379/0"}, "queues": [{"name": "tasks"}],
        });
        let change: Value = serde_json::from_str(change).expect(case);
        for (field, value) in change.as_object().expect(case) {
            spec[field] = value.clone();
        }
        let pool = json!({"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "bad"}, "spec": spec});
        let (accepted, error) = apply(&pool.to_string());
        assert!(!accepted && error.contains(expected), "{case}: {error}");
    }
}
