//! The documentation: on the pages about migration from HPA and KEDA each pair of objects behaves the same, and every
//! WorkerPool on any page is valid.

use api::{BehaviorSpec, ScheduleSpec, ScheduledSpec, WorkerPool};
use decide::{PoolSpec, UnknownAction};
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
    assert_eq!(objects.len(), 6, "three pairs");
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
        assert_eq!(
            pool.rules[0].target.tasks_per_worker,
            redis["listLength"].as_str().and_then(|n| n.parse().ok())
        );
        assert_eq!(redis["listName"], pair[1]["spec"]["queues"][0]["name"]);
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
