//! Observe: reads the metrics of the queues, by polling and by notification, and the state of the targets.
//!
//! One task per Redis endpoint ([`endpoint`]) reads for all its pools; an unresponsive Redis delays no other's reads.

mod address;
mod destination;
mod dns;
pub mod endpoint;
pub mod partial;
pub mod pods;
mod polling;
pub mod pool;
mod reference;
pub mod rollout;
pub mod target;
mod tls;
mod topology;

pub use address::Address;
pub use destination::{Destinations, NoRule, NotConnected, Rule};
pub use endpoint::RedisNotifications;
pub use reference::{MAX_VALUE, ObjectKind, ObjectRef, Reference, Values};
pub use tls::{Referenced, Tls};
pub use topology::{Redis, RedisCluster, Sentinels, Topology};

use api::Key;
use decide::victims::Worker;
use decide::{Millis, QueueMetrics, Unavailable};
use queues::{ConnectionList, RedisMemory};
use tokio::time::Instant;

/// A number that rises when a pool's source or target becomes another one, or the pool itself. What was asked of the
/// earlier one is not answered for the later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// The number of a request to read or to drain a pool's workers. A poll that began after it brings the number back: its
/// answer is proof of what the request asked for, and a late answer to an earlier one is not, however late it arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PollNumber(pub u64);

/// A reading of the list of clients.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientsReading {
    /// How old it is.
    pub age: Millis,
    /// The list, or what Redis answered instead.
    pub list: Result<ConnectionList, String>,
}

/// What one poll of a pool's queues found.
#[derive(Clone, Debug, PartialEq)]
pub struct PollResult {
    /// The pool that was polled.
    pub pool: Key,
    /// The epoch of its source at which the poll was asked for.
    pub epoch: Epoch,
    /// The last request that the endpoint had when the poll began.
    pub number: PollNumber,
    /// The metrics of its queues, in the order of the spec.
    pub queues: Vec<QueueMetrics>,
    /// The workers registered with its queues.
    pub workers: Vec<Worker>,
    /// Why a metric is unavailable, if any is.
    pub unavailable: Option<Unavailable>,
    /// The clock of Redis at the poll, in milliseconds since 1970, where a queue tells it: producers' times follow it.
    pub time: Option<i64>,
    /// Why Redis refuses to drain workers, if it does: its user may read and not write, or it is a replica.
    pub drain_refused: Option<String>,
    /// Why other credentials, which the pool should use by now, are not used yet.
    pub renewal: Option<Unavailable>,
    /// Its list of clients, where it was asked for.
    pub clients: Option<ClientsReading>,
    /// How their Redis bounds its memory.
    pub memory: RedisMemory,
    /// Whether their Redis notifies of changes.
    pub notifications: RedisNotifications,
    /// When Redis notified of the change that led to this poll; `None` for a poll at the interval.
    pub notified_at: Option<Instant>,
}

impl PollResult {
    /// Nothing is known of the `queues` of `pool`, for this cause.
    pub fn unknown(pool: Key, queues: usize, cause: Option<Unavailable>) -> Self {
        Self {
            pool,
            epoch: Epoch::default(),
            number: PollNumber::default(),
            queues: vec![QueueMetrics::UNAVAILABLE; queues],
            workers: Vec::new(),
            unavailable: cause,
            time: None,
            drain_refused: None,
            renewal: None,
            clients: None,
            memory: RedisMemory::Unknown,
            notifications: RedisNotifications::Unknown,
            notified_at: None,
        }
    }
}
