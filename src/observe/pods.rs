//! The pods of a target, listed when a scale-down needs them: no watch keeps all pods of a cluster in memory.

use decide::victims::{POD_DELETION_COST, Pod, PodStage};
use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, Object};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a list may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Of a pod, only what is used.
type Raw = Object<Spec, Status>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

/// Lists the pods of `namespace` that `selector` selects, as the API server's watch cache has them: what is seen
/// there, controllers see. Fails with a sentence.
pub async fn list(client: Client, namespace: &str, selector: &str) -> Result<Vec<Pod>, String> {
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
    let api: Api<Raw> = Api::namespaced_with(client, namespace, &resource);
    let params = ListParams::default().labels(selector).match_any();
    match tokio::time::timeout(DEADLINE, api.list(&params)).await {
        Ok(Ok(pods)) => Ok(pods.items.iter().map(pod).collect()),
        Ok(Err(kube::Error::Api(status))) => Err(status.message.clone()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "the API server did not answer within {} s",
            DEADLINE.as_secs()
        )),
    }
}

fn pod(raw: &Raw) -> Pod {
    let Status { phase, conditions } = raw.status.clone().unwrap_or_default();
    let ready = conditions
        .iter()
        .any(|it| it.type_ == "Ready" && it.status == "True");
    let standing = match phase.as_str() {
        _ if raw.spec.node_name.as_deref().unwrap_or_default().is_empty() => PodStage::Unassigned,
        "Running" if ready => PodStage::Ready,
        "Running" => PodStage::NotReady,
        // Unknown stands between the two there, and nobody sets it any more.
        _ => PodStage::Pending,
    };
    let meta = &raw.metadata;
    let owners = meta.owner_references.iter().flatten();
    let mut owner = owners
        .filter(|owner| owner.controller == Some(true))
        .map(|it| format!("{}/{}", it.kind, it.name));
    let cost = meta
        .annotations
        .as_ref()
        .and_then(|all| all.get(POD_DELETION_COST)?.parse().ok());
    Pod {
        name: meta.name.clone().unwrap_or_default(),
        owner: owner.next_back().unwrap_or_default(),
        stage: standing,
        terminating: meta.deletion_timestamp.is_some()
            || ["Succeeded", "Failed"].contains(&phase.as_str()),
        cost: cost.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[rstest::rstest]
    #[case(json!({}), json!({"phase": "Pending"}), PodStage::Unassigned)]
    #[case(json!({"nodeName": "n"}), json!({"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}]}), PodStage::Pending)]
    #[case(json!({"nodeName": "n"}), json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}), PodStage::NotReady)]
    #[case(json!({"nodeName": "n"}), json!({"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]}), PodStage::Ready)]
    fn a_pod_stands_where_its_controller_sees_it(
        #[case] spec: serde_json::Value,
        #[case] status: serde_json::Value,
        #[case] standing: PodStage,
    ) {
        let raw = json!({"metadata": {"name": "w-1-x", "annotations": {POD_DELETION_COST: "-7"}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "w-1", "uid": "u", "controller": true}]}, "spec": spec, "status": status});
        let seen = pod(&serde_json::from_value(raw).expect("a pod"));
        let wanted = Pod {
            name: "w-1-x".into(),
            owner: "ReplicaSet/w-1".into(),
            stage: standing,
            terminating: false,
            cost: -7,
        };
        assert_eq!(seen, wanted);
    }

    #[rstest::rstest]
    #[case(json!({"name": "w", "deletionTimestamp": "2026-11-24T07:00:00Z"}), "Running", true)]
    #[case(json!({"name": "w"}), "Succeeded", true)]
    #[case(json!({"name": "w"}), "Running", false)]
    fn who_is_on_its_way_out_is_counted_no_more(
        #[case] metadata: serde_json::Value,
        #[case] phase: &str,
        #[case] leaving: bool,
    ) {
        let raw =
            json!({"metadata": metadata, "spec": {"nodeName": "n"}, "status": {"phase": phase}});
        assert_eq!(
            pod(&serde_json::from_value(raw).expect("a pod")).terminating,
            leaving
        );
    }
}
