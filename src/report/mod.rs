//! Report: one decision in three forms, the status, an event and metrics. It never undoes or delays an act.

pub mod conditions;
pub mod display;
pub mod events;
pub mod metrics;
pub mod status;

pub use events::EventNote;
pub use metrics::{Metrics, PoolGauges};
pub use status::{
    Outcome, StatusInput, add_details, append_history, build_status, is_visibly_equal,
};
