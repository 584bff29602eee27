//! A proxy between one worker and Redis. It recognizes the commands of the protocol and can kill or pause the worker
//! at any of them.
//!
//! So workers in any language fail at the same points, without any test code inside them.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use testkit::process::signal;

/// The point at which a fault hits a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultPoint {
    AnyMoment,
    /// The worker has sent a command that claims a task, and Redis has not received it.
    BeforeClaim,
    /// Redis has given the worker a task, and the worker has not received the reply.
    AfterClaim,
    /// The worker has finished a task, and Redis has not received the acknowledgement.
    BeforeAck,
    /// Redis has acknowledged the task, and the worker has not received the reply.
    AfterAck,
    /// Redis has reclaimed a dead worker's tasks, and this worker, which asked for it, has not received the reply.
    InReap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP. The proxy passes on what is under way after SIGCONT.
    Pause,
}

/// How long a fault stays armed: the worker may never reach the point.
const ARMED_FOR: Duration = Duration::from_secs(3);

/// The SHA-1 digests by which workers call the scripts.
static DIGESTS: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let folder = testkit::root().join("crates/protocol/src/lua");
    let digest = |files: &[&str]| {
        let texts = files
            .iter()
            .map(|it| std::fs::read_to_string(folder.join(format!("{it}.lua"))).unwrap());
        redis::Script::new(&texts.collect::<String>())
            .get_hash()
            .to_owned()
    };
    HashMap::from([
        ("take", digest(&["common", "taking", "take"])),
        ("ack", digest(&["common", "taking", "ack"])),
        ("reap", digest(&["common", "failure", "reap"])),
    ])
});

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

impl FaultPoint {
    /// Whether a request of the worker is the command of this point.
    fn matches_request(self, bytes: &[u8]) -> bool {
        match self {
            Self::BeforeClaim => ["BLMOVE", "BRPOP", &DIGESTS["take"]]
                .iter()
                .any(|it| contains(bytes, it)),
            Self::BeforeAck | Self::AfterAck => {
                contains(bytes, &DIGESTS["ack"]) || contains(bytes, "\r\nSET\r\n")
            }
            Self::InReap => contains(bytes, &DIGESTS["reap"]),
            Self::AnyMoment | Self::AfterClaim => false,
        }
    }

    /// Whether Redis receives the request before the fault.
    fn is_after_request(self) -> bool {
        matches!(self, Self::AfterAck | Self::InReap)
    }
}

#[derive(Default)]
struct ProxyState {
    pid: u32,
    armed: Option<(FaultPoint, Fault)>,
    armed_at: Option<Instant>,
    /// The connection whose next reply triggers the fault, because the request of the point went over it.
    awaiting_reply: Option<usize>,
    injected: Option<(FaultPoint, Fault)>,
    paused: bool,
    /// The number of connections so far.
    connections: usize,
    /// So many of them, from the first on, transmit nothing more.
    silent: usize,
    /// The bytes that each connection transmits in a second in each direction; 0: no limit.
    rate: u32,
}

/// A local port that forwards to Redis.
pub struct FaultProxy {
    pub url: String,
    state: Arc<Shared>,
    target: Arc<Mutex<SocketAddr>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<ProxyState>,
    changed: Condvar,
}

impl FaultProxy {
    pub fn to(redis: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let state = Arc::<Shared>::default();
        let target = Arc::new(Mutex::new(redis));
        let accept_state = Arc::clone(&state);
        let accept_target = Arc::clone(&target);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let address = *accept_target.lock().unwrap();
                if let Ok(server) = TcpStream::connect(address) {
                    // A slow line holds little: the kernel's buffers would hold megabytes.
                    for stream in [&client, &server] {
                        let socket = socket2::SockRef::from(stream);
                        socket.set_recv_buffer_size(1 << 16).unwrap();
                        socket.set_send_buffer_size(1 << 16).unwrap();
                    }
                    connect(&accept_state, client, server);
                }
            }
        });
        Self { url, state, target }
    }

    /// New connections go to another server from now on.
    pub fn set_target(&self, redis: SocketAddr) {
        *self.target.lock().unwrap() = redis;
    }

    /// Existing connections stay open and transmit nothing more, as after a power failure at the other end.
    pub fn silence_connections(&self) {
        let mut state = self.state.state.lock().unwrap();
        state.silent = state.connections;
    }

    /// From now on each connection transmits so many bytes a second in each direction.
    pub fn limit_rate(&self, rate: u32) {
        self.state.state.lock().unwrap().rate = rate;
    }

    /// The faults hit this process from now on.
    pub fn set_process(&self, pid: u32) {
        let mut state = self.state.state.lock().unwrap();
        *state = ProxyState {
            pid,
            connections: state.connections,
            silent: state.silent,
            rate: state.rate,
            ..ProxyState::default()
        };
        self.state.changed.notify_all();
    }

    /// Injects a fault the next time that the worker reaches this point.
    pub fn arm(&self, point: FaultPoint, fault: Fault) {
        let mut state = self.state.state.lock().unwrap();
        state.armed = Some((point, fault));
        state.armed_at = Some(Instant::now());
        if point == FaultPoint::AnyMoment {
            state.inject();
        }
    }

    /// Whether a fault is armed. It expires after [`ARMED_FOR`].
    pub fn is_armed(&self) -> bool {
        let mut state = self.state.state.lock().unwrap();
        if state.armed_at.is_some_and(|it| it.elapsed() > ARMED_FOR) {
            state.armed = None;
            state.armed_at = None;
        }
        state.armed.is_some()
    }

    pub fn disarm(&self) {
        self.state.state.lock().unwrap().armed = None;
    }

    /// The fault that was injected since the last call.
    pub fn take_injected(&self) -> Option<(FaultPoint, Fault)> {
        self.state.state.lock().unwrap().injected.take()
    }

    /// Resumes a paused worker.
    pub fn resume(&self) {
        let mut state = self.state.state.lock().unwrap();
        state.paused = false;
        signal(state.pid, "CONT");
        self.state.changed.notify_all();
    }
}

impl ProxyState {
    /// Injects the armed fault, and returns it.
    fn inject(&mut self) -> Option<Fault> {
        self.awaiting_reply = None;
        let (point, fault) = self.armed.take()?;
        signal(
            self.pid,
            match fault {
                Fault::Kill => "KILL",
                Fault::Pause => "STOP",
            },
        );
        self.injected = Some((point, fault));
        self.paused = fault == Fault::Pause;
        Some(fault)
    }

    /// Injects the armed fault if `bytes` are at its point, and returns it.
    fn inject_at(&mut self, connection: usize, bytes: &[u8], is_request: bool) -> Option<Fault> {
        let (point, _) = self.armed?;
        if is_request && point.matches_request(bytes) {
            if !point.is_after_request() {
                return self.inject();
            }
            self.awaiting_reply = Some(connection);
        } else if !is_request
            && (self.awaiting_reply == Some(connection)
                || point == FaultPoint::AfterClaim && contains(bytes, "{\"id\""))
        {
            return self.inject();
        }
        None
    }
}

/// Starts both directions of a connection.
fn connect(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) {
    let connection = {
        let mut state = shared.state.lock().unwrap();
        state.connections += 1;
        state.connections
    };
    let from_client = client.try_clone().unwrap();
    let to_server = server.try_clone().unwrap();
    for (mut from, mut to, is_request) in [(from_client, to_server, true), (server, client, false)]
    {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let _ = forward(&shared, connection, &mut from, &mut to, is_request);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

/// Forwards one direction until an end closes. Bytes at which the worker is paused wait until it resumes; bytes at
/// which it is killed are dropped.
fn forward(
    shared: &Shared,
    connection: usize,
    from: &mut TcpStream,
    to: &mut TcpStream,
    is_request: bool,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        let bytes = &buffer[..n];
        let mut state = shared.state.lock().unwrap();
        if state.inject_at(connection, bytes, is_request) == Some(Fault::Kill) {
            return Ok(());
        }
        while state.paused {
            state = shared.changed.wait(state).unwrap();
        }
        let silent = connection <= state.silent;
        let rate = state.rate;
        drop(state);
        if rate > 0 {
            // The line itself takes this long.
            let bytes = u32::try_from(n).unwrap();
            thread::sleep(Duration::from_secs(1) * bytes / rate);
        }
        if !silent {
            to.write_all(bytes)?;
        }
    }
}
