//! What the repository says of itself is true: the map, the pages, what is generated, alerts and dashboard.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

mod architecture;
mod docs;
mod generated;
mod grafana;
mod prometheus;
