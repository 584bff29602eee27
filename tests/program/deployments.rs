//! A small Kubernetes for one test: Deployments whose pods are threads that take tasks from Redis, each from an address of
//! its own, or programs that the test starts. Pods are created and deleted at once, those with the lowest `pod-deletion-cost` first.

use decide::victims::POD_DELETION_COST;
use redis::{FromRedisValue, Parser, RedisResult};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::api_server::ApiServer;
use testkit::local::until;

/// How long a task takes: as with KEDA's reader of lists.
const TASK: Duration = Duration::from_millis(100);
const POOLS: &str = "/apis/workerpool.dev/v1alpha1/workerpools";
const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";

/// How workers take tasks, and what they do with them afterwards.
#[derive(Clone, Copy, PartialEq)]
pub enum Tasks {
    List,
    Stream,
    DeletedFromStream,
    /// The test starts the workers.
    OfOthers,
}

struct Pod {
    address: Ipv4Addr,
    cost: Value,
    ended: Arc<AtomicBool>,
}

/// How many tasks are finished, and when the last one was.
type Finished = Arc<Mutex<(usize, Instant)>>;

struct Deployment {
    name: &'static str,
    tasks: Tasks,
    /// Of the Redis that has the tasks.
    port: u16,
    version: u64,
    is_published: bool,
    pods: BTreeMap<String, Pod>,
    /// Each replica count that was written, and when.
    scales: Vec<(Instant, i32)>,
    /// The decisions in the status of its pool.
    decisions: Vec<Value>,
    finished: Finished,
}

#[derive(Default)]
struct State {
    pools: Vec<Value>,
    all: Vec<Deployment>,
    version: u64,
    pods: u8,
}

/// The API server, and what it serves.
pub struct Deployments {
    pub api: ApiServer,
    state: Arc<Mutex<State>>,
}

impl Deployments {
    pub fn start(pools: Vec<Value>) -> Self {
        let state = State {
            pools,
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        let api = ApiServer::answering(move |method, path, body| {
            let answer = served.lock().unwrap().answer(method, path, body)?;
            Some((200, answer))
        });
        Self { api, state }
    }

    /// Creates one with so many pods. Its name is that of its namespace, its pool and the key of its tasks, too.
    pub fn create(&self, name: &'static str, tasks: Tasks, port: u16, replicas: i32) {
        let mut state = self.state.lock().unwrap();
        state.all.push(Deployment {
            name,
            tasks,
            port,
            version: 0,
            is_published: true,
            pods: BTreeMap::new(),
            scales: vec![],
            decisions: vec![],
            finished: Arc::new(Mutex::new((0, Instant::now()))),
        });
        state.scale(name, replicas);
    }

    pub fn wait_for_operator(&self) {
        self.api.wait_for_watchers(DEPLOYMENTS, 1);
        self.api.wait_for_watchers(POOLS, 1);
    }

    /// Waits until `get` returns something of a Deployment. The operator receives each change.
    pub fn until<T>(&self, name: &str, what: &str, get: impl Fn(&Status) -> Option<T>) -> T {
        until(&format!("{what} of {name}"), || {
            let mut state = self.state.lock().unwrap();
            let changed = state.all.iter_mut().filter(|it| !it.is_published);
            for deployment in changed {
                deployment.is_published = true;
                let object = deployment.object();
                self.api.send_event(DEPLOYMENTS, "MODIFIED", &object);
            }
            let found = state.all.iter().find(|it| it.name == name).unwrap();
            get(&Status {
                scales: &found.scales,
                decisions: &found.decisions,
                finished: *found.finished.lock().unwrap(),
                pods: found.pods.keys().collect(),
            })
        })
    }
}

/// What there is to wait for.
pub struct Status<'a> {
    /// Each replica count that was written, and when.
    pub scales: &'a [(Instant, i32)],
    /// The decisions of the pool.
    pub decisions: &'a [Value],
    /// How many tasks are finished, and when the last one was.
    pub finished: (usize, Instant),
    /// The names of its pods.
    pub pods: Vec<&'a String>,
}

/// The pool of the Deployment `name`.
pub fn pool(name: &str, mut spec: Value) -> Value {
    spec["scaleTargetRef"] = json!({"name": name});
    json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "spec": spec,
        "metadata": {"name": name, "namespace": name, "uid": name, "generation": 1,
            "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
    })
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let list = |kind: &str, version: &str, items: Vec<Value>| {
            json!({"kind": kind, "apiVersion": version,
            "metadata": {"resourceVersion": self.version.to_string()}, "items": items})
        };
        let parts: Vec<&str> = path.split('/').collect();
        Some(match (method, &parts[1..]) {
            ("GET", ["apis", group, version, "workerpools"]) => {
                let pools = self.pools.clone();
                list("WorkerPoolList", &format!("{group}/{version}"), pools)
            }
            ("GET", ["apis", "apps", version, "deployments"]) => {
                let all = self.all.iter().map(Deployment::object).collect();
                list("DeploymentList", &format!("apps/{version}"), all)
            }
            ("GET", ["apis", group, version, "horizontalpodautoscalers"]) => {
                let version = format!("{group}/{version}");
                list("HorizontalPodAutoscalerList", &version, vec![])
            }
            ("GET", ["api", "v1", "namespaces", name, "pods"]) => {
                let pods = self.deployment(name)?.pods.iter();
                let pods: Vec<_> = pods.map(|(pod, it)| it.object(pod, name)).collect();
                json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": pods})
            }
            ("PATCH", ["api", "v1", "namespaces", name, "pods", pod]) => {
                let found = self.deployment(name)?.pods.get_mut(*pod)?;
                let change = &body["metadata"]["annotations"];
                if let Some(cost) = change.get(POD_DELETION_COST) {
                    found.cost = cost.clone();
                }
                found.object(pod, name)
            }
            (
                "PATCH",
                [
                    "apis",
                    "apps",
                    _,
                    "namespaces",
                    name,
                    "deployments",
                    _,
                    "scale",
                ],
            ) => {
                let replicas = i32::try_from(body["spec"]["replicas"].as_i64()?).ok()?;
                self.scale(name, replicas);
                let version = self.version.to_string();
                json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": replicas},
                    "metadata": {"name": name, "namespace": name, "resourceVersion": version}})
            }
            ("PATCH", ["apis", _, _, "namespaces", name, "workerpools", _, "status"]) => {
                let decision = body["status"]["decision"].clone();
                self.deployment(name)?.decisions.push(decision);
                let mut pools = self.pools.iter();
                pools.find(|it| it["metadata"]["name"] == **name)?.clone()
            }
            ("POST", [.., "events"]) => json!({"metadata": {}}),
            _ => return None,
        })
    }

    fn deployment(&mut self, name: &str) -> Option<&mut Deployment> {
        self.all.iter_mut().find(|it| it.name == name)
    }

    /// Sets the replica count, as its controller follows it.
    fn scale(&mut self, name: &str, replicas: i32) {
        self.version += 1;
        let (version, mut address) = (self.version, self.pods);
        let deployment = self.deployment(name).unwrap();
        deployment.version = version;
        deployment.is_published = false;
        deployment.scales.push((Instant::now(), replicas));
        let count = usize::try_from(replicas).unwrap();
        while deployment.pods.len() < count {
            address += 1;
            deployment.start_pod(Ipv4Addr::new(127, 0, 1, address));
        }
        while deployment.pods.len() > count {
            let cost = |pod: &Pod| pod.cost.as_str().and_then(|it| it.parse::<i32>().ok());
            let pods = deployment.pods.iter();
            let first = pods.min_by_key(|(_, pod)| cost(pod).unwrap_or(0));
            let first = first.unwrap().0.clone();
            let pod = deployment.pods.remove(&first).unwrap();
            pod.ended.store(true, Ordering::Relaxed);
        }
        self.pods = address;
    }
}

impl Deployment {
    fn object(&self) -> Value {
        let (name, replicas) = (self.name, self.pods.len());
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": name, "uid": name, "generation": self.version,
                "resourceVersion": self.version.to_string()},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}},
            "status": {"replicas": replicas, "updatedReplicas": replicas, "observedGeneration": self.version},
        })
    }

    fn start_pod(&mut self, address: Ipv4Addr) {
        let ended = Arc::<AtomicBool>::default();
        let worker = Worker {
            key: self.name,
            tasks: self.tasks,
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            address,
            ended: Arc::clone(&ended),
            finished: Arc::clone(&self.finished),
        };
        if self.tasks != Tasks::OfOthers {
            // It ends with its pod, and with its Redis.
            std::thread::spawn(move || worker.run());
        }
        let pod = Pod {
            address,
            cost: Value::Null,
            ended,
        };
        self.pods.insert(format!("{}-{address}", self.name), pod);
    }
}

impl Pod {
    fn object(&self, pod: &str, namespace: &str) -> Value {
        let mut annotations = json!({});
        if self.cost.is_string() {
            annotations[POD_DELETION_COST] = self.cost.clone();
        }
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod, "namespace": namespace, "annotations": annotations, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{namespace}-1"), "uid": namespace, "controller": true}]},
            "spec": {"nodeName": "node"},
            "status": {"phase": "Running", "podIP": self.address.to_string(),
                "conditions": [{"type": "Ready", "status": "True"}]},
        })
    }
}

/// The program in a pod.
struct Worker {
    key: &'static str,
    tasks: Tasks,
    server: SocketAddr,
    address: Ipv4Addr,
    ended: Arc<AtomicBool>,
    finished: Finished,
}

impl Worker {
    fn run(&self) -> RedisResult<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((self.address, 0)).into())?;
        socket.connect(&self.server.into())?;
        let mut stream = TcpStream::from(socket);
        while !self.ended.load(Ordering::Relaxed) {
            let Some(entry) = self.take(&mut stream)? else {
                continue;
            };
            std::thread::sleep(TASK); // the task itself
            if self.tasks != Tasks::List {
                let group = ["XACK", self.key, "consumer-group-1", &*entry];
                query::<i64>(&mut stream, &group)?;
            }
            if self.tasks == Tasks::DeletedFromStream {
                query::<i64>(&mut stream, &["XDEL", self.key, &*entry])?;
            }
            let mut finished = self.finished.lock().unwrap();
            *finished = (finished.0 + 1, Instant::now());
        }
        Ok(())
    }

    /// Waits up to a second for a task.
    fn take(&self, stream: &mut TcpStream) -> RedisResult<Option<String>> {
        type Entries = Option<Vec<(String, Vec<(String, Vec<String>)>)>>;
        if self.tasks == Tasks::List {
            let taken: Option<(String, String)> = query(stream, &["BLPOP", self.key, "1"])?;
            return Ok(taken.map(|it| it.1));
        }
        let read = "XREADGROUP GROUP consumer-group-1 worker COUNT 1 BLOCK 1000 STREAMS";
        let read: Vec<&str> = read.split(' ').chain([self.key, ">"]).collect();
        let entries: Entries = query(stream, &read)?;
        let mut entries = entries.into_iter().flatten().flat_map(|it| it.1);
        Ok(entries.next().map(|it| it.0))
    }
}

fn query<T: FromRedisValue>(stream: &mut TcpStream, words: &[&str]) -> RedisResult<T> {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    stream.write_all(&command.get_packed_command())?;
    let value = Parser::new().parse_value(stream)?;
    Ok(redis::from_redis_value(value)?)
}
