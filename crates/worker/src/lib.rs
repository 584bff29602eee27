//! A worker of the reference protocol: takes tasks of one queue, runs them, and loses none, whatever ends it.
//!
//! `lease` alone registers and renews, on a thread of its own; `claim` takes tasks; a [`Handler`] runs them;
//! `finish` reports how they ended; `reap` rescues what other workers left behind; `drain` ends it all in order.

mod claim;
mod connection;
mod drain;
mod finish;
mod handler;
pub mod health;
mod lease;
mod reap;
mod usage;

pub use connection::Connection;
pub use handler::{Context, Failure, Handler};

use health::Liveness;
use lease::Lease;
use protocol::{Keys, Registration};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What a worker must know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Redis with the queue.
    pub client: redis::Client,
    /// The queue.
    pub keys: Keys,
    /// How it registers.
    pub registration: Registration,
    /// Tasks that it runs at once.
    pub concurrency: usize,
    /// How long a running task may take to finish after the signal to stop.
    pub grace: Duration,
    /// Where it notes that it lives.
    pub health_file: PathBuf,
}

/// What all parts of a running worker share.
struct Worker {
    settings: Settings,
    connection: Connection,
    lease: Lease,
    liveness: Arc<Liveness>,
    held: Mutex<Vec<Held>>,
    handler: Box<dyn Handler>,
}

/// A task that this process works on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    /// The id it was claimed under, which need not be the present one.
    by: String,
    /// Its exact bytes.
    element: Vec<u8>,
}

impl Worker {
    fn keys(&self) -> &Keys {
        &self.settings.keys
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets one task, once.
    fn remove_held(&self, task: &Held) {
        let mut held = self.held();
        if let Some(i) = held.iter().position(|it| it == task) {
            held.swap_remove(i);
        }
    }
}

/// Works until `stop`, then drains. Redis may be away at any time, at the start too: it tries again.
/// Fails only when its heartbeat thread cannot be started.
pub async fn run(
    settings: Settings,
    handler: impl Handler,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let pulse = Arc::new(Liveness::default());
    pulse.mark_attempt();
    let worker = Arc::new(Worker {
        lease: Lease::start(&settings, Arc::clone(&pulse))?,
        connection: Connection::new(settings.client.clone()),
        liveness: pulse,
        held: Mutex::default(),
        handler: Box::new(handler),
        settings,
    });
    let address = worker
        .settings
        .client
        .get_connection_info()
        .addr()
        .to_string();
    info!(
        redis = address,
        concurrency = worker.settings.concurrency,
        "the worker starts"
    );
    let reaper = tokio::spawn(reap::run(Arc::clone(&worker)));
    let slots = claim::start(&worker, &stop);
    stop.cancelled().await;
    drain::run(&worker, slots).await;
    reaper.abort();
    info!("the worker has stopped");
    Ok(())
}
