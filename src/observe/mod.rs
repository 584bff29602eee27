//! Observe: the facts of the queues, by poll and by push, and the targets as the API server has them.
//!
//! One task per Redis endpoint ([`endpoint`]) reads for all its pools; a silent Redis stalls nobody else's reads.

mod address;
pub mod endpoint;
pub mod pods;
mod polling;
pub mod target;

pub use address::Address;

use api::Key;
use decide::QueueMetrics;
use decide::victims::Worker;
use std::time::Instant;

/// What one look at a pool's queues found.
#[derive(Clone, Debug, PartialEq)]
pub struct PollResult {
    /// Whose.
    pub pool: Key,
    /// Its queues, in their order.
    pub queues: Vec<QueueMetrics>,
    /// The workers that its queues name.
    pub workers: Vec<Worker>,
    /// Why facts are missing, where any are: one sentence without a full stop.
    pub unavailable_reason: Option<String>,
    /// When Redis told of the change that led to this look; `None` when the poll did.
    pub notified_at: Option<Instant>,
}
