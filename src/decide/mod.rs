//! The decision: one pure function from wishes, facts, memory and the time to a number of workers and why.
//!
//! It knows no Kubernetes, no Redis, no runtime, no clock and no environment, and it cannot fail. It builds alone:
//! `rustc --edition 2024 --crate-type lib --emit metadata src/decide/mod.rs` proves that it has no dependency.
#![deny(clippy::disallowed_methods)]

mod answers;
mod behavior;
mod bounds;
mod combine;
mod cooldown;
mod decision;
mod idle;
mod memory;
mod outlook;
mod pace;
mod pool;
mod rates;
mod rules;
mod seen;
mod steps;
mod target;
mod trail;
mod units;
pub mod victims;
mod why;
mod window;

pub use decision::{Decision, Limit, Rule, Step};
pub use memory::Memory;
pub use outlook::{Next, Outlook, outlook, with_more};
pub use pace::Startup;
pub use pool::{
    Behavior, Pin, Policy, PolicyKind, Pool, Rules, ScaleDown, ScaleUp, Scaling, Schedule, Select,
    Suspend, Target, UnknownAction,
};
pub use rates::Rates;
pub use seen::{Fact, Load, QueueSeen, Seen};
pub use steps::decide;
pub use units::{Millis, Time};
pub use why::{Cause, Reason, Why};
pub use window::Window;
