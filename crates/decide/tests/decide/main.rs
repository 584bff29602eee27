//! Tests of `decide`: tables of cases, HPA's behavior over time, and properties that hold for every spec, observation and
//! memory. They need only `decide`, so that tests/mutants can run them without the rest of the workspace.
#![allow(
    clippy::expect_used,
    reason = "helpers outside of #[test] functions may panic too"
)]

mod cells;
mod extremes;
mod forecast;
mod hpa;
mod hpa_parity;
mod laws;
mod measured;
mod memory;
mod row;
mod steps;
mod tables;
mod victims;
