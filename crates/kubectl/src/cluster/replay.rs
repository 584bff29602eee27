//! Replays a recorded trace without a cluster and without Redis: the recorded metrics, and the decisions of the rules
//! on them.

use super::queue_summary::QueueSummary;
use crate::cluster::events::Update;
use crate::text::lang::tr;
use crate::text::output::Out;
use anyhow::{Context, anyhow, bail};
use api::{
    Change, DecisionStatus, MemoryStatus, ScheduledSpec, WorkerPool, WorkerPoolStatus, timestamp,
    unknown_field,
};
use decide::{Decision, Memory, Millis, Observation, QueueMetrics, Time, decide};
use jiff::{SignedDuration, Timestamp};
use messages::Encoded;
use sim::{TraceLine, initial_state};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The trace that `record` wrote during the class's `demo`.
const DEMO_TRACE: &str = include_str!("../../../../examples/story.jsonl");
/// From this number of new tasks between two lines on, they count as one burst.
const BURST: i64 = 5;
/// How often [`Replay::next`] returns without an update.
const TICK: Duration = Duration::from_millis(250);

/// The trace to replay, and the speed.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Replay this trace, as written by `record`, without a cluster; without a file, the built-in trace of the class's demo
    #[arg(long, value_name = "TRACE")]
    #[expect(clippy::option_option, reason = "it may be absent, or have no value")]
    pub replay: Option<Option<PathBuf>>,
    /// With --replay: the WorkerPool whose rules decide [default: the demo's]
    #[arg(long, value_name = "FILE", requires = "replay")]
    pool: Option<PathBuf>,
    /// With --replay: the speed, as a multiple of real time
    #[arg(long, value_name = "TIMES", requires = "replay", value_parser = speed)]
    speed: Option<f64>,
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|times| (0.01..=1000.0).contains(times))
        .ok_or_else(|| "the speed must be a number from 0.01 to 1000".into())
}

/// A replay of a trace, and its position.
#[derive(Debug)]
pub struct Replay {
    out: Out,
    pool: WorkerPool,
    scheduled_spec: ScheduledSpec,
    lines: VecDeque<TraceLine>,
    first: Time,
    started: Instant,
    /// `None` does not wait between the lines.
    speed: Option<f64>,
    now: Time,
    updates: VecDeque<Update>,
    replicas: i32,
    memory: Memory,
    /// Tasks that had arrived at the last line.
    arrived: Option<i64>,
    /// The last change that the rules decided and the trace has not followed yet.
    pending: Option<(Change, Memory)>,
    history: Vec<Change>,
}

impl Replay {
    /// Reads the files of the arguments; `fast` does not wait between the lines.
    pub fn open(out: &Out, args: &ReplayArgs, fast: bool) -> anyhow::Result<Self> {
        let lang = out.lang;
        let read = |path: &Path| {
            let file = path.display();
            std::fs::read_to_string(path).with_context(|| tr!(lang, "cli-cannot-read", file))
        };
        let pool = args.pool.as_deref();
        let pool = pool.map_or_else(|| Ok(api::DEMO.to_owned()), read)?;
        let trace = args.replay.as_ref().and_then(Option::as_deref);
        let text = trace.map_or_else(|| Ok(DEMO_TRACE.to_owned()), read)?;
        let speed = (!fast).then(|| args.speed.unwrap_or(1.0));
        Self::new(out, &pool, &text, speed).with_context(|| match trace {
            Some(path) => path.display().to_string(),
            None => tr!(lang, "cli-replay-built-in"),
        })
    }

    fn new(out: &Out, pool: &str, trace: &str, speed: Option<f64>) -> anyhow::Result<Self> {
        let lang = out.lang;
        let object: serde_json::Value =
            serde_saphyr::from_str(pool).with_context(|| tr!(lang, "cli-replay-pool-no-yaml"))?;
        if let Some(field) = unknown_field(&object) {
            bail!(tr!(lang, "cli-replay-pool-unknown-field", field));
        }
        let mut pool: WorkerPool =
            serde_json::from_value(object).with_context(|| tr!(lang, "cli-replay-pool-invalid"))?;
        let scheduled_spec = ScheduledSpec::new(&pool)?;
        let queues = &pool.spec.queues;
        let labels: Vec<String> = queues.iter().map(|queue| queue.label(queues)).collect();
        let names: Vec<&str> = labels.iter().map(String::as_str).collect();
        let lines = sim::parse_trace(trace, &names).map_err(|error| anyhow!(error))?;
        let first = lines.first();
        let first = first.with_context(|| tr!(lang, "cli-replay-empty"))?.at;
        let (replicas, memory) = initial_state(&pool);
        pool.metadata.generation = Some(1);
        pool.status = None;
        Ok(Self {
            out: out.clone(),
            pool,
            scheduled_spec,
            lines: lines.into(),
            first,
            started: Instant::now(),
            speed,
            now: first,
            updates: VecDeque::new(),
            replicas,
            memory,
            arrived: None,
            pending: None,
            history: Vec::new(),
        })
    }

    /// The pool whose rules decide.
    pub fn pool(&self) -> &WorkerPool {
        &self.pool
    }

    /// The current time of the trace.
    pub fn now(&self) -> Timestamp {
        timestamp(self.now)
    }

    /// Whether the trace has ended and all updates were taken.
    pub fn is_over(&self) -> bool {
        self.lines.is_empty() && self.updates.is_empty()
    }

    /// The next update, or `None` if none came within [`TICK`].
    pub async fn next(&mut self) -> Option<Update> {
        if let Some(update) = self.updates.pop_front() {
            return Some(update);
        }
        let at = self.lines.front()?.at;
        if let Some(speed) = self.speed {
            let ahead = SignedDuration::from_millis((at - self.first).0).as_secs_f64() / speed;
            let due = self.started + Duration::from_secs_f64(ahead);
            sleep_until(due.min(Instant::now() + TICK)).await;
            if Instant::now() < due {
                let passed = self.started.elapsed().mul_f64(speed).as_millis();
                let passed = Millis(i64::try_from(passed).unwrap_or(0));
                self.now = (self.first + passed).min(at);
                return None;
            }
        }
        let line = self.lines.pop_front()?;
        self.now = line.at;
        self.push_updates(line);
        self.updates.pop_front()
    }

    /// Turns one line of the trace into updates.
    fn push_updates(&mut self, line: TraceLine) {
        let (at, load) = (line.at, QueueMetrics::sum(&line.queues));
        let burst = self.burst(&load);
        let observation = Observation {
            replicas: self.replicas,
            queues: line.queues,
            unavailable: line.unavailable,
        };
        let (observation, decision) = self.decide(observation, line.replicas, at);
        self.updates.extend(burst.map(Update::Burst));
        let mut pool = self.pool.clone();
        pool.status = Some(self.status(&decision, at));
        self.updates.push_back(Update::Pool(Box::new(pool)));
        self.updates.push_back(Update::Replicas(self.replicas));
        self.updates.push_back(match &observation.unavailable {
            Some(cause) if load.ready.known().is_none() => {
                Update::Unreachable(self.out.cause(&Encoded::new(cause)))
            }
            _ => Update::Metrics(QueueSummary::recorded(&observation.queues, at)),
        });
    }

    /// The number of tasks since the last line, if they came in one burst.
    fn burst(&mut self, load: &QueueMetrics) -> Option<u32> {
        let ended = load.ready.plus(load.in_flight).plus(load.processed);
        let arrived = load.arrived.known().or(ended.known());
        let new = arrived.zip(self.arrived).map(|(now, before)| now - before);
        self.arrived = arrived.or(self.arrived);
        u32::try_from(new.filter(|n| *n >= BURST)?).ok()
    }

    /// Decides on the observation, and follows the `replicas` of the trace, or else the decision.
    fn decide(
        &mut self,
        mut observation: Observation,
        replicas: Option<i32>,
        at: Time,
    ) -> (Observation, Decision) {
        let mut decision = decide(self.scheduled_spec.at(at), &observation, &self.memory, at);
        let change = Change::new(&decision, timestamp(at));
        let is_change = decision.replicas != self.replicas;
        let mut pending = is_change.then(|| (change, decision.memory.clone()));
        match replicas {
            Some(now) if now != self.replicas => {
                // The change is this decision, an earlier one, or not the operator's.
                let earlier = self.pending.take();
                let mut decided = earlier.into_iter().chain(pending.take());
                if let Some((change, memory)) = decided.find(|(change, _)| change.to == now) {
                    self.history.push(change);
                    self.memory = memory;
                }
                self.replicas = now;
                observation.replicas = now;
                decision = decide(self.scheduled_spec.at(at), &observation, &self.memory, at);
            }
            Some(_) => {
                let memory = decision.memory.clone();
                self.memory = if pending.is_some() {
                    memory.rolled_back(&self.memory)
                } else {
                    memory
                };
                self.pending = pending;
            }
            None => {
                self.history.extend(pending.map(|(change, _)| change));
                self.memory = decision.memory.clone();
                self.replicas = decision.replicas;
            }
        }
        (observation, decision)
    }

    /// The pool's status as the operator would have written it.
    fn status(&self, decision: &Decision, at: Time) -> WorkerPoolStatus {
        WorkerPoolStatus {
            observed_generation: self.pool.metadata.generation,
            decision: Some(DecisionStatus::new(decision, timestamp(at))),
            internal: Some(MemoryStatus::from(&decision.memory)),
            history: self.history.clone(),
            ..WorkerPoolStatus::default()
        }
    }
}
