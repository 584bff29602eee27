//! A master with a replica, watched by three Sentinels, for one test. All processes end with it.

use crate::certificates::{Authority, Issued};
use crate::port::free_port;
use crate::process::Process;
use crate::redis::RedisServer;
use crate::wait::until_true;
use std::fmt::Write;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The name of the master.
pub const MASTER: &str = "mymaster";

/// Two servers, of which one is the master, and three Sentinels.
pub struct Sentinels {
    servers: [RedisServer; 2],
    /// The ports of the servers that the Sentinels announce.
    announced: [u16; 2],
    processes: Vec<Process>,
    ports: [u16; 3],
    /// The ports of the Sentinels for their clients.
    client_ports: [u16; 3],
    /// The password that the Sentinels ask for; empty: none.
    password: &'static str,
    directory: TempDir,
}

impl Sentinels {
    /// Starts all, and waits until the Sentinels know each other and the replica.
    pub fn start() -> Self {
        Self::with_password("")
    }

    /// The same with Sentinels that ask for this password.
    pub fn with_password(password: &'static str) -> Self {
        let servers = [RedisServer::start(), RedisServer::start()];
        let announced = [servers[0].port(), servers[1].port()];
        let ports = [free_port(), free_port(), free_port()];
        Self::watching(
            servers,
            announced,
            [ports, ports],
            password,
            |_| match password {
                "" => String::new(),
                password => format!("requirepass {password}\n"),
            },
        )
    }

    /// The same with TLS: Sentinels and servers show these certificates. The ports of [`RedisServer`] stay without.
    pub fn with_tls(authority: &Authority, sentinel: &Issued, server: &Issued) -> Self {
        let options = ["--tls-replication", "yes"];
        let start = || RedisServer::start_with_certificate(authority, server, &options);
        let [(first, port), (second, other)] = [start(), start()];
        let ports = [(); 2].map(|()| [free_port(), free_port(), free_port()]);
        Self::watching([first, second], [port, other], ports, "", |index| {
            let settings = authority.settings(sentinel, ports[1][index]);
            let lines = settings.map(|(name, value)| format!("{name} {value}\n"));
            lines.concat() + "tls-replication yes\n"
        })
    }

    /// The ports are those of the Sentinels and, of the same, those for clients. `settings` are the further lines of the
    /// configuration of each.
    fn watching(
        servers: [RedisServer; 2],
        announced: [u16; 2],
        [ports, client_ports]: [[u16; 3]; 2],
        password: &'static str,
        settings: impl Fn(usize) -> String,
    ) -> Self {
        let mut all = Self {
            servers,
            announced,
            processes: vec![],
            ports,
            client_ports,
            password,
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
            all.processes.push(Process::start(&mut command));
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
        self.until("a failover", || {
            self.connect(0)
                .and_then(|mut it| command.exec(&mut it))
                .is_ok()
        });
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
        let port = self.announced[master];
        self.servers[replica].run(&format!("REPLICAOF 127.0.0.1 {port}"));
    }

    fn connect(&self, index: usize) -> redis::RedisResult<redis::Connection> {
        let address = format!("127.0.0.1:{}", self.ports[index]);
        let login = match self.password {
            "" => String::new(),
            password => format!(":{password}@"),
        };
        redis::Client::open(format!("redis://{login}{address}"))?.get_connection()
    }

    fn ask(&self, index: usize, what: &str) -> redis::Value {
        let mut command = redis::cmd("SENTINEL");
        command.arg(what);
        if what != "MASTERS" {
            command.arg(MASTER);
        }
        let answer = self
            .connect(index)
            .and_then(|mut it| command.query(&mut it));
        answer.unwrap_or(redis::Value::Nil)
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        until_true(&format!("{what} of {:?}", self.ports), is_so);
    }
}

/// For how many milliseconds a server may be silent before the others take it for dead: a second where failovers are
/// measured, and else longer, since a busy machine delays servers that are well.
pub(crate) fn failover_after() -> u32 {
    let is_measured = std::env::var_os("FAILOVERS").is_some();
    if is_measured { 1_000 } else { 3_000 }
}
