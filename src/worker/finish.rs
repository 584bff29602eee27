//! One claimed task from its first look until its end can be told.

use super::task::{self, Failure};
use super::{Held, Worker};
use crate::protocol::{self, Call, Done, Ending, RESULT_TTL, Take, Task};
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
    let name = parsed
        .as_ref()
        .map_or_else(|_| String::new(), |it| it.id.clone());
    if !noted
        && let Ok(false) = worker
            .link
            .call(&protocol::claimed(worker.keys(), &held.by))
            .await
    {
        // The lease ended while the claim was under way, and the task may have been taken already.
        worker
            .link
            .insist(&protocol::hand_back(worker.keys(), &held.by, &held.element))
            .await;
        worker.let_go(&held);
        return None;
    } // without an answer the work goes on: it is ours until somebody reaps it

    worker.pulse.runs(&name);
    let started = Instant::now();
    let keep = parsed
        .as_ref()
        .ok()
        .and_then(|it| it.keep)
        .map_or(RESULT_TTL, Duration::from_millis);
    let outcome = match parsed {
        Ok(task) => task::run(worker, &held.by, task)
            .await
            .map(|it| it.to_string().into_bytes()),
        Err(error) => Err(Failure::hopeless(format!(
            "the element is no task: {error}"
        ))),
    };
    Some(Ended {
        held,
        task: name,
        outcome,
        keep,
        took: started.elapsed(),
    })
}

impl Ended {
    /// What tells Redis.
    pub fn call(&self, worker: &Worker) -> Call<Ending> {
        let Held { by, element } = &self.held;
        match self.done() {
            Ok(done) => protocol::ack(worker.keys(), by, done),
            Err(failure) => {
                protocol::fail(worker.keys(), by, element, &failure.error, failure.hopeless)
            }
        }
    }

    /// What tells Redis and takes the next task, where it went well; `known` others are held.
    pub fn call_and_take(&self, worker: &Worker, known: usize) -> Option<Call<(Ending, Take)>> {
        Some(protocol::ack_and_take(
            worker.keys(),
            &self.held.by,
            self.done().ok()?,
            known,
        ))
    }

    fn done(&self) -> Result<Done<'_>, &Failure> {
        let result = self.outcome.as_ref()?;
        let (task, element) = (&self.task, &self.held.element);
        Ok(Done {
            task,
            element,
            result,
            keep: self.keep,
            took: self.took,
        })
    }

    /// Redis has been told, and answered.
    pub fn settle(self, worker: &Worker, ending: Ending) {
        worker.let_go(&self.held);
        let (task, millis) = (
            self.task,
            u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        );
        match (ending, self.outcome) {
            (Ending::Late, _) => {
                warn!(
                    task,
                    millis, "too late: the task had been given to another worker"
                );
            }
            (Ending::Retry(attempts), Err(failure)) => {
                warn!(
                    task,
                    attempts,
                    millis,
                    error = failure.error,
                    "failed, and will be tried again"
                );
            }
            (_, Err(failure)) => warn!(task, millis, error = failure.error, "failed for good"),
            (_, Ok(_)) => info!(task, millis, "done"),
        }
    }
}
