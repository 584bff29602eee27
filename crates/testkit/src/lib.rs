//! The environment of tests and benchmarks: a real Redis, a real terminal, a real Prometheus, a scripted API server, a local
//! cluster, and the three programs, freshly built.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "test code: it panics as a test does, and its names document it"
)]

pub mod api_server;
pub mod local;
mod programs;
pub mod prometheus;
pub mod pty;
pub mod redis;

pub use programs::{kubectl, operator, worker};

use std::path::Path;

/// The root of the repository.
pub fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is two folders below the root")
}
