//! The marks by which a `ReplicaSet` takes exactly the pods that were chosen.

use super::Error;
use decide::victims::{DELETE_FIRST, POD_DELETION_COST};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use std::time::Duration;

/// How long each may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Sets or clears the mark of each of these pods of `namespace`. A pod that is gone needs none. Stops at the first
/// that fails: who asked looks again before it goes on.
pub async fn mark(client: Client, namespace: &str, marks: &[(String, bool)]) -> Result<(), Error> {
    let api: Api<Pod> = Api::namespaced(client, namespace);
    for (pod, on) in marks {
        let value = on.then(|| DELETE_FIRST.to_string());
        let patch = Patch::Merge(json!({"metadata": {"annotations": {POD_DELETION_COST: value}}}));
        let params = PatchParams::default();
        let write = api.patch_metadata(pod, &params, &patch);
        match tokio::time::timeout(DEADLINE, write)
            .await
            .map_err(|_| Error::Silent(DEADLINE))?
        {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            answer => drop(answer?),
        }
    }
    Ok(())
}
