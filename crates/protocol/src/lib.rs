//! The reference protocol, version 1: its keys, elements and scripts. docs/worker-protocol.md specifies it, so that
//! workers can be written in any language. There is no policy and no loop here; the worker, the operator and the
//! plugin call these functions.
//!
//! Each script is a [`ScriptCall`], which any connection of the `redis` crate can run; [`snapshot`] is the read-only
//! read of a queue.

use std::time::Duration;

mod call;
mod claim;
mod failed;
mod image;
mod keys;
mod lease;
mod once;
mod reap;
pub mod snapshot;
mod submit;
mod task;

pub use call::ScriptCall;
pub use claim::{
    Completion, Ending, Take, ack, ack_and_take, blocking_move, claimed, fail, hand_back, take,
};
pub use failed::{FAILED_BATCH, FailedList, FailedTask, clear_failed, list_failed, retry_failed};
pub use image::{FILTERS, ImageTask, Source};
pub use keys::Keys;
pub use lease::{Registration, Usage, deregister, drain, heartbeat, register, request_drain};
pub use once::{OnceKey, PushOnce, push_once};
pub use reap::{Reaped, dead, reap};
pub use snapshot::Snapshot;
pub use submit::{MAX_MEMORY, MAX_UNREAD, Push, collect, push_if_room, push_known, push_within};
pub use task::{Task, now_ms, push};

/// How often a worker renews its lease.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a worker keeps its lease without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(8);
/// A worker with a free slot that has not tried to claim for this long is stalled.
pub const STALLED: Duration = Duration::from_secs(20);
/// How long a drain request is valid unless it is renewed, so that no worker stays idle when the operator is gone.
pub const DRAIN: Duration = Duration::from_mins(1);
/// How often dead workers are looked up, by all workers together.
pub const REAP: Duration = Duration::from_millis(500);
/// If no one has looked up the dead workers for this long, Redis could not be reached, by heartbeats either.
pub const GAP: Duration = Duration::from_secs(2);
/// The pause after the first failed attempt; it doubles with each.
pub const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long a collected result is kept for a reader that has not got it.
pub const COLLECTED_TTL: Duration = Duration::from_mins(1);
/// How long results are kept by default.
pub const RESULT_TTL: Duration = Duration::from_hours(1);
/// How long the fence of an ended generation is kept in place of its claimed list.
pub const FENCE_TTL: Duration = Duration::from_hours(24);
/// After this many failed attempts, by an error or by the death of its worker, a task moves to the failed list.
pub const MAX_ATTEMPTS: u32 = 5;

/// A duration in milliseconds, as in the protocol.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
