//! `crd --apply` with the rights of the chart's Job, which may get and patch the one CRD.

use crate::{OPERATOR, kubeconfig};
use serde_json::{Value, json};
use std::process::{Command, Output};
use testkit::api_server::ApiServer;

const PATH: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workerpools.workerpool.dev";

fn forbidden() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden",
        "message": "customresourcedefinitions is forbidden",
    })
}

fn apply(server: &ApiServer) -> Output {
    let (_folder, config) = kubeconfig(server);
    Command::new(OPERATOR)
        .args(["--log-format=text", "crd", "--apply"])
        .env("KUBECONFIG", config)
        .output()
        .unwrap()
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
