//! The check of who else writes the target's `.spec.replicas`: what applies a manifest or a chart with a count sets it
//! again, and when the count is removed from that manifest, Kubernetes resets it to 1.

use super::finding::{Finding, warn};
use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use api::{FIELD_MANAGER, WorkerPool};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const HELM_RELEASE: &str = "meta.helm.sh/release-name";
const HELM_NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// What writes the count beside the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    /// `kubectl apply`, which compares with the manifest that it applied last.
    Apply,
    /// A server-side apply by this field manager.
    ServerSide(String),
    /// An upgrade of this release in this namespace.
    Helm(String, String),
}

/// A warning if something other than the operator writes the count.
pub(super) async fn replicas(cluster: &Cluster, pool: &WorkerPool) -> Vec<Finding> {
    let (targets, name) = cluster.target(pool);
    let Ok(target) = targets.get(&name).await else {
        return Vec::new(); // the check of the target reports it
    };
    let Some(owner) = owner(&target) else {
        return Vec::new();
    };
    let kind = pool.spec.scale_target_ref.kind.to_lowercase();
    let reference = (cluster.namespace.as_str(), kind.as_str(), name.as_str());
    let lang = cluster.out.lang;
    let fix = hand_over(lang, &owner, reference, &target);
    vec![warn("replicas", text(lang, &owner, reference), fix)]
}

fn owner(target: &DynamicObject) -> Option<Owner> {
    let annotation = |name: &str| target.annotations().get(name).cloned();
    let applied = annotation(LAST_APPLIED);
    let applied = applied.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if applied.is_some_and(|applied| applied.pointer("/spec/replicas").is_some()) {
        return Some(Owner::Apply);
    }
    let owns = target.managed_fields().iter().filter(|entry| {
        let fields = entry.fields_v1.as_ref();
        fields.is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
    });
    let mut others = owns.filter_map(|entry| {
        let manager = entry.manager.as_deref().unwrap_or_default();
        let applies = entry.operation.as_deref() == Some("Apply");
        match manager {
            FIELD_MANAGER => None,
            "helm" => Some(Owner::Helm(
                annotation(HELM_RELEASE).unwrap_or_else(|| "RELEASE".into()),
                annotation(HELM_NAMESPACE).or(target.namespace())?,
            )),
            // What only updates, such as `kubectl scale`, does it once.
            other => applies.then(|| Owner::ServerSide(other.to_owned())),
        }
    });
    others.next()
}

fn text(lang: Lang, owner: &Owner, (_, kind, name): (&str, &str, &str)) -> String {
    let who = match owner {
        Owner::Apply => "kubectl apply".to_owned(),
        Owner::ServerSide(manager) => format!("kubectl apply --server-side ({manager})"),
        Owner::Helm(release, _) => tr!(lang, "cli-replicas-helm-release", release),
    };
    tr!(lang, "cli-replicas-also-set", who, kind, name)
}

/// The commands after which the manifest needs no count, and the count never falls to 1.
fn hand_over(
    lang: Lang,
    owner: &Owner,
    (namespace, kind, name): (&str, &str, &str),
    target: &DynamicObject,
) -> String {
    let then = tr!(lang, "cli-replicas-then-apply");
    let count =
        format!("$(kubectl -n {namespace} get {kind} {name} -o jsonpath='{{.spec.replicas}}')");
    match owner {
        Owner::Apply => format!(
            "KUBE_EDITOR=\"sed -i.bak '/^  replicas:/d'\" kubectl -n {namespace} apply edit-last-applied {kind}/{name}\n# {then}"
        ),
        Owner::ServerSide(_) => {
            let types = target.types.clone().unwrap_or_default();
            let (api_version, object_kind) = (types.api_version, types.kind);
            format!(
                "printf '{{apiVersion: {api_version}, kind: {object_kind}, metadata: {{name: {name}}}, spec: {{replicas: %s}}}}' \"{count}\" | kubectl -n {namespace} apply --server-side --field-manager={FIELD_MANAGER} -f -\n# {then}"
            )
        }
        Owner::Helm(release, of_release) => {
            let note = tr!(lang, "cli-replicas-chart-note");
            format!(
                "helm upgrade {release} CHART --namespace {of_release} --reuse-values --set replicaCount=\"{count}\"\n# {note}"
            )
        }
    }
}
