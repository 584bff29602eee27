//! `stress` on a full queue, with a scripted API server and a real redis-server.

use serde_json::json;
use std::process::Command;
use testkit::api_server::ApiServer;
use testkit::redis::RedisServer;

#[test]
fn full_queue_refuses_a_burst_with_the_reason() {
    let redis = RedisServer::start();
    let pool = json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": "filters", "namespace": "default", "generation": 1, "resourceVersion": "1"},
        "spec": {
            "scaleTargetRef": {"name": "filter-worker"}, "minReplicas": 3, "maxReplicas": 10,
            "redis": {"address": redis.url()}, "queues": [{"name": "tasks"}],
        },
    });
    let list = json!({"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPoolList", "metadata": {}, "items": [pool]});
    let pools = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools";
    let api = ApiServer::start([("GET", pools, 200, list)]);
    let unread = redis::cmd("HSET")
        .arg(&["wp:{tasks}:unread", "99999999", "100000"])
        .take();
    unread.exec(&mut redis.connect()).expect("unread results");
    let home = tempfile::tempdir().expect("a directory");
    let kubeconfig = home.path().join("config");
    std::fs::write(&kubeconfig, api.kubeconfig()).expect("a kubeconfig");
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"))
        .args(["stress", "--tasks", "2500"])
        .env("KUBECONFIG", kubeconfig)
        .env("LANG", "C")
        .output()
        .expect("the program runs");
    let stderr = String::from_utf8(output.stderr).expect("text");
    let expected =
        "the queue refused the tasks after 0 of 2500: 100000 results wait to be read: collect them";
    assert!(
        !output.status.success() && stderr.contains(expected),
        "{stderr}"
    );
    assert_eq!(
        redis::Commands::llen(&mut redis.connect(), "wp:{tasks}:ready"),
        Ok(0)
    );
}
