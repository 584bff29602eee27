//! The work of one task: the only part of a worker that its user writes.

use crate::Worker;
use futures::future::BoxFuture;
use protocol::Task;
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use serde_json::Value;

/// Runs tasks.
///
/// A task may run more than once: a worker can die after the work and before Redis has the acknowledgement. A second
/// run must do no harm.
pub trait Handler: Send + Sync + 'static {
    /// Runs one task and returns the result for its producer. Implement it as an `async fn`; move work that blocks
    /// the thread to `tokio::task::spawn_blocking`.
    fn run(
        &self,
        context: Context<'_>,
        task: Task,
    ) -> impl Future<Output = Result<Value, Failure>> + Send;
}

/// [`Handler`] as a trait object can have it: with a boxed future.
pub(crate) trait DynHandler: Send + Sync {
    fn run_boxed<'a>(
        &'a self,
        context: Context<'a>,
        task: Task,
    ) -> BoxFuture<'a, Result<Value, Failure>>;
}

impl<H: Handler> DynHandler for H {
    fn run_boxed<'a>(
        &'a self,
        context: Context<'a>,
        task: Task,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(self.run(context, task))
    }
}

/// What a running task may use of its worker.
pub struct Context<'a> {
    /// The id of the worker that runs the task.
    pub worker_id: &'a str,
    pub(crate) worker: &'a Worker,
}

impl Context<'_> {
    /// The worker's shared connection to its Redis server, for commands that do not block.
    pub async fn redis(&self) -> RedisResult<MultiplexedConnection> {
        self.worker.connection.shared().await
    }
}

/// Why a task failed.
#[derive(Debug)]
pub struct Failure {
    /// The message for the producer of the task.
    pub error: String,
    /// A retry would fail in the same way.
    pub permanent: bool,
}

impl Failure {
    /// A failure that no retry can fix: the task fails at once.
    pub fn permanent(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            permanent: true,
        }
    }

    /// A failure that a retry may avoid: the task runs again, up to five times in all.
    pub fn transient(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            permanent: false,
        }
    }
}
