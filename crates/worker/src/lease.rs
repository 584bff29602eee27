//! Registration and heartbeat, on a thread and a connection of their own: no task can hold them up, and nothing else
//! registers. When the lease is lost the thread registers anew, under the next generation.

use super::Settings;
use super::health::{Liveness, Silence};
use super::usage::Meter;
use crate::connection::{Backoff, ConnectionState};
use protocol::{HEARTBEAT, STALLED};
use redis::RedisResult;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{error, info};

/// Longest wait for a connection or an answer: well within the lease.
const PATIENCE: Duration = Duration::from_secs(2);

/// The worker's hold on its place in the registry.
pub struct Lease {
    id: watch::Receiver<Option<String>>,
    wake: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Lease {
    /// Starts the thread, which registers as soon as Redis lets it. Fails when the system has no thread left.
    pub fn start(settings: &Settings, pulse: Arc<Liveness>) -> std::io::Result<Self> {
        let (ids, id) = watch::channel(None);
        let (wake, woken) = channel();
        let settings = settings.clone();
        let beat = move || {
            Heart {
                settings,
                pulse,
                ids,
                connection: None,
                state: ConnectionState::new("heartbeat"),
            }
            .run(&woken);
        };
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(beat)?;
        Ok(Self {
            id,
            wake: Mutex::new(Some(wake)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The present id; `None` before the first registration.
    pub fn id(&self) -> Option<String> {
        self.id.borrow().clone()
    }

    /// Waits up to `patience` for an id other than `old`.
    pub async fn other_than(&self, old: Option<&str>, patience: Duration) {
        self.beat_now();
        let mut id = self.id.clone();
        let _ = tokio::time::timeout(patience, id.wait_for(|it| it.as_deref() != old)).await;
    }

    /// Has the thread look at the lease at once.
    fn beat_now(&self) {
        if let Some(wake) = &*self.wake.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = wake.send(());
        }
    }

    /// Ends the thread and waits for it, at most for what one call to Redis takes.
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
struct Heart {
    settings: Settings,
    pulse: Arc<Liveness>,
    ids: watch::Sender<Option<String>>,
    connection: Option<redis::Connection>,
    state: ConnectionState,
}

impl Heart {
    fn run(mut self, woken: &Receiver<()>) {
        let mut meter = Meter::new();
        let mut backoff = Backoff::default();
        let mut silence = Silence::new(Instant::now());
        loop {
            if silence.look(&self.pulse, Instant::now()) >= STALLED {
                // Whatever holds up the loops would hold up an orderly end too. The lease runs out, others rescue
                // what is held, and whoever started this process starts it anew.
                error!(
                    "there was room and nothing was claimed for {STALLED:?}: this worker is deaf and ends itself"
                );
                std::process::exit(1);
            }
            let beat = self.beat(meter.measure());
            self.state.note(beat.as_ref().err());
            self.pulse.write_heartbeat(&self.settings.health_file);
            let pause = if beat.is_ok() {
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

    /// Renews the lease, or registers where there is none.
    fn beat(&mut self, usage: protocol::Usage) -> RedisResult<()> {
        let Settings {
            client,
            keys,
            registration,
            ..
        } = &self.settings;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let connection = client.get_connection_with_timeout(PATIENCE)?;
                connection.set_read_timeout(Some(PATIENCE))?;
                connection.set_write_timeout(Some(PATIENCE))?;
                none.insert(connection)
            }
        };
        let (old, task) = (self.ids.borrow().clone(), self.pulse.task());
        if let Some(id) = &old
            && protocol::heartbeat(keys, id, usage, &task).run_blocking(connection)?
        {
            return Ok(());
        }
        let id = protocol::register(keys, registration).run_blocking(connection)?;
        protocol::heartbeat(keys, &id, usage, &task).run_blocking(connection)?;
        match old {
            None => info!(id, "registered"),
            Some(old) => info!(id, old, "the lease was lost; registered anew"),
        }
        self.ids.send_replace(Some(id));
        Ok(())
    }
}
