//! The rendered network policies, evaluated like a network plugin does, allow exactly the connections in `flows.md`.

use serde_json::{Map, Value, json};

use crate::pods::{Pod, pods};
use crate::{NAMESPACE, at, cells, list, name, read, render};

#[test]
fn allowed_connections_are_those_in_the_table() {
    let objects = render("demo.enabled=true");
    let table = read("tests/chart/flows.md");
    let mut rows = table.lines().filter_map(cells);
    let destinations = rows.next().unwrap();
    let mut differences = Vec::new();
    for row in rows {
        for (destination, expected) in destinations.iter().zip(&row).skip(1) {
            let (to, port) = destination.split_once(':').unwrap();
            let (from, to) = (peer(&objects, row[0]), peer(&objects, to));
            let allowed = allowed(&objects, &from, &to, port.parse().unwrap());
            if allowed != (*expected == "yes") {
                let source = row[0];
                differences.push(format!(
                    "{source} → {destination}: {allowed}, expected {expected}"
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn disabled_dashboard_has_no_open_port() {
    let objects = render("dashboard.enabled=false");
    let operator = peer(&objects, "operator");
    let external = peer(&objects, "external");
    assert!(!allowed(&objects, &external, &operator, 8000));
    assert!(allowed(&objects, &external, &operator, 8080));
}

#[test]
fn network_policies_can_be_disabled() {
    let objects = render("demo.enabled=true,networkPolicy.enabled=false");
    assert!(
        objects
            .iter()
            .all(|object| object["kind"] != "NetworkPolicy")
    );
}

/// One end of a connection. Outside of the cluster there is no pod, and the namespace has no meaning.
struct Peer {
    namespace: &'static str,
    pod: Option<Pod>,
}

/// The peer in a cell of the table, such as `worker` or `worker@away`.
fn peer(objects: &[Value], cell: &str) -> Peer {
    let (component, namespace) = cell
        .strip_suffix("@away")
        .map_or((cell, NAMESPACE), |component| (component, "away"));
    let rendered = pods(objects);
    let pod = match component {
        "external" => None,
        "unlabeled" => Some(Pod {
            labels: Map::new(),
            spec: json!({}),
            owner: String::new(),
        }),
        component => {
            let found = rendered
                .into_iter()
                .find(|pod| pod.component() == component);
            Some(found.unwrap_or_else(|| panic!("no pod of the component {component}")))
        }
    };
    Peer { namespace, pod }
}

fn allowed(objects: &[Value], from: &Peer, to: &Peer, port: u64) -> bool {
    let pod = to.pod.as_ref().unwrap();
    let policies: Vec<_> = objects
        .iter()
        .filter(|object| {
            object["kind"] == "NetworkPolicy" && object["metadata"]["namespace"] == to.namespace
        })
        .filter(|policy| pod.selected_by(&policy["spec"]["podSelector"]))
        .collect();
    for policy in &policies {
        assert_eq!(
            policy["spec"]["policyTypes"],
            json!(["Ingress"]),
            "{}: egress stays open",
            name(policy)
        );
    }
    policies.is_empty()
        || policies
            .iter()
            .flat_map(|policy| list(policy, "/spec/ingress"))
            .any(|rule| {
                let ports = list(rule, "/ports");
                let peers = list(rule, "/from");
                (ports.is_empty()
                    || ports
                        .iter()
                        .any(|rule| pod.port(&rule["port"]) == Some(port)))
                    && (peers.is_empty() || peers.iter().any(|peer| matches(peer, from)))
            })
}

/// Whether `from` is among the pods of an ingress rule's peer.
fn matches(peer: &Value, from: &Peer) -> bool {
    let Some(pod) = &from.pod else { return false };
    let namespace = match peer.get("namespaceSelector") {
        None => from.namespace == NAMESPACE,
        Some(selector) => {
            at(selector, "/matchLabels/kubernetes.io~1metadata.name") == from.namespace
        }
    };
    namespace
        && peer
            .get("podSelector")
            .is_none_or(|selector| pod.selected_by(selector))
}
