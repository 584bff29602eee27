//! The checks of the whole cluster: its version, the user's permissions, the operator, the API.

use super::finding::{Finding, fail, ok};
use super::images::PullError;
use super::pool::unready_reason;
use super::setup::{Setup, VERSION};
use crate::cluster::Cluster;
use crate::cluster::operator::{self, Operator};
use crate::text::lang::{Lang, tr};
use anyhow::anyhow;
use futures::future::join_all;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, ListParams, PostParams};

/// The version of the API server.
pub(super) async fn version(cluster: &Cluster) -> anyhow::Result<String> {
    let doing = tr!(cluster.out.lang, "cli-doing-read-version");
    let version = cluster.client.apiserver_version();
    let version = cluster.request(&doing, version).await?;
    Ok(version.git_version.trim_start_matches('v').to_owned())
}

/// The permissions that the commands need, as API group, resource with subresource, and verb.
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

/// Whether the user has the permissions that the commands need.
pub(super) async fn permissions(cluster: &Cluster, version: &str) -> Finding {
    let Cluster {
        context, namespace, ..
    } = cluster;
    let lang = cluster.out.lang;
    let head = format!("{context}, Kubernetes {version}");
    let missing = match missing_permissions(cluster).await {
        Ok(missing) => missing,
        Err(error) => {
            let error = format!("{error:#}");
            let text = tr!(lang, "cli-cluster-error", head, error);
            return fail("cluster", text, "kubectl auth can-i --list");
        }
    };
    if missing.is_empty() {
        return ok("cluster", tr!(lang, "cli-cluster-permitted", head));
    }
    let missing = missing.join(", ");
    let user = user_name(cluster).await;
    let subject = match user.strip_prefix("system:serviceaccount:") {
        Some(account) => format!("--serviceaccount={account}"),
        None => format!("--user={user}"),
    };
    fail(
        "cluster",
        tr!(lang, "cli-cluster-forbidden", head, namespace, missing),
        tr!(lang, "cli-cluster-role-binding", namespace, subject),
    )
}

/// The permissions of [`NEEDED`] that the user does not have, as verb and resource.
async fn missing_permissions(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let review = |(group, resource, verb)| {
        let reviews = reviews.clone();
        let review = access_review(&cluster.namespace, group, resource, verb);
        async move { reviews.create(&PostParams::default(), &review).await }
    };
    let (out, what) = (&cluster.out, tr!(cluster.out.lang, "cli-permissions"));
    let reviewed = out.wait_for(&what, join_all(NEEDED.map(review))).await?;
    let denied = |review: kube::Result<SelfSubjectAccessReview>| {
        let status = review.ok().and_then(|review| review.status);
        !status.is_some_and(|status| status.allowed)
    };
    let reviewed = NEEDED.iter().zip(reviewed);
    let denied = reviewed.filter_map(|(needed, review)| denied(review).then_some(needed));
    Ok(denied
        .map(|(_, resource, verb)| format!("{verb} {resource}"))
        .collect())
}

fn access_review(
    namespace: &str,
    group: &str,
    resource: &str,
    verb: &str,
) -> SelfSubjectAccessReview {
    let mut parts = resource.split('/').map(str::to_owned);
    let attributes = ResourceAttributes {
        namespace: Some(namespace.to_owned()),
        group: Some(group.to_owned()),
        resource: parts.next(),
        subresource: parts.next(),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let mut review = SelfSubjectAccessReview::default();
    review.spec.resource_attributes = Some(attributes);
    review
}

/// The user's name in the cluster, or `YOU` if the API server does not report it.
async fn user_name(cluster: &Cluster) -> String {
    let reviews = Api::<SelfSubjectReview>::all(cluster.client.clone());
    let (params, review) = (PostParams::default(), SelfSubjectReview::default());
    let Ok(review) = reviews.create(&params, &review).await else {
        return "YOU".into();
    };
    let user = review.status.and_then(|status| status.user_info);
    user.and_then(|user| user.username).unwrap_or_default()
}

/// Whether an operator is ready.
pub(super) async fn operator(
    cluster: &Cluster,
    setup: &Setup,
    found: &anyhow::Result<Operator>,
) -> Finding {
    let lang = cluster.out.lang;
    match found {
        Ok(Operator::Found {
            namespace,
            name,
            version,
            ready,
            scaled_to_zero,
            ..
        }) => {
            let pods = operator_pods(cluster, namespace).await;
            if let Some(error) = PullError::find(&pods) {
                let text = error.text(lang);
                let text = tr!(lang, "cli-operator-image", name, namespace, text);
                return fail("operator", text, error.fix(setup, lang));
            }
            if *ready {
                let text = tr!(lang, "cli-operator-ready", name, version, namespace);
                return ok("operator", text);
            }
            not_ready(lang, namespace, name, *scaled_to_zero, &pods)
        }
        Ok(Operator::Unknown) => ok("operator", tr!(lang, "cli-operator-not-visible")),
        Ok(Operator::NotInstalled) => fail(
            "operator",
            tr!(lang, "cli-operator-not-installed"),
            setup.install(),
        ),
        Err(error) => fail(
            "operator",
            format!("{error:#}"),
            "kubectl get deployments -A -l app.kubernetes.io/name=workerpool",
        ),
    }
}

/// The operator's pods; none if the user may not list them.
async fn operator_pods(cluster: &Cluster, namespace: &str) -> Vec<Pod> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let of_operator = ListParams::default().labels(operator::LABELS);
    let listed = pods.list(&of_operator).await;
    listed.map(|list| list.items).unwrap_or_default()
}

/// The finding on an operator without a ready pod.
fn not_ready(
    lang: Lang,
    namespace: &str,
    name: &str,
    scaled_to_zero: bool,
    pods: &[Pod],
) -> Finding {
    if scaled_to_zero {
        return fail(
            "operator",
            tr!(lang, "cli-operator-scaled-to-zero", name, namespace),
            format!("kubectl -n {namespace} scale deployment {name} --replicas=1"),
        );
    }
    let reason = pods.iter().find_map(unready_reason);
    let fix = if reason.as_deref() == Some("CrashLoopBackOff") {
        format!("kubectl -n {namespace} logs deployment/{name} --previous")
    } else {
        let labels = operator::LABELS;
        format!("kubectl -n {namespace} describe pods -l {labels}")
    };
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    let text = tr!(lang, "cli-operator-no-ready-pod", name, namespace, reason);
    fail("operator", text, fix)
}

/// The commands that fix the API.
struct Fixes {
    /// Where it is not installed.
    install: String,
    /// Where it is another than this program's.
    upgrade: String,
}

impl Fixes {
    fn new(setup: &Setup, operator: &anyhow::Result<Operator>) -> Self {
        let Ok(Operator::Found {
            release, version, ..
        }) = operator
        else {
            return Self {
                install: setup.install(),
                upgrade: setup.definition(),
            };
        };
        Self {
            install: setup.definition(),
            // An operator of another version is upgraded, which upgrades the API, too.
            upgrade: if version == VERSION {
                setup.definition()
            } else {
                setup.upgrade(release.as_ref())
            },
        }
    }
}

/// Whether the cluster has the version of the API that this program was built with.
pub(super) async fn definition(
    cluster: &Cluster,
    setup: &Setup,
    operator: &anyhow::Result<Operator>,
) -> Finding {
    let built_in = api::crd();
    let name = built_in.name_any();
    let lang = cluster.out.lang;
    let fixes = Fixes::new(setup, operator);
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let what = tr!(lang, "cli-definition");
    let installed = definitions.get_opt(&name);
    let installed = cluster.out.wait_for(&what, installed).await;
    let error = match installed {
        Ok(Ok(Some(installed))) => return compare(lang, &installed, &built_in, &fixes),
        Ok(Ok(None)) => anyhow!(tr!(lang, "cli-definition-missing", name)),
        // Only administrators may read definitions, but every user may see whether the API is served.
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            return served(cluster, &name, &fixes).await;
        }
        Ok(Err(error)) => cluster.describe_error(&tr!(lang, "cli-doing-read-definition"), &error),
        Err(error) => error,
    };
    fail("API", format!("{error:#}"), fixes.install)
}

/// Compares the schemas of the installed definition and the one in this program.
fn compare(
    lang: Lang,
    installed: &CustomResourceDefinition,
    built_in: &CustomResourceDefinition,
    fixes: &Fixes,
) -> Finding {
    let (name, version) = (built_in.name_any(), api::VERSION);
    let schema = |crd: &CustomResourceDefinition| {
        let mut versions = crd.spec.versions.iter();
        versions
            .find(|version| version.name == api::VERSION)
            .map(|version| version.schema.clone())
    };
    match schema(installed) {
        None => fail(
            "API",
            tr!(lang, "cli-definition-version-missing", name, version),
            &fixes.upgrade,
        ),
        Some(installed) if Some(&installed) == schema(built_in).as_ref() => {
            ok("API", tr!(lang, "cli-definition-same", name, version))
        }
        Some(installed) => {
            let program = VERSION;
            let installed = serde_json::to_value(installed).unwrap_or_default();
            let lacking = api::lacking_fields(&installed["openAPIV3Schema"]);
            let text = if lacking.is_empty() {
                tr!(lang, "cli-definition-differs", name, version, program)
            } else {
                let fields = lacking.join(", ");
                tr!(lang, "cli-definition-lacks", name, version, program, fields)
            };
            fail("API", text, &fixes.upgrade)
        }
    }
}

/// Whether the API server serves the API.
async fn served(cluster: &Cluster, name: &str, fixes: &Fixes) -> Finding {
    let lang = cluster.out.lang;
    let version = api::VERSION;
    let group_version = format!("{}/{version}", api::GROUP);
    let listed = cluster.client.list_api_group_resources(&group_version);
    if listed.await.is_ok() {
        return ok("API", tr!(lang, "cli-api-served", name, version));
    }
    let text = tr!(lang, "cli-api-not-served", group_version);
    fail("API", text, &fixes.install)
}
