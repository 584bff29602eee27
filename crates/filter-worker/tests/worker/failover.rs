//! Failovers by Sentinel under load: what a replica had is done, what the former master alone had is counted and reported.
//!
//! `FAILOVERS=10` tries as many of each kind; without it two.

#![expect(clippy::print_stdout, reason = "it reports its measurements")]

use crate::front::{post_to, request};
use crate::process::{Process, until, until_true};
use protocol::{Keys, Snapshot, snapshot};
use redis::Commands;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::port::free_port;
use testkit::redis::RedisServer;
use testkit::sentinel::{MASTER, Sentinels};

fn rounds() -> usize {
    let rounds = std::env::var("FAILOVERS").ok();
    rounds.map_or(2, |it| it.parse().expect("FAILOVERS is a number"))
}

/// A front behind the Sentinels, and the tasks that it has accepted.
struct Front {
    address: SocketAddr,
    accepted: Mutex<Vec<String>>,
    _process: Process,
}

/// Two fronts, of which the first waits for a replica, and workers.
struct Stage {
    sentinels: Sentinels,
    fronts: [Arc<Front>; 2],
    _workers: Vec<Process>,
    _folder: TempDir,
}

fn command(sentinels: &[String], folder: &TempDir, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workerpool-worker"));
    let health_file = folder.path().join(name);
    command.arg("--health-file").arg(health_file);
    command.args(["--master", MASTER, "--name", name, "--sentinel"]);
    command.arg(sentinels.join(","));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Stage {
    fn new() -> Self {
        let (sentinels, folder) = (Sentinels::start(), tempfile::tempdir().unwrap());
        let addresses = sentinels.addresses();
        let worker = |n: usize| {
            let name = format!("w{n}");
            let mut command = command(&addresses, &folder, &name);
            Process::start(command.args(["--concurrency", "4"]))
        };
        let front = |replicas| Arc::new(Front::start(&addresses, &folder, replicas));
        Self {
            fronts: [front("1"), front("0")],
            _workers: (0..2).map(worker).collect(),
            sentinels,
            _folder: folder,
        }
    }

    fn redis(&self) -> Option<redis::Connection> {
        let master = self.sentinels.server(self.sentinels.master());
        master.client().get_connection().ok()
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let reply = snapshot::command_in_full(&Keys::new("tasks")).query(&mut self.redis()?);
        snapshot::parse(reply.ok()?).ok()
    }

    /// Waits until the front that waits for a replica has accepted another batch.
    fn wait_for_load(&self) {
        let accepted = || self.fronts[0].accepted.lock().unwrap().len();
        let before = accepted();
        until_true("accepted tasks", || accepted() > before + 20);
    }

    /// Begins a failover and returns once another server is the master; its index was `old`.
    fn fail_over(&mut self, begin: impl FnOnce(&mut Sentinels)) -> usize {
        let old = self.sentinels.master();
        begin(&mut self.sentinels);
        until_true("another master", || self.sentinels.master() != old);
        old
    }

    /// Waits until nothing is queued, and returns those of `ids` that have no result.
    fn without_result(&self, ids: &[String]) -> Vec<String> {
        until_true("an empty queue", || {
            self.snapshot()
                .is_some_and(|it| it.ready + it.due + it.claimed == 0)
        });
        let keys = Keys::new("tasks");
        let mut redis = self.redis().unwrap();
        let lacks = |id: &&String| !redis.exists::<_, bool>(keys.result(id)).unwrap();
        ids.iter().filter(lacks).cloned().collect()
    }
}

impl Front {
    fn start(sentinels: &[String], folder: &TempDir, wait_replicas: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = command(sentinels, folder, "front");
        let listen = address.to_string();
        command.args(["serve", "--listen", &listen, "--rate", "10000"]);
        let process = Process::start(command.args(["--wait-replicas", wait_replicas]));
        until("the front", || TcpStream::connect(address).ok());
        Self {
            address,
            accepted: Mutex::default(),
            _process: process,
        }
    }

    /// Sends a batch of one image; returns its task if it is accepted.
    fn post(&self) -> Option<String> {
        let image = json!({"synthetic": {"width": 8, "height": 8}});
        let batch = json!({"images": [image], "filters": []});
        let response = post_to(self.address, "Host: front\r\n", &batch);
        let tasks = response.json()["tasks"].as_array()?.clone();
        (response.status == 202).then(|| tasks[0]["id"].as_str().unwrap().to_owned())
    }

    /// Sends batches until `stop`.
    fn load(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.accepted.lock().unwrap().extend(self.post());
            std::thread::sleep(Duration::from_millis(10)); // the load's pace
        }
    }

    fn metrics(&self) -> Value {
        request(self.address, "GET", "/api/metrics", "Host: front\r\n", b"").json()
    }
}

/// Ends the load of a test that has failed, too.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Of the tasks that a front has accepted: how many, and those without a result.
fn report(what: &str, front: &Front, lost: &[String]) {
    let accepted = front.accepted.lock().unwrap().len();
    assert!(accepted > 0, "{what}");
    let metrics = until("the count of lost tasks", || {
        Some(front.metrics()).filter(|it| it["tasks"]["lost"] == lost.len())
    });
    println!(
        "{what}: {accepted} tasks accepted, {} lost, {} results without a claim",
        lost.len(),
        metrics["tasks"]["lostClaims"]
    );
}

#[test]
fn failovers_under_load_lose_nothing_that_a_replica_had_and_count_the_rest() {
    let mut stage = Stage::new();
    let fronts = stage.fronts.clone();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for front in &fronts {
            scope.spawn(|| front.load(&stop));
        }
        stage.wait_for_load();
        for _ in 0..rounds() {
            stage.fail_over(|it| it.fail_over());
            stage.sentinels.wait_until_ready();
            stage.wait_for_load();
            let killed = stage.fail_over(Sentinels::kill_master);
            stage.sentinels.recover(killed);
            stage.wait_for_load();
        }
    });
    let lost = |front: &Front| stage.without_result(&front.accepted.lock().unwrap());
    let [replicated, plain] = [lost(&fronts[0]), lost(&fronts[1])];
    report("with --wait-replicas 1", &fronts[0], &replicated);
    assert_eq!(replicated, [] as [String; 0], "a replica had them");
    report("without", &fronts[1], &plain);
}

/// A Sentinel that names the server at `port` as the master.
fn scripted_sentinel(port: &Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let port = Arc::clone(port);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let port = Arc::clone(&port);
            std::thread::spawn(move || {
                let mut question = [0; 1024];
                while stream.read(&mut question).is_ok_and(|length| length > 0) {
                    let port = port.load(Ordering::Relaxed).to_string();
                    let length = port.len();
                    let answer = format!("*2\r\n$9\r\n127.0.0.1\r\n${length}\r\n{port}\r\n");
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
    address
}

/// After a planned failover, the former master calls itself a master for seconds and takes what is then lost.
#[test]
fn a_former_master_that_still_accepts_writes_is_left() {
    let (former, new) = (RedisServer::start(), RedisServer::start());
    let master = Arc::new(AtomicU16::new(former.port()));
    let addresses = [scripted_sentinel(&master)];
    let folder = tempfile::tempdir().unwrap();
    let front = Front::start(&addresses, &folder, "0");
    let _worker = Process::start(&mut command(&addresses, &folder, "w"));
    let keys = Keys::new("tasks");
    let done_on = |server: &RedisServer| {
        until("a task done", || {
            let id = front.post()?;
            let result = || server.connect().exists::<_, bool>(keys.result(&id)).ok();
            let deadline = Instant::now() + Duration::from_secs(2);
            while Instant::now() < deadline && result() != Some(true) {
                std::thread::sleep(Duration::from_millis(10));
            }
            (result() == Some(true)).then_some(())
        });
    };
    done_on(&former);
    master.store(new.port(), Ordering::Relaxed);
    done_on(&new);
    // What the former master alone has is lost: the first server has every task that was accepted there.
    let on_former: Vec<String> = former.connect().keys(keys.pushed("*")).unwrap();
    until_true("all lost tasks", || {
        front.metrics()["tasks"]["lost"] == on_former.len()
    });
    // Its heartbeat follows, too.
    until_true("one worker", || {
        let workers: u64 = new.connect().scard(keys.workers()).unwrap();
        workers == 1
    });
}
