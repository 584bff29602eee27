//! What the benches share: a namespace with paused Deployments and pools, the operator as a process, percentiles.

use anyhow::{Context, Result, ensure};
use api::WorkerPool;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const NAMESPACE: &str = "workerpool-bench";

/// Sorted at the end, never thrown away.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        sorted
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    pub fn print(&self, what: &str, floor: Option<&Self>) {
        let (p50, p99, max) = (self.quantile(0.5), self.quantile(0.99), self.quantile(1.0));
        let ratio = floor.map_or(String::new(), |floor| {
            format!(
                "   {:.2} × and {:.2} × the floor",
                p50 / floor.quantile(0.5),
                p99 / floor.quantile(0.99)
            )
        });
        println!(
            "{what:45} p50 {p50:6.2}   p99 {p99:6.2}   max {max:6.2}   n {}{ratio}",
            self.0.len()
        );
    }
}

pub async fn fresh_namespace(client: &Client) -> Result<()> {
    remove_namespace(client).await?;
    workerpool_operator::run::crd::apply(client.clone()).await?;
    let object = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &object)
        .await?;
    Ok(())
}

pub async fn remove_namespace(client: &Client) -> Result<()> {
    let api: Api<Namespace> = Api::all(client.clone());
    let end = Instant::now() + Duration::from_mins(2);
    while api.get_opt(NAMESPACE).await?.is_some() {
        ensure!(
            Instant::now() < end,
            "the namespace {NAMESPACE} of an earlier run does not go away"
        );
        let _ = api.delete(NAMESPACE, &DeleteParams::default()).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// A Deployment that never makes a pod.
pub async fn deployment(client: &Client, name: &str) -> Result<()> {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "paused": true, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "w", "image": "none"}]}},
        },
    });
    let api: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    if api.get_opt(name).await?.is_none() {
        api.create(&PostParams::default(), &serde_json::from_value(object)?)
            .await?;
    }
    Ok(())
}

/// A pool that adds a worker for any task and rests only on its queue: each push is one reaction.
pub async fn pool(client: &Client, name: &str, redis: &str) -> Result<()> {
    let object = json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"name": name}, "minReplicas": 1, "maxReplicas": 100_000,
            "redis": {"address": redis}, "queues": [{"name": name}],
            "scaleUp": {"queueLength": 0, "step": 1, "cooldown": "0s"},
            "scaleDown": {"utilizationPercent": 1, "idleFor": "1h"},
        },
    });
    let api: Api<WorkerPool> = Api::namespaced(client.clone(), NAMESPACE);
    api.patch(name, &PatchParams::apply("bench"), &Patch::Apply(object))
        .await?;
    Ok(())
}

/// The operator as a process of its own.
pub struct Operator {
    child: Child,
    listen: String,
}

impl Operator {
    pub fn start() -> Result<Self> {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let (listen, dashboard) = (free()?.to_string(), free()?.to_string());
        let child = Command::new(testkit::operator())
            .args([
                "--listen",
                &listen,
                "--dashboard",
                &dashboard,
                "--namespaces",
                NAMESPACE,
                "--log",
                "warn",
            ])
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self { child, listen })
    }

    /// Waits for readiness and a moment more, so that the first looks are over.
    pub async fn ready(&self) -> Result<()> {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            if let Ok(mut stream) = tokio::net::TcpStream::connect(&self.listen).await {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                stream
                    .write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    .await?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await?;
                if answer.contains(" 200 ") {
                    break;
                }
            }
            ensure!(Instant::now() < end, "the operator does not become ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(8)).await;
        Ok(())
    }

    /// CPU time so far, and now.
    pub fn usage(&self) -> Result<(Duration, Instant)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .context("stat")?
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        // Linux counts in hundredths of a second.
        Ok((Duration::from_millis(ticks * 10), Instant::now()))
    }

    /// mCPU since `before`, and resident MiB now.
    pub fn since(&self, before: (Duration, Instant)) -> Result<(f64, f64)> {
        let now = self.usage()?;
        let cpu = now.0.saturating_sub(before.0).as_secs_f64()
            / now.1.duration_since(before.1).as_secs_f64()
            * 1000.0;
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("VmRSS")?;
        let kib: f64 = resident.trim().trim_end_matches(" kB").parse()?;
        Ok((cpu, kib / 1024.0))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
