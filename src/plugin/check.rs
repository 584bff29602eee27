//! `check`: a line per link of the chain, and the one command that mends each that is broken.

mod pool;

use super::cluster::Cluster;
use super::operator::{self, Operator};
use super::output::{Out, Paint};
use crate::api;
use futures::future::join_all;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use serde::Serialize;

/// What was found at one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Found {
    link: &'static str,
    ok: bool,
    text: String,
    /// The one command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

const INSTALL: &str = "helm upgrade --install workerpool charts/workerpool";

fn fine(link: &'static str, text: impl Into<String>) -> Found {
    Found { link, ok: true, text: text.into(), mend: None }
}

fn broken(link: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Found {
    Found { link, ok: false, text: text.into(), mend: Some(mend.into()) }
}

/// Looks at all links, each as soon as the one before has answered; false when one is broken.
pub async fn run(
    cluster: anyhow::Result<Cluster>,
    out: &Out,
    name: Option<&str>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut all = Vec::new();
    let mut show = |found: Found| -> anyhow::Result<()> {
        if !json {
            print(out, &found)?;
        }
        all.push(found);
        Ok(())
    };
    match cluster {
        Err(error) => show(broken("cluster", format!("{error:#}"), "kubectl config get-contexts"))?,
        Ok(cluster) => match version(&cluster).await {
            Err(error) => show(broken("cluster", format!("{error:#}"), "kubectl config get-contexts"))?,
            Ok(version) => {
                show(rights(&cluster, &version).await)?;
                show(answering(&cluster).await)?;
                let definition = definition(&cluster).await;
                let known = definition.ok;
                show(definition)?;
                match cluster.pool(name).await {
                    Err(_) if !known => {} // said already
                    Err(error) => show(broken("pool", format!("{error:#}"), "kubectl get wp -A"))?,
                    Ok(pool) => {
                        let (found, facts) = pool::redis(&cluster, &pool).await;
                        show(found)?;
                        show(pool::workers(&cluster, &pool, facts).await)?;
                        for found in pool::conditions(&pool, out) {
                            show(found)?;
                        }
                    }
                }
            }
        },
    }
    if json {
        out.json(&all)?;
    }
    Ok(all.iter().all(|found| found.ok))
}

fn print(out: &Out, found: &Found) -> std::io::Result<()> {
    let sign = if found.ok { out.paint(Paint::Good, "✔") } else { out.paint(Paint::Bad, "✘") };
    out.data(&format!("{sign} {:15}  {}", found.link, found.text))?;
    match &found.mend {
        Some(mend) => out.data(&format!("                   → {mend}")),
        None => Ok(()),
    }
}

async fn version(cluster: &Cluster) -> anyhow::Result<String> {
    let version = cluster.ask("asking for its version", cluster.client.apiserver_version()).await?;
    Ok(version.git_version.trim_start_matches('v').to_owned())
}

/// What the commands need, as API group, resource with subresource, and verb.
const NEEDED: [(&str, &str, &str); 9] = [
    (api::GROUP, "workerpools", "list"),
    (api::GROUP, "workerpools", "watch"),
    (api::GROUP, "workerpools", "patch"),
    ("", "services", "get"),
    ("", "pods", "list"),
    ("", "pods/portforward", "get"),
    ("", "pods/portforward", "create"),
    ("apps", "deployments", "watch"),
    ("apps", "deployments/scale", "patch"),
];

async fn rights(cluster: &Cluster, version: &str) -> Found {
    let Cluster { context, namespace, .. } = cluster;
    let head = format!("{context}, Kubernetes {version}");
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let allowed = |(group, resource, verb): (&'static str, &'static str, &'static str)| {
        let (resource, subresource) =
            resource.split_once('/').map_or((resource, None), |(r, s)| (r, Some(s)));
        let text = |text: &str| Some(text.to_owned());
        let attributes = ResourceAttributes {
            namespace: text(namespace),
            group: text(group),
            resource: text(resource),
            subresource: subresource.map(str::to_owned),
            verb: text(verb),
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
            ..Default::default()
        };
        let reviews = reviews.clone();
        async move { reviews.create(&PostParams::default(), &review).await }
    };
    let answers = cluster.out.wait("the review of your rights", async {
        Ok::<_, anyhow::Error>(join_all(NEEDED.map(allowed)).await)
    });
    let answers = match answers.await {
        Ok(answers) => answers,
        Err(error) => {
            return broken("cluster", format!("{head}, but {error:#}"), "kubectl auth can-i --list");
        }
    };
    let missing: Vec<String> = NEEDED
        .iter()
        .zip(answers)
        .filter(|(_, answer)| {
            !answer.as_ref().is_ok_and(|review| review.status.as_ref().is_some_and(|status| status.allowed))
        })
        .map(|((_, resource, verb), _)| format!("{verb} {resource}"))
        .collect();
    if missing.is_empty() {
        return fine("cluster", format!("{head}, your rights suffice"));
    }
    let who = match (Api::<SelfSubjectReview>::all(cluster.client.clone()))
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
    {
        Ok(review) => review
            .status
            .and_then(|status| status.user_info)
            .and_then(|user| user.username)
            .unwrap_or_default(),
        Err(_) => "YOU".into(),
    };
    let subject = match who.strip_prefix("system:serviceaccount:") {
        Some(account) => format!("--serviceaccount={account}"),
        None => format!("--user={who}"),
    };
    broken(
        "cluster",
        format!("{head}, but in namespace {namespace} you may not: {}", missing.join(", ")),
        format!(
            "kubectl -n {namespace} create rolebinding workerpool-users --clusterrole=edit {subject}   (an administrator can)"
        ),
    )
}

async fn answering(cluster: &Cluster) -> Found {
    match operator::find(cluster).await {
        Ok(Operator::Found { namespace, name, version, ready: true, .. }) => {
            fine("operator", format!("{name} {version} in namespace {namespace}, ready"))
        }
        Ok(Operator::Found { namespace, name, wanted: false, .. }) => broken(
            "operator",
            format!("Deployment {name} in namespace {namespace} is scaled to 0"),
            format!("kubectl -n {namespace} scale deployment {name} --replicas=1"),
        ),
        Ok(Operator::Found { namespace, name, .. }) => broken(
            "operator",
            format!("Deployment {name} in namespace {namespace} has no pod that is ready"),
            format!("kubectl -n {namespace} describe pods -l app.kubernetes.io/component=operator"),
        ),
        Ok(Operator::Nowhere) => broken("operator", "no Deployment of it in any namespace", INSTALL),
        Ok(Operator::Unseen) => fine(
            "operator",
            "not in a namespace that you may look into; the pool's conditions below tell whether one answers",
        ),
        Err(error) => broken(
            "operator",
            format!("{error:#}"),
            "kubectl get deployments -A -l app.kubernetes.io/name=workerpool",
        ),
    }
}

/// Whether the cluster's API is the one that this program was built with.
async fn definition(cluster: &Cluster) -> Found {
    let ours = api::crd();
    let name = ours.name_any();
    let head = format!("{name} {}", api::VERSION);
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let there = cluster
        .out
        .wait("the definition of WorkerPools", async {
            Ok::<_, anyhow::Error>(definitions.get_opt(&name).await)
        })
        .await;
    match there {
        Ok(Ok(Some(there))) => {
            let schema = |crd: &CustomResourceDefinition| {
                crd.spec
                    .versions
                    .iter()
                    .find(|version| version.name == api::VERSION)
                    .map(|version| version.schema.clone())
            };
            match schema(&there) {
                None => {
                    broken("API", format!("{name} is there, but not in version {}", api::VERSION), INSTALL)
                }
                Some(schema_there) if Some(&schema_there) == schema(&ours).as_ref() => {
                    fine("API", format!("{head}, same as this program"))
                }
                Some(_) => broken(
                    "API",
                    format!("{head} is another than this program's {}", env!("CARGO_PKG_VERSION")),
                    INSTALL,
                ),
            }
        }
        Ok(Ok(None)) => broken("API", format!("{name} is not installed"), INSTALL),
        // Definitions are for administrators; whether the API is served anyone may see.
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            let version = format!("{}/{}", api::GROUP, api::VERSION);
            match cluster.client.list_api_group_resources(&version).await {
                Ok(_) => fine("API", format!("{head} is served")),
                Err(_) => broken("API", format!("{version} is not served"), INSTALL),
            }
        }
        Ok(Err(error)) => {
            broken("API", format!("{:#}", cluster.said("reading its definition", &error)), INSTALL)
        }
        Err(error) => broken("API", format!("{error:#}"), INSTALL),
    }
}
