//! Statuses that the API server refuses.

use crate::simulation::Simulation;
use crate::world::World;
use serde_json::json;

fn status_writes(world: &World) -> usize {
    let is_write = |line: &&String| line.contains("/workerpools/a/status");
    world.log.iter().filter(is_write).count()
}

#[test]
fn a_refused_status_is_written_again_after_growing_pauses() {
    let mut simulation = Simulation::new(1, &json!({}), 3);
    simulation.world().may_write_status = false;
    simulation.world().push(100);
    simulation.run(60_000);
    let writes = status_writes(&simulation.world());
    assert!((3..=7).contains(&writes), "{writes} in 60 s");
    // It is written soon after it can be, with all that the memory has.
    simulation.world().may_write_status = true;
    simulation.until(16_000, |world| {
        world.pool["status"]["internal"]["desired"] == world.workload.desired
    });
    assert_eq!(simulation.deaths, 0);
}
