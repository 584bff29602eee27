//! A cluster without Kubernetes for machines without Docker: a stand-in API server on loopback, pods as plain
//! processes, the real operator, and Redis.
//!
//! A command calls [`ensure`], which finds the local cluster of the user or starts its `supervisor`. The supervisor
//! runs `server` (over `store`, `managed_fields`, `watch` and `table`) and `kubelet` (over `pod` and `process`).
//! `state_dir` holds everything that outlives a process.

mod admission;
mod cluster;
mod cluster_info;
mod error;
mod kind;
mod kubelet;
#[cfg(windows)]
mod listener;
mod managed_fields;
mod objects;
mod openapi;
mod pod;
mod process;
mod programs;
mod scale;
mod select;
mod server;
mod state_dir;
mod store;
mod supervisor;
mod table;
mod watch;
mod writes;

pub use cluster::{LocalCluster, StartOptions, cluster_info, ensure, stop};
pub use cluster_info::ClusterInfo;
pub use process::{PodProcess, processes};
pub use programs::{find_program, find_redis};
pub use supervisor::{DASHBOARD_PORT, SUPERVISOR_COMMAND, SupervisorArgs, run_supervisor};
