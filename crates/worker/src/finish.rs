//! One claimed task, from its claim to the acknowledgement.

use super::{Held, Worker};
use crate::{Context, Failure};
use protocol::{Completion, Ending, RESULT_TTL, ScriptCall, Take, Task};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// A task whose work has ended and that Redis has not acknowledged yet.
pub struct FinishedTask {
    pub held: Held,
    task_id: String,
    outcome: Result<Vec<u8>, Failure>,
    result_ttl: Duration,
    duration: Duration,
}

/// Runs a task. `marked_busy`: the claim has already set the worker's state in Redis. Returns `None` if the worker
/// may not run the task and has handed it back.
pub async fn run(worker: &Worker, held: Held, marked_busy: bool) -> Option<FinishedTask> {
    if !marked_busy
        && let Ok(false) = worker
            .connection
            .call(&protocol::claimed(worker.keys(), &held.worker_id))
            .await
    {
        // The lease ended during the claim. Another worker may have the task already.
        let hand_back = protocol::hand_back(worker.keys(), &held.worker_id, &held.element);
        worker.connection.retry_forever(&hand_back).await;
        worker.remove_held(&held);
        return None;
    } // without a reply the work starts: the task is ours until another worker reaps it

    let parsed = serde_json::from_slice::<Task>(&held.element);
    let (task_id, keep) = match &parsed {
        Ok(task) => (task.id.clone(), task.keep),
        Err(_) => (String::new(), None),
    };
    worker.liveness.mark_running(&task_id);
    let started = Instant::now();
    let outcome = match parsed {
        Ok(task) => {
            let context = Context {
                worker_id: &held.worker_id,
                worker,
            };
            let result = worker.handler.run_boxed(context, task).await;
            result.map(|it| it.to_string().into_bytes())
        }
        Err(error) => Err(Failure::permanent(format!(
            "the queue element is not a task: {error}"
        ))),
    };
    Some(FinishedTask {
        held,
        task_id,
        outcome,
        result_ttl: keep.map_or(RESULT_TTL, Duration::from_millis),
        duration: started.elapsed(),
    })
}

impl FinishedTask {
    /// The call that acknowledges the task or reports its failure.
    pub fn call(&self, worker: &Worker) -> ScriptCall<Ending> {
        let Held { worker_id, element } = &self.held;
        match self.completion() {
            Ok(completion) => protocol::ack(worker.keys(), worker_id, completion),
            Err(Failure { error, permanent }) => {
                protocol::fail(worker.keys(), worker_id, element, error, *permanent)
            }
        }
    }

    /// The call that acknowledges the task and takes the next one, if the task succeeded. The worker holds `running`
    /// other tasks.
    pub fn call_and_take(
        &self,
        worker: &Worker,
        running: usize,
    ) -> Option<ScriptCall<(Ending, Take)>> {
        let completion = self.completion().ok()?;
        Some(protocol::ack_and_take(
            worker.keys(),
            &self.held.worker_id,
            completion,
            running,
        ))
    }

    fn completion(&self) -> Result<Completion<'_>, &Failure> {
        Ok(Completion {
            task: &self.task_id,
            element: &self.held.element,
            result: self.outcome.as_ref()?,
            keep: self.result_ttl,
            took: self.duration,
        })
    }

    /// Redis has replied: removes the task from the held ones and logs how it ended.
    pub fn finish(self, worker: &Worker, ending: Ending) {
        worker.remove_held(&self.held);
        let task = self.task_id;
        let millis = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        match (ending, self.outcome) {
            (Ending::Late, _) => {
                warn!(task, millis, "too late: another worker has taken the task");
            }
            (Ending::Lost, _) => warn!(
                task,
                millis,
                "Redis has lost the claim, as in a failover, and the result is not kept: the task runs again if Redis still has it"
            ),
            (Ending::Retry(attempts), Err(Failure { error, .. })) => {
                warn!(task, attempts, millis, error, "failed; will be retried");
            }
            (_, Err(Failure { error, .. })) => warn!(task, millis, error, "failed permanently"),
            (_, Ok(_)) => info!(task, millis, "done"),
        }
    }
}
