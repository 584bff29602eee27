//! The recipes of `examples`: what their Deployment runs and their producer, with the system's own library, and what the
//! operator reads of the queue that their pool names.

use crate::probe;
use redis::Commands;
use rstest::rstest;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testkit::libraries;
use testkit::process::Process;
use testkit::redis::RedisServer;

/// So many jobs are queued, and each pod runs so many at once.
const JOBS: i64 = 9;
/// How long each of them takes: longer than all reads of one state.
const SECONDS: &str = "15";
/// What users of a Service name, and what stands for it here.
const ADDRESS: &str = "redis://redis:6379/0";

struct Recipe {
    folder: PathBuf,
    redis: RedisServer,
    /// The environment in which the library is found, as it is in the image.
    path: String,
    modules: String,
}

impl Recipe {
    fn new(system: &str) -> Self {
        let folder = env!("CARGO_TARGET_TMPDIR");
        let path = std::env::var("PATH").unwrap();
        let python = || {
            let bin = libraries::python(folder, system);
            format!("{}:{path}", bin.parent().unwrap().display())
        };
        let (path, modules) = match system {
            "bullmq" => (path.clone(), libraries::node_modules(folder, system)),
            "sidekiq" => (path.clone(), PathBuf::new()),
            _ => (python(), PathBuf::new()),
        };
        Self {
            folder: testkit::root().join("examples").join(system),
            redis: RedisServer::start(),
            path,
            modules: modules.display().to_string(),
        }
    }

    fn yaml(&self, file: &str) -> Value {
        serde_saphyr::from_str(&self.text(file)).unwrap()
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// A program of the image, with the environment of the Deployment's container.
    fn command(&self, line: &[&str]) -> Command {
        let container = &self.yaml("worker.yaml")["spec"]["template"]["spec"]["containers"][0];
        let mut command = Command::new(line[0]);
        for variable in container["env"].as_array().unwrap() {
            let value = variable["value"].as_str().unwrap();
            let value = value.replace(ADDRESS, &format!("{}/0", self.redis.url()));
            command.env(variable["name"].as_str().unwrap(), value);
        }
        command
            .args(&line[1..])
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("NODE_PATH", &self.modules)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn worker(&self) -> Process {
        let container = &self.yaml("worker.yaml")["spec"]["template"]["spec"]["containers"][0];
        let line: Vec<&str> = strings(&container["command"]);
        Process::start(&mut self.command(&line))
    }

    /// What the operator reads of the pool's queue becomes this.
    fn until(&self, expected: &Value) -> Value {
        let pool = self.yaml("pool.yaml");
        assert_eq!(pool["spec"]["redis"]["address"], ADDRESS);
        let queues = pool["spec"]["queues"].as_array().unwrap();
        let [queue] = queues.as_slice() else {
            panic!("one queue: {queues:?}")
        };
        let names: Vec<&str> = queue
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            names,
            ["name", "system"],
            "no option that probe is not given"
        );
        let text = |name: &str| queue[name].as_str().unwrap();
        let url = format!("{}/0", self.redis.url());
        probe::until(
            || probe::probe(&url, text("system"), text("name"), &[]),
            expected,
        )
    }
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect()
}

/// The state of the pool's queue with a worker, and after the end of its pod: the jobs that ran have ended, and none is
/// left behind.
fn follows(system: &str, slots: i64) {
    let recipe = Recipe::new(system);
    let producer = ["producer.py", "producer.js", "producer.rb"];
    let producer = producer
        .into_iter()
        .find(|it| recipe.folder.join(it).exists())
        .unwrap();
    let readme = recipe.text("README.md");
    let line = readme
        .lines()
        .find(|it| it.contains(producer))
        .expect("how to produce");
    let (_, line) = line.split_once(" -- ").expect("a command for the image");
    let [program, file, _, _] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("program, file, count and seconds: {line}")
    };
    let jobs = JOBS.to_string();
    let mut producer = recipe.command(&[program, file, &jobs, SECONDS]);
    assert!(producer.status().unwrap().success());
    recipe.until(&json!({"ready": JOBS, "inFlight": 0, "workers": 0}));
    let mut worker = recipe.worker();
    let left = JOBS - slots;
    recipe.until(&json!({"ready": left, "held": 0, "inFlight": slots, "workers": 1, "busy": 1}));
    // As Kubernetes ends a pod.
    worker.signal("TERM");
    worker.wait();
    if system == "sidekiq" {
        // A job that was interrupted is in no list and no count.
        let processed: i64 = recipe.redis.connect().get("stat:processed").unwrap();
        assert_eq!(processed, slots);
    }
    recipe.until(&json!({"ready": left, "held": 0, "inFlight": 0}));
    // Its grace period is longer than what ran.
    let pod = &recipe.yaml("worker.yaml")["spec"]["template"]["spec"];
    assert!(
        pod["terminationGracePeriodSeconds"].as_i64().unwrap() > 30,
        "longer than the default"
    );
}

#[rstest]
#[case("celery", 2)]
#[case("rq", 1)]
#[case("bullmq", 2)]
fn a_worker_of_a_recipe_is_read_and_finishes_what_it_runs(
    #[case] system: &str,
    #[case] slots: i64,
) {
    follows(system, slots);
}

#[test]
#[ignore = "make queues"]
fn a_process_of_the_recipe_of_sidekiq_is_read_and_finishes_what_it_runs() {
    follows("sidekiq", 2);
}

/// An image has the version of the library that is tested.
#[rstest]
#[case("celery", "requirements.txt")]
#[case("rq", "requirements.txt")]
#[case("bullmq", "package.json")]
fn an_image_has_the_tested_library(#[case] system: &str, #[case] file: &str) {
    let pins = testkit::root().join("tests/queues").join(system).join(file);
    let pins = std::fs::read_to_string(Path::new(&pins)).unwrap();
    let dockerfile = Recipe::new(system).text("Dockerfile");
    let has = |pin: &str| dockerfile.contains(pin);
    if file == "package.json" {
        let pins: Value = serde_json::from_str(&pins).unwrap();
        // BullMQ brings no client for Redis of its own.
        for package in ["bullmq", "ioredis"] {
            let version = pins["dependencies"][package].as_str().unwrap();
            assert!(has(&format!("{package}@{version}")), "{dockerfile}");
        }
    } else {
        assert!(pins.lines().all(has), "{pins}\n{dockerfile}");
    }
}
