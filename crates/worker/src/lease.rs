//! Registration and heartbeat, on a thread and a connection of their own, so that no task can delay them. Only this
//! thread registers. When the lease is lost, it registers again under a new generation.

use super::Settings;
use super::health::{Liveness, StallDetector};
use super::usage::Meter;
use crate::connection::{Backoff, ConnectionState};
use protocol::{HEARTBEAT, STALLED};
use redis::RedisResult;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{error, info};

/// Longest wait for a connection or a reply: much shorter than the lease.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The handle of the heartbeat thread.
pub struct Lease {
    id: watch::Receiver<Option<String>>,
    /// Dropped to end the thread.
    wake: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Lease {
    /// Starts the thread, which registers as soon as Redis is available. Fails when the system cannot start a thread.
    /// With each change of `number`, the thread connects again, too: the queue may be on another server.
    pub fn start(
        settings: &Settings,
        liveness: Arc<Liveness>,
        number: Arc<AtomicU64>,
    ) -> std::io::Result<Self> {
        let (id_sender, id) = watch::channel(None);
        let (wake, woken) = channel();
        let settings = settings.clone();
        let heartbeat = move || {
            HeartbeatThread {
                settings,
                liveness,
                id: id_sender,
                connection: None,
                number,
                connected_at: 0,
                state: ConnectionState::new("heartbeat"),
            }
            .run(&woken);
        };
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(heartbeat)?;
        Ok(Self {
            id,
            wake: Mutex::new(Some(wake)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The current worker id; `None` before the first registration.
    pub fn id(&self) -> Option<String> {
        self.id.borrow().clone()
    }

    /// Renews the lease now, and waits up to `timeout` for an id other than `old`.
    pub async fn wait_for_change(&self, old: Option<&str>, timeout: Duration) {
        if let Some(wake) = &*self.wake.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = wake.send(());
        }
        let mut id = self.id.clone();
        let _ = tokio::time::timeout(timeout, id.wait_for(|it| it.as_deref() != old)).await;
    }

    /// Ends the thread and waits for it, at most for the duration of one call to Redis.
    pub fn stop(&self) {
        self.wake
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|it| it.join().is_err()) {
            error!("the heartbeat thread had panicked");
        }
    }
}

/// What the thread owns.
struct HeartbeatThread {
    settings: Settings,
    liveness: Arc<Liveness>,
    id: watch::Sender<Option<String>>,
    connection: Option<redis::Connection>,
    /// The number of the worker's shared connection, and the one when this connection was opened.
    number: Arc<AtomicU64>,
    connected_at: u64,
    state: ConnectionState,
}

impl HeartbeatThread {
    fn run(mut self, woken: &Receiver<()>) {
        let mut meter = Meter::new(self.settings.concurrency);
        let mut backoff = Backoff::default();
        let mut stall = StallDetector::new(Instant::now());
        loop {
            if stall.update(&self.liveness, Instant::now()) >= STALLED {
                // Whatever blocks the claim loop would block an orderly shutdown too. The lease expires, other
                // workers reclaim the tasks, and Kubernetes restarts the process.
                error!(
                    "stalled: a slot was free and the worker did not try to claim for {STALLED:?}; exiting"
                );
                std::process::exit(1);
            }
            let renewed = self.renew(meter.measure());
            self.state.update(renewed.as_ref().err());
            self.liveness.write_heartbeat(&self.settings.health_file);
            let pause = if renewed.is_ok() {
                backoff = Backoff::default();
                HEARTBEAT
            } else {
                self.connection = None;
                backoff.next().min(HEARTBEAT)
            };
            if woken.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            while woken.try_recv().is_ok() {}
        }
    }

    /// Renews the lease, or registers if there is none.
    fn renew(&mut self, usage: protocol::Usage) -> RedisResult<()> {
        let Settings {
            redis,
            keys,
            registration,
            concurrency,
            ..
        } = &self.settings;
        let number = self.number.load(Ordering::Relaxed);
        self.connection.take_if(|_| self.connected_at != number);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                self.connected_at = number;
                let connection = redis
                    .client_blocking()?
                    .get_connection_with_timeout(TIMEOUT)?;
                connection.set_read_timeout(Some(TIMEOUT))?;
                connection.set_write_timeout(Some(TIMEOUT))?;
                none.insert(connection)
            }
        };
        let old = self.id.borrow().clone();
        let task = self.liveness.task();
        if let Some(id) = &old
            && protocol::heartbeat(keys, id, usage, &task).run_blocking(connection)?
        {
            return Ok(());
        }
        let id = protocol::register(keys, registration, *concurrency).run_blocking(connection)?;
        protocol::heartbeat(keys, &id, usage, &task).run_blocking(connection)?;
        match old {
            None => info!(id, "registered"),
            Some(old) => info!(id, old, "the lease was lost; registered again"),
        }
        self.id.send_replace(Some(id));
        Ok(())
    }
}
