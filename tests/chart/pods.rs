//! The pods of the chart: their security context, resources and labels, and the selectors that select them.

use serde_json::{Map, Value, json};

use crate::{EVERYTHING, NAMESPACE, at, find, list, name, render};

/// A pod that is created by an object of the chart.
#[derive(Clone)]
pub struct Pod {
    pub labels: Map<String, Value>,
    pub spec: Value,
    /// `Kind/name` of the object that creates it.
    pub owner: String,
}

impl Pod {
    pub fn component(&self) -> &str {
        self.labels
            .get("app.kubernetes.io/component")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub fn selected_by(&self, selector: &Value) -> bool {
        assert!(
            selector.get("matchExpressions").is_none(),
            "this test does not evaluate matchExpressions"
        );
        let labels = selector.get("matchLabels").and_then(Value::as_object);
        labels.is_none_or(|labels| {
            labels
                .iter()
                .all(|(key, value)| self.labels.get(key) == Some(value))
        })
    }

    /// The number of a port that is given by name or number.
    pub fn port(&self, port: &Value) -> Option<u64> {
        let ports = list(&self.spec, "/containers/0/ports").iter();
        port.as_u64().or_else(|| {
            ports
                .filter(|p| p["name"] == *port)
                .find_map(|p| p["containerPort"].as_u64())
        })
    }
}

pub fn pods(objects: &[Value]) -> Vec<Pod> {
    let pod = |object: &Value| {
        let pod = if object["kind"] == "Pod" {
            object
        } else {
            object.pointer("/spec/template")?
        };
        let labels = pod["metadata"]["labels"].as_object()?.clone();
        Some(Pod {
            labels,
            spec: pod["spec"].clone(),
            owner: name(object),
        })
    };
    objects.iter().filter_map(pod).collect()
}

#[test]
fn containers_are_restricted_and_have_limits() {
    let pods = pods(&render(EVERYTHING));
    let owners: Vec<_> = pods.iter().map(Pod::component).collect();
    for component in ["operator", "redis", "worker", "front", "crd", "test"] {
        assert!(
            owners.contains(&component),
            "{component} is not among {owners:?}"
        );
    }
    for Pod { spec, owner, .. } in &pods {
        let pod = &spec["securityContext"];
        assert_eq!(pod["runAsNonRoot"], true, "{owner}");
        assert_eq!(pod["runAsUser"], 65532, "{owner}");
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault", "{owner}");
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(spec.get(key).is_none(), "{owner}: {key}");
        }
        for volume in list(spec, "/volumes") {
            assert!(volume.get("emptyDir").is_some(), "{owner}: {volume}");
        }
        for container in list(spec, "/containers")
            .iter()
            .chain(list(spec, "/initContainers"))
        {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{owner}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{owner}");
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{owner}");
            assert!(
                list(container, "/ports")
                    .iter()
                    .all(|port| port.get("hostPort").is_none()),
                "{owner}"
            );
            let resources = &container["resources"];
            assert!(resources["requests"]["memory"].is_string(), "{owner}");
            assert!(resources["limits"]["memory"].is_string(), "{owner}");
            let cpu = &resources["limits"]["cpu"];
            assert!(cpu.is_null(), "{owner}: a CPU limit throttles");
            assert_eq!(container["imagePullPolicy"], "IfNotPresent", "{owner}");
        }
    }
}

#[test]
fn only_pods_that_call_the_api_server_have_a_token() {
    for pod in pods(&render(EVERYTHING)) {
        let calls = matches!(pod.component(), "operator" | "crd");
        let token = pod.spec["automountServiceAccountToken"] != false;
        assert_eq!(token, calls, "{}", pod.owner);
        assert_eq!(
            pod.spec.get("serviceAccountName").is_some(),
            calls,
            "{}",
            pod.owner
        );
    }
}

/// The component that each selector selects, by its object.
#[test]
fn selectors_select_their_component() {
    let objects = render(&format!(
        "{EVERYTHING},metrics.serviceMonitor.enabled=false,metrics.podMonitor.enabled=true"
    ));
    let pods = pods(&objects);
    let expected = [
        ("Deployment/workerpool", "operator"),
        ("Deployment/redis", "redis"),
        ("Deployment/filter-worker", "worker"),
        ("Deployment/filter-front", "front"),
        ("Service/workerpool-metrics", "operator"),
        ("Service/workerpool-dashboard", "operator"),
        ("Service/filter-front", "front"),
        ("Service/redis", "redis"),
        ("PodDisruptionBudget/workerpool", "operator"),
        ("NetworkPolicy/workerpool", "operator"),
        ("NetworkPolicy/redis", "redis"),
        ("NetworkPolicy/filter-worker", "worker"),
        ("NetworkPolicy/filter-front", "front"),
        ("PodMonitor/workerpool", "operator"),
    ];
    let mut selecting = 0;
    for object in &objects {
        let selector = match at(object, "/kind") {
            "Service" => json!({"matchLabels": object["spec"]["selector"]}),
            "NetworkPolicy" => object["spec"]["podSelector"].clone(),
            _ if object["spec"]["selector"].is_object() => object["spec"]["selector"].clone(),
            _ => continue,
        };
        selecting += 1;
        let selected: Vec<_> = pods
            .iter()
            .filter(|pod| pod.selected_by(&selector))
            .map(Pod::component)
            .collect();
        let (_, component) = expected
            .iter()
            .find(|(owner, _)| *owner == name(object))
            .unwrap_or_else(|| panic!("{}", name(object)));
        assert_eq!(selected, [*component], "{}", name(object));
        for port in list(object, "/spec/ports") {
            let mut all = pods.iter();
            let pod = all.find(|pod| pod.component() == *component).unwrap();
            let target = pod.port(&port["targetPort"]);
            assert!(target.is_some(), "{}: {port}", name(object));
        }
    }
    assert_eq!(selecting, expected.len());
}

#[test]
fn service_monitor_scrapes_only_the_metrics_service() {
    let objects = render(EVERYTHING);
    let monitor = find(&objects, |it| it["kind"] == "ServiceMonitor");
    let selector = &monitor["spec"]["selector"]["matchLabels"];
    let selector = selector.as_object().unwrap();
    let services = objects.iter().filter(|object| object["kind"] == "Service");
    let found: Vec<_> = services
        .filter(|service| {
            selector
                .iter()
                .all(|(key, value)| service["metadata"]["labels"][key] == *value)
        })
        .map(name)
        .collect();
    assert_eq!(found, ["Service/workerpool-metrics"]);
}

#[test]
fn objects_have_standard_labels_and_a_namespace() {
    const CLUSTER: [&str; 4] = [
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    for object in render(EVERYTHING) {
        let labels = &object["metadata"]["labels"];
        for (key, value) in [
            (
                "helm.sh/chart",
                concat!("workerpool-", env!("CARGO_PKG_VERSION")),
            ),
            ("app.kubernetes.io/name", "workerpool"),
            ("app.kubernetes.io/instance", "workerpool"),
            ("app.kubernetes.io/version", env!("CARGO_PKG_VERSION")),
            ("app.kubernetes.io/managed-by", "Helm"),
            ("app.kubernetes.io/part-of", "workerpool"),
        ] {
            assert_eq!(labels[key], value, "{}: {key}", name(&object));
        }
        let is_namespaced = !CLUSTER.contains(&at(&object, "/kind"));
        let namespace = if is_namespaced { NAMESPACE } else { "" };
        let found = at(&object, "/metadata/namespace");
        assert_eq!(found, namespace, "{}", name(&object));
    }
}

/// A new version of the chart must not restart Redis or busy workers, and must not set the number of workers.
#[test]
fn upgrade_does_not_change_redis_and_workers() {
    let objects = render("demo.enabled=true");
    for pod in pods(&objects)
        .iter()
        .filter(|pod| pod.owner.starts_with("Deployment/"))
    {
        for label in ["helm.sh/chart", "app.kubernetes.io/version"] {
            assert!(!pod.labels.contains_key(label), "{}: {label}", pod.owner);
        }
    }
    let workers = find(&objects, |it| name(it) == "Deployment/filter-worker");
    assert!(workers["spec"].get("replicas").is_none());
    assert!(
        workers
            .pointer("/spec/template/spec/containers/0/readinessProbe")
            .is_none(),
        "busy is ready"
    );
}

#[test]
fn two_operators_never_write_at_the_same_time() {
    let strategy = |set: &str| {
        let objects = render(set);
        let operator = find(&objects, |it| name(it) == "Deployment/workerpool");
        at(operator, "/spec/strategy/type").to_owned()
    };
    assert_eq!(strategy(""), "Recreate");
    assert_eq!(
        strategy("replicas=2,leaderElection.enabled=true"),
        "RollingUpdate"
    );
}
