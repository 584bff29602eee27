//! Tries policies without a cluster: replays recorded metrics, or simulates a queue, through the operator's own
//! `decide`. Works on values in memory, in bounded space and without a clock, so that a program and a page can use it
//! alike.

mod counterfactual;
mod plot;
mod random;
mod replay;
mod run;
mod shape;
mod simulate;
mod summary;
mod table;
mod trace;

pub use counterfactual::{Counterfactual, why_not};
pub use plot::plot;
pub use random::{Random, Service, micros};
pub use replay::{DecisionLine, initial_state, replay};
pub use run::{Change, Point, Run};
pub use shape::{SPAN_SECONDS, Shape};
pub use simulate::{Poll, Polling, Telemetry, Workload, simulate};
pub use summary::Summary;
pub use table::{compare, table};
pub use trace::{TraceLine, parse_arrivals, parse_trace};
