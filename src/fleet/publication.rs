//! What a pool tells others: its status, its history and its events, and which of that is written.

use super::evaluation::Evaluated;
use super::intent::Retry;
use api::{Change, WorkerPoolStatus};
use decide::{Millis, Time};

#[derive(Debug, Default)]
pub(super) struct Publication {
    /// The status that the API server has, as far as we know, without its history.
    pub status: WorkerPoolStatus,
    pub history: Vec<Change>,
    /// A status that differs from `status` and is not written yet.
    pub pending: Option<PendingStatus>,
    pub in_flight: bool,
    /// Whether the pool waits for its turn to write a status.
    pub waits: bool,
    pub written_at: Option<Time>,
    /// The last failed write of the status; `None` after a success.
    pub retry: Option<Retry>,
    pub last_event_reason: Option<String>,
}

#[derive(Debug)]
pub(super) struct PendingStatus {
    /// Without the steps of the decision and without its forecast.
    pub status: WorkerPoolStatus,
    /// The decision in the status, and when it was made.
    pub evaluated: Option<(Box<Evaluated>, Time)>,
    /// A change of the replica count does not wait for the interval.
    pub urgent: bool,
}

impl Publication {
    /// Continues with the status that the API server has.
    pub fn new(mut status: WorkerPoolStatus) -> Self {
        let decision = status.decision.as_ref();
        Self {
            last_event_reason: decision.map(|decision| decision.reason.clone()),
            history: std::mem::take(&mut status.history),
            status,
            ..Self::default()
        }
    }

    /// The newest status: the pending one, or the one that the API server has.
    pub fn latest(&self) -> &WorkerPoolStatus {
        let pending = self.pending.as_ref();
        pending.map_or(&self.status, |pending| &pending.status)
    }

    /// When the pending status may be written, once per `interval`. The first status for a new generation of the spec is
    /// written at once: the user waits for it. After a failed write, none is urgent.
    pub fn due(&self, interval: Millis) -> Time {
        if let Some(retry) = &self.retry {
            return retry.at;
        }
        let written = self.status.observed_generation;
        let is_urgent = |pending: &PendingStatus| {
            pending.urgent || pending.status.observed_generation != written
        };
        match self.written_at {
            Some(at) if !self.pending.as_ref().is_some_and(is_urgent) => at + interval,
            _ => Time::default(),
        }
    }

    /// Moves all remembered instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        let retry_at = self.retry.iter_mut().map(|retry| &mut retry.at);
        for at in retry_at.chain(&mut self.written_at) {
            *at = *at + by;
        }
    }
}
