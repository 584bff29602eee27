//! Real worker processes, and a queue to watch them by.

use crate::python::PYTHON;
use crate::wire::{self, Wire};
use protocol::snapshot;
use protocol::snapshot::{Snapshot, command_in_full};
use protocol::{Keys, Task};
use redis::{Commands, Connection};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::redis::RedisServer;

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

/// What a worker is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Rust,
    Python,
    /// The control: takes a task off the list, and nobody else knows that it has it.
    Bare,
}

const BARE: &str = r#"
import json, os, redis, time
r = redis.Redis.from_url(os.environ["REDIS_URL"])
while True:
    task = json.loads(r.brpop("wp:{tasks}:ready")[1])
    time.sleep(task["body"]["delayMs"] / 1000)
    r.set("wp:{tasks}:results:" + task["id"], "{}")
"#;

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
        command
            .env("REDIS_URL", self.server.url())
            .args(["--queue", "tasks", "--health-file"]);
        command
            .arg(self.folder.path().join(format!("{name}.json")))
            .stderr(Stdio::null());
        command
    }

    /// A running worker.
    pub fn worker(&self, name: &str, args: &[&str]) -> Process {
        Process::start(name, self.program(name).args(["--name", name]).args(args))
    }

    /// A running worker of this kind on a wire.
    pub fn worker_on(&self, wire: &Wire, kind: Kind, name: &str) -> Process {
        let python = |args: &[&str]| {
            let mut command = Command::new(&*PYTHON);
            command.args(args).current_dir(testkit::root());
            command
        };
        let mut command = match kind {
            Kind::Rust => self.program(name),
            Kind::Python => python(&["examples/python/worker.py"]),
            Kind::Bare => python(&["-c", BARE]),
        };
        command.env("REDIS_URL", &wire.url).env("POD_NAME", name);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::start(name, &mut command);
        wire.belongs_to(process.id());
        process
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.server
            .url()
            .trim_start_matches("redis://")
            .parse()
            .unwrap()
    }

    /// What a subcommand says.
    pub fn run(&self, name: &str, args: &[&str]) -> Output {
        self.program(name).args(args).output().unwrap()
    }

    /// Pushes tasks that wait `delay_ms` and do next to nothing else.
    pub fn push(&mut self, ids: impl IntoIterator<Item = String>, delay_ms: u64) {
        let body = json!({"filters": [], "image": {"synthetic": {"width": 8, "height": 8}}, "delayMs": delay_ms});
        let tasks: Vec<_> = ids
            .into_iter()
            .map(|id| Task {
                id,
                ..Task::new(body.clone())
            })
            .collect();
        protocol::push(&self.keys, &tasks)
            .unwrap()
            .exec(&mut self.redis)
            .unwrap();
    }

    /// The operator's look; each one checks that no task is out of sight.
    #[track_caller]
    pub fn look(&mut self) -> Snapshot {
        let seen =
            snapshot::parse(command_in_full(&self.keys).query(&mut self.redis).unwrap()).unwrap();
        let accounted =
            seen.processed.unwrap_or(0) + seen.failed.unwrap_or(0) + seen.ready + seen.claimed;
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
        let text = until("a result", || {
            self.redis.get::<_, Option<String>>(&key).unwrap()
        });
        serde_json::from_str(&text).unwrap()
    }
}

/// A worker process; killed with the value.
pub struct Process {
    pub name: String,
    child: Child,
}

impl Process {
    pub fn start(name: &str, command: &mut Command) -> Self {
        Self {
            name: name.into(),
            child: command.spawn().unwrap(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        wire::signal(self.id(), signal);
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
