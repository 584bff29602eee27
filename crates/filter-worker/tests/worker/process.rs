//! Real worker processes on a queue of their own.

use crate::proxy::FaultProxy;
use protocol::snapshot::{self, Snapshot, command_in_full};
use protocol::{Keys, Task};
use redis::{Commands, Connection};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use testkit::libraries::python_with;
use testkit::redis::RedisServer;

pub use testkit::process::Process;
pub use testkit::wait::{TIMEOUT, until, until_true};

/// The implementations of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Rust,
    /// The Rust worker with two slots.
    RustTwice,
    Python,
    /// The control group: it removes a task from the list, and then nothing in Redis knows of the task.
    BarePython,
}

const BARE: &str = r#"
import json, os, redis, time
r = redis.Redis.from_url(os.environ["REDIS_URL"])
while True:
    task = json.loads(r.brpop("wp:{tasks}:ready")[1])
    time.sleep(task["body"].get("delayMs", 0) / 1000)
    r.set("wp:{tasks}:results:" + task["id"], "{}")
"#;

/// A command of Python with the packages of the example, in the root of the repository.
pub fn python(args: &[&str]) -> Command {
    let requirements = testkit::root().join("examples/python/requirements.txt");
    let folder = env!("CARGO_TARGET_TMPDIR");
    let mut command = Command::new(python_with(folder, "example", &requirements));
    command.args(args).current_dir(testkit::root());
    command
}

/// `wrapper` with the line and the variables of `command` behind its own arguments.
pub fn wrapped(mut wrapper: Command, command: &Command) -> Command {
    let variables = command.get_envs();
    wrapper
        .arg(command.get_program())
        .args(command.get_args())
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .stderr(Stdio::null());
    wrapper
}

/// A queue on a Redis server of its own, for real worker processes.
pub struct Harness {
    pub server: RedisServer,
    pub redis: Connection,
    pub keys: Keys,
    health_files: TempDir,
}

impl Harness {
    pub fn new() -> Self {
        let server = RedisServer::start();
        Self {
            redis: server.connect(),
            server,
            keys: Keys::new("tasks"),
            health_files: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A `workerpool-worker` command for this queue.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workerpool-worker"));
        command
            .env("REDIS_URL", self.server.url())
            .args(["--queue", "tasks", "--health-file"]);
        command
            .arg(self.health_files.path().join(format!("{name}.json")))
            .stderr(Stdio::null());
        command
    }

    /// Starts a Rust worker.
    pub fn start(&self, name: &str, args: &[&str]) -> Process {
        Process::start(self.command(name).args(["--name", name]).args(args))
    }

    /// Starts a worker behind a proxy.
    pub fn start_behind(&self, proxy: &FaultProxy, language: Language, name: &str) -> Process {
        let mut command = self.command_in(language, name);
        let process = Process::start(command.env("REDIS_URL", &proxy.url));
        proxy.set_process(process.id());
        process
    }

    /// Starts a worker with this grace period.
    pub fn start_with_grace(&self, language: Language, name: &str, grace: Duration) -> Process {
        let mut command = self.command_in(language, name);
        match language {
            Language::Rust => command.args(["--grace", &format!("{}ms", grace.as_millis())]),
            _ => command.env("GRACE", grace.as_secs_f64().to_string()),
        };
        Process::start(&mut command)
    }

    /// The command of a worker in a language.
    fn command_in(&self, language: Language, name: &str) -> Command {
        let mut command = match language {
            Language::Rust => self.command(name),
            Language::RustTwice => {
                let mut command = self.command(name);
                command.args(["--concurrency", "2"]);
                command
            }
            Language::Python => python(&["examples/python/worker.py"]),
            Language::BarePython => python(&["-c", BARE]),
        };
        command
            .env("REDIS_URL", self.server.url())
            .env("POD_NAME", name);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The address of the Redis server.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.server.port()))
    }

    /// Runs a subcommand to its end.
    pub fn output(&self, name: &str, args: &[&str]) -> Output {
        self.command(name).args(args).output().unwrap()
    }

    /// Pushes tasks that wait `delay_ms` and do almost nothing else.
    pub fn push(&mut self, ids: impl IntoIterator<Item = String>, delay_ms: u64) {
        let body = json!({"filters": [], "image": {"synthetic": {"width": 8, "height": 8}}, "delayMs": delay_ms});
        let tasks: Vec<_> = ids
            .into_iter()
            .map(|id| Task {
                id,
                ..Task::new(body.clone())
            })
            .collect();
        self.push_tasks(&tasks);
    }

    pub fn push_tasks(&mut self, tasks: &[Task]) {
        protocol::push(&self.keys, tasks)
            .unwrap()
            .exec(&mut self.redis)
            .unwrap();
    }

    /// Pushes a task with this body.
    pub fn push_body(&mut self, id: &str, body: Value) {
        let task = Task::new(body);
        self.push_tasks(&[Task {
            id: id.into(),
            ..task
        }]);
    }

    pub fn store(&mut self, key: &str, value: Vec<u8>) {
        let _: () = self.redis.set(key, value).unwrap();
    }

    /// Stores a small picture under this key.
    pub fn store_picture(&mut self, key: &str) {
        let mut file = std::io::Cursor::new(Vec::new());
        let image = image::RgbImage::new(8, 8);
        image.write_to(&mut file, image::ImageFormat::Png).unwrap();
        self.store(key, file.into_inner());
    }

    /// The operator's snapshot of the queue. Checks each time that every task is accounted for.
    #[track_caller]
    pub fn snapshot(&mut self) -> Snapshot {
        let reply = command_in_full(&self.keys).query(&mut self.redis).unwrap();
        let snapshot = snapshot::parse(reply).unwrap();
        let accounted = snapshot.processed.unwrap_or(0)
            + snapshot.failed.unwrap_or(0)
            + snapshot.ready
            + snapshot.due
            + snapshot.claimed;
        assert_eq!(
            snapshot.arrived.unwrap_or(0),
            accounted,
            "arrived = done + failed + ready + delayed + claimed: {snapshot:?}"
        );
        snapshot
    }

    #[track_caller]
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        until(what, || Some(self.snapshot()).filter(&mut condition))
    }

    /// Waits for the result of a task.
    #[track_caller]
    pub fn result(&mut self, id: &str) -> Value {
        let key = self.keys.result(id);
        let text = until("a result", || {
            self.redis.get::<_, Option<String>>(&key).unwrap()
        });
        serde_json::from_str(&text).unwrap()
    }

    /// The number of connections that wait in a blocking command.
    pub fn blocked_clients(&self) -> usize {
        let info: redis::InfoDict = self.server.query("INFO clients");
        info.get("blocked_clients").unwrap()
    }

    /// Closes all connections of other clients.
    pub fn close_connections(&mut self) {
        redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
            .exec(&mut self.redis)
            .unwrap();
    }
}
