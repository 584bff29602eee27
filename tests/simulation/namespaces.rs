//! What belongs to others, a namespace or an object, concerns no pool.

use crate::simulation::{Simulation, settings};
use serde_json::json;
use workerpool_operator::run::Settings;

#[test]
fn a_namespace_that_cannot_be_read_concerns_no_other() {
    let mut simulation = Simulation::without_operator(1, &json!({}), 3);
    simulation.add_operator(Settings {
        namespaces: vec!["default".into(), "gone".into()],
        ..settings()
    });
    simulation.run(1_000);
    simulation.world().push(25);
    simulation.until(1_000, |world| world.workload.desired == 5);
}

#[test]
fn an_object_that_cannot_be_read_concerns_no_other_of_its_kind() {
    let mut simulation = Simulation::new(1, &json!({}), 3);
    let foreign = json!({"metadata": {"name": "foreign", "namespace": "other", "uid": "foreign"},
        "spec": {"replicas": "three", "selector": 7}, "status": "unknown"});
    simulation.world().others.push(foreign);
    simulation.world().push(25);
    simulation.until(1_000, |world| world.workload.desired == 5);
}
