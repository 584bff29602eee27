//! `crd --apply` with the rights of the chart's Job, which may get and patch the one CRD; and what an older CRD lacks.

use crate::{Process, operator};
use serde_json::{Value, json};
use std::fs::File;
use std::process::Output;
use testkit::api_server::ApiServer;
use testkit::local::until;

const PATH: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workerpools.workerpool.dev";

fn forbidden() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden",
        "message": "customresourcedefinitions is forbidden",
    })
}

fn apply(server: &ApiServer) -> Output {
    let args = ["--log-format=text", "crd", "--apply"];
    let (_folder, mut command) = operator(server, &args);
    command.output().unwrap()
}

/// Argo CD runs the Job before it applies the chart's `crds/`.
#[test]
fn first_sync_leaves_the_crd_to_the_installation() {
    let server = ApiServer::start([("PATCH", PATH, 403, forbidden())]);
    let output = apply(&server);
    let log = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(
        log.contains("there is no CRD workerpools.workerpool.dev yet"),
        "{log}"
    );
}

#[test]
fn a_crd_that_it_may_not_update_is_an_error() {
    let existing = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "workerpools.workerpool.dev"},
        "spec": {"group": "workerpool.dev", "scope": "Namespaced", "names": {"kind": "WorkerPool", "plural": "workerpools"}, "versions": []},
    });
    let server = ApiServer::start([
        ("PATCH", PATH, 403, forbidden()),
        ("GET", PATH, 200, existing),
    ]);
    let output = apply(&server);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        error.contains("cannot apply the CRD workerpools.workerpool.dev"),
        "{error}"
    );
}

/// The API server refuses a status with a field that its CRD lacks.
#[test]
fn the_fields_that_an_older_crd_lacks_are_named_at_the_start() {
    let crd = serde_json::to_value(api::crd()).unwrap();
    let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    let internal = "/properties/status/properties/internal/properties";
    let internal = schema.pointer_mut(internal).unwrap().as_object_mut();
    internal.unwrap().remove("startup").expect("a field");
    let kind = json!({"group": "workerpool.dev", "version": "v1alpha1", "kind": "WorkerPool"});
    schema["x-kubernetes-group-version-kind"] = json!([kind]);
    let document = json!({"components": {"schemas": {"WorkerPool": schema}}});
    let path = "/openapi/v3/apis/workerpool.dev/v1alpha1";
    let server = ApiServer::start([("GET", path, 200, document)]);
    let args = ["--log-format=text", "--listen=127.0.0.1:0"];
    let (folder, mut command) = operator(&server, &args);
    let log = folder.path().join("log");
    let output = File::create(&log).unwrap();
    command.stdout(output.try_clone().unwrap()).stderr(output);
    let _operator = Process(command.spawn().unwrap());
    until("a report", || {
        let log = std::fs::read_to_string(&log).unwrap();
        let mut lines = log.lines().filter(|it| it.contains("lacks fields of it"));
        lines
            .find(|it| it.contains("status.internal.startup"))
            .map(drop)
    });
}
