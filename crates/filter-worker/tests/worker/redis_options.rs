//! The options for Redis, with a worker and a producer that share them: TLS with certificates of an own authority, a master
//! that fails over, and a slot of a cluster that moves.

use crate::process::{Language, Process, until};
use crate::python::PYTHON;
use redis::Value;
use rstest::rstest;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use testkit::certificates::Authority;
use testkit::port::free_port;
use testkit::redis::RedisServer;

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

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workerpool-worker"));
        command.args(&self.args).env("THE_PASSWORD", "secret");
        command.arg("--health-file");
        command.arg(self.folder.path().join("health.json"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The command of a worker.
    fn worker(&self, language: Language) -> Command {
        if language == Language::Rust {
            return self.command();
        }
        let mut command = Command::new(&*PYTHON);
        command.arg("examples/python/worker.py").args(&self.args);
        command
            .current_dir(testkit::root())
            .env("THE_PASSWORD", "secret");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn start_worker(&self, language: Language) -> Process {
        Process::start("w", &mut self.worker(language))
    }

    /// Whether a task that a producer pushes now is done within `timeout`.
    fn is_done(&self, timeout: &str) -> bool {
        let mut submit = self.command();
        submit.args(["submit", "--wait", "--timeout", timeout]);
        submit.status().unwrap().success()
    }
}

fn run(server: &RedisServer, command: &str) -> Value {
    let mut words = command.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    command.arg(words.collect::<Vec<_>>());
    command.query(&mut server.connect()).unwrap()
}

fn port(server: &RedisServer) -> u16 {
    server.url().rsplit_once(':').unwrap().1.parse().unwrap()
}

#[rstest]
#[case(Language::Rust)]
#[case(Language::Python)]
fn tls_with_an_own_authority_a_client_certificate_and_a_user(#[case] language: Language) {
    let authority = Authority::new();
    let (own, client) = (
        authority.issue("IP:127.0.0.1"),
        authority.issue("DNS:client"),
    );
    let text = |path: &Path| path.display().to_string();
    let (ca, port) = (text(&authority.certificate()), free_port().to_string());
    let server = RedisServer::start_with(&[
        "--tls-port",
        &port,
        "--tls-ca-cert-file",
        &ca,
        "--tls-cert-file",
        &text(&own.certificate),
        "--tls-key-file",
        &text(&own.key),
    ]);
    run(&server, "ACL SETUSER app on >secret ~* &* +@all");
    run(&server, "ACL SETUSER default off");
    let url = format!("redis://127.0.0.1:{port}");
    let (cert, key) = (text(&client.certificate), text(&client.key));
    let all = [
        "--redis",
        &url,
        "--username",
        "app",
        "--password-env",
        "THE_PASSWORD",
        "--cacert",
        &ca,
        "--cert",
        &cert,
        "--key",
        &key,
    ];
    let options = Options::new(&all);
    let _worker = options.start_worker(language);
    assert!(options.is_done("20s"));
    // Without its certificate, without the authority, and with another one.
    for without in [&all[..8], &[&all[..6], &["--tls"]].concat(), &all[..2]] {
        assert!(!Options::new(without).is_done("5s"), "{without:?}");
    }
    let another = Authority::new();
    let other = text(&another.certificate());
    let untrusted = [&all[..7], &[other.as_str()], &all[8..]].concat();
    assert!(!Options::new(&untrusted).is_done("5s"));
}

/// A Sentinel process.
struct Sentinel(
    Child,
    #[expect(dead_code, reason = "its configuration")] TempDir,
);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_sentinel(port: u16, master: u16) -> Sentinel {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentinel.conf");
    let config = format!(
        "port {port}\nbind 127.0.0.1\nrequirepass sentinels\nsentinel monitor main 127.0.0.1 {master} 1\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"
    );
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("redis-server");
    let command = command.arg(&file).arg("--sentinel").stdout(Stdio::null());
    Sentinel(command.spawn().unwrap(), folder)
}

#[rstest]
#[case(Language::Rust)]
#[case(Language::Python)]
fn a_worker_follows_the_master_that_sentinel_names(#[case] language: Language) {
    let (mut master, replica) = (RedisServer::start(), RedisServer::start());
    run(&replica, &format!("REPLICAOF 127.0.0.1 {}", port(&master)));
    let at = free_port();
    let _sentinel = start_sentinel(at, port(&master));
    let url = format!("redis://:sentinels@127.0.0.1:{at}");
    let sentinel = redis::Client::open(url).unwrap();
    until("the replica is known", || {
        let mut command = redis::cmd("SENTINEL");
        command.arg(&["REPLICAS", "main"]);
        let replicas = command.query(&mut sentinel.get_connection().ok()?);
        let replicas: Vec<Value> = replicas.ok()?;
        format!("{replicas:?}").contains("ok").then_some(())
    });
    let silent = format!("127.0.0.1:{}", free_port());
    let sentinels = format!("{silent},127.0.0.1:{at}");
    let options = Options::new(&[
        "--sentinel",
        &sentinels,
        "--master",
        "main",
        "--sentinel-password-env",
        "SENTINELS",
    ]);
    // Without the variable it says so at once.
    assert!(!options.is_done("1s"));
    let with_password = |command: &mut Command| {
        command.env("SENTINELS", "sentinels");
        Process::start("w", command)
    };
    let _worker = with_password(&mut options.worker(language));
    let done = || {
        let mut submit = options.command();
        submit.args(["submit", "--wait", "--timeout", "25s"]);
        submit.env("SENTINELS", "sentinels").status().unwrap()
    };
    assert!(done().success());
    master.stop();
    until("Sentinel names the new master", || {
        let mut command = redis::cmd("SENTINEL");
        command.arg(&["GET-MASTER-ADDR-BY-NAME", "main"]);
        let named = command.query(&mut sentinel.get_connection().ok()?);
        let (_, named): (String, u16) = named.ok()?;
        (named == port(&replica)).then_some(())
    });
    assert!(done().success(), "on the new master");
}

fn start_node() -> RedisServer {
    let bus = free_port().to_string();
    RedisServer::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus])
}

/// Moves the slot of `key` with all that it has.
fn move_slot(key: &str, from: &RedisServer, to: &RedisServer) {
    let text = |value: Value| redis::from_redis_value::<String>(value).unwrap();
    let (source, target) = (
        text(run(from, "CLUSTER MYID")),
        text(run(to, "CLUSTER MYID")),
    );
    let slot: u16 = redis::from_redis_value(run(from, &format!("CLUSTER KEYSLOT {key}"))).unwrap();
    run(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {source}"));
    run(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {target}"));
    loop {
        let keys = run(from, &format!("CLUSTER GETKEYSINSLOT {slot} 100"));
        let keys: Vec<String> = redis::from_redis_value(keys).unwrap();
        if keys.is_empty() {
            break;
        }
        let mut migrate = redis::cmd("MIGRATE");
        migrate
            .arg("127.0.0.1")
            .arg(port(to))
            .arg("")
            .arg(0)
            .arg(5000);
        migrate.arg("KEYS").arg(keys);
        migrate.exec(&mut from.connect()).unwrap();
    }
    for node in [to, from] {
        run(node, &format!("CLUSTER SETSLOT {slot} NODE {target}"));
    }
}

#[rstest]
#[case(Language::Rust)]
#[case(Language::Python)]
fn a_worker_finds_the_node_of_its_queue_and_follows_the_slot(#[case] language: Language) {
    let (first, second) = (start_node(), start_node());
    run(&first, "CLUSTER ADDSLOTSRANGE 0 16383");
    let bus = run(&first, "CONFIG GET cluster-port");
    let bus: Vec<String> = redis::from_redis_value(bus).unwrap();
    run(
        &second,
        &format!("CLUSTER MEET 127.0.0.1 {} {}", port(&first), bus[1]),
    );
    until("both nodes know all slots", || {
        let is_well =
            |node| format!("{:?}", run(node, "CLUSTER INFO")).contains("cluster_state:ok");
        (is_well(&first) && is_well(&second)).then_some(())
    });
    let seeds = format!("127.0.0.1:{},127.0.0.1:{}", free_port(), port(&second));
    let options = Options::new(&["--cluster", &seeds]);
    let _worker = options.start_worker(language);
    assert!(options.is_done("20s"));
    move_slot("wp:{tasks}:ready", &first, &second);
    assert!(options.is_done("20s"), "on the other node");
}
