//! The programs of the queue systems in `tests/queues`: producers, which push as applications do, and workers. `target` is
//! where the libraries are installed, the `CARGO_TARGET_TMPDIR` of the test.

use crate::libraries;
use crate::process::Process;
use crate::redis::RedisServer;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// How the programs of a system are started.
pub struct Programs {
    folder: PathBuf,
    producer: Vec<String>,
    /// The line that starts a worker. The names of its queues follow.
    pub worker: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Programs {
    /// Those of Celery.
    pub fn celery(target: &str) -> Self {
        let python = libraries::python(target, "celery").display().to_string();
        Self::new("celery", &[&python, "producer.py"], &["./worker"]).with("PYTHON", Some(&python))
    }

    /// Those of RQ.
    pub fn rq(target: &str) -> Self {
        let python = libraries::python(target, "rq").display().to_string();
        Self::new("rq", &[&python, "producer.py"], &[&python, "worker.py"])
    }

    /// Those of BullMQ or Bull: `library` is its name in `package.json`.
    pub fn bullmq(target: &str, library: &str) -> Self {
        let modules = libraries::node_modules(target, "bullmq");
        Self::new("bullmq", &["node", "producer.js"], &["node", "worker.js"])
            .with("NODE_PATH", modules.to_str())
            .with("LIBRARY", Some(library))
    }

    /// Those of Sidekiq, which its Debian package brings.
    pub fn sidekiq() -> Self {
        Self::new("sidekiq", &["ruby", "producer.rb"], &["./worker"])
    }

    /// Those of Laravel, which its Debian packages bring.
    pub fn laravel(prefix: &str) -> Self {
        Self::new("laravel", &["php", "producer.php"], &["php", "worker.php"])
            .with("PREFIX", Some(prefix))
            .with("BLOCK_FOR", Some("5"))
    }

    fn new(system: &str, producer: &[&str], worker: &[&str]) -> Self {
        let line = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        Self {
            folder: crate::root().join("tests/queues").join(system),
            producer: line(producer),
            worker: line(worker),
            environment: vec![],
        }
    }

    /// The same with an environment variable, if it has a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.environment
            .extend(value.map(|it| (name, it.to_owned())));
        self
    }

    /// Runs `line` with the queues on `redis`. The jobs write down on `notes` what they do.
    pub fn command(&self, line: &[String], redis: &RedisServer, notes: &RedisServer) -> Command {
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).current_dir(&self.folder);
        command
            .env("REDIS_URL", redis.url())
            .env("NOTES_URL", notes.url())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts a worker in a container of its own whose host name is `pod`: all its processes end with the one that is
    /// returned. `words` are its queues, and what follows them.
    pub fn work(
        &self,
        pod: &str,
        words: &[&str],
        redis: &RedisServer,
        notes: &RedisServer,
    ) -> Process {
        let container = "unshare --map-root-user --uts --pid --fork --kill-child=KILL";
        let named = ["sh", "-c", "hostname \"$0\"; exec \"$@\"", pod];
        let worker = self.worker.iter().map(String::as_str);
        let line = container.split(' ').chain(named).chain(worker);
        let line: Vec<String> = line
            .chain(words.iter().copied())
            .map(str::to_owned)
            .collect();
        Process::start(&mut self.command(&line, redis, notes))
    }

    /// Starts the producer.
    pub fn produce(&self, redis: &RedisServer, notes: &RedisServer) -> Producer {
        let mut command = self.command(&self.producer, redis, notes);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the producer starts");
        Producer {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            _process: child.into(),
        }
    }
}

/// A producer that runs. It ends with the test.
pub struct Producer {
    _process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Producer {
    /// Has it do something, and waits until that is done.
    pub fn ask(&mut self, what: &Value) {
        writeln!(self.input, "{what}").expect("the producer runs");
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "done", "{what}");
    }

    /// Has it push `job` to `queue`.
    pub fn push(&mut self, queue: &str, job: &str) {
        self.ask(&json!({"do": "push", "queue": queue, "job": job}));
    }
}
