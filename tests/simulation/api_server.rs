//! The scripted API server: what a real one does with the operator's requests, and nothing else.

use crate::watch::Line;
use crate::world::{AUTOSCALERS, DEPLOYMENTS, POOLS, ScaleWrite, World};
use decide::victims::{DELETE_FIRST, POD_DELETION_COST, Pod, PodStage};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

/// What the server answers.
pub enum Answer {
    Object(u16, Value),
    Watch(UnboundedReceiver<Line>),
}

/// A request: which process sent it, its method, path, query and body.
pub struct Call<'a> {
    pub by: usize,
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub body: Value,
}

const POOL: &str = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools/a";
const SCALE: &str = "/apis/apps/v1/namespaces/default/deployments/worker/scale";
const PODS: &str = "/api/v1/namespaces/default/pods";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

impl World {
    /// Carries out a request.
    pub fn answer(&mut self, call: &Call<'_>) -> Answer {
        if call.path.contains("/namespaces/gone/") {
            return refuse(403, "Forbidden");
        }
        // A list or a watch of the only namespace is one of all namespaces.
        let all = call.path.replace("/namespaces/default", "");
        let is_list = [POOLS, AUTOSCALERS, DEPLOYMENTS].contains(&all.as_str());
        let call = &Call {
            path: if is_list { &all } else { call.path },
            body: call.body.clone(),
            ..*call
        };
        if call.query.contains("watch=true") {
            return self.watch(call);
        }
        let status = format!("{POOL}/status");
        match (call.method, call.path) {
            ("GET", POOLS) if self.pool.is_null() => self.list("WorkerPool", &[]),
            ("GET", POOLS) => self.list("WorkerPool", std::slice::from_ref(&self.pool)),
            ("GET", AUTOSCALERS) => self.list("HorizontalPodAutoscaler", &[]),
            ("GET", DEPLOYMENTS) => {
                let mut items = self.others.clone();
                items.push(self.target());
                self.list("Deployment", &items)
            }
            ("GET", PODS) => {
                let pods: Vec<Value> = self.workload.list_pods().iter().map(pod).collect();
                self.list("Pod", &pods)
            }
            ("PATCH", SCALE) => self.scale(call.by, &call.body),
            ("PATCH", path) if path == status => self.write_status(&call.body),
            (_, path) if path.starts_with(LEASES) => self.lease(call),
            ("POST", EVENTS) => Answer::Object(201, call.body.clone()),
            ("PATCH", path) if path.starts_with(PODS) => self.mark(path, &call.body),
            _ => refuse(404, "NotFound"),
        }
    }

    fn list(&self, kind: &str, items: &[Value]) -> Answer {
        let version = self.workload.version.to_string();
        let list = json!({"apiVersion": "v1", "kind": format!("{kind}List"),
            "metadata": {"resourceVersion": version}, "items": items});
        Answer::Object(200, list)
    }

    fn watch(&mut self, call: &Call<'_>) -> Answer {
        let parameter = |name: &str| {
            let value = call.query.split('&').find_map(|it| it.strip_prefix(name));
            value.and_then(|value| value.parse::<i64>().ok())
        };
        let version = parameter("resourceVersion=").unwrap_or(0);
        let seconds = parameter("timeoutSeconds=").unwrap_or(300);
        let ends_at = self.workload.now + seconds * 1000;
        let version = u64::try_from(version).unwrap_or(0);
        Answer::Watch(self.watches.open(call.path, version, ends_at))
    }

    fn scale(&mut self, by: usize, body: &Value) -> Answer {
        let replicas = body["spec"]["replicas"].as_i64();
        let replicas = replicas.and_then(|count| i32::try_from(count).ok());
        let Some(to) = replicas else {
            return refuse(422, "Invalid");
        };
        let (at, from) = (self.workload.now, self.workload.desired);
        self.scales.push(ScaleWrite { by, at, from, to });
        self.manager = "workerpool-operator";
        if from != to {
            self.workload.write_scale(to);
            self.target_generation += 1;
        }
        self.target_changed();
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "worker", "namespace": "default",
                "resourceVersion": self.workload.version.to_string()},
            "spec": {"replicas": to}});
        Answer::Object(200, scale)
    }

    fn write_status(&mut self, body: &Value) -> Answer {
        if self.pool.is_null() {
            return refuse(404, "NotFound");
        }
        if !self.may_write_status {
            return refuse(403, "Forbidden");
        }
        if self.pool["status"] != body["status"] {
            self.pool["status"] = body["status"].clone();
            self.workload.version += 1;
            let version = self.workload.version;
            self.pool["metadata"]["resourceVersion"] = version.to_string().into();
            self.watches.send(POOLS, version, "MODIFIED", &self.pool);
        }
        Answer::Object(200, self.pool.clone())
    }

    /// A write must name the version that is there.
    fn lease(&mut self, call: &Call<'_>) -> Answer {
        let body = &call.body["metadata"]["name"];
        let name = call.path.strip_prefix(LEASES).unwrap_or_default();
        let name = name.trim_start_matches('/');
        let name = body.as_str().unwrap_or(name).to_owned();
        let current = self.leases.get(&name);
        let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
        match (call.method, current) {
            ("GET", Some(lease)) => return Answer::Object(200, lease.clone()),
            ("GET" | "PUT", None) => return refuse(404, "NotFound"),
            ("PUT", Some(lease)) if version(lease) != version(&call.body) => {
                return refuse(409, "Conflict");
            }
            ("POST", Some(_)) => return refuse(409, "AlreadyExists"),
            _ => {}
        }
        self.workload.version += 1;
        let mut lease = call.body.clone();
        lease["metadata"]["resourceVersion"] = self.workload.version.to_string().into();
        self.leases.insert(name, lease.clone());
        Answer::Object(200, lease)
    }

    fn mark(&mut self, path: &str, body: &Value) -> Answer {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if !self.workload.pods.contains_key(&name) {
            return refuse(404, "NotFound");
        }
        let annotations = self.annotations.entry(name.clone()).or_default();
        let changes = body["metadata"]["annotations"].as_object();
        for (key, value) in changes.into_iter().flatten() {
            match value {
                Value::Null => drop(annotations.remove(key)),
                value => drop(annotations.insert(key.clone(), value.clone())),
            }
        }
        let mark = DELETE_FIRST.to_string();
        let is_marked = annotations
            .get(POD_DELETION_COST)
            .is_some_and(|cost| *cost == *mark);
        let metadata = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations}});
        if changes.is_some() {
            self.workload.mark(vec![(name, is_marked)]);
        }
        Answer::Object(200, metadata)
    }
}

/// The answer to a request that is refused.
pub fn refuse(code: u16, reason: &str) -> Answer {
    let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "reason": reason, "message": format!("{reason} by the script")});
    Answer::Object(code, status)
}

fn pod(pod: &Pod) -> Value {
    let (kind, owner) = pod.owner.split_once('/').expect("a kind and a name");
    let ready = pod.stage == PodStage::Ready;
    let mut object = json!({
        "metadata": {"name": pod.name, "namespace": "default", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": true}]},
        "spec": {"nodeName": "node"},
        "status": {"phase": if pod.stage >= PodStage::NotReady { "Running" } else { "Pending" },
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
    });
    if pod.cost == DELETE_FIRST {
        object["metadata"]["annotations"] = json!({POD_DELETION_COST: DELETE_FIRST.to_string()});
    }
    if pod.terminating {
        object["metadata"]["deletionTimestamp"] = "2023-11-14T22:13:20Z".into();
    }
    object
}
