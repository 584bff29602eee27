//! The rendered network policies, evaluated as a network plugin would, give exactly the flows of `flows.md`.

use serde_json::{Map, Value, json};

use crate::pods::{Pod, pods};
use crate::{NAMESPACE, at, cells, list, name, read, render};

#[test]
fn flows_are_exactly_those_of_the_table() {
    let objects = render("demo.enabled=true");
    let table = read("tests/chart/flows.md");
    let mut rows = table.lines().filter_map(cells);
    let targets = rows.next().unwrap();
    let mut wrong = Vec::new();
    for row in rows {
        for (target, expected) in targets.iter().zip(&row).skip(1) {
            let (to, port) = target.split_once(':').unwrap();
            let allowed = allowed(
                &objects,
                &peer(&objects, row[0]),
                &peer(&objects, to),
                port.parse().unwrap(),
            );
            if allowed != (*expected == "yes") {
                wrong.push(format!(
                    "{} → {target}: {allowed}, {expected} expected",
                    row[0]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_dashboard_that_is_off_has_no_open_port() {
    let objects = render("dashboard.enabled=false");
    let operator = peer(&objects, "operator");
    let outside = peer(&objects, "outside");
    assert!(!allowed(&objects, &outside, &operator, 8000));
    assert!(allowed(&objects, &outside, &operator, 8080));
}

#[test]
fn policies_can_be_left_out() {
    let objects = render("demo.enabled=true,networkPolicy.enabled=false");
    assert!(
        objects
            .iter()
            .all(|object| object["kind"] != "NetworkPolicy")
    );
}

/// One end of a connection: a namespace and a pod, or none of both from outside.
struct Peer {
    namespace: &'static str,
    pod: Option<Pod>,
}

fn peer(objects: &[Value], word: &str) -> Peer {
    let (component, namespace) = word
        .strip_suffix("@away")
        .map_or((word, NAMESPACE), |component| (component, "away"));
    let rendered = pods(objects);
    let find = |component: &str| {
        rendered
            .iter()
            .find(|pod| pod.component() == component)
            .cloned()
    };
    let pod = match component {
        "outside" => None,
        "stranger" => Some(Pod {
            labels: Map::new(),
            spec: json!({}),
            owner: String::new(),
        }),
        component => Some(find(component).unwrap_or_else(|| panic!("no pod of {component}"))),
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
                        .any(|wanted| pod.port(&wanted["port"]) == Some(port)))
                    && (peers.is_empty() || peers.iter().any(|wanted| matches(wanted, from)))
            })
}

fn matches(wanted: &Value, from: &Peer) -> bool {
    let Some(pod) = &from.pod else { return false };
    let namespace = match wanted.get("namespaceSelector") {
        None => from.namespace == NAMESPACE,
        Some(selector) => {
            at(selector, "/matchLabels/kubernetes.io~1metadata.name") == from.namespace
        }
    };
    namespace
        && wanted
            .get("podSelector")
            .is_none_or(|selector| pod.selected_by(selector))
}
