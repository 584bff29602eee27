//! The `WorkerPool` operator: scales Redis workers.
//!
//! Data flows one way: `observe` → `decide` → `act` → `report`. `fleet` turns events into commands without IO;
//! `run` connects it to Kubernetes and Redis; `dashboard` shows its state.

pub mod act;
pub mod dashboard;
pub mod fleet;
pub mod observe;
pub mod report;
pub mod run;
mod turns;
