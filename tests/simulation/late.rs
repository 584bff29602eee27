//! Answers that come late, and a scale-down that is taken back.

use crate::simulation::Simulation;
use crate::world::{Fault, Trap};
use decide::victims::{DELETE_FIRST, POD_DELETION_COST};
use serde_json::{Map, json};

#[test]
fn the_victims_of_a_scale_that_is_being_written_stay_drained_when_the_pool_is_deleted() {
    let mut simulation = Simulation::new(1, &json!({"replicas": 5}), 7);
    simulation.world().push(1_000);
    simulation.run(500);
    simulation.world().trap = Some(Trap {
        method: "PATCH",
        path: "/scale",
        fault: Fault::AnswerLate(4_000),
    });
    simulation.until(60_000, |world| world.workload.desired == 5);
    simulation.world().delete_pool();
    // No task is interrupted: the simulation looks at each step.
    simulation.run(10_000);
    assert_eq!(simulation.world().workload.deleted.len(), 2);
}

#[test]
fn a_users_own_deletion_cost_survives_a_scale_down_that_is_taken_back() {
    let spec =
        json!({"scaleDown": {"queueLength": 2, "idleFor": "2s", "step": 2, "cooldown": "40s"}});
    let mut simulation = Simulation::new(1, &spec, 7);
    let own = Map::from_iter([(POD_DELETION_COST.to_owned(), json!("7"))]);
    let names: Vec<String> = simulation.world().workload.pods.keys().cloned().collect();
    for name in &names {
        simulation
            .world()
            .annotations
            .insert(name.clone(), own.clone());
    }
    simulation.until(20_000, |world| {
        let mut pods = world.workload.pods.values();
        pods.any(|pod| pod.cost == DELETE_FIRST)
    });
    // Tasks arrive before the scale is written.
    simulation.world().workload.task = 100_000;
    simulation.world().push(100);
    simulation.run(15_000);
    let world = simulation.world();
    assert!(world.workload.leftovers().is_empty());
    assert!(names.iter().all(|name| world.annotations[name] == own));
}

#[test]
fn a_scale_down_ends_although_redis_is_slow_and_it_was_taken_back_before() {
    for redis_takes in [300, 900] {
        for millis in (0..4_000).step_by(400) {
            let mut simulation = Simulation::new(1, &json!({"replicas": 7}), 7);
            simulation.world().push(1_000);
            simulation.run(9_000);
            simulation.world().redis_takes = redis_takes;
            simulation.world().change_pool(&json!({"replicas": 5}));
            simulation.run(3_000 + millis);
            simulation.world().change_pool(&json!({"replicas": 7}));
            simulation.run(300);
            simulation.world().change_pool(&json!({"replicas": 5}));
            // No task is interrupted: the simulation looks at each step.
            simulation.until(60_000, |world| {
                world.workload.desired == 5 && world.workload.deleted.len() >= 2
            });
            simulation.run(8_000);
            assert!(simulation.world().workload.leftovers().is_empty());
        }
    }
}
