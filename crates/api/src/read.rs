//! Reads a `WorkerPool` as the API server has it. An object that an older or a newer CRD let in is read as far as it goes.

use super::workerpool::{apps_v1, deployment, interval, max_replicas, min_replicas};
use super::{DrainSpec, OnUnknown, ScaleTargetRef, WorkerPool, WorkerPoolSpec};
use kube::core::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a pool from its metadata and its other fields. A pool that cannot be read must not be ignored, since its earlier
/// spec would be followed on: it has what could be read, and [`WorkerPoolSpec::unreadable`] says what is wrong.
pub fn read(metadata: ObjectMeta, data: &Value) -> WorkerPool {
    let spec = data.get("spec").cloned().unwrap_or_default();
    WorkerPool {
        metadata,
        spec: serde_json::from_value(spec.clone())
            .unwrap_or_else(|error| readable(&spec, &error.to_string())),
        status: field(data, "status"),
    }
}

/// A pool of which nothing but its metadata could be read, because of `error`.
pub fn unreadable(metadata: ObjectMeta, error: &str) -> WorkerPool {
    WorkerPool {
        metadata,
        spec: readable(&Value::Null, error),
        status: None,
    }
}

/// The field `name`, where it is there and can be read.
fn field<T: DeserializeOwned>(value: &Value, name: &str) -> Option<T> {
    serde_json::from_value(value.get(name)?.clone()).ok()
}

/// What identifies the pool's target and queues; the rest does not matter, since nothing is decided.
fn readable(spec: &Value, error: &str) -> WorkerPoolSpec {
    WorkerPoolSpec {
        scale_target_ref: field(spec, "scaleTargetRef").unwrap_or_else(|| ScaleTargetRef {
            api_version: apps_v1(),
            kind: deployment(),
            name: String::new(),
        }),
        min_replicas: min_replicas(),
        max_replicas: max_replicas(),
        replicas: None,
        interval: interval(),
        redis: field(spec, "redis").unwrap_or_default(),
        queues: field(spec, "queues").unwrap_or_default(),
        scale_from_zero: None,
        scale_up: None,
        scale_down: None,
        target: None,
        behavior: None,
        schedules: Vec::new(),
        on_unknown: OnUnknown::default(),
        drain: DrainSpec::default(),
        suspend: field(spec, "suspend").unwrap_or_default(),
        dry_run: field(spec, "dryRun").unwrap_or_default(),
        unreadable: Some(format!("spec cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScheduledSpec;
    use serde_json::json;

    fn read_with(fields: &Value) -> WorkerPool {
        let mut spec = json!({
            "scaleTargetRef": {"name": "worker"}, "redis": {"address": "redis://redis"}, "queues": [{"name": "tasks"}],
        });
        for (name, value) in fields.as_object().expect("fields") {
            spec[name] = value.clone();
        }
        let data = json!({"spec": spec, "status": {"replicas": 7, "internal": {"desired": 7}}});
        let metadata = ObjectMeta {
            name: Some("pool".into()),
            ..ObjectMeta::default()
        };
        read(metadata, &data)
    }

    #[test]
    fn a_spec_that_can_be_read_is_read() {
        let pool = read_with(&json!({"maxReplicas": 7}));
        assert_eq!((pool.spec.max_replicas, pool.spec.unreadable), (7, None));
    }

    #[test]
    fn an_unreadable_spec_keeps_its_target_queues_and_memory() {
        let fields = json!({"suspend": true, "scaleUp": {"queueLength": 8, "cooldown": "9999999999999999h"}});
        let pool = read_with(&fields);
        assert_eq!(pool.spec.scale_target_ref.name, "worker");
        assert_eq!(pool.spec.queues[0].name, "tasks");
        assert!(pool.spec.suspend);
        let internal = pool.status.as_ref().and_then(|it| it.internal.clone());
        assert_eq!(internal.expect("its memory").desired, Some(7));
        let error = ScheduledSpec::new(&pool).expect_err("it is invalid");
        assert!(
            error.0.contains("`9999999999999999h` is not a duration"),
            "{error}"
        );
    }

    #[test]
    fn nothing_at_all_is_an_invalid_pool_too() {
        for spec in [json!(null), json!(7), json!({"queues": 7})] {
            let pool = read(ObjectMeta::default(), &json!({"spec": spec}));
            assert!(ScheduledSpec::new(&pool).is_err());
        }
    }
}
