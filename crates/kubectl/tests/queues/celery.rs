//! Celery 5.7 with real workers.

use crate::probe;
use redis::Commands;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use testkit::libraries;
use testkit::process::Process;
use testkit::redis::RedisServer;
use testkit::wait::until_true;

static PYTHON: LazyLock<PathBuf> =
    LazyLock::new(|| libraries::python(env!("CARGO_TARGET_TMPDIR"), "celery"));

/// A broker with its workers, which end with it.
pub struct Celery {
    server: RedisServer,
    env: Vec<(&'static str, String)>,
    workers: Vec<Process>,
}

impl Celery {
    pub fn start(env: &[(&'static str, &str)]) -> Self {
        let server = RedisServer::start();
        let mut env: Vec<_> = env
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        env.push(("BROKER", format!("{}/3", server.url())));
        env.push(("FACTS", format!("{}/9", server.url())));
        Self {
            server,
            env,
            workers: Vec::new(),
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(PYTHON.with_file_name(program));
        command
            .current_dir(testkit::root().join("tests/queues/celery"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(self.env.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Starts a worker of the pod `pod` and waits until it listens.
    pub fn worker(&mut self, pod: &str, queues: &str, options: &[&str]) {
        let mut command = self.command("celery");
        let name = format!("celery@{pod}");
        command.args(["-A", "app", "worker", "-n", &name, "-Q", queues]);
        let listening = self.listening();
        self.workers.push(Process::start(command.args(options)));
        until_true("another worker that listens", || {
            self.listening() > listening
        });
    }

    /// How many workers listen for control commands. They ignore an empty one.
    fn listening(&self) -> i64 {
        let prefix = self.env.iter().find(|(name, _)| *name == "PREFIX");
        let prefix = prefix.map_or("", |(_, prefix)| prefix);
        let channel = format!("{prefix}/3.celery.pidbox");
        self.server.connect().publish(channel, "").unwrap()
    }

    pub fn send(&self, queue: &str, count: usize, options: &[&str]) {
        let mut command = self.command("python");
        command
            .args(["send.py", queue, &count.to_string()])
            .args(options);
        assert!(command.status().unwrap().success());
    }

    /// The address of its database.
    pub fn broker(&self) -> String {
        format!("{}/3", self.server.url())
    }

    /// A connection to one of its databases.
    pub fn connect(&self, database: u8) -> redis::Connection {
        let client = redis::Client::open(format!("{}/{database}", self.server.url())).unwrap();
        client.get_connection().unwrap()
    }

    /// Lets all tasks end that run.
    fn end_tasks(&self) {
        let () = self.connect(9).set("end", 1).unwrap();
    }

    /// Waits until the tasks themselves say that so many of them run.
    pub fn running(&self, count: usize) {
        let mut facts = self.connect(9);
        until_true(&format!("{count} tasks that run"), || {
            facts.scard("running") == Ok(count)
        });
    }

    fn probe(&self, queue: &str, options: &[&str]) -> Value {
        probe::probe(&self.broker(), "Celery", queue, options)
    }

    pub fn until(&self, queue: &str, options: &[&str], expected: &Value) -> Value {
        probe::until(|| self.probe(queue, options), expected)
    }
}

#[test]
fn an_empty_broker_has_neither_tasks_nor_workers() {
    let celery = Celery::start(&[]);
    let answer = celery.probe("celery", &[]);
    let zero = json!({"value": 0, "exact": true});
    for name in ["ready", "held", "inFlight", "workers", "busy", "slots"] {
        assert_eq!(answer[name], zero, "{name}: {answer}");
    }
    for name in ["failed", "oldestSeconds", "paused"] {
        assert!(answer[name]["unsupported"].is_string(), "{name}: {answer}");
    }
    celery.send("celery", 5, &[]);
    celery.until("celery", &[], &json!({"ready": 5, "workers": 0}));
}

#[test]
fn tasks_that_busy_workers_fetched_ahead_are_held_and_not_ready() {
    let mut celery = Celery::start(&[]);
    celery.worker("pod-1", "celery", &["-P", "threads", "-c", "3"]);
    celery.send("celery", 10, &[]);
    celery.running(3);
    let answer = celery.until(
        "celery",
        &[],
        &json!({"ready": 0, "held": 7, "inFlight": 3, "workers": 1, "busy": 1, "slots": 3, "processed": 0,
            "workersByPod": {"pod-1": 1}}),
    );
    assert_eq!(answer["held"]["exact"], true);
    // More than it fetches ahead: these, another worker could take.
    celery.send("celery", 10, &[]);
    celery.until(
        "celery",
        &[],
        &json!({"ready": 5, "held": 12, "inFlight": 3}),
    );
    // An idle worker beside the busy one takes what is ready, and none of what is held.
    celery.worker("pod-2", "mail", &["-P", "threads", "-c", "2"]);
    celery.until("celery", &[], &json!({"workers": 1, "busy": 1}));
    celery.until(
        "mail",
        &[],
        &json!({"workers": 1, "busy": 0, "slots": 2, "held": 0, "inFlight": 0}),
    );
    celery.end_tasks();
    celery.until(
        "celery",
        &[],
        &json!({"ready": 0, "held": 0, "inFlight": 0, "busy": 0, "processed": 20}),
    );
}

#[test]
fn late_acknowledgement_prefix_and_several_queues() {
    let env = [("ACKS_LATE", "1"), ("PREFIX", "app1-")];
    let mut celery = Celery::start(&env);
    let options = ["-P", "threads", "-c", "1", "--prefetch-multiplier", "2"];
    celery.worker("pod-1", "celery,mail", &options);
    celery.send("mail", 1, &[]);
    celery.running(1);
    celery.send("celery", 3, &[]);
    let prefix = ["--key-prefix", "app1-"];
    // It fetches two at once: the one of mail, which runs, and one of celery.
    celery.until(
        "mail",
        &prefix,
        &json!({"ready": 0, "held": 0, "inFlight": 1, "workers": 1, "busy": 1}),
    );
    celery.until(
        "celery",
        &prefix,
        &json!({"ready": 2, "held": 1, "inFlight": 0, "workers": 1, "busy": 1}),
    );
    let other = celery.probe("celery", &[]);
    assert_eq!(
        other["ready"]["value"], 0,
        "without the prefix it is another queue: {other}"
    );
    assert_eq!(other["workers"]["value"], 0);
}

#[test]
fn delayed_tasks_are_told_from_held_ones() {
    let mut celery = Celery::start(&[]);
    celery.worker("pod-1", "celery", &["-P", "threads", "-c", "1"]);
    celery.send("celery", 2, &["countdown=3600"]);
    // For 10 s it is due: a slow machine reads that, too.
    celery.send("celery", 1, &["countdown=30"]);
    celery.until(
        "celery",
        &[],
        &json!({"ready": 0, "held": 0, "inFlight": 0, "delayed": 3, "due": 1, "busy": 0}),
    );
    celery.running(1);
    celery.until(
        "celery",
        &[],
        &json!({"inFlight": 1, "delayed": 2, "due": 0, "busy": 1}),
    );
}

#[test]
fn each_priority_has_a_list() {
    let celery = Celery::start(&[("STEPS", "0,5"), ("SEPARATOR", ":")]);
    celery.send("celery", 1, &["priority=0"]);
    celery.send("celery", 3, &["priority=5"]);
    let options = ["--priorities", "0,5", "--separator", ":"];
    celery.until("celery", &options, &json!({"ready": 4}));
    celery.until("celery", &["--priorities", "0"], &json!({"ready": 1}));
}

#[test]
fn what_a_killed_worker_left_is_in_flight_with_no_worker() {
    let mut celery = Celery::start(&[("ACKS_LATE", "1")]);
    celery.worker("pod-1", "celery,mail", &["-P", "threads", "-c", "2"]);
    celery.send("celery", 4, &[]);
    celery.send("mail", 1, &[]);
    celery.send("celery", 1, &["countdown=3600"]);
    celery.running(2);
    celery.until("celery", &[], &json!({"ready": 0, "delayed": 1, "busy": 1}));
    // The children of a worker end with it.
    drop(celery.workers.pop());
    let left = json!({"ready": 0, "held": 0, "inFlight": 4, "delayed": 1, "workers": 0, "busy": 0, "slots": 0, "workersByPod": {}});
    let answer = celery.until("celery", &[], &left);
    assert_eq!(answer["inFlight"]["exact"], true);
    celery.until("mail", &[], &json!({"inFlight": 1, "delayed": 0}));
    // A worker beside what is left is idle, and not busy.
    celery.worker("pod-2", "celery", &["-P", "threads", "-c", "2"]);
    celery.until(
        "celery",
        &[],
        &json!({"workers": 1, "busy": 0, "workersByPod": {"pod-2": 1}}),
    );
}

#[test]
fn a_worker_that_cannot_answer_is_not_dead() {
    let mut celery = Celery::start(&[]);
    celery.worker("pod-1", "celery", &["-P", "solo"]);
    celery.worker("pod-2", "celery", &["-P", "threads", "-c", "2"]);
    celery.until("celery", &[], &json!({"workers": 2, "busy": 0, "slots": 3}));
    celery.send("celery", 6, &[]);
    celery.running(3);
    let answer = celery.until("celery", &[], &json!({"workers": 2, "busy": 2}));
    assert_eq!(answer["busy"]["exact"], false, "{answer}");
}

#[test]
fn what_is_left_in_the_broker_expires() {
    let mut celery = Celery::start(&[]);
    celery.worker("pod-1", "celery", &["-P", "solo"]);
    celery.send("celery", 1, &[]);
    celery.running(1);
    celery.until("celery", &[], &json!({"workers": 1, "busy": 1}));
    // It answers when no one waits any more.
    celery.end_tasks();
    celery.until("celery", &[], &json!({"workers": 1, "busy": 0}));
    let mut broker = celery.connect(3);
    let keys: Vec<String> = broker.keys("*workerpool-*").unwrap();
    assert!(!keys.is_empty(), "late answers");
    for key in keys {
        let seconds: i64 = broker.ttl(&key).unwrap();
        assert!((1..=600).contains(&seconds), "{key} has no expiry");
    }
    let bindings: Option<BTreeSet<String>> = broker
        .smembers("_kombu.binding.reply.celery.pidbox")
        .unwrap();
    let mut bindings = bindings.iter().flatten();
    assert!(bindings.all(|binding| !binding.contains("workerpool-")));
}

#[test]
fn the_documented_rights_are_enough_and_a_missing_one_is_named() {
    let mut celery = Celery::start(&[]);
    celery.worker("pod-1", "celery", &["-P", "threads", "-c", "2"]);
    celery.send("celery", 3, &[]);
    celery.running(2);
    let rights = "resetkeys resetchannels %R~celery* %R~unacked ~workerpool-*.reply.celery.pidbox &/3.celery.pidbox \
        -@all +hello +auth +ping +select +llen +hlen +hscan +time +client|info +client|setinfo +publish +lrange +rpush +expire +ltrim";
    let set = |name: &str, without: &str| {
        let rights = rights.split_whitespace().filter(|word| *word != without);
        // Redis 7.0 does not know this one.
        let rights = rights.filter(|word| *word != "+client|setinfo");
        let rights = rights.collect::<Vec<_>>().join(" ");
        celery
            .server
            .run(&format!("ACL SETUSER {name} on >secret {rights}"));
    };
    set("reader", "");
    set("mute", "+publish");
    let probe = |user: &str| {
        let url = celery.broker().replace("//", &format!("//{user}:secret@"));
        probe::probe(&url, "Celery", "celery", &[])
    };
    probe::until(
        || probe("reader"),
        &json!({"held": 1, "inFlight": 2, "workers": 1}),
    );
    let log: Vec<redis::Value> = celery.server.query("ACL LOG");
    assert!(log.is_empty(), "{log:?}");
    let mute = probe("mute");
    assert_eq!(mute["ready"], json!({"value": 0, "exact": true}));
    for name in ["held", "inFlight", "workers", "busy", "workersByPod"] {
        let why = mute[name]["unavailable"].as_str().unwrap_or_default();
        assert!(why.contains("publish"), "{name}: {mute}");
    }
}
