//! Lists the pods of a target when a scale-down needs them, so that no watch keeps all pods of a cluster in memory.

use decide::Time;
use decide::victims::{POD_DELETION_COST, Pod, PodStage};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, Object};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a list may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The parts of a pod that the operator uses.
type RawPod = Object<Spec, Status>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    #[serde(default)]
    host_network: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    #[serde(default)]
    last_transition_time: Option<String>,
}

/// Lists the pods of `namespace` that match `selector`, from the API server's watch cache: controllers see the same
/// state. The error is a message for a person.
pub async fn list(client: Client, namespace: &str, selector: &str) -> Result<Vec<Pod>, String> {
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
    let api: Api<RawPod> = Api::namespaced_with(client, namespace, &resource);
    let params = ListParams::default().labels(selector).match_any();
    match tokio::time::timeout(TIMEOUT, api.list(&params)).await {
        Ok(Ok(pods)) => Ok(pods.items.iter().map(parse).collect()),
        Ok(Err(kube::Error::Api(status))) => Err(status.message.clone()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "the API server did not answer within {} s",
            TIMEOUT.as_secs()
        )),
    }
}

fn parse(raw: &RawPod) -> Pod {
    let Status {
        phase,
        pod_ip,
        conditions,
    } = raw.status.clone().unwrap_or_default();
    let own_address = pod_ip.filter(|_| !raw.spec.host_network);
    let ready = conditions
        .iter()
        .find(|condition| condition.type_ == "Ready");
    let is_ready = ready.is_some_and(|condition| condition.status == "True");
    let ready_since = ready.and_then(|condition| {
        let at: Timestamp = condition.last_transition_time.as_ref()?.parse().ok()?;
        Some(Time(at.as_millisecond()))
    });
    let stage = match phase.as_str() {
        _ if raw.spec.node_name.as_deref().unwrap_or_default().is_empty() => PodStage::Unassigned,
        "Running" if is_ready => PodStage::Ready,
        "Running" => PodStage::NotReady,
        // ReplicaSets rank the phase Unknown between the two; no component sets it any more.
        _ => PodStage::Pending,
    };
    let meta = &raw.metadata;
    let owners = meta.owner_references.iter().flatten();
    let mut owner = owners
        .filter(|owner| owner.controller == Some(true))
        .map(|owner| format!("{}/{}", owner.kind, owner.name));
    let cost = meta
        .annotations
        .as_ref()
        .and_then(|all| all.get(POD_DELETION_COST)?.parse().ok());
    Pod {
        name: meta.name.clone().unwrap_or_default(),
        owner: owner.next_back().unwrap_or_default(),
        stage,
        ready_since,
        terminating: meta.deletion_timestamp.is_some()
            || ["Succeeded", "Failed"].contains(&phase.as_str()),
        cost: cost.unwrap_or(0),
        address: own_address.and_then(|address| address.parse().ok()),
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
    #[case(json!({"nodeName": "n"}), json!({"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:07Z"}]}), PodStage::Ready)]
    fn stage_is_the_one_that_the_controller_ranks_by(
        #[case] spec: serde_json::Value,
        #[case] status: serde_json::Value,
        #[case] stage: PodStage,
    ) {
        let raw = json!({"metadata": {"name": "w-1-x", "annotations": {POD_DELETION_COST: "-7"}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "w-1", "uid": "u", "controller": true}]}, "spec": spec, "status": status});
        let parsed = parse(&serde_json::from_value(raw).expect("a pod"));
        let expected = Pod {
            name: "w-1-x".into(),
            owner: "ReplicaSet/w-1".into(),
            stage,
            ready_since: (stage == PodStage::Ready).then_some(Time(7_000)),
            terminating: false,
            cost: -7,
            address: None,
        };
        assert_eq!(parsed, expected);
    }

    #[rstest::rstest]
    #[case(json!({"nodeName": "n"}), "10.0.0.7", Some("10.0.0.7"))]
    #[case(json!({"nodeName": "n"}), "fd00::7", Some("fd00::7"))]
    #[case(json!({"nodeName": "n"}), "no address", None)]
    #[case(json!({"nodeName": "n", "hostNetwork": true}), "10.0.0.7", None)]
    fn a_pod_of_the_host_network_has_no_address_of_its_own(
        #[case] spec: serde_json::Value,
        #[case] address: &str,
        #[case] expected: Option<&str>,
    ) {
        let raw = json!({"metadata": {"name": "w"}, "spec": spec, "status": {"phase": "Running", "podIP": address}});
        let parsed = parse(&serde_json::from_value(raw).expect("a pod"));
        let expected = expected.map(|it| it.parse().expect("an address"));
        assert_eq!(parsed.address, expected);
    }

    #[rstest::rstest]
    #[case(json!({"name": "w", "deletionTimestamp": "2026-11-24T07:00:00Z"}), "Running", true)]
    #[case(json!({"name": "w"}), "Succeeded", true)]
    #[case(json!({"name": "w"}), "Running", false)]
    fn deleted_and_finished_pods_are_terminating(
        #[case] metadata: serde_json::Value,
        #[case] phase: &str,
        #[case] terminating: bool,
    ) {
        let raw =
            json!({"metadata": metadata, "spec": {"nodeName": "n"}, "status": {"phase": phase}});
        assert_eq!(
            parse(&serde_json::from_value(raw).expect("a pod")).terminating,
            terminating
        );
    }
}
