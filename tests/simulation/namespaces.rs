//! An operator of several namespaces, of which one is gone.

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
