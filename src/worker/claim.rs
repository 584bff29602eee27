//! The claim loop: one for the process, whatever its concurrency, so that a claim that nobody knows of is noticed.

use super::link::{Backoff, LinkState};
use super::{Held, Worker, finish};
use crate::protocol::{self, Attempt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, RedisResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// How long one claim waits for a task: the delay of a stop at worst, and the freshness of `claim_at`.
const WAIT: Duration = Duration::from_secs(1);

/// What one attempt brought.
enum Claim {
    Tasks(Vec<Vec<u8>>),
    Nothing,
    /// Asked to take nothing more.
    Drain,
    /// The lease is gone.
    Lost,
}

/// Takes tasks while there is room and until `stop`; returns those that still run.
pub async fn run(worker: &Arc<Worker>, stop: &CancellationToken) -> JoinSet<()> {
    let slots = Arc::new(Semaphore::new(worker.settings.concurrency));
    let mut tasks = JoinSet::new();
    let (mut connection, state) = (None, LinkState::new("claims"));
    let mut backoff = Backoff::default();
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        while tasks.try_join_next().is_some() {}
        worker.pulse.attempt();
        let Some(id) = worker.lease.id() else {
            worker.lease.other_than(None, WAIT).await;
            continue;
        };
        let claimed = claim(worker, &id, &mut connection).await;
        state.note(claimed.as_ref().err());
        match claimed {
            Ok(Claim::Tasks(elements)) => {
                backoff = Backoff::default();
                let mut slot = Some(slot);
                for element in elements {
                    let task = Held { by: id.clone(), element };
                    worker.held().push(task.clone());
                    let (worker, slot) = (Arc::clone(worker), slot.take());
                    tasks.spawn(async move {
                        finish::run(&worker, task).await;
                        drop(slot);
                    });
                }
            }
            Ok(Claim::Nothing) => backoff = Backoff::default(),
            Ok(Claim::Drain) => pause(stop, WAIT / 2).await,
            Ok(Claim::Lost) => worker.lease.other_than(Some(&id), WAIT).await,
            Err(_) => {
                connection = None;
                pause(stop, backoff.next()).await;
            }
        }
        if slots.available_permits() == 0 {
            worker.pulse.waits();
        }
    }
    worker.pulse.waits();
    tasks
}

async fn pause(stop: &CancellationToken, time: Duration) {
    let _ = tokio::time::timeout(time, stop.cancelled()).await;
}

/// One attempt. It is never abandoned half-way: what it takes, somebody must know of.
async fn claim(
    worker: &Worker,
    id: &str,
    connection: &mut Option<MultiplexedConnection>,
) -> RedisResult<Claim> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(worker.link.connect(WAIT).await?),
    };
    // Known before the server is asked: meanwhile they can only become fewer.
    let known: Vec<Held> = worker.held().iter().filter(|it| it.by == id).cloned().collect();
    let attempt = protocol::attempt(worker.keys(), id);
    match attempt.run(connection).await? {
        Attempt::Lost => return Ok(Claim::Lost),
        Attempt::Leased { held, .. } if held > known.len() => {
            let strangers = strangers(worker, id, &known, connection).await?;
            if !strangers.is_empty() {
                info!(tasks = strangers.len(), "took up claims whose answer was lost");
                return Ok(Claim::Tasks(strangers));
            }
        }
        Attempt::Leased { drain: true, .. } => return Ok(Claim::Drain),
        Attempt::Leased { .. } => {}
    }
    let claim =
        protocol::blocking_move(worker.keys(), id, WAIT).query_async::<Option<Vec<u8>>>(connection).await;
    match claim {
        Ok(Some(element)) => Ok(Claim::Tasks(vec![element])),
        Ok(None) => Ok(Claim::Nothing),
        // The fence, where the lease ended between the two commands; else the ready key is no list.
        Err(error) if error.code() == Some("WRONGTYPE") => match attempt.run(connection).await? {
            Attempt::Lost => Ok(Claim::Lost),
            Attempt::Leased { .. } => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Elements that the server counts as ours and that nobody here works on: their claim was answered into a connection
/// that had broken.
async fn strangers(
    worker: &Worker,
    id: &str,
    known: &[Held],
    connection: &mut MultiplexedConnection,
) -> RedisResult<Vec<Vec<u8>>> {
    let mut elements: Vec<Vec<u8>> = connection.lrange(worker.keys().claimed(id), 0, -1).await?;
    for task in known {
        if let Some(i) = elements.iter().position(|it| *it == task.element) {
            elements.swap_remove(i);
        }
    }
    Ok(elements)
}
