//! A cluster and a queue in memory, and a fleet that works on them: its commands are done one by one, and the operator
//! can be killed before or after any of them.

pub use crate::pod::SimPod;
use api::{Key, WorkerPool};
use decide::victims::{DELETE_FIRST, DrainState, Pod, PodStage, Worker, WorkerReport};
use decide::{Metric, QueueMetrics, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use workerpool_operator::act;
use workerpool_operator::fleet::Fleet;
use workerpool_operator::fleet::event::{Command, Event, Watched};
use workerpool_operator::observe::PollResult;
use workerpool_operator::observe::target::{Target, TargetKey, Writer};
use workerpool_operator::report::Metrics;

const STEP: i64 = 50;

pub struct Cluster {
    pub kind: &'static str,
    pub pods: BTreeMap<String, SimPod>,
    pub desired: i32,
    pub updated: Option<i32>,
    written_at: i64,
    numbers: Vec<(i64, i32)>,
    follows: i32, // one number after the other
    version: u64,
    ours: bool,
    pub waiting: i64,
    /// How long a controller takes to see what was written.
    pub lag: i64,
    /// How long the API server takes to write a mark; the controller hears of it so much later, too.
    pub slow: i64,
    later: Vec<(i64, Command)>,
    /// How long a task takes.
    pub task: i64,
    /// Pods that were taken while they held a task, and all that were taken, in order.
    pub interrupted: Vec<String>,
    pub taken: Vec<String>,
    pub pools: Vec<WorkerPool>,
    statuses: BTreeMap<Key, api::WorkerPoolStatus>,
    fleet: Fleet,
    todo: VecDeque<Command>,
    now: i64,
    polled: i64,
    /// Commands done so far, and the one at which the operator dies, before or after it.
    pub done: usize,
    pub kill: Option<(usize, bool)>,
    /// What fails: "list", "mark", "scale", "drain".
    pub broken: Option<&'static str>,
    pub sentences: Vec<String>,
    pub log: Vec<String>,
    made: u32,
}

impl Cluster {
    pub fn new(pools: Vec<WorkerPool>, replicas: i32) -> Self {
        let mut cluster = Self {
            kind: "Deployment",
            pods: BTreeMap::new(),
            desired: replicas,
            updated: None,
            written_at: 0,
            numbers: vec![],
            follows: replicas,
            version: 1,
            ours: false,
            waiting: 0,
            lag: 300,
            slow: 0,
            later: vec![],
            task: 4_000,
            interrupted: vec![],
            taken: vec![],
            pools,
            statuses: BTreeMap::new(),
            fleet: Fleet::new(false, Arc::new(Metrics::new())),
            todo: VecDeque::new(),
            now: 1_700_000_000_000,
            polled: 0,
            done: 0,
            kill: None,
            broken: None,
            sentences: vec![],
            log: vec![],
            made: 0,
        };
        (0..replicas).for_each(|_| cluster.make(PodStage::Ready));
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

    pub fn make(&mut self, standing: PodStage) {
        let name = format!("p{:02}", self.made);
        self.made += 1;
        let pod = SimPod {
            standing,
            owner: "ReplicaSet/worker-5d4f".into(),
            cost: 0,
            cost_at: 0,
            gone_at: None,
            life: 0,
            registered: standing >= PodStage::NotReady,
            busy_until: None,
            drain_since: None,
            drain_ends: 0,
            // The first is the longest idle.
            since: self.now + i64::from(self.made),
        };
        self.pods.insert(name, pod);
    }

    /// A new operator: it knows what the API server has and nothing else.
    pub fn start(&mut self) {
        self.fleet = Fleet::new(false, Arc::new(Metrics::new()));
        self.todo.clear();
        for mut pool in self.pools.clone() {
            pool.status = self.statuses.get(&Key::of(&pool)).cloned();
            self.tell(Event::Pool(Box::new(pool)));
        }
        self.tell_target();
        let kind = Watched::Targets("apps/v1".into(), self.kind.into());
        for watched in [Watched::Pools, Watched::Autoscalers, kind] {
            self.tell(Event::Synced(watched));
        }
        self.look();
    }

    /// It ends in order, and nobody follows.
    pub fn stop(&mut self) {
        let commands = self.fleet.stop();
        self.fleet = Fleet::new(false, Arc::new(Metrics::new()));
        self.todo.extend(commands);
    }

    pub fn set_pool(&mut self, index: usize, mut pool: WorkerPool) {
        pool.metadata.generation = self.pools[index]
            .metadata
            .generation
            .map(|generation| generation + 1);
        self.pools[index] = pool.clone();
        pool.status = self.statuses.get(&Key::of(&pool)).cloned();
        self.tell(Event::Pool(Box::new(pool)));
    }

    pub fn tell(&mut self, event: Event) {
        let commands = self.fleet.on(event, Time(self.now));
        self.todo.extend(commands);
    }

    pub fn tell_target(&mut self) {
        let there = i32::try_from(self.staying().len()).unwrap_or(0);
        let at = Some(Time(self.written_at / 1000 * 1000));
        let writer = self.ours.then(|| Writer {
            name: "workerpool-operator".into(),
            at,
        });
        let target = Target {
            desired: self.desired,
            replicas: there,
            updated: self.updated.unwrap_or(there),
            observed: self.numbers.is_empty(),
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
        self.tell(Event::Target(key, Some(target)));
    }

    fn staying(&self) -> Vec<&String> {
        self.pods
            .iter()
            .filter(|(_, pod)| pod.is_ours() && pod.gone_at.is_none())
            .map(|(name, _)| name)
            .collect()
    }

    fn workers(&self) -> Vec<Worker> {
        let worker = |(name, pod): (&String, &SimPod)| Worker {
            queue: 0,
            id: format!("{name}.{}", pod.life),
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

    pub fn look(&mut self) {
        self.polled = self.now;
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
        let facts = |pool| PollResult {
            pool,
            queues: vec![load],
            workers: workers.clone(),
            unavailable_reason: None,
            notified_at: None,
        };
        self.tell(Event::Metrics(pools.into_iter().map(facts).collect()));
    }

    /// Time passes.
    pub fn run(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            self.settle();
            self.now += STEP;
            self.world_turns();
            let now = self.now;
            for (_, command) in self
                .later
                .extract_if(.., |(at, _)| *at <= now)
                .collect::<Vec<_>>()
            {
                if let Some(event) = self.perform(command) {
                    self.tell(event);
                }
            }
            if self.fleet.next_tick().is_some_and(|at| at.0 <= self.now) {
                self.tell(Event::Tick);
            }
            if self.now - self.polled >= 2_000 {
                self.look();
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        let mut most = 10_000;
        while let Some(command) = self.todo.pop_front() {
            most -= 1;
            assert!(most > 0, "it never rests: {command:?}");
            let dies = self
                .kill
                .filter(|(at, _)| *at == self.done && !matches!(command, Command::EmitEvent(_)));
            if self.slow > 0 && matches!(command, Command::Mark(..)) {
                self.later.push((self.now + self.slow, command));
            } else if let Some((_, after)) = dies {
                self.kill = None;
                drop(after.then(|| self.perform(command)));
                self.log.push("killed".into());
                self.start();
            } else if let Some(event) = self.perform(command) {
                self.tell(event);
            }
        }
    }

    fn perform(&mut self, command: Command) -> Option<Event> {
        self.done += usize::from(!matches!(command, Command::EmitEvent(_)));
        let broken = |what| self.broken == Some(what);
        let forbidden = |what: &str| format!("{what} is forbidden");
        match command {
            Command::Poll(..) => self.look(),
            Command::ListPods(pool, _) if broken("list") => {
                return Some(Event::Pods(pool, Err(forbidden("list"))));
            }
            Command::ListPods(pool, _) => {
                let pod = |(name, pod): (&String, &SimPod)| Pod {
                    name: name.clone(),
                    owner: pod.owner.clone(),
                    stage: pod.standing,
                    terminating: pod.gone_at.is_some(),
                    cost: pod.cost,
                };
                return Some(Event::Pods(pool, Ok(self.pods.iter().map(pod).collect())));
            }
            Command::Mark(pool, _) if broken("mark") => {
                return Some(Event::Marked(pool, Err(forbidden("patch"))));
            }
            Command::Mark(pool, marks) => {
                self.log.push(format!("mark {marks:?}"));
                for (name, mark) in marks {
                    if let Some(pod) = self.pods.get_mut(&name) {
                        (pod.cost, pod.cost_at) = (if mark { DELETE_FIRST } else { 0 }, self.now);
                    }
                }
                return Some(Event::Marked(pool, Ok(())));
            }
            Command::Drain(_, _, workers, drain) if !broken("drain") => {
                self.log.push(format!("drain {drain} {workers:?}"));
                for (_, id) in workers {
                    let name = id.split('.').next().unwrap_or_default();
                    if let Some(pod) = self
                        .pods
                        .get_mut(name)
                        .filter(|pod| format!("{name}.{}", pod.life) == id)
                    {
                        pod.drain_since = drain.then(|| pod.drain_since.unwrap_or(self.now));
                        pod.drain_ends = self.now + 60_000;
                    }
                }
                self.look();
            }
            Command::Scale(scale) if broken("scale") => {
                let status = kube::core::Status {
                    code: 403,
                    message: forbidden("scale"),
                    ..Default::default()
                };
                let error = act::Error::Api(kube::Error::Api(Box::new(status)));
                return Some(Event::Scaled(scale.pool, Err(error), None));
            }
            Command::Scale(scale) => {
                self.log.push(format!("scale {}", scale.replicas));
                (self.desired, self.written_at, self.ours) = (scale.replicas, self.now, true);
                self.numbers.push((self.now, self.desired));
                self.version += 1;
                let done = act::Scaled {
                    replicas: self.desired,
                    version: self.version,
                };
                self.tell_target();
                return Some(Event::Scaled(scale.pool, Ok(done), None));
            }
            Command::WriteStatus(key, status) => {
                let decision = status.decision.iter();
                self.sentences
                    .extend(decision.map(|it| format!("{}: {}", it.reason, it.message)));
                self.statuses.insert(key.clone(), *status);
                return Some(Event::StatusWritten(key, true));
            }
            _ => {}
        }
        None
    }

    /// Workers claim and finish, pods end, the controller removes and makes.
    fn world_turns(&mut self) {
        let (now, task) = (self.now, self.task);
        for pod in self.pods.values_mut().filter(|pod| pod.registered) {
            pod.drain_since = pod.drain_since.filter(|_| now < pod.drain_ends);
            if pod.busy_until.is_some_and(|until| until <= now) {
                (pod.busy_until, pod.since) = (None, now);
            }
            // A claim that was waiting may still bring one task, and who is deleted is told late.
            let open = pod.drain_since.is_none_or(|since| now - since < 1_000)
                && pod.gone_at.is_none_or(|at| at - now > 500);
            if open && pod.busy_until.is_none() && self.waiting > 0 {
                self.waiting -= 1;
                (pod.busy_until, pod.since) = (Some(now + task), now);
            }
        }
        let gone = self
            .pods
            .extract_if(.., |_, pod| pod.gone_at.is_some_and(|at| at <= now));
        let killed = gone
            .filter(|(_, pod)| pod.busy_until.is_some())
            .map(|(name, _)| name);
        self.interrupted.extend(killed);
        let next = self.numbers.first().copied();
        if let Some((_, number)) = next.filter(|(at, _)| now - at >= self.lag) {
            self.follows = number;
            self.numbers.remove(0);
            self.version += 1;
            self.tell_target();
        } else if next.is_none() {
            self.follows = self.desired;
        }
        let mut order: Vec<(PodStage, i32, i64, String)> = Vec::new();
        for (name, pod) in self
            .pods
            .iter()
            .filter(|(_, pod)| pod.is_ours() && pod.gone_at.is_none())
        {
            // Of equals the youngest goes.
            let ordinal = name
                .rsplit_once('-')
                .and_then(|(_, number)| number.parse::<i64>().ok());
            match ordinal {
                Some(number) => order.push((PodStage::Ready, 0, -number, name.clone())),
                None => order.push((
                    pod.standing,
                    pod.cost_seen(now, self.slow),
                    -i64::from(pod.life),
                    name.clone(),
                )),
            }
        }
        order.sort();
        let there = i32::try_from(order.len()).unwrap_or(0);
        let surplus = usize::try_from(there - self.follows).unwrap_or(0);
        for (.., name) in order.into_iter().take(surplus) {
            if let Some(pod) = self.pods.get_mut(&name) {
                pod.gone_at = Some(now + 1_000);
                self.taken.push(name);
            }
        }
        (there..self.follows).for_each(|_| self.make(PodStage::Ready));
        if there != self.follows {
            self.version += 1;
            self.tell_target();
        }
    }

    /// What a plan must not leave behind: workers that drain and marks, on pods that stay.
    pub fn left_over(&self) -> Vec<&String> {
        let left = |(_, pod): &(&String, &SimPod)| {
            pod.gone_at.is_none() && (pod.drain_since.is_some() || pod.cost == DELETE_FIRST)
        };
        self.pods
            .iter()
            .filter(left)
            .map(|(name, _)| name)
            .collect()
    }
}
