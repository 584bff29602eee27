//! Real worker processes, and a queue to watch them by.

use crate::redis_server::RedisServer;
use redis::{Commands, Connection};
use serde_json::{Value, json};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use workerpool::protocol::snapshot::{self, Snapshot, command_in_full};
use workerpool::protocol::{self, Keys, Task};

/// Longest wait for anything; only a broken worker gets there.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks every few milliseconds until `look` gives a value; panics when it never does.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A queue on a server of its own.
pub struct Yard {
    pub server: RedisServer,
    pub redis: Connection,
    pub keys: Keys,
    folder: TempDir,
}

impl Yard {
    pub fn new() -> Self {
        let server = RedisServer::start();
        Self {
            redis: server.connect(),
            server,
            keys: Keys::new("tasks"),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// `workerpool-worker` with the address of this queue.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workerpool-worker"));
        command.args(["--redis", &self.server.url(), "--queue", "tasks", "--health-file"]);
        command.arg(self.folder.path().join(format!("{name}.json"))).stderr(Stdio::null());
        command
    }

    /// A running worker.
    pub fn worker(&self, name: &str, args: &[&str]) -> Process {
        let mut command = self.program(name);
        Process { name: name.into(), child: command.args(["--name", name]).args(args).spawn().unwrap() }
    }

    /// What a subcommand says.
    pub fn run(&self, name: &str, args: &[&str]) -> Output {
        self.program(name).args(args).output().unwrap()
    }

    /// Pushes tasks that wait `delay_ms` and do next to nothing else.
    pub fn push(&mut self, ids: impl IntoIterator<Item = String>, delay_ms: u64) {
        let body =
            json!({"filters": [], "image": {"synthetic": {"width": 8, "height": 8}}, "delayMs": delay_ms});
        let tasks: Vec<_> = ids.into_iter().map(|id| Task { id, ..Task::new(body.clone()) }).collect();
        protocol::push(&self.keys, &tasks).unwrap().exec(&mut self.redis).unwrap();
    }

    /// The operator's look; each one checks that no task is out of sight.
    #[track_caller]
    pub fn look(&mut self) -> Snapshot {
        let seen = snapshot::parse(command_in_full(&self.keys).query(&mut self.redis).unwrap()).unwrap();
        let accounted = seen.processed.unwrap_or(0) + seen.failed.unwrap_or(0) + seen.ready + seen.claimed;
        assert_eq!(
            seen.arrived.unwrap_or(0),
            accounted,
            "arrived = done + failed + waiting + in flight: {seen:?}"
        );
        seen
    }

    #[track_caller]
    pub fn until(&mut self, what: &str, mut true_of: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        until(what, || Some(self.look()).filter(&mut true_of))
    }

    /// The result of a task, once there is one.
    #[track_caller]
    pub fn result(&mut self, id: &str) -> Value {
        let key = self.keys.result(id);
        let text = until("a result", || self.redis.get::<_, Option<String>>(&key).unwrap());
        serde_json::from_str(&text).unwrap()
    }
}

/// A worker process; killed with the value.
pub struct Process {
    pub name: String,
    child: Child,
}

impl Process {
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        let status =
            Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        until("the worker to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
