//! One atomic, read-only snapshot of a queue: everything that the operator needs, in one command for its pipelines.

use super::{GAP, Keys, STALLED, millis};
use redis::{Cmd, Script, Value};
use std::sync::LazyLock;
use std::time::Duration;

static SNAPSHOT: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));
const SOURCE: &str = include_str!("lua/snapshot.lua");

/// With more members than this, the set of workers is not a registry: the script refuses to read it rather than block
/// Redis.
const MAX_WORKERS: u32 = 10_000;

/// A queue at one time. A counter that is absent or not a number is `None`: unknown is never zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The server's clock, in milliseconds since 1970, like all times.
    pub time: i64,
    /// Number of ready tasks, suspects included.
    pub ready: u64,
    /// When the next task was pushed, by the producer's clock; `None` if nothing is ready or the task has no readable
    /// time.
    pub oldest_at: Option<i64>,
    /// Delayed tasks: they become ready within seconds.
    pub due: u64,
    /// Tasks in flight: the length of all claimed lists, including those of dead workers.
    pub claimed: u64,
    /// Length of the failed list.
    pub failed_listed: u64,
    /// Counter of pushed tasks.
    pub arrived: Option<u64>,
    /// Counter of processed tasks.
    pub processed: Option<u64>,
    /// Counter of permanently failed tasks.
    pub failed: Option<u64>,
    /// Milliseconds of work on the processed tasks.
    pub millis: Option<u64>,
    /// Milliseconds of work on each of the last tasks, at most 20; empty in a queue of an older release.
    pub recent: Vec<u64>,
    /// Counter of the claims that Redis lost.
    pub lost_claims: Option<u64>,
    /// Number of workers whose lease has ended and that are not yet reaped.
    pub dead: u64,
    /// Whether no one has looked for dead workers for [`GAP`], although some are registered. No lease counts as ended
    /// until someone has.
    pub unwatched: bool,
    /// Tasks that dead workers hold.
    pub dead_claimed: u64,
    /// Workers with a lease, in no particular order.
    pub workers: Vec<Worker>,
}

impl Snapshot {
    /// How long the next task has waited; zero if the producer's clock is ahead.
    pub fn oldest_age(&self) -> Option<Duration> {
        self.oldest_at.map(|at| {
            Duration::from_millis(u64::try_from(self.time.saturating_sub(at)).unwrap_or(0))
        })
    }
}

/// A worker with a lease. A field that it does not report, or that is not valid, is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worker {
    /// `<name>.<generation>`.
    pub id: String,
    /// Number of tasks that it holds.
    pub claimed: u64,
    /// Name of its pod.
    pub pod: Option<String>,
    /// Namespace of its pod.
    pub namespace: Option<String>,
    /// Maximum number of tasks that it runs at once; `None` if it does not report it.
    pub slots: Option<u32>,
    /// Its current state.
    pub state: Option<State>,
    /// When it entered this state.
    pub since: Option<i64>,
    /// Mean CPU of 15 s in percent of its limit; finite and not negative.
    pub cpu: Option<f64>,
    /// Resident memory in bytes.
    pub memory: Option<u64>,
    /// Its last attempt to claim while it was idle or draining.
    pub claim_at: Option<i64>,
}

impl Worker {
    /// Its slots: a worker that does not report them, of an older release or a foreign one, counts as one with a single
    /// slot.
    pub fn slots(&self) -> u32 {
        self.slots.unwrap_or(1).max(1)
    }

    /// Whether it holds a task.
    pub fn is_busy(&self) -> bool {
        self.claimed > 0 || self.state == Some(State::Busy)
    }

    /// Whether at `time` it has a lease but claims no tasks although it is idle: an idle worker tries to claim every
    /// second. It holds no task and should be restarted.
    pub fn is_stalled(&self, time: i64) -> bool {
        let max_age = i64::try_from(STALLED.as_millis()).unwrap_or(i64::MAX);
        let last = self.claim_at.max(self.since); // a busy worker does not update `claim_at`
        self.state == Some(State::Idle) && last.is_some_and(|at| time.saturating_sub(at) > max_age)
    }
}

/// The state of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for a task.
    Idle,
    /// It runs a task.
    Busy,
    /// It claims no more tasks, and may still run one.
    Draining,
}

/// The snapshot by `EVALSHA_RO` (Redis 7.0), the shorter command for every poll. If the server replies `NOSCRIPT`, send
/// [`command_in_full`], after which it has the script cached.
pub fn command(keys: &Keys) -> Cmd {
    arguments(redis::cmd("EVALSHA_RO").arg(SNAPSHOT.get_hash()), keys)
}

/// The snapshot by `EVAL_RO` (Redis 7.0), which includes the script.
pub fn command_in_full(keys: &Keys) -> Cmd {
    arguments(redis::cmd("EVAL_RO").arg(SOURCE), keys)
}

fn arguments(command: &mut Cmd, keys: &Keys) -> Cmd {
    let names = [
        keys.ready(),
        keys.workers(),
        keys.stats(),
        keys.failed(),
        keys.worker(""),
        keys.claimed(""),
        keys.delayed(),
        keys.suspects(),
        keys.reaper(),
    ];
    command
        .arg(names.len())
        .arg(&names)
        .arg(MAX_WORKERS)
        .arg(millis(GAP))
        .take()
}

/// Whether the reply is the error that the server does not have the script cached.
pub fn is_unknown_script(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if error.code() == "NOSCRIPT")
}

/// Parses the reply to either command. The error is a message: a key has the wrong type (it names the key), the server
/// refused the command, or the reply does not have the script's form.
pub fn parse(reply: Value) -> Result<Snapshot, String> {
    let fields = match reply {
        Value::Array(fields) => fields,
        Value::ServerError(error) => {
            return Err(format!("Redis refused the snapshot script: {error}"));
        }
        other => {
            return Err(format!(
                "the snapshot script returned {} instead of a list",
                kind(&other)
            ));
        }
    };
    let mut fields = fields.into_iter();
    let mut next = || fields.next().unwrap_or(Value::Nil);
    if number::<i64>(&next()) != Some(1) {
        return Err(text(next()).unwrap_or_else(|| {
            "the snapshot script returned neither metrics nor a message".into()
        }));
    }
    let snapshot = Snapshot {
        time: required(&next(), "time")?,
        ready: required(&next(), "ready")?,
        oldest_at: number(&next()),
        claimed: required(&next(), "claimed")?,
        failed_listed: required(&next(), "failed")?,
        ..Snapshot::default()
    };
    let counters = list(next());
    let counter = |i: usize| counters.get(i).and_then(number);
    let recent = counters.get(4).cloned().and_then(text).unwrap_or_default();
    Ok(Snapshot {
        arrived: counter(0),
        processed: counter(1),
        failed: counter(2),
        millis: counter(3),
        lost_claims: counter(5),
        recent: recent
            .split(',')
            .filter_map(|took| took.parse().ok())
            .collect(),
        dead: required(&next(), "dead")?,
        dead_claimed: required(&next(), "claimed by dead workers")?,
        workers: list(next()).into_iter().filter_map(worker).collect(),
        due: required(&next(), "due")?,
        unwatched: number::<i64>(&next()) == Some(1),
        ..snapshot
    })
}

/// `None` only if its id or its number of tasks cannot be read.
fn worker(value: Value) -> Option<Worker> {
    let mut fields = list(value).into_iter();
    let id = text(fields.next()?)?;
    let claimed = number(&fields.next()?)?;
    let mut reported = list(fields.next()?).into_iter();
    let mut next = || reported.next().unwrap_or(Value::Nil);
    Some(Worker {
        id,
        claimed,
        pod: text(next()),
        state: text(next()).and_then(|state| match state.as_str() {
            "idle" => Some(State::Idle),
            "busy" => Some(State::Busy),
            "draining" => Some(State::Draining),
            _ => None,
        }),
        since: number(&next()),
        cpu: number(&next()).filter(|cpu: &f64| cpu.is_finite() && *cpu >= 0.0),
        memory: number(&next()),
        claim_at: number(&next()),
        namespace: text(next()),
        slots: number(&next()),
    })
}

fn required<T: std::str::FromStr>(value: &Value, field: &str) -> Result<T, String> {
    number(value).ok_or_else(|| {
        format!(
            "the snapshot script returned {} instead of a number for {field}",
            kind(value)
        )
    })
}

fn number<T: std::str::FromStr>(value: &Value) -> Option<T> {
    match value {
        Value::Int(n) => n.to_string().parse().ok(),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn list(value: Value) -> Vec<Value> {
    if let Value::Array(items) = value {
        items
    } else {
        Vec::new()
    }
}

/// The kind of a value, for messages: its content can be anything and is not repeated.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nothing",
        Value::Int(_) => "an integer",
        Value::BulkString(_) | Value::SimpleString(_) => "text",
        Value::Array(_) => "a list",
        _ => "something else",
    }
}
