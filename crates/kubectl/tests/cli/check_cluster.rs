//! `check` on a cluster that answers: each state with the command that fixes it, on a scripted API server and a real
//! Redis.

use crate::check_redis::limited_redis;
use crate::commands::{POOLS, list, pool, program};
use serde_json::{Value, json};
use testkit::api_server::{ApiServer, kubeconfig};
use testkit::root;

const TARGET: &str = "/apis/apps/v1/namespaces/default/deployments/filter-worker";
pub const PODS: &str = "/api/v1/namespaces/default/pods";
const OPERATOR_PODS: &str = "/api/v1/namespaces/tools/pods";
const OPERATORS: &str = "/apis/apps/v1/deployments";
const CRD: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workerpools.workerpool.dev";
const VERSION: &str = env!("CARGO_PKG_VERSION");

type Response = (&'static str, String, u16, Value);

/// The responses of a cluster in which all is well; a test replaces some.
pub struct Cluster(Vec<Response>);

impl Cluster {
    pub fn new(redis: &str) -> Self {
        let allowed = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {}, "status": {"allowed": true}});
        let version = json!({"major": "1", "minor": "35", "gitVersion": "v1.35.4", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""});
        let mut filters = pool("filters", redis);
        filters["status"] = json!({"observedGeneration": 2});
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "filter-worker"}, "spec": {"replicas": 0}, "status": {"replicas": 0, "selector": "app=filter-worker"}});
        let crd = serde_json::to_value(api::crd()).unwrap();
        Self(vec![
            ("GET", "/version".into(), 200, version),
            ("POST", review.into(), 201, allowed),
            (
                "GET",
                OPERATORS.into(),
                200,
                deployments(&[operator("ops", VERSION)]),
            ),
            ("GET", OPERATOR_PODS.into(), 200, pods(&[])),
            ("GET", policy("pods"), 200, binding()),
            ("GET", policy("pools"), 200, binding()),
            ("GET", CRD.into(), 200, crd),
            ("GET", POOLS.into(), 200, list(&[filters])),
            ("GET", format!("{TARGET}/scale"), 200, scale),
            ("GET", TARGET.into(), 200, target(&json!({}), &[])),
            ("GET", PODS.into(), 200, pods(&[])),
        ])
    }

    /// Another body for the responses at `path`; null is 404.
    pub fn with(mut self, path: &str, body: Value) -> Self {
        self.0.retain(|(_, at, ..)| at != path);
        if !body.is_null() {
            self.0.push(("GET", path.into(), 200, body));
        }
        self
    }

    fn start(&self) -> ApiServer {
        let responses = self.0.iter();
        ApiServer::start(
            responses
                .map(|(method, path, code, body)| (*method, path.as_str(), *code, body.clone())),
        )
    }

    /// The output of `check` in a clone of the repository.
    pub fn check(&self, context: &str, args: &[&str], env: &[(&str, &str)]) -> String {
        let api = self.start();
        let other = "contexts: [{name: kind-workerpool, context: {cluster: c, user: u}}, ";
        let server = format!("http://{}", api.address());
        let kubeconfig = kubeconfig(&server, context).replace("contexts: [", other);
        run(&kubeconfig, args, env)
    }
}

/// The exit code and standard output of `check`.
pub fn run(kubeconfig: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let config = Some(kubeconfig).filter(|it| !it.is_empty());
    let (home, mut program) = program(config, env);
    program.arg("check").args(args).current_dir(root());
    let output = program.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace(&home.path().display().to_string(), "HOME");
    format!("exit {}\n{text}", output.status.code().unwrap())
}

/// The finding on `component`, from the output as JSON.
pub fn finding(output: &str, component: &str) -> Value {
    let (_, json) = output.split_once('\n').unwrap();
    let all: Vec<Value> = serde_json::from_str(json).unwrap();
    let found = all.into_iter().find(|it| it["component"] == component);
    found.unwrap_or(Value::Null)
}

pub fn deployments(items: &[Value]) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": items})
}

/// The operator of a helm release in namespace tools.
fn operator(release: &str, version: &str) -> Value {
    json!({
        "metadata": {
            "name": "ops-workerpool", "namespace": "tools",
            "labels": {"app.kubernetes.io/version": version},
            "annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "tools"},
        },
        "spec": {"replicas": 1, "selector": {}, "template": {}}, "status": {"readyReplicas": 1},
    })
}

/// The path of the binding of an admission policy of [`operator`].
fn policy(name: &str) -> String {
    format!(
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/ops-workerpool-tools-{name}"
    )
}

fn binding() -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {}})
}

fn target(annotations: &Value, managed_fields: &[Value]) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "filter-worker", "namespace": "default", "annotations": annotations, "managedFields": managed_fields},
        "spec": {"replicas": 3},
    })
}

pub fn pods(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items})
}

/// A pod of ours that waits for its image.
pub fn waiting(name: &str, component: &str, image: &str, reason: &str) -> Value {
    json!({
        "metadata": {
            "name": format!("{name}-5d9-x2"), "namespace": "tools",
            "labels": {"app.kubernetes.io/name": "workerpool", "app.kubernetes.io/component": component, "pod-template-hash": "5d9"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-5d9"), "uid": "1", "controller": true}],
        },
        "spec": {"containers": []},
        "status": {"containerStatuses": [{
            "name": component, "image": image, "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": format!("failed to pull image \"{image}\": rpc error: not found")}},
        }]},
    })
}

#[test]
fn nothing_is_installed_into_a_foreign_cluster() {
    let empty = Cluster::new("redis://r")
        .with(OPERATORS, deployments(&[]))
        .with(CRD, Value::Null);
    let output = empty.check("prod", &[], &[]);
    assert!(
        output.contains("✘ context          prod has no WorkerPools; kind-workerpool,")
            && output.ends_with("→ kubectl config use-context kind-workerpool\n"),
        "{output}"
    );
    assert!(
        !output.contains("helm") && !output.contains("make"),
        "{output}"
    );
    let output = empty.check("prod", &["--context", "prod"], &[]);
    assert!(
        output.ends_with("→ kubectl workerpool check --context kind-workerpool\n"),
        "{output}"
    );
    // On the demo's own cluster the demo is what is missing.
    let output = empty.check("kind-workerpool", &[], &[]);
    assert!(
        output.contains("✘ operator         not installed") && output.contains("→ make demo\n"),
        "{output}"
    );
}

#[test]
fn commands_name_the_release_as_found() {
    let mut crd = serde_json::to_value(api::crd()).unwrap();
    let memory =
        "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/internal/properties";
    let memory = crd.pointer_mut(memory).unwrap().as_object_mut().unwrap();
    memory.remove("startup");
    let old = Cluster::new("redis://127.0.0.1:1")
        .with(OPERATORS, deployments(&[operator("ops", "0.0.9")]))
        .with(CRD, crd);
    let output = old.check("prod", &["-o", "json"], &[]);
    let text = finding(&output, "API")["text"].to_string();
    assert!(
        text.contains("lacks fields of this program") && text.contains(": status.internal.startup"),
        "{text}"
    );
    assert_eq!(
        finding(&output, "API")["fix"],
        "helm upgrade ops charts/workerpool --namespace tools --reset-then-reuse-values"
    );
}

#[test]
fn missing_admission_policies_are_named() {
    let redis = limited_redis();
    let missing = Cluster::new(&redis.url()).with(&policy("pods"), Value::Null);
    let text = missing.check("prod", &[], &[]);
    assert!(
        text.contains(
            "⚠ admission        the admission policies ops-workerpool-tools-pods are missing"
        ),
        "{text}"
    );
    let fix = "--namespace tools --reset-then-reuse-values --set admissionPolicies.enabled=true";
    assert!(text.contains(fix), "{text}");
    let all = Cluster::new(&redis.url()).check("prod", &[], &[]);
    assert!(!all.contains("admission"), "{all}");
}

#[test]
fn images_that_cannot_be_pulled_are_named() {
    let ours = |name: &str| format!("ghcr.io/workerpool-dev/workerpool-{name}:{VERSION}");
    let image = ours("operator");
    let pod = waiting("ops-workerpool", "operator", &image, "ImagePullBackOff");
    let worker = waiting(
        "filter-worker",
        "worker",
        "docker.io/me/worker:9",
        "ErrImageNeverPull",
    );
    // A pod of the user's own.
    let mut worker = worker;
    worker["metadata"]["labels"] = json!({"pod-template-hash": "5d9"});
    let broken = Cluster::new("redis://127.0.0.1:1")
        .with(OPERATOR_PODS, pods(&[pod]))
        .with(PODS, pods(&[worker]));
    let output = broken.check("kind-workerpool", &["-o", "json"], &[]);
    let (operator, target) = (finding(&output, "operator"), finding(&output, "target"));
    let text = format!("image {image} cannot be pulled (ImagePullBackOff: not found)");
    assert!(
        operator["text"].as_str().unwrap().ends_with(&text),
        "{operator}"
    );
    assert_eq!(
        operator["fix"],
        "make kind-load && kubectl -n tools delete pod ops-workerpool-5d9-x2"
    );
    assert_eq!(
        target["fix"],
        "kubectl -n tools set image deployment/filter-worker worker=IMAGE   (or load it: kind load docker-image docker.io/me/worker:9 --name workerpool && kubectl -n tools delete pod filter-worker-5d9-x2)"
    );
    let output = broken.check("prod", &["-o", "json", "--lang", "es"], &[]);
    let operator = finding(&output, "operator");
    assert!(
        operator["text"]
            .as_str()
            .unwrap()
            .contains("no se puede descargar la imagen"),
        "{operator}"
    );
    assert!(
        operator["fix"].as_str().unwrap().starts_with(
            "kubectl -n tools set image deployment/ops-workerpool operator=IMAGE   (o suba "
        ),
        "{operator}"
    );
}

#[test]
fn who_else_sets_the_replicas_is_a_warning() {
    let redis = limited_redis();
    let applied =
        json!({"kubectl.kubernetes.io/last-applied-configuration": r#"{"spec":{"replicas":3}}"#});
    let entry = |manager: &str, operation: &str| json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
    let release =
        json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "prod"});
    let ours = entry("workerpool-operator", "Apply");
    for (target, fix) in [
        (
            target(&applied, &[]),
            Some("kubectl -n default apply edit-last-applied deployment/filter-worker"),
        ),
        (
            target(&json!({}), &[ours.clone(), entry("kubectl", "Apply")]),
            Some("--field-manager=workerpool-operator -f -"),
        ),
        (
            target(&release, &[entry("helm", "Update")]),
            Some("helm upgrade shop CHART --namespace prod"),
        ),
        (
            target(&json!({}), &[ours, entry("kubectl-edit", "Update")]),
            None,
        ),
    ] {
        let cluster = Cluster::new(&redis.url()).with(TARGET, target);
        let output = cluster.check("prod", &["-o", "json"], &[]);
        assert!(output.starts_with("exit 0\n"), "{output}");
        let found = finding(&output, "replicas");
        let text = found["fix"].as_str();
        assert!(
            text.is_some() == fix.is_some()
                && text.unwrap_or_default().contains(fix.unwrap_or_default()),
            "{found}"
        );
        assert!(fix.is_none() || found["status"] == "warning", "{found}");
    }
}

#[test]
fn pools_elsewhere_are_named() {
    let redis = limited_redis();
    let mut elsewhere = pool("filters", &redis.url());
    elsewhere["metadata"]["namespace"] = "class".into();
    let all = "/apis/workerpool.dev/v1alpha1/workerpools";
    let other = Cluster::new(&redis.url())
        .with(POOLS, list(&[]))
        .with(all, list(&[elsewhere]));
    let output = other.check("prod", &[], &[]);
    assert!(
        output.ends_with("→ kubectl workerpool check -n class filters\n"),
        "{output}"
    );
    let output = other.with(all, list(&[])).check("prod", &[], &[]);
    assert!(
        output.ends_with(
            "→ kubectl -n default apply -f manifests/redis-and-worker.yaml -f manifests/demo.yaml\n"
        ),
        "{output}"
    );
}

#[test]
fn a_proxy_that_catches_what_is_near_is_a_warning() {
    let redis = limited_redis();
    let cluster = Cluster::new(&redis.url());
    let proxy = ("HTTPS_PROXY", "http://user:secret@proxy:3128");
    let output = cluster.check("prod", &[], &[proxy, ("NO_PROXY", "corp.example,")]);
    assert!(!output.contains("secret"), "{output}");
    // kube refuses the comma at the end before anything can be checked.
    let output = cluster.check("prod", &[], &[proxy, ("NO_PROXY", "corp.example")]);
    assert!(
        output.starts_with(
            "exit 0\n⚠ proxy            HTTPS_PROXY also catches localhost, 127.0.0.1, "
        ) && output.contains("→ export NO_PROXY=localhost,127.0.0.1,corp.example\n"),
        "{output}"
    );
    let output = cluster.check("prod", &[], &[proxy, ("no_proxy", "localhost,127.0.0.0/8")]);
    assert!(!output.contains("proxy"), "{output}");
}

#[test]
fn before_a_cluster_each_need_is_checked() {
    // Another test or program may hold the port already, which serves as well.
    let held = std::net::TcpListener::bind("127.0.0.1:8000");
    let output = run("", &[], &[]);
    let who = if held.is_ok() {
        "8000 is taken by cli-".to_owned()
    } else {
        "8000 is taken".to_owned()
    };
    assert!(output.contains(&who), "{output}");
    assert!(
        output.contains("→ sed -i.bak 's/hostPort: 8000/hostPort: 80")
            || output.contains("stop --local"),
        "{output}"
    );
    assert!(
        output.contains("✘ cluster          no cluster yet: HOME/config does not exist\n")
            && output
                .ends_with("→ make demo   (without Kubernetes: kubectl workerpool demo --local)\n"),
        "{output}"
    );
    let no_current = "{apiVersion: v1, kind: Config, contexts: [{name: other, context: {cluster: c, user: u}}, {name: kind-workerpool, context: {cluster: c, user: u}}]}";
    let output = run(no_current, &["--lang", "es"], &[]);
    assert!(
        output.contains("no tiene contexto actual; tiene: other, kind-workerpool")
            && output.ends_with("→ kubectl config use-context kind-workerpool\n"),
        "{output}"
    );
}
