//! Answers that come late.

use crate::simulation::Simulation;
use crate::world::{Fault, Trap};
use serde_json::json;

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
