//! The simulation itself: the real operator makes a scale-up in it, and a seed repeats a run.

use crate::simulation::Simulation;
use serde_json::json;

fn scale_up(seed: u64) -> Vec<String> {
    let mut simulation = Simulation::new(seed, &json!({}), 3);
    simulation.run(1_000);
    simulation.world().push(25);
    let pushed_at = simulation.world().workload.now;
    simulation.until(200, |world| world.workload.desired == 5);
    let world = simulation.world();
    let write = world.scales[0];
    assert_eq!((write.from, write.to), (3, 5), "{:?}", world.scales);
    assert!(write.at - pushed_at < 20, "{} ms", write.at - pushed_at);
    drop(world);
    simulation.run(5_000);
    assert_eq!(simulation.deaths, 0);
    let world = simulation.world();
    assert_eq!(world.pool["status"]["desiredReplicas"], 5);
    world.log.clone()
}

#[test]
fn a_push_scales_up_and_the_same_seed_gives_the_same_log() {
    let log = scale_up(7);
    assert_eq!(log, scale_up(7));
    assert_eq!(log, scale_up(7));
}
