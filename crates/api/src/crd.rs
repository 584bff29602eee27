//! The CustomResourceDefinition as it is installed.

use super::WorkerPool;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, ResourceExt};
use serde_json::Value;

/// The CRD, generated from the types of this package.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = WorkerPool::crd();
    // Without this, Argo CD deletes the CRD, and with it all pools of the cluster, when the Application is deleted.
    crd.annotations_mut().insert(
        "argocd.argoproj.io/sync-options".to_owned(),
        "Delete=false,Prune=false".to_owned(),
    );
    crd
}

/// The CRD as YAML: the content of crds/workerpools.yaml and of the chart's copy.
pub fn crd_yaml() -> String {
    let head = "# Generated from crates/api/src by `make generate`. Do not edit.\n";
    // A definition of plain maps, lists and strings always serializes.
    head.to_owned() + &serde_saphyr::to_string(&crd()).unwrap_or_default()
}

/// The first unknown field of `object`, as a path such as `spec.scaleUp.setp`. The API server warns about it; this is
/// for files that are read without an API server.
pub fn unknown_field(object: &Value) -> Option<String> {
    const ROOT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
    if let Some(key) = object
        .as_object()?
        .keys()
        .find(|key| !ROOT.contains(&key.as_str()))
    {
        return Some(key.clone());
    }
    let definition = serde_json::to_value(crd()).ok()?;
    let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec")?;
    find_unknown_field(object.get("spec")?, schema).map(|path| format!("spec{path}"))
}

/// The fields of this program's CRD that `installed` lacks, a schema of `WorkerPool` as an API server has it; each as a
/// path such as `status.internal.busy`. Of a field that is lacking as a whole, only the path of the whole.
pub fn lacking_fields(installed: &Value) -> Vec<String> {
    let definition = serde_json::to_value(crd()).unwrap_or_default();
    let mut lacking = Vec::new();
    for part in ["spec", "status"] {
        let pointer = format!("/spec/versions/0/schema/openAPIV3Schema/properties/{part}");
        let expected = definition.pointer(&pointer).unwrap_or(&Value::Null);
        find_lacking(expected, &installed["properties"][part], part, &mut lacking);
    }
    lacking
}

fn find_lacking(expected: &Value, installed: &Value, path: &str, lacking: &mut Vec<String>) {
    if installed.is_null() {
        return lacking.push(path.to_owned());
    }
    for (field, schema) in expected["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{field}");
        find_lacking(schema, &installed["properties"][field], &path, lacking);
    }
    if let Some(items) = expected.get("items") {
        find_lacking(items, &installed["items"], &format!("{path}[]"), lacking);
    }
}

fn find_unknown_field(value: &Value, schema: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let known = schema.get("properties")?;
            fields.iter().find_map(|(key, value)| match known.get(key) {
                Some(schema) => {
                    find_unknown_field(value, schema).map(|path| format!(".{key}{path}"))
                }
                None => Some(format!(".{key}")),
            })
        }
        Value::Array(items) => {
            let schema = schema.get("items")?;
            let path = |(index, item)| {
                find_unknown_field(item, schema).map(|path| format!("[{index}]{path}"))
            };
            items.iter().enumerate().find_map(path)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lacking_fields_have_paths() {
        let built_in = serde_json::to_value(crd()).expect("JSON");
        let mut schema = built_in["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        assert_eq!(lacking_fields(&schema), Vec::<String>::new());
        for at in [
            "/properties/status/properties/internal/properties",
            "/properties/status/properties/history/items/properties",
            "/properties/spec/properties",
        ] {
            let fields = schema.pointer_mut(at).and_then(Value::as_object_mut);
            let fields = fields.expect("an object");
            for field in ["startup", "latencyMillis", "behavior"] {
                fields.remove(field);
            }
        }
        assert_eq!(
            lacking_fields(&schema),
            [
                "spec.behavior",
                "status.history[].latencyMillis",
                "status.internal.startup"
            ]
        );
        assert_eq!(lacking_fields(&json!({})), ["spec", "status"]);
    }

    #[test]
    fn unknown_field_has_a_path() {
        let field = |spec: Value| unknown_field(&json!({"kind": "WorkerPool", "spec": spec}));
        assert_eq!(
            field(json!({"scaleUp": {"setp": 2}})).as_deref(),
            Some("spec.scaleUp.setp")
        );
        assert_eq!(
            field(json!({"queues": [{"name": "a"}, {"nmae": "b"}]})).as_deref(),
            Some("spec.queues[1].nmae")
        );
        let valid =
            json!({"scaleUp": {"step": 2}, "behavior": {"scaleUp": {"tolerance": {"any": 1}}}});
        assert_eq!(field(valid), None);
        assert_eq!(unknown_field(&json!({"sepc": {}})).as_deref(), Some("sepc"));
    }
}
