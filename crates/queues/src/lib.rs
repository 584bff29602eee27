//! The queue systems: the Redis commands that read a queue of each, and the parsing of their replies. No IO.

mod convert;
mod memory;
mod queue;
mod system;

pub use convert::{queue_metrics, worker};
pub use memory::RedisMemory;
pub use queue::{Queue, Reading};
pub use system::{Capabilities, QueueSystem, Support};
