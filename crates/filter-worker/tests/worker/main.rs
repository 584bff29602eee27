//! The scripts of the reference protocol and the workers that use them, against a real redis-server.
//!
//! The fixtures: `queue` acts as workers, one script at a time; `process` starts real worker processes; `proxy` sits
//! between a worker and Redis and can kill or pause the worker at a given point; `python` is the interpreter.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the tests' own helpers panic like the tests"
)]

mod process;
mod proxy;
mod python;
mod queue;

mod claim;
mod drain;
mod failed;
mod finish;
mod force;
mod lease;
mod limits;
mod memory;
mod outage;
mod pages;
mod program;
mod reap;
mod serve;
mod snapshot;
