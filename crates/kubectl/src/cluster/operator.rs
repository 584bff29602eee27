//! Finds the operator's Deployment, as far as the user's permissions allow.

use crate::cluster::Cluster;
use crate::text::lang::tr;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

/// The labels of the Deployment and its pods, whatever the name of the release.
pub const LABELS: &str = "app.kubernetes.io/name=workerpool,app.kubernetes.io/component=operator";
/// The namespace of the manifests, for users who may not list all namespaces.
const DEFAULT_NAMESPACE: &str = "workerpool-system";

/// The operator's Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// There is a Deployment.
    Found {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The version in the chart's label.
        version: String,
        /// Whether a pod is ready, which means that it watches and answers.
        ready: bool,
        /// Whether the Deployment is scaled to 0.
        scaled_to_zero: bool,
        /// The helm release that it belongs to; `None` if helm did not install it.
        release: Option<Release>,
    },
    /// No namespace has a Deployment.
    NotInstalled,
    /// No namespace that the user may list has a Deployment.
    Unknown,
}

/// A release of helm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// Looks for the operator in all namespaces, or else in the pool's and in the default one.
pub async fn find(cluster: &Cluster) -> anyhow::Result<Operator> {
    let lang = cluster.out.lang;
    let labels = ListParams::default().labels(LABELS);
    let deployments: Api<Deployment> = Api::all(cluster.client.clone());
    let listed = cluster
        .out
        .wait_for(&tr!(lang, "cli-deployments"), deployments.list(&labels))
        .await?;
    match listed {
        Ok(list) => {
            // Of several operators, prefer the one in the pool's namespace.
            let is_here = |it: &&Deployment| it.namespace().as_ref() == Some(&cluster.namespace);
            let found = list.iter().find(is_here).or(list.items.first());
            Ok(found.map_or(Operator::NotInstalled, status_of))
        }
        Err(kube::Error::Api(status)) if status.code == 403 => {
            for namespace in [&cluster.namespace, DEFAULT_NAMESPACE] {
                let deployments = Api::<Deployment>::namespaced(cluster.client.clone(), namespace);
                let listed = deployments.list(&labels).await;
                // An error here, too, means that the user may not list the namespace.
                if let Some(deployment) = listed.iter().flat_map(|list| &list.items).next() {
                    return Ok(status_of(deployment));
                }
            }
            Ok(Operator::Unknown)
        }
        Err(error) => Err(cluster.describe_error(&tr!(lang, "cli-doing-find-operator"), &error)),
    }
}

fn status_of(deployment: &Deployment) -> Operator {
    let (spec, status) = (deployment.spec.as_ref(), deployment.status.as_ref());
    let version = deployment.labels().get("app.kubernetes.io/version");
    let namespace = deployment.namespace().unwrap_or_default();
    let annotation = |name: &str| deployment.annotations().get(name).cloned();
    let release = annotation("meta.helm.sh/release-name").map(|name| Release {
        name,
        namespace: annotation("meta.helm.sh/release-namespace")
            .unwrap_or_else(|| namespace.clone()),
    });
    Operator::Found {
        namespace,
        name: deployment.name_any(),
        version: version.cloned().unwrap_or_else(|| "?".into()),
        ready: status.and_then(|status| status.ready_replicas) > Some(0),
        scaled_to_zero: spec.is_some_and(|spec| spec.replicas == Some(0)),
        release,
    }
}
