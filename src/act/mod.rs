//! Act: writes the scale of a target as its field manager, and marks pods for removal before a scale-down.

mod deletion_cost;
mod error;

pub use deletion_cost::mark;
pub use error::{Error, within};

use api::{FIELD_MANAGER, Key};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use serde_json::json;
use std::time::Duration;

/// How long a write may take before it counts as failed. The scale is absolute, so sending it again is safe.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A scale as the API server confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// The new `spec.replicas`.
    pub replicas: i32,
    /// The target's resource version with this scale.
    pub version: u64,
}

/// Sets `spec.replicas` of `object` by server-side apply to its scale subresource, and takes the field from any
/// other owner.
pub async fn scale(
    client: Client,
    resource: &ApiResource,
    object: &Key,
    replicas: i32,
) -> Result<Scaled, Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client, &object.namespace, resource);
    let scale = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": &*object.name},
        "spec": {"replicas": replicas},
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(scale);
    let confirmed = within(TIMEOUT, api.patch_scale(&object.name, &params, &patch)).await?;
    Ok(Scaled {
        replicas: confirmed.spec.and_then(|spec| spec.replicas).unwrap_or(0),
        version: confirmed
            .metadata
            .resource_version
            .and_then(|version| version.parse().ok())
            .unwrap_or(0),
    })
}
