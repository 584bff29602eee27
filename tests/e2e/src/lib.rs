//! The cluster that KUBECONFIG names, and the shell of a reader of the pages, as the tests use them.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::print_stderr,
    missing_docs,
    reason = "test code: it panics where a test would, and its names say what it does"
)]

mod reader;
pub mod refusals;
pub mod shell;
pub mod stream;
pub mod tenants;
pub mod world;
