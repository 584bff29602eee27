//! The slots. Each takes a task and runs it, and acknowledges it in the same round trip that takes the next task.
//!
//! The slots of a process claim one at a time, so that the worker notices a claim whose reply was lost.

use super::finish::{self, FinishedTask};
use super::{Held, Worker};
use crate::connection::{Backoff, ConnectionState};
use crate::wire::Wire;
use protocol::Take;
use redis::{AsyncCommands, RedisResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// How long one claim waits for a task. It bounds the delay of a stop and the age of the `claim_at` field.
const WAIT: Duration = Duration::from_secs(1);

/// What a slot needs to claim. The slots share one behind a lock, so that only one claims at a time.
struct Claimer {
    /// For the command that blocks: on the server of the shared connection of this number.
    connection: Option<(u64, Wire)>,
    state: ConnectionState,
    backoff: Backoff,
}

/// The outcome of one attempt to claim.
enum Claim {
    Task {
        element: Vec<u8>,
        /// The claim has already set the worker's state in Redis.
        marked_busy: bool,
    },
    Nothing,
    /// The worker was asked to drain and must take nothing.
    Drain,
    /// The lease has expired.
    Lost,
}

/// Starts the slots. Each ends after `stop`, as soon as its running task is finished.
pub fn start(worker: &Arc<Worker>, stop: &CancellationToken) -> JoinSet<()> {
    let claimer = Claimer {
        connection: None,
        state: ConnectionState::new("claims"),
        backoff: Backoff::default(),
    };
    let claimer = Arc::new(Mutex::new(claimer));
    let slot = |_| slot(Arc::clone(worker), Arc::clone(&claimer), stop.clone());
    (0..worker.settings.concurrency).map(slot).collect()
}

async fn slot(worker: Arc<Worker>, claimer: Arc<Mutex<Claimer>>, stop: CancellationToken) {
    let mut finished: Option<FinishedTask> = None;
    while !stop.is_cancelled() {
        let mut claimer = if let Ok(claimer) = claimer.try_lock() {
            claimer
        } else {
            // Acknowledge now: the wait for the lock may be long.
            acknowledge(&worker, finished.take()).await;
            tokio::select! { claimer = claimer.lock() => claimer, () = stop.cancelled() => break }
        };
        let claim = claimer.claim(&worker, &stop, &mut finished).await;
        if worker.held().len() >= worker.settings.concurrency {
            worker.liveness.mark_idle();
        }
        drop(claimer);
        acknowledge(&worker, finished.take()).await; // if the call that takes the next task failed
        if let Some((held, marked_busy)) = claim {
            finished = finish::run(&worker, held, marked_busy).await;
        }
    }
    acknowledge(&worker, finished).await;
}

async fn acknowledge(worker: &Worker, finished: Option<FinishedTask>) {
    if let Some(finished) = finished {
        worker.liveness.mark_idle();
        let ending = worker
            .connection
            .retry_forever(&finished.call(worker))
            .await;
        finished.finish(worker, ending);
    }
}

async fn pause(stop: &CancellationToken, time: Duration) {
    let _ = tokio::time::timeout(time, stop.cancelled()).await;
}

impl Claimer {
    /// Claims a task; returns it and whether the worker's state in Redis is set. Without a task it returns `None`,
    /// after a pause that fits the reason.
    async fn claim(
        &mut self,
        worker: &Worker,
        stop: &CancellationToken,
        finished: &mut Option<FinishedTask>,
    ) -> Option<(Held, bool)> {
        worker.liveness.mark_attempt();
        let Some(worker_id) = worker.lease.id() else {
            worker.lease.wait_for_change(None, WAIT).await;
            return None;
        };
        let claim = self.try_claim(worker, &worker_id, finished).await;
        self.state.update(claim.as_ref().err());
        if claim.is_ok() {
            self.backoff = Backoff::default();
        }
        match claim {
            Ok(Claim::Task {
                element,
                marked_busy,
            }) => {
                let held = Held { worker_id, element };
                worker.held().push(held.clone());
                return Some((held, marked_busy));
            }
            Ok(Claim::Nothing) => {}
            Ok(Claim::Drain) => pause(stop, WAIT / 2).await,
            Ok(Claim::Lost) => worker.lease.wait_for_change(Some(&worker_id), WAIT).await,
            Err(_) => {
                self.connection = None;
                pause(stop, self.backoff.next()).await;
            }
        }
        None
    }

    /// One attempt to claim. It is never cancelled half-way: then nothing would know of the task that it claimed.
    async fn try_claim(
        &mut self,
        worker: &Worker,
        id: &str,
        finished: &mut Option<FinishedTask>,
    ) -> RedisResult<Claim> {
        // Read before the call to Redis: during the call, tasks can only leave this list.
        let held: Vec<Held> = worker
            .held()
            .iter()
            .filter(|it| it.worker_id == id)
            .cloned()
            .collect();
        let finished_here = finished.as_ref().is_some_and(|it| it.held.worker_id == id);
        let running = held.len() - usize::from(finished_here);
        match take(worker, id, running, finished).await? {
            Take::Lost => return Ok(Claim::Lost),
            Take::Task(element) => {
                return Ok(Claim::Task {
                    element,
                    marked_busy: true,
                });
            }
            Take::Nothing { held: count, .. } if count > running => {
                let Some(element) = recover_lost_claim(worker, id, &held).await? else {
                    return Ok(Claim::Nothing);
                };
                info!("recovered a claim whose reply was lost");
                return Ok(Claim::Task {
                    element,
                    marked_busy: false,
                });
            }
            Take::Nothing { drain: true, .. } => return Ok(Claim::Drain),
            Take::Nothing { .. } => {}
        }
        self.wait_for_task(worker, id).await
    }

    /// Blocks until a task is ready, for at most [`WAIT`].
    async fn wait_for_task(&mut self, worker: &Worker, id: &str) -> RedisResult<Claim> {
        let number = worker.connection.number();
        self.connection.take_if(|it| it.0 != number);
        let (_, connection) = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert((number, worker.connection.connect(WAIT).await?)),
        };
        match protocol::blocking_move(worker.keys(), id, WAIT)
            .query_async::<Option<Vec<u8>>>(&mut connection.redis)
            .await
        {
            Ok(Some(element)) => Ok(Claim::Task {
                element,
                marked_busy: false,
            }),
            Ok(None) => Ok(Claim::Nothing),
            // The fence: the lease ended between the two commands. The next take reports it.
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(Claim::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// Acknowledges the finished task and takes the next one without blocking: in one round trip if the finished task
/// succeeded and was claimed under the same `id`, else in two.
async fn take(
    worker: &Worker,
    id: &str,
    running: usize,
    finished: &mut Option<FinishedTask>,
) -> RedisResult<Take> {
    let combined = finished
        .as_ref()
        .filter(|it| it.held.worker_id == id)
        .and_then(|it| it.call_and_take(worker, running));
    let Some(combined) = combined else {
        acknowledge(worker, finished.take()).await;
        let take = protocol::take(worker.keys(), id, running);
        return worker.connection.call(&take).await;
    };
    let (ending, take) = worker.connection.call(&combined).await?;
    if let Some(task) = finished.take() {
        task.finish(worker, ending);
    }
    Ok(take)
}

/// An element in our claimed list that no slot works on: the reply to its claim was lost with a broken connection.
async fn recover_lost_claim(
    worker: &Worker,
    id: &str,
    held: &[Held],
) -> RedisResult<Option<Vec<u8>>> {
    let mut connection = worker.connection.shared().await?;
    let mut elements: Vec<Vec<u8>> = connection.lrange(worker.keys().claimed(id), 0, -1).await?;
    for task in held {
        if let Some(i) = elements.iter().position(|it| *it == task.element) {
            elements.swap_remove(i);
        }
    }
    Ok(elements.pop())
}
