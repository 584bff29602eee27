//! The queue systems there are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A queue system and with it the keys and facts of its queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum QueueSystem {
    /// The reference protocol.
    #[default]
    WorkerPool,
    /// A plain list.
    List,
}
