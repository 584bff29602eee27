//! The `OpenAPI` v3 documents, which `kubectl explain` prints and `kubectl apply` requires.

use crate::kind::{KINDS, Kind, POOLS};
use serde_json::{Map, Value, json};

/// The document at `path`: the index, or that of one group and version. `None` for any other path. `prefix` is what
/// the client puts before each path.
pub fn document(path: &str, prefix: &str) -> Option<Value> {
    let path = path.strip_prefix("openapi/v3")?;
    if path.is_empty() {
        let entries = KINDS.iter().map(|kind| {
            let root = kind.root();
            let url = format!("/{prefix}/openapi/v3/{root}");
            (root, json!({"serverRelativeURL": url}))
        });
        return Some(json!({"paths": entries.collect::<Map<_, _>>()}));
    }
    let root = path.strip_prefix('/')?;
    let kinds = || KINDS.iter().filter(|kind| kind.root() == root);
    kinds().next()?;
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "WorkerPool on this machine", "version": "unversioned"},
        "paths": kinds().map(|kind| (object_path(kind), operations(kind))).collect::<Map<_, _>>(),
        "components": {"schemas": kinds().map(|kind| (schema_name(kind), schema(kind))).collect::<Map<_, _>>()},
    }))
}

fn object_path(kind: &Kind) -> String {
    let namespace = if kind.namespaced {
        "namespaces/{namespace}/"
    } else {
        ""
    };
    format!("/{}/{namespace}{}/{{name}}", kind.root(), kind.plural)
}

/// kubectl sends a manifest without checking it where the server accepts `fieldValidation`.
fn operations(kind: &Kind) -> Value {
    let of_kind = group_version_kind(kind);
    json!({
        "get": {"responses": {}, "x-kubernetes-action": "get", "x-kubernetes-group-version-kind": of_kind},
        "patch": {
            "responses": {}, "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": of_kind,
            "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
        },
    })
}

fn group_version_kind(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.name})
}

fn schema_name(kind: &Kind) -> String {
    format!("{}.{}", kind.api_version().replace('/', "."), kind.name)
}

/// The schema of the CRD; of the other kinds only the name.
fn schema(kind: &Kind) -> Value {
    let mut schema = json!({"type": "object"});
    if *kind == POOLS {
        let crd = serde_json::to_value(api::crd()).unwrap_or_default();
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        for field in ["apiVersion", "kind"] {
            schema["properties"][field] = json!({"type": "string"});
        }
        schema["properties"]["metadata"] = json!({"type": "object"});
    }
    schema["x-kubernetes-group-version-kind"] = json!([group_version_kind(kind)]);
    schema
}
