//! A Redis Cluster of three primaries and a replica of each, for one test. All processes end with it.

use crate::certificates::{Authority, Issued};
use crate::port::free_port;
use crate::redis::{RedisServer, to_command};
use crate::sentinel::failover_after;
use crate::wait::{until, until_true};
use redis::{RedisResult, Value};
use std::time::Duration;
use tempfile::TempDir;

/// How many primaries there are, and their first slots.
const FIRST_SLOTS: [u16; 3] = [0, 5_461, 10_923];

/// Six servers: three primaries, and the replica of each three further on.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    /// The ports that the nodes announce.
    ports: Vec<u16>,
    /// What the nodes know of each other: it outlives their restart.
    _directory: TempDir,
}

impl RedisCluster {
    /// Starts all, and waits until each node knows every slot and each replica follows.
    pub fn start() -> Self {
        Self::starting(|_, options| {
            let server = RedisServer::start_with(options);
            let port = server.port();
            (server, port)
        })
    }

    /// The same with TLS, each node with the certificate that `own` returns. The ports of [`RedisServer`] stay without.
    pub fn with_tls(authority: &Authority, own: impl Fn(usize) -> Issued) -> Self {
        Self::starting(|number, options| {
            let tls = ["--tls-cluster", "yes", "--tls-replication", "yes"];
            let options = [options, &tls].concat();
            RedisServer::start_with_certificate(authority, &own(number), &options)
        })
    }

    /// `start` starts the server of this number with these options, and returns the port that it announces.
    fn starting(start: impl Fn(usize, &[&str]) -> (RedisServer, u16)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let timeout = failover_after().to_string();
        let start = |number: usize| {
            let bus = free_port().to_string();
            let file = directory.path().join(format!("{number}.conf"));
            let options = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-config-file",
                file.to_str().unwrap(),
                "--cluster-node-timeout",
                &timeout,
                "--cluster-require-full-coverage",
                "no",
                "--repl-diskless-sync-delay",
                "0",
            ];
            start(number, &options)
        };
        let (nodes, ports) = (0..6).map(start).unzip();
        let cluster = Self {
            nodes,
            ports,
            _directory: directory,
        };
        cluster.join();
        cluster
    }

    fn join(&self) {
        let ends = FIRST_SLOTS.iter().skip(1).copied().chain([16_384]);
        for (index, (first, end)) in FIRST_SLOTS.iter().zip(ends).enumerate() {
            let node = &self.nodes[index];
            node.run(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            node.run(&format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1));
        }
        for (node, port) in self.nodes.iter().zip(&self.ports).skip(1) {
            let bus: Vec<String> = node.query("CONFIG GET cluster-port");
            self.nodes[0].run(&format!("CLUSTER MEET 127.0.0.1 {port} {}", bus[1]));
        }
        self.until("six nodes that know each other", || {
            self.all_say("cluster_known_nodes:6")
        });
        for index in 0..3 {
            let id = self.id(index);
            self.until("a replica", || {
                try_query(&self.nodes[index + 3], &format!("CLUSTER REPLICATE {id}")).is_ok()
            });
        }
        self.wait_until_ready();
    }

    /// Waits until each node knows every slot, and each primary has a replica in step.
    pub fn wait_until_ready(&self) {
        self.until("a cluster that is well", || {
            self.all_say("cluster_state:ok")
                && self.all_say("cluster_slots_ok:16384")
                && (0..6).all(|index| {
                    let info = self.text(index, "INFO replication");
                    info.contains("master_link_status:up") || info.contains("state=online")
                })
        });
    }

    /// Host and port of each node.
    pub fn addresses(&self) -> Vec<String> {
        let ports = self.ports.iter();
        ports.map(|port| format!("127.0.0.1:{port}")).collect()
    }

    /// A node.
    pub fn node(&self, index: usize) -> &RedisServer {
        &self.nodes[index]
    }

    /// The node, to kill or to start it again.
    pub fn node_mut(&mut self, index: usize) -> &mut RedisServer {
        &mut self.nodes[index]
    }

    /// A name whose slot the primary at `index` has at the start.
    pub fn name(&self, index: usize) -> String {
        let end = FIRST_SLOTS.get(index + 1).copied().unwrap_or(16_384);
        let range = FIRST_SLOTS[index]..end;
        let mut names = (0..).map(|number| format!("queue-{number}"));
        names
            .find(|name| range.contains(&self.slot(name)))
            .expect("a name")
    }

    fn slot(&self, key: &str) -> u16 {
        self.nodes[0].query(&format!("CLUSTER KEYSLOT {key}"))
    }

    /// The node that accepts writes to `key`; `None` while none does.
    pub fn owner(&self, key: &str) -> Option<usize> {
        (0..6).find(|index| try_query(&self.nodes[*index], &format!("DEL probe:{{{key}}}")).is_ok())
    }

    /// The same, once there is one.
    pub fn find_owner(&self, key: &str) -> usize {
        until("an owner", || self.owner(key))
    }

    /// Moves the slot of `key` with all that it has to the node at `to`, as `redis-cli --cluster reshard` does.
    pub fn move_slot(&self, key: &str, to: usize) {
        let from = self.begin_move(key, to);
        while self.move_keys(key, from, to, 100) > 0 {}
        self.end_move(key, from, to);
    }

    /// Lets the node at `to` take keys of the slot from the one that has it, which is returned.
    pub fn begin_move(&self, key: &str, to: usize) -> usize {
        let from = self.find_owner(key);
        let slot = self.slot(key);
        let (source, target) = (self.id(from), self.id(to));
        self.nodes[to].run(&format!("CLUSTER SETSLOT {slot} IMPORTING {source}"));
        self.nodes[from].run(&format!("CLUSTER SETSLOT {slot} MIGRATING {target}"));
        from
    }

    /// Moves up to `count` keys of the slot, and returns how many.
    pub fn move_keys(&self, key: &str, from: usize, to: usize, count: usize) -> usize {
        let slot = self.slot(key);
        let command = format!("CLUSTER GETKEYSINSLOT {slot} {count}");
        let keys: Vec<String> = self.nodes[from].query(&command);
        let count = keys.len();
        if count > 0 {
            let mut migrate = redis::cmd("MIGRATE");
            let port = self.ports[to];
            migrate.arg("127.0.0.1").arg(port).arg("").arg(0).arg(5000);
            migrate.arg("KEYS").arg(keys);
            let moved = migrate.exec(&mut self.nodes[from].connect());
            moved.expect("moved");
        }
        count
    }

    /// The slot is that of the node at `to` from now on.
    pub fn end_move(&self, key: &str, from: usize, to: usize) {
        let (slot, target) = (self.slot(key), self.id(to));
        for node in [to, from] {
            self.nodes[node].run(&format!("CLUSTER SETSLOT {slot} NODE {target}"));
        }
    }

    fn id(&self, index: usize) -> String {
        self.text(index, "CLUSTER MYID")
    }

    fn all_say(&self, text: &str) -> bool {
        (0..6).all(|index| self.text(index, "CLUSTER INFO").contains(text))
    }

    fn text(&self, index: usize, command: &str) -> String {
        let answer = try_query(&self.nodes[index], command);
        answer
            .and_then(|it| Ok(redis::from_redis_value(it)?))
            .unwrap_or_default()
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        until_true(&format!("{what} of {:?}", self.addresses()), is_so);
    }
}

/// A connection, to a server that may be paused.
fn connect(server: &RedisServer) -> RedisResult<redis::Connection> {
    let timeout = Duration::from_millis(500);
    let connection = server.client().get_connection_with_timeout(timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    Ok(connection)
}

fn try_query(server: &RedisServer, command: &str) -> RedisResult<Value> {
    to_command(command).query(&mut connect(server)?)
}
