//! The class's pool, played: a queue, workers that do real time's work, and an operator that decides as the real one.

use super::super::app::{App, AppSettings};
use crate::cluster::events::{PoolUpdate, Update};
use crate::cluster::queue_summary::QueueSummary;
use crate::commands::narrator;
use crate::text::lang::Lang;
use crate::text::output::{Color, Out};
use api::{
    Change, DecisionStatus, ForecastStatus, Key, MemoryStatus, NextChangeStatus, ScheduledSpec,
    StepStatus, WorkerPool, WorkerPoolStatus, time, timestamp,
};
use decide::{Decision, Memory, NextChange, Observation, decide, forecast};
use jiff::{Timestamp, tz::TimeZone};
use protocol::snapshot::{State, Worker};
use std::time::Duration;

/// A task takes so many seconds.
const TASK: i64 = 8;
const NAMES: [&str; 10] = [
    "x7k2p", "b4j9s", "m2q8t", "z5v3c", "h6n4d", "c8w2r", "t3f7g", "k9d5x", "p2z6m", "v4s8b",
];

/// Half past eight, and so many seconds.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_768_200 + seconds).expect("in range")
}

/// The class's pool, in a hurry.
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

/// A worker: its name, the end of its task, and since when it has been what it is.
#[derive(Clone)]
struct Hand {
    name: String,
    until: Option<i64>,
    since: i64,
    drains: bool,
}

/// The play.
pub struct Stage {
    pub app: App,
    pool: WorkerPool,
    wishes: ScheduledSpec,
    memory: Memory,
    replicas: i32,
    hands: Vec<Hand>,
    pushed: Vec<i64>,
    done: u64,
    pub second: i64,
    hired: usize,
    /// Why Redis cannot be read.
    pub blind: Option<&'static str>,
    history: Vec<Change>,
}

impl Stage {
    pub fn new(lang: Lang, ascii: bool) -> Self {
        let out = Out::in_zone(Color::Never, lang, TimeZone::UTC);
        let look = AppSettings {
            ascii,
            color: false,
        };
        let mut app = App::new(out, look, false, "class/default".into(), at(0));
        let pool = pool("filters");
        app.open(&pool);
        let wishes = ScheduledSpec::new(&pool).expect("it can work");
        let mut stage = Self {
            app,
            pool,
            wishes,
            memory: Memory::default(),
            replicas: 3,
            hands: Vec::new(),
            pushed: Vec::new(),
            done: 0,
            second: 0,
            hired: 0,
            blind: None,
            history: Vec::new(),
        };
        stage.hire();
        stage
    }

    pub fn push(&mut self, tasks: usize) {
        self.pushed.extend(vec![self.second; tasks]);
    }

    /// The one that is busy longest takes no more.
    pub fn drain(&mut self) {
        self.hands[0].drains = true;
    }

    /// Plays on until `second`.
    pub fn play(&mut self, second: i64) -> &mut Self {
        while self.second < second {
            self.second += 1;
            self.look();
        }
        self.app.tick(at(self.second));
        self
    }

    fn hire(&mut self) {
        let wanted = usize::try_from(self.replicas).expect("few");
        self.hands
            .retain(|hand| hand.until.is_some() || !hand.drains);
        while self.hands.len() < wanted {
            let name = format!("filter-worker-5d4f8-{}", NAMES[self.hired % NAMES.len()]);
            self.hands.push(Hand {
                name,
                until: None,
                since: self.second,
                drains: false,
            });
            self.hired += 1;
        }
        self.hands.truncate(wanted);
    }

    fn look(&mut self) {
        let now = self.second;
        for hand in &mut self.hands {
            if hand.until.is_some_and(|until| until <= now) {
                self.done += 1;
                (hand.until, hand.since) = (None, now);
            }
            if hand.until.is_none() && !hand.drains && !self.pushed.is_empty() {
                self.pushed.remove(0);
                (hand.until, hand.since) = (Some(now + TASK), now);
            }
        }
        let facts = self.facts();
        let when = at(now);
        self.app.apply(Update::Replicas(self.replicas), when);
        let seen = Observation {
            replicas: self.replicas,
            queues: match self.blind {
                Some(_) => vec![decide::QueueMetrics::UNAVAILABLE],
                None => facts.queues.clone(),
            },
            unavailable_reason: self.blind.map(str::to_owned),
        };
        match self.blind {
            Some(why) => self.app.apply(Update::Unreachable(why.into()), when),
            None => self.app.apply(Update::Metrics(facts), when),
        }
        let decision = decide(self.wishes.at(time(when)), &seen, &self.memory, time(when));
        self.memory = decision.memory.clone();
        self.write(&seen, &decision, when);
    }

    fn write(&mut self, seen: &Observation, decision: &Decision, when: Timestamp) {
        let sentence = messages::message(&decision.reason, decision.from, decision.replicas);
        let reason = decision.reason.code().to_string();
        if decision.replicas != decision.from {
            let (from, to) = (decision.from, decision.replicas);
            let (reason, sentence) = (reason.clone(), sentence.clone());
            self.history.push(Change {
                at: when,
                from,
                to,
                reason,
                message: sentence,
                latency_millis: (to > from).then_some(9),
            });
        }
        let next = |next: NextChange| NextChangeStatus {
            to: next.to,
            at: next.at.map(timestamp),
            tasks: next.tasks,
        };
        let ahead = forecast(self.wishes.pool(), seen, decision, time(when));
        let trail = decision.steps.iter().map(|step| StepStatus {
            name: messages::step_name(step),
            detail: messages::step_detail(step),
        });
        let before = self
            .pool
            .status
            .as_ref()
            .and_then(|status| status.decision.clone());
        let since = before
            .filter(|before| before.message == sentence)
            .map_or(when, |before| before.at);
        self.pool.status = Some(WorkerPoolStatus {
            observed_generation: Some(1),
            replicas: Some(self.replicas),
            desired_replicas: Some(decision.replicas),
            internal: Some(MemoryStatus::from(&decision.memory)),
            history: self.history.clone(),
            decision: Some(DecisionStatus {
                reason,
                message: sentence,
                confidence: 1.0,
                at: since,
                from: decision.from,
                to: decision.replicas,
                steps: trail.collect(),
                next: Some(ForecastStatus {
                    up: ahead.up.map(next),
                    down: ahead.down.map(next),
                }),
            }),
            ..WorkerPoolStatus::default()
        });
        self.app
            .apply(Update::Pool(Box::new(self.pool.clone())), when);
        self.replicas = decision.replicas;
        self.hire();
    }

    fn facts(&self) -> QueueSummary {
        let (live, busy) = self
            .hands
            .iter()
            .filter(|hand| !hand.drains)
            .fold((0, 0), |(live, busy), hand| {
                (live + 1, busy + u64::from(hand.until.is_some()))
            });
        let clock = at(self.second).as_millisecond();
        let worker = |hand: &Hand| Worker {
            id: format!("{}.1", hand.name),
            claimed: u64::from(hand.until.is_some()),
            pod: Some(hand.name.clone()),
            state: Some(match (hand.drains, hand.until) {
                (true, _) => State::Draining,
                (false, Some(_)) => State::Busy,
                (false, None) => State::Idle,
            }),
            since: Some(at(hand.since).as_millisecond()),
            cpu: Some(if hand.until.is_some() { 64.0 } else { 1.0 }),
            claim_at: Some(clock),
            ..Worker::default()
        };
        QueueSummary {
            cpu: Some(if busy > 0 { 48.0 } else { 1.0 }),
            oldest: self
                .pushed
                .first()
                .map(|at| Duration::from_secs(u64::try_from(self.second - at).expect("past"))),
            processed: Some(self.done),
            failed: Some(0),
            mean: (self.done > 0).then(|| Duration::from_secs(TASK.unsigned_abs())),
            workers: self.hands.iter().map(|hand| (0, worker(hand))).collect(),
            time: Some(clock),
            ..QueueSummary::of_counts(u64::try_from(self.pushed.len()).expect("few"), busy, live)
        }
    }
}

/// Pools for the list, as an operator would tell of them: `n`, one in fifty in trouble.
pub fn tell(app: &mut App, n: usize) {
    app.list(PoolUpdate::Init);
    for pool in many(n) {
        app.list(PoolUpdate::Apply(Box::new(pool)));
    }
}

fn many(n: usize) -> Vec<WorkerPool> {
    (0..n)
        .map(|i| {
            let mut pool = pool(&format!("pool-{i:04}"));
            let (reason, sentence, queue) = match i % 50 {
                7 => ("Unknown", "Redis r:6379: connection refused (since 08:29:10): keeping 4 workers (never scales down without metrics)", "?"),
                9 => ("AtMax", "120 tasks wait, more than 8, but maxReplicas is 10: keeping 10 workers", "120"),
                3 => ("QueueTooLong", "17 tasks wait, more than 8: 5 → 7 workers", "17"),
                _ => ("WithinThresholds", "within thresholds: keeping 3 workers", "0"),
            };
            let mut status: WorkerPoolStatus = serde_json::from_value(serde_json::json!({
                "observedGeneration": 1, "replicas": 5, "desiredReplicas": if reason == "QueueTooLong" { 7 } else { 5 },
                "display": {"target": "Deployment/w", "queue": queue, "busy": "3/5", "util": "60%", "wait": "6s"},
                "decision": {"reason": reason, "message": sentence, "confidence": 1.0, "at": at(0), "from": 5, "to": 5},
            }))
            .expect("a status");
            status.history = Vec::new();
            pool.status = Some(status);
            pool
        })
        .collect()
}

/// The key of a pool of the list.
pub fn key(name: &str) -> Key {
    Key::new("default", name)
}
