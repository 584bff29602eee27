//! `check` names the first broken link between it and the queues of a Redis, on real servers; and the commands go on through
//! TLS and Sentinel, also by the API server's port-forward.

use crate::check_cluster::{Cluster, PODS, finding, pods};
use crate::commands::{POOLS, list, pool, run_with};
use crate::probe::serve_all_slots;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use testkit::certificates::{Authority, Issued};
use testkit::port::free_port;
use testkit::redis::RedisServer;
use testkit::redis_cluster::RedisCluster;

pub fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A server that speaks TLS on a second port.
pub struct Secured {
    pub server: RedisServer,
    pub port: u16,
}

impl Secured {
    pub fn start(authority: &Authority, own: &Issued, clients: &str) -> Self {
        let options = ["--tls-auth-clients", clients, "--maxmemory", "100mb"];
        let (server, port) = RedisServer::start_with_certificate(authority, own, &options);
        Self { server, port }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// The finding on Redis of `check` with `args`, after its exit code.
pub fn check(args: &[&str]) -> String {
    let args = [&["check", "-o", "json", "--lang", "en"], args].concat();
    let output = run_with(&args, None, &[("THE_PASSWORD", "secret")]);
    assert!(!output.contains("secret"), "{output}");
    // A slow server is announced on standard error.
    let (output, _) = output.split_once("\n! ").unwrap_or((&output, ""));
    let (exit, _) = output.split_once('\n').unwrap();
    let finding = finding(output, "Redis");
    let part = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    format!(
        "{exit} {}: {} → {}",
        part("status"),
        part("text"),
        part("fix")
    )
}

const LOGIN: [&str; 4] = ["--username", "app", "--password-env", "THE_PASSWORD"];

/// Asserts that `check` fails at this link.
fn assert_broken(url: &str, args: &[&str], expected: &str) {
    let output = check(&[&["--redis", url], args].concat());
    assert!(
        output.starts_with("exit 1 failed: ") && output.contains(expected),
        "{args:?}: {output}"
    );
}

#[test]
fn each_kind_of_broken_tls_is_told_apart() {
    let (authority, other) = (Authority::new(), Authority::new());
    let name = "IP:127.0.0.1";
    let start = |own: Issued, clients| Secured::start(&authority, &own, clients);
    let between = |from, until| authority.issue_between(name, from, until);
    let well = start(authority.issue(name), "no");
    let expired = start(between("20200101000000Z", "20210101000000Z"), "no");
    let early = start(between("20980101000000Z", "20990101000000Z"), "no");
    let elsewhere = start(authority.issue("DNS:elsewhere"), "no");
    let asks = start(authority.issue(name), "yes");
    let (ca, stranger) = (text(&authority.certificate()), text(&other.certificate()));
    let own = other.issue("DNS:client");
    let (cert, key) = (text(&own.certificate), text(&own.key));
    let trusting = ["--cacert", &*ca];
    let client = ["--cacert", &ca, "--cert", &cert, "--key", &key];
    let other_key = ["--cacert", &ca, "--cert", &cert, "--key", &ca];
    let untrusted = "an authority that is not trusted";
    assert_broken(&expired.url(), &trusting, "its certificate has expired");
    assert_broken(&early.url(), &trusting, "its certificate is not valid yet");
    assert_broken(&well.url(), &["--tls"], untrusted);
    assert_broken(&well.url(), &["--cacert", &stranger], untrusted);
    let misnamed = "its certificate is not for the name 127.0.0.1";
    assert_broken(&elsewhere.url(), &trusting, misnamed);
    assert_broken(&asks.url(), &trusting, "it asks for a client certificate");
    assert_broken(&asks.url(), &client, "it refuses the client's certificate");
    assert_broken(&well.url(), &other_key, "private key is no PEM");
    let plain = well.server.url();
    assert_broken(&plain, &trusting, "the port may be one without TLS");
    assert_broken(&well.url(), &[], "the port may be one with TLS");
    let output = check(&["--redis", &well.url(), "--cacert", &ca]);
    assert!(
        output.starts_with("exit 0 ok: ") && output.contains("notifies of changes"),
        "{output}"
    );
}

#[test]
fn a_host_without_an_address_and_a_closed_port_are_named() {
    let closed = format!("redis://127.0.0.1:{}", free_port());
    assert_broken(&closed, &[], "connection refused");
    let unknown = "redis://no-such-host.invalid";
    assert_broken(unknown, &[], "its host name is not known");
}

#[test]
fn each_right_that_is_lacking_is_named_with_the_command_that_grants_it() {
    let server = RedisServer::start_with(&["--maxmemory", "100mb"]);
    let url = server.url();
    let of = |system| {
        let queue = ["--redis", &url, "--system", system, "--queue", "mail"];
        check(&[&queue[..], &LOGIN].concat())
    };
    assert!(of("RQ").contains("wrong user or password"), "{}", of("RQ"));
    server.run("ACL SETUSER app on >secret +multi %R~rq:* +@read +@connection +time");
    let output = of("RQ");
    assert!(output.starts_with("exit 0 ok: "), "{output}");
    server.run("ACL SETUSER app -hmget -zcount");
    let output = of("RQ");
    assert!(
        output.contains("lacks the right to zcount, hmget →")
            && output.ends_with("→ redis-cli ACL SETUSER app +zcount +hmget"),
        "{output}"
    );
    server.run("ACL SETUSER app +hmget +zcount resetkeys ~other");
    let output = of("RQ");
    assert!(
        output.contains("lacks the right to the keys")
            && output.ends_with("→ redis-cli ACL SETUSER app '%R~rq:*'"),
        "{output}"
    );
    // Without MULTI what changes nothing is run.
    server.run("ACL SETUSER app resetkeys %R~rq:* -multi -lindex");
    let output = of("RQ");
    assert!(
        output.ends_with("→ redis-cli ACL SETUSER app +lindex"),
        "{output}"
    );
    server.run("ACL SETUSER app +lindex +multi -client|tracking");
    let output = of("RQ");
    assert!(
        output.starts_with("exit 0 warning: ")
            && output.ends_with("→ redis-cli ACL SETUSER app '+client|tracking'"),
        "{output}"
    );
}

#[test]
fn a_right_that_only_a_script_or_a_drain_needs_is_named() {
    let server = RedisServer::start_with(&["--maxmemory", "100mb"]);
    let url = server.url();
    // What the user may do with a script is what it may do without.
    server.run("ACL SETUSER app on >secret +@all -smembers ~wp:*");
    let queue = ["--redis", &url, "--queue", "mail"];
    let output = check(&[&queue[..], &LOGIN].concat());
    assert!(
        output.ends_with("→ redis-cli ACL SETUSER app +smembers"),
        "{output}"
    );
    server.run("ACL SETUSER app +smembers -hsetnx");
    let args = ["check", "--redis", &url, "--queue", "mail", "--lang", "en"];
    let args = [&args[..], &LOGIN].concat();
    let output = run_with(&args, None, &[("THE_PASSWORD", "secret")]);
    assert!(
        output.starts_with("exit 0\n")
            && output.contains("⚠ Redis")
            && output.contains("→ redis-cli ACL SETUSER app +hsetnx\n"),
        "{output}"
    );
}

#[test]
fn nothing_that_is_tried_is_run() {
    let server = RedisServer::start();
    let url = server.url();
    for system in ["WorkerPool", "Celery", "Sidekiq"] {
        let output = check(&["--redis", &url, "--system", system, "--queue", "mail"]);
        assert!(output.starts_with("exit 0 ok: "), "{output}");
    }
    // Celery's workers are asked by the poll itself, whose list for the answers expires.
    let left: Vec<String> = server.query("KEYS *");
    let is_own = |key: &String| key.starts_with("workerpool-");
    assert!(left.iter().all(is_own), "{left:?}");
}

#[test]
fn a_slot_that_no_node_serves_is_named() {
    let bus = free_port().to_string();
    let node = RedisServer::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
    let address = format!("127.0.0.1:{}", node.port());
    let args = ["--cluster", &address, "--queue", "tasks"];
    let output = check(&args);
    assert!(
        output.contains("16384 of 16384 slots are not served"),
        "{output}"
    );
    serve_all_slots(&node);
    let output = check(&args);
    assert!(output.contains("(Cluster), Redis"), "{output}");
}

#[test]
fn stress_and_failed_take_the_options() {
    let authority = Authority::new();
    let own = authority.issue("IP:127.0.0.1");
    let secured = Secured::start(&authority, &own, "no");
    let (url, ca) = (secured.url(), text(&authority.certificate()));
    let there = ["--redis", &url, "--cacert", &ca, "--queue", "mail"];
    let run = |args: &[&str]| run_with(&[args, &there].concat(), None, &[]);
    let output = run(&["stress", "--tasks", "3"]);
    assert!(
        output.starts_with("exit 0\n") && output.contains("(3 tasks)"),
        "{output}"
    );
    let ready: usize = secured.server.query("LLEN wp:{mail}:ready");
    assert_eq!(ready, 3);
    let entry =
        r#"{"error":"broken","attempts":5,"at":1,"worker":"w","task":{"id":"a","at":1,"body":{}}}"#;
    secured
        .server
        .run(&format!("LPUSH wp:{{mail}}:failed {entry}"));
    let output = run(&["failed"]);
    assert!(
        output.contains("broken") && output.contains("failed --redis … --queue mail --retry"),
        "{output}"
    );
    let output = run(&["failed", "--retry", "--yes"]);
    assert!(output.starts_with("exit 0\nmail: 1 "), "{output}");
    for (args, expected) in [
        (
            &["stress", "--cacert", "x"][..],
            "name it with --redis, --sentinel or --cluster",
        ),
        (
            &["failed", "--username", "x"],
            "name it with --redis, --sentinel or --cluster",
        ),
        (
            &["check", "pool", "--redis", "redis://r"],
            "cannot be used with",
        ),
        (&["check", "--queue", "q"], "required"),
        (&["stress", "--sentinel", "s:1"], "--master <NAME>"),
    ] {
        let output = run_with(args, None, &[]);
        assert!(
            !output.starts_with("exit 0") && output.contains(expected),
            "{args:?}: {output}"
        );
    }
}

fn encoded(text: &[u8]) -> Value {
    BASE64_STANDARD.encode(text).into()
}

/// The Service `redis` with its pod, whose port is that of a server on this machine.
pub fn service(cluster: Cluster, port: u16) -> Cluster {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "redis"},
        "spec": {"selector": {"app": "redis"}, "ports": [{"port": 6379, "targetPort": port}]}});
    let pod = json!({"metadata": {"name": "redis-0"}, "spec": {"containers": []},
        "status": {"podIP": "10.1.2.3", "conditions": [{"type": "Ready", "status": "True"}]}});
    cluster
        .with("/api/v1/namespaces/default/services/redis", service)
        .with(PODS, pods(&[pod]))
}

/// A pool whose Redis is `spec`.
pub fn pool_of(spec: Value) -> Value {
    let mut pool = pool("filters", "");
    pool["spec"]["redis"] = spec;
    pool["status"] = json!({"observedGeneration": 2});
    list(&[pool])
}

#[test]
fn a_pool_is_reached_by_a_forward_through_tls_with_its_login() {
    let authority = Authority::new();
    let secured = Secured::start(&authority, &authority.issue("DNS:redis.example.com"), "yes");
    let client = authority.issue("DNS:client");
    secured.server.run("ACL SETUSER app on >secret ~* &* +@all");
    let read = |path: &Path| std::fs::read(path).unwrap();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "data": {
        "password": encoded(b"secret\n"), "tls.crt": encoded(&read(&client.certificate)), "tls.key": encoded(&read(&client.key)),
    }});
    let ca = String::from_utf8(read(&authority.certificate())).unwrap();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": ca}});
    let of_secret = |key: &str| json!({"secretKeyRef": {"name": "redis", "key": key}});
    let spec = json!({
        "address": "redis://redis:6379", "username": "app", "passwordFrom": of_secret("password"),
        "tls": {
            "caFrom": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}, "serverName": "redis.example.com",
            "certificateFrom": of_secret("tls.crt"), "keyFrom": of_secret("tls.key"),
        },
    });
    let with = |spec: &Value| {
        service(Cluster::new(""), secured.port)
            .with(POOLS, pool_of(spec.clone()))
            .with("/api/v1/namespaces/default/secrets/redis", secret.clone())
            .with("/api/v1/namespaces/default/configmaps/ca", map.clone())
    };
    let redis = |spec: &Value| finding(&with(spec).check("prod", &["-o", "json"], &[]), "Redis");
    let found = redis(&spec);
    assert_eq!(found["status"], "ok", "{found}");
    let mut broken = spec.clone();
    broken["tls"]["serverName"] = Value::Null;
    let found = redis(&broken);
    assert_eq!(
        found["text"],
        "Redis redis:6379: TLS: its certificate is not for the name redis"
    );
    assert_eq!(
        found["fix"],
        "kubectl -n default edit wp filters   (spec.redis.tls)"
    );
    let mut broken = spec.clone();
    broken["passwordFrom"] = of_secret("pass");
    let found = redis(&broken);
    assert_eq!(found["text"], "Secret redis has no key pass for Redis");
    let mut broken = spec;
    broken["passwordFrom"] = of_secret("tls.crt");
    let found = redis(&broken);
    let text = found["text"].as_str().unwrap();
    assert!(text.ends_with("wrong user or password"), "{found}");
}

#[test]
fn a_pool_of_a_redis_cluster_is_read_where_its_queues_are() {
    let nodes = RedisCluster::start();
    let mut pools = pool_of(json!({"cluster": {"addresses": ["redis"]}}));
    // Each in a slot of another primary.
    let names = ["a", "b", "c"];
    let owners = names.map(|name| nodes.find_owner(name));
    let owners: std::collections::BTreeSet<_> = owners.into_iter().collect();
    assert_eq!(owners.len(), names.len());
    let queues = names.map(|name| json!({"name": name, "system": "List"}));
    pools["items"][0]["spec"]["queues"] = json!(queues);
    let cluster = service(Cluster::new(""), nodes.node(0).port()).with(POOLS, pools);
    let found = finding(&cluster.check("prod", &["-o", "json"], &[]), "Redis");
    let text = found["text"].as_str().unwrap();
    assert!(text.starts_with("redis:6379 (Cluster), Redis"), "{found}");
    assert!(text.contains("notifies"), "{found}");
}
