//! `spec.replicas` of all Deployments, as a watch shows it.

use anyhow::{Context, Result};
use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;

/// Replicas by Deployment.
pub struct Replicas(watch::Receiver<HashMap<String, i32>>);

impl Replicas {
    pub fn watch(api: Api<Deployment>) -> Self {
        let (sender, receiver) = watch::channel(HashMap::new());
        tokio::spawn(async move {
            loop {
                let Ok(list) = api.list(&ListParams::default()).await else {
                    continue;
                };
                let version = list.metadata.resource_version.unwrap_or_default();
                let update = |object: &Deployment| {
                    let replicas = object
                        .spec
                        .as_ref()
                        .and_then(|spec| spec.replicas)
                        .unwrap_or(0);
                    let name = object.metadata.name.clone().unwrap_or_default();
                    sender.send_if_modified(|all| all.insert(name, replicas) != Some(replicas));
                };
                list.items.iter().for_each(&update);
                let Ok(changes) = api.watch(&WatchParams::default(), &version).await else {
                    continue;
                };
                let mut changes = std::pin::pin!(changes);
                while let Ok(Some(change)) = changes.try_next().await {
                    if let WatchEvent::Added(object) | WatchEvent::Modified(object) = change {
                        update(&object);
                    }
                }
            }
        });
        Self(receiver)
    }

    /// The count of `deployment`; zero before it is known.
    pub fn of(&self, deployment: &str) -> i32 {
        self.0.borrow().get(deployment).copied().unwrap_or(0)
    }

    /// Waits until the count of `deployment` fulfils `condition`.
    pub async fn wait(&mut self, deployment: &str, condition: impl Fn(i32) -> bool) -> Result<()> {
        let wait = self
            .0
            .wait_for(|all| all.get(deployment).copied().is_some_and(&condition));
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .with_context(|| format!("the scale of {deployment} did not change within 10 s"))?
            .map(drop)
            .map_err(Into::into)
    }
}
