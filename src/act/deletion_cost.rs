//! Sets `pod-deletion-cost` on pods, so that their `ReplicaSet` removes exactly the selected ones. A cost of the user's own
//! is kept beside the mark, and comes back when the mark is taken away.

use super::Error;
use decide::victims::{DELETE_FIRST, POD_DELETION_COST};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one patch may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The annotation that keeps the cost that a pod had before it was marked.
const OWN_COST: &str = "workerpool.dev/own-pod-deletion-cost";

/// Marks each of these pods of `namespace` to be deleted first (`true`), or clears its mark (`false`). A pod that no
/// longer exists is skipped. Stops at the first failure: the caller lists the pods again before it continues.
pub async fn mark(client: Client, namespace: &str, marks: &[(String, bool)]) -> Result<(), Error> {
    let api: Api<Pod> = Api::namespaced(client, namespace);
    for (pod, marked) in marks {
        // A patch without a change is a read for which the right to patch is enough, and it writes nothing.
        let Some(before) = patch(&api, pod, &json!({})).await? else {
            continue;
        };
        let change = change(&before, *marked);
        if change != json!({}) {
            patch(&api, pod, &json!({"metadata": {"annotations": change}})).await?;
        }
    }
    Ok(())
}

/// The annotations of `pod` after the patch; `None` if it no longer exists.
async fn patch(
    api: &Api<Pod>,
    pod: &str,
    patch: &Value,
) -> Result<Option<BTreeMap<String, String>>, Error> {
    let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
    let write = api.patch_metadata(pod, &params, &patch);
    match tokio::time::timeout(TIMEOUT, write)
        .await
        .map_err(|_| Error::Timeout(TIMEOUT))?
    {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        result => Ok(Some(result?.metadata.annotations.unwrap_or_default())),
    }
}

/// What of the annotations has to change.
fn change(before: &BTreeMap<String, String>, marked: bool) -> Value {
    let mark = DELETE_FIRST.to_string();
    let cost = before.get(POD_DELETION_COST);
    let own = before.get(OWN_COST);
    match (marked, cost == Some(&mark)) {
        (true, true) | (false, false) => json!({}),
        (true, false) => json!({POD_DELETION_COST: mark, OWN_COST: cost}),
        (false, true) => json!({POD_DELETION_COST: own, OWN_COST: null}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `before` with the change.
    fn after(before: &BTreeMap<String, String>, marked: bool) -> BTreeMap<String, String> {
        let mut after = before.clone();
        let change = change(before, marked);
        for (name, value) in change.as_object().expect("an object") {
            match value.as_str() {
                Some(value) => drop(after.insert(name.clone(), value.to_owned())),
                None => drop(after.remove(name)),
            }
        }
        after
    }

    #[test]
    fn a_users_own_cost_comes_back_with_the_end_of_the_mark() {
        let with = |cost: &str| BTreeMap::from([(POD_DELETION_COST.to_owned(), cost.to_owned())]);
        for before in [BTreeMap::new(), with("100"), with("not a number")] {
            let marked = after(&before, true);
            let mark = DELETE_FIRST.to_string();
            assert_eq!(marked.get(POD_DELETION_COST), Some(&mark));
            assert_eq!(after(&marked, true), marked, "marked twice");
            assert_eq!(after(&marked, false), before);
            assert_eq!(after(&before, false), before);
        }
    }
}
