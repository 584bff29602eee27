//! `check` of Redis: it only reads, tolerates refusals, and warns of its memory.

use crate::check_cluster::{Cluster, PODS, deployments, finding, pods, waiting};
use crate::commands::{POOLS, list, pool};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use testkit::process::Process;
use testkit::redis::RedisServer;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A Redis with a limit, as check wants it.
pub fn limited_redis() -> RedisServer {
    RedisServer::start_with(&["--maxmemory", "100mb"])
}

#[test]
fn a_healthy_cluster_passes_and_redis_is_only_read() {
    let redis = limited_redis();
    let mut monitor = Command::new("redis-cli")
        .args(["-u", &redis.url(), "monitor"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    let _monitor = Process::from(monitor);
    assert_eq!(lines.next().unwrap().unwrap(), "OK");
    let output = Cluster::new(&redis.url()).check("kind-workerpool", &[], &[]);
    // Docker and kind are missing, since PATH is empty.
    let failed: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with('✘'))
        .collect();
    assert!(
        failed.len() == 2 && output.contains("notifies of changes"),
        "{output}"
    );
    redis.run("ECHO end");
    let mut commands = Vec::new();
    for line in lines.map_while(Result::ok) {
        let words: Vec<String> = line
            .split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_uppercase)
            .collect();
        if words[0] == "ECHO" {
            break;
        }
        commands.push(words[0].clone());
    }
    commands.sort();
    commands.dedup();
    let reads = [
        "CLIENT", "CONFIG", "EVAL_RO", "GET", "HELLO", "HMGET", "INFO", "LINDEX", "LLEN", "MULTI",
        "PING", "ROLE", "SCARD", "SMEMBERS", "TIME", "ZCARD", "ZCOUNT",
    ];
    let other: Vec<_> = commands
        .iter()
        .filter(|it| !reads.contains(&it.as_str()))
        .collect();
    assert!(other.is_empty() && commands.len() > 3, "{commands:?}");
}

#[test]
fn refused_info_and_config_are_no_failure() {
    let redis = limited_redis();
    redis.run("ACL SETUSER few on >pw ~* +llen +client|tracking +client|caching");
    let url = redis.url().replace("redis://", "redis://few:pw@");
    let mut filters = pool("filters", &url);
    filters["spec"]["queues"] = json!([{"name": "tasks", "system": "List"}]);
    filters["status"] = json!({"observedGeneration": 2});
    let cluster = Cluster::new(&url).with(POOLS, list(&[filters]));
    let output = cluster.check("prod", &[], &[]);
    assert!(
        output.starts_with("exit 0\n") && output.contains("INFO is refused"),
        "{output}"
    );
    assert!(!output.contains('⚠') && !output.contains("pw@"), "{output}");

    redis.run("ACL SETUSER few -llen");
    let output = cluster.check("prod", &[], &[]);
    assert!(output.starts_with("exit 1\n"), "{output}");
    assert!(
        output.contains("→ redis-cli ACL SETUSER few +llen\n"),
        "{output}"
    );
}

#[rstest::rstest]
#[case("0", "noeviction", "maxmemory is 0", "CONFIG SET maxmemory ")]
#[case(
    "100mb",
    "allkeys-lru",
    "maxmemory-policy is allkeys-lru",
    "CONFIG SET maxmemory-policy noeviction\n"
)]
fn memory_without_limit_or_with_eviction_warns(
    #[case] limit: &str,
    #[case] policy: &str,
    #[case] text: &str,
    #[case] fix: &str,
) {
    let options = ["--maxmemory", limit, "--maxmemory-policy", policy];
    let redis = RedisServer::start_with(&options);
    let cluster = Cluster::new(&redis.url());
    let output = cluster.check("prod", &["-o", "json"], &[]);
    let memory = finding(&output, "memory");
    assert!(
        output.starts_with("exit 0\n") && memory["status"] == "warning",
        "{output}"
    );
    assert!(
        memory["text"].as_str().unwrap().starts_with(text),
        "{memory}"
    );
    let command = memory["fix"].as_str().unwrap();
    assert!(
        command.starts_with("redis-cli -h 127.0.0.1 -p ") && command.contains(fix),
        "{command}"
    );
    let text = cluster.check("prod", &[], &[]);
    assert!(text.contains("⚠ memory ") && !text.contains('✘'), "{text}");
}

/// A Service whose pods cannot get their image, or whose Deployment is scaled to 0.
#[test]
fn redis_without_a_ready_pod_says_why() {
    let selector = json!({"app": "redis"});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "redis"}, "spec": {"selector": selector, "ports": [{"port": 6379}]}});
    let deployment = json!({"metadata": {"name": "redis"}, "spec": {"replicas": 0, "selector": {}, "template": {"metadata": {"labels": selector}}}});
    let zero = Cluster::new("redis://redis:6379")
        .with("/api/v1/namespaces/default/services/redis", service)
        .with(
            "/apis/apps/v1/namespaces/default/deployments",
            deployments(&[deployment]),
        );
    let output = zero.check("prod", &["-o", "json"], &[]);
    let redis = finding(&output, "Redis");
    assert_eq!(redis["text"], "redis:6379: deployment/redis is scaled to 0");
    assert_eq!(
        redis["fix"],
        "kubectl -n default scale deployment/redis --replicas=1"
    );
    let image = format!("ghcr.io/workerpool-dev/workerpool-redis:{VERSION}");
    let pulling = zero.with(
        PODS,
        pods(&[waiting("redis", "redis", &image, "ErrImagePull")]),
    );
    let output = pulling.check("kind-workerpool", &["-o", "json"], &[]);
    let redis = finding(&output, "Redis");
    assert_eq!(
        redis["fix"],
        "make kind-load && kubectl -n tools delete pod redis-5d9-x2"
    );
}
