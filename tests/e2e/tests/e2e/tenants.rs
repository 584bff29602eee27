//! Two tenants and one operator. A user who may do everything in one namespace with the role `edit`, and create pools there,
//! tries what a pool can be made to do: nothing of the other namespace is read, written, delayed or shown.

use crate::dashboard::{pools_with, port_forward};
use e2e::tenants::{apply_as, kubectl_as};
use e2e::world::{World, eventually, require, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::MALFORMED_SECRETS;

const TENANT: &str = "e2e-tenant";
const USER: &str = "system:serviceaccount:e2e-tenant:tenant";
/// What only the owner's Secret and the owner's Redis hold.
const OWNERS: &str = "0wner5";
/// The cluster roles of the operator's reviews of tokens.
const REVIEWS: &str = "e2e-tenants-reviews";

/// A pool named after its target, with a queue that the owner has.
fn pool(name: &str, redis: &Value) -> Value {
    json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": name},
        "spec": {"scaleTargetRef": {"name": name}, "minReplicas": 0, "maxReplicas": 2, "redis": redis,
            "queues": [{"name": OWNERS, "system": "List"}], "scaleUp": {"queueLength": 1}},
    })
}

fn secret(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"redis-password": value}})
}

fn from_secret(name: &str) -> Value {
    json!({"addressFrom": {"secretKeyRef": {"name": name, "key": "redis-password"}}})
}

/// The tenant's namespace, and what the tenant does there.
struct Tenant(World);

impl Tenant {
    /// The namespace, whose tenant may edit it, and pools.
    fn new() -> Self {
        let world = World {
            namespace: TENANT.to_owned(),
        };
        world.create_namespace();
        world.kubectl(&["create", "serviceaccount", "tenant"]);
        let verbs = "--verb=get,list,watch,create,update,patch,delete";
        let pools = "--resource=workerpools.workerpool.dev";
        world.kubectl(&["create", "role", "pools", verbs, pools]);
        let account = format!("--serviceaccount={TENANT}:tenant");
        for binding in ["edit --clusterrole=edit", "pools --role=pools"] {
            world.kubectl_line(&format!("create rolebinding {binding} {account}"));
        }
        Self(world)
    }

    /// Applies an object as the tenant.
    fn apply(&self, object: &Value) -> Result<String, String> {
        apply_as(&self.0, USER, &object.to_string())
    }

    /// Creates a target without replicas, and a pool for it.
    fn create(&self, name: &str, redis: &Value) {
        let image = "--image=registry.invalid/none:1";
        let target = ["create", "deployment", name, image, "--replicas=0"];
        kubectl_as(&self.0, USER, &target).expect("a target");
        // A new role takes effect a moment after it is created.
        eventually(name, || self.apply(&pool(name, redis)));
    }

    /// Waits until the pool's message contains `part`.
    fn expect_message(&self, name: &str, part: &str) {
        eventually(&format!("{name}: {part}"), || {
            let pool = self.0.json(&["get", "wp", name]);
            let message = pool["status"]["decision"]["message"]
                .as_str()
                .unwrap_or_default();
            let metrics = pool["status"]["metrics"]["ready"]["value"].clone();
            assert_eq!(metrics, Value::Null, "{name} knows the length of a queue");
            require(message.contains(part), || message.to_owned())
        });
    }
}

/// Redis of the owner as it could be named, and what no pool may connect to.
fn forbidden(owner: &World) -> Vec<(&'static str, String)> {
    let service = owner.kubectl_line("get service redis -o jsonpath={.spec.clusterIP}");
    let first = "jsonpath={.items[0].status.podIP}";
    let select = "get pods -l app.kubernetes.io/component=redis";
    let pod = owner.kubectl_line(&format!("{select} -o {first}"));
    let api = "get service kubernetes -n default -o jsonpath={.spec.clusterIP}";
    let api = owner.command(&words(api)).output().expect("kubectl runs");
    let api = String::from_utf8_lossy(&api.stdout).into_owned();
    vec![
        ("other-name", format!("redis.{}:6379", owner.namespace)),
        (
            "other-full",
            format!("redis.{}.svc.cluster.local:6379", owner.namespace),
        ),
        ("other-service", format!("{service}:6379")),
        ("other-pod", format!("{pod}:6379")),
        ("external", "leads-out:6379".to_owned()),
        ("metadata", "169.254.169.254:80".to_owned()),
        ("loopback", "127.0.0.1:8080".to_owned()),
        ("loopback6", "[::1]:8080".to_owned()),
        ("api-name", "kubernetes.default.svc:443".to_owned()),
        ("api", format!("{api}:443")),
    ]
}

/// How many connections of the operator the owner's Redis has.
fn connections(owner: &World) -> usize {
    let operator = owner.json(&["get", "pod", &owner.operator()]);
    let ip = operator["status"]["podIP"]
        .as_str()
        .expect("an address")
        .to_owned();
    let clients = owner.redis(&["CLIENT", "LIST"]);
    clients.matches(&format!(" addr={ip}:")).count()
}

/// Pins the owner's pool to one more replica, and returns how long it took until the target had it.
fn reaction(owner: &World, replicas: i64) -> Duration {
    let pin = format!("--replicas={replicas}");
    owner.kubectl(&["scale", "wp/filters", &pin]);
    let start = Instant::now();
    eventually("the scale-up", || match owner.replicas() {
        found if found == replicas => Ok(start.elapsed()),
        other => Err(other.to_string()),
    })
}

/// Pools that ask for as much as a spec allows: 32 queues, ten times a second, on a Redis of the tenant.
fn make_noise(tenant: &Tenant, owner: &World) {
    let redis = owner.json(&["get", "deployment", "redis"]);
    let image = redis["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    let container = json!({"name": "redis", "image": image, "command": ["redis-server"],
        "args": ["--save", "", "--protected-mode", "no"], "workingDir": "/tmp",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]});
    let labels = json!({"app": "own"});
    let own = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "own"}, "spec": {
            "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "own"},
            "spec": {"selector": labels, "ports": [{"port": 6379}]}},
    ]});
    tenant.apply(&own).expect("a Redis of the tenant");
    tenant
        .0
        .kubectl(&["rollout", "status", "deployment/own", "--timeout=120s"]);
    for number in 0..5 {
        let name = format!("noisy-{number}");
        tenant.create(&name, &json!({"address": "redis://own:6379/0"}));
        let queues: Vec<Value> = (0..32)
            .map(|queue| json!({"name": format!("jobs-{number}-{queue}"), "system": "List"}))
            .collect();
        let change = json!({"spec": {"interval": "100ms", "queues": queues}}).to_string();
        let patch = ["patch", "wp", &name, "--type", "merge", "-p", &change];
        kubectl_as(&tenant.0, USER, &patch).expect("a change");
    }
    eventually("a reading of the noisy pools", || {
        let pool = tenant.0.json(&["get", "wp", "noisy-4"]);
        match pool["status"]["metrics"]["ready"]["value"].as_i64() {
            Some(0) => Ok(()),
            other => Err(format!(
                "{other:?} {}",
                pool["status"]["decision"]["message"]
            )),
        }
    });
}

/// Everything in which the operator shows something, to the tenant or to anybody.
fn shown(owner: &World, tenant: &Tenant, dashboard: &str, headers: &str) -> String {
    let metrics = format!(
        "/api/v1/namespaces/{}/pods/{}:8080/proxy/metrics",
        owner.namespace,
        owner.operator()
    );
    let page = pools_with(dashboard, headers).expect("the pools of the tenant");
    let names = page.as_array().cloned().unwrap_or_default();
    let strangers = names.iter().filter(|it| it["namespace"] != TENANT).count();
    assert_eq!(strangers, 0, "the dashboard shows pools of others: {page}");
    assert!(names.len() > MALFORMED_SECRETS.len(), "{page}");
    let described = tenant.0.workerpool(&["explain", "bad-0"]);
    [
        tenant.0.kubectl(&["get", "wp", "-o", "json"]),
        tenant.0.kubectl(&["get", "events", "-o", "json"]),
        owner.kubectl(&["get", "events", "-o", "json"]),
        owner.kubectl(&["logs", "deployment/wp-workerpool", "--tail=-1"]),
        owner.kubectl(&["get", "--raw", &metrics]),
        page.to_string(),
        described,
    ]
    .join("\n")
}

/// An operator that serves both namespaces and may read their Secrets, and a dashboard with a login.
fn serve_both(owner: &World) {
    let both = format!("{{{},{TENANT}}}", owner.namespace);
    let set = format!("watchNamespaces={both},rbac.secrets={both},dashboard.auth=token");
    owner.upgrade(&set);
    owner.allow_reviews(REVIEWS);
}

/// The owner's Secret and target have no name in the tenant's namespace.
fn names_what_is_of_the_other(tenant: &Tenant) {
    tenant.create("no-secret", &from_secret("redis"));
    tenant.expect_message("no-secret", "Secret redis does not exist in e2e-tenant");
    let own = json!({"address": "redis://own:6379/0"});
    eventually("a pool for a target that is not here", || {
        tenant.apply(&pool("filter-worker", &own))
    });
    tenant.expect_message("filter-worker", "filter-worker");
    for name in [
        "../../e2e-owner/deployments/filter-worker",
        "e2e-owner/filter-worker",
    ] {
        let mut across = pool("across", &own);
        across["spec"]["scaleTargetRef"]["name"] = name.into();
        tenant.apply(&across).expect_err("a name with a path");
    }
}

/// No destination but the Services of the tenant's namespace.
fn connects_nowhere(tenant: &Tenant, owner: &World) {
    let leads_out = format!(
        "--external-name=redis.{}.svc.cluster.local",
        owner.namespace
    );
    let create = ["create", "service", "externalname", "leads-out", &leads_out];
    kubectl_as(&tenant.0, USER, &create).expect("a Service");
    let forbidden = forbidden(owner);
    for (name, address) in &forbidden {
        tenant.create(name, &json!({"address": format!("redis://{address}/0")}));
    }
    for (name, _) in &forbidden {
        tenant.expect_message(name, " connect to ");
    }
}

/// Secrets that hold no address.
fn names_malformed_secrets(tenant: &Tenant) {
    for (number, value) in MALFORMED_SECRETS.iter().enumerate() {
        let name = format!("bad-{number}");
        tenant.apply(&secret(&name, value)).expect("a Secret");
        tenant.create(&name, &from_secret(&name));
    }
    for number in 0..MALFORMED_SECRETS.len() {
        let part = format!("Secret bad-{number}, key redis-password, ");
        tenant.expect_message(&format!("bad-{number}"), &part);
    }
}

#[test]
fn a_tenant_reaches_nothing_of_another() {
    let owner = World::install("owner", &json!({"replicas": 3, "maxReplicas": 8}));
    let tenant = Tenant::new();
    owner.must_apply(&secret("redis", &format!("redis://:{OWNERS}@redis:6379/0")));
    owner.redis(&["LPUSH", OWNERS, "a", "b", "c", "d", "e", "f", "g"]);
    serve_both(&owner);
    owner.expect_metric("live", 3);
    let path = owner.path();
    assert_eq!(connections(&owner), 1);
    let alone: Vec<Duration> = (4..=5).map(|replicas| reaction(&owner, replicas)).collect();

    names_what_is_of_the_other(&tenant);
    connects_nowhere(&tenant, &owner);
    names_malformed_secrets(&tenant);
    make_noise(&tenant, &owner);
    let noisy: Vec<Duration> = (6..=8).map(|replicas| reaction(&owner, replicas)).collect();
    eprintln!("from the pin to the replicas: alone {alone:?}, beside a noisy tenant {noisy:?}");
    assert!(
        // A busy machine takes seconds; a tenant that is served before all others takes the deadline.
        noisy.iter().all(|took| *took < Duration::from_secs(20)),
        "{noisy:?}"
    );

    let (_forward, dashboard) = port_forward(&owner);
    let token = tenant.0.kubectl(&["create", "token", "tenant"]);
    let headers = format!("authorization: Bearer {}\r\n", token.trim());
    eventually("the dashboard", || pools_with(&dashboard, &headers));
    let shown = shown(&owner, &tenant, &dashboard, &headers);
    for part in ["canary", "\u{1b}", "\\u001b", "PRIVATE"] {
        assert_eq!(shown.matches(part).count(), 0, "{part} is shown");
    }
    // The name of the queue is the tenant's own text.
    assert!(
        !shown.contains(&format!(":{OWNERS}@")),
        "the owner's Secret is shown"
    );
    assert_eq!(
        connections(&owner),
        1,
        "no pool of the tenant has a connection"
    );
    let changes = owner.path().len() - path.len();
    assert_eq!(changes, 5, "the owner's own pins: {:?}", owner.path());
    owner.kubectl(&["delete", "clusterrolebinding", REVIEWS]);
}
