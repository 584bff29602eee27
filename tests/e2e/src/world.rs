//! One release of the chart in a namespace of its own, and what the tests read from it.

use crate::reader;
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long to wait for anything that should happen: pods start slowly on two busy cores.
pub const TIMEOUT: Duration = Duration::from_secs(150);

/// How long [`eventually`] pauses. Tests side by side leave the processors to what they wait for: a check that starts kubectl
/// takes a tenth of a second of one.
pub const POLL: Duration = Duration::from_secs(1);

/// An installed demo whose operator serves only its own namespace. It is removed when dropped.
pub struct World {
    pub namespace: String,
}

fn run(program: &str, arguments: &[&str], input: Option<&str>) -> Output {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.stdin(if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        std::io::Write::write_all(&mut stdin, input.as_bytes()).expect("standard input");
    }
    child.wait_with_output().expect("the program ends")
}

fn run_ok(program: &str, arguments: &[&str], input: Option<&str>) -> String {
    let output = run(program, arguments, input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {}: {error}",
        arguments.join(" ")
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Repeats `check` until it succeeds, and panics with its last error after [`TIMEOUT`].
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + TIMEOUT;
    loop {
        match check() {
            Ok(found) => return found,
            Err(last) if Instant::now() > end => {
                panic!("{what} did not happen in {TIMEOUT:?}: {last}")
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// The name of an object.
pub fn name_of(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str();
    name.unwrap_or_default().to_owned()
}

/// Nothing where it is so, and else the error.
pub fn require(is_so: bool, error: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(error()) }
}

/// Its words, which have no spaces.
pub fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// The chart of this repository.
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/workerpool");

impl World {
    /// Installs the chart with its demo; `spec` changes the pool. Waits until three workers are live.
    pub fn install(name: &str, spec: &Value) -> Self {
        Self::install_with(name, spec, 3)
    }

    /// Installs the chart, and waits until `workers` workers are live.
    pub fn install_with(name: &str, spec: &Value, workers: i64) -> Self {
        let namespace = format!("e2e-{name}");
        let world = Self {
            namespace: namespace.clone(),
        };
        world.remove();
        // The demo's operator serves all namespaces, and would be a second one in this namespace.
        let uninstall = "uninstall workerpool -n default --ignore-not-found --wait";
        run("helm", &words(uninstall), None);
        let pool =
            json!({"demo": {"pool": {"spec": spec}}, "watchNamespaces": [namespace]}).to_string();
        let sets = "crds.upgrade=false,rbac.aggregateToUserRoles=false,demo.enabled=true";
        run_ok("kubectl", &["create", "namespace", &namespace], None);
        let crd = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/workerpools.yaml");
        let apply = "apply --server-side --force-conflicts -f";
        run_ok("kubectl", &[&words(apply)[..], &[crd]].concat(), None);
        let install = words("install wp --skip-crds -f - --wait --timeout 150s --set");
        let install = [&install[..], &[sets, CHART, "-n", &namespace]].concat();
        run_ok("helm", &install, Some(&pool));
        world.expect_metric("live", workers);
        world
    }

    /// Creates its namespace, without anything that it had before.
    pub fn create_namespace(&self) {
        let namespace = &self.namespace;
        let delete = format!("delete namespace {namespace} --ignore-not-found --wait");
        run("kubectl", &words(&delete), None);
        run_ok("kubectl", &["create", "namespace", namespace], None);
    }

    fn remove(&self) {
        let namespace = &self.namespace;
        let uninstall = format!("uninstall wp -n {namespace} --ignore-not-found --wait");
        run("helm", &words(&uninstall), None);
        let delete = format!("delete namespace {namespace} --ignore-not-found --wait");
        run("kubectl", &words(&delete), None);
    }

    /// A `kubectl` command that has not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(["-n", &self.namespace])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let all = [&["-n", &self.namespace], arguments].concat();
        run_ok("kubectl", &all, None)
    }

    /// The same with the words of `line`.
    pub fn kubectl_line(&self, line: &str) -> String {
        self.kubectl(&words(line))
    }

    /// Helm, in the release's namespace.
    pub fn helm(&self, arguments: &[&str]) -> String {
        let all = [&["-n", &self.namespace], arguments].concat();
        run_ok("helm", &all, None)
    }

    /// Upgrades the release with these values, as in `--set`, and waits until its pods are ready.
    pub fn upgrade(&self, values: &str) {
        let upgrade = words("upgrade wp --reuse-values --wait --timeout 150s");
        self.helm(&[&upgrade[..], &["--set", values, CHART]].concat());
    }

    /// Installs another release in the namespace, with these values, without the CRD.
    pub fn install_release(&self, name: &str, values: &str) {
        let install = words("install --skip-crds --wait --timeout 150s");
        self.helm(&[&install[..], &["--set", values, name, CHART]].concat());
    }

    /// Lets the operator ask who a token belongs to and what that account may do, by a binding of this name.
    pub fn allow_reviews(&self, binding: &str) {
        let operator = format!("--serviceaccount={}:wp-workerpool", self.namespace);
        let role = "--clusterrole=system:auth-delegator";
        self.kubectl_line(&format!(
            "delete clusterrolebinding {binding} --ignore-not-found"
        ));
        self.kubectl(&["create", "clusterrolebinding", binding, role, &operator]);
    }

    /// The plugin, as `kubectl workerpool`.
    pub fn workerpool(&self, arguments: &[&str]) -> String {
        let all = [&["workerpool", "-n", &self.namespace], arguments].concat();
        run_ok("kubectl", &all, None)
    }

    /// Queues so many tasks that keep a worker busy for so many seconds, and leave the processors to others.
    pub fn push_tasks(&self, tasks: usize, seconds: u32) {
        let [tasks, seconds] = [tasks.to_string(), seconds.to_string()];
        let given = ["--tasks", &tasks, "--task-seconds", &seconds];
        self.workerpool(&[&["stress", "--io"], &given[..]].concat());
    }

    /// Runs `kubectl apply` of `yaml`: whether it succeeded, and its error output.
    pub fn apply(&self, yaml: &str) -> (bool, String) {
        let apply = ["-n", &self.namespace, "apply", "-f", "-"];
        let output = run("kubectl", &apply, Some(yaml));
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// What `kubectl <arguments> -o json` prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        match reader::path(&self.namespace, arguments) {
            Some(path) => reader::read(&path),
            None => serde_json::from_str(&self.kubectl(&[arguments, &["-o", "json"]].concat()))
                .expect("JSON"),
        }
    }

    /// The same as [`Self::apply`] of what must be accepted.
    pub fn must_apply(&self, object: &Value) {
        let (applied, error) = self.apply(&object.to_string());
        assert!(applied, "{error}");
    }

    /// The items of a list.
    pub fn items(&self, arguments: &[&str]) -> Vec<Value> {
        let list = self.json(arguments);
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// The pods of a component of the chart.
    pub fn pods(&self, component: &str) -> Vec<Value> {
        let label = format!("app.kubernetes.io/component={component}");
        self.items(&["get", "pods", "-l", &label])
    }

    pub fn pool(&self) -> Value {
        self.json(&["get", "workerpool", "filters"])
    }

    /// Changes these fields of the pool's `spec`; null removes one.
    pub fn change_pool(&self, spec: &Value) {
        let change = json!({"spec": spec}).to_string();
        self.kubectl(&["patch", "wp", "filters", "--type", "merge", "-p", &change]);
    }

    /// Kills a pod without a grace period.
    pub fn kill(&self, pod: &str) {
        self.kubectl(&["delete", "pod", pod, "--force", "--grace-period=0"]);
    }

    /// `spec.replicas` of the workers' Deployment.
    pub fn replicas(&self) -> i64 {
        self.json(&["get", "deployment", "filter-worker"])["spec"]["replicas"]
            .as_i64()
            .expect("replicas")
    }

    /// Waits until the workers' Deployment has so many replicas, and the history says so: it is written afterwards.
    pub fn expect_replicas(&self, replicas: i64) {
        eventually(&format!("{replicas} replicas"), || {
            let (found, path) = (self.replicas(), self.path());
            let recorded = path.last().map(|(_, to, _)| *to);
            require(found == replicas && recorded == Some(found), || {
                format!("{found}: {:?} {path:?}", self.decision())
            })
        });
    }

    /// Waits until a metric in the pool's status has this value.
    pub fn expect_metric(&self, name: &str, value: i64) {
        eventually(&format!("{name}: {value}"), || {
            let found = self.metric(name);
            require(found == Some(value), || {
                format!("{found:?}: {}", self.decision().1)
            })
        });
    }

    /// Reason and message of the last decision.
    pub fn decision(&self) -> (String, String) {
        let decision = &self.pool()["status"]["decision"];
        let text = |field: &str| decision[field].as_str().unwrap_or_default().to_owned();
        (text("reason"), text("message"))
    }

    /// The changes of the replicas in order: from, to and reason.
    pub fn path(&self) -> Vec<(i64, i64, String)> {
        let pool = self.pool();
        let changes = pool["status"]["history"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let change = |change: &Value| {
            let number = |field: &str| change[field].as_i64().unwrap_or(-1);
            (
                number("from"),
                number("to"),
                change["reason"].as_str().unwrap_or_default().to_owned(),
            )
        };
        changes.iter().map(change).collect()
    }

    /// One of the metrics in the pool's status.
    pub fn metric(&self, name: &str) -> Option<i64> {
        self.pool()["status"]["metrics"][name]["value"].as_i64()
    }

    /// Runs a command in the release's Redis.
    pub fn redis(&self, arguments: &[&str]) -> String {
        let exec = ["exec", "deploy/redis", "--", "redis-cli"];
        self.kubectl(&[&exec[..], arguments].concat())
            .trim()
            .to_owned()
    }

    /// Name of the operator's pod.
    pub fn operator(&self) -> String {
        self.pods("operator")
            .first()
            .map_or_else(String::new, name_of)
    }

    pub fn scale(&self, deployment: &str, replicas: u32) {
        self.kubectl_line(&format!(
            "scale deployment/{deployment} --replicas={replicas}"
        ));
        if replicas > 0 {
            self.kubectl_line(&format!(
                "rollout status deployment/{deployment} --timeout=120s"
            ));
        } else {
            eventually("no pod left", || {
                let status = &self.json(&["get", "deployment", deployment])["status"];
                require(status["replicas"].as_i64().unwrap_or(0) == 0, || {
                    status.to_string()
                })
            });
        }
    }

    /// A Prometheus metric of the operator, read through the API server's proxy.
    pub fn operator_metric(&self, name: &str) -> f64 {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}:8080/proxy/metrics",
            self.namespace,
            self.operator()
        );
        let text = run_ok("kubectl", &["get", "--raw", &path], None);
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && !line.starts_with('#'));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0.0)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let namespace = &self.namespace;
            let objects = "get workerpools,deployments,pods,events -o wide";
            let pods = format!("-n {namespace} {objects}");
            let operator = "app.kubernetes.io/component=operator";
            let logs = format!("-n {namespace} logs -l {operator} --tail=50");
            let [pods, logs] = [pods, logs].map(|line| run("kubectl", &words(&line), None));
            for output in [pods, logs] {
                eprintln!("{}", String::from_utf8_lossy(&output.stdout));
            }
        }
        self.remove();
    }
}
