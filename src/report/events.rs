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
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

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

/// How many events of one pool may come at once.
const BURST: u32 = 25;
/// When one more may come.
const REFILL: Duration = Duration::from_mins(5);
/// Pools whose events are counted before those that have not used their share are forgotten.
const MAX_COUNTED: usize = 4096;

/// Lets as many events pass as Kubernetes' own components do, for each pool: a burst of 25, and one more every 5 minutes.
/// The status has the pool's history in any case.
#[derive(Debug, Default)]
pub struct SpamFilter {
    /// When each pool will have its whole burst again.
    full_at: HashMap<Key, Instant>,
}

impl SpamFilter {
    /// Whether an event of `pool` may be published now.
    pub fn admits(&mut self, pool: &Key, now: Instant) -> bool {
        if self.full_at.len() >= MAX_COUNTED {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        let full_at = self.full_at.get(pool).map_or(now, |at| *at.max(&now)) + REFILL;
        if full_at > now + REFILL * BURST {
            return false;
        }
        self.full_at.insert(pool.clone(), full_at);
        true
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_a_burst_of_events_and_one_more_every_five_minutes() {
        let start = Instant::now();
        let (noisy, quiet) = (Key::new("n", "noisy"), Key::new("n", "quiet"));
        let mut filter = SpamFilter::default();
        let admitted = |filter: &mut SpamFilter, pool, now| {
            (0..100).filter(|_| filter.admits(pool, now)).count()
        };
        assert_eq!(admitted(&mut filter, &noisy, start), 25);
        assert!(filter.admits(&quiet, start));
        assert_eq!(admitted(&mut filter, &noisy, start + REFILL), 1);
        assert_eq!(admitted(&mut filter, &noisy, start + REFILL * 4), 3);
        assert_eq!(admitted(&mut filter, &noisy, start + REFILL * 100), 25);
    }
}
