//! The wire between one worker and Redis, which sees each step of the protocol go by and can strike the worker there.
//!
//! So workers of any language are struck at the same steps, and none has a line of code for it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Where a worker can be struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Wherever it is.
    AnyMoment,
    /// It has asked for a task and nothing else, and Redis has not heard.
    BeforeClaim,
    /// Redis has given it a task, and it does not know.
    AfterClaim,
    /// It has done its work, and Redis has not heard.
    BeforeAck,
    /// Redis counts the task as done, and it does not know.
    AfterAck,
    /// Redis rescues a dead worker's tasks for it, and it does not know.
    InReap,
}

/// How a worker is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGSTOP; what it has on its lips is said when it goes on.
    Pause,
}

/// How long a trap stays armed.
const TRAP: Duration = Duration::from_secs(3);

/// Sends a signal to a process of the test's own.
pub fn signal(pid: u32, signal: &str) {
    let status = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(status.unwrap().success(), "kill -{signal} {pid}");
}

/// What goes over the wire in each step: names of commands, digests of scripts.
static MARKS: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let folder = testkit::root().join("crates/protocol/src/lua");
    let digest = |files: &[&str]| {
        let texts = files
            .iter()
            .map(|it| std::fs::read_to_string(folder.join(format!("{it}.lua"))).unwrap());
        redis::Script::new(&texts.collect::<String>())
            .get_hash()
            .to_owned()
    };
    let reap = digest(&["common", "failure", "reap"]);
    HashMap::from([
        ("take", digest(&["common", "taking", "take"])),
        ("ack", digest(&["common", "taking", "ack"])),
        ("reap", reap),
    ])
});

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

impl Step {
    /// Whether this goes by in what the worker sends.
    fn is_sent(self, bytes: &[u8]) -> bool {
        match self {
            Self::BeforeClaim => ["BLMOVE", "BRPOP", &MARKS["take"]]
                .iter()
                .any(|it| contains(bytes, it)),
            Self::BeforeAck | Self::AfterAck => {
                contains(bytes, &MARKS["ack"]) || contains(bytes, "\r\nSET\r\n")
            }
            Self::InReap => contains(bytes, &MARKS["reap"]),
            Self::AnyMoment | Self::AfterClaim => false,
        }
    }

    /// Whether Redis hears what was sent before the blow falls.
    fn is_heard(self) -> bool {
        matches!(self, Self::AfterAck | Self::InReap)
    }
}

#[derive(Default)]
struct Trap {
    pid: u32,
    armed: Option<(Step, Blow)>,
    armed_at: Option<Instant>,
    /// Redis has been asked, and the blow falls before its answer is passed on.
    answer_due: bool,
    sprung: Option<(Step, Blow)>,
    paused: bool,
    /// Connections made so far, and how many of those, from the first on, say nothing more.
    connections: usize,
    silent: usize,
}

/// A port that leads to Redis.
pub struct Wire {
    pub url: String,
    trap: Arc<(Mutex<Trap>, Condvar)>,
    target: Arc<Mutex<SocketAddr>>,
}

impl Wire {
    pub fn to(redis: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let (trap, target) = (
            Arc::<(Mutex<Trap>, Condvar)>::default(),
            Arc::new(Mutex::new(redis)),
        );
        let (traps, to) = (Arc::clone(&trap), Arc::clone(&target));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let address = *to.lock().unwrap();
                let Ok(server) = TcpStream::connect(address) else {
                    continue;
                };
                let number = {
                    let mut trap = traps.0.lock().unwrap();
                    trap.connections += 1;
                    trap.connections
                };
                for (mut from, mut to, sent) in [
                    (
                        client.try_clone().unwrap(),
                        server.try_clone().unwrap(),
                        true,
                    ),
                    (server, client, false),
                ] {
                    let trap = Arc::clone(&traps);
                    thread::spawn(move || {
                        let _ = pump(&trap, number, &mut from, &mut to, sent);
                        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        Self { url, trap, target }
    }

    /// New connections lead to another server from now on.
    pub fn turn_to(&self, redis: SocketAddr) {
        *self.target.lock().unwrap() = redis;
    }

    /// Connections that there are stay open and say nothing more, like those whose other end has lost its power.
    pub fn go_silent(&self) {
        let mut trap = self.trap.0.lock().unwrap();
        trap.silent = trap.connections;
    }

    /// The process at this end.
    pub fn belongs_to(&self, pid: u32) {
        let mut trap = self.trap.0.lock().unwrap();
        *trap = Trap {
            pid,
            connections: trap.connections,
            silent: trap.silent,
            ..Trap::default()
        };
        self.trap.1.notify_all();
    }

    /// Strikes the worker at this step, the next time it is there.
    pub fn arm(&self, step: Step, blow: Blow) {
        let mut trap = self.trap.0.lock().unwrap();
        (trap.armed, trap.armed_at) = (Some((step, blow)), Some(Instant::now()));
        if step == Step::AnyMoment {
            trap.strike();
        }
    }

    /// Whether the worker waits to be struck; not for ever, since it may never come to that step.
    pub fn is_armed(&self) -> bool {
        let mut trap = self.trap.0.lock().unwrap();
        if trap.armed_at.is_some_and(|it| it.elapsed() > TRAP) {
            (trap.armed, trap.armed_at) = (None, None);
        }
        trap.armed.is_some()
    }

    pub fn disarm(&self) {
        self.trap.0.lock().unwrap().armed = None;
    }

    /// How the worker was struck since this was last asked.
    pub fn sprung(&self) -> Option<(Step, Blow)> {
        self.trap.0.lock().unwrap().sprung.take()
    }

    /// Lets a paused worker go on.
    pub fn resume(&self) {
        let mut trap = self.trap.0.lock().unwrap();
        trap.paused = false;
        signal(trap.pid, "CONT");
        self.trap.1.notify_all();
    }
}

impl Trap {
    fn strike(&mut self) {
        self.answer_due = false;
        let Some((step, blow)) = self.armed.take() else {
            return;
        };
        signal(self.pid, if blow == Blow::Kill { "KILL" } else { "STOP" });
        (self.sprung, self.paused) = (Some((step, blow)), blow == Blow::Pause);
    }
}

/// Passes on what comes until an end closes; what is under way at a blow waits for the worker to go on.
fn pump(
    shared: &(Mutex<Trap>, Condvar),
    number: usize,
    from: &mut TcpStream,
    to: &mut TcpStream,
    sent: bool,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        let bytes = &buffer[..n];
        let mut trap = shared.0.lock().unwrap();
        if let Some((step, _)) = trap.armed {
            if sent && step.is_sent(bytes) {
                if step.is_heard() {
                    trap.answer_due = true;
                } else {
                    trap.strike();
                }
            } else if !sent
                && (trap.answer_due || step == Step::AfterClaim && contains(bytes, "{\"id\""))
            {
                trap.strike();
            }
        }
        while trap.paused {
            trap = shared.1.wait(trap).unwrap();
        }
        let silent = number <= trap.silent;
        drop(trap);
        if !silent {
            to.write_all(bytes)?;
        }
    }
}
