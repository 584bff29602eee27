//! `workerpool-operator crd --apply`: brings the cluster's CRD to this program's, as the chart's upgrade does.

use anyhow::{Context, bail};
use api::crd;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use std::time::Duration;

/// helm's own name: helm 4 applies a chart's CRDs server-side and yields to any other owner of their fields.
const FIELD_MANAGER: &str = "helm";
/// How long the API server may take to serve what was applied.
const DEADLINE: Duration = Duration::from_secs(30);

/// Applies the CRD and waits until it is served.
pub async fn apply(client: Client) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let crd = crd();
    let name = crd.name_any();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(&crd))
        .await
        .with_context(|| format!("cannot apply the CRD {name}"))?;
    let end = tokio::time::Instant::now() + DEADLINE;
    while tokio::time::Instant::now() < end {
        let found = api
            .get(&name)
            .await
            .with_context(|| format!("cannot read the CRD {name}"))?;
        let conditions = found
            .status
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        if conditions
            .iter()
            .any(|condition| condition.type_ == "Established" && condition.status == "True")
        {
            tracing::info!("{name} is served");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!(
        "{name} was applied but is not served after {} s: kubectl describe crd {name}",
        DEADLINE.as_secs()
    )
}
