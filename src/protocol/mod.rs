//! The reference protocol, version 1: its keys, its elements and its scripts (docs/worker-protocol.md says what
//! each means, so that any language can join). No policy and no loop lives here: the worker, the operator and the
//! plugin call these.
//!
//! Each script is a [`Call`], which any connection of the `redis` crate can run; [`snapshot`] is the read-only look.

use std::time::Duration;

mod call;
mod claim;
mod image;
mod keys;
mod lease;
mod reap;
mod seen;
pub mod snapshot;
mod task;

pub use call::Call;
pub use claim::{Attempt, Ending, ack, attempt, blocking_move, claimed, fail, hand_back};
pub use image::{ImageTask, Source};
pub use keys::Keys;
pub use lease::{Registration, Usage, ask_to_drain, deregister, heartbeat, register};
pub use reap::{Reaped, dead, reap};
pub use snapshot::Snapshot;
pub use task::{Task, now_ms, push};

/// How often a worker renews its lease.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a worker lives without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(8);
/// How often the dead are looked for, by whichever worker comes first.
pub const REAP: Duration = Duration::from_secs(1);
/// How long results can be read.
pub const RESULT_TTL: Duration = Duration::from_hours(1);
/// How long the fence of a generation that ended stands where its claimed list was.
pub const FENCE_TTL: Duration = Duration::from_hours(24);
/// A task that ended badly this many times, by an error or by the death of its worker, goes to the failed list.
pub const MAX_ATTEMPTS: u32 = 5;

/// A duration as the protocol writes it.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
