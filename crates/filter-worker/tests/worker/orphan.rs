//! What becomes of a task whose worker was killed.

use std::time::{Duration, Instant};

/// A task that a killed worker held.
pub struct Orphan {
    pub worker_id: String,
    pub killed_at: Instant,
    /// From the kill to the end of the worker's lease.
    pub lease_end: Option<Duration>,
    /// From the kill until the task was no longer in the worker's claimed list.
    pub released: Option<Duration>,
}

impl Orphan {
    /// Called when the task has run again.
    pub fn rescue_times(self) -> [Duration; 3] {
        let next_run = self.killed_at.elapsed();
        [
            self.lease_end.unwrap_or(next_run),
            self.released.unwrap_or(next_run),
            next_run,
        ]
    }
}
