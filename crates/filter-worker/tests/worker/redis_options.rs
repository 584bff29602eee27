//! The options for Redis, with a worker and a producer that share them: TLS with certificates of an own authority, a master
//! that fails over, and a slot of a cluster that moves.

use crate::process::{Language, Process, python, until_true};
use rstest::rstest;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use testkit::certificates::Authority;
use testkit::port::free_port;
use testkit::redis::RedisServer;
use testkit::redis_cluster::RedisCluster;
use testkit::sentinel::{MASTER, Sentinels};

/// Options for a Redis, and a folder for the health file.
struct Options {
    args: Vec<String>,
    folder: TempDir,
}

impl Options {
    fn new(args: &[&str]) -> Self {
        Self {
            args: args.iter().map(ToString::to_string).collect(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// `command` with the options, and the password in a variable.
    fn complete(&self, mut command: Command) -> Command {
        command.args(&self.args).env("THE_PASSWORD", "secret");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn command(&self) -> Command {
        let command = Command::new(env!("CARGO_BIN_EXE_workerpool-worker"));
        let mut command = self.complete(command);
        let health_file = self.folder.path().join("health.json");
        command.arg("--health-file").arg(health_file);
        command
    }

    fn start_worker(&self, language: Language) -> Process {
        Process::start(&mut match language {
            Language::Rust => self.command(),
            _ => self.complete(python(&["examples/python/worker.py"])),
        })
    }

    /// Whether a task that a producer pushes now is done within `timeout`.
    fn is_done(&self, timeout: &str) -> bool {
        let mut submit = self.command();
        submit.args(["submit", "--wait", "--timeout", timeout]);
        submit.status().unwrap().success()
    }
}

#[rstest]
#[case(Language::Rust)]
#[case(Language::Python)]
fn tls_with_an_own_authority_a_client_certificate_and_a_user(#[case] language: Language) {
    let (authority, another) = (Authority::new(), Authority::new());
    let client = authority.issue("DNS:client");
    let (server, port) = RedisServer::start_with_tls(&authority, &[]);
    server.run("ACL SETUSER app on >secret ~* &* +@all");
    server.run("ACL SETUSER default off");
    let url = format!("redis://127.0.0.1:{port}");
    let text = |path: &Path| path.display().to_string();
    let (ca, other) = (text(&authority.certificate()), text(&another.certificate()));
    let (cert, key) = (text(&client.certificate), text(&client.key));
    let redis = ["--redis", &url];
    let login = ["--username", "app", "--password-env", "THE_PASSWORD"];
    let trust = ["--cacert", &ca];
    let certificate = ["--cert", &cert, "--key", &key];
    let options = Options::new(&[&redis[..], &login, &trust, &certificate].concat());
    let _worker = options.start_worker(language);
    assert!(options.is_done("20s"));
    // Without its certificate, without the authority, with another one, and without a login.
    for without in [
        [&redis[..], &login, &trust].concat(),
        [&redis[..], &login, &["--tls"]].concat(),
        [&redis[..], &login, &["--cacert", &other], &certificate].concat(),
        redis.to_vec(),
    ] {
        assert!(!Options::new(&without).is_done("5s"), "{without:?}");
    }
}

#[rstest]
#[case(Language::Rust)]
#[case(Language::Python)]
fn a_worker_follows_the_master_that_sentinel_names(#[case] language: Language) {
    let mut sentinels = Sentinels::with_password("secret");
    let silent = format!("127.0.0.1:{}", free_port());
    let addresses = format!("{silent},{}", sentinels.addresses().join(","));
    let named = ["--sentinel", &addresses, "--master", MASTER];
    let password = |variable| [&named[..], &["--sentinel-password-env", variable]].concat();
    // Without the variable it says so at once.
    assert!(!Options::new(&password("NOT_SET")).is_done("1s"));
    let options = Options::new(&password("THE_PASSWORD"));
    let _worker = options.start_worker(language);
    assert!(options.is_done("25s"));
    let former = sentinels.master();
    sentinels.kill_master();
    until_true("Sentinel names the new master", || {
        sentinels.master() != former
    });
    assert!(options.is_done("25s"), "on the new master");
}

#[rstest]
#[case(Language::Rust)]
#[case(Language::Python)]
fn a_worker_finds_the_node_of_its_queue_and_follows_the_slot(#[case] language: Language) {
    let cluster = RedisCluster::start();
    let owner = cluster.find_owner("tasks");
    let other = (owner + 1) % 3;
    let seeds = format!("127.0.0.1:{},{}", free_port(), cluster.addresses()[other]);
    let options = Options::new(&["--cluster", &seeds]);
    let _worker = options.start_worker(language);
    assert!(options.is_done("20s"));
    cluster.move_slot("tasks", other);
    assert!(options.is_done("20s"), "on the other node");
}
