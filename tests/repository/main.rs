//! Tests of the repository itself: its layout, the documentation, generated files, and the alerts and dashboard.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

mod architecture;
mod commands;
mod docs;
mod gallery;
mod generated;
mod gitops;
mod grafana;
mod links;
mod prometheus;
#[cfg(unix)]
mod scripts;
mod threats;
mod workflows;
