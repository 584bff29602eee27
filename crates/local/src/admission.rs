//! Admission: what an object must be before it is stored, and the defaults that are filled in.

use super::kind::{DEPLOYMENTS, Kind, POOLS};
use crate::error::ApiError;
use api::{ScheduledSpec, WorkerPool};
use serde_json::{Value, json};

/// The object as it may be stored. A `WorkerPool` that can never work is refused in the words that the operator would
/// use; the rules of the schema that the cluster checks besides (patterns, ranges, CEL) are not all checked here.
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
    let refuse = |said: &str| ApiError::invalid(kind.name, &name, said);
    if let Some(field) = api::unknown_field(&object) {
        return Err(refuse(&format!(
            "there is no field {field}: see docs or `kubectl explain wp.spec` on a cluster"
        )));
    }
    let pool: WorkerPool =
        serde_json::from_value(object.clone()).map_err(|error| refuse(&error.to_string()))?;
    ScheduledSpec::new(&pool).map_err(|refusal| refuse(&refusal.0))?;
    object["spec"] =
        serde_json::to_value(&pool.spec).map_err(|error| refuse(&error.to_string()))?;
    Ok(object)
}
