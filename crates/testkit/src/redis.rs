//! A real redis-server for one test: on a free port, without persistence, stopped when dropped.

use crate::certificates::Authority;
use crate::port::free_port;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A redis-server process. After a stop it restarts on the same port.
pub struct RedisServer {
    program: OsString,
    port: u16,
    child: Option<Child>,
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
        let port = free_port();
        let text = |path: &Path| path.display().to_string();
        let tls = [
            ("--tls-port", port.to_string()),
            ("--tls-ca-cert-file", text(&authority.certificate())),
            ("--tls-cert-file", text(&own.certificate)),
            ("--tls-key-file", text(&own.key)),
        ];
        let tls = tls.iter().flat_map(|(name, value)| [*name, value]);
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
                child: None,
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
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
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

    /// The CPU time that the main thread of the running server has used (Linux).
    pub fn cpu(&self) -> Duration {
        let pid = self.child.as_ref().unwrap().id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
    }

    /// Stops the process with SIGSTOP: the server keeps its connections and data and does nothing.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Continues the process after [`Self::pause`].
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(status.unwrap().success(), "kill -{signal} {pid}");
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
        let mut child = Command::new(&self.program)
            .args(args)
            .arg(self.directory.path())
            .args(&self.options)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server must be in PATH");
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            let running = child.try_wait().unwrap().is_none();
            // Two servers may have got the same port, and ours may be about to exit: check which one replies.
            let process_id = format!("process_id:{}\r\n", child.id());
            let info = redis::cmd("INFO");
            let reply = self
                .client()
                .get_connection()
                .and_then(|mut it| info.query::<String>(&mut it));
            if running && reply.is_ok_and(|it| it.contains(&process_id)) {
                self.child = Some(child);
                return true;
            }
            if !running {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
