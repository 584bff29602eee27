//! A simulated cluster and queue, and a fleet that works on them. The commands of the fleet are executed one by one, and
//! the operator can be killed before or after any of them.

use crate::workload::Workload;
use api::{Key, WorkerPool};
use decide::victims::{DrainState, Worker};
use decide::{Metric, Millis, QueueMetrics, Time};
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};
use workerpool_operator::act;
use workerpool_operator::fleet::Fleet;
use workerpool_operator::fleet::event::{Command, Event, Watched};
use workerpool_operator::observe::rollout::Rollout;
use workerpool_operator::observe::target::{Target, TargetKey, Writer};
use workerpool_operator::observe::{ClientsReading, Epoch, PollNumber, PollResult};

/// Milliseconds per step of the simulation.
const STEP: i64 = 50;

#[derive(Default)]
pub struct Cluster {
    pub workload: Workload,
    /// `status.replicas` of the target, where it is not the number of its active pods.
    pub counted: Option<i32>,
    /// Workers have no registry.
    pub unregistered: bool,
    /// What Redis answers instead of the list of its clients.
    pub list_refused: Option<String>,
    /// When the list was read.
    pub lists: Vec<i64>,
    /// What Redis answers to drain requests.
    pub drain_refused: Option<String>,
    /// How the target's controller replaces pods.
    pub rollout: Rollout,
    written_by_us: bool,
    delayed: Vec<(i64, Command)>,
    /// How long the answers to polls are under way.
    pub polls_take: i64,
    late: Vec<(i64, Event)>,
    pub pools: Vec<WorkerPool>,
    statuses: BTreeMap<Key, api::WorkerPoolStatus>,
    /// The epochs in which the pools are observed.
    observed: BTreeMap<Key, Epoch>,
    /// The numbers of the last requests to Redis.
    numbers: BTreeMap<Key, PollNumber>,
    fleet: Fleet,
    commands: VecDeque<Command>,
    polled_at: i64,
    /// The number of commands executed so far.
    pub executed: usize,
    /// The index of the command at which the operator is killed, before (`false`) or after it.
    pub kill: Option<(usize, bool)>,
    /// The kind of command that fails: "list", "mark", "scale", "drain".
    pub broken: Option<&'static str>,
    /// The reasons and messages of all written statuses.
    pub messages: Vec<String>,
    pub log: Vec<String>,
}

impl Deref for Cluster {
    type Target = Workload;

    fn deref(&self) -> &Workload {
        &self.workload
    }
}

impl DerefMut for Cluster {
    fn deref_mut(&mut self) -> &mut Workload {
        &mut self.workload
    }
}

impl Cluster {
    pub fn new(pools: Vec<WorkerPool>, replicas: i32) -> Self {
        Self {
            workload: Workload::new(replicas),
            pools,
            ..Self::default()
        }
    }

    /// The same, once an operator has run for a while with this pool.
    pub fn started(pool: WorkerPool, replicas: i32) -> Self {
        let mut cluster = Self::new(vec![pool], replicas);
        cluster.start();
        cluster.run(3_000);
        cluster
    }

    pub fn kind(mut self, kind: &'static str) -> Self {
        self.set_kind(kind);
        self
    }

    /// Starts a new operator, which knows only what the API server has.
    pub fn start(&mut self) {
        self.fleet = Fleet::default();
        self.forget_requests();
        self.commands.clear();
        for mut pool in self.pools.clone() {
            pool.status = self.statuses.get(&Key::of(&pool)).cloned();
            self.send(Event::Pool(Box::new(pool)));
        }
        self.send_target();
        let kind = Watched::Targets("apps/v1".into(), self.kind.into());
        for watched in [Watched::Pools, Watched::Autoscalers, kind] {
            self.send(Event::Synced(watched, None));
        }
        self.poll();
    }

    /// Stops the operator gracefully, and starts no other one.
    pub fn stop(&mut self) {
        self.commands.extend(self.fleet.stop());
        self.fleet = Fleet::default();
    }

    pub fn set_pool(&mut self, index: usize, mut pool: WorkerPool) {
        pool.metadata.generation = self.pools[index]
            .metadata
            .generation
            .map(|generation| generation + 1);
        self.pools[index] = pool.clone();
        pool.status = self.statuses.get(&Key::of(&pool)).cloned();
        self.send(Event::Pool(Box::new(pool)));
    }

    pub fn send(&mut self, event: Event) {
        let commands = self.fleet.on(event, Time(self.now));
        self.commands.extend(commands);
    }

    pub fn send_target(&mut self) {
        let replicas = i32::try_from(self.active_pods().len()).unwrap_or(0);
        let writer = self.written_by_us.then(|| Writer {
            name: "workerpool-operator".into(),
        });
        let target = Target {
            desired: self.desired,
            replicas: self.counted.unwrap_or(replicas),
            updated: self.updated.unwrap_or(replicas),
            rollout: self.rollout.clone(),
            grace: self.tells_grace.then_some(self.grace / 1_000),
            observed: self.unseen_counts.is_empty(),
            selector: "app=worker".into(),
            version: self.version,
            uid: "target".into(),
            writer,
        };
        let key = TargetKey {
            group: "apps".into(),
            kind: self.kind.into(),
            object: Key::new("default", "worker"),
        };
        self.send(Event::Target(key, Some(target)));
    }

    pub fn poll(&mut self) {
        self.poll_with(None);
    }

    fn list_clients(&mut self) -> ClientsReading {
        self.lists.push(self.now);
        let list = self.list_refused.clone().map_or(Ok(self.clients()), Err);
        ClientsReading {
            age: Millis(0),
            list,
        }
    }

    fn poll_with(&mut self, clients: Option<&ClientsReading>) {
        self.polled_at = self.now;
        let mut workers = self.workers();
        if self.unregistered {
            workers.clear();
        }
        let live: Vec<&Worker> = workers
            .iter()
            .filter(|worker| worker.drain == DrainState::None)
            .collect();
        let count = |n: usize| Metric::Known(i64::try_from(n).unwrap_or(0));
        let load = QueueMetrics {
            ready: Metric::Known(self.waiting),
            in_flight: count(workers.iter().filter(|worker| worker.busy).count()),
            live: count(live.len()),
            busy: count(live.iter().filter(|worker| worker.busy).count()),
            cpu_sum: Metric::Known(0),
            ..QueueMetrics::UNSUPPORTED
        };
        let load = if self.unregistered {
            QueueMetrics {
                ready: load.ready,
                ..QueueMetrics::UNSUPPORTED
            }
        } else {
            load
        };
        let pools: Vec<Key> = self.pools.iter().map(Key::of).collect();
        let result = |pool| PollResult {
            epoch: self.observed.get(&pool).copied().unwrap_or_default(),
            number: self.numbers.get(&pool).copied().unwrap_or_default(),
            queues: vec![load],
            workers: workers.clone(),
            drain_refused: self.drain_refused.clone(),
            clients: clients.cloned(),
            ..PollResult::unknown(pool, 1, None)
        };
        let answer = Event::Metrics(pools.into_iter().map(result).collect());
        if self.polls_take > 0 {
            self.late.push((self.now + self.polls_take, answer));
        } else {
            self.send(answer);
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            self.execute_all();
            self.workload.now += STEP;
            self.step();
            let now = self.now;
            let delayed = self.delayed.extract_if(.., |(at, _)| *at <= now);
            for (_, command) in delayed.collect::<Vec<_>>() {
                if let Some(event) = self.execute(command) {
                    self.send(event);
                }
            }
            let late = self.late.extract_if(.., |(at, _)| *at <= now);
            for (_, answer) in late.collect::<Vec<_>>() {
                self.send(answer);
            }
            if self.fleet.next_tick().is_some_and(|at| at.0 <= self.now) {
                self.send(Event::Tick);
            }
            if self.now - self.polled_at >= 2_000 {
                self.poll();
            }
        }
        self.execute_all();
    }

    /// Workers claim and finish tasks, pods end, and the controller deletes and creates pods.
    fn step(&mut self) {
        self.step_workers();
        self.end_pods();
        if self.see_replica_count() {
            self.send_target();
        }
        if self.adjust_pods() {
            self.send_target();
        }
    }

    /// The last status ends with `text`.
    #[track_caller]
    pub fn assert_last_message(&self, text: &str) {
        let last = self.messages.last().expect("a status");
        assert!(last.ends_with(text), "{last}");
    }

    /// A status has `text`.
    #[track_caller]
    pub fn assert_message(&self, text: &str) {
        let is_said = self.messages.iter().any(|it| it.contains(text));
        assert!(is_said, "{:?}", self.messages);
    }

    /// No command of this kind was executed: "mark", "scale", "drain true".
    #[track_caller]
    pub fn assert_no(&self, kind: &str) {
        let is_done = self.log.iter().any(|line| line.starts_with(kind));
        assert!(!is_done, "{:?}", self.log);
    }

    /// Executes commands until none is left.
    fn execute_all(&mut self) {
        let mut limit = 10_000;
        while let Some(command) = self.commands.pop_front() {
            limit -= 1;
            assert!(limit > 0, "commands without end: {command:?}");
            let killed = self.kill.filter(|(at, _)| {
                *at == self.executed && !matches!(command, Command::EmitEvent(_))
            });
            if self.slow > 0 && matches!(command, Command::Mark(..)) {
                self.delayed.push((self.now + self.slow, command));
            } else if let Some((_, after)) = killed {
                self.kill = None;
                drop(after.then(|| self.execute(command)));
                self.log.push("killed".into());
                self.start();
            } else if let Some(event) = self.execute(command) {
                self.send(event);
            }
        }
    }

    fn execute(&mut self, command: Command) -> Option<Event> {
        self.executed += usize::from(!matches!(command, Command::EmitEvent(_)));
        let is_broken = |what| self.broken == Some(what);
        match command {
            Command::Observe(_, pool, ..) => {
                self.numbers.remove(&pool.key);
                self.observed.insert(pool.key, pool.epoch);
            }
            Command::PollClients(..) => {
                let clients = self.list_clients();
                self.poll_with(Some(&clients));
            }
            Command::Poll(_, pool, number) => {
                self.numbers.insert(pool, number);
                self.poll();
            }
            Command::ListPods(pool, _) => {
                let pods = if is_broken("list") {
                    Err("list is forbidden".to_owned())
                } else {
                    Ok(self.list_pods())
                };
                return Some(Event::Pods(pool, pods));
            }
            Command::Mark(pool, _) if is_broken("mark") => {
                return Some(Event::Marked(pool, Err("patch is forbidden".to_owned())));
            }
            Command::Mark(pool, marks) => {
                self.log.push(format!("mark {marks:?}"));
                self.mark(marks);
                return Some(Event::Marked(pool, Ok(())));
            }
            Command::Drain(_, pool, workers, drain, number) if !is_broken("drain") => {
                self.log.push(format!("drain {drain} {workers:?}"));
                self.drain(workers, drain);
                self.numbers.insert(pool, number);
                self.poll();
            }
            Command::Scale(scale) if is_broken("scale") => {
                let status = kube::core::Status {
                    code: 403,
                    message: "scale is forbidden".to_owned(),
                    ..Default::default()
                };
                let error = act::Error::Api(kube::Error::Api(Box::new(status)));
                return Some(Event::Scaled(scale.pool, Err(error), None));
            }
            Command::Scale(scale) => {
                let scaled = self.scale(scale.replicas);
                return Some(Event::Scaled(scale.pool, Ok(scaled), None));
            }
            Command::WriteStatus(key, status) => {
                let decision = status.decision.iter();
                self.messages
                    .extend(decision.map(|it| format!("{}: {}", it.reason, it.message)));
                self.statuses.insert(key.key.clone(), *status);
                return Some(Event::StatusWritten(key, Ok(())));
            }
            _ => {}
        }
        None
    }

    fn scale(&mut self, replicas: i32) -> act::Scaled {
        self.log.push(format!("scale {replicas}"));
        self.write_scale(replicas);
        self.written_by_us = true;
        let version = self.version;
        self.send_target();
        act::Scaled { replicas, version }
    }
}
