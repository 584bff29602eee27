//! Something goes wrong at each request in turn: no cooldown is shorter for it, and the end is the same. `FAULTS=full` tries
//! every fault at every request; otherwise only deaths are tried everywhere, the others here and there: `FAULTS=n` tries more
//! of them, and chooses which.

use crate::redis_server::RedisFault;
use crate::simulation::Simulation;
use crate::world::{Fault, World};
use serde_json::{Value, json};

const COOLDOWN: i64 = 40_000;

/// The faults of which no operator dies.
const FAULTS: [Fault; 10] = [
    Fault::Lost,
    Fault::AnswerLate(700),
    Fault::AnswerLate(15_000),
    Fault::Refused(404),
    Fault::Refused(409),
    Fault::Refused(429),
    Fault::Refused(500),
    Fault::Refused(503),
    Fault::Expired,
    Fault::Ended,
];

/// The faults of Redis.
const REDIS_FAULTS: [RedisFault; 12] = [
    RedisFault::Close,
    RedisFault::Late(700),
    RedisFault::Late(4_000),
    RedisFault::Stall(10_000),
    RedisFault::Error("ERR out of order"),
    RedisFault::Error("LOADING Redis is loading the dataset in memory"),
    RedisFault::Error("BUSY Redis is busy running a script"),
    RedisFault::Error("MISCONF Redis is configured to save RDB snapshots"),
    RedisFault::Error("NOPERM this user has no permissions"),
    RedisFault::Error("NOSCRIPT No matching script"),
    RedisFault::Replica(20_000),
    RedisFault::Flush,
];

/// Which of `count` points to try: all with `FAULTS=full`; with a seed in `FAULTS` every `step`th, from one that depends on
/// the seed and on `number`; otherwise an eighth of those.
fn sample(count: usize, step: usize, number: usize) -> impl Iterator<Item = usize> {
    let (first, step) = match std::env::var("FAULTS").as_deref() {
        Ok("full") => (0, 1),
        Ok(seed) => {
            let seed: usize = seed.parse().expect("FAULTS is full or a number");
            ((seed + number) % step, step)
        }
        Err(_) => (number % (8 * step), 8 * step),
    };
    (first..count).step_by(step)
}

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug)]
enum Sabotage {
    /// At this request to the API server.
    Request(usize, Fault),
    /// At this command to Redis.
    Command(usize, RedisFault),
}

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

/// A second pool for the same target, and a third with a target of its own that scales up as the first one does.
fn several_pools() -> Scenario {
    Scenario {
        prepare: |world| {
            world.workload.task = 1_000_000;
            world.push(100);
            world.add_pool(
                "second",
                "worker",
                &json!({"maxReplicas": 10, "replicas": 9}),
            );
            world.add_pool("third", "other", &json!({}));
        },
        ..scale_up()
    }
}

impl Scenario {
    /// Runs it to its end with something that goes wrong, and checks the cooldowns and what is left.
    fn run(&self, seed: u64, sabotage: Option<Sabotage>) -> Simulation {
        let mut simulation = Simulation::new(seed, &self.spec, self.replicas);
        (self.prepare)(&mut simulation.world());
        match sabotage {
            Some(Sabotage::Request(at, fault)) => simulation.world().fault = Some((at, fault)),
            Some(Sabotage::Command(at, fault)) => {
                simulation.world().redis_fault = Some((at, fault));
            }
            None => {}
        }
        simulation.until(150_000, |world| {
            let other = world.other_scales.last().map(|(_, _, to)| *to);
            world.workload.desired == self.end
                && (world.rivals.is_empty() || other == Some(self.end.into()))
        });
        // What is left of the preparation is undone, and the status is written.
        simulation.run(8_000);
        simulation.until(40_000, |world| {
            world.pool["status"]["desiredReplicas"] == self.end
        });
        let world = simulation.world();
        let log = || format!("seed {seed}, {sabotage:?}\n{}", world.log.join("\n"));
        let first = [(0, i64::from(self.replicas))];
        let changes = world.changes().into_iter().map(|it| (it.at, it.to.into()));
        let others = world.other_scales.iter().map(|(at, _, to)| (*at, *to));
        for changes in [changes.collect(), others.collect()] {
            let changes: Vec<(i64, i64)> = changes;
            if changes.is_empty() && world.rivals.is_empty() {
                continue;
            }
            let steps: Vec<_> = first.iter().chain(&changes).zip(&changes).collect();
            for is_up in [true, false] {
                let same = steps.iter().filter(|(from, to)| (to.1 > from.1) == is_up);
                let at: Vec<i64> = same.map(|(_, to)| to.0).collect();
                let kept = at.windows(2).all(|pair| pair[1] - pair[0] >= COOLDOWN);
                assert!(kept, "{changes:?}: {}", log());
            }
            // Each target has the steps of one pool. While only the busy workers are registered again, one more is right.
            let is_flushed = matches!(sabotage, Some(Sabotage::Command(_, RedisFault::Flush)));
            assert!(changes.len() == 2 || is_flushed, "{changes:?}: {}", log());
            let end = changes.last().map(|(_, to)| *to);
            assert_eq!(end, Some(self.end.into()), "{changes:?}: {}", log());
        }
        assert_eq!(
            world.workload.leftovers(),
            Vec::<&String>::new(),
            "{}",
            log()
        );
        drop(world);
        simulation
    }

    /// Runs it with the operator killed at each request, before and after it is carried out.
    fn die_at_each_request(&self) {
        let requests = self.run(1, None).world().requests;
        for kind in [Fault::CrashBefore, Fault::CrashAfter] {
            for request in 0..requests {
                let simulation = self.run(1, Some(Sabotage::Request(request, kind)));
                assert_eq!(simulation.deaths, 1, "at {request} of {requests}");
            }
        }
    }

    /// Runs it with each fault that no operator dies of, at each request to the API server and at each command to Redis, or
    /// here and there.
    fn fail_here_and_there(&self) {
        let (requests, commands) = {
            let simulation = self.run(1, None);
            let world = simulation.world();
            (world.requests, world.commands)
        };
        let mut tried = 0;
        let mut run = |at: usize, sabotage| {
            let simulation = self.run(at as u64, Some(sabotage));
            assert_eq!(simulation.deaths, 0, "{sabotage:?}");
            tried += 1;
        };
        for (number, fault) in FAULTS.into_iter().enumerate() {
            for at in sample(requests, 2, number) {
                run(at, Sabotage::Request(at, fault));
            }
        }
        for (number, fault) in REDIS_FAULTS.into_iter().enumerate() {
            for at in sample(commands, 7, number) {
                run(at, Sabotage::Command(at, fault));
            }
        }
        eprintln!("{tried} faults at {requests} requests and {commands} commands");
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
fn a_fault_at_any_point_of_a_scale_up_changes_only_its_time() {
    scale_up().fail_here_and_there();
}

#[test]
fn a_fault_at_any_point_of_a_scale_down_changes_only_its_time() {
    scale_down().fail_here_and_there();
}

#[test]
fn a_fault_that_concerns_one_pool_concerns_no_other() {
    several_pools().fail_here_and_there();
}

#[test]
fn of_two_pools_with_one_target_the_older_one_scales_it_until_it_is_deleted() {
    let mut simulation = several_pools().run(1, None);
    let reason = simulation.world().rivals[0]["status"]["decision"]["reason"].clone();
    assert_eq!(reason, "TargetConflict");
    simulation.world().delete_pool();
    simulation.until(5_000, |world| world.workload.desired == 9);
}
