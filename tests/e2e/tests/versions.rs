//! The Kubernetes version of the cluster that KUBECONFIG names, which needs no nodes: the installation, the admission
//! rules and policies, and a pool that is scaled by an operator with the rights of `manifests/install.yaml`. `make matrix` runs it.
#![allow(
    clippy::expect_used,
    reason = "a test panics where a user would see the error"
)]

use e2e::refusals::assert_rejected;
use e2e::tenants::{assert_operator_is_limited, assert_pools_need_rights};
use e2e::world::{World, eventually, require, words};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::process::Process;
use testkit::redis::RedisServer;
use testkit::root;

const CRD: &str = "workerpools.workerpool.dev";

/// A kubeconfig for this service account.
fn account(world: &World, name: &str, folder: &Path) -> PathBuf {
    let text = world.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]);
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    let token = ["create", "token", name, "-n", "workerpool-system"];
    config["users"][0]["user"] = json!({"token": world.kubectl(&token).trim()});
    let path = folder.join(name);
    std::fs::write(&path, config.to_string()).expect("the kubeconfig");
    path
}

/// Installs in the order of Argo CD: the chart's Job when there is no CRD, the CRD with the rest, and the Job again at the
/// next sync. The Job runs as a process with its own account.
fn install(world: &World, folder: &Path) {
    let chart = root().join("charts/workerpool");
    let line = "template workerpool -n workerpool-system -s templates/crd-upgrade.yaml";
    let hook = Command::new("helm").args(words(line)).arg(chart).output();
    let file = folder.join("hook.yaml");
    std::fs::write(&file, hook.expect("helm runs").stdout).expect("the hook");
    let file = file.to_str().expect("UTF-8");
    world.kubectl(&["create", "namespace", "workerpool-system"]);
    world.kubectl(&["apply", "-n", "workerpool-system", "-f", file]);
    let config = account(world, "workerpool-crd", folder);
    let run_job = || {
        let job = Command::new(testkit::operator())
            .args(["crd", "--apply"])
            .env("KUBECONFIG", &config)
            .status();
        assert!(job.expect("the operator runs").success(), "the Job");
    };
    let crds = || world.kubectl(&["get", "crd", "-o", "name"]);
    run_job();
    assert!(!crds().contains("workerpools"), "the Job may not create it");
    let manifest = root().join("manifests/install.yaml");
    let manifest = manifest.to_str().expect("UTF-8");
    let namespace = "--namespace=workerpool-system";
    world.kubectl(&["apply", "--server-side", namespace, "-f", manifest]);
    let outdate = r#"[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]"#;
    world.kubectl(&["patch", "crd", CRD, "--type=json", "-p", outdate]);
    run_job();
    let first = "jsonpath={.spec.versions[0].additionalPrinterColumns[0].name}";
    assert_eq!(world.kubectl(&["get", "crd", CRD, "-o", first]), "Target");
}

/// A Deployment whose pods no node runs, and a pool for it.
fn objects(redis: &str) -> [Value; 2] {
    let labels = json!({"app": "filter-worker"});
    [
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "filter-worker"},
            "spec": {"selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [{"name": "worker", "image": "none"}]},
            }},
        }),
        json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "filters"},
            "spec": {
                "scaleTargetRef": {"name": "filter-worker"}, "minReplicas": 2, "maxReplicas": 6,
                "redis": {"address": redis}, "queues": [{"name": "jobs", "system": "List"}],
                "scaleUp": {"queueLength": 8, "step": 2, "cooldown": "1s"},
                "scaleDown": {"queueLength": 2, "idleFor": "1h"},
            },
        }),
    ]
}

/// Waits until the Deployment's spec has this many replicas, and its controller has created as many pods.
fn scaled_to(world: &World, replicas: i64) {
    eventually(&format!("{replicas} replicas"), || {
        let deployment = world.json(&["get", "deployment", "filter-worker"]);
        let counts = [&deployment["spec"], &deployment["status"]]
            .map(|part| part["replicas"].as_i64().unwrap_or(0));
        match counts {
            [spec, pods] if spec == replicas && pods == replicas => Ok(()),
            counts => Err(format!("{counts:?}: {:?}", world.decision())),
        }
    });
}

#[test]
fn installs_admits_and_scales() {
    let world = World {
        namespace: "matrix".to_owned(),
    };
    let folder = tempfile::tempdir().expect("a folder");
    world.kubectl(&["create", "namespace", "matrix"]);
    install(&world, folder.path());
    assert_rejected(|pool| world.apply(pool));

    let redis = RedisServer::start();
    for object in objects(&redis.url()) {
        world.must_apply(&object);
    }
    let mut operator = Command::new(testkit::operator());
    operator.args(["--listen=127.0.0.1:0", "--log=warn"]);
    let config = account(&world, "workerpool", folder.path());
    let _operator = Process::start(operator.env("KUBECONFIG", config));
    scaled_to(&world, 2);
    let pod = ["get", "pods", "-o", "jsonpath={.items[0].metadata.name}"];
    let pod = world.kubectl(&pod);
    assert_operator_is_limited(&world, "workerpool-system:workerpool", &pod);
    assert_pools_need_rights(&world);

    let jobs: Vec<String> = (0..20).map(|job| job.to_string()).collect();
    redis.run(&format!("LPUSH jobs {}", jobs.join(" ")));
    scaled_to(&world, 6);
    world.kubectl_line("wait wp/filters --for=condition=Ready --timeout=30s");
    let table = world.kubectl(&["get", "wp"]);
    assert!(table.contains("Deployment/filter-worker"), "{table}");
    world.kubectl(&["scale", "wp/filters", "--replicas=3"]);
    scaled_to(&world, 3);
    eventually("a history of all changes", || {
        let path = world.path();
        let changes: Vec<_> = path.iter().map(|(from, to, _)| (*from, *to)).collect();
        require(changes == [(1, 2), (2, 4), (4, 6), (6, 3)], || {
            format!("{path:?}")
        })
    });
}
