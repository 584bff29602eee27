//! A simulation: the world, and the operators in it, step by step.

use crate::process::Process;
use crate::world::{Shared, World};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard};
use workerpool_operator::run::Settings;
use workerpool_operator::run::settings::DashboardAuth;

/// Milliseconds per step.
const STEP: i64 = 50;
/// How long after the death of an operator the next one starts.
const RESTART: i64 = 2_000;

pub struct Simulation {
    world: Shared,
    now: i64,
    operators: Vec<Operator>,
    /// How often an operator died or ended.
    pub deaths: usize,
}

/// One operator, whose processes follow each other.
struct Operator {
    settings: Settings,
    process: Option<Process>,
    /// When the next process starts.
    starts_at: Option<i64>,
    /// When a paused process continues, and since when it is paused.
    paused: Option<(i64, i64)>,
}

impl Simulation {
    /// A pool with these fields in its spec, its target with `replicas`, and an operator.
    pub fn new(seed: u64, spec: &Value, replicas: i32) -> Self {
        let mut simulation = Self::without_operator(seed, spec, replicas);
        simulation.add_operator(settings());
        simulation
    }

    /// The same before an operator is there.
    pub fn without_operator(seed: u64, spec: &Value, replicas: i32) -> Self {
        fastrand::seed(seed);
        let world = World::new(spec, replicas);
        Self {
            now: world.workload.now,
            world: Arc::new(Mutex::new(world)),
            operators: vec![],
            deaths: 0,
        }
    }

    pub fn add_operator(&mut self, settings: Settings) {
        self.operators.push(Operator {
            settings,
            process: None,
            starts_at: Some(self.now),
            paused: None,
        });
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic")
    }

    /// Lets time pass.
    pub fn run(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            for number in 0..self.operators.len() {
                self.run_operator(number);
            }
            self.now += STEP;
            let now = self.now;
            self.world().step(now);
            self.check();
        }
    }

    fn run_operator(&mut self, number: usize) {
        let now = self.now;
        let operator = &mut self.operators[number];
        if operator.starts_at.take_if(|at| *at <= now).is_some() {
            let settings = operator.settings.clone();
            operator.process = Some(Process::start(number, &self.world, settings, now));
        }
        let Some(process) = &mut operator.process else {
            return;
        };
        match operator.paused {
            Some((until, _)) if now < until => return,
            Some((_, since)) => process.wake_after(u64::try_from(now - since).unwrap_or(0)),
            None => {}
        }
        operator.paused = None;
        if !process.run(u64::try_from(STEP).unwrap_or(0)) {
            operator.process = None;
            operator.starts_at = Some(now + RESTART);
            self.deaths += 1;
        }
    }

    /// How many tasks the process of an operator has.
    pub fn tasks(&self, number: usize) -> usize {
        let process = self.operators[number].process.as_ref();
        process.map_or(0, Process::tasks)
    }

    /// Kills the operator.
    pub fn kill(&mut self, number: usize) {
        self.operators[number].process = None;
        self.operators[number].starts_at = Some(self.now + RESTART);
        self.deaths += 1;
    }

    /// Asks an operator to end.
    pub fn stop(&self, number: usize) {
        if let Some(process) = &self.operators[number].process {
            process.stop();
        }
    }

    /// Pauses an operator: its clock continues, and it does nothing.
    pub fn pause(&mut self, number: usize, millis: i64) {
        self.operators[number].paused = Some((self.now + millis, self.now));
    }

    /// What holds at each instant.
    fn check(&self) {
        let world = self.world();
        let log = || world.log.join("\n");
        let interrupted = &world.workload.interrupted;
        assert!(interrupted.is_empty(), "{interrupted:?}\n{}", log());
        assert!(world.blind.is_empty(), "{:?}\n{}", world.blind, log());
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

/// The settings of an operator without listeners.
pub fn settings() -> Settings {
    Settings {
        command: None,
        listen: None,
        dashboard: None,
        dashboard_hosts: Vec::new(),
        dashboard_auth: DashboardAuth::None,
        allow_addresses: vec![],
        namespaces: vec![],
        target_kinds: vec!["argoproj.io/v1alpha1/Rollout".parse().expect("a kind")],
        min_interval: api::Duration(decide::Millis(100)),
        leader_elect: false,
        lease_name: "workerpool-operator".into(),
        pod_namespace: "default".into(),
        log_format: telemetry::LogFormat::default(),
        log: String::new(),
    }
}
