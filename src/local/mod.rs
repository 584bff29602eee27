//! A cluster without Kubernetes: a stand-in API server on loopback, workers as plain processes, the real operator and
//! a Redis, for a class whose machines have no Docker.
//!
//! `start` finds or starts the `supervisor`, which runs `server` (over `store`, `managed`, `watching`, `table`) and
//! `kubelet` (over `pod` and `process`); `folder` is what outlives a process.

mod admit;
mod folder;
mod kind;
mod kubelet;
#[cfg(windows)]
mod listener;
mod managed;
mod objects;
mod pod;
mod process;
mod programs;
mod refusal;
mod select;
mod server;
mod start;
mod store;
mod supervisor;
mod table;
mod watching;

pub use folder::{Folder, Record};
pub use process::{Found, all as processes};
pub use programs::{ours, redis};
pub use start::{COMMAND, Wanted, ensure, stop};
pub use supervisor::{DASHBOARD, Settings, run};
