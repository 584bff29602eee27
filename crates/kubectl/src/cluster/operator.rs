//! Whether an operator is there, as far as this user may see.

use crate::cluster::Cluster;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

/// Its Deployment carries these labels, whatever the release is called.
pub const LABELS: &str = "app.kubernetes.io/name=workerpool,app.kubernetes.io/component=operator";
/// Where the manifests put it, for users who may not look into all namespaces.
const USUAL_NAMESPACE: &str = "workerpool-system";

/// What is known of the operator's Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// There it is.
    Found {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The program's version, as the chart labels it.
        version: String,
        /// Whether a pod of it is ready: its readiness is that it watches and answers.
        ready: bool,
        /// Whether any pod is wanted.
        wanted: bool,
    },
    /// There is none in any namespace.
    Nowhere,
    /// There is none where this user may look.
    Unseen,
}

/// Looks for it in all namespaces, or else in the likely ones.
pub async fn find(cluster: &Cluster) -> anyhow::Result<Operator> {
    let labels = ListParams::default().labels(LABELS);
    let all: Api<Deployment> = Api::all(cluster.client.clone());
    let found = cluster
        .out
        .wait("the list of Deployments", async {
            Ok::<_, anyhow::Error>(all.list(&labels).await)
        })
        .await?;
    match found {
        Ok(list) => {
            // Of several the one beside the pool is meant.
            let here = list
                .iter()
                .find(|it| it.namespace().as_ref() == Some(&cluster.namespace));
            Ok(here
                .or_else(|| list.items.first())
                .map_or(Operator::Nowhere, status_of))
        }
        Err(kube::Error::Api(status)) if status.code == 403 => {
            for namespace in [&cluster.namespace, USUAL_NAMESPACE] {
                let here: Api<Deployment> = Api::namespaced(cluster.client.clone(), namespace);
                // Where this one is forbidden too, the answer is the same: unseen.
                if let Some(deployment) = here
                    .list(&labels)
                    .await
                    .ok()
                    .and_then(|list| list.items.into_iter().next())
                {
                    return Ok(status_of(&deployment));
                }
            }
            Ok(Operator::Unseen)
        }
        Err(error) => Err(cluster.describe_error("looking for the operator", &error)),
    }
}

fn status_of(deployment: &Deployment) -> Operator {
    let ready = deployment
        .status
        .as_ref()
        .and_then(|status| status.ready_replicas)
        .unwrap_or(0)
        > 0;
    let version = deployment
        .labels()
        .get("app.kubernetes.io/version")
        .cloned()
        .unwrap_or_else(|| "?".into());
    let namespace = deployment.namespace().unwrap_or_default();
    let wanted = deployment
        .spec
        .as_ref()
        .is_none_or(|spec| spec.replicas != Some(0));
    Operator::Found {
        namespace,
        name: deployment.name_any(),
        version,
        ready,
        wanted,
    }
}
