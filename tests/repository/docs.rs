//! The documentation: on the pages about migration from HPA and KEDA each pair of objects behaves the same, and every
//! WorkerPool on any page and every manifest of the examples is valid.

use api::{BehaviorSpec, QueueSpec, ScheduleSpec, ScheduledSpec, WorkerPool};
use decide::{PoolSpec, UnknownAction};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use queues::QueueSystem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use testkit::root;

/// The YAML blocks of a page that are Kubernetes objects.
pub fn objects(page: &Path) -> Vec<Value> {
    let text =
        std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let blocks = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .filter(|block| block.contains("kind:"))
        .map(|block| {
            serde_saphyr::from_str(block)
                .unwrap_or_else(|error| panic!("{}: {error}\n{block}", page.display()))
        })
        .collect()
}

/// The resolved spec of a WorkerPool.
fn spec_of(object: &Value) -> PoolSpec {
    let pool: WorkerPool = serde_json::from_value(object.clone()).expect("a WorkerPool");
    ScheduledSpec::new(&pool)
        .unwrap_or_else(|error| panic!("{error}\n{object:#}"))
        .pool()
        .clone()
}

/// The integer field `name` of `spec`.
fn integer(spec: &Value, name: &str, default: i32) -> i32 {
    spec[name]
        .as_i64()
        .map_or(default, |n| i32::try_from(n).expect("small"))
}

fn behavior(spec: &Value) -> Option<BehaviorSpec> {
    (!spec.is_null())
        .then(|| serde_json::from_value(spec.clone()).expect("a WorkerPool takes HPA's behavior"))
}

/// Asserts that `pool` resolves to this behavior.
fn assert_behavior(behavior: Option<BehaviorSpec>, pool: &Value) {
    let behavior = behavior.unwrap_or_default();
    let minimal = json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "x"},
        "spec": {"scaleTargetRef": {"name": "x"}, "redis": {"address": "redis://x"}, "queues": [{"name": "x"}], "behavior": behavior},
    });
    assert_eq!(spec_of(&minimal).behavior, spec_of(pool).behavior);
}

#[test]
fn hpa_and_its_pool_behave_the_same() {
    let objects = objects(&root().join("docs/from-hpa.md"));
    assert_eq!(objects.len(), 4, "two pairs");
    for pair in objects.chunks(2) {
        let (hpa, pool) = (&pair[0]["spec"], spec_of(&pair[1]));
        assert_eq!(
            (pair[0]["kind"].as_str(), pair[1]["kind"].as_str()),
            (Some("HorizontalPodAutoscaler"), Some("WorkerPool"))
        );
        assert_eq!(hpa["scaleTargetRef"], pair[1]["spec"]["scaleTargetRef"]);
        assert_eq!(
            (pool.min, pool.max),
            (
                integer(hpa, "minReplicas", 1),
                integer(hpa, "maxReplicas", 0)
            )
        );
        let average = hpa["metrics"][0]["external"]["target"]["averageValue"]
            .as_str()
            .expect("AverageValue");
        assert_eq!(pool.rules[0].target.tasks_per_worker, average.parse().ok());
        assert_behavior(behavior(&hpa["behavior"]), &pair[1]);
    }
}

#[test]
fn scaled_object_and_its_pool_behave_the_same() {
    let objects = objects(&root().join("docs/from-keda.md"));
    assert_eq!(objects.len(), 10, "five pairs");
    for pair in objects.chunks(2) {
        let (scaled, pool) = (&pair[0]["spec"], spec_of(&pair[1]));
        assert_eq!(
            (pair[0]["kind"].as_str(), pair[1]["kind"].as_str()),
            (Some("ScaledObject"), Some("WorkerPool"))
        );
        assert_eq!(
            (pool.min, pool.max),
            (
                integer(scaled, "minReplicaCount", 0),
                integer(scaled, "maxReplicaCount", 100)
            )
        );
        let redis = &scaled["triggers"][0]["metadata"];
        let text = |one: &str, other: &str| redis[one].as_str().or(redis[other].as_str());
        let number = |one, other| text(one, other).and_then(|n| n.parse().ok());
        assert_eq!(
            pool.rules[0].target.tasks_per_worker,
            number("listLength", "lagCount")
        );
        let activation = number("activationListLength", "activationLagCount");
        assert_eq!(pool.from_zero, activation.unwrap_or(0));
        let queue = &pair[1]["spec"]["queues"][0];
        assert_eq!(keys(queue)[0], text("listName", "stream").expect("a key"));
        assert_eq!(redis["consumerGroup"], queue["group"]);
        assert_eq!(scaled["scaleTargetRef"], pair[1]["spec"]["scaleTargetRef"]);
        let expected = behavior(&scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]);
        match expected {
            None => assert_eq!(
                pool.behavior, None,
                "faster than KEDA, as the page explains"
            ),
            expected => assert_behavior(expected, &pair[1]),
        }
        let fallback = &scaled["fallback"]["replicas"];
        let unknown_action = fallback.as_i64().map_or(UnknownAction::Hold, |n| {
            UnknownAction::Fallback(i32::try_from(n).expect("small"))
        });
        assert_eq!(pool.unknown_action, unknown_action);
        if let Some(cron) = scaled["triggers"]
            .get(1)
            .map(|trigger| &trigger["metadata"])
        {
            let schedule: ScheduleSpec =
                serde_json::from_value(pair[1]["spec"]["schedules"][0].clone())
                    .expect("a schedule");
            assert_eq!(cron["start"].as_str(), Some(schedule.cron.as_str()));
            assert_eq!(cron["timezone"].as_str(), Some(schedule.timezone.as_str()));
            assert_eq!(
                cron["desiredReplicas"].as_str(),
                Some(schedule.min_replicas.to_string().as_str())
            );
            assert_eq!(
                (cron["end"].as_str(), schedule.duration.to_string()),
                (Some("50 10 * * 5"), "2h".to_owned())
            );
        }
    }
}

/// The keys that are read of a queue, the one of its waiting tasks first.
fn keys(queue: &Value) -> Vec<String> {
    let queue: QueueSpec = serde_json::from_value(queue.clone()).expect("a queue");
    queue.queue().wake_keys().to_vec()
}

#[test]
fn each_list_of_keda_is_the_one_that_its_queue_reads() {
    let page = std::fs::read_to_string(root().join("docs/from-keda.md")).expect("the page");
    let (_, table) = page.split_once("| `listName` |").expect("the table");
    let rows = table.lines().skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    for row in &rows {
        let cells: Vec<&str> = row.split('`').collect();
        let queue: Value = serde_saphyr::from_str(cells[3]).expect(row);
        assert_eq!(keys(&queue)[0], cells[1], "{row}");
    }
    let systems = QueueSystem::ALL.iter().map(|system| system.name());
    // A stream is another trigger, and the reference protocol has no users who come from KEDA.
    let lists = systems.filter(|name| !["Stream", "WorkerPool"].contains(name));
    for name in lists {
        assert!(
            rows.iter()
                .any(|row| row.contains(&format!("system: {name}}}"))),
            "{name}"
        );
    }
    for trigger in ["redis", "redis-cluster", "redis-sentinel"] {
        for trigger in [trigger.to_owned(), format!("{trigger}-streams")] {
            assert!(page.contains(&format!("`{trigger}`")), "{trigger}");
        }
    }
}

/// The objects of the YAML files of a folder, with their files.
fn manifests(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(manifests(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let text = std::fs::read_to_string(&path).expect("a text");
            let objects = text.split("\n---\n").map(|object| {
                let object = serde_saphyr::from_str(object);
                (
                    path.clone(),
                    object.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                )
            });
            all.extend(objects);
        }
    }
    all
}

/// Asserts that an object of Kubernetes has no field that its type does not have, and no value of another type.
fn assert_typed<T: DeserializeOwned + Serialize>(path: &Path, object: &Value) {
    let typed: T = serde_json::from_value(object.clone()).expect("an object of its kind");
    let typed = serde_json::to_value(typed).expect("JSON");
    let lost = lost(object, &typed);
    assert!(lost.is_none(), "{}: {lost:?}", path.display());
}

/// A field that `typed` does not have.
fn lost(object: &Value, typed: &Value) -> Option<String> {
    match (object, typed) {
        (Value::Object(fields), Value::Object(typed)) => fields.iter().find_map(|(name, value)| {
            let Some(typed) = typed.get(name) else {
                return Some(name.clone());
            };
            lost(value, typed)
        }),
        (Value::Array(values), Value::Array(typed)) => {
            let mut pairs = values.iter().zip(typed);
            pairs.find_map(|(value, typed)| lost(value, typed))
        }
        _ => None,
    }
}

#[test]
fn every_manifest_of_the_examples_is_valid_and_its_pool_scales_the_workload_beside_it() {
    let all = manifests(&root().join("examples"));
    let mut pools = 0;
    for (path, object) in &all {
        match object["kind"].as_str() {
            Some("WorkerPool") => {
                spec_of(object);
                assert_eq!(api::unknown_field(object), None, "{}", path.display());
                pools += 1;
            }
            Some("Deployment") => assert_typed::<Deployment>(path, object),
            Some("Service") => assert_typed::<Service>(path, object),
            kind => panic!("{}: {kind:?}", path.display()),
        }
        if path.ends_with("worker.yaml") {
            let pool = all
                .iter()
                .find(|(other, _)| *other == path.with_file_name("pool.yaml"));
            let (_, pool) = pool.expect("a pool beside it");
            let target = &pool["spec"]["scaleTargetRef"]["name"];
            assert_eq!(*target, object["metadata"]["name"]);
            assert!(object["spec"]["replicas"].is_null(), "the pool sets them");
        }
    }
    assert!(pools >= 6, "only {pools}");
}

#[test]
fn every_documented_pool_is_valid() {
    let docs = std::fs::read_dir(root().join("docs")).expect("docs");
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.expect("an entry").path()).collect();
    pages.push(root().join("README.md"));
    let mut pools = 0;
    for page in pages
        .iter()
        .filter(|page| page.extension().is_some_and(|extension| extension == "md"))
    {
        for object in objects(page)
            .iter()
            .filter(|object| object["kind"] == "WorkerPool")
        {
            spec_of(object);
            pools += 1;
        }
    }
    assert!(pools >= 6, "only {pools}");
}
