//! The decision: one pure function from wishes, facts, memory and the time to a number of workers and why.
//!
//! It knows no Kubernetes, no Redis, no runtime, no clock and no environment, and it cannot fail. It builds alone:
//! `rustc --edition 2024 --crate-type lib --emit metadata src/decide/mod.rs` proves that it has no dependency.
#![deny(clippy::disallowed_methods)]

mod bounds;
mod combine;
mod cooldown;
mod decision;
mod idle;
mod memory;
mod pool;
mod rules;
mod seen;
mod steps;
mod units;
mod why;

pub use decision::{Decision, Limit, Rule, Step};
pub use memory::Memory;
pub use pool::{Pool, ScaleDown, ScaleUp, UnknownAction};
pub use seen::{Fact, Load, QueueSeen, Seen};
pub use steps::decide;
pub use units::{Millis, Time};
pub use why::{Cause, Reason, Why};
