//! Lists the pods of a target when a scale-down needs them, so that no watch keeps all pods of a cluster in memory.

mod items;

use decide::Time;
use decide::victims::{Pod, PodStage};
use futures::{AsyncBufRead, AsyncBufReadExt};
use items::Items;
use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use kube::api::ListParams;
use kube::core::Request;
use kube::{Client, Resource};
use serde::Deserialize;
use std::pin::pin;
use std::time::Duration;

/// How long a list may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A pool has at most 100,000 replicas, and its Deployment by default a quarter more while it replaces them.
const MAX_PODS: usize = 125_000;

/// The parts of a pod that the operator uses.
#[derive(Debug, Deserialize)]
struct RawPod {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    deletion_timestamp: Option<String>,
    owner_references: Option<Vec<Owner>>,
    annotations: Option<Annotations>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    kind: String,
    name: String,
    controller: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Annotations {
    /// `decide::victims::POD_DELETION_COST`
    #[serde(rename = "controller.kubernetes.io/pod-deletion-cost")]
    cost: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    #[serde(default)]
    host_network: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
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
///
/// Such a list has no pages, and any size: whoever may create pods in a namespace can create many of 1.5 MB. It is read
/// item by item while it comes. Of a pod that was read a few fields stay, so that the list costs the text of one pod and
/// some 200 bytes for each. A list is of one version of the cache, and one that does not come whole is an error.
pub async fn list(client: Client, namespace: &str, selector: &str) -> Result<Vec<Pod>, String> {
    match tokio::time::timeout(TIMEOUT, request(client, namespace, selector)).await {
        Ok(pods) => pods,
        Err(_) => Err(format!(
            "the API server did not answer within {} s",
            TIMEOUT.as_secs()
        )),
    }
}

async fn request(client: Client, namespace: &str, selector: &str) -> Result<Vec<Pod>, String> {
    let params = ListParams::default().labels(selector).match_any();
    let path = v1::Pod::url_path(&(), Some(namespace));
    let request = Request::new(path).list(&params);
    let request = request.map_err(|error| error.to_string())?;
    match client.request_stream(request).await {
        Ok(body) => read(body).await,
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a list of pods.
async fn read(body: impl AsyncBufRead) -> Result<Vec<Pod>, String> {
    let (mut items, mut pods) = (Items::default(), Vec::new());
    let mut body = pin!(body);
    loop {
        let bytes = body.fill_buf().await.map_err(|error| error.to_string())?;
        let count = bytes.len();
        if count == 0 {
            break;
        }
        items.feed(bytes, |item| {
            if pods.len() == MAX_PODS {
                return Err(format!("there are more than {MAX_PODS} pods"));
            }
            let pod = serde_json::from_slice(item);
            pods.push(parse(&pod.map_err(|error| format!("a pod: {error}"))?));
            Ok(())
        })?;
        body.consume_unpin(count);
    }
    if !items.is_complete() {
        return Err("the list of pods ended early".to_owned());
    }
    Ok(pods)
}

fn parse(raw: &RawPod) -> Pod {
    let none = Status::default();
    let Status {
        phase,
        pod_ip,
        conditions,
    } = raw.status.as_ref().unwrap_or(&none);
    let own_address = pod_ip.as_ref().filter(|_| !raw.spec.host_network);
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
    let cost = meta.annotations.as_ref();
    let cost = cost.and_then(|all| all.cost.as_ref()?.parse().ok());
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
    use decide::victims::POD_DELETION_COST;
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

    #[tokio::test]
    async fn a_list_that_does_not_come_whole_is_an_error() {
        let list = json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]});
        let text = list.to_string();
        let pods = read(text.as_bytes()).await.expect("a list");
        assert_eq!(pods.len(), 2);
        let early = read(&text.as_bytes()[..text.len() - 5]).await;
        assert_eq!(early, Err("the list of pods ended early".to_owned()));
        let wrong = json!({"items": [{"metadata": {"name": 7}}]}).to_string();
        let error = read(wrong.as_bytes()).await.expect_err("a name is a text");
        assert!(error.starts_with("a pod: invalid type"), "{error}");
    }

    #[tokio::test]
    async fn the_number_of_pods_is_bounded() {
        let list = format!(r#"{{"items":[{}{{}}]}}"#, "{},".repeat(MAX_PODS));
        let error = read(list.as_bytes()).await.expect_err("too many");
        assert_eq!(error, "there are more than 125000 pods");
    }
}
