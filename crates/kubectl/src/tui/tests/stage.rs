//! A simulated pool: a queue, workers that take time for each task, and the operator's own decisions.

use super::super::app::{App, AppSettings};
use crate::cluster::events::{PoolUpdate, Update};
use crate::cluster::queue_summary::QueueSummary;
use crate::commands::narrator;
use crate::text::lang::Lang;
use crate::text::output::Out;
use api::{
    Change, DecisionStatus, ForecastStatus, Key, MemoryStatus, NextChangeStatus, ScheduledSpec,
    WorkerPool, WorkerPoolStatus, time, timestamp,
};
use decide::victims::{Activity, DrainState, Worker, WorkerReport};
use decide::{
    Decision, Memory, NextChange, Observation, PoolSpec, Time, Unavailable, decide, forecast,
};
use jiff::{Timestamp, tz::TimeZone};
use std::time::Duration;

/// Seconds that a task takes.
const TASK_SECONDS: i64 = 8;
/// Ends of the pods' names.
const NAMES: [&str; 10] = [
    "x7k2p", "b4j9s", "m2q8t", "z5v3c", "h6n4d", "c8w2r", "t3f7g", "k9d5x", "p2z6m", "v4s8b",
];

/// So many seconds after half past eight.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_768_200 + seconds).expect("in range")
}

/// A pool with short cooldowns.
pub fn pool(name: &str) -> WorkerPool {
    let mut pool = narrator::tests::pool();
    (pool.metadata.name, pool.metadata.namespace) = (Some(name.into()), Some("default".into()));
    pool.spec.scale_up =
        serde_json::from_str(r#"{"queueLength": 8, "utilizationPercent": 80, "cooldown": "20s"}"#)
            .expect("rules");
    pool.spec.scale_down = serde_json::from_str(
        r#"{"queueLength": 2, "utilizationPercent": 30, "idleFor": "45s", "cooldown": "30s"}"#,
    )
    .expect("rules");
    pool
}

/// A worker; times are seconds.
#[derive(Clone)]
struct SimulatedWorker {
    name: String,
    /// The end of its task.
    busy_until: Option<i64>,
    /// The last change of its state.
    since: i64,
    draining: bool,
}

/// The simulation and the screen that shows it.
pub struct Stage {
    pub app: App,
    pool: WorkerPool,
    spec: ScheduledSpec,
    memory: Memory,
    replicas: i32,
    workers: Vec<SimulatedWorker>,
    /// When each waiting task was pushed.
    queue: Vec<i64>,
    processed: u64,
    pub second: i64,
    started: usize,
    /// Why Redis cannot be read.
    pub unavailable_reason: Option<&'static str>,
    history: Vec<Change>,
}

impl Stage {
    pub fn new(lang: Lang, ascii: bool) -> Self {
        let out = Out::plain(lang, TimeZone::UTC);
        let color = false;
        let settings = AppSettings { ascii, color };
        let mut app = App::new(out, settings, false, "class/default".into(), at(0));
        let pool = pool("filters");
        app.open(&pool);
        let spec = ScheduledSpec::new(&pool).expect("a valid spec");
        let mut stage = Self {
            app,
            pool,
            spec,
            memory: Memory::default(),
            replicas: 3,
            workers: Vec::new(),
            queue: Vec::new(),
            processed: 0,
            second: 0,
            started: 0,
            unavailable_reason: None,
            history: Vec::new(),
        };
        stage.start_workers();
        stage
    }

    pub fn push(&mut self, tasks: usize) {
        self.queue.extend(vec![self.second; tasks]);
    }

    /// Drains the first worker.
    pub fn drain(&mut self) {
        self.workers[0].draining = true;
    }

    /// Simulates until `second`.
    pub fn play(&mut self, second: i64) -> &mut Self {
        while self.second < second {
            self.second += 1;
            self.step();
        }
        self.app.tick(at(self.second));
        self
    }

    fn start_workers(&mut self) {
        let desired = usize::try_from(self.replicas).expect("few");
        self.workers
            .retain(|worker| worker.busy_until.is_some() || !worker.draining);
        while self.workers.len() < desired {
            let name = format!("filter-worker-5d4f8-{}", NAMES[self.started % NAMES.len()]);
            self.workers.push(SimulatedWorker {
                name,
                busy_until: None,
                since: self.second,
                draining: false,
            });
            self.started += 1;
        }
        self.workers.truncate(desired);
    }

    fn step(&mut self) {
        let now = self.second;
        for worker in &mut self.workers {
            if worker.busy_until.is_some_and(|until| until <= now) {
                self.processed += 1;
                worker.busy_until = None;
                worker.since = now;
            }
            if worker.busy_until.is_none() && !worker.draining && !self.queue.is_empty() {
                self.queue.remove(0);
                (worker.busy_until, worker.since) = (Some(now + TASK_SECONDS), now);
            }
        }
        let metrics = self.metrics();
        let when = at(now);
        self.app.apply(Update::Replicas(self.replicas), when);
        let observation = Observation {
            replicas: self.replicas,
            queues: match self.unavailable_reason {
                Some(_) => vec![decide::QueueMetrics::UNAVAILABLE],
                None => metrics.queues.clone(),
            },
            unavailable: self.unavailable_reason.map(|error| Unavailable::RedisDown {
                address: "redis:6379".to_owned(),
                error: error.to_owned(),
            }),
        };
        match self.unavailable_reason {
            Some(why) => self.app.apply(Update::Unreachable(why.into()), when),
            None => self.app.apply(Update::Metrics(metrics), when),
        }
        let decision = decide(
            self.spec.at(time(when)),
            &observation,
            &self.memory,
            time(when),
        );
        self.memory = decision.memory.clone();
        self.write_status(&observation, &decision, when);
    }

    fn write_status(&mut self, observation: &Observation, decision: &Decision, when: Timestamp) {
        let status = DecisionStatus::new(decision, when);
        if decision.replicas != decision.from {
            self.history.push(Change {
                latency_millis: (decision.replicas > decision.from).then_some(9),
                ..Change::new(decision, when)
            });
        }
        let forecast = forecast_status(self.spec.pool(), observation, decision, time(when));
        let before = self.pool.status.as_ref();
        let before = before.and_then(|status| status.decision.clone());
        let since = before
            .filter(|before| before.message == status.message)
            .map_or(when, |before| before.at);
        self.pool.status = Some(WorkerPoolStatus {
            observed_generation: Some(1),
            replicas: Some(self.replicas),
            desired_replicas: Some(decision.replicas),
            internal: Some(MemoryStatus::from(&decision.memory)),
            history: self.history.clone(),
            decision: Some(DecisionStatus {
                at: since,
                next: Some(forecast),
                ..status
            }),
            ..WorkerPoolStatus::default()
        });
        self.app
            .apply(Update::Pool(Box::new(self.pool.clone())), when);
        self.replicas = decision.replicas;
        self.start_workers();
    }

    fn metrics(&self) -> QueueSummary {
        let (live, busy) = self
            .workers
            .iter()
            .filter(|worker| !worker.draining)
            .fold((0, 0), |(live, busy), worker| {
                (live + 1, busy + u64::from(worker.busy_until.is_some()))
            });
        let clock = at(self.second).as_millisecond();
        let registered = |simulated: &SimulatedWorker| {
            let busy = simulated.busy_until.is_some();
            let since = at(simulated.since).as_millisecond();
            let mut worker = worker(&simulated.name, busy);
            worker.since = since;
            worker.report.since_millis = Some(clock - since);
            if simulated.draining {
                worker.drain = DrainState::Requested;
                worker.report.activity = Activity::Draining;
            }
            worker
        };
        QueueSummary {
            cpu: Some(if busy > 0 { 48.0 } else { 1.0 }),
            oldest: self
                .queue
                .first()
                .map(|at| Duration::from_secs(u64::try_from(self.second - at).expect("past"))),
            processed: Some(self.processed),
            failed: Some(0),
            mean: (self.processed > 0).then(|| Duration::from_secs(TASK_SECONDS.unsigned_abs())),
            workers: self.workers.iter().map(registered).collect(),
            ..QueueSummary::of_counts(u64::try_from(self.queue.len()).expect("few"), busy, live)
        }
    }
}

/// The forecast after a decision, as the operator writes it.
pub fn forecast_status(
    spec: &PoolSpec,
    observation: &Observation,
    decision: &Decision,
    now: Time,
) -> ForecastStatus {
    let next = |next: NextChange| NextChangeStatus {
        to: next.to,
        at: next.at.map(timestamp),
        tasks: next.tasks,
    };
    let forecast = forecast(spec, observation, decision, now);
    ForecastStatus {
        up: forecast.up.map(next),
        down: forecast.down.map(next),
    }
}

/// A worker as its queue reports it.
pub fn worker(pod: &str, busy: bool) -> Worker {
    Worker {
        queue: 0,
        id: format!("{pod}.1"),
        pod: Some(pod.to_owned()),
        namespace: None,
        slots: 1,
        busy,
        drain: DrainState::None,
        since: 0,
        report: WorkerReport {
            activity: if busy { Activity::Busy } else { Activity::Idle },
            cpu: Some(if busy { 64 } else { 1 }),
            tasks: u64::from(busy),
            ..WorkerReport::default()
        },
    }
}

/// Lists `n` pools, of which one in fifty has a problem.
pub fn list_pools(app: &mut App, n: usize) {
    app.apply_to_list(PoolUpdate::Init);
    for pool in pools(n) {
        app.apply_to_list(PoolUpdate::Apply(Box::new(pool)));
    }
}

fn pools(n: usize) -> Vec<WorkerPool> {
    (0..n)
        .map(|i| {
            let mut pool = pool(&format!("pool-{i:04}"));
            let (reason, message, queue) = match i % 50 {
                7 => ("Unknown", "Redis r:6379: connection refused (since 08:29:10): keeping 4 workers (never scales down without metrics)", "?"),
                9 => ("AtMax", "120 tasks wait, more than 8, but maxReplicas is 10: keeping 10 workers", "120"),
                3 => ("QueueTooLong", "17 tasks wait, more than 8: 5 → 7 workers", "17"),
                _ => ("WithinThresholds", "within thresholds: keeping 3 workers", "0"),
            };
            let mut status: WorkerPoolStatus = serde_json::from_value(serde_json::json!({
                "observedGeneration": 1, "replicas": 5, "desiredReplicas": if reason == "QueueTooLong" { 7 } else { 5 },
                "display": {"target": "Deployment/w", "queue": queue, "busy": "3/5", "util": "60%", "wait": "6s"},
                "decision": {"reason": reason, "message": message, "confidence": 1.0, "at": at(0), "from": 5, "to": 5},
            }))
            .expect("a status");
            status.history = Vec::new();
            pool.status = Some(status);
            pool
        })
        .collect()
}

/// The key of a listed pool.
pub fn key(name: &str) -> Key {
    Key::new("default", name)
}
