//! One claimed task from its first look until its end can be told.

use super::task::{self, Failure};
use super::{Held, Worker};
use crate::protocol::{self, Call, Done, Ending, RESULT_TTL, Task};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// A task whose work has ended, and how.
pub struct Ended {
    /// What the worker holds until Redis has been told.
    pub held: Held,
    task: String,
    outcome: Result<Vec<u8>, Failure>,
    keep: Duration,
    took: Duration,
}

/// Runs the task; `noted`: the worker's hash says so already. `None` where it turned out not to be ours.
pub async fn run(worker: &Worker, held: Held, noted: bool) -> Option<Ended> {
    let parsed = serde_json::from_slice::<Task>(&held.element);
    let name = parsed.as_ref().map_or_else(|_| String::new(), |it| it.id.clone());
    if !noted && let Ok(None) = worker.link.call(&protocol::claimed(worker.keys(), &held.by, &name)).await {
        // The lease ended while the claim was under way, and the task may have been taken already.
        worker.link.insist(&protocol::hand_back(worker.keys(), &held.by, &held.element)).await;
        worker.let_go(&held);
        return None;
    } // without an answer the work goes on: it is ours until somebody reaps it

    let started = Instant::now();
    let keep = parsed.as_ref().ok().and_then(|it| it.keep).map_or(RESULT_TTL, Duration::from_millis);
    let outcome = match parsed {
        Ok(task) => task::run(worker, &held.by, task).await.map(|it| it.to_string().into_bytes()),
        Err(error) => Err(Failure::hopeless(format!("the element is no task: {error}"))),
    };
    Some(Ended { held, task: name, outcome, keep, took: started.elapsed() })
}

impl Ended {
    /// What tells Redis. `take_follows`: with the next take right behind.
    pub fn call(&self, worker: &Worker, take_follows: bool) -> Call<Ending> {
        let Held { by, element } = &self.held;
        match &self.outcome {
            Ok(result) => {
                let done = Done { task: &self.task, element, result, keep: self.keep, took: self.took };
                protocol::ack(worker.keys(), by, done, take_follows)
            }
            Err(failure) => protocol::fail(worker.keys(), by, element, &failure.error, failure.hopeless),
        }
    }

    /// Redis has been told, and answered.
    pub fn settle(self, worker: &Worker, ending: Ending) {
        worker.let_go(&self.held);
        let (task, millis) = (self.task, u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX));
        match (ending, self.outcome) {
            (Ending::Late, _) => {
                warn!(task, millis, "too late: the task had been given to another worker");
            }
            (Ending::Retry(attempts), Err(failure)) => {
                warn!(task, attempts, millis, error = failure.error, "failed, and will be tried again");
            }
            (_, Err(failure)) => warn!(task, millis, error = failure.error, "failed for good"),
            (_, Ok(_)) => info!(task, millis, "done"),
        }
    }
}
