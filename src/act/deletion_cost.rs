//! Sets `pod-deletion-cost` on pods, so that their `ReplicaSet` removes exactly the selected ones. A cost of the user's own
//! is kept beside the mark, and comes back when the mark is taken away.

use super::{Error, within};
use decide::victims::{DELETE_FIRST, POD_DELETION_COST};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::core::Request;
use kube::{Client, Resource};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long one patch may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The annotation that keeps the cost that a pod had before it was marked.
const OWN_COST: &str = "workerpool.dev/own-pod-deletion-cost";

/// A pod of which its costs are read: its owner may give it any number of other annotations and labels.
#[derive(Deserialize)]
struct PodMetadata {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    annotations: Costs,
}

/// The annotations of a pod that are about its cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Costs {
    /// `POD_DELETION_COST`
    #[serde(rename = "controller.kubernetes.io/pod-deletion-cost")]
    cost: Option<String>,
    /// `OWN_COST`
    #[serde(rename = "workerpool.dev/own-pod-deletion-cost")]
    own: Option<String>,
}

/// Marks each of these pods of `namespace` to be deleted first (`true`), or clears its mark (`false`). A pod that no
/// longer exists is skipped. Stops at the first failure: the caller lists the pods again before it continues.
pub async fn mark(client: Client, namespace: &str, marks: &[(String, bool)]) -> Result<(), Error> {
    let pods = Request::new(Pod::url_path(&(), Some(namespace)));
    for (pod, marked) in marks {
        // A patch without a change is a read for which the right to patch is enough, and it writes nothing.
        let Some(before) = patch(&client, &pods, pod, &json!({})).await? else {
            continue;
        };
        let change = change(&before, *marked);
        if change != json!({}) {
            let change = json!({"metadata": {"annotations": change}});
            patch(&client, &pods, pod, &change).await?;
        }
    }
    Ok(())
}

/// The costs of `pod` after the patch; `None` if it no longer exists.
async fn patch(
    client: &Client,
    pods: &Request,
    pod: &str,
    patch: &Value,
) -> Result<Option<Costs>, Error> {
    let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
    let request = pods.patch_metadata(pod, &params, &patch);
    let request = request.map_err(kube::Error::BuildRequest)?;
    let write = client.request::<PodMetadata>(request);
    match within(TIMEOUT, write).await {
        Err(Error::Api(kube::Error::Api(status))) if status.code == 404 => Ok(None),
        result => Ok(Some(result?.metadata.annotations)),
    }
}

/// What of the annotations has to change.
fn change(before: &Costs, marked: bool) -> Value {
    let mark = DELETE_FIRST.to_string();
    match (marked, before.cost.as_ref() == Some(&mark)) {
        (true, true) | (false, false) => json!({}),
        (true, false) => json!({POD_DELETION_COST: mark, OWN_COST: before.cost}),
        (false, true) => json!({POD_DELETION_COST: before.own, OWN_COST: null}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `before` with the change.
    fn after(before: &Costs, marked: bool) -> Costs {
        let mut after = json!({POD_DELETION_COST: before.cost, OWN_COST: before.own});
        let change = change(before, marked);
        for (name, value) in change.as_object().expect("an object") {
            after[name] = value.clone();
        }
        serde_json::from_value(after).expect("annotations")
    }

    #[test]
    fn a_users_own_cost_comes_back_with_the_end_of_the_mark() {
        for before in [None, Some("100"), Some("not a number")] {
            let before = Costs {
                cost: before.map(str::to_owned),
                own: None,
            };
            let marked = after(&before, true);
            let mark = DELETE_FIRST.to_string();
            assert_eq!(marked.cost, Some(mark));
            assert_eq!(after(&marked, true), marked, "marked twice");
            assert_eq!(after(&marked, false), before);
            assert_eq!(after(&before, false), before);
        }
    }
}
