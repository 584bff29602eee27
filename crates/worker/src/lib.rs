//! A worker of the reference protocol: it takes tasks from one Redis queue, runs them and loses none, even when it is
//! killed at any point.
//!
//! Implement [`Handler`] for the work of one task, fill in [`Settings`], and call [`run`]:
//!
//! ```no_run
//! use serde_json::{Value, json};
//! use tokio_util::sync::CancellationToken;
//! use worker::{Context, Failure, Handler, Keys, Registration, Settings, Task};
//!
//! struct Square;
//!
//! impl Handler for Square {
//!     async fn run(&self, context: Context<'_>, task: Task) -> Result<Value, Failure> {
//!         let Some(number) = task.body["number"].as_f64() else {
//!             return Err(Failure::permanent("the body has no number"));
//!         };
//!         Ok(json!({"square": number * number, "worker": context.worker_id}))
//!     }
//! }
//!
//! # async fn example() -> anyhow::Result<()> {
//! let settings = Settings {
//!     redis: redis::Client::open("redis://127.0.0.1:6379")?.into(),
//!     keys: Keys::new("squares"),
//!     registration: Registration {
//!         name: "square-1".into(),
//!         pod: "square-1".into(),
//!         namespace: Some("default".into()),
//!         host: "node-1".into(),
//!         version: "1.0.0".into(),
//!     },
//!     concurrency: 4,
//!     grace: std::time::Duration::from_secs(25),
//!     health_file: "/tmp/square-worker.json".into(),
//! };
//! let stop = CancellationToken::new(); // cancel it on SIGTERM
//! worker::run(settings, Square, stop).await
//! # }
//! ```
//!
//! A liveness probe in another process calls [`check_health`] with the same health file.
//!
//! The modules: `lease` registers the worker and renews its lease, on a thread of its own; `claim` takes tasks; a
//! [`Handler`] runs them; `finish` reports how they ended; `reap` reclaims the tasks of dead workers; `drain` shuts
//! the worker down in order; `wire` notices a silent connection.

mod claim;
mod connection;
mod drain;
mod finish;
mod handler;
mod health;
mod lease;
mod reap;
mod usage;
mod wire;

pub use connection::Connection;
pub use handler::{Context, Failure, Handler};
pub use health::check_health;
pub use protocol::{Keys, Registration, Task};
pub use redis_source::RedisSource;

use handler::DynHandler;
use health::Liveness;
use lease::Lease;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// The configuration of a worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Redis with the queue.
    pub redis: RedisSource,
    /// The Redis keys of the queue.
    pub keys: Keys,
    /// How the worker appears in the registry.
    pub registration: Registration,
    /// Maximum number of tasks that run at once: its slots.
    pub concurrency: usize,
    /// How long running tasks may take to finish after the stop signal. The worker then hands back the rest.
    pub grace: Duration,
    /// The file that the worker writes at each heartbeat, for [`check_health`], and removes when it stops. No two workers
    /// may share one.
    pub health_file: PathBuf,
}

/// What all parts of a running worker share.
struct Worker {
    settings: Settings,
    connection: Connection,
    lease: Lease,
    liveness: Arc<Liveness>,
    held: Mutex<Vec<Held>>,
    handler: Box<dyn DynHandler>,
}

/// A task that this process works on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    /// The worker id that claimed it. After a lost lease it differs from the current id.
    worker_id: String,
    /// The exact bytes of its queue element.
    element: Vec<u8>,
}

impl Worker {
    fn keys(&self) -> &Keys {
        &self.settings.keys
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes one entry that equals `task`.
    fn remove_held(&self, task: &Held) {
        let mut held = self.held();
        if let Some(i) = held.iter().position(|it| it == task) {
            held.swap_remove(i);
        }
    }
}

/// Runs tasks until `stop` is cancelled, then drains. Redis may be unavailable at any time, also at the start: the
/// worker retries. Fails only when the system cannot start the heartbeat thread.
///
/// When the claim loop stalls, the worker exits the process with status 1: its lease expires, other workers reclaim
/// its tasks, and Kubernetes restarts the container.
pub async fn run(
    settings: Settings,
    handler: impl Handler,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let liveness = Arc::new(Liveness::default());
    liveness.mark_attempt();
    let connection = Connection::new(settings.redis.clone());
    let worker = Arc::new(Worker {
        lease: Lease::start(&settings, Arc::clone(&liveness), connection.numbers())?,
        connection,
        liveness,
        held: Mutex::default(),
        handler: Box::new(handler),
        settings,
    });
    info!(
        redis = %worker.settings.redis,
        concurrency = worker.settings.concurrency,
        "starting the worker"
    );
    let reaper = tokio::spawn(reap::run(Arc::clone(&worker)));
    let slots = claim::start(&worker, &stop);
    stop.cancelled().await;
    drain::run(&worker, slots).await;
    reaper.abort();
    // A file that is left would be taken for the next worker's.
    let _ = std::fs::remove_file(&worker.settings.health_file);
    info!("the worker has stopped");
    Ok(())
}
