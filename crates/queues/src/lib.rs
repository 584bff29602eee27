//! The queue systems: the Redis commands that read a queue of each, and the parsing of their replies. No IO.

mod bullmq;
mod celery;
mod convert;
mod error;
mod finder;
mod finder_keys;
#[cfg(test)]
mod hostile;
mod laravel;
mod list;
mod memory;
mod poll;
mod queue;
#[cfg(test)]
mod recorded;
mod reply;
mod rights;
mod rq;
mod sidekiq;
mod slot;
mod stream;
mod system;
mod waiting;
mod worker_pool;

pub use error::{describe, describe_server_error, is_hello_refused};
pub use finder::{Finder, Found};
pub use memory::RedisMemory;
pub use poll::Poll;
pub use protocol::snapshot::is_unknown_script;
pub use queue::{
    DrainRequest, LOOK_AHEAD, Parsed, Queue, QueueOptions, Reading, Rescue, remove_worker,
};
pub use rights::{Need, Purpose};
pub use system::{Capabilities, ClusterKeys, QueueOption, QueueSystem, Support};
pub use waiting::{ConnectionList, Connections};
