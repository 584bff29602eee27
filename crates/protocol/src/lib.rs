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
pub mod snapshot;
mod submit;
mod task;

pub use call::ScriptCall;
pub use claim::{
    Completion, Ending, Take, ack, ack_and_take, blocking_move, claimed, fail, hand_back, take,
};
pub use image::{ImageTask, Source};
pub use keys::Keys;
pub use lease::{Registration, Usage, deregister, drain, heartbeat, register, request_drain};
pub use reap::{Reaped, dead, reap};
pub use snapshot::Snapshot;
pub use submit::{MAX_MEMORY, MAX_UNREAD, Push, collect, push_if_room, push_within};
pub use task::{Task, now_ms, push};

/// How often a worker renews its lease.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a worker lives without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(8);
/// A worker that has room and has not tried to claim for this long is deaf.
pub const STALLED: Duration = Duration::from_secs(20);
/// How long a worker drains unless it is asked again, so that nobody stays away from work for somebody who is gone.
pub const DRAIN: Duration = Duration::from_mins(1);
/// How often the dead are looked for, by whichever worker comes first.
pub const REAP: Duration = Duration::from_millis(500);
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
