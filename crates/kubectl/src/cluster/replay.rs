//! A trace played as it was, with no cluster and no Redis: the facts that were written down, and what the rules make
//! of them.

use super::facts::QueueSummary;
use crate::cluster::events::Update;
use anyhow::{Context, anyhow, bail};
use api::{
    Change, DecisionStatus, MemoryStatus, ScheduledSpec, WorkerPool, WorkerPoolStatus, timestamp,
    unknown_field,
};
use decide::{Decision, Memory, Metric, Observation, QueueMetrics, Time, decide};
use jiff::{SignedDuration, Timestamp};
use sim::{DecisionLine, TraceLine, initial_state};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The class's story, recorded by `record` while `demo` played it.
const STORY: &str = include_str!("../../../../examples/story.jsonl");
/// So many tasks between two lines came in one burst.
const BURST: i64 = 5;
/// How often a listener is woken while nothing happens.
const TICK: Duration = Duration::from_millis(250);

/// What to play, and how fast.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Play this trace, as `record` writes it, with no cluster; without a file the class's story
    #[arg(long, value_name = "TRACE")]
    #[expect(clippy::option_option, reason = "it may be absent, or have no value")]
    pub replay: Option<Option<PathBuf>>,
    /// With --replay: the WorkerPool whose rules decide [default: the demo's]
    #[arg(long, value_name = "FILE", requires = "replay")]
    pool: Option<PathBuf>,
    /// With --replay: so many times as fast as it was
    #[arg(long, value_name = "TIMES", requires = "replay", value_parser = speed)]
    speed: Option<f64>,
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|times| (0.01..=1000.0).contains(times))
        .ok_or_else(|| "say how many times, from 0.01 to 1000".into())
}

/// A trace and the place in it.
#[derive(Debug)]
pub struct Replay {
    pool: WorkerPool,
    wishes: ScheduledSpec,
    lines: VecDeque<TraceLine>,
    first: Time,
    begun: Instant,
    /// `None` does not wait.
    speed: Option<f64>,
    now: Time,
    news: VecDeque<Update>,
    workers: i32,
    memory: Memory,
    arrived: Option<i64>,
    /// What the rules asked for last, until the trace follows.
    asked: Option<(Change, Memory)>,
    history: Vec<Change>,
}

impl Replay {
    /// Reads what `play` names; `fast` waits for nothing.
    pub fn open(play: &ReplayArgs, fast: bool) -> anyhow::Result<Self> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let pool = play
            .pool
            .as_deref()
            .map_or_else(|| Ok(api::DEMO.to_owned()), read)?;
        let trace = play.replay.as_ref().and_then(Option::as_deref);
        let text = trace.map_or_else(|| Ok(STORY.to_owned()), read)?;
        let speed = (!fast).then(|| play.speed.unwrap_or(1.0));
        Self::new(&pool, &text, speed).with_context(|| {
            trace.map_or("the class's story".into(), |path| {
                path.display().to_string()
            })
        })
    }

    fn new(pool: &str, trace: &str, speed: Option<f64>) -> anyhow::Result<Self> {
        let object: serde_json::Value =
            serde_saphyr::from_str(pool).context("the pool is no YAML")?;
        if let Some(field) = unknown_field(&object) {
            bail!("the pool cannot have {field}");
        }
        let mut pool: WorkerPool =
            serde_json::from_value(object).context("the pool cannot be read")?;
        let wishes = ScheduledSpec::new(&pool)?;
        let names: Vec<&str> = pool
            .spec
            .queues
            .iter()
            .map(|queue| queue.name.as_str())
            .collect();
        let lines: VecDeque<TraceLine> = sim::parse_trace(trace, &names)
            .map_err(|wrong| anyhow!(wrong))?
            .into();
        let first = lines.front().context("the trace is empty")?.at;
        let (workers, memory) = initial_state(&pool);
        pool.metadata.generation = Some(1);
        pool.status = None;
        let (arrived, asked) = (None, None);
        let (news, history, begun) = (VecDeque::new(), Vec::new(), Instant::now());
        Ok(Self {
            pool,
            wishes,
            lines,
            first,
            begun,
            speed,
            now: first,
            news,
            workers,
            memory,
            arrived,
            asked,
            history,
        })
    }

    /// The pool whose rules decide.
    #[must_use]
    pub fn pool(&self) -> &WorkerPool {
        &self.pool
    }

    /// Where the trace is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        timestamp(self.now)
    }

    /// Whether all of it was heard.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.lines.is_empty() && self.news.is_empty()
    }

    /// The next piece of news, or `None` when a little time has passed without any.
    pub async fn next(&mut self) -> Option<Update> {
        if let Some(news) = self.news.pop_front() {
            return Some(news);
        }
        let at = self.lines.front()?.at;
        if let Some(speed) = self.speed {
            let ahead = SignedDuration::from_millis(at.0 - self.first.0).as_secs_f64() / speed;
            let due = self.begun + Duration::from_secs_f64(ahead);
            sleep_until(due.min(Instant::now() + TICK)).await;
            if Instant::now() < due {
                let passed =
                    SignedDuration::from_secs_f64(self.begun.elapsed().as_secs_f64() * speed);
                self.now =
                    Time(self.first.0 + i64::try_from(passed.as_millis()).unwrap_or(0)).min(at);
                return None;
            }
        }
        let line = self.lines.pop_front()?;
        self.now = line.at;
        self.look(line);
        self.news.pop_front()
    }

    /// Makes news of one line.
    fn look(&mut self, line: TraceLine) {
        let TraceLine {
            at,
            queues,
            replicas,
            unavailable_reason,
        } = line;
        let load = QueueMetrics::sum(&queues);
        let arrived = match load.arrived {
            Metric::Known(n) => Some(n),
            _ => load
                .ready
                .join(load.in_flight, i64::saturating_add)
                .join(load.processed, i64::saturating_add)
                .known(),
        };
        let burst = arrived
            .zip(self.arrived)
            .map(|(now, before)| now - before)
            .filter(|n| *n >= BURST);
        self.arrived = arrived.or(self.arrived);
        let mut seen = Observation {
            replicas: self.workers,
            queues,
            unavailable_reason,
        };
        let mut decision = decide(self.wishes.at(at), &seen, &self.memory, at);
        let mut asked = (decision.replicas != self.workers)
            .then(|| (change(&decision, at), decision.memory.clone()));
        match replicas {
            Some(now) if now != self.workers => {
                // The rules were followed, at once or some time after they asked; or it was somebody else.
                let before = self.asked.take();
                if let Some((change, memory)) = before
                    .into_iter()
                    .chain(asked.take())
                    .find(|(change, _)| change.to == now)
                {
                    self.history.push(change);
                    self.memory = memory;
                }
                (self.workers, seen.replicas) = (now, now);
                decision = decide(self.wishes.at(at), &seen, &self.memory, at);
            }
            Some(_) => {
                let memory = decision.memory.clone();
                self.memory = if asked.is_some() {
                    memory.rolled_back(&self.memory)
                } else {
                    memory
                };
                self.asked = asked;
            }
            None => {
                self.history.extend(asked.map(|(change, _)| change));
                self.memory = decision.memory.clone();
                self.workers = decision.replicas;
            }
        }
        let told = DecisionLine::new(None, at, &decision);
        self.news
            .extend(burst.and_then(|n| u32::try_from(n).ok()).map(Update::Burst));
        let status = self.status(&told, &decision, at);
        self.news.push_back(Update::Pool(Box::new(WorkerPool {
            status: Some(status),
            ..self.pool.clone()
        })));
        self.news.push_back(Update::Replicas(self.workers));
        self.news.push_back(match seen.unavailable_reason {
            Some(why) if load.ready.known().is_none() => Update::Unreachable(why),
            _ => Update::Facts(QueueSummary::recorded(&seen.queues, at)),
        });
    }

    /// The pool's status as the operator would have written it.
    fn status(&self, told: &DecisionLine, decision: &Decision, at: Time) -> WorkerPoolStatus {
        WorkerPoolStatus {
            observed_generation: self.pool.metadata.generation,
            decision: Some(DecisionStatus {
                reason: told.reason.to_owned(),
                message: told.message.clone(),
                confidence: 1.0,
                at: timestamp(at),
                from: decision.from,
                to: decision.replicas,
                steps: told.steps.clone(),
                next: None,
            }),
            internal: Some(MemoryStatus::from(&decision.memory)),
            history: self.history.clone(),
            ..WorkerPoolStatus::default()
        }
    }
}

fn change(decision: &Decision, at: Time) -> Change {
    let Decision {
        replicas,
        from,
        reason: why,
        ..
    } = decision;
    Change {
        at: timestamp(at),
        from: *from,
        to: *replicas,
        reason: why.code().to_string(),
        message: messages::message(why, *from, *replicas),
        latency_millis: None,
    }
}
