//! The reference worker: takes tasks of one queue, runs them, and loses none, whatever ends it.
//!
//! `lease` alone registers and renews, on a thread of its own; `claim` takes tasks; `task` and `filters` run them;
//! `finish` says how they went; `reap` rescues what other workers left behind; `drain` ends it all in order.
//! `serve` is another program's work, the HTTP front that pushes batches and tells what became of them.

pub mod cli;
pub mod filters;
pub mod image;
pub mod task;

mod claim;
mod drain;
mod finish;
mod health;
mod lease;
mod link;
mod reap;
mod serve;
mod submit;
mod usage;

use crate::protocol::{Keys, Registration};
use health::Pulse;
use lease::Lease;
use link::Link;
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
    link: Link,
    lease: Lease,
    pulse: Arc<Pulse>,
    held: Mutex<Vec<Held>>,
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
    fn let_go(&self, task: &Held) {
        let mut held = self.held();
        if let Some(i) = held.iter().position(|it| it == task) {
            held.swap_remove(i);
        }
    }
}

/// Works until `stop`, then drains. Redis may be away at any time, at the start too: it tries again.
/// Fails only when its heartbeat thread cannot be started.
pub async fn run(settings: Settings, stop: CancellationToken) -> anyhow::Result<()> {
    let pulse = Arc::new(Pulse::default());
    pulse.attempt();
    let worker = Arc::new(Worker {
        lease: Lease::start(&settings, Arc::clone(&pulse))?,
        link: Link::new(settings.client.clone()),
        pulse,
        held: Mutex::default(),
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
