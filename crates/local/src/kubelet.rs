//! Keeps as many pods as each Deployment wants: the parts of a Deployment's controller, a `ReplicaSet`'s and a kubelet
//! that a class can see.

use super::kind::{DEPLOYMENTS, Id, PODS};
use super::pod::{self, Ground};
use super::process::Found;
use super::server::mark_deleted;
use super::store::{Store, second};
use super::table::ready;
use crate::managed_fields;
use crate::managed_fields::Writer;
use crate::state_dir::StateDir;
use decide::victims::POD_DELETION_COST;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Letters and digits of a pod's name, as Kubernetes has them.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// When a pod was made, to the millisecond: its creation time knows seconds alone.
const BORN: &str = "workerpool.dev/born";

/// The controller and its pods.
pub struct Kubelet {
    ground: Ground,
    /// Tells each pod to go.
    pods: HashMap<String, CancellationToken>,
    /// What an earlier supervisor left running, by pod.
    left: HashMap<String, u32>,
    tasks: TaskTracker,
}

impl Kubelet {
    pub fn new(store: Arc<Store>, folder: StateDir, left: Vec<Found>) -> Self {
        let left = left.into_iter().map(|it| (it.pod, it.pid)).collect();
        Self {
            ground: Ground { store, folder },
            pods: HashMap::new(),
            left,
            tasks: TaskTracker::new(),
        }
    }

    /// Works until `stop`, which stops no pod.
    pub async fn run(&mut self, stop: &CancellationToken) {
        let mut changed = self.ground.store.subscribe();
        while !stop.is_cancelled() {
            changed.borrow_and_update();
            self.reconcile();
            tokio::select! {
                _ = changed.changed() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Ends all pods: first those that work, then Redis, within `grace` seconds each.
    pub async fn end(mut self, grace: i64) {
        let mut changed = self.ground.store.subscribe();
        for last in [false, true] {
            loop {
                changed.borrow_and_update();
                let (_, pods) = self.ground.store.list(&PODS, "");
                let mut going = pods
                    .iter()
                    .filter(|pod| last || owner(pod) != "redis")
                    .peekable();
                if going.peek().is_none() {
                    break;
                }
                going.for_each(|pod| self.delete(pod, Some(grace)));
                self.attend();
                let _ = changed.changed().await;
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn reconcile(&mut self) {
        let (_, deployments) = self.ground.store.list(&DEPLOYMENTS, "");
        let (_, pods) = self.ground.store.list(&PODS, "");
        for deployment in &deployments {
            let of = |pod: &&Arc<Value>| {
                owner(pod) == deployment["metadata"]["name"]
                    && pod["metadata"]["namespace"] == deployment["metadata"]["namespace"]
            };
            self.scale(deployment, &pods.iter().filter(of).collect::<Vec<_>>());
        }
        let known = |pod: &&Arc<Value>| {
            deployments
                .iter()
                .any(|it| owner(pod) == it["metadata"]["name"])
        };
        pods.iter()
            .filter(|pod| !known(pod))
            .for_each(|pod| self.delete(pod, None));
        self.attend();
    }

    /// Starts what is new, and tells to go what must.
    fn attend(&mut self) {
        let (_, pods) = self.ground.store.list(&PODS, "");
        for pod in &pods {
            let (name, namespace) = (text(pod, "name"), text(pod, "namespace"));
            let going = !pod["metadata"]["deletionTimestamp"].is_null();
            let left = self.left.remove(name);
            let told = self.pods.entry(name.to_owned()).or_insert_with(|| {
                let told = CancellationToken::new();
                let (ground, id) = (self.ground.clone(), Id::new(&PODS, namespace, name));
                self.tasks.spawn(pod::run(ground, id, told.clone(), left));
                told
            });
            if going {
                told.cancel();
            }
        }
        self.pods
            .retain(|name, _| pods.iter().any(|pod| text(pod, "name") == name));
    }

    fn scale(&self, deployment: &Value, pods: &[&Arc<Value>]) {
        let (name, namespace) = (text(deployment, "name"), text(deployment, "namespace"));
        let wanted =
            usize::try_from(deployment["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
        let hash = hash(&deployment["spec"]["template"]);
        let mut staying: Vec<&Arc<Value>> = pods
            .iter()
            .copied()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .collect();
        let new = |pod: &&&Arc<Value>| pod["metadata"]["labels"]["pod-template-hash"] == *hash;
        (staying.len()..wanted).for_each(|_| self.create(deployment, &hash));
        if staying.len() > wanted {
            rank(&mut staying);
            staying
                .iter()
                .take(staying.len() - wanted)
                .for_each(|pod| self.delete(pod, None));
        } else if let Some(old) = staying.iter().find(|pod| !new(pod)) {
            // A changed template: one after the other.
            if staying.len() == wanted && staying.iter().all(|pod| ready(pod)) {
                self.delete(old, None);
            }
        }
        let there = |which: &dyn Fn(&Value) -> bool| {
            pods.iter()
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null() && which(pod))
                .count()
        };
        let (all, well) = (there(&|_| true), there(&ready));
        let updated = there(&|pod| pod["metadata"]["labels"]["pod-template-hash"] == *hash);
        let status = json!({
            "observedGeneration": deployment["metadata"]["generation"], "replicas": all, "updatedReplicas": updated, "readyReplicas": well,
            "availableReplicas": well, "conditions": [{"type": "Available", "status": if well >= wanted { "True" } else { "False" }}],
        });
        let _ = self
            .ground
            .store
            .write(&Id::new(&DEPLOYMENTS, namespace, name), |now| {
                let mut now = now.cloned().unwrap_or_else(|| deployment.clone());
                now["status"] = status;
                Ok(now)
            });
    }

    fn create(&self, deployment: &Value, hash: &str) {
        let (name, namespace) = (text(deployment, "name"), text(deployment, "namespace"));
        let template = &deployment["spec"]["template"];
        let set = format!("{name}-{hash}");
        let tail: String = (0..5)
            .map(|_| char::from(LETTERS[fastrand::usize(..LETTERS.len())]))
            .collect();
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"],
            "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": second(Timestamp::now())}]},
        });
        pod["spec"]["nodeName"] = json!("here");
        let meta = &mut pod["metadata"];
        meta["labels"]["pod-template-hash"] = json!(hash);
        meta["annotations"][BORN] = json!(Timestamp::now().as_millisecond().to_string());
        meta["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": deployment["metadata"]["uid"], "controller": true}]);
        let id = Id::new(&PODS, namespace, &format!("{set}-{tail}"));
        let _ = self.ground.store.write(&id, |_| {
            managed_fields::updated(
                &json!({}),
                &mut pod,
                Writer {
                    manager: "workerpool-local",
                    part: "",
                    api_version: "v1",
                },
            );
            Ok(pod)
        });
    }

    fn delete(&self, pod: &Value, grace: Option<i64>) {
        let id = Id::new(&PODS, text(pod, "namespace"), text(pod, "name"));
        let missing = || crate::error::ApiError::missing("pods", &id.name);
        let _ = self
            .ground
            .store
            .write(&id, |pod| Ok(mark_deleted(pod.ok_or_else(missing)?, grace)));
    }
}

/// Who goes first, as a `ReplicaSet` has it: who is not ready, then the cheapest, then the youngest.
fn rank(pods: &mut [&Arc<Value>]) {
    fn number<T: std::str::FromStr + Default>(pod: &Value, key: &str) -> T {
        let text = pod["metadata"]["annotations"][key].as_str();
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }
    pods.sort_by_key(|pod| {
        (
            ready(pod),
            number::<i32>(pod, POD_DELETION_COST),
            Reverse(number::<u64>(pod, BORN)),
        )
    });
}

/// The Deployment of a pod: its `ReplicaSet`'s name without the hash.
fn owner(pod: &Value) -> &str {
    let set = pod["metadata"]["ownerReferences"][0]["name"]
        .as_str()
        .unwrap_or_default();
    set.rsplit_once('-').map_or(set, |(name, _)| name)
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"][key].as_str().unwrap_or_default()
}

fn hash(template: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    template.to_string().hash(&mut hasher);
    format!("{:010x}", hasher.finish() & 0xff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_first_is_a_replica_set_s_choice() {
        let pod = |name: &str, ready: bool, cost: &str, born: u64| {
            let ready = json!([{"type": "Ready", "status": if ready { "True" } else { "False" }}]);
            let marks = json!({POD_DELETION_COST: cost, BORN: born.to_string()});
            Arc::new(
                json!({"metadata": {"name": name, "annotations": marks}, "status": {"conditions": ready}}),
            )
        };
        let all = [
            pod("old", true, "0", 1),
            pod("young", true, "0", 2),
            pod("marked", true, "-2147483648", 1),
            pod("starting", false, "9", 1),
        ];
        let mut pods: Vec<&Arc<Value>> = all.iter().collect();
        rank(&mut pods);
        let names: Vec<&str> = pods.iter().map(|pod| text(pod, "name")).collect();
        assert_eq!(names, ["starting", "marked", "young", "old"]);
    }
}
