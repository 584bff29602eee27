//! The links that belong to the whole cluster: its version, your rights, the operator, the API.

use super::{Finding, INSTALL, fail, ok};
use crate::cluster::Cluster;
use crate::cluster::operator;
use crate::cluster::operator::Operator;
use crate::text::lang::tr;
use futures::future::join_all;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, PostParams};

pub(super) async fn version(cluster: &Cluster) -> anyhow::Result<String> {
    let version = cluster
        .request("asking for its version", cluster.client.apiserver_version())
        .await?;
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

pub(super) async fn rights(cluster: &Cluster, version: &str) -> Finding {
    let Cluster {
        context, namespace, ..
    } = cluster;
    let lang = cluster.out.lang;
    let head = format!("{context}, Kubernetes {version}");
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let allowed = |(group, resource, verb): (&'static str, &'static str, &'static str)| {
        let (resource, subresource) = resource
            .split_once('/')
            .map_or((resource, None), |(r, s)| (r, Some(s)));
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
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..Default::default()
            },
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
            let text = tr!(lang, "{head}, but {error:#}", "{head}, pero {error:#}");
            return fail("cluster", text, "kubectl auth can-i --list");
        }
    };
    let missing: Vec<String> = NEEDED
        .iter()
        .zip(answers)
        .filter(|(_, answer)| {
            !answer
                .as_ref()
                .is_ok_and(|review| review.status.as_ref().is_some_and(|status| status.allowed))
        })
        .map(|((_, resource, verb), _)| format!("{verb} {resource}"))
        .collect();
    if missing.is_empty() {
        return ok(
            "cluster",
            tr!(
                lang,
                "{head}, your rights suffice",
                "{head}, sus permisos bastan"
            ),
        );
    }
    let missing = missing.join(", ");
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
    fail(
        "cluster",
        tr!(
            lang,
            "{head}, but in namespace {namespace} you may not: {missing}",
            "{head}, pero en el namespace {namespace} no puede: {missing}"
        ),
        format!(
            "kubectl -n {namespace} create rolebinding workerpool-users --clusterrole=edit {subject}   (an administrator can)"
        ),
    )
}

pub(super) async fn answering(cluster: &Cluster) -> Finding {
    let lang = cluster.out.lang;
    match operator::find(cluster).await {
        Ok(Operator::Found {
            namespace,
            name,
            version,
            ready: true,
            ..
        }) => ok(
            "operator",
            tr!(
                lang,
                "{name} {version} in namespace {namespace}, ready",
                "{name} {version} en el namespace {namespace}, listo"
            ),
        ),
        Ok(Operator::Found {
            namespace,
            name,
            wanted: false,
            ..
        }) => fail(
            "operator",
            tr!(
                lang,
                "Deployment {name} in namespace {namespace} is scaled to 0",
                "el Deployment {name} del namespace {namespace} está escalado a 0"
            ),
            format!("kubectl -n {namespace} scale deployment {name} --replicas=1"),
        ),
        Ok(Operator::Found {
            namespace, name, ..
        }) => fail(
            "operator",
            tr!(
                lang,
                "Deployment {name} in namespace {namespace} has no pod that is ready",
                "el Deployment {name} del namespace {namespace} no tiene ningún pod listo"
            ),
            format!("kubectl -n {namespace} describe pods -l app.kubernetes.io/component=operator"),
        ),
        Ok(Operator::Nowhere) => fail(
            "operator",
            tr!(
                lang,
                "no Deployment of it in any namespace",
                "ningún Deployment suyo en ningún namespace"
            ),
            INSTALL,
        ),
        Ok(Operator::Unseen) => ok(
            "operator",
            tr!(
                lang,
                "not in a namespace that you may look into; the pool's conditions below tell whether one answers",
                "no está en un namespace que pueda mirar; las condiciones del pool, abajo, dicen si contesta"
            ),
        ),
        Err(error) => fail(
            "operator",
            format!("{error:#}"),
            "kubectl get deployments -A -l app.kubernetes.io/name=workerpool",
        ),
    }
}

/// Whether the cluster's API is the one that this program was built with.
pub(super) async fn definition(cluster: &Cluster) -> Finding {
    let ours = api::crd();
    let name = ours.name_any();
    let (lang, version, program) = (cluster.out.lang, api::VERSION, env!("CARGO_PKG_VERSION"));
    let head = format!("{name} {version}");
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
                None => fail(
                    "API",
                    tr!(
                        lang,
                        "{name} is there, but not in version {version}",
                        "{name} está, pero no en la versión {version}"
                    ),
                    INSTALL,
                ),
                Some(schema_there) if Some(&schema_there) == schema(&ours).as_ref() => ok(
                    "API",
                    tr!(
                        lang,
                        "{head}, same as this program",
                        "{head}, la misma que este programa"
                    ),
                ),
                Some(_) => fail(
                    "API",
                    tr!(
                        lang,
                        "{head} is another than this program's {program}",
                        "{head} no es la de este programa, {program}"
                    ),
                    INSTALL,
                ),
            }
        }
        Ok(Ok(None)) => fail(
            "API",
            tr!(lang, "{name} is not installed", "{name} no está instalado"),
            INSTALL,
        ),
        // Definitions are for administrators; whether the API is served anyone may see.
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            let version = format!("{}/{}", api::GROUP, api::VERSION);
            match cluster.client.list_api_group_resources(&version).await {
                Ok(_) => ok("API", tr!(lang, "{head} is served", "{head} se sirve")),
                Err(_) => fail(
                    "API",
                    tr!(lang, "{version} is not served", "{version} no se sirve"),
                    INSTALL,
                ),
            }
        }
        Ok(Err(error)) => fail(
            "API",
            format!(
                "{:#}",
                cluster.describe_error("reading its definition", &error)
            ),
            INSTALL,
        ),
        Err(error) => fail("API", format!("{error:#}"), INSTALL),
    }
}
