//! The trials of one row: an operator with one pool, whose target follows each patch at once, and the floor in turns.

use crate::floor::Floor;
use crate::operator::Operator;
use crate::producers::{GROUP, Push};
use crate::times::Times;
use queues::{Queue, QueueOptions, QueueSystem};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};
use testkit::api_server::ApiServer;

/// Two more come before, in which libraries and operator connect.
pub const TRIALS: i32 = 200;
const WARM_UP: i32 = 2;
/// The pause after a trial, in which the operator writes the pool's status. With a shorter one its notifications would soon
/// wait, as those of a queue that changes all the time.
const PAUSE: Duration = Duration::from_millis(200);

/// The names of the queues, and of the targets that are scaled for them.
pub const QUEUES: [&str; 2] = [FLOOR, POOL];
const FLOOR: &str = "floor";
const POOL: &str = "pool";

pub const NAMESPACE: &str = "workerpool-bench";

/// The name of the `ConfigMap` with the certificate of the authority, and its key.
pub const AUTHORITY: &str = "ca";

/// A Redis, as a pool names it and as a client reaches it.
pub struct Redis<'a> {
    /// `spec.redis` of the pool.
    pub spec: Value,
    /// The certificate of the authority for TLS.
    pub authority: Option<String>,
    /// The address of the server that has a queue.
    pub address: &'a dyn Fn(&str) -> String,
}

impl Redis<'_> {
    /// A client of the server that has `queue`.
    pub fn client(&self, queue: &str) -> redis::Client {
        let address = format!("{}/?protocol=resp3", (self.address)(queue));
        let client = match &self.authority {
            None => redis::Client::open(address),
            Some(certificate) => {
                let certificates = redis::TlsCertificates {
                    client_tls: None,
                    root_cert: Some(certificate.clone().into()),
                };
                redis::Client::build_with_tls(address, certificates)
            }
        };
        client.expect("an address")
    }
}

/// Measures and prints a row and its floor.
pub fn measure(title: &str, system: QueueSystem, redis: &Redis, push: &mut Push) {
    let api = api_server(system, redis);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, api.kubeconfig()).unwrap();
    let _operator = Operator::start(NAMESPACE, Some(&kubeconfig)).unwrap();
    for kind in [POOLS, DEPLOYMENTS] {
        api.wait_for_watchers(&path(kind, ""), 1);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let queue = Queue::new(system, &options(system));
    let mut floor = runtime.block_on(Floor::connect(redis, queue, &api));
    let (mut floors, mut times) = (Times::default(), Times::default());
    for trial in 1..=WARM_UP + TRIALS {
        runtime.block_on(floor.arm());
        let floor = time(push, FLOOR, || {
            runtime.block_on(floor.react(trial));
            patched_at(&api, FLOOR, trial)
        });
        let ours = time(push, POOL, || patched_at(&api, POOL, trial));
        api.send_event(&path(DEPLOYMENTS, ""), "MODIFIED", &target(trial));
        thread::sleep(PAUSE);
        if trial > WARM_UP {
            floors.add(floor);
            times.add(ours);
        }
    }
    floors.print(&format!("{title}: the floor"), None);
    times.print(title, Some(("the floor", &floors)));
}

/// The time from the start of a push to the instant for which `wait` waits.
fn time(push: &mut Push, queue: &str, wait: impl FnOnce() -> Instant) -> Duration {
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| push(queue));
        wait() - start
    })
}

/// When the API server received the patch that gives this target so many replicas.
fn patched_at(api: &ApiServer, name: &str, replicas: i32) -> Instant {
    api.received_at("PATCH", |body| {
        body["kind"] == "Scale"
            && body["metadata"]["name"] == name
            && body["spec"]["replicas"] == replicas
    })
}

const POOLS: &str = "workerpool.dev/v1alpha1 workerpools";
const DEPLOYMENTS: &str = "apps/v1 deployments";
const AUTOSCALERS: &str = "autoscaling/v2 horizontalpodautoscalers";

/// The path of a kind, as `GROUP/VERSION PLURAL`, in the namespace, and of what follows it.
fn path(kind: &str, rest: &str) -> String {
    let (version, plural) = kind.split_once(' ').unwrap_or_default();
    format!("/apis/{version}/namespaces/{NAMESPACE}/{plural}{rest}")
}

fn options(system: QueueSystem) -> QueueOptions {
    QueueOptions {
        group: (system == QueueSystem::Stream).then(|| GROUP.to_owned()),
        ..QueueOptions::named(FLOOR)
    }
}

/// A pool that wants one worker for each task.
fn pool(system: QueueSystem, redis: &Redis) -> Value {
    let mut queue = json!({"name": POOL, "system": system});
    if let Some(group) = options(system).group {
        queue["group"] = group.into();
    }
    json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": POOL, "namespace": NAMESPACE, "uid": "pool", "generation": 1, "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"scaleTargetRef": {"name": POOL}, "minReplicas": 0, "maxReplicas": 100_000, "redis": redis.spec,
            "queues": [queue], "target": {"tasksPerWorker": 1}},
    })
}

/// The target with so many replicas.
fn target(replicas: i32) -> Value {
    let version = (replicas + 1).to_string();
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": POOL, "namespace": NAMESPACE, "uid": "target", "generation": 1, "resourceVersion": version},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": POOL}}},
        "status": {"replicas": replicas, "updatedReplicas": replicas, "observedGeneration": 1},
    })
}

fn api_server(system: QueueSystem, redis: &Redis) -> ApiServer {
    let list = |kind: &str, items: &[Value]| json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": "1"}, "items": items});
    let pool = pool(system, redis);
    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": POOL}, "spec": {}});
    let authority = json!({"metadata": {"name": AUTHORITY, "namespace": NAMESPACE}, "data": {AUTHORITY: redis.authority}});
    let objects = format!("/api/v1/namespaces/{NAMESPACE}/configmaps");
    let scale_of = |name: &str| path(DEPLOYMENTS, &format!("/{name}/scale"));
    let responses = [
        (
            "GET",
            path(POOLS, ""),
            list("WorkerPoolList", std::slice::from_ref(&pool)),
        ),
        (
            "GET",
            path(DEPLOYMENTS, ""),
            list("DeploymentList", &[target(0)]),
        ),
        (
            "GET",
            path(AUTOSCALERS, ""),
            list("HorizontalPodAutoscalerList", &[]),
        ),
        ("GET", objects, list("ConfigMapList", &[authority])),
        ("PATCH", scale_of(FLOOR), scale.clone()),
        ("PATCH", scale_of(POOL), scale),
        ("PATCH", path(POOLS, &format!("/{POOL}/status")), pool),
        (
            "POST",
            path("events.k8s.io/v1 events", ""),
            json!({"metadata": {}}),
        ),
    ];
    let responses = responses.iter();
    ApiServer::streaming(
        responses.map(|(method, path, body)| (*method, &**path, 200, body.clone())),
    )
}
