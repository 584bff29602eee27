//! Two operators and one lease: at each instant at most one of them writes.

use crate::simulation::{Simulation, settings};
use crate::world::{Fault, Trap, World};
use serde_json::json;
use workerpool_operator::run::Settings;

fn elected() -> Settings {
    Settings {
        leader_elect: true,
        ..settings()
    }
}

/// A leader, number 0, and its standby, number 1.
fn two_operators() -> Simulation {
    let spec = json!({"scaleUp": {"queueLength": 8, "step": 2, "cooldown": "40s"}});
    let mut simulation = Simulation::without_operator(3, &spec, 3);
    simulation.world().workload.task = 1_000_000;
    simulation.add_operator(elected());
    simulation.run(1_000);
    simulation.add_operator(elected());
    simulation.run(4_000);
    assert!(leads(&simulation.world(), 0));
    simulation
}

/// Whether the last write of the lease was that of this operator.
fn leads(world: &World, number: usize) -> bool {
    let is_lease = |line: &&String| line.contains("/leases") && !line.contains(" GET ");
    let mut writes = world.log.iter().filter(is_lease);
    let last = writes.rfind(|line| line.ends_with(" 200"));
    last.is_some_and(|line| line.contains(&format!(" by {number} ")))
}

/// The time at the beginning of a line of the log.
fn time(line: &str) -> i64 {
    let number = line.split(' ').next().unwrap_or_default();
    number.parse().expect("a time")
}

#[test]
fn the_standby_takes_over_from_a_leader_that_is_gone() {
    let mut simulation = two_operators();
    simulation.kill(0);
    simulation.world().push(100);
    simulation.until(22_000, |world| world.workload.desired == 5);
    assert_eq!(simulation.world().scales[0].by, 1);
}

#[test]
fn a_leader_that_was_paused_writes_nothing_when_it_wakes_up() {
    for pause in (9_000..25_000).step_by(500) {
        let mut simulation = two_operators();
        simulation.pause(0, pause);
        simulation.run(100);
        simulation.world().push(100);
        simulation.run(60_000);
        let world = simulation.world();
        let leaders: Vec<usize> = world.scales.iter().map(|write| write.by).collect();
        let log = world.log.join("\n");
        // 3 → 5 → 7, each by whoever leads, and none of them twice.
        let counts: Vec<i32> = world.scales.iter().map(|write| write.to).collect();
        assert_eq!(counts, [5, 7], "{pause}: {leaders:?}\n{log}");
        assert!(leaders.is_sorted(), "{pause}: {leaders:?}\n{log}");
        let taken_over = world.log.iter().skip_while(|line| {
            !(line.contains(" by 1 PUT /apis/coordination") && line.ends_with(" 200"))
        });
        let ended = taken_over.take_while(|line| !line.contains(" by 0 PUT"));
        let late: Vec<&String> = ended.filter(|line| line.contains(" by 0 P")).collect();
        assert!(late.is_empty(), "{pause}: {late:?}\n{log}");
    }
}

#[test]
fn the_lease_is_returned_after_the_last_write() {
    let mut simulation = two_operators();
    simulation.world().trap = Some(Trap {
        method: "PATCH",
        path: "/scale",
        fault: Fault::AnswerLate(3_000),
    });
    simulation.world().push(100);
    simulation.until(1_000, |world| world.workload.desired == 5);
    simulation.stop(0);
    simulation.run(10_000);
    let world = simulation.world();
    let is_release = |line: &&String| line.contains(r#""holderIdentity":"""#);
    let released = world.log.iter().find(is_release).expect("a release");
    let waited = time(released) - world.scales[0].at;
    assert!(waited >= 3_000, "{waited} ms");
    assert!(leads(&world, 1));
}

#[test]
fn a_renewal_that_is_answered_late_is_no_loss() {
    let mut simulation = two_operators();
    for _ in 0..3 {
        simulation.world().trap = Some(Trap {
            method: "PUT",
            path: "/leases/",
            fault: Fault::AnswerLate(2_500),
        });
        simulation.run(10_000);
    }
    assert_eq!(simulation.deaths, 0);
    assert!(leads(&simulation.world(), 0));
}

#[test]
fn a_request_for_the_lease_without_an_answer_is_sent_again() {
    let mut simulation = Simulation::without_operator(3, &json!({}), 3);
    simulation.world().trap = Some(Trap {
        method: "GET",
        path: "/leases/",
        fault: Fault::Lost,
    });
    simulation.add_operator(elected());
    simulation.until(10_000, |world| leads(world, 0));
}

#[test]
fn releases_in_one_namespace_have_leases_of_their_own() {
    let mut simulation = Simulation::without_operator(3, &json!({}), 3);
    for name in ["blue", "green"] {
        simulation.add_operator(Settings {
            lease_name: name.into(),
            ..elected()
        });
    }
    simulation.run(5_000);
    let world = simulation.world();
    assert_eq!(world.leases.keys().collect::<Vec<_>>(), ["blue", "green"]);
}
