//! The operator with exactly the rights that the chart grants: none of its requests is refused, and it uses each of them. Without
//! one of these rights the test fails, and with one more, too.

use crate::chart_rights::Rights;
use crate::simulation::{Simulation, settings};
use crate::world::World;
use serde_json::json;
use workerpool_operator::run::Settings;

/// All that a release may be granted, by the sections of the chart's table: with a Lease, and with Secrets by name.
fn all() -> Rights {
    let elected =
        "watchNamespaces={back},crds.upgrade=false,rbac.aggregateToUserRoles=false,leaderElection";
    let named = "watchNamespaces={back,shop},rbac.secrets";
    let all = Rights::of("workerpool", elected).and(Rights::of("mine", named));
    let defaults = Rights::of("workerpool", "(defaults)").without_reviews();
    all.and(defaults)
}

/// Whether all pools have been decided on and the target of each other kind was written.
fn is_settled(world: &World) -> bool {
    let written: Vec<&str> = world.other_scales.iter().map(|it| it.1.as_str()).collect();
    ["set", "replicas", "rollout", "policy", "box"]
        .iter()
        .all(|name| written.contains(name))
}

#[test]
fn the_operator_uses_each_right_of_the_chart_and_no_other() {
    let from = json!({"secretKeyRef": {"name": "redis", "key": "redis-password"}});
    let spec = json!({
        "redis": {"address": "redis://127.0.0.1:6379", "passwordFrom": from},
        "scaleUp": {"queueLength": 8, "step": 2, "cooldown": "1s"},
        "scaleDown": {"queueLength": 2, "idleFor": "5s", "step": 2, "cooldown": "5s"},
    });
    let mut simulation = Simulation::without_operator(1, &spec, 3);
    {
        let mut world = simulation.world();
        world.passwords = vec!["old".to_owned()];
        world.set_secret("b2xk");
        // A target of each kind, smaller than its pool wants it.
        let kinds = [
            ("set", "apps/v1", "StatefulSet"),
            ("replicas", "apps/v1", "ReplicaSet"),
            ("rollout", "argoproj.io/v1alpha1", "Rollout"),
            ("policy", "example.com/v1", "Policy"),
            ("box", "example.com/v1", "Box"),
        ];
        for (name, api_version, kind) in kinds {
            world.add_pool_of(name, api_version, kind, &json!({"minReplicas": 4}));
        }
        // The certificates of one pool are in a ConfigMap.
        let ca = json!({"caFrom": {"configMapKeyRef": {"name": "mail", "key": "ca"}}});
        let redis = json!({"address": "rediss://127.0.0.1:6379", "tls": ca});
        world.add_pool("tls", "tls", &json!({"redis": redis}));
        world.rights = Some(all());
    }
    let kind = |text: &str| text.parse().unwrap();
    simulation.add_operator(Settings {
        leader_elect: true,
        lease_name: "workerpool".into(),
        target_kinds: vec![
            kind("argoproj.io/v1alpha1/Rollout"),
            kind("example.com/v1/Policy"),
            kind("example.com/v1/Box"),
        ],
        ..settings()
    });
    simulation.until(30_000, is_settled);
    simulation.world().push(25);
    simulation.until(60_000, |world| world.workload.desired >= 7);
    simulation.until(300_000, |world| world.workload.desired == 3);
    let world = simulation.world();
    world.rights.as_ref().unwrap().assert_all_needed();
}
