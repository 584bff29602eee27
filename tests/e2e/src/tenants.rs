//! What the chart's two admission policies refuse, whatever RBAC allows.

use crate::world::{World, eventually};
use serde_json::{Value, json};

/// Changes of a pod by the operator's account, and what refuses them.
const POD_CHANGES: &[(&str, &str, Option<&str>)] = &[
    (
        "the deletion cost",
        r#"{"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-7"}}}"#,
        None,
    ),
    (
        "the deletion cost, and the user's own beside it",
        r#"{"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-8", "workerpool.dev/own-pod-deletion-cost": "5"}}}"#,
        None,
    ),
    (
        "no deletion cost any more",
        r#"{"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": null, "workerpool.dev/own-pod-deletion-cost": null}}}"#,
        None,
    ),
    (
        "another image",
        r#"{"spec": {"containers": [{"name": "worker", "image": "attacker"}]}}"#,
        Some("the operator may not change the spec of a pod"),
    ),
    (
        "a label, which takes the pod out of its Service",
        r#"{"metadata": {"labels": {"app": "attacker"}}}"#,
        Some("the operator may not change the labels, finalizers and owners of a pod"),
    ),
    (
        "a finalizer",
        r#"{"metadata": {"finalizers": ["attacker.example/hold"]}}"#,
        Some("the operator may not change the labels, finalizers and owners of a pod"),
    ),
    (
        "no owner any more",
        r#"{"metadata": {"ownerReferences": null}}"#,
        Some("the operator may not change the labels, finalizers and owners of a pod"),
    ),
    (
        "another annotation",
        r#"{"metadata": {"annotations": {"attacker.example/note": "1"}}}"#,
        Some("the operator may change no annotation of a pod but its deletion cost"),
    ),
];

/// Runs `kubectl` as this user: its output, or what was refused.
pub fn kubectl_as(world: &World, user: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = world.command(&[&["--as", user], arguments].concat());
    let output = command.output().expect("kubectl runs");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Applies an object as this user.
pub fn apply_as(world: &World, user: &str, object: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("object.json");
    std::fs::write(&path, object).expect("the object");
    let apply = ["apply", "-f", path.to_str().expect("UTF-8")];
    kubectl_as(world, user, &apply)
}

/// Asserts that the operator, whose service account `account` RBAC allows everything here, may change the deletion cost of
/// `pod` and nothing else of it.
pub fn assert_operator_is_limited(world: &World, account: &str, pod: &str) {
    let create = "create rolebinding operator-edits --clusterrole=edit";
    world.kubectl_line(&format!("{create} --serviceaccount={account}"));
    let user = format!("system:serviceaccount:{account}");
    for (case, change, refusal) in POD_CHANGES {
        let patch = ["patch", "pod", pod, "-p", change];
        // A new role and a new policy take effect a moment after they are created.
        eventually(case, || match (kubectl_as(world, &user, &patch), refusal) {
            (Ok(_), None) => Ok(()),
            (Err(error), Some(refusal)) if error.contains(refusal) => Ok(()),
            (result, _) => Err(format!("{result:?}")),
        });
    }
    world.kubectl(&["delete", "rolebinding", "operator-edits"]);
}

/// A pool of the tenant, for the target and with the Secret.
fn pool(address: &Value, queue: &str) -> String {
    json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "of-a-tenant"},
        "spec": {
            "scaleTargetRef": {"name": "of-a-tenant"}, "maxReplicas": 2, "redis": address,
            "queues": [{"name": queue, "system": "List"}], "scaleUp": {"queueLength": 1},
        },
    })
    .to_string()
}

/// Asserts that a user who may create `WorkerPool`s, and nothing else, gains no right by that: to let the operator read a
/// Secret or scale a Deployment, the user must be allowed to.
pub fn assert_pools_need_rights(world: &World) {
    const TENANT: &str = "tenant";
    let allow = |role: &str, verbs: &str, resource: &str| {
        let (verbs, resource) = (format!("--verb={verbs}"), format!("--resource={resource}"));
        world.kubectl(&["create", "role", role, &verbs, &resource]);
        let (role, user) = (format!("--role={role}"), format!("--user={TENANT}"));
        world.kubectl(&["create", "rolebinding", &role[7..], &role, &user]);
    };
    let apply = |pool: &str| apply_as(world, TENANT, pool);
    let refused = |pool: &str, refusal: &str| {
        eventually(refusal, || match apply(pool) {
            Err(error) if error.contains(refusal) => Ok(()),
            result => Err(format!("{result:?}")),
        });
    };
    let accepted = |case: &str, pool: &str| eventually(case, || apply(pool));
    let plain = json!({"address": "redis://redis:6379/0"});
    let secret =
        json!({"addressFrom": {"secretKeyRef": {"name": "of-somebody-else", "key": "address"}}});

    allow(
        "pools",
        "get,create,update,patch",
        "workerpools.workerpool.dev",
    );
    let namespace = &world.namespace;
    let no_scale = format!("you may not scale Deployment of-a-tenant in {namespace}");
    refused(&pool(&plain, "jobs"), &no_scale);
    allow("scales", "patch", "deployments.apps/scale");
    accepted("a pool for the tenant's own target", &pool(&plain, "jobs"));
    let no_secret = "you may not read the Secret of-somebody-else";
    refused(&pool(&secret, "jobs"), no_secret);
    allow("secrets", "get", "secrets");
    accepted("a pool with a Secret", &pool(&secret, "jobs"));

    // Who has lost a right may change everything but the spec.
    world.kubectl(&["delete", "rolebinding", "secrets"]);
    refused(&pool(&secret, "mail"), no_secret);
    let label = ["label", "wp", "of-a-tenant", "team=a"];
    kubectl_as(world, TENANT, &label).expect("a label");
    world.kubectl(&["delete", "wp", "of-a-tenant"]);
    for kind in ["rolebinding", "role"] {
        let names = ["pools", "scales", "secrets"];
        world.kubectl(&[&["delete", "--ignore-not-found", kind], &names[..]].concat());
    }
}
