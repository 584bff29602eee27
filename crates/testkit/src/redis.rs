//! A real redis-server for one test: on a free port, without persistence, stopped when dropped.

use crate::certificates::{Authority, Issued};
use crate::port::free_port;
use crate::process::Process;
use redis::FromRedisValue;
use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A redis-server process. After a stop it restarts on the same port.
pub struct RedisServer {
    program: OsString,
    port: u16,
    process: Option<Process>,
    /// More options of the command line.
    options: Vec<String>,
    /// Working directory, where a replica stores what it receives. Each start creates an empty one.
    directory: TempDir,
}

impl RedisServer {
    /// Starts the `redis-server` from `PATH`, or the program that `REDIS_SERVER` names.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more options of the command line.
    pub fn start_with(options: &[&str]) -> Self {
        Self::start_named("", options)
    }

    /// Starts one that has a certificate of `authority`, too. Returns the port for TLS with it.
    pub fn start_with_tls(authority: &Authority, options: &[&str]) -> (Self, u16) {
        let own = authority.issue("IP:127.0.0.1");
        Self::start_with_certificate(authority, &own, options)
    }

    /// The same with the certificate `own`.
    pub fn start_with_certificate(
        authority: &Authority,
        own: &Issued,
        options: &[&str],
    ) -> (Self, u16) {
        let port = free_port();
        let tls = authority.settings(own, port);
        let tls = tls.map(|(name, value)| [format!("--{name}"), value]);
        let tls = tls.iter().flatten().map(String::as_str);
        let options: Vec<&str> = tls.chain(options.iter().copied()).collect();
        (Self::start_with(&options), port)
    }

    /// Starts the server that `tests/queues/server` names `name`.
    pub fn start_named(name: &str, options: &[&str]) -> Self {
        let program = match name {
            "" => std::env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into()),
            name => crate::libraries::redis_server(name).into(),
        };
        // Another program may take the free port before the server does: then try another port.
        for _ in 0..5 {
            let mut server = Self {
                program: program.clone(),
                port: free_port(),
                process: None,
                options: options.iter().map(ToString::to_string).collect(),
                directory: tempfile::tempdir().unwrap(),
            };
            if server.try_start() {
                return server;
            }
        }
        panic!("redis-server did not start on any of 5 free ports");
    }

    /// `redis://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server. Its data is lost.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Stops the server if it runs, and starts an empty one on the same port.
    pub fn restart(&mut self) {
        self.stop();
        assert!(
            self.try_start(),
            "redis-server did not restart on port {}",
            self.port
        );
    }

    /// A blocking connection.
    pub fn connect(&self) -> redis::Connection {
        self.client().get_connection().unwrap()
    }

    /// A client of this server.
    pub fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).unwrap()
    }

    /// Runs a command, such as `CONFIG SET maxmemory 10mb`, and returns its reply.
    #[track_caller]
    pub fn query<T: FromRedisValue>(&self, command: &str) -> T {
        let reply = to_command(command).query(&mut self.connect());
        reply.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Runs a command whose reply does not matter.
    #[track_caller]
    pub fn run(&self, command: &str) {
        self.query::<redis::Value>(command);
    }

    /// The CPU time that the main thread of the running server has used (Linux).
    pub fn cpu(&self) -> Duration {
        let pid = self.process().id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
    }

    /// Stops the process with SIGSTOP: the server keeps its connections and data and does nothing.
    pub fn pause(&self) {
        self.process().signal("STOP");
    }

    /// Continues the process after [`Self::pause`].
    pub fn resume(&self) {
        self.process().signal("CONT");
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    fn try_start(&mut self) -> bool {
        let port = self.port.to_string();
        let args = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ];
        self.directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(&self.program);
        command.args(args).arg(self.directory.path());
        command.args(&self.options).stdout(Stdio::null());
        let mut process = Process::start(&mut command);
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            let running = process.is_running();
            // Two servers may have got the same port, and ours may be about to exit: check which one replies.
            let process_id = format!("process_id:{}\r\n", process.id());
            let info = redis::cmd("INFO");
            let reply = self
                .client()
                .get_connection()
                .and_then(|mut it| info.query::<String>(&mut it));
            if running && reply.is_ok_and(|it| it.contains(&process_id)) {
                self.process = Some(process);
                return true;
            }
            if !running {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

/// The command with these words.
pub(crate) fn to_command(words: &str) -> redis::Cmd {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    command.arg(words.collect::<Vec<_>>()).take()
}
