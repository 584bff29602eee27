//! The scaling decision: one pure function from a pool's spec, an observation, the memory and the time to a replica
//! count and its reason.
//!
//! [`decide`] does no I/O, reads no clock and no environment, needs no async runtime, and cannot fail. The crate has no
//! dependency, which `rustc --edition 2024 --crate-type lib --emit metadata crates/decide/src/lib.rs` shows.
#![deny(clippy::disallowed_methods)]

mod behavior;
mod constraints;
mod dampening;
mod decision;
mod evaluate;
mod forecast;
mod foreign;
mod memory;
mod observation;
mod rates;
mod reason;
mod recommendations;
mod rules;
mod spec;
mod target;
mod unavailable;
mod units;
pub mod victims;
mod window;

pub use dampening::Startup;
pub use decision::{Constraint, Decision, Rule, Step};
pub use evaluate::decide;
pub use forecast::{Forecast, LookAhead, NextChange, fewest, forecast, with_backlog};
pub use foreign::{foreign, is_hidden};
pub use memory::Memory;
pub use observation::{Metric, Observation, QueueMetrics};
pub use rates::Rates;
pub use reason::{Reason, ReasonCode, TargetChange, Trigger, Waiting};
pub use spec::{
    Behavior, Pin, Policy, PolicyKind, PoolSpec, Rules, ScaleDown, ScaleUp, Scaling, Schedule,
    Select, Suspend, Target, UnknownAction, Who,
};
pub use unavailable::{AddressProblem, Unavailable};
pub use units::{Millis, Time};
pub use window::Window;
