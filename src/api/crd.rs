//! The CustomResourceDefinition as it is installed.

use super::WorkerPool;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The CRD, made from the types of this module.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    WorkerPool::crd()
}

/// The same as YAML: what lies in crds/ and in the chart.
#[must_use]
pub fn crd_yaml() -> String {
    let head = "# Generated from src/api by `make generate`. Do not edit.\n";
    // A definition made of plain maps, lists and strings always serialises.
    head.to_owned() + &serde_saphyr::to_string(&crd()).unwrap_or_default()
}
