//! One claimed task from its first look until its end can be told.

use super::{Held, Worker};
use crate::{Context, Failure};
use protocol::{Completion, Ending, RESULT_TTL, ScriptCall, Take, Task};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// A task whose work has ended, and how.
pub struct FinishedTask {
    /// What the worker holds until Redis has been told.
    pub held: Held,
    task: String,
    outcome: Result<Vec<u8>, Failure>,
    keep: Duration,
    took: Duration,
}

/// Runs the task; `noted`: the worker's hash says so already. `None` where it turned out not to be ours.
pub async fn run(worker: &Worker, held: Held, noted: bool) -> Option<FinishedTask> {
    let parsed = serde_json::from_slice::<Task>(&held.element);
    let name = parsed
        .as_ref()
        .map_or_else(|_| String::new(), |it| it.id.clone());
    if !noted
        && let Ok(false) = worker
            .connection
            .call(&protocol::claimed(worker.keys(), &held.by))
            .await
    {
        // The lease ended while the claim was under way, and the task may have been taken already.
        worker
            .connection
            .retry_forever(&protocol::hand_back(worker.keys(), &held.by, &held.element))
            .await;
        worker.remove_held(&held);
        return None;
    } // without an answer the work goes on: it is ours until somebody reaps it

    worker.liveness.mark_running(&name);
    let started = Instant::now();
    let keep = parsed
        .as_ref()
        .ok()
        .and_then(|it| it.keep)
        .map_or(RESULT_TTL, Duration::from_millis);
    let outcome = match parsed {
        Ok(task) => worker
            .handler
            .run(
                Context {
                    worker: &held.by,
                    shared: worker,
                },
                task,
            )
            .await
            .map(|it| it.to_string().into_bytes()),
        Err(error) => Err(Failure::hopeless(format!(
            "the element is no task: {error}"
        ))),
    };
    Some(FinishedTask {
        held,
        task: name,
        outcome,
        keep,
        took: started.elapsed(),
    })
}

impl FinishedTask {
    /// What tells Redis.
    pub fn call(&self, worker: &Worker) -> ScriptCall<Ending> {
        let Held { by, element } = &self.held;
        match self.done() {
            Ok(done) => protocol::ack(worker.keys(), by, done),
            Err(failure) => protocol::fail(
                worker.keys(),
                by,
                element,
                &failure.error,
                failure.permanent,
            ),
        }
    }

    /// What tells Redis and takes the next task, where it went well; `known` others are held.
    pub fn call_and_take(
        &self,
        worker: &Worker,
        known: usize,
    ) -> Option<ScriptCall<(Ending, Take)>> {
        Some(protocol::ack_and_take(
            worker.keys(),
            &self.held.by,
            self.done().ok()?,
            known,
        ))
    }

    fn done(&self) -> Result<Completion<'_>, &Failure> {
        let result = self.outcome.as_ref()?;
        let (task, element) = (&self.task, &self.held.element);
        Ok(Completion {
            task,
            element,
            result,
            keep: self.keep,
            took: self.took,
        })
    }

    /// Redis has been told, and answered.
    pub fn finish(self, worker: &Worker, ending: Ending) {
        worker.remove_held(&self.held);
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
