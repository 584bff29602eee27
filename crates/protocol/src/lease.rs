//! Registration, heartbeat and departure of a worker.

use super::call::script;
use super::{DRAIN, FENCE_TTL, Keys, LEASE, ScriptCall, millis};
use redis::Script;
use std::sync::LazyLock;

static REGISTER: LazyLock<Script> = script!("lua/register.lua");
static HEARTBEAT: LazyLock<Script> = script!("lua/heartbeat.lua");
static DEREGISTER: LazyLock<Script> = script!("lua/deregister.lua");
static DRAIN_SCRIPT: LazyLock<Script> = script!("lua/drain.lua");

/// What a worker says of itself once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The first half of its id.
    pub name: String,
    /// The pod it runs in, or its name where there is none.
    pub pod: String,
    /// The machine it runs on.
    pub host: String,
    /// Its program's version.
    pub version: String,
}

/// What a worker uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Mean of the last 15 s, in percent of its CPU limit, or of the machine where it has none; `None`: not known yet.
    pub cpu: Option<f64>,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// Registers a worker under a new generation and starts its lease; answers its id, `<name>.<generation>`.
#[must_use]
pub fn register(keys: &Keys, worker: &Registration) -> ScriptCall<String> {
    ScriptCall::new(
        &REGISTER,
        [
            keys.generation(),
            keys.workers(),
            keys.worker(""),
            keys.claimed(""),
        ],
    )
    .arg(&worker.name)
    .arg(millis(LEASE))
    .arg(&worker.pod)
    .arg(&worker.host)
    .arg(&worker.version)
}

/// Renews the lease of `id`, only if it still has one; answers whether it had. `task` is one that it runs, if any.
#[must_use]
pub fn heartbeat(keys: &Keys, id: &str, usage: Usage, task: &str) -> ScriptCall<bool> {
    ScriptCall::new(
        &HEARTBEAT,
        [keys.worker(id), keys.workers(), keys.claimed(id)],
    )
    .arg(id)
    .arg(millis(LEASE))
    .arg(usage.cpu.map_or(String::new(), |cpu| format!("{cpu:.1}")))
    .arg(usage.memory)
    .arg(task)
}

/// Takes `id` out of the registry if it holds no task, and puts up its fence; answers how many it still holds.
#[must_use]
pub fn deregister(keys: &Keys, id: &str) -> ScriptCall<u64> {
    ScriptCall::new(
        &DEREGISTER,
        [keys.workers(), keys.worker(id), keys.claimed(id)],
    )
    .arg(id)
    .arg(millis(FENCE_TTL))
}

/// Asks the worker `id` to take nothing more for [`DRAIN`] from now, or (`false`) to go on; answers whether it lives.
/// Its state says `draining` at once. Wait until it has said so for longer than its claim may block (2 s) and holds
/// nothing: a claim that was waiting when it was asked may still bring one task, which it hands back.
#[must_use]
pub fn request_drain(keys: &Keys, id: &str, drain: bool) -> ScriptCall<bool> {
    ScriptCall::new(&DRAIN_SCRIPT, [keys.worker(id), keys.claimed(id)])
        .arg(u8::from(drain))
        .arg(millis(DRAIN))
}

/// The worker `id` itself takes nothing more, for good.
#[must_use]
pub fn drain(keys: &Keys, id: &str) -> ScriptCall<bool> {
    ScriptCall::new(&DRAIN_SCRIPT, [keys.worker(id), keys.claimed(id)]).arg(1)
}
