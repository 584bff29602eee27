//! A simulated workload: its pods, their workers, the tasks in the queue, and the controller that creates and deletes
//! the pods. The fleet's tests and the simulation share it.

use crate::pod::{Process, SimPod};
use decide::Time;
use decide::victims::{DELETE_FIRST, DrainState, Pod, PodStage, Worker, WorkerReport};
use queues::ConnectionList;
use std::collections::BTreeMap;
use std::ops::Range;

/// How long a process takes to end and its container to start another.
const RESTART: i64 = 2_000;

#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each with its name"
)]
#[derive(Default)]
pub struct Workload {
    pub kind: &'static str,
    pub pods: BTreeMap<String, SimPod>,
    pub desired: i32,
    pub updated: Option<i32>,
    /// The controller neither creates nor deletes a pod.
    pub keeps_pods: bool,
    /// How many more pods the controller keeps during a rollout.
    pub surge: i32,
    /// The owner whose pods the controller removes first.
    pub reduced_first: &'static str,
    /// Written replica counts that the controller has not seen yet, and when they were written.
    pub unseen_counts: Vec<(i64, i32)>,
    /// The replica count that the controller works towards. It sees the written ones one after the other.
    observed: i32,
    pub version: u64,
    /// The queue system cannot drain workers.
    pub cannot_drain: bool,
    /// How long a drain request lasts.
    pub drain_lasts: i64,
    /// The interval at which processes report and take signals, as Sidekiq's do; 0: workers are seen as they are.
    pub beat: i64,
    /// Tasks in the queue.
    pub waiting: i64,
    /// How long the controller takes to see a replica count.
    pub lag: i64,
    /// How long the API server takes to write a mark. The controller sees it later by the same time.
    pub slow: i64,
    /// Milliseconds per task.
    pub task: i64,
    /// How long a pod that ends has to finish a task that it took.
    pub grace: i64,
    /// Whether the target has that grace in its template, and the workers say for how long their tasks have run.
    pub tells_grace: bool,
    /// All connections come from one address, which is that of no pod.
    pub proxied: bool,
    /// Workers take tasks by a command that does not wait for any.
    pub polling: bool,
    /// Pods that ended while they held a task.
    pub interrupted: Vec<String>,
    /// Pods that the controller deleted, in order.
    pub deleted: Vec<String>,
    pub now: i64,
    pods_created: u32,
}

impl Workload {
    pub fn new(replicas: i32) -> Self {
        let mut workload = Self {
            kind: "Deployment",
            desired: replicas,
            observed: replicas,
            version: 1,
            drain_lasts: 60_000,
            lag: 300,
            task: 4_000,
            now: 1_700_000_000_000,
            ..Self::default()
        };
        (0..replicas).for_each(|_| workload.create_pod(PodStage::Ready));
        workload
    }

    pub fn set_kind(&mut self, kind: &'static str) {
        self.kind = kind;
        let old = std::mem::take(&mut self.pods).into_values().enumerate();
        let owner = format!("{kind}/worker");
        let new = |(number, mut pod): (usize, SimPod)| {
            pod.owner.clone_from(&owner);
            (format!("worker-{number}"), pod)
        };
        self.pods = old.map(new).collect();
    }

    pub fn create_pod(&mut self, stage: PodStage) {
        let name = format!("p{:02}", self.pods_created);
        self.pods_created += 1;
        let pod = SimPod {
            stage,
            ready_since: None,
            owner: "ReplicaSet/worker-5d4f".into(),
            cost: 0,
            cost_at: 0,
            gone_at: None,
            restarts: 0,
            registered: stage >= PodStage::NotReady,
            busy_until: None,
            drain_since: None,
            drain_ends: 0,
            process: Process::default(),
            // The first pod is the longest idle.
            since: self.now + i64::from(self.pods_created),
            worker_pod: None,
            worker_namespace: None,
        };
        self.pods.insert(name, pod);
    }

    /// The pod named `name`.
    pub fn pod(&mut self, name: &str) -> &mut SimPod {
        self.pods.get_mut(name).expect("the pod exists")
    }

    /// Each of the `pods`, by their positions, is busy for so long from when it became idle.
    pub fn occupy(&mut self, pods: Range<usize>, millis: i64) {
        for pod in self.pods.values_mut().take(pods.end).skip(pods.start) {
            pod.busy_until = Some(pod.since.saturating_add(millis));
        }
    }

    pub fn active_pods(&self) -> Vec<&String> {
        self.pods
            .iter()
            .filter(|(_, pod)| pod.is_ours() && pod.gone_at.is_none())
            .map(|(name, _)| name)
            .collect()
    }

    pub fn workers(&self) -> Vec<Worker> {
        let worker = |(name, pod): (&String, &SimPod)| Worker {
            queue: 0,
            id: format!("{name}.{}", pod.restarts),
            pod: pod.worker_pod.clone().unwrap_or_else(|| Some(name.clone())),
            namespace: pod.worker_namespace.clone(),
            slots: 1,
            busy: match self.beat {
                0 => pod.busy_until.is_some(),
                _ => pod.process.reported.0,
            },
            drain: match pod.drain_since {
                _ if self.beat > 0 && !self.cannot_drain => match pod.process.reported {
                    (false, true) => DrainState::Left,
                    (true, true) => DrainState::Leaving,
                    _ if pod.process.asked => DrainState::Leaving,
                    _ => DrainState::None,
                },
                _ if self.cannot_drain => DrainState::Unsupported,
                None => DrainState::None,
                Some(since) if pod.busy_until.is_none() && self.now - since >= 1_000 => {
                    DrainState::Drained
                }
                Some(_) => DrainState::Requested,
            },
            since: pod.drain_since.unwrap_or(pod.since),
            report: WorkerReport {
                task_millis: pod
                    .busy_until
                    .filter(|_| self.tells_grace)
                    .map(|_| self.now - pod.since),
                ..WorkerReport::default()
            },
        };
        self.pods
            .iter()
            .filter(|(_, pod)| pod.registered)
            .map(worker)
            .collect()
    }

    pub fn list_pods(&self) -> Vec<Pod> {
        let pod = |(name, pod): (&String, &SimPod)| Pod {
            name: name.clone(),
            owner: pod.owner.clone(),
            stage: pod.stage,
            ready_since: pod.ready_since.map(Time),
            terminating: pod.gone_at.is_some(),
            cost: pod.cost,
            address: address(name).parse().ok(),
        };
        self.pods.iter().map(pod).collect()
    }

    /// The list of clients of Redis: an idle worker waits for work, and a busy one took some last.
    pub fn clients(&self) -> ConnectionList {
        let line = |(name, pod): (&String, &SimPod)| {
            let address = if self.proxied {
                "10.9.9.9".to_owned()
            } else {
                address(name)
            };
            let (flags, command) = match pod.busy_until {
                _ if self.polling => ("N", "lpop"),
                Some(_) => ("N", "brpop"),
                None => ("b", "brpop"),
            };
            format!("addr={address}:5 flags={flags} cmd={command}\n")
        };
        let running = self.pods.iter().filter(|(_, pod)| pod.registered);
        ConnectionList::parse(&running.map(line).collect::<String>())
    }

    pub fn mark(&mut self, marks: Vec<(String, bool)>) {
        for (name, mark) in marks {
            if let Some(pod) = self.pods.get_mut(&name) {
                pod.cost = if mark { DELETE_FIRST } else { 0 };
                pod.cost_at = self.now;
            }
        }
    }

    pub fn drain(&mut self, workers: Vec<(usize, String)>, drain: bool) {
        let (beat, lasts) = (self.beat, self.drain_lasts);
        for (_, id) in workers {
            let name = id.split('.').next().unwrap_or_default();
            if let Some(pod) = self
                .pods
                .get_mut(name)
                .filter(|pod| format!("{name}.{}", pod.restarts) == id)
            {
                if beat > 0 {
                    let process = &mut pod.process;
                    if drain || process.reported == (false, true) {
                        process.signal.get_or_insert(drain);
                    }
                    process.asked |= drain;
                    continue;
                }
                pod.drain_since = drain.then(|| pod.drain_since.unwrap_or(self.now));
                pod.drain_ends = self.now + lasts;
            }
        }
    }

    /// Someone writes the replica count.
    pub fn write_scale(&mut self, replicas: i32) {
        self.desired = replicas;
        self.unseen_counts.push((self.now, replicas));
        self.version += 1;
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

    /// Another operator starts: it knows of no process that it asked to be quiet.
    pub fn forget_requests(&mut self) {
        for pod in self.pods.values_mut() {
            pod.process.asked = false;
        }
    }

    /// Processes report, take signals, end and start again.
    fn step_processes(&mut self) {
        let (now, beat) = (self.now, self.beat);
        for (number, (name, pod)) in (0i64..).zip(&mut self.pods) {
            if pod.process.starts_at.is_some_and(|at| at <= now) {
                pod.process = Process::default();
                (pod.registered, pod.since) = (true, now);
            }
            if !pod.registered || (now + number * 650) % beat != 0 {
                continue;
            }
            pod.process.reported = (pod.busy_until.is_some(), pod.drain_since.is_some());
            match pod.process.signal.take() {
                Some(true) => {
                    pod.drain_since.get_or_insert(now);
                    pod.drain_ends = i64::MAX;
                }
                Some(false) => {
                    if pod.busy_until.take().is_some() {
                        self.interrupted.push(name.clone());
                    }
                    (pod.registered, pod.drain_since) = (false, None);
                    pod.restarts += 1;
                    pod.process.starts_at = Some(now + RESTART);
                }
                None => {}
            }
        }
    }

    /// Workers claim and finish tasks.
    pub fn step_workers(&mut self) {
        if self.beat > 0 {
            self.step_processes();
        }
        let (now, task) = (self.now, self.task);
        for pod in self.pods.values_mut().filter(|pod| pod.registered) {
            pod.drain_since = pod.drain_since.filter(|_| now < pod.drain_ends);
            if pod.busy_until.is_some_and(|until| until <= now) {
                (pod.busy_until, pod.since) = (None, now);
            }
            // A claim that is waiting may still return one task, and a deleted pod gets its signal late.
            let claims = pod.drain_since.is_none_or(|since| now - since < 1_000)
                && pod.gone_at.is_none_or(|at| at - now > 500);
            if claims && pod.busy_until.is_none() && self.waiting > 0 {
                self.waiting -= 1;
                (pod.busy_until, pod.since) = (Some(now + task), now);
            }
        }
    }

    /// Terminating pods end.
    pub fn end_pods(&mut self) {
        let (now, grace) = (self.now, self.grace);
        let gone = self.pods.extract_if(.., |_, pod| {
            let until = pod.busy_until.map_or(0, |_| grace);
            pod.gone_at.is_some_and(|at| at + until <= now)
        });
        let interrupted = gone
            .filter(|(_, pod)| pod.busy_until.is_some())
            .map(|(name, _)| name);
        self.interrupted.extend(interrupted);
    }

    /// The controller sees the next written replica count, if it is time. Returns true if the target changed.
    pub fn see_replica_count(&mut self) -> bool {
        let next = self.unseen_counts.first().copied();
        if let Some((_, count)) = next.filter(|(at, _)| self.now - at >= self.lag) {
            self.observed = count;
            self.unseen_counts.remove(0);
            self.version += 1;
            return true;
        }
        if next.is_none() {
            self.observed = self.desired;
        }
        false
    }

    /// The controller deletes and creates pods. Returns true if it did.
    pub fn adjust_pods(&mut self) -> bool {
        if self.keeps_pods {
            return false;
        }
        let order = self.deletion_order();
        let count = i32::try_from(order.len()).unwrap_or(0);
        let surplus = usize::try_from(count - self.observed - self.surge).unwrap_or(0);
        for name in order.into_iter().take(surplus) {
            self.pod(&name).gone_at = Some(self.now + 1_000);
            self.deleted.push(name);
        }
        (count..self.observed).for_each(|_| self.create_pod(PodStage::Ready));
        let changes = surplus > 0 || count < self.observed;
        self.version += u64::from(changes);
        changes
    }

    /// The active pods in the order in which the controller would delete them.
    fn deletion_order(&self) -> Vec<String> {
        let mut order: Vec<(bool, PodStage, i32, i64, String)> = Vec::new();
        for (name, pod) in self
            .pods
            .iter()
            .filter(|(_, pod)| pod.is_ours() && pod.gone_at.is_none())
        {
            // Among equals the controller deletes the youngest.
            let ordinal = name
                .rsplit_once('-')
                .and_then(|(_, number)| number.parse::<i64>().ok());
            match ordinal {
                Some(number) => order.push((false, PodStage::Ready, 0, -number, name.clone())),
                None => order.push((
                    pod.owner != self.reduced_first,
                    pod.stage,
                    pod.observed_cost(self.now, self.slow),
                    -i64::from(pod.restarts),
                    name.clone(),
                )),
            }
        }
        order.sort();
        order.into_iter().map(|(.., name)| name).collect()
    }
}

/// The address of a pod, by the number in its name.
fn address(pod: &str) -> String {
    let number: String = pod.chars().filter(char::is_ascii_digit).collect();
    format!(
        "10.0.0.{}",
        number.parse::<u8>().map_or(1, |number| number + 1)
    )
}
