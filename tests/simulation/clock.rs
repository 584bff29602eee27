//! The time of day is set forward and back, while time itself continues as ever.

use crate::simulation::Simulation;
use crate::world::World;
use serde_json::json;

const HOUR: i64 = 3_600_000;

#[test]
fn a_step_of_the_clock_changes_no_cooldown() {
    for step in [HOUR, -HOUR] {
        let spec = json!({"scaleUp": {"queueLength": 8, "step": 2, "cooldown": "40s"}});
        let mut simulation = Simulation::new(1, &spec, 3);
        simulation.world().workload.task = 1_000_000;
        simulation.world().push(100);
        simulation.until(5_000, |world| world.workload.desired == 5);
        simulation.run(10_000);
        simulation.world().clock_step = step;
        simulation.until(60_000, |world| world.workload.desired == 7);
        let world = simulation.world();
        let changes = world.changes();
        let pause = changes[1].at - changes[0].at;
        assert!((40_000..42_500).contains(&pause), "{step}: {pause} ms");
    }
}

#[test]
fn a_cooldown_ends_while_the_machine_is_suspended() {
    let spec = json!({"scaleUp": {"queueLength": 8, "step": 2, "cooldown": "1h"}});
    let mut simulation = Simulation::new(1, &spec, 3);
    simulation.world().workload.task = 1_000_000;
    simulation.world().push(100);
    simulation.until(5_000, |world| world.workload.desired == 5);
    simulation.world().suspended = HOUR;
    simulation.until(5_000, |world| world.workload.desired == 7);
}

/// The pods whose worker is asked to drain.
fn draining(world: &World) -> Vec<String> {
    let pods = world.workload.pods.iter();
    let draining = pods.filter(|(_, pod)| pod.drain_since.is_some());
    draining.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_step_of_the_clock_gives_no_victim_less_time_to_drain() {
    for step in [HOUR, -HOUR] {
        let spec = json!({"replicas": 4, "drain": {"timeout": "30s"}});
        let mut simulation = Simulation::new(1, &spec, 5);
        simulation.world().workload.task = 20_000;
        simulation.world().push(5);
        simulation.until(5_000, |world| !draining(world).is_empty());
        let before = draining(&simulation.world());
        simulation.world().clock_step = step;
        simulation.run(5_000);
        assert_eq!(draining(&simulation.world()), before, "{step}");
        simulation.until(25_000, |world| world.workload.desired == 4);
        simulation.run(8_000);
        let world = simulation.world();
        assert_eq!(world.workload.deleted, before);
        assert!(world.workload.leftovers().is_empty());
    }
}

#[test]
fn a_schedule_follows_the_time_of_day() {
    // 22:13:20 UTC at the start.
    let schedules = json!([{"name": "night", "cron": "0 23 * * *", "duration": "1h", "timezone": "UTC", "minReplicas": 6}]);
    let spec = json!({"schedules": schedules});
    let mut simulation = Simulation::new(1, &spec, 3);
    simulation.run(5_000);
    assert_eq!(simulation.world().workload.desired, 3);
    simulation.world().clock_step = HOUR;
    simulation.until(5_000, |world| world.workload.desired == 6);
}
