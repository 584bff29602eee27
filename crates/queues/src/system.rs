//! The supported queue systems.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A queue system. It determines the keys and the metrics of its queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum QueueSystem {
    /// The reference protocol, which reports all metrics.
    #[default]
    WorkerPool,
    /// Any Redis list, which reports only its length.
    List,
}
