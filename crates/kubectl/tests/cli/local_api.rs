//! What plain kubectl asks of the local cluster's API server for `kubectl explain` and `kubectl apply`.

use serde_json::{Value, json};
use testkit::local::Local;

const POOL: &str = "apis/workerpool.dev/v1alpha1/namespaces/default/workerpools/filters";
const GROUP: &str = "apis/workerpool.dev/v1alpha1";

/// The `OpenAPI` document of a group and version, found as kubectl finds it.
fn open_api(local: &Local, group: &str) -> Value {
    let index = local.get("openapi/v3");
    let url = index["paths"][group]["serverRelativeURL"].as_str().unwrap();
    let secret = local.cluster_info()["secret"].as_str().unwrap().to_owned();
    local.get(url.strip_prefix(&format!("/{secret}/")).unwrap())
}

#[test]
fn open_api_has_what_kubectl_needs() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let document = open_api(&local, GROUP);
    let path = &document["paths"]["/apis/workerpool.dev/v1alpha1/namespaces/{namespace}/workerpools/{name}"];
    let kind = json!({"group": "workerpool.dev", "version": "v1alpha1", "kind": "WorkerPool"});
    assert_eq!(path["get"]["x-kubernetes-group-version-kind"], kind);
    assert_eq!(path["patch"]["x-kubernetes-group-version-kind"], kind);
    assert_eq!(path["patch"]["parameters"][0]["name"], "fieldValidation");
    let schema = &document["components"]["schemas"]["workerpool.dev.v1alpha1.WorkerPool"];
    assert_eq!(schema["x-kubernetes-group-version-kind"][0], kind);
    let up = &schema["properties"]["spec"]["properties"]["scaleUp"];
    let description = up["properties"]["queueLength"]["description"].as_str();
    assert!(description.unwrap().starts_with("Scale up above"));
    assert_eq!(
        open_api(&local, "apis/apps/v1")["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
            ["get"]["x-kubernetes-group-version-kind"]["kind"],
        "Deployment"
    );
}

#[test]
fn manifests_of_the_class_apply_to_it() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let redis = local.get(POOL)["spec"]["redis"].clone();
    let manifest = std::fs::read_to_string(testkit::root().join("manifests/class.yaml")).unwrap();
    let mut manifest: Value = serde_saphyr::from_str(&manifest).unwrap();
    let applied = local.patch(POOL, &manifest);
    assert_eq!(applied["spec"]["scaleUp"]["cooldown"], "60s", "{applied}");
    assert_eq!(applied["spec"]["redis"], redis, "its Service is not here");
    let output = local.run(&["stress", "--local", "--tasks", "3", "--task-seconds", "1"]);
    assert!(output.contains("STRESS TEST TRIGGERED"), "{output}");
    manifest["spec"]["scaleUp"]["queueLenght"] = json!(8);
    let refused = local.patch(POOL, &manifest);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("unknown field spec.scaleUp.queueLenght"),
        "{refused}"
    );
}
