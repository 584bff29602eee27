//! What a local cluster starts with: the pool of manifests/demo.yaml, and the Deployments behind it, whose containers
//! are plain processes.

use super::programs::{self, Programs};
use crate::state_dir::{ClusterInfo, StateDir};
use anyhow::{Context, bail};
use api::WorkerPool;
use queues::QueueSystem;
use serde_json::{Value, json};

/// Where pool and workers live.
pub const NAMESPACE: &str = "default";
/// Where the operator lives.
pub const SYSTEM: &str = "workerpool-system";

/// A pool as it is to be created: without status, in the one namespace, with the Redis that there is.
pub fn pool(yaml: &str, redis: &str) -> anyhow::Result<(WorkerPool, Value)> {
    let mut object: Value = serde_saphyr::from_str(yaml).context("the pool is no YAML")?;
    if object["kind"] != "WorkerPool" {
        bail!("the file with the pool must hold one WorkerPool and nothing else");
    }
    object["spec"]["redis"] = json!({"address": redis});
    object["metadata"]["namespace"] = json!(NAMESPACE);
    if let Some(whole) = object.as_object_mut() {
        whole.remove("status");
    }
    let pool: WorkerPool =
        serde_json::from_value(object.clone()).context("the pool cannot be read")?;
    if pool.spec.scale_target_ref.kind != "Deployment" {
        bail!(
            "a local cluster runs Deployments alone: scaleTargetRef names a {}",
            pool.spec.scale_target_ref.kind
        );
    }
    queue(&pool)?;
    Ok((pool, object))
}

/// The queue that the workers of `pool` read.
pub fn queue(pool: &WorkerPool) -> anyhow::Result<String> {
    let mut queues = pool.spec.queues.iter();
    let queue = queues.find(|queue| queue.system == QueueSystem::WorkerPool);
    Ok(queue
        .context("the pool has no queue of system WorkerPool, which is all that the workers here can read")?
        .name
        .clone())
}

/// What differs between the Deployments.
struct Program<'a> {
    namespace: &'a str,
    name: &'a str,
    component: &'a str,
    replicas: i32,
    command: Vec<String>,
    env: Value,
    probe: Value,
    grace: u32,
}

fn deployment(it: &Program<'_>) -> Value {
    let labels = json!({"app.kubernetes.io/name": "workerpool", "app.kubernetes.io/instance": "local", "app.kubernetes.io/component": it.component});
    let mut own = labels.clone();
    own["app.kubernetes.io/version"] = json!(env!("CARGO_PKG_VERSION"));
    json!({
        "metadata": {"name": it.name, "namespace": it.namespace, "labels": own},
        "spec": {
            "replicas": it.replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": it.grace,
                "containers": [{"name": it.component, "image": "local", "command": it.command, "env": it.env, "readinessProbe": it.probe}],
            }},
        },
    })
}

/// Redis without persistence, for this machine alone.
pub fn redis(folder: &StateDir, port: u16) -> anyhow::Result<Value> {
    let (program, data) = (
        programs::redis()?.display().to_string(),
        folder.file("redis").display().to_string(),
    );
    // Its title would take the place of its environment, by which it is known.
    let args = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--set-proc-title",
        "no",
        "--dir",
        &data,
    ];
    let command = [program, "--port".into(), port.to_string()]
        .into_iter()
        .chain(args.map(str::to_owned));
    Ok(deployment(&Program {
        namespace: NAMESPACE,
        name: "redis",
        component: "redis",
        replicas: 1,
        command: command.collect(),
        env: json!([]),
        probe: json!({"tcpSocket": {"port": port}}),
        grace: 5,
    }))
}

/// The operator, with its dashboard.
pub fn operator(
    folder: &StateDir,
    programs: &Programs,
    record: &ClusterInfo,
    health: u16,
) -> Value {
    let command = [
        programs.operator.display().to_string(),
        format!("--listen=127.0.0.1:{health}"),
        format!("--dashboard=127.0.0.1:{}", record.dashboard),
    ];
    deployment(&Program {
        namespace: SYSTEM,
        name: "workerpool-operator",
        component: "operator",
        replicas: 1,
        command: command.to_vec(),
        env: json!([{"name": "KUBECONFIG", "value": folder.file("operator.kubeconfig")}]),
        probe: json!({"httpGet": {"port": health, "path": "/readyz"}}),
        grace: 10,
    })
}

/// The workers of `pool`.
pub fn workers(programs: &Programs, record: &ClusterInfo, pool: &WorkerPool) -> Value {
    deployment(&Program {
        namespace: NAMESPACE,
        name: &pool.spec.scale_target_ref.name,
        component: "worker",
        replicas: pool.spec.min_replicas,
        command: vec![programs.worker.display().to_string()],
        env: json!([{"name": "REDIS_URL", "value": record.redis}, {"name": "QUEUE", "value": record.queue}]),
        // The file that the worker's own probe reads.
        probe: json!({"exec": {"command": ["workerpool-worker", "health"]}}),
        grace: 30,
    })
}
