//! `check` compares the grace of the target's pods with what its tasks and its queue system need.

use crate::check_cluster::{Cluster, finding};
use crate::commands::{POOLS, list, pool};
use serde_json::{Value, json};

const TARGET: &str = "/apis/apps/v1/namespaces/default/deployments/filter-worker";

/// The finding on a pool for `system` whose longest task ran for `longest` ms, and whose pods have `template`.
fn grace(system: &str, longest: Option<i64>, template: &Value, lang: &str) -> Value {
    let mut filters = pool("filters", "redis://127.0.0.1:1/0");
    filters["spec"]["queues"][0]["system"] = system.into();
    filters["status"] = json!({"observedGeneration": 2, "metrics": {"longestTaskMillis": longest}});
    let target = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "filter-worker", "namespace": "default"},
        "spec": {"replicas": 3, "template": template},
    });
    let cluster = Cluster::new("redis://127.0.0.1:1/0")
        .with(POOLS, list(&[filters]))
        .with(TARGET, target);
    let output = cluster.check("class", &["-o", "json", "--lang", lang], &[]);
    finding(&output, "grace")
}

#[test]
fn a_grace_shorter_than_the_longest_task_is_a_warning_with_its_line() {
    let default = json!({"spec": {"containers": []}});
    let short = grace("RQ", Some(95_000), &default, "en");
    assert_eq!(short["status"], "warning");
    assert_eq!(
        short["text"],
        "terminationGracePeriodSeconds is 30, the longest task seen ran for 1 min 35 s: a pod's end interrupts tasks"
    );
    assert_eq!(
        short["fix"],
        r#"kubectl -n default patch deployment filter-worker --type=merge -p '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":120}}}}'"#
    );
    let long = json!({"spec": {"containers": [], "terminationGracePeriodSeconds": 120}});
    assert_eq!(grace("RQ", Some(95_000), &long, "en")["status"], "ok");
    let spanish = grace("RQ", Some(95_000), &default, "es");
    assert!(
        spanish["text"]
            .as_str()
            .unwrap()
            .ends_with("el fin de un pod interrumpe tareas")
    );
}

#[test]
fn what_the_system_needs_is_compared_too() {
    let least = json!({"spec": {"containers": [], "terminationGracePeriodSeconds": 10}});
    let short = grace("Sidekiq", None, &least, "en");
    let fix = short["fix"].as_str().unwrap_or_default();
    assert!(
        fix.contains(r#""terminationGracePeriodSeconds":30"#),
        "{short}"
    );
    let line = grace("BullMQ", None, &least, "en");
    assert_eq!(line["status"], "ok");
    let text = line["text"].as_str().unwrap_or_default();
    assert!(
        text.ends_with(r#"process.on("SIGTERM", () => worker.close())"#),
        "{text}"
    );
    assert_eq!(grace("RQ", None, &Value::Null, "en"), Value::Null);
}
