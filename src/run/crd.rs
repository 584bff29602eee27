//! `workerpool-operator crd --apply`: applies this program's CRD to the cluster, as an upgrade of the chart does.

use anyhow::{Context, bail};
use api::{crd, lacking_fields};
use axum::http::Request;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::wait::{Condition, conditions::is_crd_established};
use kube::{Client, ResourceExt};
use serde_json::Value;
use std::time::Duration;

/// Helm's field manager: helm 4 applies a chart's CRDs server-side and does not take fields from another manager.
const FIELD_MANAGER: &str = "helm";
/// How long the API server may take to serve the applied CRD.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the API server may take to answer a question about the CRD.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Reports the fields of this program that the installed CRD lacks: the API server refuses a status with one of them, and
/// what the status should remember is lost with the process.
pub async fn report_lacking(client: Client) {
    match tokio::time::timeout(READ_TIMEOUT, lacking(client)).await {
        Ok(Ok(fields)) if fields.is_empty() => {}
        Ok(Ok(fields)) => tracing::error!(
            fields = fields.join(", "),
            "the installed CRD is older than this program and lacks fields of it, so statuses may be refused: run `workerpool-operator crd --apply`, or kubectl apply --server-side -f crds/workerpools.yaml"
        ),
        Ok(Err(error)) => tracing::debug!("cannot compare the installed CRD: {error:#}"),
        Err(_) => tracing::debug!("cannot compare the installed CRD: no answer"),
    }
}

/// The fields of this program that the installed CRD lacks, from the `OpenAPI` document that every client may read.
pub async fn lacking(client: Client) -> anyhow::Result<Vec<String>> {
    let path = format!("/openapi/v3/apis/{}/{}", api::GROUP, api::VERSION);
    let document: Value = client.request(Request::get(path).body(Vec::new())?).await?;
    let schemas = document["components"]["schemas"].as_object();
    let is_pool = |schema: &&Value| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] == "WorkerPool"))
    };
    let pool = schemas.and_then(|all| all.values().find(is_pool));
    Ok(lacking_fields(
        pool.context("it does not describe a WorkerPool")?,
    ))
}

/// Applies the CRD and waits until it is served. The chart's Job may update the CRD but not create one: if there is none
/// yet, it leaves that to whoever installs the chart. Argo CD runs the Job before it applies the chart's `crds/`.
pub async fn apply(client: Client) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let crd = crd();
    let name = crd.name_any();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    if let Err(error) = api.patch(&name, &params, &Patch::Apply(&crd)).await {
        let forbidden = matches!(&error, kube::Error::Api(status) if status.code == 403);
        if forbidden && matches!(api.get_opt(&name).await, Ok(None)) {
            tracing::warn!(
                "there is no CRD {name} yet, and this account may not create it: the installation must apply crds/workerpools.yaml"
            );
            return Ok(());
        }
        return Err(error).with_context(|| format!("cannot apply the CRD {name}"));
    }
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    while tokio::time::Instant::now() < deadline {
        let current = api
            .get(&name)
            .await
            .with_context(|| format!("cannot read the CRD {name}"))?;
        if is_crd_established().matches_object(Some(&current)) {
            tracing::info!("{name} is served");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!(
        "{name} was applied but is not served after {} s; see `kubectl describe crd {name}`",
        TIMEOUT.as_secs()
    )
}
