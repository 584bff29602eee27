//! Runs as many pods as each Deployment asks for. It stands in for the Deployment controller, the `ReplicaSet`
//! controller and the kubelet, as far as the operator and the commands can tell.

use crate::kind::{DEPLOYMENTS, Id, PODS};
use crate::managed_fields::{self, Writer};
use crate::pod::{self, Context};
use crate::process::PodProcess;
use crate::state_dir::StateDir;
use crate::store::{Store, id_of, meta, timestamp};
use crate::table::is_ready;
use crate::writes::delete_pod;
use decide::victims::POD_DELETION_COST;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The characters of the random suffix of a pod's name, the same as in Kubernetes.
const SUFFIX_CHARACTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The annotation with a pod's creation time in milliseconds; `creationTimestamp` has only seconds.
const CREATED_MILLIS: &str = "workerpool.dev/created-millis";

/// The controller and its pods.
pub struct Kubelet {
    context: Context,
    /// By pod name, the token that stops the pod.
    pods: HashMap<String, CancellationToken>,
    /// By pod name, the process that an earlier supervisor left running.
    leftover: HashMap<String, u32>,
    tasks: TaskTracker,
}

impl Kubelet {
    pub fn new(store: Arc<Store>, state_dir: StateDir, leftover: Vec<PodProcess>) -> Self {
        let leftover = leftover.into_iter();
        Self {
            context: Context { store, state_dir },
            pods: HashMap::new(),
            leftover: leftover.map(|it| (it.pod, it.pid)).collect(),
            tasks: TaskTracker::new(),
        }
    }

    /// Reconciles until `stop`, which stops no pod.
    pub async fn run(&mut self, stop: &CancellationToken) {
        let mut changes = self.context.store.subscribe();
        while !stop.is_cancelled() {
            changes.borrow_and_update();
            self.reconcile();
            tokio::select! {
                _ = changes.changed() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Stops all pods with a grace period of `grace` seconds each: Redis last, because the others use it.
    pub async fn stop_pods(mut self, grace: i64) {
        let mut changes = self.context.store.subscribe();
        for include_redis in [false, true] {
            loop {
                changes.borrow_and_update();
                let (_, pods) = self.context.store.list(&PODS, "");
                let is_next = |pod: &&Arc<Value>| include_redis || owner(pod) != "redis";
                if !pods.iter().any(|pod| is_next(&pod)) {
                    break;
                }
                let next = pods.iter().filter(is_next);
                next.for_each(|pod| self.delete(pod, Some(grace)));
                self.sync_pods();
                let _ = changes.changed().await;
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn reconcile(&mut self) {
        let (_, deployments) = self.context.store.list(&DEPLOYMENTS, "");
        let (_, pods) = self.context.store.list(&PODS, "");
        for deployment in &deployments {
            let pods: Vec<&Arc<Value>> = pods.iter().filter(|it| owns(deployment, it)).collect();
            self.scale(deployment, &pods);
            self.update_status(deployment, &pods);
        }
        let has_owner = |pod: &Value| deployments.iter().any(|it| owns(it, pod));
        let orphans = pods.iter().filter(|pod| !has_owner(pod));
        orphans.for_each(|pod| self.delete(pod, None));
        self.sync_pods();
    }

    /// Starts a task for each new pod, and stops the tasks of deleted ones.
    fn sync_pods(&mut self) {
        let (_, pods) = self.context.store.list(&PODS, "");
        for pod in &pods {
            let name = meta(pod, "name");
            let leftover = self.leftover.remove(name);
            let stop = self.pods.entry(name.to_owned()).or_insert_with(|| {
                let stop = CancellationToken::new();
                let (context, id) = (self.context.clone(), id_of(&PODS, pod));
                let run = pod::run(context, id, stop.clone(), leftover);
                self.tasks.spawn(run);
                stop
            });
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                stop.cancel();
            }
        }
        self.pods
            .retain(|name, _| pods.iter().any(|pod| meta(pod, "name") == name));
    }

    /// Creates or deletes pods until there are as many as the Deployment asks for. When there are, replaces a pod of
    /// an earlier template, one at a time.
    fn scale(&self, deployment: &Value, pods: &[&Arc<Value>]) {
        let replicas = replicas(deployment);
        let hash = template_hash(deployment);
        let mut active: Vec<&Arc<Value>> =
            pods.iter().copied().filter(|pod| is_active(pod)).collect();
        (active.len()..replicas).for_each(|_| self.create(deployment, &hash));
        if active.len() > replicas {
            sort_by_deletion_order(&mut active);
            let excess = active.iter().take(active.len() - replicas);
            excess.for_each(|pod| self.delete(pod, None));
        } else if active.len() == replicas
            && active.iter().all(|pod| is_ready(pod))
            && let Some(outdated) = active.iter().find(|pod| !has_template(pod, &hash))
        {
            self.delete(outdated, None);
        }
    }

    fn update_status(&self, deployment: &Value, pods: &[&Arc<Value>]) {
        let replicas = replicas(deployment);
        let hash = template_hash(deployment);
        let count = |condition: &dyn Fn(&Value) -> bool| {
            let active = pods.iter().filter(|pod| is_active(pod));
            active.filter(|pod| condition(pod)).count()
        };
        let ready = count(&is_ready);
        let available = if ready >= replicas { "True" } else { "False" };
        let status = json!({
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": count(&|_| true),
            "updatedReplicas": count(&|pod| has_template(pod, &hash)),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [{"type": "Available", "status": available}],
        });
        let id = id_of(&DEPLOYMENTS, deployment);
        let _ = self.context.store.write(&id, |current| {
            let mut deployment = current.unwrap_or(deployment).clone();
            deployment["status"] = status;
            Ok(deployment)
        });
    }

    fn create(&self, deployment: &Value, hash: &str) {
        let template = &deployment["spec"]["template"];
        let replica_set = format!("{}-{hash}", meta(deployment, "name"));
        let letter = |_| fastrand::choice(SUFFIX_CHARACTERS).copied();
        let suffix: String = (0..5).filter_map(letter).map(char::from).collect();
        let now = Timestamp::now();
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"],
            "status": {
                "phase": "Pending",
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": timestamp(now)}],
            },
        });
        pod["spec"]["nodeName"] = json!("here");
        let pod_meta = &mut pod["metadata"];
        pod_meta["labels"]["pod-template-hash"] = json!(hash);
        pod_meta["annotations"][CREATED_MILLIS] = json!(now.as_millisecond().to_string());
        pod_meta["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set,
            "uid": deployment["metadata"]["uid"], "controller": true,
        }]);
        let name = format!("{replica_set}-{suffix}");
        let id = Id::new(&PODS, meta(deployment, "namespace"), &name);
        let _ = self.context.store.write(&id, |_| {
            let writer = Writer::new("workerpool-local", "v1");
            managed_fields::record_update(&json!({}), &mut pod, writer);
            Ok(pod)
        });
    }

    fn delete(&self, pod: &Value, grace: Option<i64>) {
        let _ = delete_pod(&self.context.store, &id_of(&PODS, pod), grace);
    }
}

/// Sorts pods in the order in which a `ReplicaSet` deletes them: those that are not ready, then by ascending deletion
/// cost, then the newest first.
fn sort_by_deletion_order(pods: &mut [&Arc<Value>]) {
    fn annotation<T: std::str::FromStr + Default>(pod: &Value, key: &str) -> T {
        let text = pod["metadata"]["annotations"][key].as_str();
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }
    pods.sort_by_key(|pod| {
        (
            is_ready(pod),
            annotation::<i32>(pod, POD_DELETION_COST),
            Reverse(annotation::<u64>(pod, CREATED_MILLIS)),
        )
    });
}

/// The Deployment of a pod: the name of its `ReplicaSet` without the hash.
fn owner(pod: &Value) -> &str {
    let replica_set = &pod["metadata"]["ownerReferences"][0]["name"];
    let replica_set = replica_set.as_str().unwrap_or_default();
    let name = replica_set.rsplit_once('-');
    name.map_or(replica_set, |(name, _)| name)
}

fn owns(deployment: &Value, pod: &Value) -> bool {
    meta(deployment, "name") == owner(pod)
        && meta(deployment, "namespace") == meta(pod, "namespace")
}

fn is_active(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null()
}

fn has_template(pod: &Value, hash: &str) -> bool {
    pod["metadata"]["labels"]["pod-template-hash"] == *hash
}

fn replicas(deployment: &Value) -> usize {
    usize::try_from(deployment["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0)
}

fn template_hash(deployment: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    deployment["spec"]["template"].to_string().hash(&mut hasher);
    format!("{:010x}", hasher.finish() & 0xff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SavedObjects;

    #[tokio::test]
    async fn pod_of_a_deleted_deployment_is_deleted_beside_one_of_its_name_elsewhere() {
        let store = Arc::new(Store::new(SavedObjects::default(), &[]));
        let write = |kind, namespace, name, object| {
            let id = Id::new(kind, namespace, name);
            store.write(&id, |_| Ok(object)).expect("written");
            id
        };
        let elsewhere = json!({"metadata": {}, "spec": {"replicas": 1}});
        write(&DEPLOYMENTS, "other", "w", elsewhere);
        let pod = json!({"metadata": {"ownerReferences": [{"name": "w-1"}]}});
        let pod = write(&PODS, "default", "w-1-a", pod);
        let directory = tempfile::tempdir().expect("a directory");
        let state_dir = StateDir::at(directory.path().to_owned());
        Kubelet::new(Arc::clone(&store), state_dir, Vec::new()).reconcile();
        let pod = store.get(&pod).expect("its process has not ended");
        assert!(pod["metadata"]["deletionTimestamp"].is_string(), "{pod}");
    }

    #[test]
    fn pods_are_deleted_in_the_order_of_a_replica_set() {
        let pod = |name: &str, ready: bool, cost: &str, created: u64| {
            let ready = json!([{"type": "Ready", "status": if ready { "True" } else { "False" }}]);
            let annotations = json!({POD_DELETION_COST: cost, CREATED_MILLIS: created.to_string()});
            Arc::new(json!({
                "metadata": {"name": name, "annotations": annotations}, "status": {"conditions": ready},
            }))
        };
        let all = [
            pod("old", true, "0", 1),
            pod("young", true, "0", 2),
            pod("marked", true, "-2147483648", 1),
            pod("starting", false, "9", 1),
        ];
        let mut pods: Vec<&Arc<Value>> = all.iter().collect();
        sort_by_deletion_order(&mut pods);
        let names: Vec<&str> = pods.iter().map(|pod| meta(pod, "name")).collect();
        assert_eq!(names, ["starting", "marked", "young", "old"]);
    }
}
