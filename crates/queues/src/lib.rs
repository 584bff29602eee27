//! What the keys of each queue system mean: the commands that read a queue, and what their replies say. No IO.

mod convert;
mod queue;
mod system;

pub use convert::{queue_metrics, worker};
pub use queue::{Queue, Reading};
pub use system::QueueSystem;
