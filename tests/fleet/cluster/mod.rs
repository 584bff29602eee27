//! A simulated cluster and queue, and a fleet that works on them. The commands of the fleet are executed one by one, and
//! the operator can be killed before or after any of them.

mod step;

pub use crate::pod::SimPod;
use api::{Key, WorkerPool};
use decide::victims::{DELETE_FIRST, DrainState, Pod, PodStage, Worker, WorkerReport};
use decide::{Metric, QueueMetrics, Time};
use queues::RedisMemory;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use workerpool_operator::act;
use workerpool_operator::fleet::Fleet;
use workerpool_operator::fleet::event::{Command, Event, Watched};
use workerpool_operator::observe::PollResult;
use workerpool_operator::observe::target::{Target, TargetKey, Writer};
use workerpool_operator::report::Metrics;

/// Milliseconds per step of the simulation.
const STEP: i64 = 50;

pub struct Cluster {
    pub kind: &'static str,
    pub pods: BTreeMap<String, SimPod>,
    pub desired: i32,
    pub updated: Option<i32>,
    written_at: i64,
    /// Written replica counts that the controller has not seen yet, and when they were written.
    unseen_counts: Vec<(i64, i32)>,
    /// The replica count that the controller works towards. It sees the written ones one after the other.
    observed: i32,
    version: u64,
    written_by_us: bool,
    /// Tasks in the queue.
    pub waiting: i64,
    /// How long the controller takes to see a replica count.
    pub lag: i64,
    /// How long the API server takes to write a mark. The controller sees it later by the same time.
    pub slow: i64,
    delayed: Vec<(i64, Command)>,
    /// Milliseconds per task.
    pub task: i64,
    /// Pods that ended while they held a task.
    pub interrupted: Vec<String>,
    /// Pods that the controller deleted, in order.
    pub deleted: Vec<String>,
    pub pools: Vec<WorkerPool>,
    statuses: BTreeMap<Key, api::WorkerPoolStatus>,
    fleet: Fleet,
    commands: VecDeque<Command>,
    now: i64,
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
    pods_created: u32,
}

impl Cluster {
    pub fn new(pools: Vec<WorkerPool>, replicas: i32) -> Self {
        let mut cluster = Self {
            kind: "Deployment",
            pods: BTreeMap::new(),
            desired: replicas,
            updated: None,
            written_at: 0,
            unseen_counts: vec![],
            observed: replicas,
            version: 1,
            written_by_us: false,
            waiting: 0,
            lag: 300,
            slow: 0,
            delayed: vec![],
            task: 4_000,
            interrupted: vec![],
            deleted: vec![],
            pools,
            statuses: BTreeMap::new(),
            fleet: Fleet::new(false, Arc::new(Metrics::new())),
            commands: VecDeque::new(),
            now: 1_700_000_000_000,
            polled_at: 0,
            executed: 0,
            kill: None,
            broken: None,
            messages: vec![],
            log: vec![],
            pods_created: 0,
        };
        (0..replicas).for_each(|_| cluster.create_pod(PodStage::Ready));
        cluster
    }

    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        let old = std::mem::take(&mut self.pods).into_values().enumerate();
        let owner = format!("{kind}/worker");
        let new = |(number, pod)| {
            (
                format!("worker-{number}"),
                SimPod {
                    owner: owner.clone(),
                    ..pod
                },
            )
        };
        self.pods = old.map(new).collect();
        self
    }

    pub fn create_pod(&mut self, stage: PodStage) {
        let name = format!("p{:02}", self.pods_created);
        self.pods_created += 1;
        let pod = SimPod {
            stage,
            owner: "ReplicaSet/worker-5d4f".into(),
            cost: 0,
            cost_at: 0,
            gone_at: None,
            restarts: 0,
            registered: stage >= PodStage::NotReady,
            busy_until: None,
            drain_since: None,
            drain_ends: 0,
            // The first pod is the longest idle.
            since: self.now + i64::from(self.pods_created),
        };
        self.pods.insert(name, pod);
    }

    /// Starts a new operator, which knows only what the API server has.
    pub fn start(&mut self) {
        self.fleet = Fleet::new(false, Arc::new(Metrics::new()));
        self.commands.clear();
        for mut pool in self.pools.clone() {
            pool.status = self.statuses.get(&Key::of(&pool)).cloned();
            self.send(Event::Pool(Box::new(pool)));
        }
        self.send_target();
        let kind = Watched::Targets("apps/v1".into(), self.kind.into());
        for watched in [Watched::Pools, Watched::Autoscalers, kind] {
            self.send(Event::Synced(watched));
        }
        self.poll();
    }

    /// Stops the operator gracefully, and starts no other one.
    pub fn stop(&mut self) {
        let commands = self.fleet.stop();
        self.fleet = Fleet::new(false, Arc::new(Metrics::new()));
        self.commands.extend(commands);
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
        let at = Some(Time(self.written_at / 1000 * 1000));
        let writer = self.written_by_us.then(|| Writer {
            name: "workerpool-operator".into(),
            at,
        });
        let target = Target {
            desired: self.desired,
            replicas,
            updated: self.updated.unwrap_or(replicas),
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

    /// The pod named `name`.
    pub fn pod(&mut self, name: &str) -> &mut SimPod {
        self.pods.get_mut(name).expect("the pod exists")
    }

    fn active_pods(&self) -> Vec<&String> {
        self.pods
            .iter()
            .filter(|(_, pod)| pod.is_ours() && pod.gone_at.is_none())
            .map(|(name, _)| name)
            .collect()
    }

    fn workers(&self) -> Vec<Worker> {
        let worker = |(name, pod): (&String, &SimPod)| Worker {
            queue: 0,
            id: format!("{name}.{}", pod.restarts),
            pod: Some(name.clone()),
            busy: pod.busy_until.is_some(),
            drain: match pod.drain_since {
                None => DrainState::None,
                Some(since) if pod.busy_until.is_none() && self.now - since >= 1_000 => {
                    DrainState::Drained
                }
                Some(_) => DrainState::Requested,
            },
            since: pod.drain_since.unwrap_or(pod.since),
            report: WorkerReport::default(),
        };
        self.pods
            .iter()
            .filter(|(_, pod)| pod.registered)
            .map(worker)
            .collect()
    }

    pub fn poll(&mut self) {
        self.polled_at = self.now;
        let workers = self.workers();
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
        let pools: Vec<Key> = self.pools.iter().map(Key::of).collect();
        let result = |pool| PollResult {
            pool,
            queues: vec![load],
            workers: workers.clone(),
            unavailable: None,
            memory: RedisMemory::Unknown,
            notified_at: None,
        };
        self.send(Event::Metrics(pools.into_iter().map(result).collect()));
    }

    /// Lets time pass.
    pub fn run(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            self.execute_all();
            self.now += STEP;
            self.step();
            let now = self.now;
            for (_, command) in self
                .delayed
                .extract_if(.., |(at, _)| *at <= now)
                .collect::<Vec<_>>()
            {
                if let Some(event) = self.execute(command) {
                    self.send(event);
                }
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
            Command::Poll(..) => self.poll(),
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
                self.mark(marks);
                return Some(Event::Marked(pool, Ok(())));
            }
            Command::Drain(_, _, workers, drain) if !is_broken("drain") => {
                self.drain(workers, drain);
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
                self.statuses.insert(key.clone(), *status);
                return Some(Event::StatusWritten(key, true));
            }
            _ => {}
        }
        None
    }

    fn list_pods(&self) -> Vec<Pod> {
        let pod = |(name, pod): (&String, &SimPod)| Pod {
            name: name.clone(),
            owner: pod.owner.clone(),
            stage: pod.stage,
            terminating: pod.gone_at.is_some(),
            cost: pod.cost,
        };
        self.pods.iter().map(pod).collect()
    }

    fn mark(&mut self, marks: Vec<(String, bool)>) {
        self.log.push(format!("mark {marks:?}"));
        for (name, mark) in marks {
            if let Some(pod) = self.pods.get_mut(&name) {
                pod.cost = if mark { DELETE_FIRST } else { 0 };
                pod.cost_at = self.now;
            }
        }
    }

    fn drain(&mut self, workers: Vec<(usize, String)>, drain: bool) {
        self.log.push(format!("drain {drain} {workers:?}"));
        for (_, id) in workers {
            let name = id.split('.').next().unwrap_or_default();
            if let Some(pod) = self
                .pods
                .get_mut(name)
                .filter(|pod| format!("{name}.{}", pod.restarts) == id)
            {
                pod.drain_since = drain.then(|| pod.drain_since.unwrap_or(self.now));
                pod.drain_ends = self.now + 60_000;
            }
        }
    }

    fn scale(&mut self, replicas: i32) -> act::Scaled {
        self.log.push(format!("scale {replicas}"));
        self.desired = replicas;
        self.written_at = self.now;
        self.written_by_us = true;
        self.unseen_counts.push((self.now, replicas));
        self.version += 1;
        let version = self.version;
        self.send_target();
        act::Scaled { replicas, version }
    }

    /// What a scale-down must not leave behind: active pods whose worker drains or that are marked.
    pub fn leftovers(&self) -> Vec<&String> {
        let is_left = |(_, pod): &(&String, &SimPod)| {
            pod.gone_at.is_none() && (pod.drain_since.is_some() || pod.cost == DELETE_FIRST)
        };
        self.pods
            .iter()
            .filter(is_left)
            .map(|(name, _)| name)
            .collect()
    }
}
