//! A fleet for tests: one call per event, and helpers that read the commands.

use api::{Key, WorkerPool};
use decide::{Metric, Millis, QueueMetrics, Time, Unavailable};
use queues::RedisMemory;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use workerpool_operator::act;
use workerpool_operator::fleet::Fleet;
use workerpool_operator::fleet::event::{Command, Event, PoolRef, Watched};
use workerpool_operator::observe::rollout::Rollout;
use workerpool_operator::observe::target::{Target, TargetKey, TargetKind, Writer};
use workerpool_operator::observe::{
    ClientsReading, Epoch, ObjectRef, PollNumber, PollResult, RedisNotifications,
};
use workerpool_operator::report::Metrics;

/// A pool with the default rules for Deployment/worker, created at `created` seconds since 1970.
pub fn pool(name: &str, created: i64) -> WorkerPool {
    let created = jiff::Timestamp::from_second(created)
        .expect("a time")
        .to_string();
    serde_json::from_value(json!({
        "apiVersion": "workerpool.dev/v1alpha1",
        "kind": "WorkerPool",
        "metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}"), "generation": 1, "creationTimestamp": created},
        "spec": {
            "scaleTargetRef": {"name": "worker"}, "minReplicas": 3, "maxReplicas": 10,
            "redis": {"address": "redis://127.0.0.1:6379/0"}, "queues": [{"name": "tasks"}],
        },
    }))
    .expect("a pool")
}

/// The same pool with additional fields in its spec.
pub fn pool_with(fields: &serde_json::Value) -> WorkerPool {
    let mut object = serde_json::to_value(pool("a", 1)).expect("JSON");
    let spec = object["spec"].as_object_mut().expect("a spec");
    spec.extend(fields.as_object().cloned().expect("an object"));
    serde_json::from_value(object).expect("a pool")
}

pub fn load(ready: i64, live: i64, busy: i64) -> QueueMetrics {
    QueueMetrics {
        ready: Metric::Known(ready),
        in_flight: Metric::Known(busy),
        live: Metric::Known(live),
        busy: Metric::Known(busy),
        cpu_sum: Metric::Known(0),
        ..QueueMetrics::UNSUPPORTED
    }
}

/// A target that `kubectl apply` wrote.
pub fn target(replicas: i32) -> Target {
    Target {
        desired: replicas,
        replicas,
        updated: replicas,
        rollout: Rollout::default(),
        grace: None,
        observed: true,
        selector: "app=worker".to_owned(),
        version: 1,
        uid: "target".to_owned(),
        writer: Some(Writer {
            name: "kubectl-client-side-apply".to_owned(),
        }),
    }
}

pub fn target_key() -> TargetKey {
    TargetKey {
        group: "apps".into(),
        kind: "Deployment".into(),
        object: Key::new("default", "worker"),
    }
}

/// A target whose replica count `manager` wrote.
pub fn written_by(manager: &str, replicas: i32, version: u64) -> Target {
    Target {
        version,
        writer: Some(Writer {
            name: manager.to_owned(),
        }),
        ..target(replicas)
    }
}

#[derive(Default)]
pub struct Stage {
    fleet: Fleet,
    metrics: Arc<Metrics>,
    /// The epochs in which the pools are observed.
    observed: BTreeMap<Key, Epoch>,
    /// The numbers of the last requests to Redis.
    numbers: BTreeMap<Key, PollNumber>,
    /// The pools of the last scales.
    scaling: BTreeMap<Key, PoolRef>,
    pub now: Time,
    version: u64,
    /// The reasons of all statuses written so far.
    pub reported_reasons: Vec<String>,
    /// The status that was written last.
    pub last_status: api::WorkerPoolStatus,
    /// What the polls say of the memory of Redis.
    pub memory: RedisMemory,
    /// What they say of its notifications.
    pub notifications: RedisNotifications,
    /// The clock of Redis at the polls, in milliseconds since 1970.
    pub redis_time: Option<i64>,
}

impl Stage {
    pub fn new() -> Self {
        Self::at(Time(1_700_000_000_000))
    }

    pub fn at(now: Time) -> Self {
        let metrics = Arc::new(Metrics::new());
        Self {
            fleet: Fleet::new(false, Arc::clone(&metrics)),
            metrics,
            now,
            version: 1,
            ..Self::default()
        }
    }

    /// The same with this floor of the intervals, in milliseconds.
    pub fn polling_at_most_every(mut self, floor: i64) -> Self {
        let floor = api::Duration(Millis(floor));
        self.fleet = self.fleet.polling_at_most_every(floor);
        self
    }

    /// The same with these kinds of `example.com/v1` allowed as targets.
    pub fn allowing(mut self, kinds: &[&str]) -> Self {
        let kind = |kind: &&str| format!("example.com/v1/{kind}").parse().expect("a kind");
        let kinds: Vec<TargetKind> = kinds.iter().map(kind).collect();
        self.fleet = self.fleet.allowing(&kinds);
        self
    }

    /// One pool and its target, with all initial lists complete.
    pub fn with(pool: &WorkerPool, target: Option<Target>) -> Self {
        let mut stage = Self::new();
        stage.pool(pool);
        stage.target(target);
        stage.synced();
        stage
    }

    pub fn advance(&mut self, millis: i64) {
        self.now = self.now + Millis(millis);
    }

    pub fn send(&mut self, event: Event) -> Vec<Command> {
        let mut commands = self.fleet.on(event, self.now);
        for command in &commands {
            match command {
                Command::Observe(_, pool, ..) => {
                    self.observed.insert(pool.key.clone(), pool.epoch);
                }
                Command::Poll(_, pool, number) | Command::Drain(_, pool, _, _, number) => {
                    self.numbers.insert(pool.clone(), *number);
                }
                Command::Scale(scale) => {
                    let key = scale.pool.key.clone();
                    self.scaling.insert(key, scale.pool.clone());
                }
                _ => {}
            }
        }
        // The API server accepts statuses at once.
        let written: Vec<PoolRef> = commands
            .iter()
            .filter_map(|command| match command {
                Command::WriteStatus(key, status) => {
                    self.last_status = (**status).clone();
                    let decision = status.decision.iter();
                    self.reported_reasons
                        .extend(decision.map(|it| it.reason.clone()));
                    Some(key.clone())
                }
                _ => None,
            })
            .collect();
        for key in written {
            commands.extend(self.send(Event::StatusWritten(key, Ok(()))));
        }
        commands
    }

    pub fn pool(&mut self, pool: &WorkerPool) -> Vec<Command> {
        self.send(Event::Pool(Box::new(pool.clone())))
    }

    pub fn delete_pool(&mut self, name: &str) -> Vec<Command> {
        self.send(Event::PoolDeleted(Key::new("default", name)))
    }

    pub fn target(&mut self, target: Option<Target>) -> Vec<Command> {
        if let Some(target) = &target {
            self.version = self.version.max(target.version);
        }
        self.send(Event::Target(target_key(), target))
    }

    pub fn set_autoscaler(&mut self, name: &str, exists: bool) -> Vec<Command> {
        self.send(Event::Autoscaler(
            Key::new("default", name),
            exists.then(target_key),
        ))
    }

    pub fn synced(&mut self) -> Vec<Command> {
        let kinds = [
            Watched::Pools,
            Watched::Autoscalers,
            Watched::Targets("apps/v1".into(), "Deployment".into()),
        ];
        kinds
            .into_iter()
            .flat_map(|kind| self.send(Event::Synced(kind, None)))
            .collect()
    }

    pub fn is_ready(&self) -> bool {
        self.fleet.pending_watches().is_empty()
    }

    pub fn poll(&mut self, load: QueueMetrics) -> Vec<Command> {
        self.poll_of("a", load)
    }

    pub fn poll_of(&mut self, pool: &str, load: QueueMetrics) -> Vec<Command> {
        let result = self.result(pool, load);
        self.send(Event::Metrics(vec![result]))
    }

    /// The result of a poll of what is observed now.
    pub fn result(&self, pool: &str, load: QueueMetrics) -> PollResult {
        let pool = Key::new("default", pool);
        PollResult {
            epoch: self.observed.get(&pool).copied().unwrap_or_default(),
            number: self.numbers.get(&pool).copied().unwrap_or_default(),
            queues: vec![load],
            time: self.redis_time,
            clients: Some(ClientsReading {
                age: Millis(0),
                list: Err("NOPERM".to_owned()),
            }),
            memory: self.memory.clone(),
            notifications: self.notifications,
            ..PollResult::unknown(pool, 1, None)
        }
    }

    /// The pool as it was when it last scaled.
    pub fn scaling(&self, pool: &str) -> PoolRef {
        self.scaling[&Key::new("default", pool)].clone()
    }

    pub fn poll_failed(&mut self, error: &str) -> Vec<Command> {
        let mut failed = self.result("a", QueueMetrics::UNAVAILABLE);
        failed.unavailable = Some(Unavailable::RedisDown {
            address: "redis:6379".to_owned(),
            error: error.to_owned(),
        });
        failed.clients = None;
        self.send(Event::Metrics(vec![failed]))
    }

    /// The API server confirms a scale.
    pub fn scaled(&mut self, replicas: i32) -> Vec<Command> {
        self.scaled_of("a", replicas)
    }

    pub fn scaled_of(&mut self, pool: &str, replicas: i32) -> Vec<Command> {
        self.advance(4);
        self.version += 1;
        let done = act::Scaled {
            replicas,
            version: self.version,
        };
        let pool = self.scaling(pool);
        self.send(Event::Scaled(pool, Ok(done), Some(Millis(9))))
    }

    pub fn scale_failed(&mut self, code: u16, message: &str) -> Vec<Command> {
        let status = kube::core::Status {
            code,
            message: message.to_owned(),
            ..Default::default()
        };
        let error = act::Error::Api(kube::Error::Api(Box::new(status)));
        let pool = self.scaling("a");
        self.send(Event::Scaled(pool, Err(error), None))
    }

    /// Lets time pass, one timer after the other.
    pub fn tick_after(&mut self, millis: i64) -> Vec<Command> {
        let end = self.now + Millis(millis);
        let mut commands = Vec::new();
        while let Some(next) = self.fleet.next_tick().filter(|at| *at <= end) {
            self.now = self.now.max(next);
            commands.extend(self.send(Event::Tick));
        }
        self.now = end;
        commands
    }

    /// Lets time pass until all pending statuses are written.
    pub fn write_statuses(&mut self) {
        self.tick_after(10_000);
    }

    pub fn scrape(&mut self) -> String {
        let (answer, mut pools) = tokio::sync::oneshot::channel();
        self.send(Event::Scrape(answer));
        let pools = pools.try_recv().expect("an answer at once");
        assert!(
            pools
                .iter()
                .all(|pool| pool.age.is_some_and(|age| age < Duration::from_hours(1)))
        );
        self.metrics.encode(pools)
    }
}

/// The replica counts that `commands` write.
pub fn scales(commands: &[Command]) -> Vec<i32> {
    let scale = |command: &Command| match command {
        Command::Scale(scale) => Some(scale.replicas),
        _ => None,
    };
    commands.iter().filter_map(scale).collect()
}

/// The reasons and messages of the events that `commands` publish.
pub fn events(commands: &[Command]) -> Vec<String> {
    let note = |command: &Command| match command {
        Command::EmitEvent(note) => Some(format!("{}: {}", note.reason, note.message)),
        _ => None,
    };
    commands.iter().filter_map(note).collect()
}

/// Whether `commands` poll a pool.
pub fn polls(commands: &[Command]) -> bool {
    let mut commands = commands.iter();
    commands.any(|command| matches!(command, Command::Poll(..)))
}

/// The last status that `commands` write.
pub fn status(commands: &[Command]) -> Option<&api::WorkerPoolStatus> {
    commands.iter().rev().find_map(|command| match command {
        Command::WriteStatus(_, status) => Some(&**status),
        _ => None,
    })
}

/// The condition `kind` in the last status that `commands` write.
pub fn condition<'a>(commands: &'a [Command], kind: &str) -> Option<&'a api::Condition> {
    let mut conditions = status(commands)?.conditions.iter();
    conditions.find(|it| it.type_ == kind)
}

/// Its status and its reason.
pub fn condition_reason(commands: &[Command], kind: &str) -> Option<String> {
    condition(commands, kind).map(|it| format!("{} {}", it.status, it.reason))
}

/// The object that `commands` watch.
pub fn watched_object(commands: Vec<Command>) -> ObjectRef {
    let object = commands.into_iter().find_map(|command| match command {
        Command::WatchObject(object) => Some(object),
        _ => None,
    });
    object.expect("an object is watched")
}

/// The reasons in the statuses that `commands` write.
pub fn decisions(commands: &[Command]) -> Vec<String> {
    let reason = |command: &Command| match command {
        Command::WriteStatus(_, status) => Some(status.decision.as_ref()?.reason.clone()),
        _ => None,
    };
    commands.iter().filter_map(reason).collect()
}
