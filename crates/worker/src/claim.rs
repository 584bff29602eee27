//! The slots: each takes a task, runs it, and tells how it ended in the same trip that takes the next.
//!
//! They claim in turns, one at a time for the process, so that a claim nobody knows of is noticed.

use super::finish::{self, FinishedTask};
use super::{Held, Worker};
use crate::connection::{Backoff, ConnectionState};
use protocol::Take;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, RedisResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// How long one claim waits for a task: the delay of a stop at worst, and the freshness of `claim_at`.
const WAIT: Duration = Duration::from_secs(1);

/// What only the slot has whose turn it is to claim.
struct Turn {
    /// For the command that blocks.
    connection: Option<MultiplexedConnection>,
    state: ConnectionState,
    backoff: Backoff,
}

/// What one attempt brought.
enum Claim {
    /// A task; `true`: its worker's hash says so already.
    Task(Held, bool),
    Nothing,
    /// Asked to take nothing more.
    Drain,
    /// The lease is gone.
    Lost,
}

/// Starts the slots; each ends by itself after `stop`, when what it runs is done.
pub fn start(worker: &Arc<Worker>, stop: &CancellationToken) -> JoinSet<()> {
    let turn = Turn {
        connection: None,
        state: ConnectionState::new("claims"),
        backoff: Backoff::default(),
    };
    let turn = Arc::new(Mutex::new(turn));
    let slot = |_| slot(Arc::clone(worker), Arc::clone(&turn), stop.clone());
    (0..worker.settings.concurrency).map(slot).collect()
}

async fn slot(worker: Arc<Worker>, turn: Arc<Mutex<Turn>>, stop: CancellationToken) {
    let mut ended: Option<FinishedTask> = None;
    while !stop.is_cancelled() {
        let mut turn = if let Ok(turn) = turn.try_lock() {
            turn
        } else {
            // Nobody waits with what it has to say until it is its turn.
            tell(&worker, ended.take()).await;
            tokio::select! { turn = turn.lock() => turn, () = stop.cancelled() => break }
        };
        let claim = turn.claim(&worker, &stop, &mut ended).await;
        if worker.held().len() >= worker.settings.concurrency {
            worker.liveness.mark_idle();
        }
        drop(turn);
        tell(&worker, ended.take()).await; // where the trip failed
        if let Some((held, noted)) = claim {
            ended = finish::run(&worker, held, noted).await;
        }
    }
    tell(&worker, ended).await;
}

async fn tell(worker: &Worker, ended: Option<FinishedTask>) {
    if let Some(ended) = ended {
        worker.liveness.mark_idle();
        let ending = worker.connection.retry_forever(&ended.call(worker)).await;
        ended.finish(worker, ending);
    }
}

async fn pause(stop: &CancellationToken, time: Duration) {
    let _ = tokio::time::timeout(time, stop.cancelled()).await;
}

impl Turn {
    /// A task, or `None` after the pause that fits why there is none.
    async fn claim(
        &mut self,
        worker: &Worker,
        stop: &CancellationToken,
        ended: &mut Option<FinishedTask>,
    ) -> Option<(Held, bool)> {
        worker.liveness.mark_attempt();
        let Some(id) = worker.lease.id() else {
            worker.lease.other_than(None, WAIT).await;
            return None;
        };
        let claim = self.attempt(worker, &id, ended).await;
        self.state.note(claim.as_ref().err());
        if claim.is_ok() {
            self.backoff = Backoff::default();
        }
        match claim {
            Ok(Claim::Task(held, noted)) => {
                worker.held().push(held.clone());
                return Some((held, noted));
            }
            Ok(Claim::Nothing) => {}
            Ok(Claim::Drain) => pause(stop, WAIT / 2).await,
            Ok(Claim::Lost) => worker.lease.other_than(Some(&id), WAIT).await,
            Err(_) => {
                self.connection = None;
                pause(stop, self.backoff.next()).await;
            }
        }
        None
    }

    /// One attempt. It is never abandoned half-way: what it takes, somebody must know of.
    async fn attempt(
        &mut self,
        worker: &Worker,
        id: &str,
        ended: &mut Option<FinishedTask>,
    ) -> RedisResult<Claim> {
        // Known before the server is asked: meanwhile they can only become fewer. What has ended is told first.
        let known: Vec<Held> = worker
            .held()
            .iter()
            .filter(|it| it.by == id)
            .cloned()
            .collect();
        let running = known.len() - usize::from(ended.as_ref().is_some_and(|it| it.held.by == id));
        // In one trip, where the last task was claimed under this id and went well.
        let next = match ended.as_ref().filter(|it| it.held.by == id) {
            Some(task) => task.call_and_take(worker, running),
            None => None,
        };
        let taken = if let Some(next) = next {
            let (ending, taken) = worker.connection.call(&next).await?;
            if let Some(task) = ended.take() {
                task.finish(worker, ending);
            }
            taken
        } else {
            tell(worker, ended.take()).await;
            worker
                .connection
                .call(&protocol::take(worker.keys(), id, running))
                .await?
        };
        let mine = |element, noted| {
            Ok(Claim::Task(
                Held {
                    by: id.to_owned(),
                    element,
                },
                noted,
            ))
        };
        match taken {
            Take::Lost => return Ok(Claim::Lost),
            Take::Task(element) => return mine(element, true),
            Take::Nothing { held, .. } if held > running => {
                let Some(element) = stranger(worker, id, &known).await? else {
                    return Ok(Claim::Nothing);
                };
                info!("took up a claim whose answer was lost");
                return mine(element, false);
            }
            Take::Nothing { drain: true, .. } => return Ok(Claim::Drain),
            Take::Nothing { .. } => {}
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(worker.connection.connect(WAIT).await?),
        };
        match protocol::blocking_move(worker.keys(), id, WAIT)
            .query_async::<Option<Vec<u8>>>(connection)
            .await
        {
            Ok(Some(element)) => mine(element, false),
            Ok(None) => Ok(Claim::Nothing),
            // The fence, where the lease ended between the two commands: the next take says so.
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(Claim::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// An element that the server counts as ours and that nobody here works on: its claim was answered into a connection
/// that had broken.
async fn stranger(worker: &Worker, id: &str, known: &[Held]) -> RedisResult<Option<Vec<u8>>> {
    let mut connection = worker.connection.shared().await?;
    let mut elements: Vec<Vec<u8>> = connection.lrange(worker.keys().claimed(id), 0, -1).await?;
    for task in known {
        if let Some(i) = elements.iter().position(|it| *it == task.element) {
            elements.swap_remove(i);
        }
    }
    Ok(elements.pop())
}
