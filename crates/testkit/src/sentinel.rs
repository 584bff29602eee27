//! A master with a replica, watched by three Sentinels, for one test. All processes end with it.

use crate::certificates::{Authority, Issued};
use crate::port::free_port;
use crate::redis::RedisServer;
use std::fmt::Debug;
use std::fmt::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The name of the master.
pub const MASTER: &str = "mymaster";

/// Two servers, of which one is the master, and three Sentinels.
pub struct Sentinels {
    servers: [RedisServer; 2],
    /// The ports of the servers that the Sentinels announce.
    announced: [u16; 2],
    processes: Vec<Child>,
    ports: [u16; 3],
    /// The ports of the Sentinels for their clients.
    client_ports: [u16; 3],
    directory: TempDir,
}

impl Sentinels {
    /// Starts all, and waits until the Sentinels know each other and the replica.
    pub fn start() -> Self {
        let servers = [RedisServer::start(), RedisServer::start()];
        let announced = [servers[0].port(), servers[1].port()];
        let ports = [free_port(), free_port(), free_port()];
        Self::watching(servers, announced, ports, ports, |_| String::new())
    }

    /// The same with TLS: Sentinels and servers show these certificates. The ports of [`RedisServer`] stay without.
    pub fn with_tls(authority: &Authority, sentinel: &Issued, server: &Issued) -> Self {
        let announced = [free_port(), free_port()];
        let servers = announced.map(|port| {
            let settings = authority.settings(server, port);
            let settings = settings.map(|(name, value)| [format!("--{name}"), value]);
            let mut options: Vec<&str> = settings.iter().flatten().map(|it| &**it).collect();
            options.extend(["--tls-replication", "yes"]);
            RedisServer::start_with(&options)
        });
        let ports = || [free_port(), free_port(), free_port()];
        let (ports, client_ports) = (ports(), ports());
        Self::watching(servers, announced, ports, client_ports, |index| {
            let settings = authority.settings(sentinel, client_ports[index]);
            let lines = settings.map(|(name, value)| format!("{name} {value}\n"));
            lines.concat() + "tls-replication yes\n"
        })
    }

    /// `settings` are the further lines of the configuration of each Sentinel.
    fn watching(
        servers: [RedisServer; 2],
        announced: [u16; 2],
        ports: [u16; 3],
        client_ports: [u16; 3],
        settings: impl Fn(usize) -> String,
    ) -> Self {
        let mut all = Self {
            servers,
            announced,
            processes: vec![],
            ports,
            client_ports,
            directory: tempfile::tempdir().unwrap(),
        };
        all.replicate(1, 0);
        for (index, port) in ports.into_iter().enumerate() {
            let mut config = format!("port {port}\nbind 127.0.0.1\nlogfile ''\n");
            config.push_str(&settings(index));
            let monitored = announced[0];
            writeln!(config, "sentinel monitor {MASTER} 127.0.0.1 {monitored} 2").unwrap();
            let after = failover_after();
            writeln!(config, "sentinel down-after-milliseconds {MASTER} {after}").unwrap();
            writeln!(config, "sentinel failover-timeout {MASTER} {}", 2 * after).unwrap();
            let file = all.directory.path().join(format!("{port}.conf"));
            std::fs::write(&file, config.replace("''", "\"\"")).unwrap();
            let mut command = Command::new("redis-server");
            command.arg(&file).arg("--sentinel").stdout(Stdio::null());
            all.processes.push(command.spawn().unwrap());
        }
        all.wait_until_ready();
        all
    }

    /// Host and port of each Sentinel.
    pub fn addresses(&self) -> Vec<String> {
        let ports = self.client_ports.iter();
        ports.map(|port| format!("127.0.0.1:{port}")).collect()
    }

    /// The server that the Sentinels call the master, by its index.
    pub fn master(&self) -> usize {
        let named = self.ask(0, "GET-MASTER-ADDR-BY-NAME");
        let named: (String, u16) = redis::from_redis_value(named).unwrap_or_default();
        usize::from(named.1 != self.announced[0])
    }

    /// A server.
    pub fn server(&self, index: usize) -> &RedisServer {
        &self.servers[index]
    }

    /// Kills the master, as a node that is lost.
    pub fn kill_master(&mut self) {
        let master = self.master();
        self.servers[master].stop();
    }

    /// Asks for a failover while the master is well.
    pub fn fail_over(&self) {
        let mut command = redis::cmd("SENTINEL");
        command.arg("FAILOVER").arg(MASTER);
        self.until("a failover", || command.exec(&mut self.connect(0)).is_ok());
    }

    /// Starts a server that was killed, and waits until all is as at the start.
    pub fn recover(&mut self, index: usize) {
        self.servers[index].restart();
        // Sentinel does the same some seconds later.
        self.replicate(index, 1 - index);
        self.wait_until_ready();
    }

    /// Waits until every Sentinel has a replica that follows the master, and no failover is under way.
    pub fn wait_until_ready(&self) {
        self.until("a replica in step", || {
            (0..self.ports.len()).all(|index| {
                let field = |values: &[String], name: &str| {
                    let at = values.iter().position(|value| value == name);
                    at.and_then(|at| values.get(at + 1))
                        .cloned()
                        .unwrap_or_default()
                };
                let list = |what: &str| -> Vec<Vec<String>> {
                    redis::from_redis_value(self.ask(index, what)).unwrap_or_default()
                };
                let masters = list("MASTERS");
                let replicas = list("REPLICAS");
                masters.first().is_some_and(|it| {
                    field(it, "flags") == "master" && field(it, "num-other-sentinels") == "2"
                }) && replicas.first().is_some_and(|it| {
                    field(it, "flags") == "slave" && field(it, "master-link-status") == "ok"
                })
            })
        });
    }

    fn replicate(&self, replica: usize, master: usize) {
        let mut command = redis::cmd("REPLICAOF");
        command.arg("127.0.0.1").arg(self.announced[master]);
        command.exec(&mut self.servers[replica].connect()).unwrap();
    }

    fn connect(&self, index: usize) -> redis::Connection {
        let url = format!("redis://127.0.0.1:{}", self.ports[index]);
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    fn ask(&self, index: usize, what: &str) -> redis::Value {
        let mut command = redis::cmd("SENTINEL");
        command.arg(what);
        if what != "MASTERS" {
            command.arg(MASTER);
        }
        let url = format!("redis://127.0.0.1:{}", self.ports[index]);
        let connection = redis::Client::open(url).unwrap().get_connection();
        let answer = connection.and_then(|mut it| command.query(&mut it));
        answer.unwrap_or(redis::Value::Nil)
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        until(what, &self.ports, is_so);
    }
}

/// For how many milliseconds a server may be silent before the others take it for dead: a second where failovers are
/// measured, and else longer, since a busy machine delays servers that are well.
pub(crate) fn failover_after() -> u32 {
    let is_measured = std::env::var_os("FAILOVERS").is_some();
    if is_measured { 1_000 } else { 3_000 }
}

/// Polls until it is so for these servers, at most a minute.
pub(crate) fn until(what: &str, servers: &dyn Debug, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(
            Instant::now() < deadline,
            "{what} within 60 s of {servers:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
