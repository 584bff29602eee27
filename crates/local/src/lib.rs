//! A cluster without Kubernetes: a stand-in API server on loopback, workers as plain processes, the real operator and
//! a Redis, for a class whose machines have no Docker.
//!
//! `start` finds or starts the `supervisor`, which runs `server` (over `store`, `managed`, `watching`, `table`) and
//! `kubelet` (over `pod` and `process`); `folder` is what outlives a process.

mod admission;
mod error;
mod kind;
mod kubelet;
#[cfg(windows)]
mod listener;
mod managed_fields;
mod objects;
mod pod;
mod process;
mod programs;
mod select;
mod server;
mod start;
mod state_dir;
mod store;
mod supervisor;
mod table;
mod watch;

pub use process::{Found, all as processes};
pub use programs::{ours, redis};
pub use start::{COMMAND, Wanted, ensure, stop};
pub use state_dir::{ClusterInfo, StateDir};
pub use supervisor::{DASHBOARD, Settings, run};
