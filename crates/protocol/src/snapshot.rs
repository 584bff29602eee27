//! One atomic, read-only look at a queue: all that the operator needs, as one command for its pipelines.

use super::{Keys, STALLED};
use redis::{Cmd, Script, Value};
use std::sync::LazyLock;
use std::time::Duration;

static SNAPSHOT: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));
const SOURCE: &str = include_str!("lua/snapshot.lua");

/// More members than this in the set of workers is not a registry: the look refuses rather than block Redis.
const MAX_WORKERS: u32 = 10_000;

/// A queue at one instant. A counter that is missing or is no number is `None`: unknown is never zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The server's clock, in milliseconds since 1970; so are all instants.
    pub time: i64,
    /// Tasks that wait.
    pub ready: u64,
    /// When the next task out was pushed, by its producer's clock; `None` with nothing ready, or unreadable.
    pub oldest_at: Option<i64>,
    /// Tasks in flight: all claimed lists, those of the dead included.
    pub claimed: u64,
    /// Length of the failed list.
    pub failed_listed: u64,
    /// Tasks ever pushed and counted.
    pub arrived: Option<u64>,
    /// Tasks ever done.
    pub processed: Option<u64>,
    /// Tasks ever given up.
    pub failed: Option<u64>,
    /// Milliseconds of work in `processed`.
    pub millis: Option<u64>,
    /// Workers whose lease is over and whose tasks nobody has rescued yet.
    pub dead: u64,
    /// Tasks that the dead hold.
    pub dead_claimed: u64,
    /// Workers with a lease, in no order.
    pub workers: Vec<Worker>,
}

impl Snapshot {
    /// How long the next task out has waited; zero where its producer's clock is ahead.
    #[must_use]
    pub fn oldest_age(&self) -> Option<Duration> {
        self.oldest_at.map(|at| {
            Duration::from_millis(u64::try_from(self.time.saturating_sub(at)).unwrap_or(0))
        })
    }
}

/// A worker with a lease, as it says of itself; what it does not say, or says as nonsense, is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worker {
    /// `<name>.<generation>`.
    pub id: String,
    /// Tasks it holds, by the server's count.
    pub claimed: u64,
    /// Its pod's name.
    pub pod: Option<String>,
    /// What it does.
    pub state: Option<State>,
    /// Since when it has been in this state.
    pub since: Option<i64>,
    /// Mean CPU of 15 s in percent of its limit; finite and not negative.
    pub cpu: Option<f64>,
    /// Resident bytes.
    pub memory: Option<u64>,
    /// Its last attempt to claim while it was idle or drained.
    pub claim_at: Option<i64>,
}

impl Worker {
    /// Whether at `time` it lives and takes no work though it could: an idle worker tries to claim every second. It
    /// holds nothing; whoever runs it should start it anew.
    #[must_use]
    pub fn is_stalled(&self, time: i64) -> bool {
        let patience = i64::try_from(STALLED.as_millis()).unwrap_or(i64::MAX);
        let last = self.claim_at.max(self.since); // busy workers do not move `claim_at`
        self.state == Some(State::Idle) && last.is_some_and(|at| time - at > patience)
    }
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for a task.
    Idle,
    /// Runs one.
    Busy,
    /// Takes nothing more, and may still run one.
    Draining,
}

/// The look as `EVALSHA_RO` (Redis 7.0): the shorter one, for every tick. Where the server answers `NOSCRIPT`, send
/// [`command_in_full`], after which it knows the script.
#[must_use]
pub fn command(keys: &Keys) -> Cmd {
    arguments(redis::cmd("EVALSHA_RO").arg(SNAPSHOT.get_hash()), keys)
}

/// The look as `EVAL_RO`, which needs nothing of the server but Redis 7.0.
#[must_use]
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
    ];
    command.arg(names.len()).arg(&names).arg(MAX_WORKERS).take()
}

/// Whether an answer says that the server does not know the script.
#[must_use]
pub fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT")
}

/// Reads the answer to either command. Fails with a sentence when a key has the wrong type (it names the key), when
/// the server refused, or when the answer has not the script's form.
pub fn parse(answer: Value) -> Result<Snapshot, String> {
    let fields = match answer {
        Value::Array(fields) => fields,
        Value::ServerError(error) => return Err(format!("Redis refused the look: {error}")),
        other => return Err(format!("the look answered no list but {}", kind(&other))),
    };
    let mut fields = fields.into_iter();
    let mut next = || fields.next().unwrap_or(Value::Nil);
    if number::<i64>(&next()) != Some(1) {
        return Err(
            text(next()).unwrap_or_else(|| "the look answered neither facts nor a sentence".into())
        );
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
    Ok(Snapshot {
        arrived: counter(0),
        processed: counter(1),
        failed: counter(2),
        millis: counter(3),
        dead: required(&next(), "dead")?,
        dead_claimed: required(&next(), "claimed by the dead")?,
        workers: list(next()).into_iter().filter_map(worker).collect(),
        ..snapshot
    })
}

/// `None` only where not even the id can be read.
fn worker(value: Value) -> Option<Worker> {
    let mut fields = list(value).into_iter();
    let id = text(fields.next()?)?;
    let claimed = number(&fields.next()?)?;
    let mut said = list(fields.next()?).into_iter();
    let mut next = || said.next().unwrap_or(Value::Nil);
    Some(Worker {
        id,
        claimed,
        pod: text(next()),
        state: text(next()).and_then(|word| match word.as_str() {
            "idle" => Some(State::Idle),
            "busy" => Some(State::Busy),
            "draining" => Some(State::Draining),
            _ => None,
        }),
        since: number(&next()),
        cpu: number(&next()).filter(|cpu: &f64| cpu.is_finite() && *cpu >= 0.0),
        memory: number(&next()),
        claim_at: number(&next()),
    })
}

fn required<T: std::str::FromStr>(value: &Value, what: &str) -> Result<T, String> {
    number(value).ok_or_else(|| format!("the look has no number for {what} but {}", kind(value)))
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

/// A value's kind, for sentences: what it holds may be anything and is not repeated.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nothing",
        Value::Int(_) => "an integer",
        Value::BulkString(_) | Value::SimpleString(_) => "text",
        Value::Array(_) => "a list",
        _ => "something else",
    }
}
