//! A simulation: the world, and the operator in it, step by step.

use crate::process::Process;
use crate::world::{Shared, World};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard};

/// Milliseconds per step.
const STEP: i64 = 50;
/// How long after the death of the operator the next one starts.
const RESTART: i64 = 2_000;

pub struct Simulation {
    world: Shared,
    now: i64,
    process: Option<Process>,
    /// When the next process starts, after one that died.
    restart_at: Option<i64>,
    pub deaths: usize,
}

impl Simulation {
    /// A pool with these fields in its spec, its target with `replicas`, and the operator.
    pub fn new(seed: u64, spec: &Value, replicas: i32) -> Self {
        fastrand::seed(seed);
        let world = World::new(spec, replicas);
        let now = world.workload.now;
        Self {
            world: Arc::new(Mutex::new(world)),
            now,
            process: None,
            restart_at: Some(now),
            deaths: 0,
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic")
    }

    /// Lets time pass.
    pub fn run(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            if self.restart_at.take_if(|at| *at <= self.now).is_some() {
                self.process = Some(Process::start(&self.world, self.now));
            }
            let millis = u64::try_from(STEP).unwrap_or(0);
            if let Some(mut process) = self.process.take() {
                if process.run(millis) {
                    self.process = Some(process);
                } else {
                    self.deaths += 1;
                    self.restart_at = Some(self.now + RESTART);
                }
            }
            self.now += STEP;
            let now = self.now;
            self.world().step(now);
            self.check();
        }
    }

    /// Kills the operator.
    pub fn kill(&mut self) {
        self.process = None;
        self.deaths += 1;
        self.restart_at = Some(self.now + RESTART);
    }

    /// What holds at each instant.
    fn check(&self) {
        let world = self.world();
        let log = || world.log.join("\n");
        assert!(world.workload.interrupted.is_empty(), "{}", log());
        assert!(
            (3..=10).contains(&world.workload.desired),
            "outside of minimum and maximum: {}",
            log()
        );
    }

    /// Waits until `is_so`, at most `millis`.
    #[track_caller]
    pub fn until(&mut self, millis: i64, is_so: impl Fn(&World) -> bool) {
        let end = self.now + millis;
        while self.now < end {
            if is_so(&self.world()) {
                return;
            }
            self.run(STEP);
        }
        panic!("not within {millis} ms:\n{}", self.world().log.join("\n"));
    }
}
