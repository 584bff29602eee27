//! Whether the nodes have room for as many workers as the pool may want, by what pods request.

use super::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use api::WorkerPool;
use futures::future::try_join;
use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use std::collections::BTreeMap;

/// What a pod requests or a node has: CPU in thousandths, memory in bytes, pods.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Size {
    cpu: f64,
    memory: f64,
    pods: f64,
}

/// Nothing to say where nobody may look at nodes, or there are none.
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
    let spec = target
        .data
        .pointer("/spec/template/spec")
        .cloned()
        .unwrap_or_default();
    let (Ok(spec), false) = (
        serde_json::from_value::<PodSpec>(spec),
        nodes.items.is_empty(),
    ) else {
        return Vec::new();
    };
    let now = target
        .data
        .pointer("/spec/replicas")
        .and_then(serde_json::Value::as_i64)
        .unwrap_or(1);
    let more = fits(&nodes.items, &pods.items, requests(&spec));
    let wanted = i64::from(pool.spec.max_replicas) - now;
    vec![describe(
        cluster.out.lang,
        (&pool.name_any(), &name),
        now,
        more,
        wanted,
    )]
}

fn describe(lang: Lang, (pool, name): (&str, &str), now: i64, more: i64, wanted: i64) -> Finding {
    let (most, max) = (now + more, now + wanted);
    if more >= wanted {
        return ok(
            "room",
            tr!(
                lang,
                "for all {wanted} more workers that the pool may want",
                "para los {wanted} workers más que puede pedir el pool"
            ),
        );
    }
    fail(
        "room",
        tr!(
            lang,
            "the nodes take no more than {most} workers, and the pool may want {max}",
            "en los nodos caben {most} workers, y el pool puede pedir {max}"
        ),
        format!(
            "kubectl set resources deployment {name} --requests=cpu=10m,memory=32Mi   (or fewer: kubectl patch wp {pool} --type=merge -p '{{\"spec\":{{\"maxReplicas\":{most}}}}}')"
        ),
    )
}

/// How many pods of `size` fit on the nodes beside those that are there.
fn fits(nodes: &[Node], pods: &[Pod], size: Size) -> i64 {
    let ends = |pod: &&Pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        !["Succeeded", "Failed"].contains(&phase.unwrap_or_default())
    };
    let takes = |node: &&Node| {
        node.spec
            .as_ref()
            .is_none_or(|spec| spec.unschedulable != Some(true))
    };
    let free = |node: &Node| {
        let has = node
            .status
            .as_ref()
            .and_then(|status| status.allocatable.as_ref())
            .map(of)
            .unwrap_or_default();
        let here = |pod: &&Pod| {
            pod.spec
                .as_ref()
                .is_some_and(|spec| spec.node_name.as_deref() == Some(&node.name_any()))
        };
        let used = pods
            .iter()
            .filter(ends)
            .filter(here)
            .filter_map(|pod| pod.spec.as_ref())
            .map(requests);
        used.fold(has, |free, it| Size {
            cpu: free.cpu - it.cpu,
            memory: free.memory - it.memory,
            pods: free.pods - 1.0,
        })
    };
    let count = |free: Size| {
        let times = |free: f64, one: f64| if one > 0.0 { free / one } else { f64::INFINITY };
        times(free.cpu, size.cpu)
            .min(times(free.memory, size.memory))
            .min(free.pods)
            .max(0.0)
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a node takes some hundred pods"
    )]
    let whole = |n: f64| n as i64;
    nodes
        .iter()
        .filter(takes)
        .map(|node| whole(count(free(node))))
        .sum()
}

fn requests(spec: &PodSpec) -> Size {
    let all = spec
        .containers
        .iter()
        .filter_map(|it| it.resources.as_ref()?.requests.as_ref())
        .map(of);
    all.fold(Size::default(), |sum, it| Size {
        cpu: sum.cpu + it.cpu,
        memory: sum.memory + it.memory,
        ..sum
    })
}

fn of(quantities: &BTreeMap<String, Quantity>) -> Size {
    let amount = |name: &str| {
        quantities
            .get(name)
            .map_or(0.0, |quantity| amount(&quantity.0))
    };
    Size {
        cpu: amount("cpu") * 1000.0,
        memory: amount("memory"),
        pods: amount("pods"),
    }
}

/// A Kubernetes quantity as a plain number: `250m`, `64Mi`, `4`.
fn amount(text: &str) -> f64 {
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
    use super::*;
    use serde_json::{Value, json};

    fn node(name: &str, more: &Value) -> Node {
        let status = json!({"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "110"}});
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": more, "status": status}))
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
    #[case(&[("a", "1500m", "Running")], "500m", 1, "what is taken is taken")]
    #[case(&[("a", "1500m", "Succeeded"), ("b", "1500m", "Running")], "500m", 4, "what is over or elsewhere is not")]
    #[case(&[], "1m", 8, "memory decides")]
    #[case(&[("a", "3", "Running")], "1m", 0, "never less than none")]
    fn a_node_takes_what_is_free(
        #[case] there: &[(&str, &str, &str)],
        #[case] cpu: &str,
        #[case] more: i64,
        #[case] why: &str,
    ) {
        let pods: Vec<Pod> = there
            .iter()
            .map(|(node, cpu, phase)| pod(node, cpu, phase))
            .collect();
        let size = requests(pod("", cpu, "Pending").spec.as_ref().expect("a spec"));
        let nodes = [
            node("a", &json!({})),
            node("closed", &json!({"unschedulable": true})),
        ];
        assert_eq!(fits(&nodes, &pods, size), more, "{why}");
    }

    #[test]
    fn too_little_room_says_how_much_there_is() {
        let found = describe(Lang::En, ("filters", "filter-worker"), 3, 5, 7);
        assert_eq!(
            (found.ok, &*found.text),
            (
                false,
                "the nodes take no more than 8 workers, and the pool may want 10"
            )
        );
        assert!(describe(Lang::En, ("filters", "filter-worker"), 3, 7, 7).ok);
    }
}
