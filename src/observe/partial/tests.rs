//! The law of a [`Partial`]: it is the whole object without what is not used, unless it has too much.

use super::*;
use crate::observe::pool::{self, AnyPool};
use crate::observe::target::{Autoscaler, Scalable, Target, scaled_by};
use k8s_openapi::api::core::v1::Secret;
use kube::core::{ObjectList, WatchEvent};
use serde_json::json;

/// How many random values a law is tried with.
const TRIES: u64 = 2_000;
/// Names of fields that some kind uses, and others.
const NAMES: [&str; 24] = [
    "metadata",
    "name",
    "uid",
    "generation",
    "labels",
    "annotations",
    "workerpool.dev/pin-until",
    "managedFields",
    "manager",
    "fieldsV1",
    "f:spec",
    "f:replicas",
    "spec",
    "replicas",
    "selector",
    "template",
    "terminationGracePeriodSeconds",
    "strategy",
    "type",
    "rollingUpdate",
    "scaleTargetRef",
    "data",
    "status",
    "conditions",
];

fn any(random: &mut fastrand::Rng, depth: usize) -> Value {
    let count = random.usize(0..6);
    match random.usize(0..if depth == 0 { 4 } else { 9 }) {
        0 => Value::Null,
        1 => random.bool().into(),
        2 => random.i32(-9..9).into(),
        3 => NAMES[random.usize(..NAMES.len())].into(),
        4 => (0..count).map(|_| any(random, depth - 1)).collect(),
        _ => {
            let entry = |random: &mut fastrand::Rng| {
                let name = NAMES[random.usize(..NAMES.len())].to_owned();
                (name, any(random, depth - 1))
            };
            Value::Object((0..count).map(|_| entry(random)).collect())
        }
    }
}

/// Puts a random value in a random place.
fn change(value: &mut Value, random: &mut fastrand::Rng) {
    let inside = match value {
        Value::Array(values) => random.choice(values.iter_mut()),
        Value::Object(entries) => random.choice(entries.values_mut()),
        _ => None,
    };
    match inside {
        Some(inside) if random.u8(0..8) > 0 => change(inside, random),
        _ => *value = any(random, 2),
    }
}

/// What [`prune`] should return of `value`, said another way.
fn restricted(value: &Value, fields: Fields) -> Value {
    let (Fields::Only(used) | Fields::Metadata(used)) = fields else {
        return value.clone();
    };
    let identifies = |name: &str| matches!(fields, Fields::Metadata(_)) && IDENTITY.contains(&name);
    match value {
        Value::Array(values) => values.iter().map(|it| restricted(it, fields)).collect(),
        Value::Object(entries) => {
            let kept = entries.iter().filter_map(|(name, value)| {
                if identifies(name) {
                    return Some((name.clone(), value.clone()));
                }
                let (_, fields) = used.iter().find(|(it, _)| it == name)?;
                Some((name.clone(), restricted(value, *fields)))
            });
            Value::Object(kept.collect())
        }
        scalar => scalar.clone(),
    }
}

fn pruned(value: &Value, fields: Fields, limit: usize) -> (Value, Option<Exceeded>) {
    let text = value.to_string();
    prune(
        &mut serde_json::Deserializer::from_str(&text),
        fields,
        limit,
    )
    .expect("JSON")
}

fn partial<K: Used + DeserializeOwned>(value: &Value) -> Result<K, Box<Unreadable>> {
    let Partial(object) = serde_json::from_str(&value.to_string()).expect("JSON");
    object
}

#[test]
fn what_is_read_is_the_value_restricted_to_the_used_fields() {
    let all = [
        Scalable::USED,
        Autoscaler::USED,
        AnyPool::USED,
        Secret::USED,
    ];
    for seed in 0..TRIES {
        let mut random = fastrand::Rng::with_seed(seed);
        let value = any(&mut random, 5);
        for fields in all {
            let (found, exceeded) = pruned(&value, fields, usize::MAX);
            assert_eq!(found, restricted(&value, fields), "{seed}: {value}");
            assert_eq!(exceeded, None, "{seed}");
        }
    }
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "w", "namespace": "n", "uid": "u", "generation": 7, "resourceVersion": "3",
            "labels": {"app": "w"}, "annotations": {"a": "b"}, "managedFields": [
                {"manager": "kubectl", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:metadata": {"f:labels": {}}, "f:spec": {"f:replicas": {}}}},
                {"manager": "other", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}}]},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "w"}}, "paused": true,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "10%"}},
            "updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 2}}, "ordinals": {"start": 5},
            "template": {"metadata": {"labels": {"app": "w"}},
                "spec": {"terminationGracePeriodSeconds": 9, "containers": [{"name": "w", "env": []}]}}},
        "status": {"replicas": 4, "updatedReplicas": 3, "observedGeneration": "7", "conditions": [
            {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "long"}]},
    })
}

/// What the operator makes of an object is the same, whether it is read as a whole or its used fields alone.
fn assert_same<K: Used + DeserializeOwned, T: PartialEq + fmt::Debug>(
    object: &Value,
    used: impl Fn(&K) -> T,
) {
    let mut read = 0;
    for seed in 0..TRIES {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut object = object.clone();
        for _ in 0..random.usize(0..4) {
            change(&mut object, &mut random);
        }
        if let Ok(whole) = serde_json::from_str::<K>(&object.to_string()) {
            let partial = partial::<K>(&object).expect("a part of what can be read");
            assert_eq!(used(&partial), used(&whole), "{seed}: {object}");
            read += 1;
        }
    }
    assert!(read > TRIES / 4, "{read}");
}

#[test]
fn targets_are_the_same_as_whole_ones() {
    assert_same(&deployment(), |object: &Scalable| Target::from(object));
}

#[test]
fn autoscalers_are_the_same_as_whole_ones() {
    let autoscaler = json!({"metadata": {"name": "a", "namespace": "n", "labels": {"app": "w"}},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}, "maxReplicas": 7},
        "status": {"currentReplicas": 7}});
    assert_same(&autoscaler, scaled_by);
}

#[test]
fn pools_are_the_same_as_whole_ones() {
    let pool = json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": "w", "namespace": "n", "uid": "u", "generation": 7, "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "w"}, "annotations": {"workerpool.dev/pin-until": "tomorrow", "other": "b"}},
        "spec": {"scaleTargetRef": {"name": "w"}, "redis": {"address": "redis://redis"}, "queues": [{"name": "q"}],
            "replicas": 4, "suspend": true},
        "status": {"replicas": 4, "internal": {"desired": 7}},
    });
    assert_same(&pool, |object: &AnyPool| {
        let pool = pool::read(Partial(Ok(object.clone())));
        let mut metadata = identity(&serde_json::to_value(&pool.metadata).expect("metadata"));
        metadata.annotations = pool.metadata.annotations.map(|mut all| {
            all.retain(|name, _| name != "other" && name.starts_with("workerpool.dev/"));
            all
        });
        metadata.annotations = metadata.annotations.filter(|all| !all.is_empty());
        (metadata, pool.spec, pool.status)
    });
}

#[test]
fn skipped_values_count_for_nothing() {
    let mut object = deployment();
    let many: Map<String, Value> = (0..20_000).map(|it| (it.to_string(), "".into())).collect();
    object["metadata"]["labels"] = many.clone().into();
    object["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"] = many.clone().into();
    object["spec"]["template"]["spec"]["volumes"] = many.into();
    let found: Scalable = partial(&object).expect("it can be read");
    let expected: Scalable = partial(&deployment()).expect("it can be read");
    assert_eq!(Target::from(&found), Target::from(&expected));
}

/// An object that has too much is not read by half, wherever in its text its metadata is.
#[rstest::rstest]
#[case::many_values(json!({"spec": {"selector": {"matchLabels": {}, "matchExpressions": [
    {"key": "a", "operator": "In", "values": vec!["a"; 10_000]}]}}}), "more than 16 KiB")]
#[case::a_long_text(json!({"spec": {"paused": "x".repeat(200_000)}}), "more than 128 KiB")]
#[case::a_long_name(json!({"spec": {"ordinals": {"x".repeat(200_000): 1}}}), "more than 128 KiB")]
#[case::many_maps(json!({"status": {"conditions": vec![json!({"type": "a"}); 1000]}}), "more than 128 KiB")]
#[case::many_managers(json!({"metadata": {"managedFields": vec![json!({"manager": "a"}); 1000]}}), "more than 128 KiB")]
fn an_object_over_the_limit_is_unreadable(#[case] fields: Value, #[case] error: &str) {
    let mut object = deployment();
    for (part, fields) in fields.as_object().expect("fields") {
        for (name, value) in fields.as_object().expect("fields") {
            object[part][name] = value.clone();
        }
    }
    let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
    let texts = [
        format!(r#"{{"metadata":{metadata},"spec":{spec},"status":{status}}}"#),
        format!(r#"{{"status":{status},"spec":{spec},"metadata":{metadata}}}"#),
    ];
    for text in texts {
        let found: Partial<Scalable> = serde_json::from_str(&text).expect("JSON");
        let found = found.0.expect_err("it has too much");
        assert!(found.error.contains(error), "{}", found.error);
        let expected = partial::<Scalable>(&deployment()).expect("it can be read");
        assert_eq!(found.metadata, identity(&json!(expected.metadata)));
        assert_eq!(found.metadata.generation, Some(7));
    }
}

/// The parser of the whole list refuses what is nested without end.
#[test]
fn deep_values_block_no_other_object() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let items = [
        format!(r#"{{"metadata":{{"name":"skipped"}},"spec":{{"other":{deep}}}}}"#),
        format!(r#"{{"metadata":{{"name":"used"}},"spec":{{"paused":{deep}}}}}"#),
        deployment().to_string(),
    ];
    let list = format!(r#"{{"metadata":{{}},"items":[{}]}}"#, items.join(","));
    let list: ObjectList<Partial<Scalable>> = serde_json::from_str(&list).expect("a list");
    let [skipped, used, whole] = &list.items[..] else {
        panic!("three objects");
    };
    assert!(skipped.0.is_ok() && whole.0.is_ok());
    let error = &used.0.as_ref().expect_err("it is too deep").error;
    assert!(error.contains("more than 32 levels"), "{error}");
}

/// A server sends the type of an event first; nothing depends on that.
#[test]
fn an_event_is_read_in_any_order() {
    let object = deployment();
    let texts = [
        format!(r#"{{"type":"ADDED","object":{object}}}"#),
        format!(r#"{{"object":{object},"type":"ADDED"}}"#),
    ];
    for text in texts {
        let event: WatchEvent<Partial<Scalable>> = serde_json::from_str(&text).expect("an event");
        let WatchEvent::Added(Partial(Ok(found))) = event else {
            panic!("{event:?}");
        };
        assert_eq!(Target::from(&found).desired, 4);
    }
}

#[test]
fn an_object_with_other_types_is_unreadable() {
    let mut object = deployment();
    object["spec"]["replicas"] = "many".into();
    let found = partial::<Scalable>(&object).expect_err("it is no number");
    assert_eq!(found.metadata.name.as_deref(), Some("w"));
    object["spec"]["replicas"] = "\u{1b}[31m".repeat(1000).into();
    let found = partial::<Scalable>(&object).expect_err("it is no number");
    assert_eq!(found.error.chars().count(), MAX_ERROR);
    assert!(!found.error.contains('\u{1b}'), "{}", found.error);
    for nothing in [json!(null), json!([]), json!({"metadata": 7})] {
        let found = partial::<Scalable>(&nothing).expect_err("it is no object");
        assert_eq!(found.metadata, ObjectMeta::default());
    }
}
