//! Reasons and steps of a decision as text for people.

mod reason;
mod steps;

pub use reason::message;
pub use steps::{constraint, field, step_detail, step_name};
