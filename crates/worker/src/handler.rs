//! What a program does with a task: the one thing that a worker leaves to its user.

use crate::Worker;
use futures::future::BoxFuture;
use protocol::Task;
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use serde_json::Value;

/// Runs tasks. Each run may be repeated: a worker can die after the work and before Redis has heard of it.
pub trait Handler: Send + Sync + 'static {
    /// Runs one task and returns the result that its submitter reads.
    fn run<'a>(&'a self, context: Context<'a>, task: Task)
    -> BoxFuture<'a, Result<Value, Failure>>;
}

/// What a running task may use.
pub struct Context<'a> {
    /// The id of the worker that runs the task.
    pub worker: &'a str,
    pub(crate) shared: &'a Worker,
}

impl Context<'_> {
    /// The worker's shared connection to its Redis, for short commands.
    pub async fn redis(&self) -> RedisResult<MultiplexedConnection> {
        self.shared.connection.shared().await
    }
}

/// Why a task went wrong.
#[derive(Debug)]
pub struct Failure {
    /// A sentence for whoever submitted it.
    pub error: String,
    /// Another attempt would end the same way.
    pub permanent: bool,
}

impl Failure {
    /// One that no other attempt can mend.
    pub fn hopeless(error: String) -> Self {
        Self {
            error,
            permanent: true,
        }
    }

    /// One that another attempt may not have.
    pub fn transient(error: String) -> Self {
        Self {
            error,
            permanent: false,
        }
    }
}
