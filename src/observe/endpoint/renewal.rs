//! Other credentials for a connection that is up: one with them opens beside it, again and again until Redis accepts them.

use super::connection::{Connection, Opened};
use super::{Dial, ReplyLimits};
use crate::observe::Redis;
use decide::Unavailable;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// The pause after the first failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// An attempt to connect with other credentials.
pub(super) struct Renewal {
    attempt: AbortOnDropHandle<Result<Opened, Unavailable>>,
    failures: u32,
    /// Why the last attempt failed.
    pub problem: Option<Unavailable>,
}

impl Renewal {
    /// Begins an attempt, after a pause where the `last` one failed.
    pub fn start(
        last: Option<Self>,
        dial: Arc<dyn Dial>,
        redis: &Redis,
        limits: Arc<ReplyLimits>,
    ) -> Self {
        let (failures, problem) = last.map_or((0, None), |it| (it.failures, it.problem));
        let pause = FIRST_PAUSE * failures.min(1) * 2u32.saturating_pow(failures.min(8));
        let redis = redis.clone();
        let attempt = tokio::spawn(async move {
            tokio::time::sleep(pause.min(MAX_PAUSE).mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            Connection::open(&*dial, &redis, &limits, 0).await
        });
        Self {
            attempt: AbortOnDropHandle::new(attempt),
            failures,
            problem,
        }
    }

    /// What failed were other credentials: the next attempt begins at once.
    pub fn forgive(&mut self) {
        self.failures = 0;
    }

    /// The attempt failed.
    pub fn fail(&mut self, cause: Unavailable) {
        if self.problem.as_ref() != Some(&cause) {
            tracing::warn!("the former connection stays: {}", messages::cause(&cause));
        }
        self.failures += 1;
        self.problem = Some(cause);
    }
}

/// The outcome of the attempt, if there is one.
pub(super) async fn finish(renewal: &mut Option<Renewal>) -> Result<Opened, Unavailable> {
    match renewal {
        Some(renewal) => match (&mut renewal.attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Unavailable::Unexplained),
        },
        None => std::future::pending().await,
    }
}
