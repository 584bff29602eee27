//! What exists outside the operator: the objects of the API server, the workload, and what was done to them.

use crate::chart_rights::Rights;
use crate::redis_server::RedisFault;
use crate::watch::Watches;
use crate::workload::Workload;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::UnboundedSender;

/// The world, which all parts of a simulation share.
pub type Shared = Arc<Mutex<World>>;

/// A fault at one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the API server has the request.
    CrashBefore,
    /// The process dies after the API server has carried out the request.
    CrashAfter,
    /// The request is carried out, and its answer comes after this many milliseconds.
    AnswerLate(u64),
    /// The request is lost, and there is no answer.
    Lost,
    /// The request is refused with this code.
    Refused(u16),
    /// A watch ends at once: its version is too old.
    Expired,
    /// A watch ends at once, for no reason.
    Ended,
}

/// A fault at the next request of this kind.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    pub method: &'static str,
    /// A part of the path.
    pub path: &'static str,
    pub fault: Fault,
}

/// One write of the target's replica count by the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleWrite {
    /// The number of the process.
    pub by: usize,
    pub at: i64,
    pub from: i32,
    pub to: i32,
}

#[derive(Default)]
pub struct World {
    pub workload: Workload,
    /// The field manager that wrote the target's replicas last.
    pub manager: &'static str,
    pub target_uid: String,
    pub target_generation: i64,
    /// The pool; null once it is deleted.
    pub pool: Value,
    /// The other pools.
    pub rivals: Vec<Value>,
    /// The annotations of the pods.
    pub annotations: BTreeMap<String, Map<String, Value>>,
    /// Other objects of the target's kind.
    pub others: Vec<Value>,
    pub watches: Watches,
    /// Each request with its time and answer.
    pub log: Vec<String>,
    /// How many requests there were.
    pub requests: usize,
    /// The request at which something goes wrong.
    pub fault: Option<(usize, Fault)>,
    pub trap: Option<Trap>,
    /// The leases by name.
    pub leases: BTreeMap<String, Value>,
    pub scales: Vec<ScaleWrite>,
    /// The changes of other targets: when, the name, and the count.
    pub other_scales: Vec<(i64, String, i64)>,
    /// How many commands Redis received, and the one at which something goes wrong.
    pub commands: usize,
    pub redis_fault: Option<(usize, RedisFault)>,
    /// How long each answer of Redis takes.
    pub redis_takes: u64,
    /// Until when Redis answers nothing, and until when it is a replica, which refuses writes.
    pub stalled_until: i64,
    pub replica_until: i64,
    /// When which pods register again after a flush of Redis, and how many tasks come back with the last.
    pub registering: Vec<(i64, String, i64)>,
    /// What each process was last answered to reads of the queue: when, and whether with metrics.
    pub reads: BTreeMap<usize, Vec<(i64, bool)>>,
    /// Scales that were lowered without metrics.
    pub blind: Vec<String>,
    /// For how long the operator's machine was suspended. Its timers stood still.
    pub suspended: i64,
    /// By how much the time of day was set forward or back.
    pub clock_step: i64,
    /// The Secret that holds the password, and the passwords that Redis accepts; none if it asks for none.
    pub secret: Value,
    pub passwords: Vec<String>,
    /// The passwords that Redis accepted, and when.
    pub logins: Vec<(i64, String)>,
    /// What the operator may do; everything if `None`.
    pub rights: Option<Rights>,
    /// Whether the operator may write statuses.
    pub may_write_status: bool,
    /// The connections to Redis that are notified of a change of the ready tasks.
    pub tracking: Vec<UnboundedSender<Vec<u8>>>,
}

impl World {
    /// A pool with these fields in its spec, and its target with `replicas`.
    pub fn new(spec: &Value, replicas: i32) -> Self {
        let mut pool = json!({
            "apiVersion": "workerpool.dev/v1alpha1",
            "kind": "WorkerPool",
            "metadata": {"name": "a", "namespace": "default", "uid": "pool", "generation": 1,
                "resourceVersion": "1", "creationTimestamp": "2023-11-14T22:13:20Z"},
            "spec": {
                "scaleTargetRef": {"name": "worker"}, "minReplicas": 3, "maxReplicas": 10,
                "redis": {"address": "redis://127.0.0.1:6379/0"}, "queues": [{"name": "tasks"}],
            },
        });
        let fields = spec.as_object().cloned().expect("an object");
        pool["spec"].as_object_mut().expect("a spec").extend(fields);
        Self {
            workload: Workload::new(replicas),
            manager: "kubectl-client-side-apply",
            target_uid: "target".into(),
            target_generation: 1,
            pool,
            may_write_status: true,
            ..Self::default()
        }
    }

    /// Writes a password, in Base64, into the Secret.
    pub fn set_secret(&mut self, password: &str) {
        self.workload.version += 1;
        let version = self.workload.version;
        let is_new = self.secret.is_null();
        let kind = if is_new { "ADDED" } else { "MODIFIED" };
        self.secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "redis", "namespace": "default", "resourceVersion": version.to_string()},
            "data": {"redis-password": password}});
        self.watches.send(SECRETS, version, kind, &self.secret);
    }

    /// The writes that changed the target's replica count.
    pub fn changes(&self) -> Vec<ScaleWrite> {
        let changes = self.scales.iter().filter(|write| write.from != write.to);
        changes.copied().collect()
    }

    /// Another pool with these fields in its spec, younger than the first, and its target if that is another one.
    pub fn add_pool(&mut self, name: &str, target: &str, spec: &Value) {
        let mut pool = self.pool.clone();
        let metadata = json!({"name": name, "namespace": "default", "uid": name, "generation": 1,
            "resourceVersion": "1", "creationTimestamp": "2023-11-14T22:13:21Z"});
        pool["metadata"] = metadata.clone();
        let fields = spec.as_object().cloned().expect("an object");
        pool["spec"].as_object_mut().expect("a spec").extend(fields);
        pool["spec"]["scaleTargetRef"] = json!({"name": target});
        self.rivals.push(pool);
        if target != "worker" {
            let mut other = self.target();
            other["metadata"] = metadata;
            other["metadata"]["name"] = target.into();
            self.others.push(other);
        }
    }

    /// Another pool with a target of its own, of another kind.
    pub fn add_pool_of(&mut self, name: &str, api_version: &str, kind: &str, spec: &Value) {
        self.add_pool(name, name, spec);
        let reference = json!({"apiVersion": api_version, "kind": kind, "name": name});
        self.rivals.last_mut().expect("a pool")["spec"]["scaleTargetRef"] = reference;
        let target = self.others.last_mut().expect("a target");
        target["apiVersion"] = api_version.into();
        target["kind"] = kind.into();
    }

    /// Someone changes these fields of the pool's spec.
    pub fn change_pool(&mut self, spec: &Value) {
        let fields = spec.as_object().cloned().expect("an object");
        let old = self.pool["spec"].as_object_mut().expect("a spec");
        old.extend(fields);
        let generation = self.pool["metadata"]["generation"].as_i64();
        self.pool["metadata"]["generation"] = (generation.unwrap_or(0) + 1).into();
        self.workload.version += 1;
        let version = self.workload.version;
        self.pool["metadata"]["resourceVersion"] = version.to_string().into();
        let pool = self.pool.clone();
        self.watches.send(POOLS, version, "MODIFIED", &pool);
    }

    /// Someone deletes the pool.
    pub fn delete_pool(&mut self) {
        let pool = self.pool.take();
        self.workload.version += 1;
        let version = self.workload.version;
        self.watches.send(POOLS, version, "DELETED", &pool);
    }

    /// Tasks arrive.
    pub fn push(&mut self, tasks: i64) {
        self.workload.waiting += tasks;
        let frame = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$16\r\nwp:{tasks}:ready\r\n";
        for connection in std::mem::take(&mut self.tracking) {
            let _ = connection.send(frame.to_vec());
        }
    }

    /// Redis loses all that it has. Each worker registers again within its lease, the busy ones last; what they hold
    /// is theirs. The producer sends the waiting tasks again.
    pub fn flush(&mut self) {
        let tasks = std::mem::take(&mut self.workload.waiting);
        let pods = &self.workload.pods;
        let mut names: Vec<String> = pods.keys().cloned().collect();
        names.sort_by_key(|name| pods[name].busy_until.is_some());
        for (number, name) in names.iter().enumerate() {
            self.workload.pod(name).registered = false;
            let at = self.workload.now + 900 * (1 + i64::try_from(number).unwrap_or(0));
            let tasks = if number + 1 == names.len() { tasks } else { 0 };
            self.registering.push((at, name.clone(), tasks));
        }
    }

    fn register_again(&mut self) {
        let now = self.workload.now;
        let due: Vec<_> = self.registering.extract_if(.., |it| it.0 <= now).collect();
        for (_, name, tasks) in due {
            if let Some(pod) = self.workload.pods.get_mut(&name) {
                pod.registered = true;
            }
            self.push(tasks);
        }
    }

    /// Notes a lower count of `by` that follows no metrics: the last read that was answered before failed, or is older than
    /// two intervals and the timeout of a poll.
    pub fn check_metrics(&mut self, by: usize, path: &str) {
        let now = self.workload.now;
        let reads = self.reads.get(&by).into_iter().flatten().rev();
        // The request took a millisecond: what was answered since may have come before the decision, or after.
        let since = reads.clone().take_while(|(at, _)| *at >= now - 2).count();
        let last: Vec<&(i64, bool)> = reads.take(since + 1).collect();
        if !last.iter().any(|(at, known)| *known && now - at <= 9_000) {
            self.blind
                .push(format!("{now} by {by} {path}: the last reads are {last:?}"));
        }
    }

    /// Lets the workload advance to `now`.
    pub fn step(&mut self, now: i64) {
        self.workload.now = now;
        self.register_again();
        self.workload.step_workers();
        self.workload.end_pods();
        if self.workload.see_replica_count() {
            self.target_changed();
        }
        if self.workload.adjust_pods() {
            self.target_changed();
        }
        self.watches.step(now, self.workload.version);
    }

    /// Tells the watches of the target's present state.
    pub fn target_changed(&mut self) {
        let target = self.target();
        let version = self.workload.version;
        self.watches.send(DEPLOYMENTS, version, "MODIFIED", &target);
    }

    /// The target as the API server shows it.
    pub fn target(&self) -> Value {
        let workload = &self.workload;
        let existing = workload.active_pods().len();
        // Kubernetes' ScaleHandler gives a new entry the time of the parent's entry of the same manager, and there is
        // none: an entry that was written through /scale never has a time. Seen on 1.35.4, too.
        let entry = if self.manager == "workerpool-operator" {
            json!({"manager": self.manager, "operation": "Apply", "apiVersion": "apps/v1", "subresource": "scale",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}})
        } else {
            json!({"manager": self.manager, "operation": "Update", "apiVersion": "apps/v1", "time": "2023-11-14T22:13:20Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}})
        };
        let seen = self.target_generation - i64::from(!workload.unseen_counts.is_empty());
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "worker", "namespace": "default", "uid": self.target_uid,
                "generation": self.target_generation, "resourceVersion": workload.version.to_string(),
                "managedFields": [entry]},
            "spec": {"replicas": workload.desired, "selector": {"matchLabels": {"app": "worker"}}},
            "status": {"replicas": existing, "updatedReplicas": existing, "observedGeneration": seen},
        })
    }
}

pub const SECRETS: &str = "/api/v1/namespaces/default/secrets";
pub const POOLS: &str = "/apis/workerpool.dev/v1alpha1/workerpools";
pub const AUTOSCALERS: &str = "/apis/autoscaling/v2/horizontalpodautoscalers";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
pub const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/rollouts";
