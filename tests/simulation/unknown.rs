//! While nothing is known, nothing is lowered.

use crate::simulation::Simulation;
use crate::world::World;
use serde_json::json;

/// The last count of the other target.
fn last(world: &World) -> Option<i64> {
    world.other_scales.last().map(|(_, _, to)| *to)
}

/// A scale-down of this kind is written as soon as it is decided: no poll must confirm that its pods are idle.
#[test]
fn a_target_whose_pods_cannot_be_chosen_keeps_its_count_while_redis_does_not_answer() {
    let rules = json!({"queueLength": 2, "idleFor": "2s", "step": 2, "cooldown": "20s"});
    let mut simulation = Simulation::without_operator(1, &json!({}), 3);
    simulation.world().add_pool_of(
        "rollout",
        "argoproj.io/v1alpha1",
        "Rollout",
        &json!({"scaleDown": rules}),
    );
    simulation.world().others[0]["spec"]["replicas"] = 7.into();
    simulation.add_operator(crate::simulation::settings());
    simulation.until(30_000, |world| last(world) == Some(5));
    let now = simulation.world().workload.now;
    simulation.world().stalled_until = now + 60_000;
    // The simulation looks at each step for what was last read.
    simulation.run(55_000);
    assert_eq!(last(&simulation.world()), Some(5));
    simulation.until(40_000, |world| last(world) == Some(3));
}
