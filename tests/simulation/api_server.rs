//! The scripted API server: what a real one does with the operator's requests, and nothing else.

use crate::watch::Line;
use crate::world::{AUTOSCALERS, DEPLOYMENTS, POOLS, ROLLOUTS, SECRETS, ScaleWrite, World};
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

const POOL: &str = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools";
const SCALE: &str = "/apis/apps/v1/namespaces/default/deployments/worker/scale";
const PODS: &str = "/api/v1/namespaces/default/pods";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// Other kinds of targets, and how their paths end.
const KINDS: [(&str, &str); 5] = [
    ("StatefulSet", "/statefulsets"),
    ("ReplicaSet", "/replicasets"),
    ("Rollout", "/rollouts"),
    ("Policy", "/policies"),
    ("Box", "/boxes"),
];
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

impl Call<'_> {
    pub fn is_watch(&self) -> bool {
        self.query.contains("watch=true")
    }
}

impl World {
    /// Whether the operator's rights include this request.
    pub fn allows(&mut self, call: &Call<'_>) -> bool {
        let rights = self.rights.as_mut();
        rights.is_none_or(|rights| rights.allow(call.method, call.path, call.query))
    }

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
        if call.is_watch() {
            return self.watch(call);
        }
        match (call.method, call.path) {
            ("GET", POOLS) => {
                let pools = [&self.pool].into_iter().chain(&self.rivals);
                let pools: Vec<Value> = pools.filter(|pool| !pool.is_null()).cloned().collect();
                self.list("WorkerPool", &pools)
            }
            // The one name is all that the operator may list and watch.
            ("GET", SECRETS) if !call.query.contains("metadata.name%3Dredis") => {
                refuse(403, "Forbidden")
            }
            ("GET", SECRETS) if self.secret.is_null() => self.list("Secret", &[]),
            ("GET", SECRETS) => self.list("Secret", std::slice::from_ref(&self.secret)),
            ("GET", AUTOSCALERS) => self.list("HorizontalPodAutoscaler", &[]),
            ("GET", DEPLOYMENTS) => {
                let mut items = self.others_of("Deployment");
                items.push(self.target());
                self.list("Deployment", &items)
            }
            ("GET", CONFIG_MAPS) => self.list("ConfigMap", &[]),
            ("GET", path) if KINDS.iter().any(|(_, kind)| path.ends_with(kind)) => {
                let kind = KINDS.iter().find(|(_, kind)| path.ends_with(kind));
                let kind = kind.expect("one of them").0;
                self.list(kind, &self.others_of(kind))
            }
            ("GET", PODS) => {
                let pods: Vec<Value> = self.workload.list_pods().iter().map(pod).collect();
                self.list("Pod", &pods)
            }
            ("PATCH", SCALE) => self.scale(call.by, &call.body),
            ("PATCH", path) if path.ends_with("/scale") => {
                self.scale_other(call.by, path, &call.body)
            }
            ("PATCH", path) if path.ends_with("/status") => self.write_status(path, &call.body),
            (_, path) if path.starts_with(LEASES) => self.lease(call),
            ("POST", EVENTS) => Answer::Object(201, call.body.clone()),
            ("PATCH", path) if path.starts_with(PODS) => self.mark(path, &call.body),
            _ => refuse(404, "NotFound"),
        }
    }

    /// The other objects of this kind.
    fn others_of(&self, kind: &str) -> Vec<Value> {
        let others = self.others.iter();
        let is_it = |other: &&Value| other["kind"].as_str().unwrap_or("Deployment") == kind;
        others.filter(is_it).cloned().collect()
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
        if to < from {
            self.check_metrics(by, SCALE);
        }
        self.manager = "workerpool-operator";
        if from != to {
            self.workload.write_scale(to);
            self.target_generation += 1;
        }
        self.target_changed();
        self.scale_object("worker", to)
    }

    fn scale_object(&self, name: &str, replicas: i32) -> Answer {
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": name, "namespace": "default",
                "resourceVersion": self.workload.version.to_string()},
            "spec": {"replicas": replicas}});
        Answer::Object(200, scale)
    }

    /// A target of another pool, whose pods are not simulated.
    fn scale_other(&mut self, by: usize, path: &str, body: &Value) -> Answer {
        let to = body["spec"]["replicas"].as_i64().unwrap_or_default();
        let is_it = |other: &Value| path.contains(&format!("/{}/", name(other)));
        let Some(index) = self.others.iter().position(is_it) else {
            return refuse(404, "NotFound");
        };
        let from = self.others[index]["spec"]["replicas"].as_i64();
        if from > Some(to) {
            self.check_metrics(by, path);
        }
        let other = &mut self.others[index];
        let target = name(other).to_owned();
        if from != Some(to) {
            self.other_scales
                .push((self.workload.now, target.clone(), to));
        }
        self.workload.version += 1;
        let version = self.workload.version;
        other["spec"]["replicas"] = to.into();
        other["status"] = json!({"replicas": to, "updatedReplicas": to, "observedGeneration": 1});
        other["metadata"]["resourceVersion"] = version.to_string().into();
        other["metadata"]["managedFields"] = json!([{"manager": "workerpool-operator", "operation": "Apply",
            "apiVersion": "apps/v1", "subresource": "scale", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
        let watch = match other["kind"].as_str() {
            Some("Rollout") => ROLLOUTS,
            _ => DEPLOYMENTS,
        };
        self.watches.send(watch, version, "MODIFIED", other);
        self.scale_object(&target, i32::try_from(to).unwrap_or(0))
    }

    fn write_status(&mut self, path: &str, body: &Value) -> Answer {
        let is_it = |pool: &&mut Value| path == format!("{POOL}/{}/status", name(pool));
        let mut pools = [&mut self.pool].into_iter().chain(&mut self.rivals);
        let Some(pool) = pools.find(is_it) else {
            return refuse(404, "NotFound");
        };
        if !self.may_write_status {
            return refuse(403, "Forbidden");
        }
        if pool["status"] != body["status"] {
            pool["status"] = body["status"].clone();
            self.workload.version += 1;
            let version = self.workload.version;
            pool["metadata"]["resourceVersion"] = version.to_string().into();
            self.watches.send(POOLS, version, "MODIFIED", pool);
        }
        Answer::Object(200, pool.clone())
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

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
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
