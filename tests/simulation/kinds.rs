//! Kinds of targets that no API server has: what they cost ends with their pools.

use crate::simulation::{Simulation, settings};
use crate::world::POOLS;
use serde_json::{Value, json};

const KINDS: usize = 100;

/// The requests of a minute, and the tasks at its end.
fn minute(simulation: &mut Simulation) -> (usize, usize) {
    let before = simulation.world().requests;
    simulation.run(60_000);
    let requests = simulation.world().requests - before;
    (requests, simulation.tasks(0))
}

fn send(simulation: &Simulation, change: &str, pool: &Value) {
    let mut world = simulation.world();
    world.workload.version += 1;
    let version = world.workload.version;
    world.watches.send(POOLS, version, change, pool);
}

#[test]
fn requests_and_tasks_end_with_the_pools_of_invented_kinds() {
    let mut simulation = Simulation::without_operator(1, &json!({"interval": "10s"}), 3);
    let kind = |number: usize| format!("example.com/v1/Kind{number}").parse();
    let mut settings = settings();
    settings.target_kinds = (0..KINDS).map(|number| kind(number).unwrap()).collect();
    simulation.add_operator(settings);
    simulation.run(30_000);
    let before = minute(&mut simulation);
    let pools: Vec<Value> = (0..KINDS)
        .map(|number| {
            let name = format!("invented-{number}");
            simulation.world().add_pool(&name, "worker", &json!({}));
            let mut pool = simulation.world().rivals.pop().expect("a pool");
            pool["spec"]["scaleTargetRef"] = json!({"apiVersion": "example.com/v1",
                "kind": format!("Kind{number}"), "name": "worker"});
            pool
        })
        .collect();
    for pool in &pools {
        send(&simulation, "ADDED", pool);
    }
    let during = minute(&mut simulation);
    assert!(
        during.0 > before.0 + 2 * KINDS,
        "{during:?}, before {before:?}"
    );
    assert!(
        during.1 >= before.1 + KINDS,
        "{during:?}, before {before:?}"
    );
    for pool in &pools {
        send(&simulation, "DELETED", pool);
    }
    simulation.run(5_000);
    let after = minute(&mut simulation);
    assert!(after.0 <= before.0 + 2, "{after:?}, before {before:?}");
    assert!(after.1 <= before.1 + 2, "{after:?}, before {before:?}");
}
