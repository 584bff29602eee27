//! Workers of a plain list, which only wait for tasks with BRPOP: by the list of clients, which Redis behind a Service keeps,
//! the operator knows which pods are idle, and removes no other.

use e2e::world::{World, eventually, require};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How long a task takes. The operator must have selected pods before the busy ones become idle, on a busy machine, too.
const TASK_SECONDS: u32 = 40;
const PODS: usize = 6;

/// A Deployment of workers, each of which is a `redis-cli` that takes a task and lets its time pass, and their pool.
fn workers(world: &World) -> Value {
    let redis = world.json(&["get", "deployment", "redis"])["spec"].clone();
    let server = &redis["template"]["spec"]["containers"][0];
    // The chart's NetworkPolicy lets this component connect to Redis.
    let mut labels = redis["selector"]["matchLabels"].clone();
    labels["app.kubernetes.io/component"] = "test".into();
    labels["app"] = "reports".into();
    let line = format!("redis-cli -h redis -r -1 -i {TASK_SECONDS} BRPOP reports 0");
    let container = json!({
        "name": "worker", "command": line.split(' ').collect::<Vec<_>>(),
        "image": server["image"], "imagePullPolicy": server["imagePullPolicy"],
        "securityContext": server["securityContext"],
    });
    // It does not end at SIGTERM, so one that is removed can be asked about for so long.
    let pod = json!({"terminationGracePeriodSeconds": 10, "containers": [container],
        "securityContext": redis["template"]["spec"]["securityContext"]});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "reports"}, "spec": {
            "replicas": PODS, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod}}},
        {"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "reports"}, "spec": {
            "scaleTargetRef": {"name": "reports"}, "minReplicas": 1, "maxReplicas": 8, "replicas": PODS,
            "redis": world.pool()["spec"]["redis"], "queues": [{"name": "reports", "system": "List"}],
            "scaleUp": {"queueLength": 100}}},
    ]})
}

/// The workers' pods by what Redis says of the connections from their addresses.
#[derive(Debug, Default)]
struct Workers {
    waiting: BTreeSet<String>,
    busy: BTreeSet<String>,
    /// Which of them are being deleted.
    ending: BTreeSet<String>,
}

impl Workers {
    /// Lists the pods, and then the clients of Redis.
    fn list(world: &World) -> Result<Self, String> {
        let mut workers = Self::default();
        let mut names = BTreeMap::new();
        for pod in world.items(&["get", "pods", "-l", "app=reports"]) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let name = text(&pod["metadata"]["name"]);
            if pod["metadata"].get("deletionTimestamp").is_some() {
                workers.ending.insert(name.clone());
            }
            names.insert(text(&pod["status"]["podIP"]), name);
        }
        let clients = world.redis(&["CLIENT", "LIST"]);
        for client in clients.lines().filter(|it| it.contains(" cmd=brpop ")) {
            let mut fields = client.split(' ').filter_map(|it| it.split_once('='));
            let mut field = |name| fields.find(|it| it.0 == name).map_or("", |it| it.1);
            let (address, flags) = (field("addr"), field("flags"));
            let pod = address.rsplit_once(':').and_then(|it| names.get(it.0));
            let Some(pod) = pod else {
                return Err(format!("no pod has the address of {client}"));
            };
            let is_new = if flags.contains('b') {
                workers.waiting.insert(pod.clone())
            } else {
                workers.busy.insert(pod.clone())
            };
            assert!(is_new, "two connections of {pod}");
        }
        Ok(workers)
    }

    /// Waits until `busy` of them have a task, and the others wait for one.
    fn expect(world: &World, busy: usize) -> Self {
        eventually(&format!("{busy} of {PODS} workers busy"), || {
            let workers = Self::list(world)?;
            let found = (workers.busy.len(), workers.waiting.len());
            if found == (busy, PODS - busy) {
                Ok(workers)
            } else {
                Err(format!("{workers:?}"))
            }
        })
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Record {
    /// The messages of the decisions.
    messages: BTreeSet<String>,
    removed: BTreeSet<String>,
}

impl Record {
    /// Scales the pool to `replicas`, and returns the pods that are removed. Each of them waits for a task when its end is
    /// seen: it lives on for a while, and a task takes longer than that.
    fn scale(&mut self, world: &World, replicas: usize) -> BTreeSet<String> {
        let before = self.removed.clone();
        let pin = format!("--replicas={replicas}");
        world.kubectl(&["scale", "wp/reports", &pin]);
        eventually(&format!("{replicas} workers"), || {
            let status = &world.json(&["get", "wp", "reports"])["status"];
            let message = status["decision"]["message"].to_string();
            self.messages.insert(message);
            let Workers { busy, ending, .. } = Workers::list(world)?;
            for pod in ending.difference(&self.removed) {
                assert!(!busy.contains(pod), "{pod} had a task: {self:?}");
            }
            self.removed.extend(ending);
            require(self.removed.len() == PODS - replicas, || {
                format!("{self:?}")
            })
        });
        self.removed.difference(&before).cloned().collect()
    }
}

/// The status shows what the list reports, and no decision doubts the list of clients.
fn expect_trust(world: &World, messages: &BTreeSet<String>) {
    let status = world.json(&["get", "wp", "reports"])["status"].clone();
    let metrics = &status["metrics"];
    assert_eq!(metrics["ready"]["value"], 0, "{metrics}");
    // Who is busy is asked for only when pods are selected.
    for name in ["live", "busy"] {
        let why = &metrics[name]["unavailable"];
        assert_eq!(*why, "the queue does not report it", "{name}");
    }
    let (decision, history) = (&status["decision"], &status["history"]);
    let all = format!("{messages:?} {decision} {history}");
    for doubt in ["which pods are busy", "unmatched", "refused"] {
        assert!(!all.contains(doubt), "{all}");
    }
}

#[test]
fn exactly_the_pods_that_wait_for_tasks_are_removed() {
    let pool = json!({"minReplicas": 1, "maxReplicas": 1});
    let world = World::install_with("waiting", &pool, 1);
    world.must_apply(&workers(&world));
    Workers::expect(&world, 0);
    world.redis(&["LPUSH", "reports", "a", "b", "c"]);
    let Workers { waiting, busy, .. } = Workers::expect(&world, 3);
    let mut record = Record::default();
    let removed = record.scale(&world, 3);
    assert_eq!(removed, waiting, "{record:?}");
    // All are busy now, and stay until they ask for work again.
    let removed = record.scale(&world, 1);
    assert!(removed.is_subset(&busy), "{removed:?}, {record:?}");
    let waits = |text: &String| text.contains("3 → 1 workers: waiting for reports-");
    assert!(record.messages.iter().any(waits), "{record:?}");
    expect_trust(&world, &record.messages);
}
