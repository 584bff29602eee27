//! The `scale` subresource.

use crate::error::ApiError;
use serde_json::{Value, json};

/// The `Scale` of a Deployment or a `WorkerPool`.
pub fn scale_of(object: &Value) -> Result<Value, ApiError> {
    let replicas = object["spec"]["replicas"].as_i64().ok_or_else(|| {
        ApiError::new(
            500,
            "InternalError",
            "Internal error occurred: the spec replicas field \".spec.replicas\" does not exist",
        )
    })?;
    let label = |(key, value): (&String, &Value)| {
        let value = value.as_str().unwrap_or_default();
        format!("{key}={value}")
    };
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let labels = labels.map(|labels| labels.iter().map(label).collect::<Vec<_>>().join(","));
    let selector = labels.or_else(|| object["status"]["selector"].as_str().map(str::to_owned));
    let meta = &object["metadata"];
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": {"replicas": replicas},
        "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or(0), "selector": selector},
    }))
}
