//! The scale target as the API server reports it: its replicas, the field manager that set them, and autoscalers
//! that scale it too.

use super::partial::Fields::{All, AtMost, Metadata, Only};
use super::partial::{Fields, Used};
use super::rollout::Rollout;
use api::{FIELD_MANAGER, Key, ScaleTargetRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ManagedFieldsEntry};
use kube::core::{ApiResource, GroupVersionKind, Object, Selector};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The parts of a scalable object of the apps group that the operator uses.
pub type Scalable = Object<ScalableSpec, ScalableStatus>;

impl Used for Scalable {
    const USED: Fields = Only(&[
        ("metadata", Metadata(&[("managedFields", MANAGERS)])),
        (
            "spec",
            Only(&[
                ("replicas", All),
                ("selector", AtMost(MAX_SELECTOR)),
                ("template", Only(&[("spec", GRACE)])),
                ("strategy", Only(&[("type", All), ("rollingUpdate", All)])),
                (
                    "updateStrategy",
                    Only(&[("type", All), ("rollingUpdate", All)]),
                ),
                ("ordinals", All),
                ("paused", All),
            ]),
        ),
        (
            "status",
            Only(&[
                ("replicas", All),
                ("updatedReplicas", All),
                ("observedGeneration", All),
                ("conditions", Only(&[("type", All), ("reason", All)])),
            ]),
        ),
    ]);
    /// A manager needs 3 KiB, and a condition 1 KiB.
    const LIMIT: usize = 128 * 1024;
}

/// A selector is kept for as long as its target exists, whether a pool has this target or not.
const MAX_SELECTOR: usize = 16 * 1024;

/// Who owns `spec.replicas`.
const MANAGERS: Fields = Only(&[
    ("manager", All),
    ("operation", All),
    ("time", All),
    (
        "fieldsV1",
        Only(&[("f:spec", Only(&[("f:replicas", Only(&[]))]))]),
    ),
]);
const GRACE: Fields = Only(&[("terminationGracePeriodSeconds", All)]);

/// The used part of the spec. What only some kinds have is read by [`Rollout::read`]: elsewhere it may have any form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalableSpec {
    replicas: Option<i32>,
    #[serde(default, deserialize_with = "tolerant")]
    selector: Option<LabelSelector>,
    #[serde(default, deserialize_with = "tolerant")]
    template: Option<PodTemplate>,
    #[serde(default)]
    strategy: Value,
    #[serde(default)]
    update_strategy: Value,
    #[serde(default)]
    ordinals: Value,
    #[serde(default)]
    paused: Value,
}

/// The used part of a pod template.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct PodTemplate {
    spec: PodTemplateSpec,
}

/// The used part of its spec.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodTemplateSpec {
    termination_grace_period_seconds: Option<i64>,
}

/// The used part of the status.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalableStatus {
    #[serde(default, deserialize_with = "tolerant")]
    replicas: Option<i32>,
    #[serde(default, deserialize_with = "tolerant")]
    updated_replicas: Option<i32>,
    #[serde(default, deserialize_with = "tolerant")]
    observed_generation: Option<Generation>,
    #[serde(default)]
    conditions: Value,
}

/// A generation: a number, or its digits, as in a `Rollout` of Argo.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Generation {
    Number(i64),
    Text(String),
}

impl Generation {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// Reads a field of any type; one that is not as expected counts as absent. Kinds of other projects choose their own types.
fn tolerant<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).ok())
}

/// What a pool uses of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `spec.replicas`.
    pub desired: i32,
    /// `status.replicas`: pods that exist.
    pub replicas: i32,
    /// `status.updatedReplicas`: pods that match the current template.
    pub updated: i32,
    /// How its controller replaces pods.
    pub rollout: Rollout,
    /// Whether `status.observedGeneration` is the current generation.
    pub observed: bool,
    /// `terminationGracePeriodSeconds` of its pods; `None` where it has no pod template.
    pub grace: Option<i64>,
    /// The label selector of its pods.
    pub selector: String,
    /// `metadata.resourceVersion`; it only grows.
    pub version: u64,
    /// `metadata.uid`: it changes when the object is deleted and created again.
    pub uid: String,
    /// The field manager that owns `spec.replicas`; `None` if none is recorded.
    pub writer: Option<Writer>,
}

/// A field manager that owns `spec.replicas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The manager's name, such as `kubectl`.
    pub name: String,
}

impl Writer {
    /// Whether it is this operator.
    pub fn is_us(&self) -> bool {
        self.name == FIELD_MANAGER
    }
}

/// Identifies the object that a pool scales. Capitals of the kind make no difference, as they make none in the API's path.
#[derive(Clone, Debug)]
pub struct TargetKey {
    /// API group, such as `apps`.
    pub group: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Namespace and name.
    pub object: Key,
}

impl TargetKey {
    /// The target that a pool of `namespace` refers to.
    pub fn new(target: &ScaleTargetRef, namespace: &str) -> Self {
        let object = Key::new(namespace, &target.name);
        Self {
            group: target.group().to_owned(),
            kind: target.canonical_kind().to_owned(),
            object,
        }
    }

    fn identity(&self) -> (&str, String, &Key) {
        (&self.group, self.kind.to_ascii_lowercase(), &self.object)
    }

    /// Kind and name for a message: `Deployment/filter-worker`.
    pub fn display(&self) -> String {
        format!("{}/{}", self.kind, self.object.name)
    }
}

impl PartialEq for TargetKey {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for TargetKey {}

impl Hash for TargetKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for TargetKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TargetKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// A kind of target: `GROUP/VERSION/KIND`, such as `argoproj.io/v1alpha1/Rollout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetKind {
    /// Its group and version.
    pub api_version: String,
    /// Its name.
    pub kind: String,
}

impl FromStr for TargetKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('/') {
            Some((api_version, kind))
                if !kind.is_empty()
                    && api_version
                        .split('/')
                        .filter(|part| !part.is_empty())
                        .count()
                        == 2 =>
            {
                Ok(Self {
                    api_version: api_version.to_owned(),
                    kind: kind.to_owned(),
                })
            }
            _ => {
                Err("a kind is GROUP/VERSION/KIND, such as argoproj.io/v1alpha1/Rollout".to_owned())
            }
        }
    }
}

/// The API resource of this kind, whose plural follows from its name as in English.
pub fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

impl From<&Scalable> for Target {
    fn from(object: &Scalable) -> Self {
        let meta = &object.metadata;
        let selector = object
            .spec
            .selector
            .clone()
            .and_then(|selector| Selector::try_from(selector).ok());
        Self {
            // The API server's default.
            desired: object.spec.replicas.unwrap_or(1),
            replicas: object
                .status
                .as_ref()
                .and_then(|status| status.replicas)
                .unwrap_or(0),
            updated: object
                .status
                .as_ref()
                .and_then(|status| status.updated_replicas)
                .unwrap_or(0),
            grace: object.spec.template.as_ref().map(|template| {
                // The API server's default.
                let grace = template.spec.termination_grace_period_seconds;
                grace.unwrap_or(30)
            }),
            rollout: rollout(object).unwrap_or_default(),
            observed: object
                .status
                .as_ref()
                .and_then(|status| status.observed_generation.as_ref()?.number())
                >= meta.generation,
            selector: selector
                .map(|selector| selector.to_string())
                .unwrap_or_default(),
            version: meta
                .resource_version
                .as_deref()
                .and_then(|version| version.parse().ok())
                .unwrap_or(0),
            uid: meta.uid.clone().unwrap_or_default(),
            writer: meta.managed_fields.as_deref().and_then(writer),
        }
    }
}

fn rollout(object: &Scalable) -> Result<Rollout, serde_json::Error> {
    let spec = serde_json::to_value(&object.spec)?;
    let status = serde_json::to_value(&object.status)?;
    Ok(Rollout::read(&spec, &status))
}

/// The owner of `spec.replicas`: this operator if it is one of several, otherwise the latest. An entry that was written
/// through `/scale` has no time: Kubernetes' `ScaleHandler` gives it that of the entry that was there before.
fn writer(entries: &[ManagedFieldsEntry]) -> Option<Writer> {
    let owns = |entry: &&ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        fields.is_some_and(|fields| fields.pointer("/f:spec/f:replicas").is_some())
    };
    let latest = entries.iter().filter(owns).max_by_key(|entry| {
        let is_us = entry.manager.as_deref() == Some(FIELD_MANAGER);
        (is_us, entry.time.as_ref().map(|time| time.0))
    })?;
    Some(Writer {
        name: latest.manager.clone().unwrap_or_default(),
    })
}

/// The parts of a `HorizontalPodAutoscaler` that the operator uses.
pub type Autoscaler = Object<AutoscalerSpec, Value>;

impl Used for Autoscaler {
    const USED: Fields = Only(&[
        ("metadata", Metadata(&[])),
        ("spec", Only(&[("scaleTargetRef", All)])),
    ]);
    const LIMIT: usize = 16 * 1024;
}

/// The used part of its spec.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerSpec {
    scale_target_ref: ScaleTargetRef,
}

/// The target of `autoscaler`.
pub fn scaled_by(autoscaler: &Autoscaler) -> TargetKey {
    let namespace = autoscaler.metadata.namespace.as_deref().unwrap_or_default();
    TargetKey::new(&autoscaler.spec.scale_target_ref, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[rstest::rstest]
    #[case(json!(7), true)]
    #[case(json!(6), false)]
    #[case(json!("7"), true)]
    #[case(json!("6"), false)]
    #[case(json!("5f4c8b7d"), false)]
    #[case(json!(null), false)]
    fn a_generation_is_a_number_or_its_digits(#[case] seen: Value, #[case] observed: bool) {
        let rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "w", "namespace": "n", "generation": 7, "resourceVersion": "3", "uid": "u"},
            "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "w"}}},
            "status": {"HPAReplicas": 4, "replicas": 4, "updatedReplicas": "four", "observedGeneration": seen},
        });
        let object: Scalable = serde_json::from_value(rollout).expect("an object");
        let target = Target::from(&object);
        assert_eq!(
            (
                target.desired,
                target.replicas,
                target.updated,
                target.observed
            ),
            (4, 4, 0, observed)
        );
        assert_eq!((&*target.selector, target.grace), ("app=w", None));
    }

    #[rstest::rstest]
    #[case(json!({"spec": {"terminationGracePeriodSeconds": 95}}), Some(95))]
    #[case(json!({"spec": {}}), Some(30))]
    #[case(json!({"spec": {"terminationGracePeriodSeconds": "long"}}), None)]
    #[case(json!(7), None)]
    fn the_grace_is_that_of_the_pod_template(#[case] template: Value, #[case] grace: Option<i64>) {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "w", "namespace": "n"}, "spec": {"template": template},
        });
        let object: Scalable = serde_json::from_value(object).expect("an object");
        assert_eq!(Target::from(&object).grace, grace);
    }

    #[test]
    fn capitals_of_the_kind_make_no_other_target() {
        let key = |kind: &str| {
            let reference = json!({"kind": kind, "name": "w"});
            let reference: ScaleTargetRef = serde_json::from_value(reference).expect("valid");
            TargetKey::new(&reference, "n")
        };
        assert_eq!(key("deployment"), key("Deployment"));
        assert_eq!(key("deployment").display(), "Deployment/w");
        assert_eq!(key("fooBar"), key("Foobar"));
        assert_ne!(key("Deployment"), key("StatefulSet"));
    }
}
