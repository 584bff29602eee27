//! Act: the scale of a target, written as its field manager, and before fewer are asked for the marks on its pods.

mod error;
mod marks;

pub use error::{Error, FailureKind};
pub use marks::mark;

use api::{FIELD_MANAGER, Key};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use serde_json::json;
use std::time::Duration;

/// How long a write may take before it counts as failed. It is absolute, so that sending it again is safe.
const DEADLINE: Duration = Duration::from_secs(5);

/// A scale as the API server confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// `spec.replicas` now.
    pub replicas: i32,
    /// The version of the target that holds it.
    pub version: u64,
}

/// Sets `spec.replicas` of `object` by server-side apply of its scale, whoever owned the field before.
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
    let answer = tokio::time::timeout(
        DEADLINE,
        api.patch_scale(&object.name, &params, &Patch::Apply(scale)),
    )
    .await
    .map_err(|_| Error::Silent(DEADLINE))??;
    Ok(Scaled {
        replicas: answer.spec.and_then(|spec| spec.replicas).unwrap_or(0),
        version: answer
            .metadata
            .resource_version
            .and_then(|version| version.parse().ok())
            .unwrap_or(0),
    })
}
