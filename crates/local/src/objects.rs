//! The objects that a local cluster starts with: the pool of manifests/demo.yaml or of a file, and the Deployments
//! behind it, whose containers are plain processes.

use crate::cluster_info::ClusterInfo;
use crate::programs::{Programs, find_redis};
use crate::state_dir::StateDir;
use anyhow::{Context, bail};
use api::WorkerPool;
use k8s_openapi::ByteString;
use queues::QueueSystem;
use serde_json::{Value, json};

/// The namespace of the pool and the workers.
pub const NAMESPACE: &str = "default";
/// The namespace of the operator.
pub const SYSTEM_NAMESPACE: &str = "workerpool-system";

/// The Secret with the URL of the cluster's Redis, and its key.
const REDIS_SECRET: &str = "redis";
const REDIS_KEY: &str = "url";

/// The reference to the URL of the cluster's Redis.
fn redis_reference() -> Value {
    json!({"secretKeyRef": {"name": REDIS_SECRET, "key": REDIS_KEY}})
}

/// `spec.redis` of each pool of the cluster.
pub fn redis_of_pool() -> Value {
    json!({"addressFrom": redis_reference()})
}

/// The Secret with the URL of the cluster's Redis: objects that people look at do not have its password.
pub fn redis_secret(url: &str) -> Value {
    let url = ByteString(url.as_bytes().to_vec());
    json!({
        "metadata": {"name": REDIS_SECRET, "namespace": NAMESPACE}, "type": "Opaque", "data": {REDIS_KEY: url},
    })
}

/// The pool to create from `yaml`: without status, in the one namespace, with the cluster's Redis.
pub fn pool(yaml: &str) -> anyhow::Result<(WorkerPool, Value)> {
    let mut object: Value = serde_saphyr::from_str(yaml).context("the pool is not valid YAML")?;
    if object["kind"] != "WorkerPool" {
        bail!("the file must hold one WorkerPool and nothing else");
    }
    object["spec"]["redis"] = redis_of_pool();
    object["metadata"]["namespace"] = json!(NAMESPACE);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    let pool: WorkerPool =
        serde_json::from_value(object.clone()).context("the pool is not a valid WorkerPool")?;
    if pool.spec.scale_target_ref.kind != "Deployment" {
        bail!(
            "a local cluster supports only Deployments: scaleTargetRef names a {}",
            pool.spec.scale_target_ref.kind
        );
    }
    queue(&pool)?;
    Ok((pool, object))
}

/// The queue that the workers of `pool` read.
pub fn queue(pool: &WorkerPool) -> anyhow::Result<String> {
    let queue = pool
        .spec
        .queues
        .iter()
        .find(|queue| queue.system == QueueSystem::WorkerPool)
        .context("the pool has no queue of system WorkerPool: the workers here read no other")?;
    Ok(queue.name.clone())
}

/// The values in which the Deployments differ.
struct DeploymentSpec<'a> {
    namespace: &'a str,
    name: &'a str,
    component: &'a str,
    replicas: i32,
    command: Vec<String>,
    env: Value,
    probe: Value,
    grace_seconds: u32,
}

fn deployment(spec: &DeploymentSpec<'_>) -> Value {
    let selector = json!({
        "app.kubernetes.io/name": "workerpool", "app.kubernetes.io/instance": "local",
        "app.kubernetes.io/component": spec.component,
    });
    let mut labels = selector.clone();
    labels["app.kubernetes.io/version"] = json!(env!("CARGO_PKG_VERSION"));
    let container = json!({
        "name": spec.component, "image": "local", "command": spec.command, "env": spec.env,
        "readinessProbe": spec.probe,
    });
    json!({
        "metadata": {"name": spec.name, "namespace": spec.namespace, "labels": labels},
        "spec": {
            "replicas": spec.replicas,
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": selector},
                "spec": {"terminationGracePeriodSeconds": spec.grace_seconds, "containers": [container]},
            },
        },
    })
}

/// The memory of a local cluster's Redis, as in the chart: full, it refuses tasks instead of filling the machine.
const MAX_MEMORY: &str = "384mb";

/// Redis at `url` without persistence, on loopback only. It reads its password from a file of this user, because
/// everybody on this machine may read its arguments.
pub fn redis(state_dir: &StateDir, url: &str) -> anyhow::Result<Value> {
    const SETTINGS: &str = "redis.conf";
    let program = find_redis()?.display().to_string();
    let (password, port) = login(url).context("the URL of Redis has no password and port")?;
    state_dir.write(SETTINGS, format!("requirepass {password}\n").as_bytes())?;
    let settings = state_dir.file(SETTINGS).display().to_string();
    let data = state_dir.file("redis").display().to_string();
    // A process title would overwrite the environment, which identifies the process.
    let args = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--maxmemory",
        MAX_MEMORY,
        "--maxmemory-policy",
        "noeviction",
        "--set-proc-title",
        "no",
        "--dir",
        &data,
    ];
    let command = [program, settings, "--port".into(), port.to_string()]
        .into_iter()
        .chain(args.map(str::to_owned));
    Ok(deployment(&DeploymentSpec {
        namespace: NAMESPACE,
        name: "redis",
        component: "redis",
        replicas: 1,
        command: command.collect(),
        env: json!([]),
        probe: json!({"tcpSocket": {"port": port}}),
        grace_seconds: 5,
    }))
}

/// Password and port in the URL of the cluster's own Redis.
fn login(url: &str) -> Option<(&str, u16)> {
    let (password, host) = url.strip_prefix("redis://:")?.split_once('@')?;
    let (_, port) = host.strip_suffix("/0")?.split_once(':')?;
    Some((password, port.parse().ok()?))
}

/// The operator, with its dashboard.
pub fn operator(
    state_dir: &StateDir,
    programs: &Programs,
    info: &ClusterInfo,
    health_port: u16,
) -> Value {
    let command = [
        programs.operator.display().to_string(),
        format!("--listen=127.0.0.1:{health_port}"),
        format!("--dashboard=127.0.0.1:{}", info.dashboard),
        "--dashboard-auth=none".to_owned(), // there are no users
    ];
    deployment(&DeploymentSpec {
        namespace: SYSTEM_NAMESPACE,
        name: "workerpool-operator",
        component: "operator",
        replicas: 1,
        command: command.to_vec(),
        env: json!([{"name": "KUBECONFIG", "value": state_dir.file("operator.kubeconfig")}]),
        probe: json!({"httpGet": {"port": health_port, "path": "/readyz"}}),
        grace_seconds: 10,
    })
}

/// The workers of `pool`.
pub fn workers(programs: &Programs, info: &ClusterInfo, pool: &WorkerPool) -> Value {
    deployment(&DeploymentSpec {
        namespace: NAMESPACE,
        name: &pool.spec.scale_target_ref.name,
        component: "worker",
        replicas: pool.spec.min_replicas,
        command: vec![programs.worker.display().to_string()],
        env: json!([
            {"name": "REDIS_URL", "valueFrom": redis_reference()}, {"name": "QUEUE", "value": info.queue},
        ]),
        // Checked through the worker's health file, which this command also reads.
        probe: json!({"exec": {"command": ["workerpool-worker", "health"]}}),
        grace_seconds: 30,
    })
}
