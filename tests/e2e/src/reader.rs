//! Reads objects without kubectl, which takes a tenth of a second of a processor for each: tests poll them.

use kube::Client;
use serde_json::Value;
use std::sync::LazyLock;
use tokio::runtime::Runtime;

static READER: LazyLock<(Runtime, Client)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let client = runtime.block_on(Client::try_default());
    (runtime, client.expect("KUBECONFIG names a cluster"))
});

/// The object or list at the path of a URL, such as `/api/v1/namespaces/default/pods`.
pub fn read(path: &str) -> Value {
    let request = http::Request::get(path).body(Vec::new());
    let (runtime, client) = &*READER;
    let answer = runtime.block_on(client.request(request.expect("a path")));
    answer.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The path of what `kubectl -n <namespace> <arguments>` reads, if it is of a kind that tests poll.
pub fn path(namespace: &str, arguments: &[&str]) -> Option<String> {
    let ["get", what, rest @ ..] = arguments else {
        return None;
    };
    let (kind, rest) = match what.split_once('/') {
        Some((kind, name)) => (kind, [&[name], rest].concat()),
        None => (*what, rest.to_vec()),
    };
    let (group, plural) = match kind {
        "deployment" | "deployments" => ("/apis/apps/v1", "deployments"),
        "statefulset" | "statefulsets" => ("/apis/apps/v1", "statefulsets"),
        "pod" | "pods" => ("/api/v1", "pods"),
        "wp" | "workerpool" | "workerpools" => ("/apis/workerpool.dev/v1alpha1", "workerpools"),
        _ => return None,
    };
    let of = match rest[..] {
        [] => String::new(),
        [name] => format!("/{name}"),
        ["-l", label] => format!("?labelSelector={}", label.replace('=', "%3D")),
        _ => return None,
    };
    Some(format!("{group}/namespaces/{namespace}/{plural}{of}"))
}
