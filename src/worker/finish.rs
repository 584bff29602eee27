//! One claimed task from its first look to its end.

use super::task::{self, Failure};
use super::{Held, Worker};
use crate::protocol::{self, Ending, Task};
use std::time::Instant;
use tracing::{info, warn};

/// Runs the task and says how it went, for as long as Redis takes to hear it.
pub async fn run(worker: &Worker, held: Held) {
    let Held { by: id, element } = &held;
    let keys = worker.keys();
    let task = serde_json::from_slice::<Task>(element);
    let name = task.as_ref().map_or_else(|_| String::new(), |it| it.id.clone());
    match worker.link.call(&protocol::claimed(keys, id, &name)).await {
        Ok(None) => {
            // The lease ended while the claim was under way, and the task may have been taken already.
            worker.link.insist(&protocol::hand_back(keys, id, element)).await;
            worker.let_go(&held);
            return;
        }
        Ok(Some(attempts)) if attempts > 0 => info!(task = name, attempts, "this task ended badly before"),
        Ok(Some(_)) | Err(_) => {} // without an answer the work goes on: it is ours until somebody reaps it
    }

    let started = Instant::now();
    let outcome = match &task {
        Ok(task) => task::run(worker, id, task).await,
        Err(error) => Err(Failure::hopeless(format!("the element is no task: {error}"))),
    };
    let took = started.elapsed();
    let ending = match &outcome {
        Ok(result) => protocol::ack(keys, id, element, &name, result.to_string().as_bytes(), took),
        Err(failure) => protocol::fail(keys, id, element, &failure.error, failure.hopeless),
    };
    let ending = worker.link.insist(&ending).await;
    worker.let_go(&held);

    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match (ending, outcome) {
        (Ending::Late, _) => {
            warn!(task = name, millis, "too late: the task had been given to another worker");
        }
        (Ending::Retry(attempts), Err(failure)) => {
            warn!(task = name, attempts, millis, error = failure.error, "failed, and will be tried again");
        }
        (_, Err(failure)) => warn!(task = name, millis, error = failure.error, "failed for good"),
        (_, Ok(_)) => info!(task = name, millis, "done"),
    }
}
