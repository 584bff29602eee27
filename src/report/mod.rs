//! Report: a decision as status, event and metrics. Reporting never undoes or delays a scale.

pub mod conditions;
pub mod display;
pub mod events;
pub mod metrics;
pub mod status;

pub use conditions::NEW_WORKERS_HELP;
pub use events::EventNote;
pub use metrics::{Metrics, PoolGauges};
pub use status::{
    Outcome, StatusInput, Unguarded, add_details, append_history, build_status, is_visibly_equal,
};
