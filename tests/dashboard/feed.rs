//! The real fleet and the real routes without a cluster and without Redis: the queues are simulated, the decisions are
//! real.

use super::sim_queue::{SimQueue, Workload};
use api::{Key, WorkerPool};
use decide::{Millis, Time, Unavailable};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use workerpool_operator::act::Scaled;
use workerpool_operator::dashboard::{Ask, DashboardStore};
use workerpool_operator::fleet::Fleet;
use workerpool_operator::fleet::event::{Command, Event, Watched};
use workerpool_operator::observe::rollout::Rollout;
use workerpool_operator::observe::target::{Target, TargetKey};
use workerpool_operator::observe::{Epoch, PollNumber, PollResult};

/// The polling interval of each pool, in milliseconds.
const INTERVAL: i64 = 2_000;

/// An action of a test.
#[derive(Debug)]
pub enum Action {
    /// Push tasks to a pool's queue.
    Push(String, i64),
    /// Let polls of a pool fail with an error, or succeed again.
    Fail(String, Option<String>),
    /// Stall an idle worker of a pool.
    Stall(String),
    /// Delete a pool.
    Delete(String),
}

pub struct Feed {
    fleet: Fleet,
    pools: BTreeMap<Key, SimPool>,
    /// Events that are still to come, and when.
    delayed: Vec<(i64, Event)>,
    offset: i64,
    start: Instant,
    /// Called with each scale that the fleet asks for, before it is written.
    pub on_scale: ScaleCallback,
    /// Whether no write of a scale is answered.
    pub holds_scales: bool,
}

pub type ScaleCallback = Box<dyn Fn(&Key, i32) + Send>;

/// A simulated queue, when it is polled next, and the version of its target.
struct SimPool {
    queue: SimQueue,
    poll_at: i64,
    version: u64,
    /// The epoch in which it is observed.
    observed: Epoch,
    /// The number of the last request to its Redis.
    number: PollNumber,
}

/// A pool with the given name, and with the fields of `spec` in place of the defaults.
pub fn pool(name: &str, spec: &serde_json::Value) -> WorkerPool {
    let mut full_spec = json!({
        "scaleTargetRef": {"name": format!("{name}-worker")}, "minReplicas": 3, "maxReplicas": 10,
        "redis": {"address": "redis://redis:6379/0"}, "queues": [{"name": "tasks"}],
        "scaleUp": {"queueLength": 8, "utilizationPercent": 80, "cpuPercent": 90, "step": 2, "cooldown": "20s"},
        "scaleDown": {"queueLength": 2, "utilizationPercent": 30, "idleFor": "45s", "step": 2, "cooldown": "30s"},
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        full_spec[field] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": full_spec,
    }))
    .expect("a pool")
}

/// The key of a pool by its name, with its namespace before a slash where that is not `shop`.
fn key(name: &str) -> Key {
    let (namespace, name) = name.split_once('/').unwrap_or(("shop", name));
    Key::new(namespace, name)
}

fn wall_clock() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Feed {
    pub fn new(store: Arc<DashboardStore>, past: Duration) -> Self {
        let past = i64::try_from(past.as_millis()).expect("short");
        Self {
            fleet: Fleet::default().with_dashboard(store),
            pools: BTreeMap::new(),
            delayed: Vec::new(),
            offset: wall_clock() - past,
            start: Instant::now(),
            holds_scales: false,
            on_scale: Box::new(|_, _| ()),
        }
    }

    /// Adds a pool and its target with this many workers; `None` for a target that does not exist.
    pub fn add(&mut self, pool: &WorkerPool, workload: Workload, task: i64, workers: Option<i32>) {
        let key = Key::of(pool);
        let seed = u64::try_from(self.pools.len()).expect("few");
        let (name, count, start) = (&key.name, workers.unwrap_or(0), self.offset);
        let simulated = SimPool {
            queue: SimQueue::new(name, workload, task, count, start, seed),
            poll_at: self.offset + i64::try_from(seed % 20).expect("few") * 100,
            version: 1,
            observed: Epoch::default(),
            number: PollNumber::default(),
        };
        self.pools.insert(key.clone(), simulated);
        self.on(Event::Pool(Box::new(pool.clone())), self.offset);
        if let Some(workers) = workers {
            self.set_target(&key, workers, self.offset);
        }
    }

    /// Completes the initial lists, and simulates the past until now.
    pub fn begin(&mut self, step: i64) {
        let kinds = [
            Watched::Pools,
            Watched::Autoscalers,
            Watched::Targets("apps/v1".into(), "Deployment".into()),
        ];
        for kind in kinds {
            self.on(Event::Synced(kind, None), self.offset);
        }
        let mut at = self.offset;
        while at < wall_clock() - step {
            at += step;
            self.step(at);
        }
        self.offset = wall_clock();
        self.start = Instant::now();
    }

    /// Runs until the sender of `inbox` is dropped.
    pub async fn run(
        mut self,
        mut inbox: UnboundedReceiver<Event>,
        mut actions: UnboundedReceiver<Action>,
    ) {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                event = inbox.recv() => match event {
                    Some(event) => self.on(event, self.now()),
                    None => return,
                },
                Some(action) = actions.recv() => self.perform(action),
                _ = ticks.tick() => self.step(self.now()),
            }
        }
    }

    fn now(&self) -> i64 {
        self.offset + i64::try_from(self.start.elapsed().as_millis()).expect("short")
    }

    pub fn perform(&mut self, action: Action) {
        let now = self.now();
        match action {
            Action::Push(name, tasks) => self.change_queue(&name, now, |queue| {
                queue.push(tasks, now);
                queue.step(now);
            }),
            Action::Fail(name, error) => {
                self.change_queue(&name, now, |queue| queue.error = error);
            }
            Action::Stall(name) => self.change_queue(&name, now, |queue| queue.stall(now)),
            Action::Delete(name) => {
                let key = key(&name);
                self.pools.remove(&key);
                self.on(Event::PoolDeleted(key), now);
            }
        }
    }

    fn change_queue(&mut self, name: &str, now: i64, change: impl FnOnce(&mut SimQueue)) {
        let key = key(name);
        if let Some(pool) = self.pools.get_mut(&key) {
            change(&mut pool.queue);
        }
        self.poll(&key, now);
    }

    fn step(&mut self, now: i64) {
        let due = self.delayed.extract_if(.., |(at, _)| *at <= now);
        for (_, event) in due.collect::<Vec<_>>() {
            if let Event::Scaled(key, Ok(done), _) = &event {
                self.set_target(&key.key.clone(), done.replicas, now);
            }
            self.on(event, now);
        }
        let mut due = Vec::new();
        for (key, pool) in &mut self.pools {
            pool.queue.step(now);
            if pool.poll_at <= now {
                pool.poll_at = now + INTERVAL;
                due.push(key.clone());
            }
        }
        for key in due {
            self.poll(&key, now);
        }
        if self.fleet.next_tick().is_some_and(|at| at.0 <= now) {
            self.on(Event::Tick, now);
        }
    }

    fn poll(&mut self, key: &Key, now: i64) {
        let Some(SimPool {
            queue,
            observed,
            number,
            ..
        }) = self.pools.get_mut(key)
        else {
            return;
        };
        let cause = queue.error.clone().map(|error| Unavailable::RedisDown {
            address: "redis:6379".to_owned(),
            error,
        });
        let result = PollResult {
            epoch: *observed,
            number: *number,
            queues: vec![queue.load()],
            workers: queue.workers(now),
            ..PollResult::unknown(key.clone(), 1, cause)
        };
        self.on(Event::Metrics(vec![result]), now);
    }

    fn set_target(&mut self, pool: &Key, replicas: i32, now: i64) {
        let Some(SimPool { queue, version, .. }) = self.pools.get_mut(pool) else {
            return;
        };
        queue.scale(replicas, now);
        *version += 1;
        let target = Target {
            desired: replicas,
            replicas,
            updated: replicas,
            rollout: Rollout::default(),
            grace: None,
            observed: true,
            selector: "app=worker".to_owned(),
            version: *version,
            uid: pool.name.to_string(),
            writer: None,
        };
        let object = Key::new(&pool.namespace, &format!("{}-worker", pool.name));
        let key = TargetKey {
            group: "apps".into(),
            kind: "Deployment".into(),
            object,
        };
        self.on(Event::Target(key, Some(target)), now);
    }

    fn on(&mut self, event: Event, now: i64) {
        for command in self.fleet.on(event, Time(now)) {
            match command {
                Command::Scale(_) if self.holds_scales => {}
                Command::Scale(scale) => {
                    (self.on_scale)(&scale.pool.key, scale.replicas);
                    let pool = self.pools.get(&scale.pool.key);
                    let done = Scaled {
                        replicas: scale.replicas,
                        version: pool.map_or(1, |pool| pool.version + 1),
                    };
                    // An API server takes about 5 ms.
                    let event = Event::Scaled(scale.pool, Ok(done), Some(Millis(5)));
                    self.delayed.push((now + 5, event));
                }
                Command::WriteStatus(key, _) => {
                    self.delayed.push((now, Event::StatusWritten(key, Ok(()))));
                }
                Command::Observe(_, pool, ..) => {
                    if let Some(it) = self.pools.get_mut(&pool.key) {
                        it.observed = pool.epoch;
                    }
                }
                Command::PollClients(_, key) => self.poll(&key, now),
                Command::Poll(_, key, number) => {
                    if let Some(pool) = self.pools.get_mut(&key) {
                        pool.number = number;
                    }
                    self.poll(&key, now);
                }
                Command::Drain(_, key, ids, drain, number) => {
                    if let Some(pool) = self.pools.get_mut(&key) {
                        pool.number = number;
                        pool.queue.drain(&ids, drain, now);
                    }
                    self.poll(&key, now);
                }
                Command::ListPods(key, _) => {
                    let pool = self.pools.get(&key.key);
                    let pods = pool.map(|it| it.queue.pods()).unwrap_or_default();
                    self.on(Event::Pods(key, Ok(pods)), now);
                }
                Command::Mark(key, marks) => {
                    if let Some(pool) = self.pools.get_mut(&key.key) {
                        pool.queue.mark(&marks);
                    }
                    self.on(Event::Marked(key, Ok(())), now);
                }
                _ => {}
            }
        }
    }
}

/// Connects the routes to a feed: the function for the routes, the receiver for [`Feed::run`], and a sender of events.
pub fn ask() -> (Ask, UnboundedReceiver<Event>, UnboundedSender<Event>) {
    let (events, inbox) = unbounded_channel();
    let sender = events.clone();
    let ask: Ask = Arc::new(move |query| {
        let (answer, views) = tokio::sync::oneshot::channel();
        let sent = sender.send(Event::View(query, answer));
        Box::pin(async move {
            sent.ok()?;
            views.await.ok()
        })
    });
    (ask, inbox, events)
}
