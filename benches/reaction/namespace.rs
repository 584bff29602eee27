//! A namespace with paused Deployments and their pools.

use anyhow::{Result, ensure};
use api::WorkerPool;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use std::time::{Duration, Instant};

/// Its pools are measured.
pub const QUIET: &str = "workerpool-bench";
/// Its pools are the load beside them.
pub const NOISY: &str = "workerpool-bench-noisy";

#[derive(Clone)]
pub struct Namespace {
    client: Client,
    name: &'static str,
}

impl Namespace {
    /// An empty one.
    pub async fn create(client: &Client, name: &'static str) -> Result<Self> {
        let client = client.clone();
        let namespace = Self { client, name };
        namespace.remove().await?;
        let object = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        Api::<v1::Namespace>::all(namespace.client.clone())
            .create(&PostParams::default(), &object)
            .await?;
        Ok(namespace)
    }

    pub async fn remove(&self) -> Result<()> {
        let api: Api<v1::Namespace> = Api::all(self.client.clone());
        let deadline = Instant::now() + Duration::from_mins(2);
        while api.get_opt(self.name).await?.is_some() {
            ensure!(
                Instant::now() < deadline,
                "the namespace {} was not deleted in time",
                self.name
            );
            let _ = api.delete(self.name, &DeleteParams::default()).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    pub fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), self.name)
    }

    fn pools(&self) -> Api<WorkerPool> {
        Api::namespaced(self.client.clone(), self.name)
    }

    /// A paused Deployment, which never creates a pod.
    pub async fn deployment(&self, name: &str) -> Result<()> {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {
                "replicas": 1, "paused": true, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "w", "image": "none"}]}},
            },
        });
        let api = self.deployments();
        if api.get_opt(name).await?.is_none() {
            api.create(&PostParams::default(), &serde_json::from_value(object)?)
                .await?;
        }
        Ok(())
    }

    /// A pool that adds a worker for any waiting task, and not a second one before it is taken away: each push causes one
    /// scale-up.
    pub async fn pool(&self, name: &str, redis: &str, interval: &str) -> Result<()> {
        let object = json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": name},
            "spec": {
                "scaleTargetRef": {"name": name}, "minReplicas": 1, "maxReplicas": 100_000, "interval": interval,
                "redis": {"address": redis}, "queues": [{"name": name}],
                "scaleUp": {"queueLength": 0, "step": 1, "cooldown": "90ms"},
                "scaleDown": {"utilizationPercent": 1, "idleFor": "1h"},
            },
        });
        self.pools()
            .patch(name, &PatchParams::apply("bench"), &Patch::Apply(object))
            .await?;
        Ok(())
    }

    pub async fn remove_pools(&self) -> Result<()> {
        self.pools()
            .delete_collection(&DeleteParams::default(), &ListParams::default())
            .await?;
        Ok(())
    }
}
