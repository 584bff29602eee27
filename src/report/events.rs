//! One Kubernetes event per change of reason, with the decision's message. Each is a separate object: an event series
//! would show only the first message.

use api::{FIELD_MANAGER, Key};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use messages::Params;
use serde_json::json;
use std::collections::BTreeMap;

/// An event about a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventNote {
    /// The pool it is about.
    pub pool: Key,
    /// The pool's `metadata.uid`.
    pub uid: String,
    /// A reason code of the closed list.
    pub reason: &'static str,
    /// The decision's message.
    pub message: String,
    /// What the message says, as parameters.
    pub params: Params,
    /// Replicas before.
    pub from: i32,
    /// Replicas after.
    pub to: i32,
    /// Whether its type is `Warning`, which asks for attention.
    pub warning: bool,
}

/// Publishes `note`; `instance` identifies this process.
pub async fn publish(
    client: Client,
    note: &EventNote,
    instance: &str,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let Key { namespace, name } = &note.pool;
    let params = json!({"from": note.from, "to": note.to, "params": note.params});
    let event = Event {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_string()),
            name: Some(format!("{name}.{:x}", now.as_nanosecond())),
            annotations: Some(BTreeMap::from([(
                api::EVENT_PARAMS.to_owned(),
                params.to_string(),
            )])),
            ..ObjectMeta::default()
        },
        action: Some("Scale".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(note.message.chars().take(1000).collect()),
        reason: Some(note.reason.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(format!("{}/{}", api::GROUP, api::VERSION)),
            kind: Some("WorkerPool".to_owned()),
            namespace: Some(namespace.to_string()),
            name: Some(name.to_string()),
            uid: Some(note.uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    };
    Api::<Event>::namespaced(client, namespace)
        .create(&PostParams::default(), &event)
        .await
        .map(drop)
}
