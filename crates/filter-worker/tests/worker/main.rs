//! The reference protocol and its worker, against a real redis-server.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the tests' own helpers panic like the tests"
)]

mod drain;
mod force;
mod limits;
mod outage;
mod process;
mod program;
mod protocol;
mod python;
mod serve;
mod snapshot;
mod wire;
