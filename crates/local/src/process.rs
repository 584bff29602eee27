//! The processes of a local cluster. Each carries in its environment the folder it belongs to, by which it is known
//! even when whoever started it is gone; a stranger's process, whatever its number, is never touched.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, Signal, System, UpdateKind};
use telemetry::END_FILE;

/// The variable that marks a process.
pub const MARK: &str = "WORKERPOOL_LOCAL";
/// The variable with the name of its pod.
pub const POD: &str = "POD_NAME";
/// How often a process that is nobody's child is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// A process that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub pid: u32,
    /// Whose it is.
    pub pod: String,
}

/// All processes of the cluster in `folder`.
#[must_use]
pub fn all(folder: &Path) -> Vec<Found> {
    look(ProcessesToUpdate::All).map_or(Vec::new(), |system| {
        let ours = system
            .processes()
            .values()
            .filter(|it| it.thread_kind().is_none() && is_of(it, folder));
        ours.map(|it| Found {
            pid: it.pid().as_u32(),
            pod: variable(it, POD).unwrap_or_default(),
        })
        .collect()
    })
}

/// Whether the process lives and is one of ours.
pub fn lives(pid: u32, folder: &Path) -> bool {
    with(pid, folder, |_| ()).is_some()
}

/// Asks a process of ours to end: by SIGTERM, where there is none by the file that it looks for, else ends it.
pub fn terminate(pid: u32, folder: &Path) {
    let ask =
        |it: &Process| variable(it, END_FILE).is_some_and(|file| std::fs::write(file, "").is_ok());
    with(pid, folder, |it| {
        it.kill_with(Signal::Term)
            .unwrap_or_else(|| ask(it) || it.kill())
    });
}

/// Ends a process of ours.
pub fn kill(pid: u32, folder: &Path) {
    with(pid, folder, Process::kill);
}

/// Waits until a process of ours has ended.
pub async fn ended(pid: u32, folder: &Path) {
    while lives(pid, folder) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends all of `processes`: asks, waits, and insists.
pub async fn end(processes: &[Found], folder: &Path, grace: Duration) {
    for it in processes {
        terminate(it.pid, folder);
    }
    let ends = async {
        for it in processes {
            ended(it.pid, folder).await;
        }
    };
    if tokio::time::timeout(grace, ends).await.is_err() {
        for it in processes {
            kill(it.pid, folder);
            ended(it.pid, folder).await;
        }
    }
}

fn look(which: ProcessesToUpdate<'_>) -> Option<System> {
    let mut system = System::new().ok()?;
    let wanted = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(which, true, wanted);
    Some(system)
}

fn with<T>(pid: u32, folder: &Path, act: impl FnOnce(&Process) -> T) -> Option<T> {
    let pid = Pid::from_u32(pid);
    let system = look(ProcessesToUpdate::Some(&[pid]))?;
    system.process(pid).filter(|it| is_of(it, folder)).map(act)
}

/// One that has ended and waits for its parent to notice has no environment any more.
fn is_of(process: &Process, folder: &Path) -> bool {
    let mark: OsString = [MARK.as_ref(), "=".as_ref(), folder.as_os_str()]
        .into_iter()
        .collect();
    process.environ().contains(&mark)
}

fn variable(process: &Process, name: &str) -> Option<String> {
    let all = process.environ().iter().filter_map(|it| it.to_str());
    all.filter_map(|it| it.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}
