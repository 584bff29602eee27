//! Something goes wrong at each request in turn: no cooldown is shorter for it, and the end is the same. `FAULTS=full` tries
//! every fault at every request; otherwise only deaths are tried everywhere, the others here and there.

use crate::simulation::Simulation;
use crate::world::{Fault, World};
use serde_json::{Value, json};

const COOLDOWN: i64 = 40_000;

/// The faults of which no operator dies.
const FAULTS: [Fault; 8] = [
    Fault::Lost,
    Fault::AnswerLate(700),
    Fault::AnswerLate(15_000),
    Fault::Refused(404),
    Fault::Refused(409),
    Fault::Refused(429),
    Fault::Refused(500),
    Fault::Refused(503),
];

/// What a scenario begins with, and where it ends.
struct Scenario {
    spec: Value,
    replicas: i32,
    /// Prepares the world before the operator starts.
    prepare: fn(&mut World),
    end: i32,
}

/// Tasks keep waiting: 3 → 5 → 7.
fn scale_up() -> Scenario {
    Scenario {
        spec: json!({"maxReplicas": 7, "scaleUp": {"queueLength": 8, "step": 2, "cooldown": "40s"}}),
        replicas: 3,
        prepare: |world| {
            world.workload.task = 1_000_000;
            world.push(100);
        },
        end: 7,
    }
}

/// Two workers are busy, the others have nothing to do: 7 → 5 → 3.
fn scale_down() -> Scenario {
    Scenario {
        spec: json!({"scaleDown": {"queueLength": 2, "idleFor": "2s", "step": 2, "cooldown": "40s"}}),
        replicas: 7,
        prepare: |world| {
            world.workload.task = 1_000_000;
            world.push(2);
        },
        end: 3,
    }
}

impl Scenario {
    /// Runs it to its end with a fault at one request, and checks the cooldowns and what is left.
    fn run(&self, fault: Option<(usize, Fault)>) -> Simulation {
        let mut simulation = Simulation::new(1, &self.spec, self.replicas);
        let start = simulation.world().workload.now;
        (self.prepare)(&mut simulation.world());
        simulation.world().fault = fault;
        simulation.until(150_000, |world| world.workload.desired == self.end);
        // What is left of the preparation is undone, and the status is written.
        simulation.run(8_000);
        simulation.until(40_000, |world| {
            world.pool["status"]["desiredReplicas"] == self.end
        });
        let world = simulation.world();
        let log = || world.log.join("\n");
        for writes in world.changes().windows(2) {
            assert!(
                writes[1].at - writes[0].at >= COOLDOWN,
                "{fault:?}: from {start}: {writes:?}\n{}",
                log()
            );
        }
        assert_eq!(
            (world.changes().len(), world.workload.desired),
            (2, self.end),
            "{fault:?}\n{}",
            log()
        );
        assert_eq!(world.workload.leftovers(), Vec::<&String>::new());
        drop(world);
        simulation
    }

    /// Runs it with the operator killed at each request, before and after it is carried out.
    fn die_at_each_request(&self) {
        let requests = self.run(None).world().requests;
        for kind in [Fault::CrashBefore, Fault::CrashAfter] {
            for request in 0..requests {
                let simulation = self.run(Some((request, kind)));
                assert_eq!(simulation.deaths, 1, "at {request} of {requests}");
            }
        }
    }

    /// Runs it with each fault that no operator dies of, at each request or at every ninth.
    fn fail_at_each_request(&self) {
        let requests = self.run(None).world().requests;
        let is_full = std::env::var("FAULTS").is_ok_and(|it| it == "full");
        let (every, mut tried) = (if is_full { 1 } else { 9 }, 0);
        for (number, kind) in FAULTS.into_iter().enumerate() {
            for request in (number..requests).step_by(every) {
                let simulation = self.run(Some((request, kind)));
                assert_eq!(simulation.deaths, 0, "{kind:?} at {request}");
                tried += 1;
            }
        }
        eprintln!("{tried} faults at {requests} requests");
    }
}

#[test]
fn a_death_at_any_request_of_a_scale_up_shortens_no_cooldown() {
    scale_up().die_at_each_request();
}

#[test]
fn a_death_at_any_request_of_a_scale_down_shortens_no_cooldown() {
    scale_down().die_at_each_request();
}

#[test]
fn a_restart_shortens_no_cooldown_where_statuses_cannot_be_written() {
    let Scenario { spec, prepare, .. } = scale_up();
    let mut simulation = Simulation::new(1, &spec, 3);
    prepare(&mut simulation.world());
    simulation.world().may_write_status = false;
    simulation.until(5_000, |world| world.workload.desired == 5);
    simulation.run(9_000);
    simulation.kill(0);
    simulation.until(120_000, |world| world.workload.desired == 7);
    let world = simulation.world();
    let changes = world.changes();
    assert!(changes[1].at - changes[0].at >= COOLDOWN, "{changes:?}");
}

#[test]
fn a_fault_at_any_request_of_a_scale_up_changes_only_its_time() {
    scale_up().fail_at_each_request();
}

#[test]
fn a_fault_at_any_request_of_a_scale_down_changes_only_its_time() {
    scale_down().fail_at_each_request();
}
