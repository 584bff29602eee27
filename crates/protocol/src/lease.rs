//! Registration, heartbeat, draining and deregistration of a worker.

use super::call::script;
use super::{DRAIN, FENCE_TTL, Keys, LEASE, ScriptCall, millis};
use redis::Script;
use std::sync::LazyLock;

static REGISTER: LazyLock<Script> = script!("lua/register.lua");
static HEARTBEAT: LazyLock<Script> = script!("lua/heartbeat.lua");
static DEREGISTER: LazyLock<Script> = script!("lua/deregister.lua");
static DRAIN_SCRIPT: LazyLock<Script> = script!("lua/drain.lua");

/// What a worker reports when it registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The first part of the worker's id.
    pub name: String,
    /// The pod in which it runs, or its name outside of Kubernetes.
    pub pod: String,
    /// The namespace of the pod, if it is known: names of pods are unique in it alone.
    pub namespace: Option<String>,
    /// The host on which it runs.
    pub host: String,
    /// The version of the worker's program.
    pub version: String,
}

/// The resource usage of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Mean CPU of the last 15 s, in percent of the CPU limit, or without one of a CPU per slot, waits for a CPU
    /// included; `None` while unknown.
    pub cpu: Option<f64>,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// Registers a worker, which runs at most `slots` tasks at once, under a new generation and starts its lease. Returns its id, `<name>.<generation>`.
pub fn register(keys: &Keys, worker: &Registration, slots: usize) -> ScriptCall<String> {
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
    .arg(worker.namespace.as_deref().unwrap_or_default())
    .arg(slots)
}

/// Renews the lease of `id`, and returns whether it is registered. A lease that has ended starts again unless the worker
/// was reaped. `task` is a task that it runs, or empty.
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

/// Removes `id` from the registry and creates its fence, if it holds no task. Returns how many tasks it still holds.
pub fn deregister(keys: &Keys, id: &str) -> ScriptCall<u64> {
    ScriptCall::new(
        &DEREGISTER,
        [keys.workers(), keys.worker(id), keys.claimed(id)],
    )
    .arg(id)
    .arg(millis(FENCE_TTL))
}

/// Asks the worker `id` to stop claiming tasks for [`DRAIN`] from now, or (`false`) withdraws that request. Returns
/// whether it is registered. Its state is `draining` immediately. Wait until it has been so for longer than a claim can
/// block (2 s) and it holds nothing: a claim that was waiting at the time of the request can still return a task,
/// which it hands back.
pub fn request_drain(keys: &Keys, id: &str, drain: bool) -> ScriptCall<bool> {
    ScriptCall::new(&DRAIN_SCRIPT, [keys.worker(id), keys.claimed(id)])
        .arg(u8::from(drain))
        .arg(millis(DRAIN))
}

/// Drains the worker `id` permanently, at its own request. Returns whether it is registered.
pub fn drain(keys: &Keys, id: &str) -> ScriptCall<bool> {
    ScriptCall::new(&DRAIN_SCRIPT, [keys.worker(id), keys.claimed(id)]).arg(1)
}
