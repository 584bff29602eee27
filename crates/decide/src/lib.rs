//! The decision: one pure function from wishes, facts, memory and the time to a number of workers and why.
//!
//! It knows no Kubernetes, no Redis, no runtime, no clock and no environment, and it cannot fail. It builds alone:
//! `rustc --edition 2024 --crate-type lib --emit metadata crates/decide/src/lib.rs` proves that it has no dependency.
#![deny(clippy::disallowed_methods)]

mod behavior;
mod bounds;
mod combine;
mod cooldown;
mod dampening;
mod decision;
mod evaluate;
mod forecast;
mod idle;
mod memory;
mod observation;
mod rates;
mod reason;
mod recommendations;
mod rules;
mod spec;
mod target;
mod units;
pub mod victims;
mod window;

pub use dampening::Startup;
pub use decision::{Constraint, Decision, Rule, Step};
pub use evaluate::decide;
pub use forecast::{Forecast, NextChange, forecast, with_backlog};
pub use memory::Memory;
pub use observation::{Load, Metric, Observation, QueueMetrics};
pub use rates::Rates;
pub use reason::{Reason, ReasonCode, Trigger};
pub use spec::{
    Behavior, Pin, Policy, PolicyKind, PoolSpec, Rules, ScaleDown, ScaleUp, Scaling, Schedule,
    Select, Suspend, Target, UnknownAction,
};
pub use units::{Millis, Time};
pub use window::Window;
