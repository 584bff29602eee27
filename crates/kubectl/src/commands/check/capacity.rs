//! The check of the nodes' capacity: whether `maxReplicas` workers fit, by the resource requests of the pods.

use super::finding::{Finding, ok, warn};
use crate::cluster::{Cluster, replicas_in};
use crate::text::lang::{Lang, tr};
use api::WorkerPool;
use futures::future::try_join;
use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use std::collections::BTreeMap;

/// What a pod requests or a node can allocate: CPU in millicores, memory in bytes, pods.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Resources {
    cpu: f64,
    memory: f64,
    pods: f64,
}

/// Whether the nodes have capacity; no finding if the user may not list nodes, or there are none.
pub(super) async fn capacity(cluster: &Cluster, pool: &WorkerPool) -> Vec<Finding> {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let pods: Api<Pod> = Api::all(cluster.client.clone());
    let (target, name) = cluster.target(pool);
    let all = ListParams::default();
    let Ok((nodes, pods)) = try_join(nodes.list(&all), pods.list(&all)).await else {
        return Vec::new();
    };
    let Ok(target) = target.get(&name).await else {
        return Vec::new();
    };
    let spec = target.data.pointer("/spec/template/spec");
    let spec = serde_json::from_value::<PodSpec>(spec.cloned().unwrap_or_default());
    let (Ok(spec), false) = (spec, nodes.items.is_empty()) else {
        return Vec::new();
    };
    let replicas = replicas_in(&target);
    let fitting = fitting_pods(&nodes.items, &pods.items, requests(&spec));
    let kind = pool.spec.scale_target_ref.kind.to_lowercase();
    let reference = format!("{kind} {name}");
    let missing = i64::from(pool.spec.max_replicas) - replicas;
    let names = (&*cluster.namespace, &*pool.name_any(), &*reference);
    let lang = cluster.out.lang;
    vec![describe(lang, names, replicas, fitting, missing)]
}

/// The finding if `fitting` more workers fit and `missing` more are needed to reach `maxReplicas`.
fn describe(
    lang: Lang,
    (namespace, pool, target): (&str, &str, &str),
    replicas: i64,
    fitting: i64,
    missing: i64,
) -> Finding {
    let (most, max) = (replicas + fitting, replicas + missing);
    let or = tr!(lang, "cli-capacity-or-smaller");
    if fitting >= missing {
        return ok("capacity", tr!(lang, "cli-capacity-enough", missing));
    }
    let fix = format!(
        "kubectl -n {namespace} patch wp {pool} --type=merge -p '{{\"spec\":{{\"maxReplicas\":{most}}}}}'   ({or}: kubectl -n {namespace} set resources {target} --requests=cpu=10m,memory=32Mi)"
    );
    let text = tr!(lang, "cli-capacity-too-small", most, max);
    warn("capacity", text, fix)
}

/// How many more pods with this `request` fit on the nodes.
fn fitting_pods(nodes: &[Node], pods: &[Pod], request: Resources) -> i64 {
    let runs = |pod: &&Pod| {
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        !["Succeeded", "Failed"].contains(&phase.unwrap_or_default())
    };
    let schedulable = |node: &&Node| {
        let spec = node.spec.as_ref();
        spec.is_none_or(|spec| spec.unschedulable != Some(true))
    };
    let free = |node: &Node| {
        let status = node.status.as_ref();
        let allocatable = status.and_then(|status| status.allocatable.as_ref());
        let allocatable = allocatable.map(resources).unwrap_or_default();
        let specs = pods.iter().filter(runs).filter_map(|pod| pod.spec.as_ref());
        let on_node = specs.filter(|spec| spec.node_name.as_deref() == Some(&node.name_any()));
        let used = on_node.map(requests);
        used.fold(allocatable, |free, used| Resources {
            cpu: free.cpu - used.cpu,
            memory: free.memory - used.memory,
            pods: free.pods - 1.0,
        })
    };
    let count = |free: Resources| {
        let times = |free: f64, one: f64| if one > 0.0 { free / one } else { f64::INFINITY };
        times(free.cpu, request.cpu)
            .min(times(free.memory, request.memory))
            .min(free.pods)
            .max(0.0)
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a node runs some hundred pods"
    )]
    let whole = |n: f64| n as i64;
    let nodes = nodes.iter().filter(schedulable);
    nodes.map(|node| whole(count(free(node)))).sum()
}

/// The sum of the requests of all containers.
fn requests(spec: &PodSpec) -> Resources {
    let containers = spec.containers.iter();
    let requests = containers.filter_map(|it| it.resources.as_ref()?.requests.as_ref());
    let requests = requests.map(resources);
    requests.fold(Resources::default(), |sum, container| Resources {
        cpu: sum.cpu + container.cpu,
        memory: sum.memory + container.memory,
        ..sum
    })
}

fn resources(quantities: &BTreeMap<String, Quantity>) -> Resources {
    let amount = |name| quantities.get(name).map_or(0.0, |it| amount(&it.0));
    Resources {
        cpu: amount("cpu") * 1000.0,
        memory: amount("memory"),
        pods: amount("pods"),
    }
}

/// A Kubernetes quantity as a plain number: `250m`, `64Mi`, `4`.
pub(super) fn amount(text: &str) -> f64 {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[digits.len()..] {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => 1.0,
    };
    digits.parse::<f64>().unwrap_or(0.0) * unit
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;
    use serde_json::{Value, json};

    fn node(name: &str, spec: &Value) -> Node {
        let status = json!({"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "110"}});
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec, "status": status}))
            .expect("a node")
    }

    fn pod(node: &str, cpu: &str, phase: &str) -> Pod {
        let container =
            json!({"name": "c", "resources": {"requests": {"cpu": cpu, "memory": "128Mi"}}});
        let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": node, "containers": [container]}, "status": {"phase": phase}});
        serde_json::from_value(pod).expect("a pod")
    }

    #[rstest::rstest]
    #[case(&[], "500m", 4, "CPU decides")]
    #[case(&[("a", "1500m", "Running")], "500m", 1, "a running pod takes capacity")]
    #[case(&[("a", "1500m", "Succeeded"), ("b", "1500m", "Running")], "500m", 4, "a completed pod or one on another node does not")]
    #[case(&[], "1m", 8, "memory decides")]
    #[case(&[("a", "3", "Running")], "1m", 0, "never negative")]
    fn counts_pods_that_fit_on_the_nodes(
        #[case] pods: &[(&str, &str, &str)],
        #[case] cpu: &str,
        #[case] fitting: i64,
        #[case] case: &str,
    ) {
        let running = pods.iter().map(|(node, cpu, phase)| pod(node, cpu, phase));
        let pods: Vec<Pod> = running.collect();
        let request = requests(pod("", cpu, "Pending").spec.as_ref().expect("a spec"));
        let closed = node("closed", &json!({"unschedulable": true}));
        let nodes = [node("a", &json!({})), closed];
        assert_eq!(fitting_pods(&nodes, &pods, request), fitting, "{case}");
    }

    #[test]
    fn too_little_capacity_names_the_maximum() {
        let pool = ("class", "filters", "deployment filter-worker");
        let finding = describe(Lang::EN, pool, 3, 5, 7);
        let text = "the nodes fit 8 workers, but maxReplicas is 10";
        assert_eq!((finding.status, &*finding.text), (Status::Warning, text));
        assert_eq!(describe(Lang::EN, pool, 3, 7, 7).status, Status::Ok);
    }
}
