//! The part of the stream that one viewer may see.

use super::access::Viewer;
use axum::body::Bytes;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

/// How long a stream continues without another look at the rights of its viewer.
const REVIEW: Duration = Duration::from_secs(30);

/// Leaves out of each message what the viewer may not see.
pub(super) struct Visible {
    viewer: Viewer,
    /// Whether it may see the pools of these namespaces.
    namespaces: HashMap<String, bool>,
    /// The pools that it sees, by ID.
    pools: HashSet<u64>,
    reviewed_at: Instant,
}

impl Visible {
    pub(super) fn new(viewer: Viewer) -> Self {
        Self {
            viewer,
            namespaces: HashMap::new(),
            pools: HashSet::new(),
            reviewed_at: Instant::now(),
        }
    }

    /// What the viewer gets of a message; `None` ends its stream: its rights have changed, and it must ask again.
    pub(super) async fn part(&mut self, message: Bytes) -> Option<Bytes> {
        if self.reviewed_at.elapsed() >= REVIEW {
            self.review().await?;
        }
        if self.viewer.sees_all() {
            return Some(message);
        }
        let text = std::str::from_utf8(&message).ok()?;
        let mut value: Value = serde_json::from_str(text.strip_prefix("data: ")?).ok()?;
        for row in value["pools"].as_array().into_iter().flatten() {
            self.note(row).await?;
        }
        let sees = |id: &Value| id.as_u64().is_some_and(|id| self.pools.contains(&id));
        for (list, of_ids) in [
            ("pools", false),
            ("samples", false),
            ("unchanged", true),
            ("deleted", true),
        ] {
            if let Some(list) = value[list].as_array_mut() {
                list.retain(|entry| sees(if of_ids { entry } else { &entry["id"] }));
            }
        }
        if let Some(message) = value.as_object_mut() {
            message.retain(|_, value| !value.is_null()); // reading a missing list has added it
        }
        Some(Bytes::from(format!("data: {value}\n\n")))
    }

    /// Looks up whether the viewer may see the pool of this row.
    async fn note(&mut self, row: &Value) -> Option<()> {
        let (id, namespace) = (row["id"].as_u64()?, row["namespace"].as_str()?);
        if !self.namespaces.contains_key(namespace) {
            let sees = self.viewer.may_see(namespace).await.ok()?;
            self.namespaces.insert(namespace.to_owned(), sees);
        }
        if self.namespaces.get(namespace) == Some(&true) {
            self.pools.insert(id);
        }
        Some(())
    }

    /// Looks at the rights again; `None` if they differ.
    async fn review(&mut self) -> Option<()> {
        self.reviewed_at = Instant::now();
        let Some(sees_all) = self.viewer.review().await else {
            return Some(()); // there are no users
        };
        if sees_all.ok()? != self.viewer.sees_all() {
            return None;
        }
        for (namespace, saw) in &self.namespaces {
            if self.viewer.may_see(namespace).await.ok()? != *saw {
                return None;
            }
        }
        Some(())
    }
}
