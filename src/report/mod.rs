//! Report: one decision in three forms, the status, an event and metrics. It never undoes or delays an act.

pub mod conditions;
pub mod display;
pub mod events;
pub mod metrics;
pub mod status;

pub use events::Note;
pub use metrics::{Metrics, PoolGauges};
pub use status::{Observed, Verdict, explain, next_status, remember, same_to_a_person};
