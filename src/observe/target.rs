//! The scale target as the API server reports it: its replicas, the field manager that set them, and autoscalers
//! that scale it too.

use super::rollout::Rollout;
use api::{FIELD_MANAGER, Key, ScaleTargetRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ManagedFieldsEntry};
use kube::core::{ApiResource, GroupVersionKind, Object, Selector};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The parts of a scalable object of the apps group that the operator uses.
pub type Scalable = Object<ScalableSpec, ScalableStatus>;

/// The used part of the spec. What only some kinds have is read by [`Rollout::read`]: elsewhere it may have any form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalableSpec {
    replicas: Option<i32>,
    selector: Option<LabelSelector>,
    #[serde(default)]
    strategy: Value,
    #[serde(default)]
    update_strategy: Value,
    #[serde(default)]
    ordinals: Value,
    #[serde(default)]
    paused: Value,
}

/// The used part of the status.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalableStatus {
    #[serde(default)]
    replicas: i32,
    updated_replicas: Option<i32>,
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: Value,
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

/// Identifies the object that a pool scales.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
            kind: target.kind.clone(),
            object,
        }
    }

    /// Kind and name for a message: `Deployment/filter-worker`.
    pub fn display(&self) -> String {
        format!("{}/{}", self.kind, self.object.name)
    }
}

/// The API resource of this kind. Its plural is the kind in lower case plus `s`, which holds for the whole apps group.
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
            replicas: object.status.as_ref().map_or(0, |status| status.replicas),
            updated: object
                .status
                .as_ref()
                .and_then(|status| status.updated_replicas)
                .unwrap_or(0),
            rollout: rollout(object).unwrap_or_default(),
            observed: object
                .status
                .as_ref()
                .and_then(|status| status.observed_generation)
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
pub type Autoscaler = Object<AutoscalerSpec, serde_json::Value>;

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
