//! The processes of a local cluster. Each has the path of its state directory in its environment, which identifies it
//! even after its parent has died; no other process is ever touched, even one that reuses a process ID.

use crate::supervisor::SUPERVISOR_COMMAND;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, Signal, System, UpdateKind};
use telemetry::END_FILE;

/// The environment variable with the path of the state directory.
pub const STATE_DIR_VARIABLE: &str = "WORKERPOOL_LOCAL";
/// The environment variable with the name of the pod.
pub const POD_VARIABLE: &str = "POD_NAME";
/// How often to check whether a process that is not a child has ended.
const EXIT_POLL: Duration = Duration::from_millis(250);

/// How long a killed process may take to end: one that waits for a disk may take for ever.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// A process of a local cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodProcess {
    /// Process ID.
    pub pid: u32,
    /// Name of the pod that it runs.
    pub pod: String,
}

/// All processes of the cluster in `state_dir`.
pub fn processes(state_dir: &Path) -> Vec<PodProcess> {
    let Some(system) = refresh(ProcessesToUpdate::All) else {
        return Vec::new();
    };
    let processes = system.processes().values();
    let own = processes.filter(|it| it.thread_kind().is_none() && belongs_to(it, state_dir));
    own.map(|process| PodProcess {
        pid: process.pid().as_u32(),
        pod: variable(process, POD_VARIABLE).unwrap_or_default(),
    })
    .collect()
}

/// Whether the process runs and belongs to the cluster.
pub fn is_running(pid: u32, state_dir: &Path) -> bool {
    with_process(pid, state_dir, |_| ()).is_some()
}

/// Asks a process of the cluster to end: by SIGTERM, or, on systems without it, by the file that it watches for. A
/// process that watches for none is killed.
pub fn terminate(pid: u32, state_dir: &Path) {
    let write_end_file = |process: &Process| {
        variable(process, END_FILE).is_some_and(|file| std::fs::write(file, "").is_ok())
    };
    with_process(pid, state_dir, |process| {
        process
            .kill_with(Signal::Term)
            .unwrap_or_else(|| write_end_file(process) || process.kill())
    });
}

/// Kills a process of the cluster.
pub fn kill(pid: u32, state_dir: &Path) {
    with_process(pid, state_dir, Process::kill);
}

/// Kills the supervisor of the cluster. Returns false if the process `pid` is another program.
pub fn kill_supervisor(pid: u32, state_dir: &Path) -> bool {
    let pid = Pid::from_u32(pid);
    let command = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    let Ok(mut system) = System::new() else {
        return false;
    };
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, command);
    system.process(pid).is_some_and(|process| {
        let has = |arg: &OsStr| process.cmd().iter().any(|it| it == arg);
        has(SUPERVISOR_COMMAND.as_ref()) && has(state_dir.as_os_str()) && process.kill()
    })
}

/// Waits until a process of the cluster has ended.
pub async fn wait_for_exit(pid: u32, state_dir: &Path) {
    while is_running(pid, state_dir) {
        tokio::time::sleep(EXIT_POLL).await;
    }
}

/// Asks all of `processes` to end, and kills those that still run after `grace`.
pub async fn terminate_all(processes: &[PodProcess], state_dir: &Path, grace: Duration) {
    for process in processes {
        terminate(process.pid, state_dir);
    }
    let exits = async {
        for process in processes {
            wait_for_exit(process.pid, state_dir).await;
        }
    };
    if tokio::time::timeout(grace, exits).await.is_err() {
        let exits = async {
            for process in processes {
                kill(process.pid, state_dir);
                wait_for_exit(process.pid, state_dir).await;
            }
        };
        if tokio::time::timeout(KILL_TIMEOUT, exits).await.is_err() {
            tracing::warn!("a process of the local cluster does not end although it was killed");
        }
    }
}

fn refresh(which: ProcessesToUpdate<'_>) -> Option<System> {
    let mut system = System::new().ok()?;
    let environment = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(which, true, environment);
    Some(system)
}

/// Calls `action` with the process if it belongs to the cluster.
fn with_process<T>(pid: u32, state_dir: &Path, action: impl FnOnce(&Process) -> T) -> Option<T> {
    let pid = Pid::from_u32(pid);
    let system = refresh(ProcessesToUpdate::Some(&[pid]))?;
    let process = system.process(pid)?;
    belongs_to(process, state_dir).then(|| action(process))
}

/// Whether the process belongs to the cluster. A zombie has no environment any more, so it never does.
fn belongs_to(process: &Process, state_dir: &Path) -> bool {
    let mut entry = OsString::from(format!("{STATE_DIR_VARIABLE}="));
    entry.push(state_dir);
    process.environ().contains(&entry)
}

fn variable(process: &Process, name: &str) -> Option<String> {
    let entries = process.environ().iter();
    let mut variables = entries.filter_map(|entry| entry.to_str()?.split_once('='));
    let (_, value) = variables.find(|(key, _)| *key == name)?;
    Some(value.to_owned())
}
