//! Admission: validates an object before it is stored, and fills in its defaults.

use crate::error::ApiError;
use crate::kind::{DEPLOYMENTS, Kind, POOLS};
use crate::objects;
use api::{ScheduledSpec, WorkerPool};
use serde_json::{Value, json};

/// The object as it is stored. Rejects a `WorkerPool` that can never work, with the operator's own message. A real
/// cluster also enforces the rules of the schema (patterns, ranges, CEL); not all of them are checked here.
///
/// A pool gets this cluster's Redis: a manifest names a Service, which does not exist here.
pub fn admit(kind: &'static Kind, mut object: Value) -> Result<Value, ApiError> {
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.name);
    if *kind == DEPLOYMENTS && object["spec"]["replicas"].is_null() {
        object["spec"]["replicas"] = json!(1);
    }
    if *kind != POOLS {
        return Ok(object);
    }
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let invalid = |message: &str| ApiError::invalid(kind.name, &name, message);
    if let Some(field) = api::unknown_field(&object) {
        return Err(invalid(&format!(
            "unknown field {field}: `kubectl explain wp.spec` lists the fields"
        )));
    }
    object["spec"]["redis"] = objects::redis_of_pool();
    let pool: WorkerPool =
        serde_json::from_value(object.clone()).map_err(|error| invalid(&error.to_string()))?;
    ScheduledSpec::new(&pool).map_err(|error| invalid(&error.0))?;
    object["spec"] =
        serde_json::to_value(&pool.spec).map_err(|error| invalid(&error.to_string()))?;
    Ok(object)
}
