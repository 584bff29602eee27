//! Shared by the benchmarks: a namespace with paused Deployments and pools, the operator as a process, percentiles.

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

/// All measured times; none is discarded.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    fn quantile_millis(&self, quantile: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = ((sorted.len() as f64 * quantile) as usize).min(sorted.len().saturating_sub(1));
        sorted
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    pub fn print(&self, title: &str, floor: Option<&Self>) {
        let p50 = self.quantile_millis(0.5);
        let p99 = self.quantile_millis(0.99);
        let max = self.quantile_millis(1.0);
        let ratio = floor.map_or(String::new(), |floor| {
            format!(
                "   {:.2} × and {:.2} × the floor",
                p50 / floor.quantile_millis(0.5),
                p99 / floor.quantile_millis(0.99)
            )
        });
        println!(
            "{title:45} p50 {p50:6.2}   p99 {p99:6.2}   max {max:6.2}   n {}{ratio}",
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
    let deadline = Instant::now() + Duration::from_mins(2);
    while api.get_opt(NAMESPACE).await?.is_some() {
        ensure!(
            Instant::now() < deadline,
            "the namespace {NAMESPACE} of an earlier run was not deleted in time"
        );
        let _ = api.delete(NAMESPACE, &DeleteParams::default()).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// A paused Deployment, which never creates a pod.
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

/// A pool that adds a worker for any waiting task, without a cooldown: each push causes one scale-up.
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

/// The operator in a process of its own.
pub struct Operator {
    child: Child,
    listen: String,
}

impl Operator {
    pub fn start() -> Result<Self> {
        let free_address =
            || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let listen = free_address()?.to_string();
        let dashboard = free_address()?.to_string();
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

    /// Waits for readiness and 8 s more, so that the first polls are over.
    pub async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Ok(mut stream) = tokio::net::TcpStream::connect(&self.listen).await {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                stream
                    .write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    .await?;
                let mut response = String::new();
                stream.read_to_string(&mut response).await?;
                if response.contains(" 200 ") {
                    break;
                }
            }
            ensure!(
                Instant::now() < deadline,
                "the operator did not become ready"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(8)).await;
        Ok(())
    }

    /// The CPU time used so far, and the current time.
    pub fn usage(&self) -> Result<(Duration, Instant)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .context("stat")?
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        // Linux counts in ticks of 10 ms.
        Ok((Duration::from_millis(ticks * 10), Instant::now()))
    }

    /// The mean mCPU since `before`, and the current resident memory in MiB.
    pub fn since(&self, before: (Duration, Instant)) -> Result<(f64, f64)> {
        let (cpu_time, now) = self.usage()?;
        let cpu = cpu_time.saturating_sub(before.0).as_secs_f64()
            / now.duration_since(before.1).as_secs_f64()
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
