//! The real fleet and the real routes without a cluster and without Redis: queues are played, decisions are not.

use super::play::{Day, Play};
use api::{Key, WorkerPool};
use decide::{Millis, Time};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use workerpool_operator::act::Scaled;
use workerpool_operator::dashboard::{Ask, DashboardStore};
use workerpool_operator::fleet::Fleet;
use workerpool_operator::fleet::event::{Command, Event, Watched};
use workerpool_operator::observe::PollResult;
use workerpool_operator::observe::target::{Target, TargetKey};
use workerpool_operator::report::Metrics;

/// How often each pool is looked at without being woken.
const INTERVAL: i64 = 2_000;

/// Something a test does.
#[derive(Debug)]
pub enum Deed {
    /// Tasks are pushed.
    Push(String, i64),
    /// The facts of a pool cannot be read from now on, and why; or they can again.
    Blind(String, Option<String>),
    /// A worker of a pool falls silent.
    Deafen(String),
    /// A pool is deleted.
    Delete(String),
}

pub struct Feed {
    fleet: Fleet,
    plays: BTreeMap<Key, (Play, i64, u64)>,
    /// Answers that are under way.
    later: Vec<(i64, Event)>,
    offset: i64,
    start: Instant,
    /// Called when the fleet asks for a scale, before anybody else hears of it.
    pub decided: Told,
}

pub type Told = Box<dyn Fn(&Key, i32) + Send>;

/// The class's pool under `name`, with its own rules in `spec`.
pub fn pool(name: &str, spec: &serde_json::Value) -> WorkerPool {
    let mut whole = json!({
        "scaleTargetRef": {"name": format!("{name}-worker")}, "minReplicas": 3, "maxReplicas": 10,
        "redis": {"address": "redis://redis:6379/0"}, "queues": [{"name": "tasks"}],
        "scaleUp": {"queueLength": 8, "utilizationPercent": 80, "cpuPercent": 90, "step": 2, "cooldown": "20s"},
        "scaleDown": {"queueLength": 2, "utilizationPercent": 30, "idleFor": "45s", "step": 2, "cooldown": "30s"},
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": whole,
    }))
    .expect("a pool")
}

impl Feed {
    pub fn new(board: Arc<DashboardStore>, past: Duration) -> Self {
        let past = i64::try_from(past.as_millis()).expect("short");
        let wall = SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("after 1970")
            .as_millis();
        let offset = i64::try_from(wall).expect("soon") - past;
        Self {
            fleet: Fleet::new(false, Arc::new(Metrics::new())).with_dashboard(board),
            plays: BTreeMap::new(),
            later: Vec::new(),
            offset,
            start: Instant::now(),
            decided: Box::new(|_, _| ()),
        }
    }

    /// A pool with its target, `None` where that does not exist.
    pub fn add(&mut self, pool: &WorkerPool, day: Day, task: i64, workers: Option<i32>) {
        let key = Key::of(pool);
        let seed = u64::try_from(self.plays.len()).expect("few");
        let play = Play::new(
            &key.name,
            day,
            task,
            workers.unwrap_or(0),
            self.offset,
            seed,
        );
        self.plays.insert(
            key.clone(),
            (
                play,
                self.offset + i64::try_from(seed % 20).expect("few") * 100,
                1,
            ),
        );
        self.on(Event::Pool(Box::new(pool.clone())), self.offset);
        if let Some(workers) = workers {
            self.target(&key, workers, self.offset);
        }
    }

    /// The first lists are complete, and the past is played until now.
    pub fn begin(&mut self, step: i64) {
        let kinds = [
            Watched::Pools,
            Watched::Autoscalers,
            Watched::Targets("apps/v1".into(), "Deployment".into()),
        ];
        for kind in kinds {
            self.on(Event::Synced(kind), self.offset);
        }
        let mut at = self.offset;
        let wall = |()| {
            i64::try_from(
                SystemTime::UNIX_EPOCH
                    .elapsed()
                    .expect("after 1970")
                    .as_millis(),
            )
            .expect("soon")
        };
        while at < wall(()) - step {
            at += step;
            self.step(at);
        }
        (self.offset, self.start) = (wall(()), Instant::now());
    }

    /// Plays on until nobody asks any more.
    pub async fn run(
        mut self,
        mut inbox: UnboundedReceiver<Event>,
        mut deeds: UnboundedReceiver<Deed>,
    ) {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                event = inbox.recv() => match event {
                    Some(event) => self.on(event, self.now()),
                    None => return,
                },
                Some(deed) = deeds.recv() => self.perform(deed),
                _ = beat.tick() => self.step(self.now()),
            }
        }
    }

    fn now(&self) -> i64 {
        self.offset + i64::try_from(self.start.elapsed().as_millis()).expect("short")
    }

    pub fn perform(&mut self, deed: Deed) {
        let now = self.now();
        let key = |name: &str| Key::new("shop", name);
        match deed {
            Deed::Push(name, tasks) => {
                if let Some((play, ..)) = self.plays.get_mut(&key(&name)) {
                    play.push(tasks, now);
                    play.step(now);
                }
                self.look(&key(&name), now);
            }
            Deed::Blind(name, why) => {
                if let Some((play, ..)) = self.plays.get_mut(&key(&name)) {
                    play.blind = why;
                }
                self.look(&key(&name), now);
            }
            Deed::Deafen(name) => {
                if let Some((play, ..)) = self.plays.get_mut(&key(&name)) {
                    play.deafen(now);
                }
                self.look(&key(&name), now);
            }
            Deed::Delete(name) => {
                self.plays.remove(&key(&name));
                self.on(Event::PoolDeleted(key(&name)), now);
            }
        }
    }

    fn step(&mut self, now: i64) {
        let (due, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.later = later;
        for (_, event) in due {
            if let Event::Scaled(key, Ok(done), _) = &event {
                self.target(&key.clone(), done.replicas, now);
            }
            self.on(event, now);
        }
        self.plays
            .values_mut()
            .for_each(|(play, ..)| play.step(now));
        let due: Vec<Key> = self
            .plays
            .iter()
            .filter(|(_, (_, at, _))| *at <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            if let Some((_, at, _)) = self.plays.get_mut(&key) {
                *at = now + INTERVAL;
            }
            self.look(&key, now);
        }
        if self.fleet.next_tick().is_some_and(|at| at.0 <= now) {
            self.on(Event::Tick, now);
        }
    }

    fn look(&mut self, key: &Key, now: i64) {
        let Some((play, ..)) = self.plays.get_mut(key) else {
            return;
        };
        let facts = PollResult {
            pool: key.clone(),
            queues: vec![play.load()],
            workers: play.workers(now),
            unavailable_reason: play.blind.clone(),
            notified_at: None,
        };
        self.on(Event::Metrics(vec![facts]), now);
    }

    fn target(&mut self, pool: &Key, replicas: i32, now: i64) {
        let Some((play, _, version)) = self.plays.get_mut(pool) else {
            return;
        };
        play.scale(replicas, now);
        *version += 1;
        let target = Target {
            desired: replicas,
            replicas,
            updated: replicas,
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
                Command::Scale(scale) => {
                    (self.decided)(&scale.pool, scale.replicas);
                    let version = self
                        .plays
                        .get(&scale.pool)
                        .map_or(1, |(_, _, version)| version + 1);
                    let done = Scaled {
                        replicas: scale.replicas,
                        version,
                    };
                    // As long as an API server takes.
                    self.later.push((
                        now + 5,
                        Event::Scaled(scale.pool, Ok(done), Some(Millis(5))),
                    ));
                }
                Command::WriteStatus(key, _) => {
                    self.later.push((now, Event::StatusWritten(key, true)))
                }
                Command::Poll(_, key) => self.look(&key, now),
                Command::Drain(_, key, ids, drain) => {
                    if let Some((play, ..)) = self.plays.get_mut(&key) {
                        play.drain(&ids, drain, now);
                    }
                    self.look(&key, now);
                }
                Command::ListPods(key, _) => {
                    let pods = self
                        .plays
                        .get(&key)
                        .map(|(play, ..)| play.pods())
                        .unwrap_or_default();
                    self.on(Event::Pods(key, Ok(pods)), now);
                }
                Command::Mark(key, marks) => {
                    if let Some((play, ..)) = self.plays.get_mut(&key) {
                        play.mark(&marks);
                    }
                    self.on(Event::Marked(key, Ok(())), now);
                }
                _ => {}
            }
        }
    }
}

/// How the routes ask the feed.
pub fn ask() -> (Ask, UnboundedReceiver<Event>, UnboundedSender<Event>) {
    let (events, inbox) = unbounded_channel();
    let sender = events.clone();
    let ask: Ask = Arc::new(move |wanted| {
        let (answer, views) = tokio::sync::oneshot::channel();
        let sent = sender.send(Event::View(wanted, answer));
        Box::pin(async move {
            sent.ok()?;
            views.await.ok()
        })
    });
    (ask, inbox, events)
}
