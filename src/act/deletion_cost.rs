//! Sets `pod-deletion-cost` on pods, so that their `ReplicaSet` removes exactly the selected ones.

use super::Error;
use decide::victims::{DELETE_FIRST, POD_DELETION_COST};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use std::time::Duration;

/// How long one patch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Marks each of these pods of `namespace` to be deleted first (`true`), or clears its mark (`false`). A pod that no
/// longer exists is skipped. Stops at the first failure: the caller lists the pods again before it continues.
pub async fn mark(client: Client, namespace: &str, marks: &[(String, bool)]) -> Result<(), Error> {
    let api: Api<Pod> = Api::namespaced(client, namespace);
    for (pod, marked) in marks {
        let cost = marked.then(|| DELETE_FIRST.to_string());
        let patch = Patch::Merge(json!({"metadata": {"annotations": {POD_DELETION_COST: cost}}}));
        let params = PatchParams::default();
        let write = api.patch_metadata(pod, &params, &patch);
        match tokio::time::timeout(TIMEOUT, write)
            .await
            .map_err(|_| Error::Timeout(TIMEOUT))?
        {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            result => drop(result?),
        }
    }
    Ok(())
}
