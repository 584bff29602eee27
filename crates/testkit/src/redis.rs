//! A real redis-server of a test's own: on a free port, without persistence, gone with the value.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running (or stopped) server that always comes back on the same port.
pub struct RedisServer {
    port: u16,
    child: Option<Child>,
    /// Where a replica writes what it was sent; each start has an empty one.
    folder: TempDir,
}

impl RedisServer {
    /// Starts a `redis-server` found on the path.
    pub fn start() -> Self {
        // Another program may take the free port before the server does; then a next one is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|it| it.local_addr())
                .unwrap()
                .port();
            let mut server = Self {
                port,
                child: None,
                folder: tempfile::tempdir().unwrap(),
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

    /// Ends the server at once; what it held is gone.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it where it runs, and starts an empty one on the same port.
    pub fn restart(&mut self) {
        self.stop();
        assert!(
            self.try_start(),
            "redis-server did not start again on port {}",
            self.port
        );
    }

    /// A connection without a runtime.
    pub fn connect(&self) -> redis::Connection {
        self.client().get_connection().unwrap()
    }

    /// A client of this server.
    pub fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).unwrap()
    }

    /// What the main thread of the running server has used of the CPU (Linux).
    #[allow(dead_code, reason = "not each test asks")]
    pub fn cpu(&self) -> Duration {
        let pid = self.child.as_ref().unwrap().id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
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
        self.folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("redis-server")
            .args(args)
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server must be on the path");
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let alive = child.try_wait().unwrap().is_none();
            // Its own answer: two servers may have been given one port, and the second has not ended yet.
            let mine = format!("process_id:{}\r\n", child.id());
            let info = redis::cmd("INFO");
            let answer = self
                .client()
                .get_connection()
                .and_then(|mut it| info.query::<String>(&mut it));
            if alive && answer.is_ok_and(|it| it.contains(&mine)) {
                self.child = Some(child);
                return true;
            }
            if !alive {
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
